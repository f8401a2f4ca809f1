//! From what was kept to the scores.

use super::{
    FaceScores,
    config::FaceConfig,
    counting::Running,
    expression::Expression,
    history::{History, Moments, Second, Short},
};
use crate::score::{Band, Evidence, Score, Source, WhyNot};

/// How long the smile and the presence of now reach back.
const NOW_MS: u64 = 30_000;
/// How far a measure is trusted that goes by a baseline nobody calibrated.
const UNCALIBRATED: f32 = 0.6;

/// The latest moments of each score.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidences {
    pub(super) blinking: Moments,
    pub(super) gaze: Moments,
    pub(super) concentration: Moments,
    pub(super) posture: Moments,
    pub(super) expression: Moments,
}

/// What the scores are made from.
pub(super) struct Kept<'kept> {
    pub(super) config: &'kept FaceConfig,
    pub(super) history: &'kept History,
    pub(super) moments: &'kept Evidences,
    /// What goes on now.
    pub(super) running: Running,
    /// Milliseconds between two pictures, lately.
    pub(super) interval_ms: f32,
    pub(super) calibrated: bool,
    pub(super) from_ms: u64,
    pub(super) now_ms: u64,
}

/// Sums over seconds, in milliseconds.
#[derive(Default)]
struct Sums {
    frames: u32,
    blinks: u32,
    seen: f32,
    face: f32,
    several: f32,
    lids: f32,
    gaze: f32,
    on_target: f32,
    judged: f32,
    attentive: f32,
    posture: f32,
    upright: f32,
    shown: f32,
    smile: f32,
    frown: f32,
    shares: [f32; 8],
}

impl Sums {
    fn of<'second>(seconds: impl Iterator<Item = &'second Second>) -> Self {
        let mut sums = Self::default();
        for second in seconds {
            sums.frames += u32::from(second.frames);
            sums.blinks += u32::from(second.blinks);
            for (sum, part) in [
                (&mut sums.seen, second.seen),
                (&mut sums.face, second.face),
                (&mut sums.several, second.several),
                (&mut sums.lids, second.lids),
                (&mut sums.gaze, second.gaze),
                (&mut sums.on_target, second.on_target),
                (&mut sums.judged, second.judged),
                (&mut sums.attentive, second.attentive),
                (&mut sums.posture, second.posture),
                (&mut sums.upright, second.upright),
                (&mut sums.shown, second.shown),
                (&mut sums.smile, second.smile),
                (&mut sums.frown, second.frown),
            ] {
                *sum += Short::ms(part);
            }
            for (sum, part) in sums.shares.iter_mut().zip(second.shares) {
                *sum += part.ms();
            }
        }
        sums
    }
}

/// One measure on its way to a score.
struct Measured {
    measure: f32,
    unit: &'static str,
    band: Band,
    n: u32,
    /// Observed milliseconds, and how many are needed.
    has: f32,
    needs: u64,
    quality: f32,
}

impl Kept<'_> {
    pub(super) fn scores(&self) -> FaceScores {
        let sums = Sums::of(self.history.since(self.from_ms, self.now_ms));
        let one_face = 1.0 - 0.5 * ratio(sums.several, sums.seen);
        let own = one_face * if self.calibrated { 1.0 } else { UNCALIBRATED };
        let shares = match sums.shown {
            shown if shown > 0.0 => sums.shares.map(|share| share / shown),
            _ => [0.0; 8],
        };
        let (smiling, present) = self.now();
        FaceScores {
            blinking: self
                .score(self.blinks(&sums, one_face), self.moments.blinking.since(self.from_ms, None)),
            gaze_stability: self
                .score(self.gaze(&sums, own), self.moments.gaze.since(self.from_ms, self.running.gaze)),
            concentration: self.score(
                self.concentration(&sums, one_face),
                self.moments.concentration.since(self.from_ms, self.running.concentration),
            ),
            posture: self.score(
                self.posture(&sums, own),
                self.moments.posture.since(self.from_ms, self.running.posture),
            ),
            expression: self.score(
                self.expression(&sums, own),
                self.moments.expression.since(self.from_ms, self.running.expression),
            ),
            shares: std::array::from_fn(|index| (Expression::ALL[index], shares[index])),
            smiling,
            present,
        }
    }

    fn blinks(&self, sums: &Sums, quality: f32) -> Measured {
        // Five pictures a second miss most blinks, fifteen hardly any.
        let rate = if self.interval_ms > 0.0 { 1_000.0 / self.interval_ms } else { 0.0 };
        Measured {
            measure: if sums.lids > 0.0 { sums.blinks as f32 * 60_000.0 / sums.lids } else { 0.0 },
            unit: "per_minute",
            band: self.config.blinking,
            n: sums.blinks,
            has: sums.lids,
            needs: self.config.needs.blinking,
            quality: quality * ((rate - 5.0) / 9.0).clamp(0.0, 1.0),
        }
    }

    fn gaze(&self, sums: &Sums, quality: f32) -> Measured {
        Measured {
            measure: ratio(sums.on_target, sums.gaze),
            unit: "share_on_target",
            band: self.config.gaze,
            n: sums.frames,
            has: sums.gaze,
            needs: self.config.needs.gaze,
            quality,
        }
    }

    fn concentration(&self, sums: &Sums, quality: f32) -> Measured {
        Measured {
            measure: ratio(sums.attentive, sums.judged),
            unit: "share_attentive",
            band: self.config.concentration,
            n: sums.frames,
            has: sums.judged,
            needs: self.config.needs.concentration,
            quality,
        }
    }

    fn posture(&self, sums: &Sums, quality: f32) -> Measured {
        Measured {
            measure: ratio(sums.upright, sums.posture),
            unit: "share_head_upright",
            band: self.config.posture,
            n: sums.frames,
            has: sums.posture,
            needs: self.config.needs.posture,
            quality,
        }
    }

    fn expression(&self, sums: &Sums, quality: f32) -> Measured {
        Measured {
            measure: ratio(sums.smile, sums.shown) - ratio(sums.frown, sums.shown),
            unit: "smiling_less_frowning",
            band: self.config.expression,
            n: sums.frames,
            has: sums.shown,
            needs: self.config.needs.expression,
            quality,
        }
    }

    /// The share of the last half minute in which they smiled, of what was shown, and in which they were there.
    fn now(&self) -> (f32, f32) {
        let from = self.now_ms.saturating_sub(NOW_MS);
        let sums = Sums::of(self.history.since(from, self.now_ms));
        let reach = self.now_ms.saturating_sub(self.history.begins_ms(self.now_ms).max(from));
        (ratio(sums.smile, sums.shown), ratio(sums.face, reach as f32))
    }

    fn score(&self, measured: Measured, evidence: Vec<Evidence>) -> Score {
        let has = measured.has.round() as u64;
        let reach = self.now_ms.saturating_sub(self.history.begins_ms(self.now_ms).max(self.from_ms));
        let value = if has < measured.needs {
            Err(WhyNot { code: "needs_face", needs: measured.needs, has })
        } else {
            Ok(measured.band.judge(measured.measure).round() as u8)
        };
        Score {
            value,
            measure: (has > 0).then_some(measured.measure),
            unit: measured.unit,
            band: Some(measured.band),
            n: measured.n,
            coverage: ratio(measured.has, reach as f32),
            quality: measured.quality,
            source: Source::Face,
            evidence,
        }
    }
}

/// A share, 0 to 1; 0 of nothing.
fn ratio(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}
