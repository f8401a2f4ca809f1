//! Music for a file: the partner alone, or over what a file holds, without a clock.

use super::types::Settings;
use crate::score::Score;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A solo with its band, over the source's harmony or the style's own.
    Improvisation,
    /// Chords, bass and drums under the source's notes.
    Accompaniment,
    /// The source's melody, ornamented, with another accompaniment.
    Variation,
    /// More of the same after the source's end.
    Continuation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Improvisation, Self::Accompaniment, Self::Variation, Self::Continuation];

    /// `improvisation`, `accompaniment`, `variation`, `continuation`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Improvisation => "improvisation",
            Self::Accompaniment => "accompaniment",
            Self::Variation => "variation",
            Self::Continuation => "continuation",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a piece is made of.
#[derive(Clone, Debug)]
pub struct Offline<'a> {
    /// What is made.
    pub kind: Kind,
    /// What it is made over; without, the settings' changes or the style's own.
    pub source: Option<&'a Score>,
    /// Style, complexity, tempo (of the source when it has one), seed.
    pub settings: Settings,
    /// How long it is to be, in seconds, ending included; an accompaniment or a variation is as long as its source
    /// at most. 600 at most.
    pub seconds: f64,
}

/// Makes a piece: the same input gives the same notes.
pub fn render(_offline: &Offline<'_>) -> Score {
    Score::default()
}
