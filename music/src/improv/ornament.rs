//! A melody and its variations: what is sung of a piece, and how its long notes are filled.

use super::dice::Dice;
use crate::{
    key::Key,
    score::{self, Note, Score},
};

/// Two notes nearer than this are one stroke.
const STROKE: f64 = 0.06;
/// A variation has no more notes than this.
const NOTES: usize = 20_000;

/// The highest line of a piece: of what is struck together the top, and nothing far below a note that is held above it.
pub(super) fn melody(score: &Score) -> Vec<Note> {
    let mut line: Vec<Note> = Vec::new();
    for note in score.pitched() {
        match line.last_mut() {
            Some(last) if note.onset - last.onset < STROKE => {
                if note.pitch > last.pitch {
                    *last = *note;
                }
            }
            Some(last) if last.end() > note.onset + STROKE && last.pitch > note.pitch + 4 => {}
            Some(last) => {
                last.duration = last.duration.min(note.onset - last.onset);
                line.push(*note);
            }
            None => line.push(*note),
        }
        if line.len() >= NOTES {
            break;
        }
    }
    for note in &mut line {
        (note.channel, note.track) = (0, 0);
    }
    line
}

/// The same melody with its longer notes turned, led on by step, or answered by their neighbour.
pub(super) fn vary(melody: &[Note], key: Option<Key>, seed: u64) -> Vec<Note> {
    let in_key = |pitch: u8| key.is_none_or(|key| key.has(pitch % 12));
    let step = |pitch: u8, up: bool| {
        let by = |count: u8| if up { pitch.saturating_add(count) } else { pitch.saturating_sub(count) };
        [1, 2, 3].into_iter().map(by).find(|pitch| in_key(*pitch)).unwrap_or(pitch).min(127)
    };
    let mut varied: Vec<Note> = Vec::new();
    for (idx, note) in melody.iter().enumerate() {
        let mut dice = Dice::new(seed, i64::try_from(idx).unwrap_or(0), 81);
        let next = melody.get(idx + 1).map_or(note.pitch, |next| next.pitch);
        let up = next >= note.pitch;
        let cut = |at: f64, len: f64, pitch: u8| Note {
            onset: note.onset + at,
            duration: len,
            pitch,
            velocity: if at > 0.0 { note.velocity.saturating_sub(8).max(1) } else { note.velocity },
            ..*note
        };
        let len = note.duration;
        match (dice.below(4), len) {
            // A turn: the note above, itself, the note below, itself.
            (0, 1.5..) => {
                let part = 0.25;
                varied.push(cut(0.0, len - 1.0, note.pitch));
                for (turn, pitch) in [step(note.pitch, true), note.pitch, step(note.pitch, false), note.pitch]
                    .iter()
                    .enumerate()
                {
                    varied.push(cut(len - 1.0 + part * turn as f64, part, *pitch));
                }
            }
            // Steps on to the next note.
            (1 | 2, 0.9..) => {
                let first = step(note.pitch, up);
                varied.push(cut(0.0, len / 2.0, note.pitch));
                varied.push(cut(len / 2.0, len / 4.0, first));
                varied.push(cut(
                    len * 0.75,
                    len / 4.0,
                    if next.abs_diff(note.pitch) > 3 { step(first, up) } else { note.pitch },
                ));
            }
            // A neighbour and back.
            (_, 0.45..) if dice.chance(0.5) => {
                varied.push(cut(0.0, len / 2.0, note.pitch));
                varied.push(cut(len / 2.0, len / 2.0, step(next, !up)));
            }
            _ => varied.push(*note),
        }
        if varied.len() >= NOTES {
            break;
        }
    }
    score::sort(&mut varied);
    varied
}
