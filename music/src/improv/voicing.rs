//! Which keys a chord is played with: near to the last ones, within a window.

use super::types::{Complexity, Style};
use crate::{
    chord::{Chord, Quality},
    key::Key,
};

/// Voices at most.
pub(super) const VOICES: usize = 5;

/// Keys, from low to high; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Voices {
    keys: [u8; VOICES],
    count: u8,
}

impl Voices {
    /// The keys.
    pub(super) fn keys(&self) -> &[u8] {
        &self.keys[..usize::from(self.count)]
    }

    fn push(&mut self, key: u8) {
        if let Some(slot) = self.keys.get_mut(usize::from(self.count)) {
            *slot = key;
            self.count += 1;
        }
    }

    /// How far voices move from others, in semitones a voice.
    fn distance(&self, other: &Self) -> f64 {
        if other.count == 0 || self.count == 0 {
            return 0.0;
        }
        let nearest = |key: u8, keys: &[u8]| keys.iter().map(|near| near.abs_diff(key)).min().unwrap_or(12);
        let there: u32 = self.keys().iter().map(|key| u32::from(nearest(*key, other.keys()))).sum();
        let back: u32 = other.keys().iter().map(|key| u32::from(nearest(*key, self.keys()))).sum();
        f64::from(there + back) / f64::from(self.count + other.count)
    }
}

/// The tones that a style plays of a chord, as semitones above its root.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tones {
    above: [u8; VOICES],
    count: usize,
}

impl Tones {
    fn of(list: &[u8]) -> Self {
        let mut tones = Self::default();
        list.iter().for_each(|tone| tones.push(*tone));
        tones
    }

    fn push(&mut self, tone: u8) {
        if let Some(slot) = self.above.get_mut(self.count) {
            *slot = tone;
            self.count += 1;
        }
    }

    /// The semitones.
    pub(super) fn list(&self) -> &[u8] {
        &self.above[..self.count]
    }
}

/// Which tones a style plays of a chord; jazz leaves the root to the bass.
pub(super) fn tones(chord: Chord, key: Key, style: Style, complexity: Complexity) -> Tones {
    let own = chord.quality.intervals();
    let colour = |above: u8| key.has((chord.root + above) % 12);
    let is_plain = complexity == Complexity::Simple;
    match style {
        Style::JazzSwing | Style::Bossa if chord.quality.has_seventh() && !is_plain => {
            let mut tones = Tones::of(&own[1..]);
            let takes_ninth = complexity == Complexity::Complex && colour(2);
            if chord.quality == Quality::Dominant7 && complexity == Complexity::Complex && colour(9) {
                // The thirteenth stands for the fifth.
                tones = Tones::of(&[own[1], own[3], 9]);
            }
            if takes_ninth && chord.quality != Quality::Diminished7 {
                tones.push(14);
            }
            tones
        }
        Style::JazzSwing | Style::Bossa | Style::Blues if chord.quality.has_seventh() => Tones::of(&own[1..]),
        Style::KoreanBallad | Style::PopBallad if complexity != Complexity::Simple => {
            let mut tones = Tones::of(own);
            let warm = style == Style::KoreanBallad || complexity == Complexity::Complex;
            let takes = matches!(chord.quality, Quality::Major | Quality::Minor | Quality::Major7);
            if warm && takes && colour(2) && !chord.quality.has_seventh() {
                tones.push(14);
            }
            tones
        }
        _ => Tones::of(own),
    }
}

/// The place of a chord's tones in a window of keys that moves least from the last.
pub(super) fn place(chord: Chord, tones: Tones, window: (u8, u8), last: &Voices) -> Voices {
    let (low, high) = window;
    let middle = f64::from(low + high) / 2.0;
    let mut best = (f64::MAX, Voices::default());
    let list = tones.list();
    for inversion in 0..list.len().max(1) {
        for octave in 2..8_u8 {
            let voices = stacked(chord, list, inversion, octave * 12);
            let (Some(bottom), Some(top)) = (voices.keys().first(), voices.keys().last()) else { continue };
            let outside = f64::from(low.saturating_sub(*bottom)) + f64::from(top.saturating_sub(high));
            let mean =
                voices.keys().iter().map(|key| f64::from(*key)).sum::<f64>() / voices.keys().len() as f64;
            let cost = voices.distance(last) + 2.0 * outside + 0.12 * (mean - middle).abs();
            if cost < best.0 {
                best = (cost, voices);
            }
        }
    }
    best.1
}

/// Tones in close position, beginning with one of them.
fn stacked(chord: Chord, list: &[u8], inversion: usize, from: u8) -> Voices {
    let mut classes = [0_u8; VOICES];
    for (slot, tone) in classes.iter_mut().zip(list) {
        *slot = (chord.root + tone) % 12;
    }
    let classes = &mut classes[..list.len().min(VOICES)];
    // In rising order from the tone that is lowest: then each is above the one before it.
    let base = list.get(inversion).map_or(0, |tone| (chord.root + tone) % 12);
    classes.sort_by_key(|class| (class + 12 - base) % 12);
    let mut voices = Voices::default();
    let bottom = from + base;
    for class in classes.iter() {
        let key = bottom + (class + 12 - base) % 12;
        if key < 120 {
            voices.push(key);
        }
    }
    voices
}

/// The key of a pitch class that is nearest to another key, within a window of at least an octave.
pub(super) fn nearest(pitch_class: u8, to: u8, window: (u8, u8)) -> u8 {
    let (low, high) = window;
    let first = low + (pitch_class % 12 + 12 - low % 12) % 12;
    let mut best = first;
    let mut key = first;
    while key <= high {
        if key.abs_diff(to) < best.abs_diff(to) {
            best = key;
        }
        key += 12;
    }
    best
}
