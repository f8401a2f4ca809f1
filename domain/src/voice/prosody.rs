//! The streaming analyser: samples in, a [`Track`] out.

use super::{
    cycles::Cycles,
    decimate::{Decimator, FACTOR},
    path::Path,
    period::{SPAN, WINDOW, candidates},
    track::{FRAME_MS, Track},
};
use crate::pcm::{self, HEARING_RATE};

/// Samples of a frame at 16 kHz.
const HOP: usize = HEARING_RATE as usize * FRAME_MS as usize / 1000;
/// Samples of a frame after the decimator.
const SLOW_HOP: usize = HOP / FACTOR;
/// Silence before the first sample, so that the first frame has its middle where it should be.
const LEAD: usize = (SPAN - SLOW_HOP) / 2;
/// Samples kept behind the latest: the frames that wait for a decision, what the latest looks at, and a long period.
const KEPT: usize = 1024;

/// What a [`Prosody`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceConfig {
    /// What comes after so much sound is not analysed, in milliseconds: the bound of a track's memory (9 bytes a frame).
    pub longest_ms: u64,
}

impl Default for VoiceConfig {
    /// Ten minutes, which is longer than any turn.
    fn default() -> Self {
        Self { longest_ms: 600_000 }
    }
}

/// Listens to one speaker at 16 kHz, mono, in [-1, 1].
#[derive(Clone, Debug)]
pub struct Prosody {
    longest: u64,
    heard: u64,
    decimator: Decimator,
    /// Decimated samples; the first is at position `begin`.
    slow: Vec<f32>,
    begin: u64,
    /// Frames of which candidates were sought.
    sought: u64,
    path: Path,
    cycles: Cycles,
    pitch: Vec<Option<f32>>,
    power: f32,
    powers: Vec<f32>,
}

impl Prosody {
    /// An analyser that has heard nothing.
    pub fn new(config: VoiceConfig) -> Self {
        Self {
            longest: pcm::samples(config.longest_ms, HEARING_RATE),
            heard: 0,
            decimator: Decimator::new(),
            slow: vec![0.0; LEAD],
            begin: 0,
            sought: 0,
            path: Path::default(),
            cycles: Cycles::default(),
            pitch: Vec::new(),
            power: 0.0,
            powers: Vec::new(),
        }
    }

    /// Hears on. What is not a number counts as silence.
    pub fn handle(&mut self, samples: &[f32]) {
        let room = usize::try_from(self.longest.saturating_sub(self.heard)).unwrap_or(usize::MAX);
        for sample in &samples[..samples.len().min(room)] {
            self.hear(if sample.is_finite() { sample.clamp(-4.0, 4.0) } else { 0.0 });
        }
    }

    /// Milliseconds heard so far.
    pub fn heard_ms(&self) -> u64 {
        pcm::ms(self.heard, HEARING_RATE)
    }

    /// What was heard, in whole frames.
    pub fn finish(mut self) -> Track {
        let frames = self.powers.len();
        // The last frames look at what comes after them.
        for _ in 0..SPAN * FACTOR {
            if let (_, Some(slow)) = self.decimator.push(0.0) {
                self.slow.push(slow);
            }
        }
        while self.sought < frames as u64 && self.seek() {}
        while let Some(decided) = self.path.finish() {
            self.decide(decided);
        }
        self.pitch.truncate(frames);
        Track::new(&self.pitch, &self.powers, self.cycles.perturbation())
    }

    fn hear(&mut self, sample: f32) {
        let (level, slow) = self.decimator.push(sample);
        self.heard += 1;
        self.power += level * level;
        if self.heard.is_multiple_of(HOP as u64) {
            self.powers.push(self.power / HOP as f32);
            self.power = 0.0;
        }
        if let Some(slow) = slow {
            self.slow.push(slow);
            self.seek();
            if self.slow.len() > 2 * KEPT {
                let gone = self.slow.len() - KEPT;
                self.slow.drain(..gone);
                self.begin += gone as u64;
            }
        }
    }

    /// Seeks the pitch of the next frame when all that it looks at is there.
    fn seek(&mut self) -> bool {
        let from = (self.sought * SLOW_HOP as u64).saturating_sub(self.begin) as usize;
        let Some(samples) = self.slow.get(from..from + SPAN).and_then(|span| span.try_into().ok()) else {
            return false;
        };
        self.sought += 1;
        if let Some(decided) = self.path.push(candidates(samples)) {
            self.decide(decided);
        }
        true
    }

    /// A frame is decided, in octaves above 1 Hz.
    fn decide(&mut self, octaves: Option<f32>) {
        let hz = octaves.map(f32::exp2);
        let frame = self.pitch.len() as u64 * SLOW_HOP as u64 + LEAD as u64;
        self.pitch.push(hz);
        let Some(hz) = hz else { return self.cycles.rest() };
        let from = frame.saturating_sub(self.begin).saturating_sub(1) as usize;
        let to = (from + WINDOW).min(self.slow.len());
        if let Some(samples) = self.slow.get(from..to) {
            let start = self.begin + from as u64;
            self.cycles.handle(hz, (start, samples), (frame, frame + SLOW_HOP as u64));
        }
    }
}
