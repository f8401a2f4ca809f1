//! From 16 kHz to 4 kHz, keeping what carries the pitch.
//!
//! Periods are found below 1 kHz: there are the first harmonics of every voice, and most of the noise is not. At a
//! quarter of the rate there is a sixteenth of the work.

use crate::pcm::HEARING_RATE;

/// One sample is kept of so many.
pub(super) const FACTOR: usize = 4;

/// Samples a second after it.
pub(super) const RATE: f32 = HEARING_RATE as f32 / FACTOR as f32;

/// Length of the low-pass: about 1 kHz of transition, so that nothing above 2.5 kHz folds back below 1.5 kHz.
const TAPS: usize = 48;

/// Half of the power is lost here.
const CUTOFF_HZ: f32 = 1_000.0;

/// The offset and the rumble below this go; the lowest voice loses half a dB and keeps its phase.
const RUMBLE_HZ: f32 = 20.0;

/// A streaming low-pass that keeps every fourth sample.
#[derive(Clone, Debug)]
pub(super) struct Decimator {
    taps: [f32; TAPS],
    /// The last samples, written twice so that a window of them is always contiguous.
    recent: [f32; 2 * TAPS],
    at: usize,
    phase: usize,
    last_in: f32,
    last_out: f32,
}

impl Decimator {
    pub(super) fn new() -> Self {
        let mut taps = [0.0f32; TAPS];
        let middle = (TAPS - 1) as f32 / 2.0;
        let turn = std::f32::consts::TAU;
        for (index, tap) in taps.iter_mut().enumerate() {
            let away = index as f32 - middle;
            let angle = turn * CUTOFF_HZ / HEARING_RATE as f32 * away;
            // A windowed sinc; the middle falls between two taps, so there is no division by zero.
            let hamming = 0.54 - 0.46 * (turn * index as f32 / (TAPS - 1) as f32).cos();
            *tap = angle.sin() / angle * hamming;
        }
        let sum = taps.iter().sum::<f32>();
        Self {
            taps: taps.map(|tap| tap / sum),
            recent: [0.0; 2 * TAPS],
            at: 0,
            phase: 0,
            last_in: 0.0,
            last_out: 0.0,
        }
    }

    /// Takes one sample. Gives it without its offset, and every fourth time a sample of the slower stream.
    pub(super) fn push(&mut self, sample: f32) -> (f32, Option<f32>) {
        const KEEP: f32 = 1.0 - std::f32::consts::TAU * RUMBLE_HZ / HEARING_RATE as f32;
        let passed = sample - self.last_in + KEEP * self.last_out;
        self.last_in = sample;
        // Below any sound, numbers become so small that processors handle them slowly.
        self.last_out = if passed.abs() < 1e-15 { 0.0 } else { passed };
        self.recent[self.at] = self.last_out;
        self.recent[self.at + TAPS] = self.last_out;
        self.at = (self.at + 1) % TAPS;
        self.phase = (self.phase + 1) % FACTOR;
        let slower = (self.phase == 0).then(|| dot(&self.taps, &self.recent[self.at..self.at + TAPS]));
        (self.last_out, slower)
    }
}

/// Σ a·b in eight running sums, which compilers turn into vector instructions.
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (left_parts, right_parts) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest = left_parts.remainder().iter().zip(right_parts.remainder()).map(|(a, b)| a * b).sum::<f32>();
    for (a, b) in left_parts.zip(right_parts) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}
