//! How much of a prompt goes into one step, so that nobody's reply stutters while another's long
//! prompt is read.

use std::time::Duration;

/// A reply that is being spoken must not wait longer than this for its next token: speech runs at
/// about four tokens a second, so a clause's worth of tokens still keeps ahead.
const OTHERS_WAIT: Duration = Duration::from_millis(150);

/// With nobody waiting for tokens: long pieces decode faster, but a cancel is only seen between steps.
const ALONE: Duration = Duration::from_millis(400);

/// Pieces smaller than this waste the weights that every step reads from memory.
const SMALLEST: usize = 8;

/// The largest piece; a step also carries one token of each reply within [`crate::BATCH`].
const LARGEST: usize = 256;

/// Measures, and says how many tokens of prompts the next step may take.
#[derive(Debug)]
pub(crate) struct Pace {
    seconds_per_token: f64,
}

impl Default for Pace {
    fn default() -> Self {
        // A guess between a small model on a fast machine and a large one on two cores.
        Self { seconds_per_token: 0.01 }
    }
}

impl Pace {
    /// Tokens of prompts for the next step.
    pub(crate) fn piece(&self, others_decode: bool) -> usize {
        let target = if others_decode { OTHERS_WAIT } else { ALONE };
        let fits = (target.as_secs_f64() / self.seconds_per_token) as usize;
        fits.clamp(SMALLEST, LARGEST)
    }

    /// A step with so many tokens took so long. Steps that only decode say nothing about prompts.
    pub(crate) fn note(&mut self, tokens: usize, took: Duration) {
        if tokens >= SMALLEST {
            let seconds = took.as_secs_f64() / tokens as f64;
            self.seconds_per_token = 0.7 * self.seconds_per_token + 0.3 * seconds.max(1e-6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_model_takes_small_pieces_and_a_fast_one_large() {
        let mut slow = Pace::default();
        let mut fast = Pace::default();
        for _ in 0..20 {
            slow.note(32, Duration::from_secs(1));
            fast.note(256, Duration::from_millis(50));
        }
        assert_eq!(slow.piece(true), 8);
        assert!((11..=13).contains(&slow.piece(false)), "{}", slow.piece(false));
        assert_eq!(fast.piece(true), 256);
    }

    #[test]
    fn decoding_steps_do_not_count() {
        let mut pace = Pace::default();
        pace.note(2, Duration::from_secs(9));
        assert_eq!(pace.piece(false), 40);
    }
}
