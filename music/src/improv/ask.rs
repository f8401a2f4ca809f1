//! What people wish to hear, in their words: requests, chord charts and keys.

use std::fmt;

use super::types::Request;
use crate::{chord::Chord, key::Key};

/// A chart that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChart {
    /// The symbol that is none, at most 16 letters of it.
    pub symbol: String,
}

impl fmt::Display for BadChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no chord", self.symbol)
    }
}

impl std::error::Error for BadChart {}

/// A wish to be played something, in English or Korean; none when the words are no such wish.
pub fn parse(_text: &str) -> Option<Request> {
    None
}

/// The chords of a chart such as `Dm7 G7 | Cmaj7`, each with its quarter notes, in bars of four quarters.
///
/// # Errors
/// Names the first symbol that is no chord.
pub fn changes(text: &str) -> Result<Vec<(Chord, f64)>, BadChart> {
    changes_in(text, 4.0)
}

/// The same with bars of so many quarter notes: the chords of a bar share it evenly.
///
/// # Errors
/// Names the first symbol that is no chord.
pub fn changes_in(_text: &str, _bar_quarters: f64) -> Result<Vec<(Chord, f64)>, BadChart> {
    Ok(Vec::new())
}

/// The chart of chords, in bars of so many quarter notes: what [`changes_in`] reads.
pub fn chart(_changes: &[(Chord, f64)], _bar_quarters: f64) -> String {
    String::new()
}

/// A key in words: `G major`, `f# minor`, `Bb`, `Am`, `사장조`, `G장조`.
pub fn key(_text: &str) -> Option<Key> {
    None
}
