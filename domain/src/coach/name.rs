//! The scores and expressions by name: on the wire, for people, and their order.

use crate::{lang::Language, score::Score};

/// The eight labels of an expression, in the order of every array of shares.
pub const EXPRESSIONS: [&str; 8] =
    ["joy", "sadness", "anger", "surprise", "fear", "disgust", "neutral", "contempt"];

/// The scores that a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScoreName {
    /// How much the persona likes them.
    Likability,
    /// How much they lead the talk.
    Initiative,
    /// Pitch, speed and volume of the voice.
    Tone,
    /// Facing the screen.
    Concentration,
    /// Looking at the lens.
    GazeStability,
    /// How often they blink.
    Blinking,
    /// How they sit.
    Posture,
    /// What the face shows.
    Expression,
}

impl ScoreName {
    /// Every score in the order of the feedback document.
    pub const ALL: [Self; 8] = [
        Self::Likability,
        Self::Initiative,
        Self::Tone,
        Self::Concentration,
        Self::GazeStability,
        Self::Blinking,
        Self::Posture,
        Self::Expression,
    ];

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Likability => "likability",
            Self::Initiative => "initiative",
            Self::Tone => "tone",
            Self::Concentration => "concentration",
            Self::GazeStability => "gaze_stability",
            Self::Blinking => "blinking",
            Self::Posture => "posture",
            Self::Expression => "expression",
        }
    }

    /// What people call it.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Korean, Self::Likability) => "호감도",
            (Language::Korean, Self::Initiative) => "주도성",
            (Language::Korean, Self::Tone) => "목소리 톤",
            (Language::Korean, Self::Concentration) => "집중도",
            (Language::Korean, Self::GazeStability) => "시선 안정성",
            (Language::Korean, Self::Blinking) => "눈 깜빡임",
            (Language::Korean, Self::Posture) => "자세",
            (Language::Korean, Self::Expression) => "표정",
            (Language::English, Self::Likability) => "likability",
            (Language::English, Self::Initiative) => "initiative",
            (Language::English, Self::Tone) => "tone of voice",
            (Language::English, Self::Concentration) => "concentration",
            (Language::English, Self::GazeStability) => "eye contact",
            (Language::English, Self::Blinking) => "blinking",
            (Language::English, Self::Posture) => "posture",
            (Language::English, Self::Expression) => "expression shown",
        }
    }

    /// Whether it is measured by the camera.
    pub fn is_of_face(self) -> bool {
        matches!(
            self,
            Self::Concentration | Self::GazeStability | Self::Blinking | Self::Posture | Self::Expression
        )
    }
}

/// What the face mostly showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// More smiling than frowning.
    Positive,
    /// More frowning than smiling.
    Negative,
    /// Neither.
    Neutral,
}

/// Beyond this share of the time smiling less frowning an expression leans one way. (own)
const LEANS: f32 = 0.1;

impl Mood {
    /// By the score of the expression, whose measure is the share of the time smiling less the share frowning; none
    /// while there is too little of it.
    pub fn of(expression: &Score) -> Option<Self> {
        expression.value()?;
        Some(match expression.measure? {
            measure if measure > LEANS => Self::Positive,
            measure if measure < -LEANS => Self::Negative,
            _ => Self::Neutral,
        })
    }

    /// The word of the feedback document.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Korean, Self::Positive) => "긍정적",
            (Language::Korean, Self::Negative) => "부정적",
            (Language::Korean, Self::Neutral) => "중립적",
            (Language::English, Self::Positive) => "positive",
            (Language::English, Self::Negative) => "negative",
            (Language::English, Self::Neutral) => "neutral",
        }
    }
}
