//! The score of the voice: how far the pitch moves, how fast somebody speaks, how even the loudness is.

use super::VoiceTurn;
use crate::{
    lang::Language,
    score::{Band, Evidence, Score, Source, WhyNot},
};

/// Voice that is needed for a score, in milliseconds: two or three sentences.
const ENOUGH_MS: u64 = 3_000;
/// Voice after which a score is fully trusted, in milliseconds.
const SURE_MS: u64 = 15_000;
/// Moments that a score cites at most.
const CITED: usize = 48;
/// How much a turn counts in the baseline: after ten turns, two thirds of it are from them.
const RECENT: f32 = 0.1;

/// The bands that the voice is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToneBands {
    /// Standard deviation of the pitch, in semitones.
    pub pitch_st: Band,
    /// English: words a minute, pauses included.
    pub words_per_minute: Band,
    /// Korean: syllables a second, pauses included, over the speaker's own baseline.
    pub rate_to_own: Band,
    /// Standard deviation of the loudness over the speaker's own baseline.
    pub loudness_to_own: Band,
    /// How much pitch, speed and loudness count.
    pub weights: [f32; 3],
}

impl Default for ToneBands {
    /// Words a minute as Microsoft's Speaker Coach advises; everything else is our own choice.
    fn default() -> Self {
        Self {
            pitch_st: Band::new([0.5, 2.0, 4.5, 8.0]),
            words_per_minute: Band::new([50.0, 100.0, 165.0, 240.0]),
            rate_to_own: Band::new([0.4, 0.8, 1.25, 1.8]),
            loudness_to_own: Band::new([0.0, 0.5, 1.4, 2.5]),
            weights: [0.4, 0.35, 0.25],
        }
    }
}

/// What is usual for one speaker: it begins with what is usual for people and follows the speaker from turn to turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceBaseline {
    /// Korean syllables a second, pauses included.
    pub syllables_per_s: f32,
    /// English words a minute, pauses included.
    pub words_per_minute: f32,
    /// Standard deviation of the loudness, in dB.
    pub loudness_sd_db: f32,
    /// Standard deviation of the pitch, in semitones.
    pub pitch_sd_st: f32,
    /// The median pitch; none before the first turn, since voices differ by more than an octave.
    pub median_f0_hz: Option<f32>,
    /// The level of the voice in dBFS; none before the first turn, since microphones differ by more than that.
    pub level_db: Option<f32>,
    /// Turns that it has followed.
    pub turns: u32,
}

impl Default for VoiceBaseline {
    /// Our own choice, from what is usual in talk: 4.5 syllables a second with pauses (5 to 6 without), 140 words a
    /// minute, 3 semitones, 6 dB.
    fn default() -> Self {
        Self {
            syllables_per_s: 4.5,
            words_per_minute: 140.0,
            loudness_sd_db: 6.0,
            pitch_sd_st: 3.0,
            median_f0_hz: None,
            level_db: None,
            turns: 0,
        }
    }
}

impl VoiceBaseline {
    /// Follows one more turn; one with less than a second of voice teaches nothing.
    pub fn follow(&mut self, turn: &VoiceTurn) {
        if turn.voiced_ms < 1_000 {
            return;
        }
        let towards = |old: f32, new: Option<f32>| new.map_or(old, |new| old + RECENT * (new - old));
        match turn.lang {
            Language::Korean => self.syllables_per_s = towards(self.syllables_per_s, turn.speaking_rate()),
            Language::English => {
                let minute = turn.speaking_rate().map(|rate| rate * 60.0);
                self.words_per_minute = towards(self.words_per_minute, minute);
            }
        }
        self.loudness_sd_db = towards(self.loudness_sd_db, turn.loudness_sd_db);
        self.pitch_sd_st = towards(self.pitch_sd_st, turn.pitch_sd_st);
        let first = |old: Option<f32>, new: Option<f32>| old.map(|old| towards(old, new)).or(new);
        self.median_f0_hz = first(self.median_f0_hz, turn.median_f0_hz);
        self.level_db = first(self.level_db, turn.level_db);
        self.turns += 1;
    }
}

/// One part of the score of the voice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TonePart {
    /// What was measured, in the unit of its band.
    pub measure: f32,
    /// The unit: `semitones`, `words_per_minute` or `times_own`.
    pub unit: &'static str,
    /// The band.
    pub band: Band,
    /// 0 to 100.
    pub score: f32,
}

/// The parts of the score of the voice; none where it could not be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ToneParts {
    /// How far the pitch moves.
    pub pitch: Option<TonePart>,
    /// How fast somebody speaks.
    pub speed: Option<TonePart>,
    /// How even the loudness is.
    pub volume: Option<TonePart>,
}

impl ToneParts {
    /// Their weighted mean over those that could be measured, 0 to 100, and the share of the weights that this is.
    pub fn score(&self, bands: &ToneBands) -> Option<(f32, f32)> {
        let parts = [self.pitch, self.speed, self.volume].into_iter().zip(bands.weights);
        let known =
            parts.filter_map(|(part, weight)| Some((part?.score, weight.max(0.0)))).collect::<Vec<_>>();
        let weight = known.iter().map(|(_, weight)| weight).sum::<f32>();
        let all = bands.weights.iter().map(|weight| weight.max(0.0)).sum::<f32>();
        let sum = known.iter().map(|(score, weight)| score * weight).sum::<f32>();
        (weight > 0.0).then(|| (sum / weight, weight / all))
    }
}

/// Judges the parts over all turns in `lang`; a longer turn counts more.
pub fn parts(turns: &[VoiceTurn], lang: Language, bands: &ToneBands, baseline: &VoiceBaseline) -> ToneParts {
    let turns = turns.iter().filter(|turn| turn.lang == lang).collect::<Vec<_>>();
    let part = |measure: f32, unit, band: Band| TonePart { measure, unit, band, score: band.judge(measure) };
    let time = |turn: &VoiceTurn| turn.speech_ms + turn.pause_ms;
    let (mut units, mut ms) = (0.0, 0.0);
    for turn in turns.iter().filter(|turn| turn.speaking_rate().is_some()) {
        units += turn.units as f32;
        ms += time(turn) as f32;
    }
    let rate = (ms > 0.0).then(|| units * 1000.0 / ms);
    let weighted = |value: fn(&VoiceTurn) -> Option<f32>| {
        let known = turns.iter().filter_map(|turn| Some((value(turn)?, turn.voiced_ms as f32)));
        let (sum, weight) =
            known.fold((0.0, 0.0), |(sum, weight), (value, ms)| (sum + value * ms, weight + ms));
        (weight > 0.0).then(|| sum / weight)
    };
    ToneParts {
        pitch: weighted(|turn| turn.pitch_sd_st).map(|st| part(st, "semitones", bands.pitch_st)),
        speed: rate.map(|rate| match lang {
            Language::English => part(rate * 60.0, "words_per_minute", bands.words_per_minute),
            Language::Korean => {
                part(rate / baseline.syllables_per_s.max(0.1), "times_own", bands.rate_to_own)
            }
        }),
        volume: weighted(|turn| turn.loudness_sd_db)
            .map(|db| part(db / baseline.loudness_sd_db.max(0.1), "times_own", bands.loudness_to_own)),
    }
}

/// The score of the voice over all turns in `lang`. Its measure and band are those of the pitch; its evidence cites for
/// every turn `pitch_range` (semitones), `speed` (words a minute, or syllables a second) and `volume_range` (dB).
pub fn tone(turns: &[VoiceTurn], lang: Language, bands: &ToneBands, baseline: &VoiceBaseline) -> Score {
    let spoken = turns.iter().filter(|turn| turn.lang == lang).collect::<Vec<_>>();
    let voiced = spoken.iter().map(|turn| turn.voiced_ms).sum::<u64>();
    let missing = WhyNot { code: "needs_speech", needs: ENOUGH_MS, has: voiced };
    let judged = parts(turns, lang, bands, baseline);
    let Some((value, coverage)) = judged.score(bands).filter(|_| voiced >= ENOUGH_MS) else {
        return Score::missing(Source::Voice, "semitones", missing);
    };
    Score {
        value: Ok(value.round().clamp(0.0, 100.0) as u8),
        measure: judged.pitch.map(|pitch| pitch.measure),
        unit: "semitones",
        band: Some(bands.pitch_st),
        n: u32::try_from(spoken.len()).unwrap_or(u32::MAX),
        coverage,
        quality: quality(&spoken, voiced),
        source: Source::Voice,
        evidence: evidence(&spoken),
    }
}

/// More voice and less noise can be trusted more: at 20 dB above the noise fully, at 0 dB by half.
fn quality(turns: &[&VoiceTurn], voiced: u64) -> f32 {
    let clear = turns.iter().filter_map(|turn| Some((turn.above_noise_db?, turn.voiced_ms as f32)));
    let (sum, weight) = clear.fold((0.0, 0.0), |(sum, weight), (db, ms)| (sum + db * ms, weight + ms));
    let clear = if weight > 0.0 { (0.5 + sum / weight / 40.0).clamp(0.5, 1.0) } else { 0.5 };
    clear * (voiced as f32 / SURE_MS as f32).clamp(0.0, 1.0)
}

fn evidence(turns: &[&VoiceTurn]) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    for turn in turns {
        let minute = if turn.lang == Language::English { 60.0 } else { 1.0 };
        let values = [
            ("pitch_range", turn.pitch_sd_st),
            ("speed", turn.speaking_rate().map(|rate| rate * minute)),
            ("volume_range", turn.loudness_sd_db),
        ];
        let cite = |(what, value): (_, Option<f32>)| {
            Some(Evidence { span: turn.span, what, value: value?, turn: Some(turn.turn) })
        };
        evidence.extend(values.into_iter().filter_map(cite));
    }
    evidence.split_off(evidence.len().saturating_sub(CITED))
}
