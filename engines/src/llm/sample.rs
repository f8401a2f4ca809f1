//! Picks the next token from logits. Our own, so that the same seed means the same in every engine.

use std::collections::VecDeque;

/// Only the likeliest few are drawn from: below them a quantised model's tail is noise, and sorting
/// 150 000 candidates a token would cost more than it gives.
const CANDIDATES: usize = 64;

/// Candidates this far under the best (in units of temperature) have a share under e⁻²⁰ and are
/// left out before sorting.
const NEGLIGIBLE: f32 = 20.0;

/// The repeat penalty looks this many tokens back, and only at what the model itself said: the prompt
/// is full of marks (ends of messages) that must stay likely.
const LOOK_BACK: usize = 128;

/// Chooses tokens for one reply.
#[derive(Debug)]
pub(crate) struct Sampler {
    temperature: f32,
    top_p: f32,
    penalty: f32,
    random: u64,
    recent: VecDeque<u32>,
}

impl Sampler {
    /// Settings outside their range are brought into it.
    pub(crate) fn new(temperature: f32, top_p: f32, penalty: f32, seed: u64) -> Self {
        Self {
            temperature: if temperature.is_finite() { temperature.clamp(0.0, 5.0) } else { 0.0 },
            top_p: if top_p.is_finite() { top_p.clamp(0.0, 1.0) } else { 1.0 },
            penalty: if penalty.is_finite() { penalty.clamp(0.5, 4.0) } else { 1.0 },
            random: seed,
            recent: VecDeque::with_capacity(LOOK_BACK),
        }
    }

    /// The next token, or `None` when no logit is a number (the model is broken).
    pub(crate) fn pick(&mut self, logits: &[f32]) -> Option<u32> {
        let penalised = self.penalised(logits);
        let value = |token: usize| -> f32 {
            let known = penalised.binary_search_by_key(&(token as u32), |(token, _)| *token);
            known.map_or(logits[token], |at| penalised[at].1)
        };
        let best = best(logits, &penalised)?;
        let picked = if self.temperature < 0.01 {
            best.0
        } else {
            let floor = best.1 - NEGLIGIBLE * self.temperature;
            let mut candidates = Vec::with_capacity(CANDIDATES * 4);
            for (token, logit) in logits.iter().enumerate() {
                // A penalty above 1 only lowers, so a raw value under the floor needs no look-up.
                if (*logit >= floor || self.penalty < 1.0) && value(token) >= floor {
                    candidates.push((token as u32, value(token)));
                }
            }
            self.draw(candidates)
        };
        if self.recent.len() == LOOK_BACK {
            self.recent.pop_front();
        }
        self.recent.push_back(picked);
        Some(picked)
    }

    /// The recent tokens with their lowered logits, sorted by token.
    fn penalised(&self, logits: &[f32]) -> Vec<(u32, f32)> {
        if (self.penalty - 1.0).abs() < f32::EPSILON {
            return Vec::new();
        }
        let mut tokens: Vec<u32> = self.recent.iter().copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        let lowered = |token: u32| {
            let logit = *logits.get(token as usize)?;
            Some((token, if logit > 0.0 { logit / self.penalty } else { logit * self.penalty }))
        };
        tokens.into_iter().filter_map(lowered).collect()
    }

    /// Draws from the nucleus of `candidates`, which is not empty.
    fn draw(&mut self, mut candidates: Vec<(u32, f32)>) -> u32 {
        let by_logit = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if candidates.len() > CANDIDATES {
            candidates.select_nth_unstable_by(CANDIDATES - 1, by_logit);
            candidates.truncate(CANDIDATES);
        }
        candidates.sort_unstable_by(by_logit);
        let best = candidates[0].1;
        let mut shares: Vec<f32> =
            candidates.iter().map(|(_, logit)| ((logit - best) / self.temperature).exp()).collect();
        let total: f32 = shares.iter().sum();
        let mut mass = 0.0;
        let nucleus = shares.iter().position(|share| {
            mass += share / total;
            mass >= self.top_p
        });
        shares.truncate(nucleus.map_or(shares.len(), |last| last + 1));
        let mut left = self.uniform() * shares.iter().sum::<f32>();
        for (candidate, share) in candidates.iter().zip(&shares) {
            left -= share;
            if left <= 0.0 {
                return candidate.0;
            }
        }
        candidates[shares.len() - 1].0
    }

    /// The next of a SplitMix64 sequence, in [0, 1).
    fn uniform(&mut self) -> f32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// The likeliest token after the penalty, with its value.
fn best(logits: &[f32], penalised: &[(u32, f32)]) -> Option<(u32, f32)> {
    let mut next = penalised.iter().peekable();
    let mut best: Option<(u32, f32)> = None;
    for (token, logit) in logits.iter().enumerate() {
        let mut value = *logit;
        if let Some((_, lowered)) = next.next_if(|(known, _)| *known as usize == token) {
            value = *lowered;
        }
        if !value.is_nan() && best.is_none_or(|(_, top)| value > top) {
            best = Some((token as u32, value));
        }
    }
    best.filter(|(_, value)| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        let mut sampler = Sampler::new(0.0, 0.9, 1.0, 1);
        assert_eq!(sampler.pick(&[0.1, 3.0, -1.0, 2.9]), Some(1));
    }

    #[test]
    fn the_penalty_moves_on_from_what_was_said() {
        let mut sampler = Sampler::new(0.0, 0.9, 1.3, 1);
        let logits = [0.1, 3.0, -1.0, 2.9];
        assert_eq!(sampler.pick(&logits), Some(1));
        assert_eq!(sampler.pick(&logits), Some(3), "3.0 / 1.3 is less than 2.9");
    }

    #[test]
    fn same_seed_same_choice_and_other_seeds_differ() {
        let logits: Vec<f32> = (0..1000).map(|token| ((token * 37) % 101) as f32 / 25.0).collect();
        let run = |seed| {
            let mut sampler = Sampler::new(0.9, 0.95, 1.1, seed);
            (0..50).map(|_| sampler.pick(&logits)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn a_small_nucleus_leaves_only_the_best() {
        let mut sampler = Sampler::new(1.0, 0.1, 1.0, 3);
        for _ in 0..100 {
            assert_eq!(sampler.pick(&[5.0, 1.0, 1.0, 1.0]), Some(0));
        }
    }

    #[test]
    fn draws_follow_the_shares() {
        let mut sampler = Sampler::new(1.0, 1.0, 1.0, 11);
        let logits = [(0.75f32).ln(), (0.25f32).ln(), f32::NEG_INFINITY];
        let hits = (0..4000).filter(|_| sampler.pick(&logits) == Some(0)).count();
        assert!((2850..=3150).contains(&hits), "{hits} of 4000, expected 3000");
    }

    #[test]
    fn broken_logits_are_said_and_do_not_panic() {
        let mut sampler = Sampler::new(0.7, 0.9, 1.1, 1);
        assert_eq!(sampler.pick(&[f32::NAN, f32::NAN]), None);
        assert_eq!(sampler.pick(&[]), None);
        assert_eq!(sampler.pick(&[f32::NAN, 1.0]), Some(1));
        assert_eq!(Sampler::new(f32::NAN, f32::NAN, f32::NAN, 1).pick(&[1.0, 2.0]), Some(1));
    }
}
