//! Single periods of the voice, for jitter and shimmer: from one highest point to the next.
//!
//! These are diagnostics, never a score: a microphone's noise, a codec and a hoarse morning change them as much as
//! anything that a person does.

use super::{decimate::RATE, track::Perturbation};

/// A period may differ from the one expected by this much.
const SEARCH: f32 = 0.25;
/// More periods than a frame of 10 ms can have at 500 Hz.
const CYCLES_A_FRAME: usize = 8;

/// Follows the voice from one highest point to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Cycles {
    /// Where the last highest point was, in samples of the decimated stream, and its height.
    last: Option<(f64, f32)>,
    period: Option<f32>,
    sums: Sums,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    periods: f64,
    count: u32,
    changes: f64,
    changed: u32,
    ratios: f64,
    heights: u32,
}

impl Cycles {
    /// Takes a voiced frame of `hz`, from position `frame.0` to `frame.1` of the stream. `samples` begin at position
    /// `start`, at or before the frame, and reach a period and a quarter beyond it.
    pub(super) fn handle(&mut self, hz: f32, (start, samples): (u64, &[f32]), frame: (u64, u64)) {
        let expected = RATE / hz;
        let origin = start as f64;
        // Every step goes on by three quarters of a period at least; the bound is for what nobody thought of.
        for _ in 0..CYCLES_A_FRAME {
            let (from, to) = match self.last {
                Some((at, _)) if at >= frame.1 as f64 => return,
                Some((at, _)) => {
                    (at + f64::from(expected * (1.0 - SEARCH)), at + f64::from(expected * (1.0 + SEARCH)))
                }
                None => (frame.0 as f64, frame.0 as f64 + f64::from(expected)),
            };
            let Some((at, height)) = highest(samples, from - origin, to - origin) else {
                return self.rest();
            };
            self.add(at + origin, height);
        }
    }

    /// A frame without voice.
    pub(super) fn rest(&mut self) {
        self.last = None;
        self.period = None;
    }

    fn add(&mut self, at: f64, height: f32) {
        if let Some((before, last_height)) = self.last {
            let period = (at - before) as f32;
            self.sums.periods += f64::from(period);
            self.sums.count += 1;
            if let Some(last) = self.period {
                self.sums.changes += f64::from((period - last).abs());
                self.sums.changed += 1;
            }
            if height > 0.0 && last_height > 0.0 {
                self.sums.ratios += f64::from((20.0 * (height / last_height).log10()).abs());
                self.sums.heights += 1;
            }
            self.period = Some(period);
        }
        self.last = Some((at, height));
    }

    /// What was found so far; `None` with fewer than ten periods.
    pub(super) fn perturbation(&self) -> Option<Perturbation> {
        let sums = &self.sums;
        if sums.changed < 10 || sums.heights < 10 {
            return None;
        }
        let mean = sums.periods / f64::from(sums.count);
        Some(Perturbation {
            jitter: (sums.changes / f64::from(sums.changed) / mean) as f32,
            shimmer_db: (sums.ratios / f64::from(sums.heights)) as f32,
            cycles: sums.count,
        })
    }
}

/// The highest point between two positions, as the top of a parabola.
fn highest(samples: &[f32], from: f64, to: f64) -> Option<(f64, f32)> {
    let first = from.max(1.0).round() as usize;
    let last = to.round() as usize;
    if last + 1 >= samples.len() {
        return None;
    }
    let top = (first..=last).max_by(|one, other| samples[*one].total_cmp(&samples[*other]))?;
    let [before, here, after] = [samples[top - 1], samples[top], samples[top + 1]];
    let bend = before - 2.0 * here + after;
    let aside = if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    Some((top as f64 + f64::from(aside), here - 0.25 * (before - after) * aside))
}
