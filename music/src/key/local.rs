//! The key of every place: a hidden Markov chain over the slices of a piece.
//!
//! Each key explains the pitch classes of a slice by the shares that its profile gives them; going to another key
//! costs, the less the nearer it is. Forward and backward passes give each slice the probabilities of all keys.

use super::{Key, Mode, profiles::ALBRECHT_SHANAHAN};

/// How much one beat of sound counts: notes within a beat are far from independent.
const EVIDENCE: f32 = 1.6;
/// ln of the chance, a beat, of leaving a key at all.
const LEAVE: f32 = -3.6;

/// One slice as the chain sees it.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Beats that it lasts.
    pub beats: f32,
    /// Share of each pitch class of what sounds; adds up to 1, or to 0 in silence.
    pub shares: [f32; 12],
}

/// The probability of each of the 24 keys in each slice.
pub fn posteriors(slices: &[Observed]) -> Vec<[f32; 24]> {
    let logs = [Mode::Major, Mode::Minor].map(|mode| ALBRECHT_SHANAHAN.log_shares(mode));
    let emissions: Vec<[f32; 24]> = slices.iter().map(|slice| emission(slice, &logs)).collect();
    let steps = steps();
    let mut forward = vec![[0.0_f32; 24]; slices.len()];
    let mut before = [-(24.0_f32.ln()); 24];
    for (idx, slice) in slices.iter().enumerate() {
        let moved =
            if idx == 0 { before } else { step(&before, &steps, slices[idx - 1].beats.min(slice.beats)) };
        for key in 0..24 {
            forward[idx][key] = moved[key] + emissions[idx][key];
        }
        normalise(&mut forward[idx]);
        before = forward[idx];
    }
    let mut behind = [0.0_f32; 24];
    let mut result = vec![[0.0_f32; 24]; slices.len()];
    for idx in (0..slices.len()).rev() {
        let mut both = [0.0_f32; 24];
        for key in 0..24 {
            both[key] = forward[idx][key] + behind[key];
        }
        normalise(&mut both);
        result[idx] = both.map(f32::exp);
        for key in 0..24 {
            behind[key] += emissions[idx][key];
        }
        let beats = if idx > 0 { slices[idx - 1].beats.min(slices[idx].beats) } else { 0.0 };
        behind = step(&behind, &steps, beats);
        normalise(&mut behind);
    }
    result
}

fn emission(slice: &Observed, logs: &[[f32; 12]; 2]) -> [f32; 24] {
    let mut scores = [0.0; 24];
    let factor = EVIDENCE * slice.beats.min(4.0);
    for (pitch_class, share) in slice.shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        for (mode, logs) in logs.iter().enumerate() {
            for tonic in 0..12 {
                scores[mode * 12 + tonic] += factor * share * logs[(pitch_class + 12 - tonic) % 12];
            }
        }
    }
    scores
}

/// How near keys are: chances of going from one to another, given that it is left; symmetric.
fn steps() -> [[f32; 24]; 24] {
    let mut table = [[0.0_f32; 24]; 24];
    for from in Key::all() {
        let mut sum = 0.0;
        for to in Key::all().filter(|to| *to != from) {
            let relative = match from.mode {
                Mode::Major => (from.tonic + 9) % 12,
                Mode::Minor => (from.tonic + 3) % 12,
            };
            let weight = match (to.above(from.tonic), from.mode == to.mode) {
                (5 | 7, true) => 6.0,
                (0, false) => 3.0,
                (_, false) if to.tonic == relative => 8.0,
                (2 | 10, true) => 1.5,
                (5 | 7, false) => 2.0,
                (2..=4 | 8..=10, _) => 1.0,
                _ => 0.2,
            };
            table[from.index()][to.index()] = weight;
            sum += weight;
        }
        for chance in &mut table[from.index()] {
            *chance /= sum;
        }
    }
    table
}

fn step(before: &[f32; 24], steps: &[[f32; 24]; 24], beats: f32) -> [f32; 24] {
    let leave = (LEAVE.exp() * beats.clamp(0.02, 8.0)).min(0.5);
    let top = before.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let chances = before.map(|log| (log - top).exp());
    let mut come = [0.0; 24];
    for (chance, row) in chances.iter().zip(steps) {
        for (sum, share) in come.iter_mut().zip(row) {
            *sum += chance * share;
        }
    }
    let mut after = [0.0; 24];
    for to in 0..24 {
        after[to] = ((1.0 - leave) * chances[to] + leave * come[to]).max(1e-20).ln() + top;
    }
    after
}

fn normalise(logs: &mut [f32; 24]) {
    let top = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logs.iter().map(|log| (log - top).exp()).sum();
    let total = top + sum.ln();
    for log in logs {
        *log -= total;
    }
}
