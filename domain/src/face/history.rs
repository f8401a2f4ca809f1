//! What is kept of a face: ten minutes in seconds, and the latest moments that made each score. Never a picture.

use std::collections::VecDeque;

use crate::score::{Evidence, Span};

/// Seconds that are kept.
const KEPT_S: usize = 600;
/// Moments that are kept for a score.
const KEPT_MOMENTS: usize = 64;

/// Time in sixteenths of a millisecond: exact enough to add up pictures, and 16 bits hold four seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Short(u16);

impl Short {
    pub(super) fn add(&mut self, ms: f32) {
        self.0 = self.0.saturating_add((ms * 16.0).round().clamp(0.0, 65_535.0) as u16);
    }

    pub(super) fn ms(self) -> f32 {
        f32::from(self.0) / 16.0
    }
}

/// What one second held, in observed time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Second {
    pub(super) at_s: u32,
    /// Pictures.
    pub(super) frames: u16,
    pub(super) blinks: u8,
    /// Pictures arrived.
    pub(super) seen: Short,
    /// With the person's face.
    pub(super) face: Short,
    /// With several faces.
    pub(super) several: Short,
    /// The lids could be judged.
    pub(super) lids: Short,
    /// There was a direction and a target.
    pub(super) gaze: Short,
    /// It was on the target.
    pub(super) on_target: Short,
    /// Attention could be judged: there was no face, or its pose was known.
    pub(super) judged: Short,
    /// Turned to the camera with open eyes.
    pub(super) attentive: Short,
    /// Posture could be judged.
    pub(super) posture: Short,
    /// As much of it as was upright.
    pub(super) upright: Short,
    /// The expression could be judged.
    pub(super) shown: Short,
    pub(super) smile: Short,
    pub(super) frown: Short,
    /// Of each expression.
    pub(super) shares: [Short; 8],
}

/// The seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    seconds: VecDeque<Second>,
    /// When the first picture arrived.
    pub(super) first_ms: Option<u64>,
}

impl History {
    /// The second of this time; it is made when it is new.
    pub(super) fn second(&mut self, at_ms: u64) -> &mut Second {
        self.first_ms.get_or_insert(at_ms);
        let at_s = (at_ms / 1_000).min(u64::from(u32::MAX)) as u32;
        if self.seconds.back().is_none_or(|last| last.at_s < at_s) {
            if self.seconds.len() >= KEPT_S {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Second { at_s, ..Second::default() });
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    /// Those that are not older than `from_ms`, and what is still kept at `now_ms`.
    pub(super) fn since(&self, from_ms: u64, now_ms: u64) -> impl Iterator<Item = &Second> {
        let oldest = (now_ms / 1_000).saturating_sub(KEPT_S as u64).max(from_ms / 1_000);
        self.seconds.iter().filter(move |second| u64::from(second.at_s) >= oldest)
    }

    /// Where the memory begins.
    pub(super) fn begins_ms(&self, now_ms: u64) -> u64 {
        self.first_ms.unwrap_or(now_ms).max(now_ms.saturating_sub(KEPT_S as u64 * 1_000))
    }
}

/// The latest moments of one score.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments(VecDeque<Evidence>);

impl Moments {
    pub(super) fn push(&mut self, moment: Evidence) {
        if self.0.len() >= KEPT_MOMENTS {
            self.0.pop_front();
        }
        self.0.push_back(moment);
    }

    /// Those after `from_ms`, and the one that still goes on.
    pub(super) fn since(&self, from_ms: u64, running: Option<Evidence>) -> Vec<Evidence> {
        let held = self.0.len() + usize::from(running.is_some());
        let kept = self.0.iter().copied().chain(running).skip(held.saturating_sub(KEPT_MOMENTS));
        kept.filter(|moment| moment.span.to_ms > from_ms).collect()
    }
}

/// What goes on for a while under one name, with two values on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    run: Option<Run>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) what: &'static str,
    pub(super) span: Span,
    count: f32,
    sum: [f32; 2],
    squares: f32,
}

/// Unknown for longer, a run is over.
const GAP_MS: u64 = 500;

impl Run {
    /// The mean length of the two values taken as a vector.
    pub(super) fn root_mean_square(&self) -> f32 {
        (self.squares / self.count).sqrt()
    }

    /// How far they scatter around their mean.
    pub(super) fn spread(&self) -> f32 {
        let mean = self.sum.map(|sum| sum / self.count);
        (self.squares / self.count - mean[0] * mean[0] - mean[1] * mean[1]).max(0.0).sqrt()
    }
}

impl Runs {
    /// Says what goes on at this time since `from_ms`; returns the run that ended by it.
    pub(super) fn handle(&mut self, span: Span, what: Option<&'static str>, values: [f32; 2]) -> Option<Run> {
        if let (Some(run), Some(what)) = (&mut self.run, what)
            && run.what == what
            && span.from_ms.saturating_sub(run.span.to_ms) <= GAP_MS
        {
            run.add(span.to_ms, values);
            return None;
        }
        let over = match (&self.run, what) {
            (Some(run), None) => span.to_ms.saturating_sub(run.span.to_ms) > GAP_MS,
            _ => true,
        };
        if !over {
            return None;
        }
        let ended = self.run.take();
        self.run = what.map(|what| {
            let mut run = Run { what, span, count: 0.0, sum: [0.0; 2], squares: 0.0 };
            run.add(span.to_ms, values);
            run
        });
        ended
    }

    /// What goes on now.
    pub(super) fn current(&self) -> Option<&Run> {
        self.run.as_ref()
    }
}

impl Run {
    fn add(&mut self, to_ms: u64, values: [f32; 2]) {
        self.span.to_ms = to_ms;
        self.count += 1.0;
        self.sum[0] += values[0];
        self.sum[1] += values[1];
        self.squares += values[0] * values[0] + values[1] * values[1];
    }
}
