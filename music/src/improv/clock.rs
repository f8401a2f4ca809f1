//! Where quarter notes are in time: stretches of even tempo, each from a moment on.
//!
//! A change of tempo begins where nothing is promised yet, so that what was promised stays where it is, and what comes
//! after follows it without a gap.

use std::collections::VecDeque;

/// A promise may be four seconds ahead, and tempo is steered ten times a second at most: older stretches are over.
const STRETCHES: usize = 48;
/// 30 to 300 beats a minute.
const SLOWEST_US: f64 = 4_000_000.0;
const FASTEST_US: f64 = 100_000.0;

/// A stretch of even tempo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Quarter notes from the start of the duet to its beginning.
    pub(super) q: f64,
    /// When it begins, in microseconds.
    pub(super) us: f64,
    /// How long a quarter note is.
    pub(super) us_per_q: f64,
}

/// The line of time.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    stretches: VecDeque<Stretch>,
}

impl Clock {
    /// Quarter note 0 is at `us`.
    pub(super) fn new(us: u64, us_per_q: f64) -> Self {
        let first = Stretch { q: 0.0, us: us as f64, us_per_q: us_per_q.clamp(FASTEST_US, SLOWEST_US) };
        Self { stretches: VecDeque::from([first]) }
    }

    /// The stretch that holds at last.
    pub(super) fn last(&self) -> Stretch {
        self.stretches.back().copied().unwrap_or(Stretch { q: 0.0, us: 0.0, us_per_q: 500_000.0 })
    }

    fn holding(&self, is_before: impl Fn(&Stretch) -> bool) -> Stretch {
        let found = self.stretches.iter().rev().find(|stretch| is_before(stretch));
        found.or(self.stretches.front()).copied().unwrap_or(self.last())
    }

    /// When a place is.
    pub(super) fn us(&self, q: f64) -> f64 {
        let stretch = self.holding(|stretch| stretch.q <= q);
        stretch.us + (q - stretch.q) * stretch.us_per_q
    }

    /// Which place a time is.
    pub(super) fn q(&self, us: f64) -> f64 {
        let stretch = self.holding(|stretch| stretch.us <= us);
        stretch.q + (us - stretch.us) / stretch.us_per_q
    }

    /// Another tempo from a time on; what was to begin later is forgotten.
    pub(super) fn steer(&mut self, us: f64, us_per_q: f64) {
        let q = self.q(us);
        while self.stretches.len() > 1 && self.last().us >= us {
            self.stretches.pop_back();
        }
        if self.stretches.len() == STRETCHES {
            self.stretches.pop_front();
        }
        let us_per_q = us_per_q.clamp(FASTEST_US, SLOWEST_US);
        self.stretches.push_back(Stretch { q, us, us_per_q });
    }
}
