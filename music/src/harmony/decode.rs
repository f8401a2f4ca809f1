//! The search for the best path: a Viterbi pass over runs of slices.

use super::{
    lattice::Lattice,
    model::{Heard, Model, Part, Scores, Ways},
};
use crate::{chord::Chord, key::Key, metre::Level};

/// Slices of a run at most, and beats: a longer chord is several runs of the same name.
const RUN_SLICES: usize = 40;
const RUN_BEATS: f32 = 4.6;
const LONG_BEATS: f32 = 2.05;
/// Chords that fit a run so much worse than the best are not followed.
const SPREAD: f32 = 1.0;
/// Nor those that come in so much behind the best path to the same place.
const BEHIND: f32 = 1.5;
/// Chords before that a chord is weighed after.
const BEAM: usize = 10;
/// How many chords there are.
pub(super) const CHORDS: usize = 120;

/// A chord and the slices that it holds for: from `from` to before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first slice.
    pub from: usize,
    /// The slice after its last.
    pub to: usize,
    /// What it is.
    pub chord: Chord,
}

/// The keys that may hold in a slice, with their chances.
pub type Keys = Vec<(Key, f32)>;

/// What a search looks at.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The notes.
    pub lattice: &'a Lattice,
    /// The likely keys of every slice.
    pub keys: &'a [Keys],
}

/// Sums of something, before each slice and after the last, that learning adds to chords.
pub(super) type Bias<'a> = (&'a [[f32; CHORDS]], f32);

/// The best path. Neighbours may carry the same chord: a bar line can part them.
pub fn decode(problem: &Problem<'_>, model: &Model) -> Vec<Segment> {
    search(problem, model, None)
}

#[derive(Clone, Copy)]
struct Cell {
    score: f32,
    /// The boundary where its run began, and the chord before.
    from: u32,
    before: u8,
}

const DEAD: Cell = Cell { score: f32::NEG_INFINITY, from: 0, before: u8::MAX };

pub(super) fn search(problem: &Problem<'_>, model: &Model, bias: Option<Bias<'_>>) -> Vec<Segment> {
    let lattice = problem.lattice;
    let count = lattice.len();
    if count == 0 || problem.keys.len() < count {
        return Vec::new();
    }
    let mut search = Search {
        problem,
        model,
        bias,
        cuts: cuts(lattice),
        parts: model.parts(lattice),
        cells: vec![[DEAD; CHORDS]; count + 1],
        tops: vec![f32::NEG_INFINITY; count + 1],
    };
    for from in 0..count {
        if search.cuts[from] {
            search.go_on(from);
        }
    }
    trace(&search.cells)
}

struct Search<'a> {
    problem: &'a Problem<'a>,
    model: &'a Model,
    bias: Option<Bias<'a>>,
    cuts: Vec<bool>,
    parts: Vec<Part>,
    /// For every boundary and chord, the best path that ends there with it; and the best of all chords.
    cells: Vec<[Cell; CHORDS]>,
    tops: Vec<f32>,
}

/// What is known of chords that begin on a slice.
struct Beginning<'a> {
    from: usize,
    begin: Scores,
    ways: Ways<'a>,
    entries: [Option<(f32, u8)>; CHORDS],
}

impl Search<'_> {
    /// Weighs every run that begins on a slice.
    fn go_on(&mut self, from: usize) {
        let before = survivors(&self.cells[from]);
        if from > 0 && before.is_empty() {
            return;
        }
        let (problem, model) = (self.problem, self.model);
        let (lattice, keys) = (problem.lattice, &problem.keys[from]);
        let begin = model.begin(lattice, from, keys);
        let ways = model.ways(lattice.slices[from].level, keys, &before);
        let mut beginning = Beginning { from, begin, ways, entries: [None; CHORDS] };
        let (mut heard, mut is_after_first) = (Heard::default(), false);
        for to in from + 1..=lattice.len() {
            heard.add(&self.parts[to - 1]);
            if !self.cuts[to] {
                continue;
            }
            if is_after_first {
                let beats = lattice.beats[to] - lattice.beats[from];
                if beats > RUN_BEATS || to - from > RUN_SLICES {
                    break;
                }
                // Long chords end on beats.
                if beats > LONG_BEATS && lattice.slices.get(to).is_some_and(|slice| slice.level < Level::Beat)
                {
                    continue;
                }
            }
            is_after_first = true;
            self.weigh(&mut beginning, to, &heard);
        }
    }

    /// Weighs every chord on one run.
    fn weigh(&mut self, beginning: &mut Beginning<'_>, to: usize, heard: &Heard) {
        let (lattice, from) = (self.problem.lattice, beginning.from);
        let mut scores = self.model.fit(heard, lattice.texture);
        for (score, more) in scores.iter_mut().zip(&beginning.begin) {
            *score += more;
        }
        if let Some((costs, factor)) = self.bias {
            for (chord, score) in scores.iter_mut().enumerate() {
                *score += factor * (costs[to][chord] - costs[from][chord]);
            }
        }
        let common = self.model.frame(lattice, (from, to), heard);
        let reach = beginning.ways.most() + common;
        let least = (most(&scores) - SPREAD).max(self.tops[to] - BEHIND - reach);
        let (top, cells) = (&mut self.tops[to], &mut self.cells[to]);
        for (quality, row) in scores.chunks_exact(12).enumerate() {
            // Mostly no chord of a quality is worth a look: twelve are asked at once.
            if !row.iter().fold(false, |any, score| any | (*score > least)) {
                continue;
            }
            for (root, score) in row.iter().enumerate().filter(|(_, score)| **score > least) {
                let chord = quality * 12 + root;
                if reach + score <= cells[chord].score {
                    continue;
                }
                let ways = &beginning.ways;
                let (entry, before) = *beginning.entries[chord]
                    .get_or_insert_with(|| ways.best(chord).unwrap_or((0.0, u8::MAX)));
                let score = entry + common + score;
                if score > cells[chord].score {
                    cells[chord] = Cell { score, from: u32::try_from(from).unwrap_or(u32::MAX), before };
                    *top = top.max(score);
                }
            }
        }
    }
}

/// The highest of all, lane by lane.
fn most(scores: &Scores) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 12];
    for row in scores.chunks_exact(12) {
        for (lane, score) in lanes.iter_mut().zip(row) {
            *lane = if *score > *lane { *score } else { *lane };
        }
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Where chords may change: not between halves of beats, unless nothing else has begun for a beat.
fn cuts(lattice: &Lattice) -> Vec<bool> {
    let mut last = f32::NEG_INFINITY;
    let mut cuts = vec![true; lattice.len() + 1];
    for (idx, slice) in lattice.slices.iter().enumerate() {
        cuts[idx] = idx == 0 || slice.level >= Level::Half || lattice.beats[idx] - last >= 1.0;
        if cuts[idx] {
            last = lattice.beats[idx];
        }
    }
    cuts
}

/// The best chords that end at a boundary.
fn survivors(cells: &[Cell; CHORDS]) -> Vec<(u8, f32)> {
    let mut alive: Vec<(u8, f32)> = (0_u8..)
        .zip(cells)
        .filter(|(_, cell)| cell.score > f32::NEG_INFINITY)
        .map(|(idx, cell)| (idx, cell.score))
        .collect();
    let order = |a: &(u8, f32), b: &(u8, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if alive.len() > BEAM {
        alive.select_nth_unstable_by(BEAM, order);
        alive.truncate(BEAM);
    }
    alive.sort_unstable_by(order);
    alive
}

fn trace(cells: &[[Cell; CHORDS]]) -> Vec<Segment> {
    let Some((mut at, last)) = cells.len().checked_sub(1).zip(cells.last()) else { return Vec::new() };
    let mut chord =
        (0..CHORDS).max_by(|a, b| last[*a].score.total_cmp(&last[*b].score).then(b.cmp(a))).unwrap_or(0);
    let mut path = Vec::new();
    while at > 0 {
        let cell = cells[at][chord];
        let from = cell.from as usize;
        if cell.score == f32::NEG_INFINITY || from >= at {
            break;
        }
        path.push(Segment { from, to: at, chord: Chord::from_index(chord) });
        (at, chord) = (from, usize::from(cell.before));
    }
    path.reverse();
    path
}
