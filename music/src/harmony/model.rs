//! Weights laid out for the search: a run of slices is judged for all roots of a quality at once.
//!
//! `features` says what every feature is; here their sums are taken in another order. Most features of a run are
//! sums over the tones of a chord, so that they are worked out once a tone and turned to every root.

use super::{
    decode::CHORDS,
    features::{self, LEAST, PASSING_KINDS, Sum},
    lattice::{KINDS, Lattice, TEXTURES},
};
use crate::{
    chord::{Chord, Quality},
    key::{Key, Mode},
    metre::Level,
};

/// One number for each of the chords that can be recognised.
pub(super) type Scores = [f32; CHORDS];
/// Twelve tones twice, so that any root can be read from its place on.
type Turned = [f32; 24];

const NQ: usize = Quality::ALL.len();
/// A chord is entered off the beat, on it, or on a strong one.
const ENTRIES: usize = 3;
/// Keys that a chord is weighed in.
const KEYS: usize = 3;

/// Weights, made ready.
#[derive(Clone, Debug)]
pub struct Model {
    weights: Vec<f32>,
    factors: Vec<Factor>,
    tone: [ToneWeights; 4],
    share: [f32; TEXTURES],
    quality: [f32; NQ],
    /// By mode, quality and degree.
    degrees: Vec<[[f32; 12]; NQ]>,
    /// What each chord does in each key.
    functions: Vec<[u8; CHORDS]>,
    /// By how it is entered, the qualities before and after, and semitones between their roots.
    steps: Vec<[f32; 12]>,
    /// The most that any step is worth, and any function after another by mode.
    most_step: f32,
    most_function: [f32; 2],
}

/// What depends on which tone of a chord of which quality it is.
#[derive(Clone, Copy, Debug)]
struct Factor {
    quality: usize,
    which: usize,
    above: usize,
    absent: f32,
    absent_first: f32,
    share: f32,
    bass_first: f32,
}

/// What depends on which tone it is in any chord.
#[derive(Clone, Copy, Debug, Default)]
struct ToneWeights {
    own: f32,
    passing: f32,
    bass: f32,
    thin: f32,
}

/// What one slice adds to a run.
#[derive(Clone, Debug)]
pub(super) struct Part {
    foreign: [f32; 12],
    sounding: [f32; 12],
    passing: [f32; 12],
    bass: Option<usize>,
    beats: f32,
}

/// What a run holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    foreign: [f32; 12],
    sounding: [f32; 12],
    passing: [f32; 12],
    bass: [f32; 12],
    silence: f32,
    beats: f32,
}

impl Heard {
    /// The run goes on for another slice.
    pub(super) fn add(&mut self, part: &Part) {
        for tone in 0..12 {
            self.foreign[tone] += part.foreign[tone];
            self.sounding[tone] += part.sounding[tone];
            self.passing[tone] += part.passing[tone];
        }
        self.beats += part.beats;
        match part.bass {
            Some(bass) => self.bass[bass] += part.beats,
            None => self.silence += part.beats,
        }
    }
}

fn twice(tones: [f32; 12]) -> Turned {
    let mut turned = [0.0; 24];
    turned[..12].copy_from_slice(&tones);
    turned[12..].copy_from_slice(&tones);
    turned
}

/// The twelve numbers of the tones so far above each root.
fn from_root(turned: &Turned, above: usize) -> &[f32; 12] {
    turned[above..].first_chunk().unwrap_or(&[0.0; 12])
}

impl Model {
    /// Lays weights out; missing ones count as 0.
    pub fn new(weights: &[f32]) -> Self {
        let mut weights = weights.to_vec();
        weights.resize(features::COUNT, 0.0);
        let w = |idx: usize| weights[idx];
        let mut factors = Vec::new();
        for (quality, own) in Quality::ALL.iter().enumerate() {
            for (which, above) in own.intervals().iter().enumerate() {
                let cell = which * NQ + quality;
                factors.push(Factor {
                    quality,
                    which,
                    above: usize::from(*above),
                    absent: w(features::ABSENT + cell),
                    absent_first: w(features::ABSENT_FIRST + cell),
                    share: w(features::FACTOR_SHARE + cell),
                    bass_first: w(features::BASS_FIRST + which) + w(features::BASS_QUALITY + cell)
                        - w(features::BASS_FIRST + 4),
                });
            }
        }
        let tone = std::array::from_fn(|which| ToneWeights {
            own: w(features::OWN_TIME + which),
            passing: w(features::PASSING_FACTOR + which),
            bass: w(features::BASS_SHARE + which) - w(features::BASS_SHARE + 4),
            thin: w(features::THIN_FIRST + which),
        });
        let share = std::array::from_fn(|texture| {
            w(features::FOREIGN_SHARE) + w(features::TEXTURE_FOREIGN + texture)
        });
        let quality = std::array::from_fn(|quality| w(features::QUALITY + quality));
        let (degrees, functions, steps) = (degrees(&weights), functions(), steps(&weights));
        let most = |cells: &[f32]| cells.iter().copied().fold(0.0, f32::max);
        let most_step = most(steps.as_flattened());
        let most_function = [Mode::Major, Mode::Minor].map(|mode| {
            let first = features::step_function(mode, 0);
            most(&weights[first..first + features::FUNCTIONS * features::FUNCTIONS])
        });
        Self { weights, factors, tone, share, quality, degrees, functions, steps, most_step, most_function }
    }

    /// What speaks for a run whatever its chord.
    pub(super) fn frame(&self, lattice: &Lattice, run: (usize, usize), heard: &Heard) -> f32 {
        let mut sum = Sum { weights: &self.weights, sum: 0.0 };
        features::of_frame(lattice, run, &mut sum);
        sum.sum + self.weights[features::SILENT] * heard.silence
    }

    /// What every slice adds to a run.
    pub(super) fn parts(&self, lattice: &Lattice) -> Vec<Part> {
        let part = |idx: usize| {
            let (time, count) = (&lattice.time[idx], &lattice.count[idx]);
            let slice = &lattice.slices[idx];
            let (mut foreign, mut sounding, mut passing) = ([0.0; 12], [0.0; 12], [0.0; 12]);
            for kind in 0..KINDS {
                let (long, many) = (
                    self.weights[features::FOREIGN_TIME + kind],
                    self.weights[features::FOREIGN_COUNT + kind],
                );
                for tone in 0..12 {
                    foreign[tone] += long * time[kind][tone] + many * count[kind][tone];
                    sounding[tone] += time[kind][tone];
                    passing[tone] += if kind < PASSING_KINDS { time[kind][tone] } else { 0.0 };
                }
            }
            Part { foreign, sounding, passing, bass: slice.bass.map(usize::from), beats: slice.beats }
        };
        (0..lattice.len()).map(part).collect()
    }

    /// How well each chord fits a run, apart from how the run begins and what all chords share.
    pub(super) fn fit(&self, heard: &Heard, texture: usize) -> Scores {
        let (beats, of_share) = (heard.beats.max(LEAST), self.share[texture]);
        let sounding: f32 = heard.sounding.iter().sum();
        let total = sounding + LEAST;
        let mut plain = [[0.0; 12]; 4];
        let (mut lacks, mut much, mut own) = ([0.0; 12], [0.0; 12], [0.0; 12]);
        for tone in 0..12 {
            let time = heard.sounding[tone];
            let is_absent = time < LEAST;
            let passing = if is_absent { 0.0 } else { heard.passing[tone] / time };
            lacks[tone] = if is_absent { 1.0 } else { 0.0 };
            much[tone] = (3.0 * time / total).min(1.0);
            own[tone] = time / total;
            let foreign = heard.foreign[tone] + of_share * own[tone];
            let bass = heard.bass[tone] / beats;
            for (row, weights) in plain.iter_mut().zip(&self.tone) {
                row[tone] = weights.own * time + weights.passing * passing + weights.bass * bass - foreign;
            }
        }
        let (plain, lacks, much, own) = (plain.map(twice), twice(lacks), twice(much), twice(own));
        let common = heard.foreign.iter().sum::<f32>()
            + of_share * sounding / total
            + self.weights[features::BASS_SHARE + 4] * (heard.beats - heard.silence) / beats;
        let squared = self.weights[features::FOREIGN_SHARE + 1];
        let mut scores = [common; CHORDS];
        let mut foreign = [sounding / total; CHORDS];
        for factor in &self.factors {
            let at = factor.quality * 12;
            let (Some(row), Some(rest)) =
                (scores[at..].first_chunk_mut::<12>(), foreign[at..].first_chunk_mut::<12>())
            else {
                continue;
            };
            let (plain, lacks) =
                (from_root(&plain[factor.which], factor.above), from_root(&lacks, factor.above));
            let (much, own) = (from_root(&much, factor.above), from_root(&own, factor.above));
            for root in 0..12 {
                row[root] += plain[root] + factor.absent * lacks[root] + factor.share * much[root];
                rest[root] -= own[root];
            }
        }
        for (score, share) in scores.iter_mut().zip(&foreign) {
            *score += squared * share * share;
        }
        scores
    }

    /// What speaks for chords that begin on a slice, whenever they end: its first notes, the bass, the keys.
    pub(super) fn begin(&self, lattice: &Lattice, from: usize, keys: &[(Key, f32)]) -> Scores {
        let slice = &lattice.slices[from];
        let lacks = twice(slice.shares.map(|share| if share < LEAST { 1.0 } else { 0.0 }));
        let mut bass = [0.0; 12];
        if let Some(tone) = slice.bass {
            bass[usize::from(tone)] = 1.0;
        }
        let bass = twice(bass);
        let foreign_bass = if slice.bass.is_some() { self.weights[features::BASS_FIRST + 4] } else { 0.0 };
        let mut scores = [foreign_bass; CHORDS];
        for (quality, row) in scores.chunks_exact_mut(12).enumerate() {
            for score in row.iter_mut() {
                *score += self.quality[quality];
            }
            for (key, chance) in keys {
                let degrees = &self.degrees[usize::from(key.mode == Mode::Minor)][quality];
                let below = usize::from(12 - key.tonic % 12);
                for (root, score) in row.iter_mut().enumerate() {
                    *score += chance * degrees[(root + below) % 12];
                }
            }
        }
        for factor in &self.factors {
            let thin = if slice.tones < 3 { self.tone[factor.which].thin } else { 0.0 };
            let lost = factor.absent_first + thin;
            let (lacks, bass) = (from_root(&lacks, factor.above), from_root(&bass, factor.above));
            for (root, score) in scores[factor.quality * 12..].iter_mut().take(12).enumerate() {
                *score += lost * lacks[root] + factor.bass_first * bass[root];
            }
        }
        scores
    }

    /// The ways into chords on a slice, after each of some chords with their scores, best first.
    pub(super) fn ways<'a>(&'a self, level: Level, keys: &'a [(Key, f32)], before: &[(u8, f32)]) -> Ways<'a> {
        let mut most_function = 0.0;
        for (key, chance) in keys {
            most_function += chance * self.most_function[usize::from(key.mode == Mode::Minor)];
        }
        let rows = before.iter().map(|(chord, score)| {
            let mut functions = [[0.0; features::FUNCTIONS]; KEYS];
            for ((key, chance), row) in keys.iter().zip(&mut functions) {
                let one = usize::from(self.functions[key.index()][usize::from(*chord)]);
                let first = features::step_function(key.mode, one);
                for (cell, weight) in row.iter_mut().zip(&self.weights[first..]) {
                    *cell = chance * weight;
                }
            }
            Way { chord: *chord, score: *score, functions }
        });
        let entry = match level {
            Level::Fine | Level::Half => 0,
            Level::Beat => 1,
            Level::Middle | Level::Bar => 2,
        };
        let most = self.most_step + most_function;
        let functions = keys.iter().map(|(key, _)| &self.functions[key.index()]).take(KEYS).collect();
        Ways { model: self, entry, functions, most, rows: rows.collect() }
    }
}

/// What may come before.
pub(super) struct Ways<'a> {
    model: &'a Model,
    entry: usize,
    /// What every chord does in each of the likely keys.
    functions: Vec<&'a [u8; CHORDS]>,
    /// More than this no step is worth.
    most: f32,
    rows: Vec<Way>,
}

struct Way {
    chord: u8,
    score: f32,
    /// By key, what it is worth to be followed by what does this or that.
    functions: [[f32; features::FUNCTIONS]; KEYS],
}

impl Ways<'_> {
    /// No chord is reached with a better score.
    pub(super) fn most(&self) -> f32 {
        self.rows.first().map_or(0.0, |way| way.score + self.most)
    }

    /// The best score with which a chord is reached, and after which.
    pub(super) fn best(&self, chord: usize) -> Option<(f32, u8)> {
        let (quality, root) = (chord / 12, chord % 12);
        let mut own = [0; KEYS];
        for (function, functions) in own.iter_mut().zip(&self.functions) {
            *function = usize::from(functions[chord]);
        }
        let mut best: Option<(f32, u8)> = None;
        for way in &self.rows {
            if best.is_some_and(|(most, _)| way.score + self.most < most) {
                break;
            }
            let before = usize::from(way.chord);
            let up = (root + 12 - before % 12) % 12;
            let mut score = way.score + self.model.steps[(self.entry * NQ + before / 12) * NQ + quality][up];
            if before != chord {
                for (functions, function) in way.functions.iter().zip(own) {
                    score += functions[function];
                }
            }
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, way.chord));
            }
        }
        best
    }
}

fn degrees(weights: &[f32]) -> Vec<[[f32; 12]; NQ]> {
    let of = |mode: Mode, quality: Quality, root: u8| {
        let mut sum = Sum { weights, sum: 0.0 };
        features::of_key(Chord::new(root, quality), &[(Key::new(0, mode), 1.0)], &mut sum);
        sum.sum
    };
    let rows = |mode| {
        let mut rows = [[0.0; 12]; NQ];
        for (row, quality) in rows.iter_mut().zip(Quality::ALL) {
            for (root, cell) in (0..12).zip(row.iter_mut()) {
                *cell = of(mode, quality, root);
            }
        }
        rows
    };
    vec![rows(Mode::Major), rows(Mode::Minor)]
}

fn functions() -> Vec<[u8; CHORDS]> {
    let of = |key: Key| std::array::from_fn(|chord| features::function(Chord::from_index(chord), key) as u8);
    Key::all().map(of).collect()
}

fn steps(weights: &[f32]) -> Vec<[f32; 12]> {
    let mut steps = Vec::with_capacity(ENTRIES * NQ * NQ);
    for level in [Level::Half, Level::Beat, Level::Middle] {
        for before in Quality::ALL {
            for quality in Quality::ALL {
                let mut row = [0.0; 12];
                for (up, cell) in (0..12).zip(row.iter_mut()) {
                    let mut sum = Sum { weights, sum: 0.0 };
                    let pair = (Chord::new(0, before), Chord::new(up, quality));
                    features::of_step(pair, &[], level, &mut sum);
                    *cell = sum.sum;
                }
                steps.push(row);
            }
        }
    }
    steps
}
