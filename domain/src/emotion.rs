//! What a voice and its words show: eight emotions with their shares, and four manners of speaking, 0 to 100.
//!
//! This is what is *shown*, never what is felt: neither a voice nor a word tells what somebody feels (Barrett and others
//! 2019). Every number is a sum of a few cues with weights that are written down here, and comes with the cues that
//! made it. The directions of the cues follow what listeners agree on (Banse & Scherer 1996, Juslin & Laukka 2003); how
//! much each counts is our own choice.

mod manner;
#[cfg(test)]
mod tests;

pub use self::manner::{Gauge, Heard, Input, Manner, manner, word_choice};
use crate::{
    face::Expression,
    lang::Language,
    voice::{VoiceBaseline, VoiceTurn},
    words::WordCounts,
};

/// One cue and what it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// For or against which emotion.
    pub emotion: Expression,
    /// Which cue: `pitch_height`, `loudness`, `speed`, `pitch_range`, `words`, `kindness`.
    pub what: &'static str,
    /// How strong the cue was, −1 to 1: below and above the speaker's own baseline.
    pub value: f32,
    /// What it added to the emotion: its weight times its value.
    pub weight: f32,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// A share for each of [`Expression::ALL`]; together 1.
    pub shares: [(Expression, f32); 8],
    /// The cues, those that did the most first.
    pub reasons: Vec<Reason>,
}

impl Guess {
    /// The emotion with the greatest share.
    pub fn first(&self) -> Expression {
        let greatest = self.shares.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        greatest.map_or(Expression::Neutral, |(emotion, _)| *emotion)
    }
}

/// What each cue adds when it is at its strongest.
struct Weights {
    emotion: Expression,
    pitch_height: f32,
    loudness: f32,
    speed: f32,
    pitch_range: f32,
    words: f32,
    kindness: f32,
}

/// One row an emotion. Neutral has no cue: it is what is left when none is strong.
const WEIGHTS: [Weights; 7] = {
    const fn row(
        emotion: Expression,
        [pitch_height, loudness, speed, pitch_range, words, kindness]: [f32; 6],
    ) -> Weights {
        Weights { emotion, pitch_height, loudness, speed, pitch_range, words, kindness }
    }
    //                     height loud  speed range words kind
    [
        row(Expression::Joy, [0.6, 0.4, 0.4, 0.8, 2.4, 0.9]),
        row(Expression::Sadness, [-0.5, -0.7, -0.7, -0.6, 2.6, -0.4]),
        row(Expression::Anger, [0.2, 1.1, 0.5, 0.2, 2.6, -0.6]),
        row(Expression::Surprise, [0.9, 0.2, 0.1, 0.8, 2.2, 0.0]),
        row(Expression::Fear, [0.7, -0.2, 0.6, -0.4, 2.6, -0.3]),
        row(Expression::Disgust, [-0.3, 0.1, -0.3, -0.1, 2.6, -0.4]),
        row(Expression::Contempt, [-0.4, -0.1, -0.2, -0.2, 2.6, -0.4]),
    ]
};

/// How far neutral is ahead without any cue: 70 % of the whole.
const CALM: f32 = 2.8;
/// A cue that did less is not told.
const TOLD: f32 = 0.05;

/// What a turn shows, compared with what is usual for the speaker. Without a voice the words speak alone.
pub fn guess(voice: Option<&VoiceTurn>, words: &WordCounts, baseline: &VoiceBaseline) -> Guess {
    let cues = Cues::of(voice, baseline);
    let mut sums = [0.0f32; 8];
    let mut reasons = Vec::new();
    for row in &WEIGHTS {
        let named = words.feelings.0[row.emotion as usize];
        let kindness = words.valence().unwrap_or(0.0);
        let parts = [
            ("pitch_height", cues.pitch_height, row.pitch_height),
            ("loudness", cues.loudness, row.loudness),
            ("speed", cues.speed, row.speed),
            ("pitch_range", cues.pitch_range, row.pitch_range),
            ("words", named_much(named, words.sentences), row.words),
            ("kindness", kindness, row.kindness),
        ];
        for (what, value, weight) in parts {
            let did = value * weight;
            sums[row.emotion as usize] += did;
            if did.abs() >= TOLD {
                reasons.push(Reason { emotion: row.emotion, what, value, weight: did });
            }
        }
    }
    sums[Expression::Neutral as usize] = CALM;
    reasons.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
    Guess { shares: shares(sums), reasons }
}

/// One word in a sentence or two is strong; in a long story it is less.
fn named_much(named: u32, sentences: u32) -> f32 {
    (1.5 * named as f32 / (sentences as f32 + 0.5)).clamp(0.0, 1.0)
}

/// Shares by the exponential of each sum.
fn shares(sums: [f32; 8]) -> [(Expression, f32); 8] {
    let powers = sums.map(f32::exp);
    let all = powers.iter().sum::<f32>();
    Expression::ALL.map(|emotion| (emotion, powers[emotion as usize] / all))
}

/// How a voice differs from what is usual for it, each −1 to 1.
#[derive(Clone, Copy, Debug, Default)]
struct Cues {
    pitch_height: f32,
    loudness: f32,
    speed: f32,
    pitch_range: f32,
}

impl Cues {
    /// Four semitones, six decibels, a third of the speed and half of the range are as much as counts.
    fn of(voice: Option<&VoiceTurn>, baseline: &VoiceBaseline) -> Self {
        let Some(voice) = voice else { return Self::default() };
        let bounded =
            |value: Option<f32>| value.filter(|value| value.is_finite()).unwrap_or(0.0).clamp(-1.0, 1.0);
        let both = |one: Option<f32>, other: Option<f32>| Some((one?, other?));
        let semitones = |(hz, own): (f32, f32)| 12.0 * (hz / own.max(1.0)).log2() / 4.0;
        let usual = match voice.lang {
            Language::Korean => baseline.syllables_per_s,
            Language::English => baseline.words_per_minute / 60.0,
        };
        Self {
            pitch_height: bounded(both(voice.median_f0_hz, baseline.median_f0_hz).map(semitones)),
            loudness: bounded(both(voice.level_db, baseline.level_db).map(|(db, own)| (db - own) / 6.0)),
            speed: bounded(voice.speaking_rate().map(|rate| 3.0 * (rate / usual.max(0.1) - 1.0))),
            pitch_range: bounded(
                voice.pitch_sd_st.map(|st| 2.0 * (st / baseline.pitch_sd_st.max(0.1) - 1.0)),
            ),
        }
    }
}
