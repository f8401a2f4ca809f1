//! The players' own beat, told by when they strike: a line of time that follows them, apart from the partner's.
//!
//! Every onset near a beat or its half pulls the line's phase and, less, its period. Distances between the last onsets
//! tell when the tempo has become another one; of tempos that are twice or half as fast the one near to what is played
//! is meant. In a rest the line goes on as it was.

use std::collections::VecDeque;

use super::clock::Stretch;

/// Onsets that distances are taken of, and how far apart they may be in the list.
const ONSETS: usize = 16;
const LAGS: usize = 5;
/// Notes nearer than this are one chord.
const CHORD_US: f64 = 45_000.0;
/// A rest longer than this tells nothing of the tempo before it.
const REST_US: f64 = 6_000_000.0;
/// Candidate tempos: 1.5 % apart, from 0.70 to 1.43 of the present one.
const CANDIDATES: i32 = 24;
const STEP: f64 = 1.015;
/// How far an onset pulls phase and period: tuned on scripted rubato of 8 %.
const PULL_PHASE: f64 = 0.5;
const PULL_PERIOD: f64 = 0.26;
/// Onsets farther from every place than this (in beats) say nothing.
const NEAR: f64 = 0.2;
/// Share of distances that must agree with a tempo before it is believed.
const CLEAR: f64 = 0.62;

/// The follower of one duet; lengths are in beats, which its owner takes for what is counted.
#[derive(Clone, Debug)]
pub(super) struct Tracker {
    onsets: VecDeque<f64>,
    line: Stretch,
    /// Since the tempo was looked for.
    unlooked: usize,
    clear: bool,
}

impl Tracker {
    /// Begins on the partner's line.
    pub(super) fn new(line: Stretch) -> Self {
        Self { onsets: VecDeque::with_capacity(ONSETS), line, unlooked: 0, clear: false }
    }

    /// The players' line.
    pub(super) fn line(&self) -> Stretch {
        self.line
    }

    /// Puts the line onto the partner's: another tempo was wished.
    pub(super) fn set(&mut self, line: Stretch) {
        (self.line, self.clear) = (line, false);
        self.onsets.clear();
    }

    /// The period of the players, when their onsets agree on one.
    pub(super) fn period(&self) -> Option<f64> {
        self.clear.then_some(self.line.us_per_q)
    }

    /// Forgets onsets that are later than now: a clock jumped.
    pub(super) fn heal(&mut self, now: f64) {
        if self.onsets.back().is_some_and(|last| *last > now + REST_US) {
            self.onsets.clear();
        }
    }

    /// A key went down. `swing` is where the half of a beat is played. Whether it was taken for more than a part of a
    /// chord.
    pub(super) fn onset(&mut self, us: f64, swing: f64) -> bool {
        match self.onsets.back() {
            Some(last) if us - last < CHORD_US => return false,
            Some(last) if us - last > REST_US => self.onsets.clear(),
            _ => {}
        }
        if self.onsets.len() == ONSETS {
            self.onsets.pop_front();
        }
        self.onsets.push_back(us);
        self.unlooked += 1;
        if self.unlooked >= 2 && self.onsets.len() >= 6 {
            self.unlooked = 0;
            self.look(swing);
        }
        self.pull(us, swing);
        true
    }

    fn place(&self, us: f64) -> f64 {
        self.line.q + (us - self.line.us) / self.line.us_per_q
    }

    /// The nearest place of the grid: how far a note is behind (negative) or ahead of it, and how much that counts.
    fn error(place: f64, swing: f64) -> Option<(f64, f64)> {
        let within = place.rem_euclid(1.0);
        let beat = if within < 0.5 { within } else { within - 1.0 };
        let half = within - swing;
        let (error, weight) = if half.abs() < beat.abs() { (half, 0.5) } else { (beat, 1.0) };
        (error.abs() <= NEAR).then_some((error, weight))
    }

    fn pull(&mut self, us: f64, swing: f64) {
        let place = self.place(us);
        let Some((error, weight)) = Self::error(place, swing) else { return };
        self.line.q = place - PULL_PHASE * weight * error;
        self.line.us = us;
        self.line.us_per_q = (self.line.us_per_q * (1.0 + PULL_PERIOD * weight * error)).clamp(1e5, 4e6);
    }

    /// How well a period explains the distances, 0 to 1.
    fn agreement(&self, period: f64, swing: f64) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for (idx, from) in self.onsets.iter().enumerate() {
            for to in self.onsets.iter().skip(idx + 1).take(LAGS) {
                let beats = (to - from) / period;
                if beats > 4.3 {
                    break;
                }
                let whole = beats - beats.round();
                let within = beats - beats.floor();
                // Two halves of a swung beat are a long and a short one.
                let half = (within - swing).abs().min((within - (1.0 - swing)).abs());
                let (off, worth) = if whole.abs() <= half { (whole, 1.0) } else { (half, 0.75) };
                let off = off / 0.05;
                sum += worth / (1.0 + off * off);
                all += 1.0;
            }
        }
        if all > 5.0 { sum / all } else { 0.0 }
    }

    /// Looks for another tempo than the present.
    fn look(&mut self, swing: f64) {
        let present = self.agreement(self.line.us_per_q, swing);
        let mut best = (present, self.line.us_per_q);
        for step in -CANDIDATES..=CANDIDATES {
            let ratio = STEP.powi(step);
            let away = f64::from(step) / f64::from(CANDIDATES);
            let worth = self.agreement(self.line.us_per_q * ratio, swing) * (1.0 - 0.12 * away * away);
            if worth > best.0 {
                best = (worth, self.line.us_per_q * ratio);
            }
        }
        self.clear = best.0 > CLEAR;
        let is_other = (best.1 / self.line.us_per_q - 1.0).abs() > 0.035;
        if self.clear && is_other && best.0 > present + 0.12 {
            self.line.us_per_q = best.1.clamp(1e5, 4e6);
            self.anchor(swing);
        }
    }

    /// Lays the line where the last onsets agree with it best, as near to where it was as may be.
    fn anchor(&mut self, swing: f64) {
        let Some(last) = self.onsets.back().copied() else { return };
        (self.line.q, self.line.us) = (self.place(last), last);
        let mut best = (f64::MIN, 0.0);
        for step in -8..=8 {
            let shift = f64::from(step) / 16.0;
            let mut worth = -0.3 * shift.abs();
            for onset in self.onsets.iter().rev().take(8) {
                if let Some((error, weight)) = Self::error(self.place(*onset) + shift, swing) {
                    worth += weight * (1.0 - error.abs() / NEAR);
                }
            }
            if worth > best.0 {
                best = (worth, shift);
            }
        }
        self.line.q += best.1;
    }
}
