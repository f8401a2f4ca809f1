//! Blinks: closures on which the lids' outline and the model's blink shapes agree.
//!
//! An eye is closed while its aspect ratio is below 0.7 of its own open median and its blink shape is well above its
//! own. The lid line crosses the threshold between two pictures; where, is interpolated, so that 15 and 30 pictures a
//! second give the same lengths. A closure up to a second is one blink (most take 100 to 400 ms), a longer one is none.

use super::median::Recent;
use crate::score::Span;

/// How far a blink shape rises above its open median when the eye closes: it goes from about 0.15 to 0.55.
const LID_RISE: f32 = 0.15;
/// Shorter than this below the threshold is noise: a blink of 100 ms is below it for some 60, of which the picture
/// rate may hide half.
const SHORTEST_MS: f32 = 25.0;
/// Longer is no blink.
const LONGEST_MS: f32 = 1_000.0;
/// A gap after which nobody knows what the eyes did.
const GAP_MS: u64 = 250;
/// Eyes that are closed for longer have become the way in which this person looks (down at a table, say).
const ADAPT_AFTER_MS: f32 = 3_000.0;
/// Beyond this yaw the far eye is seen from its side and does not count, in degrees.
const FAR_EYE_YAW: f32 = 20.0;

/// What one picture says about the lids.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lids {
    /// Whether they can be judged at all.
    pub(super) known: bool,
    /// How open the eyes are against their own median; about 1.
    pub(super) openness: f32,
    /// How long they have been closed.
    pub(super) closed_ms: f32,
    /// A blink that has just ended.
    pub(super) blink: Option<Span>,
}

/// Aspect ratios, blink shapes (the person's right eye first) and yaw of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eyes {
    pub(super) ears: Option<[f32; 2]>,
    pub(super) lids: Option<[f32; 2]>,
    pub(super) yaw: f32,
}

/// The machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Blinks {
    open: [Recent; 2],
    lids: [Recent; 2],
    last: Option<(u64, f32)>,
    /// Since when the eyes are closed.
    closed_from: Option<f32>,
}

impl Blinks {
    /// The eyes are not seen.
    pub(super) fn lose(&mut self) {
        (self.last, self.closed_from) = (None, None);
    }

    pub(super) fn handle(&mut self, at_ms: u64, eyes: Eyes, closed_below: f32) -> Lids {
        if self.last.is_some_and(|(last, _)| at_ms.saturating_sub(last) > GAP_MS) {
            self.lose();
        }
        let Some((openness, risen)) = self.openness(&eyes) else {
            self.learn(at_ms, &eyes);
            self.lose();
            return Lids::default();
        };
        let closed = openness < closed_below && risen;
        let crossed = self.crossing(at_ms, openness, closed_below);
        self.last = Some((at_ms, openness));
        let mut seen = Lids { known: true, openness, ..Lids::default() };
        match (self.closed_from, closed) {
            (None, true) => self.closed_from = Some(crossed),
            (Some(from), false) => {
                self.closed_from = None;
                let length = crossed - from;
                if (SHORTEST_MS..=LONGEST_MS).contains(&length) {
                    seen.blink = Some(Span { from_ms: from as u64, to_ms: crossed.ceil() as u64 });
                }
            }
            _ => {}
        }
        seen.closed_ms = self.closed_from.map_or(0.0, |from| at_ms as f32 - from);
        if !closed || seen.closed_ms > ADAPT_AFTER_MS {
            self.learn(at_ms, &eyes);
        }
        seen
    }

    /// How open the eyes are, and whether the blink shapes have risen; what is not sent is not asked.
    fn openness(&self, eyes: &Eyes) -> Option<(f32, bool)> {
        let ratio = both(eyes.yaw, |eye| Some(eyes.ears?[eye] / self.open[eye].median()?.max(1e-3)));
        let rise = both(eyes.yaw, |eye| Some(eyes.lids?[eye] - self.lids[eye].median()?));
        match (ratio, rise) {
            (Some(ratio), Some(rise)) => Some((ratio, rise >= LID_RISE)),
            (Some(ratio), None) if eyes.lids.is_none() => Some((ratio, true)),
            // With shapes alone their rise stands in for the outline: 0.4 is a closed eye.
            (None, Some(rise)) if eyes.ears.is_none() => Some((1.0 - rise / 0.4 * 0.7, rise >= LID_RISE)),
            _ => None,
        }
    }

    /// When the lids passed the threshold between the last picture and this one.
    fn crossing(&self, at_ms: u64, openness: f32, threshold: f32) -> f32 {
        let at = at_ms as f32;
        let Some((last_ms, last)) = self.last else { return at };
        let passed = (last < threshold) != (openness < threshold);
        let share = if passed { (last - threshold) / (last - openness) } else { 0.5 };
        last_ms as f32 + (at - last_ms as f32) * share.clamp(0.0, 1.0)
    }

    fn learn(&mut self, at_ms: u64, eyes: &Eyes) {
        for eye in 0..2 {
            if let Some(ears) = eyes.ears {
                self.open[eye].push(at_ms, ears[eye]);
            }
            if let Some(lids) = eyes.lids {
                self.lids[eye].push(at_ms, lids[eye]);
            }
        }
    }
}

/// The mean over both eyes, or the near one of a turned head. Turned to the picture's right, the person's right eye
/// is the near one.
fn both(yaw: f32, of: impl Fn(usize) -> Option<f32>) -> Option<f32> {
    let (right, left) = (of(0)?, of(1)?);
    Some(match yaw {
        yaw if yaw > FAR_EYE_YAW => right,
        yaw if yaw < -FAR_EYE_YAW => left,
        _ => (right + left) / 2.0,
    })
}
