//! What is kept of a scene for its report: aggregates and moments, never sound and never pictures.

use std::{collections::VecDeque, sync::Arc};

use super::{Card, LikabilityChange, Line, Tip};

/// Points of the timeline; when there are more, every second one is left out and the rest is twice as far apart, so
/// that a scene of a minute and one of four hours both fit a page.
const POINTS: usize = 480;
/// The first distance between two points.
const FIRST_STEP_MS: u64 = 1_000;
/// Turns whose pitch is kept.
pub(super) const PITCHES: usize = 64;

/// All that is known of a scene, for the store and the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The scores as they are now.
    pub card: Card,
    /// How they came about.
    pub report: Report,
}

/// How the scores came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The scores over time.
    pub timeline: Vec<Moment>,
    /// The pitch of the person's turns.
    pub pitch: Vec<Arc<Pitch>>,
    /// Where the eyes went: 9 rows of 16 cells from the top left, each the share of the time.
    pub gaze: [[f32; 16]; 9],
    /// Share of the time on target, 0 to 1.
    pub on_target: Option<f32>,
    /// Who spoke when.
    pub talk: Vec<Line>,
    /// The counts behind it.
    pub facts: TalkFacts,
    /// The tips that were given.
    pub tips: Vec<Tip>,
    /// Every change of likability.
    pub likability: Vec<LikabilityChange>,
}

/// What was counted in the talk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TalkFacts {
    /// Turns of the person.
    pub turns: u32,
    /// Their share of the talk, 0 to 1.
    pub talk_share: Option<f32>,
    /// Their questions per minute.
    pub questions_per_minute: f32,
    /// Their median latency in milliseconds.
    pub latency_ms: Option<i64>,
    /// How often they cut the persona off.
    pub interruptions: u32,
}

/// The scores at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in milliseconds since the session began.
    pub at_ms: u64,
    /// In the order of [`super::ScoreName::ALL`].
    pub scores: [Option<u8>; 8],
    /// All of them as one.
    pub total: Option<u8>,
}

/// The pitch of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Pitch {
    /// Where it begins, in milliseconds since the session began.
    pub from_ms: u64,
    /// Between two values.
    pub step_ms: u64,
    /// Hz; `None` where the voice is silent or has no pitch.
    pub hz: Vec<Option<f32>>,
}

/// The scores over time, bounded.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    points: VecDeque<Moment>,
    step_ms: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { points: VecDeque::new(), step_ms: FIRST_STEP_MS }
    }
}

impl Timeline {
    /// Notes the scores; between two points the newest replaces the last.
    pub(super) fn note(&mut self, card: &Card) {
        let scores = std::array::from_fn(|index| card.scores[index].value());
        let moment = Moment { at_ms: card.at_ms, scores, total: card.total.value() };
        let step = card.at_ms / self.step_ms;
        match self.points.back_mut() {
            Some(last) if last.at_ms / self.step_ms >= step => *last = moment,
            _ => self.points.push_back(moment),
        }
        if self.points.len() > POINTS {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.step_ms *= 2;
        }
    }

    pub(super) fn points(&self) -> Vec<Moment> {
        self.points.iter().copied().collect()
    }
}
