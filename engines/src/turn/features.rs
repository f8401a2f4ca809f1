//! The log-mel spectrogram that Whisper's family of models hears, for a window of exactly 8 s.
//!
//! The window is brought to zero mean and unit variance (its leading zeros included), cut into frames of
//! 400 samples every 160 with a periodic Hann window and reflected edges, turned into power, summed by 80
//! triangular filters (Slaney's mel scale and area norm), and then compressed: log10, no more than 8
//! below the loudest, (x + 4) / 4. About 800 small transforms: a few milliseconds, so the whole window is
//! computed anew each time; the normalisation would change every frame anyway.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

const RATE: usize = 16_000;
const FFT: usize = 400;
const HOP: usize = 160;
const BINS: usize = FFT / 2 + 1;

/// Mel bands.
pub(super) const MELS: usize = 80;

/// Samples of the window: the last 8 s.
pub(super) const WINDOW: usize = 8 * RATE;

/// Frames of the window.
pub(super) const FRAMES: usize = WINDOW / HOP;

/// Below this power a band counts as empty; keeps the logarithm finite.
const FLOOR: f32 = 1e-10;

/// The transform with its tables and buffers, ready for one window after another.
pub(super) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    bands: Vec<Band>,
    /// The window with half a frame of reflection at either end.
    padded: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: [f32; BINS],
}

/// One triangle: weights for the bins from `first` on. All other bins weigh nothing.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl LogMel {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FFT);
        let hann = (0..FFT)
            .map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / FFT as f64).cos())
            .map(|weight| weight as f32)
            .collect();
        Self {
            hann,
            bands: bands(),
            padded: vec![0.0; WINDOW + FFT],
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: [0.0; BINS],
            fft,
        }
    }

    /// The features of the last 8 s of `audio` (16 kHz), as if zeros had come before it:
    /// [`MELS`] rows of [`FRAMES`].
    pub(super) fn compute(&mut self, audio: &[f32]) -> Vec<f32> {
        self.normalise(&audio[audio.len().saturating_sub(WINDOW)..]);
        let mut features = vec![0.0; MELS * FRAMES];
        for index in 0..FRAMES {
            self.transform(index * HOP);
            for (mel, band) in self.bands.iter().enumerate() {
                let bins = &self.power[band.first..][..band.weights.len()];
                let power: f32 = bins.iter().zip(&band.weights).map(|(power, weight)| power * weight).sum();
                features[mel * FRAMES + index] = power.max(FLOOR).log10();
            }
        }
        let loudest = features.iter().copied().fold(f32::MIN, f32::max);
        for value in &mut features {
            *value = (value.max(loudest - 8.0) + 4.0) / 4.0;
        }
        features
    }

    /// Fills `padded` with the normalised window.
    fn normalise(&mut self, audio: &[f32]) {
        let count = WINDOW as f64;
        // In f64: a sum of 128 000 squares in f32 loses the small differences.
        let mean = audio.iter().map(|&sample| f64::from(sample)).sum::<f64>() / count;
        let squares = audio.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum::<f64>();
        let variance = (squares + (count - audio.len() as f64) * mean * mean) / count;
        let scale = 1.0 / (variance + 1e-7).sqrt();
        let normal = |sample: f64| ((sample - mean) * scale) as f32;

        let half = FFT / 2;
        let start = half + WINDOW - audio.len();
        self.padded[half..start].fill(normal(0.0));
        for (slot, &sample) in self.padded[start..].iter_mut().zip(audio) {
            *slot = normal(f64::from(sample));
        }
        for i in 1..=half {
            self.padded[half - i] = self.padded[half + i];
            self.padded[half + WINDOW - 1 + i] = self.padded[half + WINDOW - 1 - i];
        }
    }

    /// The power spectrum of the frame at `start` of `padded`.
    fn transform(&mut self, start: usize) {
        let samples = self.padded[start..start + FFT].iter().zip(&self.hann);
        for (slot, (sample, weight)) in self.frame.iter_mut().zip(samples) {
            *slot = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers were made by this very transform");
        for (power, value) in self.power.iter_mut().zip(&self.spectrum) {
            *power = value.norm_sqr();
        }
    }
}

/// The triangles of Slaney's mel scale from 0 Hz to half the rate, each of the same area.
fn bands() -> Vec<Band> {
    let top = mel(RATE as f64 / 2.0);
    let edges: Vec<f64> = (0..MELS + 2).map(|i| hertz(top * i as f64 / (MELS + 1) as f64)).collect();
    let width = RATE as f64 / FFT as f64;
    edges
        .windows(3)
        .map(|edge| {
            let height = 2.0 / (edge[2] - edge[0]);
            let weight = |bin: usize| {
                let frequency = bin as f64 * width;
                let rising = (frequency - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - frequency) / (edge[2] - edge[1]);
                rising.min(falling).max(0.0) * height
            };
            let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0);
            Band { first, weights: weights.map(|weight| weight as f32).collect() }
        })
        .collect()
}

/// Slaney's scale: linear up to 1 kHz, logarithmic above with 27 mels to a factor of 6.4.
fn mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { 3.0 * hertz / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { 200.0 * mel / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}
