//! Endings of phrases, and the turn-around of jazz.

use crate::{
    analysis::ChordSpan,
    chord::Quality,
    key::{Key, Mode},
};

/// How a phrase ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// V–I with both roots in the bass.
    Authentic,
    /// V–I or vii°–I otherwise.
    Imperfect,
    /// IV–I.
    Plagal,
    /// Anything–V, and a rest or a long note.
    Half,
    /// V–vi, or VI in minor.
    Deceptive,
}

impl Kind {
    /// How it is written in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Authentic => "authentic",
            Self::Imperfect => "imperfect",
            Self::Plagal => "plagal",
            Self::Half => "half",
            Self::Deceptive => "deceptive",
        }
    }
}

/// One ending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Where its last chord begins, in quarter notes.
    pub at: f64,
    /// Which it is.
    pub kind: Kind,
    /// The key that it is in.
    pub key: Key,
}

/// A ii–V–I.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoFiveOne {
    /// Where its first chord begins.
    pub start: f64,
    /// Where its last chord ends.
    pub end: f64,
    /// The key that it goes to.
    pub key: Key,
}

/// An ending is a place to rest: the last chord lasts this much longer than the middling one, or the piece is over.
const REST: f64 = 1.45;

/// Finds endings of phrases among chords in time.
pub fn cadences(chords: &[ChordSpan]) -> Vec<Cadence> {
    let mut lengths: Vec<f64> = chords.iter().map(|span| span.end - span.start).collect();
    lengths.sort_by(f64::total_cmp);
    let Some(middle) = lengths.get(lengths.len() / 2).copied() else { return Vec::new() };
    let mut found = Vec::new();
    for (idx, pair) in chords.windows(2).enumerate() {
        let (before, last) = (&pair[0], &pair[1]);
        let is_end = idx + 2 == chords.len();
        let rests = last.end - last.start >= REST * middle;
        if !is_end && !rests {
            continue;
        }
        if let Some(kind) = kind(before, last) {
            found.push(Cadence { at: last.start, kind, key: last.key });
        }
    }
    found
}

fn kind(before: &ChordSpan, last: &ChordSpan) -> Option<Kind> {
    let (from, to) = (last.key.above(before.chord.root), last.key.above(last.chord.root));
    let is_dominant = matches!(before.chord.quality, Quality::Major | Quality::Dominant7) && from == 7;
    let leads = from == 11 && before.chord.quality.intervals().get(2) == Some(&6);
    let is_triad = matches!(last.chord.quality, Quality::Major | Quality::Minor);
    let in_root = |span: &ChordSpan| span.bass == Some(span.chord.root);
    let is_sixth = to == if last.key.mode == Mode::Major { 9 } else { 8 };
    match to {
        0 if is_triad && is_dominant && in_root(before) && in_root(last) => Some(Kind::Authentic),
        0 if is_triad && (is_dominant || leads) => Some(Kind::Imperfect),
        0 if is_triad && from == 5 && in_root(last) => Some(Kind::Plagal),
        7 if last.chord.quality == Quality::Major && in_root(last) => Some(Kind::Half),
        _ if is_sixth && is_dominant => Some(Kind::Deceptive),
        _ => None,
    }
}

/// Finds every ii–V–I: a minor or half-diminished chord, a dominant a fourth above it, and its resolution.
pub fn two_five_ones(chords: &[ChordSpan]) -> Vec<TwoFiveOne> {
    // Repeats of a root (ii ii7, V V7) are one step.
    let mut steps: Vec<(usize, usize)> = Vec::new();
    for (idx, span) in chords.iter().enumerate() {
        match steps.last_mut() {
            Some((from, to)) if chords[*from].chord.root == span.chord.root => *to = idx,
            _ => steps.push((idx, idx)),
        }
    }
    let mut found = Vec::new();
    for three in steps.windows(3) {
        let (two, five, one) = (&chords[three[0].0], &chords[three[1].1], &chords[three[2].0]);
        let tonic = one.chord.root;
        let is_two = (two.chord.root + 10) % 12 == tonic
            && matches!(
                two.chord.quality,
                Quality::Minor | Quality::Minor7 | Quality::HalfDiminished7 | Quality::Diminished
            );
        let is_five = (five.chord.root + 5) % 12 == tonic
            && matches!(five.chord.quality, Quality::Major | Quality::Dominant7 | Quality::Suspended);
        let mode = match one.chord.quality {
            Quality::Major | Quality::Major7 => Mode::Major,
            Quality::Minor | Quality::Minor7 => Mode::Minor,
            _ => continue,
        };
        if is_two && is_five {
            let end = chords[three[2].1].end;
            found.push(TwoFiveOne { start: two.start, end, key: Key::new(tonic, mode) });
        }
    }
    found
}
