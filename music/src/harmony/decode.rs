//! The search for the best path: a Viterbi pass over runs of slices.

use super::{
    features::{self, Run, Sum},
    lattice::Lattice,
};
use crate::{chord::Chord, key::Key, metre::Level};

/// Slices of a run at most, and beats: a longer chord is several runs of the same name.
const RUN_SLICES: usize = 40;
const RUN_BEATS: f32 = 4.6;
/// Chords that a run is weighed for in full; the others share too few of its notes.
const CANDIDATES: usize = 8;
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

/// The best path under weights. Neighbours may carry the same chord: a bar line can part them.
pub fn decode(problem: &Problem<'_>, weights: &[f32]) -> Vec<Segment> {
    search(problem, weights, None)
}

#[derive(Clone, Copy)]
struct Cell {
    score: f32,
    /// The boundary where its run began, and the chord before.
    from: u32,
    before: u8,
}

const DEAD: Cell = Cell { score: f32::NEG_INFINITY, from: 0, before: u8::MAX };

pub(super) fn search(problem: &Problem<'_>, weights: &[f32], bias: Option<Bias<'_>>) -> Vec<Segment> {
    let lattice = problem.lattice;
    let count = lattice.len();
    if count == 0 || problem.keys.len() < count || weights.len() < features::COUNT {
        return Vec::new();
    }
    let cuts = cuts(lattice);
    let mut cells = vec![[DEAD; CHORDS]; count + 1];
    for from in (0..count).filter(|from| cuts[*from]) {
        let before = survivors(&cells[from]);
        if from > 0 && before.is_empty() {
            continue;
        }
        let mut entries: [Option<(f32, u8)>; CHORDS] = [None; CHORDS];
        let next_cut = (from + 1..=count).find(|at| cuts[*at]).unwrap_or(count);
        let most = (from + RUN_SLICES).max(next_cut).min(count);
        for to in from + 1..=most {
            let beats = lattice.beats[to] - lattice.beats[from];
            if !cuts[to] {
                continue;
            }
            if beats > RUN_BEATS && to > next_cut {
                break;
            }
            let run = Run::new(lattice, from, to);
            let mut sum = Sum { weights, sum: 0.0 };
            features::of_run(&run, &mut sum);
            let common = sum.sum;
            for chord in candidates(&run, lattice.slices[from].bass, bias.map(|bias| (bias, from, to))) {
                let idx = chord.index();
                let (entry, previous) =
                    *entries[idx].get_or_insert_with(|| enter(problem, weights, (from, chord), &before));
                let mut sum = Sum { weights, sum: 0.0 };
                features::of_chord(&run, chord, &mut sum);
                let mut score = entry + common + sum.sum;
                if let Some((costs, factor)) = bias {
                    score += factor * (costs[to][idx] - costs[from][idx]);
                }
                if score > cells[to][idx].score {
                    let from = u32::try_from(from).unwrap_or(u32::MAX);
                    cells[to][idx] = Cell { score, from, before: previous };
                }
            }
        }
    }
    trace(&cells)
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
    alive.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    alive.truncate(BEAM);
    alive
}

/// The best way into a chord at a boundary: its score so far and the chord before.
fn enter(
    problem: &Problem<'_>,
    weights: &[f32],
    (at, chord): (usize, Chord),
    before: &[(u8, f32)],
) -> (f32, u8) {
    let keys = &problem.keys[at];
    let mut sum = Sum { weights, sum: 0.0 };
    features::of_key(chord, keys, &mut sum);
    let own = sum.sum;
    let level = problem.lattice.slices[at].level;
    let mut best = (if at == 0 { own } else { f32::NEG_INFINITY }, u8::MAX);
    for (idx, score) in before {
        let mut sum = Sum { weights, sum: 0.0 };
        features::of_step((Chord::from_index(usize::from(*idx)), chord), keys, level, &mut sum);
        let total = score + own + sum.sum;
        if total > best.0 {
            best = (total, *idx);
        }
    }
    best
}

/// The chords that share most with what sounds.
fn candidates(run: &Run<'_>, bass: Option<u8>, bias: Option<(Bias<'_>, usize, usize)>) -> Vec<Chord> {
    let (heard, total) = (&run.sounding, run.total);
    let mut scored: Vec<(f32, usize)> = Vec::with_capacity(CHORDS);
    for idx in 0..CHORDS {
        let chord = Chord::from_index(idx);
        let mut score = 0.0;
        for (factor, above) in chord.quality.intervals().iter().enumerate() {
            let time = heard[usize::from((chord.root + above) % 12)];
            score += time / total;
            if time < 1e-4 {
                score -= [0.25, 0.2, 0.1, 0.5][factor];
            }
        }
        score -= if chord.quality.has_seventh() { 0.06 } else { 0.0 };
        if bass == Some(chord.root) {
            score += 0.1;
        }
        if let Some(((costs, factor), from, to)) = bias {
            score += factor * (costs[to][idx] - costs[from][idx]) / run.beats.max(0.1);
        }
        scored.push((score, idx));
    }
    let order = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    scored.select_nth_unstable_by(CANDIDATES, order);
    scored.truncate(CANDIDATES);
    scored.into_iter().map(|(_, idx)| Chord::from_index(idx)).collect()
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
