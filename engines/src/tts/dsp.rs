//! Sound as plain numbers: trimming, loudness, fades, resampling. Pure.

use std::f32::consts::PI;

use crate::port::SPEECH_RATE;

/// Root mean square of the audible part of a clause after [`Leveller`]: -20 dBFS. All voices aim at
/// it, so that a change of voice is no change of loudness.
pub const TARGET_RMS: f32 = 0.1;
/// No sample is louder than this (-0.9 dBFS).
pub const PEAK: f32 = 0.9;
/// Quieter than this relative to the peak of its clause is silence (-40 dB).
const SILENCE: f32 = 0.01;
/// Silence that stays before the first sound: enough for a soft onset, too short to be a delay.
const LEAD: usize = SPEECH_RATE as usize * 30 / 1_000;
/// Silence that stays after the last sound, for the decay.
const TAIL: usize = SPEECH_RATE as usize * 80 / 1_000;
/// Length of the fade at both ends.
const FADE: usize = SPEECH_RATE as usize * 5 / 1_000;
/// The largest change of loudness, up or down: more would only raise noise.
const MAX_GAIN: f32 = 6.0;
/// How much of a new clause's own gain goes into the voice's gain.
const NEW_SHARE: f32 = 0.3;

/// Length of sound in milliseconds.
pub fn millis(samples: usize) -> u32 {
    u32::try_from(samples as u64 * 1_000 / u64::from(SPEECH_RATE)).unwrap_or(u32::MAX)
}

/// Without the silence around it. Samples that are no numbers become silence.
pub fn trim(mut audio: Vec<f32>) -> Vec<f32> {
    for sample in &mut audio {
        if !sample.is_finite() {
            *sample = 0.0;
        }
    }
    let threshold = peak(&audio) * SILENCE;
    let loud = |sample: &f32| sample.abs() > threshold;
    let (Some(first), Some(last)) = (audio.iter().position(loud), audio.iter().rposition(loud)) else {
        return Vec::new();
    };
    audio.truncate((last + TAIL).min(audio.len()));
    audio.drain(..first.saturating_sub(LEAD));
    audio
}

/// Rises and falls over the first and last 5 ms, so that no edge clicks.
pub fn fade(audio: &mut [f32]) {
    let length = FADE.min(audio.len() / 2);
    let count = audio.len();
    for index in 0..length {
        let gain = 0.5 - 0.5 * (PI * (index as f32 + 0.5) / length as f32).cos();
        audio[index] *= gain;
        audio[count - 1 - index] *= gain;
    }
}

/// The largest magnitude.
pub fn peak(audio: &[f32]) -> f32 {
    audio.iter().fold(0.0, |peak, sample| sample.abs().max(peak))
}

/// Root mean square over the 20 ms blocks that are within 30 dB of the loudest.
pub fn active_rms(audio: &[f32]) -> f32 {
    let powers: Vec<f32> = audio
        .chunks(SPEECH_RATE as usize / 50)
        .map(|block| block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32)
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> =
        powers.into_iter().filter(|power| *power > 0.0 && *power >= loudest / 1_000.0).collect();
    if active.is_empty() { 0.0 } else { (active.iter().sum::<f32>() / active.len() as f32).sqrt() }
}

/// Brings a voice to [`TARGET_RMS`]. The gain belongs to the voice and moves slowly, so that a whispered
/// clause stays quieter than its neighbours.
#[derive(Debug, Default)]
pub struct Leveller {
    gain: Option<f32>,
}

impl Leveller {
    /// Levels one clause in place.
    pub fn apply(&mut self, audio: &mut [f32]) {
        let rms = active_rms(audio);
        if rms <= 0.0 {
            return;
        }
        let own = (TARGET_RMS / rms).clamp(1.0 / MAX_GAIN, MAX_GAIN);
        let gain = self.gain.map_or(own, |gain| gain * (1.0 - NEW_SHARE) + own * NEW_SHARE);
        self.gain = Some(gain);
        let gain = gain.min(PEAK / peak(audio));
        audio.iter_mut().for_each(|sample| *sample *= gain);
    }
}

/// Taps on each side of the resampling kernel.
const HALF_WIDTH: isize = 16;

/// Sound at `from` Hz as sound at 24 kHz, by a windowed sinc.
pub fn resample(audio: &[f32], from: u32) -> Vec<f32> {
    if from == SPEECH_RATE || from == 0 {
        return audio.to_vec();
    }
    let step = f64::from(from) / f64::from(SPEECH_RATE);
    // When the rate falls, what lies above the new half rate has to go first.
    let cutoff = (1.0 / step).min(1.0) as f32 * 0.95;
    let width = (HALF_WIDTH as f32 / cutoff.min(1.0)).ceil() as isize;
    let length = (audio.len() as f64 / step) as usize;
    let sample_at = |output: usize| {
        let position = output as f64 * step;
        let centre = position as isize;
        let mut sum = 0.0;
        for index in (centre - width + 1).max(0)..=(centre + width).min(audio.len() as isize - 1) {
            let distance = (index as f64 - position) as f32;
            sum += audio[index as usize] * sinc(distance * cutoff) * cutoff * window(distance / width as f32);
        }
        sum
    };
    (0..length).map(sample_at).collect()
}

fn sinc(x: f32) -> f32 {
    if x.abs() < 1e-6 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn window(x: f32) -> f32 {
    if x.abs() >= 1.0 { 0.0 } else { 0.5 + 0.5 * (PI * x).cos() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, rate: u32, seconds: f32, level: f32) -> Vec<f32> {
        let count = (rate as f32 * seconds) as usize;
        (0..count).map(|index| level * (2.0 * PI * hertz * index as f32 / rate as f32).sin()).collect()
    }

    #[test]
    fn silence_around_a_sound_goes() {
        let mut audio = vec![0.0; 12_000];
        audio.extend(tone(200.0, 24_000, 0.5, 0.5));
        audio.extend(vec![0.0; 24_000]);
        audio[3] = f32::NAN;
        let trimmed = trim(audio);
        assert!(trimmed.iter().all(|sample| sample.is_finite()));
        let first = trimmed.iter().position(|sample| sample.abs() > 0.01).expect("sound");
        assert!(millis(first) < 60, "{first}");
        assert!((560..640).contains(&millis(trimmed.len())), "{}", trimmed.len());
        assert!(trim(vec![0.0; 100]).is_empty());
        assert!(trim(Vec::new()).is_empty());
    }

    #[test]
    fn voices_come_to_one_loudness() {
        for level in [0.02, 0.1, 0.9] {
            let mut audio = tone(200.0, 24_000, 1.0, level);
            Leveller::default().apply(&mut audio);
            assert!((active_rms(&audio) - TARGET_RMS).abs() < 0.02, "{level}: {}", active_rms(&audio));
        }
        let mut impulse = vec![0.001; 24_000];
        impulse[100] = 1.0;
        Leveller::default().apply(&mut impulse);
        assert!(peak(&impulse) <= PEAK + 1e-6);
    }

    #[test]
    fn ends_are_faded() {
        let mut audio = vec![1.0; 1_000];
        fade(&mut audio);
        assert!(audio[0] < 0.01 && audio[999] < 0.01 && audio[500] > 0.999);
        fade(&mut []);
        fade(&mut [1.0]);
    }

    #[test]
    fn resampling_keeps_a_tone_and_its_length() {
        for (rate, hertz) in [(22_050, 440.0), (16_000, 3_000.0), (48_000, 1_000.0), (44_100, 5_000.0)] {
            let resampled = resample(&tone(hertz, rate, 1.0, 0.5), rate);
            assert!(resampled.len().abs_diff(24_000) <= 2, "{rate}");
            let expected = tone(hertz, 24_000, 1.0, 0.5);
            let worst = (500..23_000).map(|at| (resampled[at] - expected[at]).abs()).fold(0.0, f32::max);
            assert!(worst < 0.01, "{rate}: {worst}");
        }
        // What 24 kHz cannot hold must not come back as another tone.
        let folded = resample(&tone(15_000.0, 48_000, 0.5, 0.5), 48_000);
        assert!(peak(&folded[500..11_000]) < 0.01, "{}", peak(&folded[500..11_000]));
    }
}
