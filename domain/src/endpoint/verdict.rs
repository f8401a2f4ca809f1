//! How long to wait in a pause, by everything that is known about it.
//!
//! The log odds that the turn is over are a sum: what the judge heard, how the words end, how much was said so far,
//! and the silence itself. Pauses end and ends do not, so every moment of silence speaks for an end: by as much as
//! fewer pauses last that long. Their lengths are taken as log-logistic (on a logarithmic scale they spread like a
//! bell, with a heavier tail); of that law the share that lasts longer than `t` is `1 / (1 + (t / median)^shape)`,
//! so the silence adds `ln(1 + (t / median)^shape)`. The wait is the `t` at which the sum reaches the bar.
//!
//! The weights follow a logistic regression over the development half of `cargo xtask bench turns`, both languages
//! and both kinds of silence weighing the same. Rounded, and not to the letter: the length counts less than fitted,
//! because short clips make it too telling, and so does an open end, because short answers often have one.

use super::{speaker::Speaker, tail::Tail};

/// The odds before any evidence, set so that the plainly complete is answered when its words are known: a judge who is
/// asked in the middle of a sentence says "complete" more often than not.
const LEVEL: f32 = -1.0;

/// How far the judge's log odds are believed, and the same once the words are known.
const JUDGE_WEIGHT: f32 = 0.4;
const JUDGE_WEIGHT_WITH_WORDS: f32 = 0.25;

/// What each e-fold of speech adds: beginnings are shorter than wholes. Within bounds, since "yes" is whole too and
/// long stories are as little over as short ones.
const LENGTH_WEIGHT: f32 = 2.0;
const LENGTH_WEIGHT_WITH_WORDS: f32 = 1.3;
const LEVEL_SPEECH_MS: f32 = 1500.0;
const SPEECH_MS: (f32, f32) = (1000.0, 4000.0);

/// Whether something short is whole is told by its words better than by its length, once they are known.
const SPEECH_MS_WITH_WORDS: (f32, f32) = (LEVEL_SPEECH_MS, SPEECH_MS.1);

/// Probabilities are not believed beyond this, on either side.
const SUREST: f32 = 0.99;

/// The median pause inside a turn of somebody of whom nothing is known, and the shape of the law of their lengths.
const PAUSE_MS: f32 = 500.0;
const PAUSE_SHAPE: f32 = 2.5;

/// What the judge has said in a pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinion {
    log_odds: f32,
    /// How often it was asked.
    count: u32,
}

impl Opinion {
    /// One more answer; all count the same: what it hears of a longer silence tells it no more.
    pub(super) fn with(before: Option<Self>, probability: f32) -> Self {
        let newest = log_odds(probability);
        match before {
            Some(Self { log_odds, count }) => {
                let asked = count as f32;
                Self { log_odds: (log_odds * asked + newest) / (asked + 1.0), count: count + 1 }
            }
            None => Self { log_odds: newest, count: 1 },
        }
    }

    /// Whether it is one answer alone.
    pub(super) fn is_single(self) -> bool {
        self.count < 2
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
    /// From the first word of the turn to the last.
    pub(super) speech_ms: u32,
}

impl Evidence {
    /// The log odds that the turn is over, but for the silence.
    pub(super) fn log_odds(self) -> f32 {
        let (judge, length, bounds) = match self.settled {
            true => (JUDGE_WEIGHT_WITH_WORDS, LENGTH_WEIGHT_WITH_WORDS, SPEECH_MS_WITH_WORDS),
            false => (JUDGE_WEIGHT, LENGTH_WEIGHT, SPEECH_MS),
        };
        let speech_ms = (self.speech_ms as f32).clamp(bounds.0, bounds.1);
        LEVEL + judge * self.opinion.log_odds + length * (speech_ms / LEVEL_SPEECH_MS).ln() + self.words()
            - log_odds(self.bar)
    }

    fn words(self) -> f32 {
        match (self.tail, self.settled) {
            (Tail::Final, true) => 2.5,
            (Tail::Likely, true) => 0.7,
            (Tail::Open, true) => -0.3,
            (Tail::Dangling, true) => -2.5,
            // The last word may be missing.
            (Tail::Final, false) => 0.6,
            (Tail::Likely | Tail::Open, false) => 0.0,
            (Tail::Dangling, false) => -1.0,
        }
    }

    /// Silence that ends the turn.
    pub(super) fn wait_ms(self, max_wait_ms: u32, speaker: Speaker) -> u32 {
        let missing = (-self.log_odds()).max(0.0);
        let median = PAUSE_MS * speaker.scale();
        let wait = median * missing.exp_m1().powf(1.0 / PAUSE_SHAPE);
        (wait.min(max_wait_ms as f32) as u32).max(speaker.floor_ms().min(max_wait_ms))
    }

    /// Whether it is an end rather than a pause by the time that half of all pauses are over.
    pub(super) fn is_likely(self) -> bool {
        self.log_odds() >= -std::f32::consts::LN_2
    }
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(1.0 - SUREST, SUREST);
    (probability / (1.0 - probability)).ln()
}
