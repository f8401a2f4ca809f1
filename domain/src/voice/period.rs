//! Which periods a piece of sound may have.
//!
//! The difference function of YIN (de Cheveigné & Kawahara 2002), d(τ) = Σ (x[j] − x[j+τ])², over two windows that lie
//! evenly around the middle of the frame, divided by the power of both (as McLeod & Wyvill 2005 do): 0 for a perfect
//! period, 1 for sound that has none. Its minima are the candidates; which of them is the pitch is decided by the
//! path through many frames, as in pYIN (Mauch & Dixon 2014).

use super::decimate::{RATE, dot};

/// The longest period: 60 Hz, and one lag more to see that it is a minimum.
pub(super) const LONGEST: usize = 68;
/// The shortest period: 500 Hz, and one lag less.
const SHORTEST: usize = 7;
/// Length of each of the two windows: 35 ms, two periods of the lowest voice.
pub(super) const WINDOW: usize = 140;
/// Samples that a frame looks at.
pub(super) const SPAN: usize = WINDOW + LONGEST;
/// The lowest and the highest pitch, in Hz.
pub(super) const RANGE_HZ: (f32, f32) = (60.0, 500.0);
/// Candidates of one frame: the pitch, its octaves and a formant or two.
pub(super) const CANDIDATES: usize = 5;
/// A minimum above this is no period.
const SHALLOW: f32 = 0.8;
/// Every octave that a period is longer costs this much: all multiples of a period fit as well as the period.
const LONGER: f32 = 0.05;
/// Power of what no microphone can be heard above, about −75 dBFS: its periods are hum and rounding.
const FLOOR: f32 = 3e-8;

/// A possible pitch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Candidate {
    /// In octaves above 1 Hz.
    pub(super) octaves: f32,
    /// How badly it fits, from 0, with the price of long periods.
    pub(super) cost: f32,
}

/// The best candidates of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidates {
    list: [Candidate; CANDIDATES],
    count: usize,
}

impl Candidates {
    pub(super) fn as_slice(&self) -> &[Candidate] {
        &self.list[..self.count]
    }

    /// Keeps it when it is among the best.
    fn offer(&mut self, candidate: Candidate) {
        if self.count < CANDIDATES {
            self.list[self.count] = candidate;
            self.count += 1;
            return;
        }
        let worst = self.list.iter_mut().max_by(|one, other| one.cost.total_cmp(&other.cost));
        if let Some(worst) = worst.filter(|worst| worst.cost > candidate.cost) {
            *worst = candidate;
        }
    }
}

/// The candidates of a frame: `samples` are the [`SPAN`] samples around its middle.
pub(super) fn candidates(samples: &[f32; SPAN]) -> Candidates {
    let differences = differences(samples);
    let mut found = Candidates::default();
    for lag in SHORTEST + 1..LONGEST {
        let [before, here, after] = [differences[lag - 1], differences[lag], differences[lag + 1]];
        if here >= SHALLOW || here > before || here >= after {
            continue;
        }
        // The bottom of the parabola through the three.
        let bend = before - 2.0 * here + after;
        let aside = if bend > 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let depth = (here - 0.25 * (before - after) * aside).max(0.0);
        let hz = RATE / (lag as f32 + aside);
        if hz < RANGE_HZ.0 || hz > RANGE_HZ.1 {
            continue;
        }
        let octaves = hz.log2();
        let cost = depth + LONGER * (RANGE_HZ.1.log2() - octaves);
        found.offer(Candidate { octaves, cost });
    }
    found
}

/// d(τ) over the power of both windows, for every lag.
fn differences(samples: &[f32; SPAN]) -> [f32; LONGEST + 1] {
    // Power up to each sample, so that the power of any window is one subtraction.
    let mut powers = [0.0f32; SPAN + 1];
    for (index, sample) in samples.iter().enumerate() {
        powers[index + 1] = powers[index] + sample * sample;
    }
    let mut differences = [1.0f32; LONGEST + 1];
    for (lag, difference) in differences.iter_mut().enumerate().skip(SHORTEST) {
        let start = (SPAN - WINDOW - lag) / 2;
        let (first, second) = (start..start + WINDOW, start + lag..start + lag + WINDOW);
        let power = powers[first.end] - powers[first.start] + powers[second.end] - powers[second.start];
        let product = dot(&samples[first], &samples[second]);
        *difference = 1.0 - 2.0 * product / (power + 2.0 * WINDOW as f32 * FLOOR);
    }
    differences
}
