//! Counting: variable-order Markov models whose orders are mixed after Witten and Bell (1991).
//!
//! An order is believed as far as it has been seen: p(x | c) = (n(c, x) + t(c) · p(x | shorter c)) / (n(c) + t(c)), where
//! n counts and t is how many different things followed c. Contexts are what the network is told too: the last notes,
//! the place in the bar, the degree in the key, the chord of the next note.

use std::collections::HashMap;

use super::{
    Guesser,
    corpus::{INTERVALS, LENGTHS, Piece, Step},
};

/// Longest memory, in notes.
const ORDER: usize = 5;

/// Of one context: how often each thing followed.
#[derive(Clone, Debug, Default)]
struct Followers {
    total: f32,
    counts: HashMap<u8, f32>,
}

/// Contexts from the shortest to the longest.
type Table = HashMap<Vec<u8>, Followers>;

/// A counter.
#[derive(Clone, Debug)]
pub(crate) struct Markov {
    lengths: Table,
    intervals: Table,
    /// What it has learned from the piece that it hears; counts more, as it is this player's.
    own: Option<(Table, Table)>,
}

impl Markov {
    /// Counts a corpus. A `listening` one goes on counting in the piece that it guesses.
    pub(crate) fn new(pieces: &[Piece], listening: bool) -> Self {
        let mut markov = Self { lengths: Table::new(), intervals: Table::new(), own: None };
        for piece in pieces {
            for at in 0..piece.steps.len() - 1 {
                count(&mut markov.lengths, length_contexts(&piece.steps, at), piece.steps[at].length);
                count(&mut markov.intervals, interval_contexts(&piece.steps, at), piece.steps[at].interval);
            }
        }
        markov.own = listening.then(Default::default);
        markov
    }
}

impl Guesser for Markov {
    fn lengths(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        let contexts = length_contexts(steps, at);
        let common = guess(&self.lengths, &contexts, vec![1.0 / LENGTHS.len() as f32; LENGTHS.len()]);
        match &self.own {
            // Longer contexts of this piece alone, over what is common: the shortest say nothing that the corpus does not.
            Some((own, _)) => guess(own, &contexts[3..], common),
            None => common,
        }
    }

    fn intervals(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        let contexts = interval_contexts(steps, at);
        let common = guess(&self.intervals, &contexts, vec![1.0 / INTERVALS as f32; INTERVALS]);
        match &self.own {
            Some((_, own)) => guess(own, &contexts[3..], common),
            None => common,
        }
    }

    fn begin(&mut self) {
        if let Some(own) = &mut self.own {
            *own = Default::default();
        }
    }

    fn learn(&mut self, steps: &[Step], at: usize) {
        if let Some((lengths, intervals)) = &mut self.own {
            count(lengths, length_contexts(steps, at), steps[at].length);
            count(intervals, interval_contexts(steps, at), steps[at].interval);
        }
    }
}

fn count(table: &mut Table, contexts: Vec<Vec<u8>>, what: usize) {
    for context in contexts {
        let followers = table.entry(context).or_default();
        followers.total += 1.0;
        *followers.counts.entry(what as u8).or_default() += 1.0;
    }
}

fn guess(table: &Table, contexts: &[Vec<u8>], mut chances: Vec<f32>) -> Vec<f32> {
    for context in contexts {
        let Some(followers) = table.get(context) else { continue };
        let kinds = followers.counts.len() as f32;
        for (what, chance) in chances.iter_mut().enumerate() {
            let seen = followers.counts.get(&(what as u8)).copied().unwrap_or(0.0);
            *chance = (seen + kinds * *chance) / (followers.total + kinds);
        }
    }
    chances
}

/// Metre and place, then with ever more notes before.
fn length_contexts(steps: &[Step], at: usize) -> Vec<Vec<u8>> {
    let step = &steps[at];
    let mut context = vec![0];
    let mut contexts = vec![context.clone()];
    context.push(step.metre as u8);
    contexts.push(context.clone());
    context.push(step.place as u8);
    contexts.push(context.clone());
    for back in 1..=ORDER.min(at) {
        context.push(steps[at - back].length as u8);
        context.push(steps[at - back].interval as u8);
        contexts.push(context.clone());
    }
    contexts
}

/// The degree, the next note's chord, then with ever more notes before.
fn interval_contexts(steps: &[Step], at: usize) -> Vec<Vec<u8>> {
    let (step, next) = (&steps[at], &steps[at + 1]);
    let mut context = vec![1];
    let mut contexts = vec![context.clone()];
    context.push((step.mode * 12 + step.degree) as u8);
    contexts.push(context.clone());
    context.push(next.above_root(step.pitch) as u8);
    context.push(next.kind as u8);
    contexts.push(context.clone());
    for back in 1..=ORDER.min(at) {
        context.push(steps[at - back].interval as u8);
        if back == 1 {
            // Whether the next note is on a beat.
            context.push(u8::from(next.place.is_multiple_of(4)));
        }
        contexts.push(context.clone());
    }
    contexts
}

#[cfg(test)]
mod tests {
    use super::{Markov, Table, count, guess};
    use crate::train::{
        Guesser,
        corpus::{INTERVALS, Piece, Step},
    };

    #[test]
    fn an_order_is_believed_as_far_as_it_was_seen() {
        let mut table = Table::new();
        for _ in 0..3 {
            count(&mut table, vec![vec![1]], 0);
        }
        count(&mut table, vec![vec![1]], 1);
        let chances = guess(&table, &[vec![1]], vec![0.25; 4]);
        // Four seen, two kinds: (3 + 2 · 0.25) / 6.
        assert!((chances[0] - 3.5 / 6.0).abs() < 1e-6 && (chances.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(
            guess(&table, &[vec![9]], vec![0.25; 4]),
            vec![0.25; 4],
            "what was never seen changes nothing"
        );
    }

    #[test]
    fn who_listens_learns_the_players_figure() {
        let steps: Vec<Step> = (0..40)
            .map(|idx| Step { interval: [14, 14, 8][idx % 3], length: 4, bar: 4.0, ..Step::default() })
            .collect();
        let other: Vec<Step> =
            (0..40).map(|_| Step { interval: 12, length: 4, bar: 4.0, ..Step::default() }).collect();
        let known =
            Piece { id: "a".into(), group: "g".into(), steps: other, upbeat: 0.0, chords: Vec::new() };
        let mut markov = Markov::new(&[known], true);
        markov.begin();
        (0..30).for_each(|at| markov.learn(&steps, at));
        let chances = markov.intervals(&steps, 30);
        let likeliest = (0..INTERVALS).max_by(|a, b| chances[*a].total_cmp(&chances[*b]));
        assert_eq!(likeliest, Some(steps[30].interval), "{chances:?}");
    }
}
