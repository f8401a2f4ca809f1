//! The likeliest course of the pitch: the cheapest path through the candidates of successive frames, decided
//! [`DELAY`] frames later, when what followed has spoken for it.

use super::period::{CANDIDATES, Candidate, Candidates};

/// Frames that a decision waits: longer than a voice takes from one sound to the next, short enough for live plots.
pub(super) const DELAY: usize = 12;
/// What a frame without voice costs: candidates that fit worse than this are noise.
const UNVOICED: f32 = 0.55;
/// What it costs to begin or to end voice.
const SWITCH: f32 = 0.14;
/// What a jump of an octave from one frame to the next costs; a voice moves a twentieth of one.
const JUMP: f32 = 0.6;
/// The state without voice comes after the candidates.
const SILENT: usize = CANDIDATES;
/// States of a frame.
const STATES: usize = CANDIDATES + 1;

/// One frame on its way to a decision.
#[derive(Clone, Copy, Debug)]
struct Step {
    candidates: Candidates,
    /// From which state of the frame before each state is reached most cheaply.
    from: [u8; STATES],
}

/// The cheapest path to every state of the latest frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    /// The last frames, oldest first; at most [`DELAY`] and one.
    steps: std::collections::VecDeque<Step>,
    costs: [f32; STATES],
}

impl Path {
    /// Takes the next frame; gives the pitch in octaves above 1 Hz of the frame [`DELAY`] before it: `None` while there
    /// is no such frame, `Some(None)` when it has no voice.
    pub(super) fn push(&mut self, candidates: Candidates) -> Option<Option<f32>> {
        self.advance(candidates);
        (self.steps.len() > DELAY).then(|| self.decide()).flatten()
    }

    /// Decides the oldest frame that is left; `None` after the last.
    pub(super) fn finish(&mut self) -> Option<Option<f32>> {
        self.decide()
    }

    fn advance(&mut self, candidates: Candidates) {
        let mut costs = [f32::INFINITY; STATES];
        let mut from = [SILENT as u8; STATES];
        let before = self.steps.back().map(|step| step.candidates).unwrap_or_default();
        let before = before.as_slice();
        let first = self.steps.is_empty();
        for (state, candidate) in candidates.as_slice().iter().enumerate() {
            let begun = self.costs[SILENT] + if first { 0.0 } else { SWITCH };
            (costs[state], from[state]) = (begun, SILENT as u8);
            for (last, previous) in before.iter().enumerate() {
                let moved = self.costs[last] + jump(previous, candidate);
                if moved < costs[state] {
                    (costs[state], from[state]) = (moved, last as u8);
                }
            }
            costs[state] += candidate.cost;
        }
        costs[SILENT] = self.costs[SILENT];
        for (last, cost) in self.costs.iter().enumerate().take(before.len()) {
            if cost + SWITCH < costs[SILENT] {
                (costs[SILENT], from[SILENT]) = (cost + SWITCH, last as u8);
            }
        }
        costs[SILENT] += UNVOICED;
        // Only differences matter; without this an hour of sums would lose its last digits.
        let least = costs.iter().copied().fold(f32::INFINITY, f32::min);
        self.costs = costs.map(|cost| cost - least);
        self.steps.push_back(Step { candidates, from });
    }

    /// Follows the cheapest path back to the oldest frame and lets that go.
    fn decide(&mut self) -> Option<Option<f32>> {
        let states = self.costs.iter().enumerate();
        let mut state =
            states.min_by(|one, other| one.1.total_cmp(other.1)).map_or(SILENT, |(state, _)| state);
        for step in self.steps.iter().skip(1).rev() {
            state = usize::from(step.from[state]);
        }
        let oldest = self.steps.pop_front()?;
        // What was decided binds the rest: paths that began elsewhere are no longer possible, but so close behind the
        // latest frame they cost about the same, and keeping them is cheaper than pruning.
        Some(oldest.candidates.as_slice().get(state).map(|candidate| candidate.octaves))
    }
}

fn jump(from: &Candidate, to: &Candidate) -> f32 {
    JUMP * (to.octaves - from.octaves).abs()
}
