//! Tempo: whether and how quickly the partner goes along with the players.

use super::{clock::Stretch, engine::Improviser, types::Tempo};

/// A beat is no more than so much longer or shorter than the one before it.
const SWERVE: f64 = 0.04;
/// How much of the distance to the players is made up for in a beat, at most by this share of the tempo.
const CATCH: f64 = 0.55;
const MOST: f64 = 0.07;
/// Tempo is steered this often at most, so that the clock's list of stretches is bounded.
const PAUSE_US: u64 = 120_000;
/// A change smaller than this is none.
const LEAST: f64 = 0.0006;

impl Improviser {
    /// Changes the tempo at the horizon where the players are somewhere else, or where a wish has another.
    pub(super) fn steer(&mut self, horizon: u64) {
        let at = horizon as f64;
        while let Some(coming) = self.coming.first().copied() {
            if self.clock.q(at) < coming.q {
                break;
            }
            self.coming.remove(0);
            self.turn(self.clock.us(coming.q).max(self.book.promised_us as f64), coming.us_per_q);
        }
        let pause = PAUSE_US.max(self.settings.commit_us / 24);
        let follows = matches!(self.settings.tempo, Tempo::Follow(_)) && self.asked.is_none();
        if !follows || !self.pulled || self.now < self.steered_us + pause {
            return;
        }
        self.pulled = false;
        let beat = self.settings.metre.beat();
        let last = self.clock.last();
        let line = self.tracker.line();
        let theirs = line.q + (at - line.us) / line.us_per_q;
        let ours = self.clock.q(at) / beat;
        // Beats are alike: whichever of theirs is nearest to ours is meant.
        let behind = (theirs - ours) - (theirs - ours).round();
        let wanted = line.us_per_q / beat * (1.0 - (CATCH * behind).clamp(-MOST, MOST));
        let beats = ((self.now - self.steered_us) as f64 / (last.us_per_q * beat)).clamp(0.25, 1.0);
        let most = SWERVE * beats;
        let us_per_q = wanted.clamp(last.us_per_q * (1.0 - most), last.us_per_q * (1.0 + most));
        if (us_per_q / last.us_per_q - 1.0).abs() < LEAST {
            return;
        }
        self.steered_us = self.now;
        self.clock.steer(at.max(self.book.promised_us as f64), us_per_q);
        self.retimed = true;
    }

    /// Another tempo at once, because somebody wished for it.
    pub(super) fn turn(&mut self, at_us: f64, us_per_q: f64) {
        let beat = self.settings.metre.beat();
        self.clock.steer(at_us, us_per_q);
        let q = self.clock.q(at_us) / beat;
        self.tracker.set(Stretch { q, us: at_us, us_per_q: us_per_q * beat });
        (self.retimed, self.pulled) = (true, false);
    }
}
