//! What was heard, frame by frame, and what can be said of all of it.

use super::level::{SILENCE_DB, db_of_power, deviation, mean, percentile};
use crate::score::Span;

/// Length of a frame in milliseconds.
pub const FRAME_MS: u64 = 10;
/// Voice that is shorter than this, in frames, is a click that happened to repeat.
const SHORTEST_VOICE: usize = 3;
/// Voice so far below the loud parts of the track, in dB, is hum or somebody far away.
const QUIETEST_VOICE_DB: f32 = 32.0;
/// Sound so far below the loud parts is no speech (de Jong & Wempe 2009 take 25 dB).
const QUIETEST_SPEECH_DB: f32 = 25.0;
/// Sound must be so far above the quiet parts of the track to be speech without voice, such as an "s".
const ABOVE_NOISE_DB: f32 = 6.0;
/// Speech comes in pieces at least so long, in frames; a cup put on a table is shorter.
const SHORTEST_SPEECH: usize = 4;
/// A silence of this length, in milliseconds, is a pause and no closed consonant (Goldman-Eisler 1968).
const PAUSE_MS: u64 = 250;
/// Half a second of voice: with less, the spread of pitch says nothing.
const ENOUGH_VOICE: usize = 50;

/// 10 ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The pitch; none where there is no voice.
    pub f0_hz: Option<f32>,
    /// The level of 30 ms around its middle, full scale being 0; −120 for silence.
    pub dbfs: f32,
}

impl Frame {
    /// Whether there is voice in it.
    pub fn voiced(self) -> bool {
        self.f0_hz.is_some()
    }
}

/// How steady the single periods of the voice are: diagnostics, never a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perturbation {
    /// Mean change from one period to the next, over the mean period (mean|Tᵢ − Tᵢ₊₁| / mean T).
    pub jitter: f32,
    /// Mean change of the height from one period to the next, in dB (mean |20·log₁₀(Aᵢ₊₁/Aᵢ)|).
    pub shimmer_db: f32,
    /// Periods that were measured.
    pub cycles: u32,
}

/// A stretch of sound, frame by frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    frames: Vec<Frame>,
    /// For each frame, whether somebody speaks.
    speech: Vec<bool>,
    perturbation: Option<Perturbation>,
}

impl Track {
    /// A track from the pitch and the mean power of each frame.
    pub(super) fn new(pitch: &[Option<f32>], powers: &[f32], perturbation: Option<Perturbation>) -> Self {
        let level = |at: usize| {
            let around = &powers[at.saturating_sub(1)..(at + 2).min(powers.len())];
            db_of_power(around.iter().sum::<f32>() / around.len() as f32)
        };
        let mut frames = (0..powers.len())
            .map(|at| Frame { f0_hz: pitch.get(at).copied().flatten(), dbfs: level(at) })
            .collect::<Vec<_>>();
        keep_the_speaker(&mut frames);
        let speech = speech(&frames);
        Self { frames, speech, perturbation }
    }

    /// All frames.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How long it is.
    pub fn ms(&self) -> u64 {
        self.frames.len() as u64 * FRAME_MS
    }

    /// How long there was voice.
    pub fn voiced_ms(&self) -> u64 {
        self.frames.iter().filter(|frame| frame.voiced()).count() as u64 * FRAME_MS
    }

    /// The pitch that half of the voiced frames are below.
    pub fn median_f0(&self) -> Option<f32> {
        percentile(&mut self.voiced(|frame| frame.f0_hz), 0.5)
    }

    /// How far the pitch moves: the standard deviation of 12·log₂(f0/median) without the lowest and the highest 5 %.
    /// None with less than half a second of voice.
    pub fn semitone_sd(&self) -> Option<f32> {
        let median = self.median_f0()?;
        let mut semitones = self.voiced(|frame| frame.f0_hz.map(|hz| 12.0 * (hz / median).log2()));
        if semitones.len() < ENOUGH_VOICE {
            return None;
        }
        let (low, high) = (percentile(&mut semitones, 0.05)?, percentile(&mut semitones, 0.95)?);
        semitones.retain(|semitone| (low..=high).contains(semitone));
        deviation(&semitones)
    }

    /// The mean level of the voice, in dBFS.
    pub fn level_db(&self) -> Option<f32> {
        mean(&self.voiced(|frame| Some(frame.dbfs)))
    }

    /// How far the loudness of the voice moves, in dB. None with less than half a second of voice.
    pub fn loudness_sd_db(&self) -> Option<f32> {
        let levels = self.voiced(|frame| Some(frame.dbfs));
        (levels.len() >= ENOUGH_VOICE).then(|| deviation(&levels)).flatten()
    }

    /// How far the voice stands above the quiet parts, in dB: an estimate of the signal-to-noise ratio.
    pub fn above_noise_db(&self) -> Option<f32> {
        let mut levels = self.frames.iter().map(|frame| frame.dbfs).collect::<Vec<_>>();
        Some(self.level_db()? - percentile(&mut levels, 0.05)?)
    }

    /// From the first sound of speech to the last, in milliseconds of the track; none when nobody spoke.
    pub fn spoken(&self) -> Option<Span> {
        let first = self.speech.iter().position(|speech| *speech)?;
        let last = self.speech.iter().rposition(|speech| *speech)?;
        Some(span(first, last + 1))
    }

    /// The pauses inside what was spoken, in milliseconds of the track.
    pub fn pauses(&self) -> Vec<Span> {
        let Some(spoken) = self.spoken() else { return Vec::new() };
        let inside = |pause: &Span| pause.from_ms > spoken.from_ms && pause.to_ms < spoken.to_ms;
        runs(&self.speech, false)
            .map(|(from, to)| span(from, to))
            .filter(|pause| pause.ms() >= PAUSE_MS && inside(pause))
            .collect()
    }

    /// How long somebody spoke: from the first sound to the last without the pauses.
    pub fn speech_ms(&self) -> u64 {
        let pauses = self.pauses().into_iter().map(Span::ms).sum::<u64>();
        self.spoken().map_or(0, Span::ms).saturating_sub(pauses)
    }

    /// How steady the periods are; none with too few of them.
    pub fn perturbation(&self) -> Option<Perturbation> {
        self.perturbation
    }

    /// The part between two milliseconds of the track. Who speaks in it is judged by the whole.
    pub fn part(&self, part: Span) -> Self {
        let at = |ms: u64| usize::try_from(ms / FRAME_MS).unwrap_or(usize::MAX).min(self.frames.len());
        let (from, to) = (at(part.from_ms), at(part.to_ms).max(at(part.from_ms)));
        Self {
            frames: self.frames[from..to].to_vec(),
            speech: self.speech[from..to].to_vec(),
            perturbation: self.perturbation,
        }
    }

    /// The pitch for a plot: the median of every `step_ms`, none where less than half of it is voiced.
    pub fn plot(&self, step_ms: u64) -> Vec<Option<f32>> {
        let step = usize::try_from(step_ms / FRAME_MS).unwrap_or(1).max(1);
        let middle = |frames: &[Frame]| {
            let mut voiced = frames.iter().filter_map(|frame| frame.f0_hz).collect::<Vec<_>>();
            (2 * voiced.len() >= frames.len()).then(|| percentile(&mut voiced, 0.5)).flatten()
        };
        self.frames.chunks(step).map(middle).collect()
    }

    fn voiced(&self, value: impl Fn(&Frame) -> Option<f32>) -> Vec<f32> {
        self.frames.iter().filter(|frame| frame.voiced()).filter_map(value).collect()
    }
}

fn span(from: usize, to: usize) -> Span {
    Span { from_ms: from as u64 * FRAME_MS, to_ms: to as u64 * FRAME_MS }
}

/// Runs of one value, from and to.
fn runs(flags: &[bool], value: bool) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    flags.chunk_by(|one, other| one == other).filter_map(move |run| {
        let from = at;
        at += run.len();
        (run[0] == value).then_some((from, at))
    })
}

/// Takes voice away where it is too short or too quiet to be the speaker's.
fn keep_the_speaker(frames: &mut [Frame]) {
    let mut levels = frames.iter().filter(|frame| frame.voiced()).map(|frame| frame.dbfs).collect::<Vec<_>>();
    let least = percentile(&mut levels, 0.95).map_or(SILENCE_DB, |loud| loud - QUIETEST_VOICE_DB);
    for frame in frames.iter_mut().filter(|frame| frame.dbfs < least) {
        frame.f0_hz = None;
    }
    let voiced = frames.iter().map(|frame| frame.voiced()).collect::<Vec<_>>();
    for (from, to) in runs(&voiced, true).filter(|(from, to)| to - from < SHORTEST_VOICE) {
        frames[from..to].iter_mut().for_each(|frame| frame.f0_hz = None);
    }
}

/// Which frames are speech: voice, and sound that stands out of the noise and is not far below the loud parts.
fn speech(frames: &[Frame]) -> Vec<bool> {
    let mut levels = frames.iter().map(|frame| frame.dbfs).collect::<Vec<_>>();
    let mut voiced = frames.iter().filter(|frame| frame.voiced()).map(|frame| frame.dbfs).collect::<Vec<_>>();
    let (Some(quiet), Some(loud)) = (percentile(&mut levels, 0.05), percentile(&mut voiced, 0.95)) else {
        return vec![false; frames.len()];
    };
    // Where somebody speaks all the time, the quiet parts are speech too: the noise is taken for no more than this.
    let noise = quiet.min(loud - 2.0 * QUIETEST_SPEECH_DB / 3.0);
    let least = (loud - QUIETEST_SPEECH_DB).max(noise + ABOVE_NOISE_DB);
    let mut speech = frames.iter().map(|frame| frame.voiced() || frame.dbfs > least).collect::<Vec<_>>();
    let short = runs(&speech, true).filter(|(from, to)| to - from < SHORTEST_SPEECH).collect::<Vec<_>>();
    for (from, to) in short {
        if frames[from..to].iter().all(|frame| !frame.voiced()) {
            speech[from..to].fill(false);
        }
    }
    speech
}
