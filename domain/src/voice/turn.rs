//! One turn of a person: how it sounded and what was said.

use super::track::{Perturbation, Track};
use crate::{lang::Language, score::Span, turn::TurnId, words};

/// One value of [`VoiceTurn::f0_plot`] stands for so many milliseconds.
pub const F0_PLOT_MS: u64 = 100;

/// What was said in a turn, and when.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Which turn.
    pub turn: TurnId,
    /// When, in session time.
    pub span: Span,
    /// The words.
    pub words: &'a str,
    /// Their language.
    pub lang: Language,
}

/// How one turn sounded.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceTurn {
    /// Which turn.
    pub turn: TurnId,
    /// When, in session time.
    pub span: Span,
    /// What was said.
    pub words: String,
    /// In which language.
    pub lang: Language,
    /// Words of an English turn, syllables of a Korean one, as they are spoken: "3시" has two.
    pub units: u32,
    /// Time of speech without its pauses.
    pub speech_ms: u64,
    /// Time of the pauses inside the speech, each at least a quarter of a second.
    pub pause_ms: u64,
    /// Pauses.
    pub pauses: u32,
    /// Time with voice.
    pub voiced_ms: u64,
    /// The median pitch.
    pub median_f0_hz: Option<f32>,
    /// How far the pitch moves, in semitones; none with less than half a second of voice.
    pub pitch_sd_st: Option<f32>,
    /// The mean level of the voice, in dBFS.
    pub level_db: Option<f32>,
    /// How far the loudness of the voice moves, in dB.
    pub loudness_sd_db: Option<f32>,
    /// How far the voice stands above the noise, in dB.
    pub above_noise_db: Option<f32>,
    /// Diagnostics.
    pub perturbation: Option<Perturbation>,
    /// The pitch, a value every [`F0_PLOT_MS`]; none where there is no voice.
    pub f0_plot: Vec<Option<f32>>,
}

impl VoiceTurn {
    /// Words or syllables a second, pauses included; none when nothing was said.
    pub fn speaking_rate(&self) -> Option<f32> {
        self.rate(self.speech_ms + self.pause_ms)
    }

    /// Words or syllables a second, pauses left out; none when nothing was said.
    pub fn articulation_rate(&self) -> Option<f32> {
        self.rate(self.speech_ms)
    }

    /// The share of the speaking time that is pause, 0 to 1; none when nothing was said.
    pub fn pause_share(&self) -> Option<f32> {
        let all = self.speech_ms + self.pause_ms;
        (all > 0).then(|| self.pause_ms as f32 / all as f32)
    }

    fn rate(&self, ms: u64) -> Option<f32> {
        // Words that a recogniser found in a tenth of a second say nothing about anybody's speed.
        (ms >= 300 && self.units > 0).then(|| self.units as f32 * 1000.0 / ms as f32)
    }
}

/// Puts together how a turn sounded and what was said in it. `track` holds the sound of the turn alone.
pub fn measure(track: &Track, said: &Said<'_>) -> VoiceTurn {
    let pauses = track.pauses();
    VoiceTurn {
        turn: said.turn,
        span: said.span,
        words: said.words.to_owned(),
        lang: said.lang,
        units: match said.lang {
            Language::Korean => words::syllables(said.words),
            Language::English => words::spoken_words(said.words),
        },
        speech_ms: track.speech_ms(),
        pause_ms: pauses.iter().map(|pause| pause.ms()).sum(),
        pauses: u32::try_from(pauses.len()).unwrap_or(u32::MAX),
        voiced_ms: track.voiced_ms(),
        median_f0_hz: track.median_f0(),
        pitch_sd_st: track.semitone_sd(),
        level_db: track.level_db(),
        loudness_sd_db: track.loudness_sd_db(),
        above_noise_db: track.above_noise_db(),
        perturbation: track.perturbation(),
        f0_plot: track.plot(F0_PLOT_MS),
    }
}
