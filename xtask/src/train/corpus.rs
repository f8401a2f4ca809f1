//! Melodies with their keys and chords, as steps of small numbers.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Lengths that are told apart, in quarter notes; whatever else becomes the nearest.
pub(crate) const LENGTHS: [f64; 12] =
    [0.125, 1.0 / 6.0, 0.25, 1.0 / 3.0, 0.5, 2.0 / 3.0, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0];
/// Steps that are told apart: an octave down to an octave up; what is wider counts as an octave.
pub(crate) const INTERVALS: usize = 25;
/// Twelfths of a quarter would be too fine: places of a bar in sixteenths, and what is wider begins again.
pub(crate) const PLACES: usize = 24;
/// Kinds of chords that matter to a melody.
pub(crate) const KINDS: usize = 5;
/// Metres that are told apart.
pub(crate) const METRES: usize = 6;

/// One note, what it stands on, and what follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    /// MIDI key.
    pub(crate) pitch: i32,
    /// Where it begins, in quarter notes.
    pub(crate) onset: f64,
    /// Index of [`LENGTHS`]: until the next note begins.
    pub(crate) length: usize,
    /// To the next note, 12 is none.
    pub(crate) interval: usize,
    /// Where in the bar.
    pub(crate) place: usize,
    /// Semitones above the tonic of its place.
    pub(crate) degree: usize,
    /// 0 major, 1 minor.
    pub(crate) mode: usize,
    /// Root of the chord that it stands on, as a pitch class.
    pub(crate) root: usize,
    /// Kind of that chord.
    pub(crate) kind: usize,
    /// Of the piece.
    pub(crate) metre: usize,
    /// Quarter notes of a bar.
    pub(crate) bar: f64,
}

impl Step {
    /// Semitones of a pitch above this step's chord.
    pub(crate) fn above_root(&self, pitch: i32) -> usize {
        (pitch - self.root as i32).rem_euclid(12) as usize
    }

    /// Its own pitch above its chord.
    pub(crate) fn own_above_root(&self) -> usize {
        self.above_root(self.pitch)
    }
}

/// A melody.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) steps: Vec<Step>,
    /// Quarter notes before the first full bar.
    pub(crate) upbeat: f64,
    /// Chords of the whole: begin, end, root, kind.
    pub(crate) chords: Vec<(f64, f64, usize, usize)>,
}

impl Piece {
    /// One in ten, told by its name, so that it is the same ones in every run.
    pub(crate) fn is_held_out(&self) -> bool {
        Sha256::digest(&self.id)[0] < 26
    }

    /// Root and kind of the chord at a place.
    pub(crate) fn chord(&self, at: f64) -> (usize, usize) {
        chord_at(&self.chords, at)
    }
}

#[derive(Deserialize)]
struct Line {
    id: String,
    group: String,
    metre: (u32, u32),
    notes: Vec<(f64, f64, i32, f64)>,
}

#[derive(Deserialize)]
struct Analysis {
    upbeat: f64,
    key_regions: Vec<Region>,
    chords: Vec<Chord>,
}

#[derive(Deserialize)]
struct Region {
    start: f64,
    tonic: String,
    mode: String,
}

#[derive(Deserialize)]
struct Chord {
    start: f64,
    end: f64,
    root: String,
    quality: String,
}

/// Reads a folder that `melodies.py` and `duologue midi analyze` have filled.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Vec<Piece>> {
    let path = folder.join("melodies.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut pieces = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).context("melodies.jsonl")?;
        let path = folder.join("analysis").join(format!("{}.json", line.id));
        let analysis =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let analysis: Analysis = serde_json::from_str(&analysis).with_context(|| line.id.clone())?;
        pieces.extend(piece(line, &analysis));
    }
    Ok(pieces)
}

fn piece(line: Line, analysis: &Analysis) -> Option<Piece> {
    let chords: Vec<_> = analysis
        .chords
        .iter()
        .filter_map(|chord| Some((chord.start, chord.end, pitch_class(&chord.root)?, kind(&chord.quality))))
        .collect();
    if chords.is_empty() || line.notes.len() < 8 {
        return None;
    }
    let bar = f64::from(line.metre.0) * 4.0 / f64::from(line.metre.1);
    let mut steps = Vec::with_capacity(line.notes.len());
    for (idx, (onset, duration, pitch, place)) in line.notes.iter().enumerate() {
        let next = line.notes.get(idx + 1);
        let region = analysis.key_regions.iter().rev().find(|region| region.start <= *onset + 1e-6);
        let region = region.or(analysis.key_regions.first())?;
        let (root, kind) = chord_at(&chords, *onset);
        steps.push(Step {
            pitch: *pitch,
            onset: *onset,
            length: length(next.map_or(*duration, |next| next.0 - onset)),
            interval: next.map_or(12, |next| interval(next.2 - pitch)),
            place: place_of(*place, bar),
            degree: (pitch - pitch_class(&region.tonic)? as i32).rem_euclid(12) as usize,
            mode: usize::from(region.mode == "minor"),
            root,
            kind,
            metre: metre(line.metre),
            bar,
        });
    }
    Some(Piece { id: line.id, group: line.group, steps, upbeat: analysis.upbeat, chords })
}

fn chord_at(chords: &[(f64, f64, usize, usize)], at: f64) -> (usize, usize) {
    let idx = chords.partition_point(|chord| chord.0 <= at + 1e-6).saturating_sub(1);
    (chords[idx].2, chords[idx].3)
}

/// The nearest length, by ratio.
pub(crate) fn length(quarters: f64) -> usize {
    let far = |length: f64| (quarters.max(0.01) / length).ln().abs();
    (0..LENGTHS.len()).min_by(|a, b| far(LENGTHS[*a]).total_cmp(&far(LENGTHS[*b]))).unwrap_or(0)
}

/// Semitones as an index.
pub(crate) fn interval(semitones: i32) -> usize {
    (semitones.clamp(-12, 12) + 12) as usize
}

/// A place of the bar as an index.
pub(crate) fn place_of(quarters: f64, bar: f64) -> usize {
    (quarters.rem_euclid(bar.max(0.25)) * 4.0).round() as usize % PLACES
}

fn metre(metre: (u32, u32)) -> usize {
    match metre {
        (4, 4) | (2, 2) => 0,
        (3, 4) => 1,
        (2, 4) => 2,
        (6, 8) => 3,
        (9, 8 | 16) | (12, 8) => 4,
        _ => 5,
    }
}

fn kind(quality: &str) -> usize {
    match quality {
        "maj" | "maj7" => 0,
        "min" | "min7" => 1,
        "7" => 2,
        "dim" | "hdim7" | "dim7" => 3,
        _ => 4,
    }
}

fn pitch_class(name: &str) -> Option<usize> {
    let mut letters = name.chars();
    let natural = match letters.next()? {
        'C' => 0_i32,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let bent: i32 = letters
        .map(|sign| match sign {
            '#' | '♯' => 1,
            'b' | '-' | '♭' => -1,
            _ => 0,
        })
        .sum();
    Some((natural + bent).rem_euclid(12) as usize)
}

#[cfg(test)]
mod tests {
    use super::{interval, length, pitch_class, place_of};

    #[test]
    fn notes_become_small_numbers() {
        assert_eq!((length(0.5), length(0.52), length(1.0 / 3.0), length(9.0)), (4, 4, 3, 11));
        assert_eq!((interval(0), interval(-2), interval(30)), (12, 10, 24));
        assert_eq!((place_of(1.5, 4.0), place_of(4.0, 4.0)), (6, 0));
        assert_eq!(
            (pitch_class("Bb"), pitch_class("C#"), pitch_class("Cb"), pitch_class("?")),
            (Some(10), Some(1), Some(11), None)
        );
    }
}
