//! From the client's PCM16 to what the models hear: optional noise suppression, then 16 kHz.

use duologue_domain::pcm::{HEARING_RATE, to_float};
use nnnoiseless::DenoiseState;
use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};

/// nnnoiseless works at 48 kHz in frames of 10 ms.
const DENOISE_RATE: u32 = 48_000;

/// Resampled at once, 10 ms: it divides the usual packet of a client, 20 ms, so that none waits for another, and its filter
/// takes half of it, 5 ms, which are part of every wait for the end of a turn. What it costs is a little of what lies above 7.5 kHz.
const CHUNK_MS: u32 = 10;

/// A rate that no client of ours uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRate(pub u32);

/// Rates that a client may send.
pub const INPUT_RATES: [u32; 3] = [16_000, 24_000, 48_000];

/// The chain for one session. Stateful: filters remember the past.
pub struct FrontEnd {
    to_denoise: Stage,
    denoise: Option<Denoise>,
    to_hearing: Stage,
}

impl std::fmt::Debug for FrontEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontEnd").field("denoise", &self.denoise.is_some()).finish_non_exhaustive()
    }
}

impl FrontEnd {
    /// A chain for audio at `rate` Hz.
    pub fn new(rate: u32, noise_reduction: bool) -> Result<Self, BadRate> {
        if !INPUT_RATES.contains(&rate) {
            return Err(BadRate(rate));
        }
        let middle = if noise_reduction { DENOISE_RATE } else { rate };
        Ok(Self {
            to_denoise: Stage::new(rate, middle),
            denoise: noise_reduction.then(Denoise::new),
            to_hearing: Stage::new(middle, HEARING_RATE),
        })
    }

    /// 16 kHz samples for as much of the input as fills whole chunks; the rest waits for the next call.
    pub fn process(&mut self, samples: &[i16]) -> Vec<f32> {
        let floats = samples.iter().copied().map(to_float).collect::<Vec<_>>();
        let Some(denoise) = &mut self.denoise else {
            return self.to_hearing.process(floats);
        };
        let clean = denoise.process(self.to_denoise.process(floats));
        self.to_hearing.process(clean)
    }
}

/// One change of rate; none when both are equal.
struct Stage {
    from: u32,
    to: u32,
    /// Made with the first sample, not by a look that finds none: its tables are a third of what a session that is never
    /// spoken to costs.
    resampler: Option<Fft<f32>>,
    chunk: usize,
    waiting: Vec<f32>,
}

impl Stage {
    fn new(from: u32, to: u32) -> Self {
        Self { from, to, resampler: None, chunk: (from * CHUNK_MS / 1000) as usize, waiting: Vec::new() }
    }

    fn make(&self) -> Option<Fft<f32>> {
        // It refuses only rates that do not fit each other, and ours all do.
        Fft::new(self.from as usize, self.to as usize, self.chunk, 1, FixedSync::Input).ok()
    }

    fn process(&mut self, samples: Vec<f32>) -> Vec<f32> {
        if self.from == self.to || samples.is_empty() {
            return samples;
        }
        if self.resampler.is_none() {
            self.resampler = self.make();
        }
        let Some(resampler) = &mut self.resampler else { return Vec::new() };
        self.waiting.extend(samples);
        let mut output = Vec::new();
        let mut used = 0;
        while self.waiting.len() - used >= self.chunk {
            let chunk = &self.waiting[used..used + self.chunk];
            used += self.chunk;
            // Both calls only fail on buffers of the wrong size, and these are of the size that was asked for.
            let Ok(adapter) = InterleavedSlice::new(chunk, 1, self.chunk) else { continue };
            if let Ok(resampled) = resampler.process(&adapter, None) {
                output.extend(resampled.take_data());
            }
        }
        self.waiting.drain(..used);
        output
    }
}

struct Denoise {
    state: Box<DenoiseState<'static>>,
    waiting: Vec<f32>,
}

impl Denoise {
    fn new() -> Self {
        Self { state: DenoiseState::new(), waiting: Vec::new() }
    }

    /// The library works on the scale of 16-bit samples.
    fn process(&mut self, samples: Vec<f32>) -> Vec<f32> {
        self.waiting.extend(samples.into_iter().map(|sample| sample * 32768.0));
        let whole = self.waiting.len() / DenoiseState::FRAME_SIZE * DenoiseState::FRAME_SIZE;
        let mut output = vec![0.0; whole];
        let frames = self.waiting[..whole].chunks_exact(DenoiseState::FRAME_SIZE);
        for (input, output) in frames.zip(output.chunks_exact_mut(DenoiseState::FRAME_SIZE)) {
            self.state.process_frame(output, input);
        }
        self.waiting.drain(..whole);
        output.iter_mut().for_each(|sample| *sample /= 32768.0);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f32, seconds: f32) -> Vec<i16> {
        (0..(rate as f32 * seconds) as usize)
            .map(|index| {
                let phase = std::f32::consts::TAU * hertz * index as f32 / rate as f32;
                (phase.sin() * 16_000.0) as i16
            })
            .collect()
    }

    /// Frequency by counting rising zero crossings.
    fn pitch(samples: &[f32]) -> f32 {
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        rises as f32 * HEARING_RATE as f32 / samples.len() as f32
    }

    #[test]
    fn a_look_that_finds_nothing_makes_no_tables() {
        let mut front_end = FrontEnd::new(24_000, false).unwrap();
        assert!(front_end.process(&[]).is_empty());
        assert!(front_end.to_hearing.resampler.is_none());
        front_end.process(&[0]);
        assert!(front_end.to_hearing.resampler.is_some());
    }

    #[test]
    fn every_rate_keeps_duration_and_pitch_whatever_the_packet_size() {
        for rate in INPUT_RATES {
            for packet in [7, 320, 4_800] {
                let mut front_end = FrontEnd::new(rate, false).unwrap();
                let heard = tone(rate, 440.0, 2.0)
                    .chunks(packet)
                    .flat_map(|chunk| front_end.process(chunk))
                    .collect::<Vec<_>>();
                assert!((31_000..=32_000).contains(&heard.len()), "{rate} {packet}: {}", heard.len());
                let middle = &heard[8_000..24_000];
                assert!((pitch(middle) - 440.0).abs() < 3.0, "{rate}: {}", pitch(middle));
            }
        }
    }

    /// The library takes little from pure noise of a generator (one to two dB); what matters here is that the chain
    /// around it keeps scale, rate and speech.
    #[test]
    fn noise_suppression_quietens_noise_and_keeps_a_voice() {
        let mut seed = 1u32;
        let noise = (0..4 * 48_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 20) as i16 - 2048
            })
            .collect::<Vec<_>>();
        let level = |samples: &[i16], clean| {
            let heard = FrontEnd::new(48_000, clean).unwrap().process(samples);
            duologue_domain::pcm::level_db(&heard[48_000..])
        };
        assert!(level(&noise, true) < level(&noise, false) - 0.3, "{}", level(&noise, true));
        let voice = tone(48_000, 220.0, 4.0);
        assert!((level(&voice, true) - level(&voice, false)).abs() < 6.0, "{}", level(&voice, true));
    }

    #[test]
    fn odd_rates_are_refused() {
        assert_eq!(FrontEnd::new(44_100, false).unwrap_err(), BadRate(44_100));
        assert_eq!(FrontEnd::new(0, false).unwrap_err(), BadRate(0));
    }
}
