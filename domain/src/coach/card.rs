//! All scores at one moment, and what the face and the turns hand to the coach.

use std::sync::Arc;

use super::{Mood, ScoreName};
use crate::{
    face::Face,
    lang::Language,
    persona::SpeechLevel,
    score::{Score, Source, Span, WhyNot},
    turn::TurnId,
    words::WordCounts,
};

/// How much of a face the slowest of its scores needs: a minute, since blinks are few.
const FACE_NEEDS_MS: u64 = 60_000;

/// All scores at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// When, in milliseconds since the session began.
    pub at_ms: u64,
    /// The turn that goes on.
    pub turn: TurnId,
    /// In the order of [`ScoreName::ALL`]. The values are those that are shown, smoothed.
    pub scores: [Score; 8],
    /// All of them as one.
    pub total: Score,
    /// Shares of the eight expressions in the order of [`super::EXPRESSIONS`].
    pub shares: [f32; 8],
    /// What the face mostly showed, when that is known.
    pub mood: Option<Mood>,
    /// One sentence in the person's language.
    pub summary: String,
    /// The person's language.
    pub language: Language,
}

impl Card {
    /// One score.
    pub fn score(&self, name: ScoreName) -> &Score {
        &self.scores[name as usize]
    }

    /// Whether a person would see a difference.
    pub fn shows_the_same_as(&self, other: &Self) -> bool {
        let same = |mine: &Score, theirs: &Score| mine.value == theirs.value && mine.n == theirs.n;
        self.turn == other.turn
            && self.summary == other.summary
            && self.mood == other.mood
            && same(&self.total, &other.total)
            && self.scores.iter().zip(&other.scores).all(|(mine, theirs)| same(mine, theirs))
    }
}

/// Why there is no face to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFace {
    /// None has been seen yet.
    Unseen,
    /// Expression analysis is switched off.
    SwitchedOff,
    /// The part that measures it keeps failing.
    Failed,
}

/// What the face shows at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceReading {
    /// When, in milliseconds since the session began.
    pub at_ms: u64,
    /// Blinks per minute.
    pub blinking: Score,
    /// Looking at the lens.
    pub gaze_stability: Score,
    /// Facing the screen.
    pub concentration: Score,
    /// The head.
    pub posture: Score,
    /// Smile against frown.
    pub expression: Score,
    /// Shares of the eight expressions in the order of [`super::EXPRESSIONS`].
    pub shares: [f32; 8],
    /// Share of the last half minute with a smile, 0 to 1.
    pub smiling: f32,
    /// Share of the time with a face, 0 to 1.
    pub present: f32,
    /// Where the eyes went: 9 rows of 16 cells from the top left, each the share of the time.
    pub gaze: [[f32; 16]; 9],
}

impl FaceReading {
    /// What the tracker says at `at_ms`.
    pub fn of(face: &Face, at_ms: u64) -> Self {
        let scores = face.scores(at_ms);
        let cells = face.gaze_grid();
        let all = cells.iter().flatten().sum::<f32>();
        Self {
            at_ms,
            blinking: scores.blinking,
            gaze_stability: scores.gaze_stability,
            concentration: scores.concentration,
            posture: scores.posture,
            expression: scores.expression,
            shares: scores.shares.map(|(_, share)| share),
            smiling: scores.smiling,
            present: scores.present,
            gaze: cells.map(|row| row.map(|cell| if all > 0.0 { cell / all } else { 0.0 })),
        }
    }

    /// A reading of no face at all.
    pub fn none(at_ms: u64, why: NoFace) -> Self {
        let why = match why {
            NoFace::Unseen => WhyNot { code: "needs_face", needs: FACE_NEEDS_MS, has: 0 },
            NoFace::SwitchedOff => WhyNot { code: "switched_off", needs: 0, has: 0 },
            NoFace::Failed => WhyNot { code: "part_failed", needs: 0, has: 0 },
        };
        let missing = |unit| Score::missing(Source::Face, unit, why);
        Self {
            at_ms,
            blinking: missing("per_minute"),
            gaze_stability: missing("share"),
            concentration: missing("share"),
            posture: missing("score"),
            expression: missing("share"),
            shares: [0.0; 8],
            smiling: 0.0,
            present: 0.0,
            gaze: [[0.0; 16]; 9],
        }
    }
}

/// What was counted in the words of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// Words (English) or words between spaces (Korean).
    pub words: u32,
    /// Questions.
    pub questions: u32,
    /// Fillers.
    pub fillers: u32,
    /// Sentence endings that show a level of speech, and those of them that are 존댓말; in English none.
    pub endings: u32,
    /// See `endings`.
    pub polite_endings: u32,
    /// English: please, thank you, would you.
    pub polite_forms: u32,
    /// Emotional reaction, interpretation and exploration, each 0 to 2, together 0 to 6.
    pub empathy: u8,
    /// Words of a good and of a bad colour.
    pub positive: u32,
    /// See `positive`.
    pub negative: u32,
    /// Phrases that begin a topic: by the way, 그나저나.
    pub new_topics: u32,
}

impl Said {
    /// What was counted, without the places.
    pub fn of(counts: &WordCounts) -> Self {
        let empathy = counts.empathy;
        Self {
            words: counts.words,
            questions: counts.questions,
            fillers: counts.fillers.len() as u32,
            endings: counts.endings,
            polite_endings: counts.polite_endings,
            polite_forms: counts.polite_forms,
            empathy: empathy.reaction + empathy.interpretation + empathy.exploration,
            positive: counts.positive,
            negative: counts.negative,
            new_topics: counts.new_topics,
        }
    }
}

/// Something that the person said.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonTurn {
    /// Which turn.
    pub turn: TurnId,
    /// The item of the conversation.
    pub item: Arc<str>,
    /// When; empty for what was written.
    pub span: Span,
    /// The words.
    pub text: String,
    /// In which language.
    pub language: Language,
    /// What was counted in them.
    pub said: Said,
    /// How the persona speaks at this intimacy, and so expects to be spoken to.
    pub level: SpeechLevel,
    /// Whether it was spoken.
    pub spoken: bool,
}

/// Something that the persona said.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonaTurn {
    /// Which turn.
    pub turn: TurnId,
    /// The item of the conversation.
    pub item: Arc<str>,
    /// When it was heard; empty for what was written.
    pub span: Span,
    /// The words that were heard.
    pub text: String,
    /// In which language.
    pub language: Language,
    /// Whether the person stopped it.
    pub stopped: bool,
}
