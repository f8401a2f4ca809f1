//! The key of a piece as a whole: profiles vote, and the ending has a say of its own.
//!
//! Profiles alone confuse a key with its fifth and its relative. Tonal music says which it is at its end: the last
//! bass note is nearly always the tonic. Whether it is major or minor is told by the whole piece, since a piece in
//! minor may well end with a major chord (the Picardy third).

use super::{Key, Mode, profiles};
use crate::score::{Note, Score};

/// How much each kind of evidence counts, against a correlation of 1.
const LAST_BASS: f32 = 0.55;
const LAST_CHORD: f32 = 0.10;
const LAST_MODE: f32 = 0.05;
const FIRST_BASS: f32 = 0.06;
const PLACES: f32 = 0.25;
const THIRD: f32 = 0.25;

/// A key and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The key.
    pub key: Key,
    /// 0 to 1: how far it is ahead of the next best.
    pub confidence: f32,
}

/// What tells the key of a piece; everything is counted by pitch class.
#[derive(Clone, Debug)]
struct Evidence {
    /// Quarter notes that each sounds.
    durations: [f32; 12],
    /// The lowest of the last notes and of the first.
    last_bass: u8,
    first_bass: u8,
    /// Bits of what sounds at the end.
    last: u16,
}

/// The key of a score; none without a note that has a pitch. `places` are the mean chances of keys over the piece.
pub fn find(score: &Score, places: &[f32; 24]) -> Option<Found> {
    let evidence = Evidence::of(score)?;
    let mut scores: Vec<(f32, Key)> = Key::all().map(|key| (evidence.judge(key, places), key)).collect();
    scores.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.index().cmp(&b.1.index())));
    let (best, next) = (scores[0], scores[1]);
    Some(Found { key: best.1, confidence: ((best.0 - next.0) / 0.5).clamp(0.0, 1.0) })
}

impl Evidence {
    fn of(score: &Score) -> Option<Self> {
        let notes: Vec<&Note> = score.pitched().filter(|note| note.duration > 0.0).collect();
        let (first, end) = (notes.first()?, notes.iter().map(|note| note.end()).fold(0.0, f64::max));
        let mut durations = [0.0; 12];
        for note in &notes {
            // A long note is not heard as much longer as it lasts.
            durations[usize::from(note.pitch_class())] += note.duration.min(4.0) as f32;
        }
        // What is held to the end, or is let go shortly before.
        let last: Vec<&&Note> = notes.iter().filter(|note| note.end() > end - 0.26).collect();
        let opening = notes.iter().take_while(|note| note.onset < first.onset + 0.06);
        Some(Self {
            durations,
            last_bass: last.iter().map(|note| note.pitch).min()? % 12,
            first_bass: opening.map(|note| note.pitch).min()? % 12,
            last: last.iter().fold(0, |mask, note| mask | 1 << note.pitch_class()),
        })
    }

    fn judge(&self, key: Key, places: &[f32; 24]) -> f32 {
        let votes = profiles::ALL.iter().map(|profile| profile.correlation(&self.durations, key));
        let mut score = votes.sum::<f32>() / profiles::ALL.len() as f32;
        if self.last_bass == key.tonic {
            score += LAST_BASS;
        }
        if self.first_bass == key.tonic {
            score += FIRST_BASS;
        }
        let has = |above: u8| self.last >> ((key.tonic + above) % 12) & 1 == 1;
        let (own, other) = if key.mode == Mode::Major { (4, 3) } else { (3, 4) };
        if has(0) && (has(7) || has(own)) {
            score += LAST_CHORD;
        }
        if has(0) && has(own) {
            score += LAST_MODE;
        }
        let third = |above: u8| self.durations[usize::from((key.tonic + above) % 12)];
        let both = third(own) + third(other);
        if both > 0.0 {
            score += THIRD * (third(own) / both - 0.5);
        }
        score + PLACES * places[key.index()].sqrt()
    }
}
