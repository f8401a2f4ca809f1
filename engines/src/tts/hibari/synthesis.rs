//! Source and filter: pulses at the pitch and white noise, shaped frame by frame, plus a free part.
//!
//! Per frame of 12.5 ms the spectrum is `exp(lh) e^(iπ tanh θ) P + exp(ln) Z + exp(lr) e^(iφ)`, where `P`
//! is the spectrum of the pulses and `Z` complex white noise; then the inverse transform, windowed and
//! overlapped. Pure: the noise comes from a generator with a fixed seed.

use std::{f32::consts::PI, sync::Arc};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::port::SPEECH_RATE;

const SIZE: usize = 1_200;
const HOP: usize = 300;
/// Bins of one spectrum.
pub(super) const BINS: usize = SIZE / 2 + 1;
/// Below this the frame has no pitch.
const UNVOICED: f32 = 40.0;
/// Harmonics above this are left to the noise.
const TOP: f32 = 11_000.0;
/// Log magnitudes are not allowed above this: e^7 is already louder than anything in speech.
const LOUDEST: f32 = 7.0;

/// What the network says, each bin-major: `[bin * frames + frame]`.
pub(super) struct Frames<'a> {
    pub(super) harmonic: &'a [f32],
    pub(super) theta: &'a [f32],
    pub(super) noise: &'a [f32],
    pub(super) residual: &'a [f32],
    pub(super) phi: &'a [f32],
    pub(super) pitch: &'a [f32],
}

impl Frames<'_> {
    /// Whether all parts have the size that the pitch announces.
    pub(super) fn fit(&self) -> bool {
        let size = self.pitch.len() * BINS;
        [self.harmonic, self.theta, self.noise, self.residual, self.phi].iter().all(|part| part.len() == size)
    }
}

/// The transforms and the window, made once.
pub(super) struct Synthesis {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
}

impl Synthesis {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let window =
            (0..SIZE).map(|index| 0.5 - 0.5 * (2.0 * PI * index as f32 / SIZE as f32).cos()).collect();
        Self { forward: planner.plan_fft_forward(SIZE), inverse: planner.plan_fft_inverse(SIZE), window }
    }

    /// One piece of speech, 300 samples a frame.
    pub(super) fn sound(&self, frames: &Frames<'_>) -> Vec<f32> {
        let count = frames.pitch.len();
        let source = pulses(frames.pitch);
        let mut random = SmallRng::seed_from_u64(0x5eed);
        let mut spectrum = self.forward.make_output_vec();
        let mut block = self.forward.make_input_vec();
        let mut sum = vec![0.0; (count + SIZE / HOP) * HOP];
        let mut weight = vec![0.0; sum.len()];
        for frame in 0..count {
            for (offset, sample) in block.iter_mut().enumerate() {
                // The window is scaled so that a cosine of amplitude 1 has magnitude 1.
                let at = (frame * HOP + offset) as isize - (SIZE / 2) as isize;
                *sample = mirrored(&source, at) * self.window[offset] / (SIZE / 4) as f32;
            }
            // The buffers come from the plan itself, so their sizes cannot be wrong.
            let _sizes_fit = self.forward.process(&mut block, &mut spectrum);
            shape(&mut spectrum, frames, frame, &mut random);
            let _sizes_fit = self.inverse.process(&mut spectrum, &mut block);
            let start = frame * HOP;
            for (offset, sample) in block.iter().enumerate() {
                let window = self.window[offset];
                sum[start + offset] += sample / SIZE as f32 * window;
                weight[start + offset] += window * window;
            }
        }
        let centre = SIZE / 2..SIZE / 2 + count * HOP;
        sum[centre.clone()].iter().zip(&weight[centre]).map(|(sum, weight)| sum / weight.max(1e-9)).collect()
    }
}

fn shape(spectrum: &mut [Complex<f32>], frames: &Frames<'_>, frame: usize, random: &mut SmallRng) {
    let count = frames.pitch.len();
    for (bin, value) in spectrum.iter_mut().enumerate() {
        let at = bin * count + frame;
        let magnitude = |log: f32| log.min(LOUDEST).exp();
        let pulse = Complex::from_polar(magnitude(frames.harmonic[at]), PI * frames.theta[at].tanh());
        let free = Complex::from_polar(magnitude(frames.residual[at]), frames.phi[at]);
        *value = *value * pulse + white(random) * magnitude(frames.noise[at]) + free;
    }
    // A real signal has real ends; the transform insists.
    for end in [0, BINS - 1] {
        spectrum[end].im = 0.0;
    }
}

/// Complex white noise with unit variance in each part (Box and Muller).
fn white(random: &mut SmallRng) -> Complex<f32> {
    let uniform: f32 = random.random_range(f32::EPSILON..1.0);
    let angle = random.random_range(0.0..2.0 * PI);
    Complex::from_polar((-2.0 * uniform.ln()).sqrt(), angle)
}

/// The signal continued by reflection at both ends.
fn mirrored(signal: &[f32], at: isize) -> f32 {
    let last = signal.len() as isize - 1;
    if last < 1 {
        return signal.first().copied().unwrap_or(0.0);
    }
    let folded = at.rem_euclid(2 * last);
    signal[folded.min(2 * last - folded) as usize]
}

/// All harmonics of the pitch under [`TOP`] at unit amplitude, silent where there is no pitch. The sum
/// of the cosines has a closed form, so that its cost does not grow with their number.
fn pulses(pitch: &[f32]) -> Vec<f32> {
    let mut phase = 0.0f64;
    let mut source = Vec::with_capacity(pitch.len() * HOP);
    for sample in 0..pitch.len() * HOP {
        let hertz = pitch_at(pitch, sample);
        let used = hertz.max(UNVOICED);
        phase = (phase + f64::from(used) / f64::from(SPEECH_RATE)).fract();
        let angle = phase as f32 * 2.0 * PI;
        let harmonics = (TOP / used).floor() + 0.5;
        let divisor = 2.0 * (angle * 0.5).sin();
        // Where the divisor vanishes all cosines are 1.
        let sum = if divisor.abs() <= 2e-3 { harmonics } else { (harmonics * angle).sin() / divisor };
        source.push(if hertz > UNVOICED { sum - 0.5 } else { 0.0 });
    }
    source
}

/// The pitch at a sample, on the line between the centres of its neighbouring frames.
fn pitch_at(pitch: &[f32], sample: usize) -> f32 {
    let position = (sample as f32 + 0.5) / HOP as f32 - 0.5;
    let before = position.floor();
    let share = position - before;
    let frame = |index: f32| pitch[(index.max(0.0) as usize).min(pitch.len() - 1)];
    frame(before) * (1.0 - share) + frame(before + 1.0) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: f32 = -30.0;

    fn sound(frames: usize, pitch: f32, harmonic: f32, noise: f32) -> Vec<f32> {
        let part = |value: f32| vec![value; frames * BINS];
        let (harmonic, noise, quiet, zero) = (part(harmonic), part(noise), part(QUIET), part(0.0));
        let pitch = vec![pitch; frames];
        let input = Frames {
            harmonic: &harmonic,
            theta: &zero,
            noise: &noise,
            residual: &quiet,
            phi: &zero,
            pitch: &pitch,
        };
        assert!(input.fit());
        Synthesis::new().sound(&input)
    }

    #[test]
    fn pulses_are_the_sum_of_their_harmonics() {
        let source = pulses(&[200.0; 10]);
        for (index, sample) in source.iter().enumerate().skip(7).step_by(131) {
            let angle = 2.0 * std::f64::consts::PI * 200.0 * (index + 1) as f64 / 24_000.0;
            let expected: f64 = (1..=55).map(|harmonic| (f64::from(harmonic) * angle).cos()).sum();
            assert!((f64::from(*sample) - expected).abs() < 0.05, "{index}: {sample} {expected}");
        }
        assert!(pulses(&[0.0; 4]).iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_flat_filter_gives_the_pulses_back() {
        let source = pulses(&[150.0; 40]);
        let sound = sound(40, 150.0, (SIZE as f32 / 4.0).ln(), QUIET);
        assert_eq!(sound.len(), 40 * HOP);
        // Without the window's scale the transform and its inverse are the identity.
        let worst = (1_000..11_000).map(|at| (sound[at] - source[at]).abs()).fold(0.0, f32::max);
        assert!(worst < 0.05, "{worst}");
    }

    #[test]
    fn noise_is_noise_and_always_the_same() {
        let first = sound(20, 0.0, QUIET, 0.0);
        assert!(first.iter().all(|sample| sample.is_finite()));
        assert_eq!(first, sound(20, 0.0, QUIET, 0.0));
        let mean = first.iter().sum::<f32>() / first.len() as f32;
        let power = first.iter().map(|sample| sample * sample).sum::<f32>() / first.len() as f32;
        assert!(mean.abs() < 0.01 && power > 1e-4, "{mean} {power}");
    }

    #[test]
    fn wild_outputs_stay_finite() {
        let loud = sound(8, 300.0, 1e9, 1e9);
        assert!(loud.iter().all(|sample| sample.is_finite()));
        assert!(sound(0, 100.0, 0.0, 0.0).is_empty());
        assert_eq!(sound(1, 100.0, 0.0, 0.0).len(), HOP);
    }
}
