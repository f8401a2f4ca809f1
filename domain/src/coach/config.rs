//! What the coach judges by. Everything that is our own choice is here, with its reason, so that an operator can
//! choose otherwise.

use super::ScoreName;
use crate::{score::Band, voice::ToneBands};

/// The bands, weights and rules of the coach.
#[derive(Clone, Debug, PartialEq)]
pub struct CoachConfig {
    /// Talk share of the person, 0 to 1. Interviews find 50 to 70 % for a candidate, sales talks 43 %.
    pub talk_share: Band,
    /// Questions of the person per minute of the scene. (own)
    pub questions: Band,
    /// Share of the person's turns that bring a topic of their own. (own)
    pub new_topics: Band,
    /// Share of the turns that were not asked for in which they went on by themselves. (own)
    pub continuation: Band,
    /// How talk share, questions, new topics and continuation count in `initiative`. (own)
    pub initiative_weights: [f32; 4],
    /// Pitch, speed and volume of the voice.
    pub tone: ToneBands,
    /// How each score counts in the total, in the order of [`ScoreName::ALL`]. (own)
    pub weights: [f32; 8],
    /// No total before so many turns of the person.
    pub least_turns: u64,
    /// No total before so much time.
    pub least_ms: u64,
    /// No total while less than this share of it could be observed.
    pub least_coverage: f32,
    /// Where the ledger of likability begins.
    pub first_likability: u8,
    /// What one turn can change at most. (own)
    pub likability_step: u8,
    /// What each reason gives or takes, in the order of [`Why::ALL`](super::Why::ALL); empathy by the point. (own)
    pub likability: [i8; 9],
    /// Between two tips.
    pub tip_every_ms: u64,
    /// Between two tips of the same kind. (own)
    pub tip_again_ms: u64,
    /// A score below this is worth a tip. (own)
    pub tip_below: u8,
    /// Time constant of the smoothing of what is shown. (own)
    pub smoothing_ms: u64,
    /// What a shown score moves at most in a second. (own)
    pub points_per_second: f32,
    /// Fillers per hundred words that are worth a tip; 2 to 6 are common.
    pub fillers_per_100: f32,
}

impl Default for CoachConfig {
    fn default() -> Self {
        Self {
            talk_share: Band::new([0.15, 0.40, 0.70, 0.95]),
            questions: Band::new([0.0, 0.5, 4.0, 10.0]),
            new_topics: Band::new([0.0, 0.15, 0.6, 1.2]),
            continuation: Band::new([0.0, 0.6, 1.0, 2.0]),
            initiative_weights: [0.40, 0.25, 0.20, 0.15],
            tone: ToneBands::default(),
            weights: [0.15, 0.15, 0.20, 0.15, 0.10, 0.05, 0.10, 0.10],
            least_turns: 2,
            least_ms: 60_000,
            least_coverage: 0.5,
            first_likability: 50,
            likability_step: 6,
            likability: [4, 1, 1, 1, -4, -3, -1, -2, -2],
            tip_every_ms: 20_000,
            tip_again_ms: 60_000,
            tip_below: 50,
            smoothing_ms: 3_000,
            points_per_second: 5.0,
            fillers_per_100: 6.0,
        }
    }
}

impl CoachConfig {
    /// How much a score counts in the total.
    pub fn weight(&self, name: ScoreName) -> f32 {
        self.weights[name as usize]
    }
}
