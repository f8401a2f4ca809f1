//! How long to wait in a pause, by everything that is known about it.
//!
//! The judge's probability and the end of the words are added as log odds, so that each can outvote the
//! other only when it is surer. The sum says how much silence ends the turn: none more when it is sure,
//! [`LEVEL_MS`] when it is level, all of the longest wait when it is sure that more will come. The
//! weights are rounded figures that separate pauses from ends in `cargo xtask bench turns`; they are
//! not fitted to the last digit, because the set is small.

use super::{speaker::Speaker, tail::Tail};

/// How far the judge is trusted beside the words, which know better: it gives cut-off beginnings of
/// sentences 0.9 and more half of the time.
const JUDGE_WEIGHT: f32 = 0.6;

/// The same while the words are not known: nearly a threshold, so that the sure ends come at once and the
/// rest waits for the words.
const LONE_JUDGE_WEIGHT: f32 = 4.0;

/// Probabilities are not believed beyond this, on either side.
const SUREST: f32 = 0.99;

/// Log odds from which no more silence is needed.
const SURE: f32 = 2.0;

/// Log odds below which all of the longest wait is waited.
const NEVER: f32 = -4.0;

/// Silence when nothing speaks for either.
const LEVEL_MS: f32 = 600.0;

/// What the judge has said in a pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinion {
    log_odds: f32,
    /// How often it was asked.
    pub(super) count: u32,
}

impl Opinion {
    /// One more answer; the newest counts as much as all before it, since it has heard more.
    pub(super) fn with(before: Option<Self>, probability: f32) -> Self {
        let newest = log_odds(probability);
        match before {
            Some(before) => Self { log_odds: (before.log_odds + newest) / 2.0, count: before.count + 1 },
            None => Self { log_odds: newest, count: 1 },
        }
    }
}

/// What is known in a pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// What the judge said.
    pub(super) opinion: Opinion,
    /// The probability that speaks for neither.
    pub(super) bar: f32,
    /// How the words end.
    pub(super) tail: Tail,
    /// Whether these are all words up to the pause, or the last may be missing.
    pub(super) settled: bool,
}

impl Evidence {
    /// The log odds that the turn is over.
    pub(super) fn log_odds(self) -> f32 {
        let weight = if self.settled { JUDGE_WEIGHT } else { LONE_JUDGE_WEIGHT };
        let judge = weight * (self.opinion.log_odds - log_odds(self.bar));
        let words = match (self.tail, self.settled) {
            (Tail::Final, true) => 1.2,
            (Tail::Final, false) => 0.6,
            (Tail::Open, true) => -0.6,
            (Tail::Open, false) => 0.0,
            (Tail::Dangling, true) => -3.0,
            (Tail::Dangling, false) => -2.0,
        };
        judge + words
    }

    /// Silence that ends the turn.
    pub(super) fn wait_ms(self, max_wait_ms: u32, speaker: Speaker) -> u32 {
        let (odds, longest) = (self.log_odds(), max_wait_ms as f32);
        let level = (LEVEL_MS * speaker.scale()).min(longest);
        let wait = if odds >= 0.0 {
            level * (1.0 - odds / SURE).max(0.0)
        } else {
            level + (longest - level) * (odds / NEVER).min(1.0) * speaker.scale().min(1.0)
        };
        (wait.min(longest) as u32).max(speaker.floor_ms().min(max_wait_ms))
    }

    /// Whether more speaks for an end than against it.
    pub(super) fn is_likely(self) -> bool {
        self.log_odds() >= 0.0
    }
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(1.0 - SUREST, SUREST);
    (probability / (1.0 - probability)).ln()
}
