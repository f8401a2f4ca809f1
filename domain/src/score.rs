//! What every score is made of: a value, the band that it was judged by, and the seconds that made it.
//!
//! A score is never guessed: with too little to judge by it has no value, and says what is missing.

use crate::turn::TurnId;

/// When something happened, in milliseconds since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first millisecond.
    pub from_ms: u64,
    /// The millisecond after its last.
    pub to_ms: u64,
}

impl Span {
    /// How long it is; 0 for one that ends before it begins.
    pub fn ms(self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// A trapezoid: nothing at or outside `zero`, everything inside `full`, linear between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Where the score is 0, below and above.
    pub zero: (f32, f32),
    /// Where the score is 100, from and to.
    pub full: (f32, f32),
}

impl Band {
    /// The band through four points in rising order: 0, 100, 100, 0.
    pub const fn new([a, b, c, d]: [f32; 4]) -> Self {
        Self { zero: (a, d), full: (b, c) }
    }

    /// Its points in rising order.
    pub fn points(self) -> [f32; 4] {
        [self.zero.0, self.full.0, self.full.1, self.zero.1]
    }

    /// The score of a measure, 0 to 100; 0 for what is not a number.
    pub fn judge(self, measure: f32) -> f32 {
        let rising = slope(measure, self.zero.0, self.full.0);
        let falling = slope(-measure, -self.zero.1, -self.full.1);
        100.0 * rising.min(falling)
    }
}

/// From 0 at `zero` to 1 at `full`; a step when they are the same.
fn slope(at: f32, zero: f32, full: f32) -> f32 {
    if at.is_nan() {
        0.0
    } else if at >= full {
        1.0
    } else if at <= zero {
        0.0
    } else {
        (at - zero) / (full - zero)
    }
}

/// What a score was measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Landmarks of the face.
    Face,
    /// The sound of the voice.
    Voice,
    /// What was said.
    Words,
    /// Who spoke when.
    Turns,
    /// Several of these.
    Fused,
}

impl Source {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Face => "face",
            Self::Voice => "voice",
            Self::Words => "words",
            Self::Turns => "turns",
            Self::Fused => "fused",
        }
    }
}

/// One moment that made a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// When.
    pub span: Span,
    /// What it was: a stable name in `snake_case`.
    pub what: &'static str,
    /// How much, in the unit that goes with the name.
    pub value: f32,
    /// The turn that made it, where a turn did.
    pub turn: Option<TurnId>,
}

/// Why there is no score yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhyNot {
    /// What is missing: a stable name such as `needs_face`.
    pub code: &'static str,
    /// How much would be enough, in the unit that goes with the code: milliseconds, turns or percent.
    pub needs: u64,
    /// How much there is.
    pub has: u64,
}

/// One score with everything that a person may ask about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// 0 to 100, or what is missing.
    pub value: Result<u8, WhyNot>,
    /// What was measured, in `unit`.
    pub measure: Option<f32>,
    /// The unit of the measure and of the band: a stable name such as `per_minute`.
    pub unit: &'static str,
    /// What the measure was judged by; none for a score that is composed of others.
    pub band: Option<Band>,
    /// How many things were counted: blinks, frames, turns.
    pub n: u32,
    /// The share of the time in which it could be observed, 0 to 1.
    pub coverage: f32,
    /// How far the observations can be trusted, 0 to 1.
    pub quality: f32,
    /// What measured it.
    pub source: Source,
    /// The latest moments that made it, oldest first.
    pub evidence: Vec<Evidence>,
}

impl Score {
    /// A score that has nothing to go by yet.
    pub fn missing(source: Source, unit: &'static str, why: WhyNot) -> Self {
        Self {
            value: Err(why),
            measure: None,
            unit,
            band: None,
            n: 0,
            coverage: 0.0,
            quality: 0.0,
            source,
            evidence: Vec::new(),
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<u8> {
        self.value.ok()
    }

    /// How much it counts among others: its coverage times its quality.
    pub fn trust(&self) -> f32 {
        self.coverage.clamp(0.0, 1.0) * self.quality.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_is_a_trapezoid() {
        let blinks = Band::new([5.0, 10.5, 32.5, 45.0]);
        let judged: Vec<f32> = [f32::NAN, 0.0, 5.0, 7.75, 10.5, 20.0, 32.5, 38.75, 45.0, 90.0]
            .map(|rate| blinks.judge(rate))
            .to_vec();
        assert_eq!(judged, [0.0, 0.0, 0.0, 50.0, 100.0, 100.0, 100.0, 50.0, 0.0, 0.0]);
        assert_eq!(blinks.points(), [5.0, 10.5, 32.5, 45.0]);
    }

    #[test]
    fn a_band_may_be_open_on_one_side() {
        let tilt = Band::new([f32::NEG_INFINITY, f32::NEG_INFINITY, 5.0, 15.0]);
        assert_eq!([0.0, 5.0, 10.0, 15.0].map(|degrees| tilt.judge(degrees)), [100.0, 100.0, 50.0, 0.0]);
        let step = Band::new([1.0, 1.0, 2.0, 2.0]);
        assert_eq!([0.9, 1.0, 2.0, 2.1].map(|x| step.judge(x)), [0.0, 100.0, 100.0, 0.0]);
    }
}
