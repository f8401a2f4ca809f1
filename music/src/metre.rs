//! Where bars and beats fall: the metre that a file writes, and the upbeat that it does not.
//!
//! A MIDI file counts bars from its first tick; a piece that begins with an upbeat is out of step with them from
//! there on. The step is found again from what falls on strong beats: long notes, the bass, new harmony.

use crate::score::{Metre, Note, Score};

/// How strong a place in a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Between halves of beats.
    Fine,
    /// Half a beat, or a third of one in 6/8.
    Half,
    /// A beat.
    Beat,
    /// The middle of a bar of an even number of beats.
    Middle,
    /// The beginning of a bar.
    Bar,
}

/// Notes that begin this near to a place (in quarter notes) are on it: people are not machines.
const NEAR: f64 = 0.04;

/// Bars and beats of a whole piece.
#[derive(Clone, Debug)]
pub struct Grid {
    regions: Vec<Region>,
}

#[derive(Clone, Copy, Debug)]
struct Region {
    metre: Metre,
    /// A place where a bar begins.
    anchor: f64,
}

impl Grid {
    /// The bars that a score writes, with the upbeat found.
    pub fn new(score: &Score) -> Self {
        let mut regions: Vec<Region> =
            score.metres.iter().map(|metre| Region { metre: *metre, anchor: metre.at }).collect();
        if regions.is_empty() {
            regions.push(Region { metre: Metre::COMMON, anchor: 0.0 });
        }
        let first = regions[0].metre;
        // A metre begins with a bar: the second one tells where the bars of the first were.
        regions[0].anchor = match regions.get(1) {
            Some(next) => next.metre.at.rem_euclid(first.bar()),
            None => upbeat(score, first),
        };
        Self { regions }
    }

    fn region(&self, at: f64) -> Region {
        let idx = self.regions.partition_point(|region| region.metre.at <= at + NEAR);
        self.regions[idx.saturating_sub(1)]
    }

    /// How strong a place is.
    pub fn level(&self, at: f64) -> Level {
        let region = self.region(at);
        level(region.metre, at - region.anchor)
    }

    /// Quarter notes of the beat there.
    pub fn beat(&self, at: f64) -> f64 {
        self.region(at).metre.beat()
    }

    /// Quarter notes of the bar there.
    pub fn bar(&self, at: f64) -> f64 {
        self.region(at).metre.bar()
    }

    /// Where the bar that holds a place begins; before the piece for an upbeat.
    pub fn bar_start(&self, at: f64) -> f64 {
        let region = self.region(at);
        let bars = ((at - region.anchor + NEAR) / region.metre.bar()).floor();
        (region.anchor + bars * region.metre.bar()).max(if bars >= 0.0 { region.metre.at } else { f64::MIN })
    }

    /// The upbeat's length in quarter notes; 0 without one.
    pub fn upbeat(&self) -> f64 {
        self.regions[0].anchor
    }
}

fn level(metre: Metre, from_bar: f64) -> Level {
    let bar = metre.bar();
    let is_on = |unit: f64, at: f64| {
        let off = at.rem_euclid(unit);
        off < NEAR || unit - off < NEAR
    };
    let is_even = if metre.is_compound() { metre.num.is_multiple_of(6) } else { metre.num.is_multiple_of(2) };
    let beat = metre.beat();
    let part = if metre.is_compound() { beat / 3.0 } else { beat / 2.0 };
    if is_on(bar, from_bar) {
        Level::Bar
    } else if is_even && bar / 2.0 > beat * 0.99 && is_on(bar / 2.0, from_bar) {
        if bar / 2.0 > beat * 1.5 { Level::Middle } else { Level::Beat }
    } else if is_on(beat, from_bar) {
        Level::Beat
    } else if is_on(part, from_bar) {
        Level::Half
    } else {
        Level::Fine
    }
}

/// The length of the upbeat that puts the most weight on the beginnings of bars.
fn upbeat(score: &Score, metre: Metre) -> f64 {
    let (bar, beat) = (metre.bar(), metre.beat());
    let step = if metre.is_compound() { beat / 3.0 } else { (beat / 2.0).min(0.5) };
    let accents = accents(score);
    let last = accents.last().map_or(0.0, |(at, _)| *at);
    let total: f64 = accents.iter().map(|(_, weight)| weight).sum();
    let mut best = (f64::MIN, 0.0);
    let steps = (bar / step).round() as usize;
    for idx in 0..steps.clamp(1, 64) {
        let phase = idx as f64 * step;
        let weight: f64 = accents.iter().map(|(at, weight)| weight * worth(level(metre, at - phase))).sum();
        // Most pieces begin with a bar, the others mostly with one short beat.
        let prior = if idx == 0 {
            0.05
        } else if phase <= bar / 2.0 && phase <= beat * 1.01 {
            0.03
        } else {
            0.0
        };
        // Music comes to rest on a strong beat.
        let rest = 0.05 * worth(level(metre, last - phase));
        let value = weight / total.max(1e-9) + rest + prior;
        if value > best.0 + 1e-9 {
            best = (value, phase);
        }
    }
    best.1
}

fn worth(level: Level) -> f64 {
    match level {
        Level::Bar => 1.0,
        Level::Middle => 0.7,
        Level::Beat => 0.45,
        Level::Half => 0.15,
        Level::Fine => 0.0,
    }
}

/// Places where something begins, and how much: long notes, low notes.
fn accents(score: &Score) -> Vec<(f64, f64)> {
    let notes: Vec<&Note> = score.pitched().collect();
    let mut accents: Vec<(f64, f64)> = Vec::new();
    for (idx, note) in notes.iter().enumerate() {
        let is_bass = !notes[..idx].iter().rev().take(24).any(|other| {
            other.onset + 0.01 < note.end() && other.end() > note.onset + 0.01 && other.pitch < note.pitch
        });
        let weight = note.duration.clamp(0.1, 4.0) * if is_bass { 1.6 } else { 1.0 };
        match accents.last_mut() {
            Some((at, sum)) if note.onset - *at < NEAR => *sum += weight,
            _ => accents.push((note.onset, weight)),
        }
    }
    accents
}
