//! How quickly room comes, from when it came before.

use std::collections::VecDeque;

/// Departures that are remembered.
const REMEMBERED: usize = 16;
/// Older ones say nothing about now.
const FRESH_MS: u64 = 600_000;
/// The longest wait that is told; who waits longer had better ask again.
const LONGEST_MS: u64 = 600_000;

/// The last departures.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    at_ms: VecDeque<u64>,
}

impl Drain {
    /// Somebody has gone.
    pub fn handle_departure(&mut self, now_ms: u64) {
        if self.at_ms.len() >= REMEMBERED {
            self.at_ms.pop_front();
        }
        self.at_ms.push_back(now_ms);
    }

    /// Milliseconds until the `nth` place from now is free, at the pace so far; the time since the last departure
    /// counts, so that a line that has stopped is told as one. `None` where the pace is not known: fewer than two
    /// departures in ten minutes.
    pub fn wait_ms(&self, now_ms: u64, nth: usize) -> Option<u64> {
        let fresh = now_ms.saturating_sub(FRESH_MS);
        let mut recent = self.at_ms.iter().copied().filter(|at| *at >= fresh);
        let first = recent.next()?;
        let intervals = recent.count() as u64;
        let each = now_ms.saturating_sub(first).checked_div(intervals)?;
        Some(each.saturating_mul(nth.max(1) as u64).min(LONGEST_MS))
    }
}
