//! Finds the weights on annotated scores, so that what matters (time with the right chord) grows by itself.
//!
//! For each piece two paths are searched: the best one, and the best one when every wrong beat costs a little. The
//! weights move from the first to the second, which is the slope of the time that is wrong (direct loss minimisation,
//! McAllester, Hazan and Keshet 2010): where an analysis cannot be followed at all, nothing moves, so that neither
//! errors of analysts nor taste pull at the weights as they do with a support vector machine. Steps shrink with how
//! much a weight has moved already (AdaGrad); the mean of all weights on the way is the result.

use super::{
    decode::{CHORDS, Problem, Segment, search},
    features::{self, COUNT, List, Run},
    lattice::Lattice,
    model::Model,
};
use crate::chord::{Chord, Quality};

/// What the analysis says of some quarter notes.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Where it begins, in quarter notes.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// What it is; [`Quality::Other`] when only its root is known.
    pub chord: Chord,
}

/// A piece with its analysis, as costs: what naming each chord costs up to each slice.
pub struct Example<'a> {
    problem: Problem<'a>,
    costs: Vec<[f32; CHORDS]>,
    scale: f32,
}

impl std::fmt::Debug for Example<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Example").field("slices", &self.problem.lattice.len()).finish_non_exhaustive()
    }
}

impl<'a> Example<'a> {
    /// Lays an analysis over a piece.
    pub fn new(problem: Problem<'a>, labels: &[Label]) -> Self {
        let lattice = problem.lattice;
        let mut costs = vec![[0.0; CHORDS]];
        for idx in 0..lattice.len() {
            let (start, end) = (lattice.place(idx), lattice.place(idx + 1));
            let mut row = costs[idx];
            for label in labels.iter().filter(|label| label.start < end && label.end > start) {
                let share = (label.end.min(end) - label.start.max(start)) / (end - start);
                for (chord, cost) in row.iter_mut().enumerate() {
                    *cost += share as f32
                        * lattice.slice_beats(idx)
                        * wrong(label.chord, Chord::from_index(chord));
                }
            }
            costs.push(row);
        }
        let beats = lattice.beats.last().copied().unwrap_or(1.0).max(1.0);
        Self { problem, costs, scale: 10.0 / beats }
    }
}

/// How wrong a guess is, 0 to 1: by root, by major and minor, by everything.
fn wrong(truth: Chord, guess: Chord) -> f32 {
    if truth.root != guess.root {
        return 1.0;
    }
    if truth.quality == Quality::Other {
        return 0.0;
    }
    let third = if truth.quality.is_minor() == guess.quality.is_minor() { 0.0 } else { 0.3 };
    third + if truth.quality == guess.quality { 0.0 } else { 0.35 }
}

/// How to learn.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Passes over all pieces.
    pub epochs: usize,
    /// How far the first step goes.
    pub rate: f32,
    /// How strongly weights are drawn to 0.
    pub decay: f32,
    /// How much a wrong beat costs the path that is moved to.
    pub pull: f32,
}

/// Improves weights; gives the mean of all on the way.
pub fn learn(examples: &[Example<'_>], begin: &[f32], course: Course) -> Vec<f32> {
    let mut weights = begin.to_vec();
    let mut moved = vec![1e-2_f32; COUNT];
    let mut mean = vec![0.0_f64; COUNT];
    let mut steps = 0.0;
    for epoch in 0..course.epochs {
        for example in examples {
            let model = Model::new(&weights);
            let good = search(&example.problem, &model, Some((&example.costs, -course.pull)));
            let bad = search(&example.problem, &model, None);
            let mut slope = vec![0.0; COUNT];
            add_path(&example.problem, &good, example.scale, &mut slope);
            add_path(&example.problem, &bad, -example.scale, &mut slope);
            for idx in 0..COUNT {
                let pull = slope[idx] - course.decay * weights[idx];
                moved[idx] += pull * pull;
                weights[idx] += course.rate * pull / moved[idx].sqrt();
            }
            // The first passes are far from the end: they do not count.
            if epoch * 3 >= course.epochs {
                steps += 1.0;
                for (sum, weight) in mean.iter_mut().zip(&weights) {
                    *sum += f64::from(*weight);
                }
            }
        }
    }
    mean.iter().map(|sum| (sum / steps) as f32).collect()
}

fn add_path(problem: &Problem<'_>, path: &[Segment], factor: f32, values: &mut [f32]) {
    let lattice: &Lattice = problem.lattice;
    let mut out = List { values, factor };
    for (idx, segment) in path.iter().enumerate() {
        let keys = &problem.keys[segment.from];
        let run = Run::new(lattice, segment.from, segment.to);
        features::of_run(&run, &mut out);
        features::of_chord(&run, segment.chord, &mut out);
        features::of_key(segment.chord, keys, &mut out);
        if idx > 0 {
            let level = lattice.slices[segment.from].level;
            features::of_step((path[idx - 1].chord, segment.chord), keys, level, &mut out);
        }
    }
}

/// Weights to begin with: notes belong, roots and thirds are there.
pub fn naive() -> Vec<f32> {
    let mut weights = vec![0.0; COUNT];
    for idx in features::foreign() {
        weights[idx] = -1.0;
    }
    for (idx, value) in features::absences() {
        weights[idx] = value;
    }
    weights
}
