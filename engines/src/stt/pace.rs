//! How many CPU threads the encoder gets.
//!
//! ggml's threads spin while they wait for each other. With a core to each that is the fastest way; when
//! other work wants the cores, each wait costs a time slice, and two threads are several times slower
//! than one (measured: 1–3 s against 0.5 s on a busy machine). So the pace of the encoder is watched, and
//! as long as it is bad, one thread works alone. The decoder always has one: its steps are too small to
//! share.

use std::time::Duration;

/// Two threads are at best about 1.8 times as fast as one: slower than twice the best pace, one is better.
const SLOW: f64 = 2.0;

/// After so many encodings alone, the full number is tried again.
const ALONE: u32 = 6;

/// The pace of one model's encoder.
#[derive(Debug)]
pub(super) struct Pace {
    threads: usize,
    /// Fewest seconds for an encoder position with all threads; infinite before the first.
    best: f64,
    alone: u32,
}

impl Pace {
    pub(super) fn new(threads: u16) -> Self {
        Self { threads: usize::from(threads.max(1)), best: f64::INFINITY, alone: 0 }
    }

    /// Threads for the next encoding.
    pub(super) fn threads(&self) -> usize {
        if self.alone > 0 { 1 } else { self.threads }
    }

    /// Takes note of how long an encoding of `positions` took with so many `threads`.
    pub(super) fn took(&mut self, threads: usize, positions: i32, time: Duration) {
        if threads < self.threads {
            self.alone = self.alone.saturating_sub(1);
            return;
        }
        if self.threads == 1 {
            return;
        }
        let cost = time.as_secs_f64() / f64::from(positions.max(1));
        if cost > SLOW * self.best {
            self.alone = ALONE;
        }
        self.best = self.best.min(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pace_leaves_one_thread_alone_for_a_while() {
        let mut pace = Pace::new(2);
        let (good, bad) = (Duration::from_millis(200), Duration::from_millis(900));
        for _ in 0..3 {
            assert_eq!(pace.threads(), 2);
            pace.took(2, 384, good);
        }
        pace.took(2, 384, bad);
        for _ in 0..ALONE {
            assert_eq!(pace.threads(), 1);
            pace.took(1, 384, bad);
        }
        assert_eq!(pace.threads(), 2, "tried again");
        pace.took(2, 768, 2 * good);
        assert_eq!(pace.threads(), 2, "twice the work may take twice the time");
    }

    #[test]
    fn what_one_thread_does_for_another_reason_says_nothing() {
        let mut pace = Pace::new(2);
        pace.took(2, 384, Duration::from_millis(200));
        pace.took(1, 384, Duration::from_millis(900));
        assert_eq!(pace.threads(), 2);
    }

    #[test]
    fn a_first_encoding_and_a_single_thread_change_nothing() {
        let mut pace = Pace::new(2);
        pace.took(2, 384, Duration::from_secs(9));
        assert_eq!(pace.threads(), 2);
        let mut single = Pace::new(0);
        single.took(1, 384, Duration::from_millis(1));
        single.took(1, 384, Duration::from_secs(9));
        assert_eq!(single.threads(), 1);
    }
}
