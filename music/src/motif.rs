//! What a player likes to play: a memory of melodic steps of variable order.
//!
//! The last few thousand steps are kept as they were played. What may follow is asked of the longest end of a line
//! that the player has played before, as in Pachet's Continuator (2003); scanning the history is quick enough
//! (4096 steps) to need no tree, and forgetting is dropping its oldest step.

use std::collections::{BTreeMap, VecDeque};

use crate::score::Note;

/// One step of a melody: it knows no key, so that a motif is the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// Semitones from the note before, −24 to 24.
    pub interval: i8,
    /// Twelfths of a quarter from the note before, 1 to 96.
    pub wait: u8,
}

/// The steps of a melody: of notes that begin together, the highest counts.
pub fn tokens(notes: &[Note]) -> Vec<Token> {
    let mut line: Vec<(f64, u8)> = Vec::new();
    for note in notes.iter().filter(|note| !note.is_drum()) {
        match line.last_mut() {
            Some((at, pitch)) if note.onset - *at < 0.05 => *pitch = (*pitch).max(note.pitch),
            _ => line.push((note.onset, note.pitch)),
        }
    }
    line.windows(2).map(|pair| token(pair[0], pair[1])).collect()
}

fn token(before: (f64, u8), note: (f64, u8)) -> Token {
    let interval = (i16::from(note.1) - i16::from(before.1)).clamp(-24, 24);
    Token {
        // Both casts are of values within bounds.
        interval: interval as i8,
        wait: ((note.0 - before.0) * 12.0).round().clamp(1.0, 96.0) as u8,
    }
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct MemoryConfig {
    /// Steps: 4096 are half an hour of steady eighths.
    pub steps: usize,
    /// Steps of a context at most.
    pub order: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { steps: 4096, order: 6 }
    }
}

/// A figure that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motif {
    /// Its steps.
    pub steps: Vec<Token>,
    /// How often it was played, not counting overlaps.
    pub times: usize,
}

/// What one player has played in this session.
#[derive(Clone, Debug)]
pub struct Memory {
    config: MemoryConfig,
    /// None stands between phrases: nothing leads across it.
    history: VecDeque<Option<Token>>,
}

impl Memory {
    /// Remembers nothing yet.
    pub fn new(config: MemoryConfig) -> Self {
        let config = MemoryConfig { steps: config.steps.max(1), order: config.order.clamp(1, 16) };
        Self { config, history: VecDeque::new() }
    }

    /// Learns a phrase; what was learned first is forgotten when it becomes too much.
    pub fn learn(&mut self, phrase: &[Note]) {
        let steps = tokens(phrase);
        if steps.is_empty() {
            return;
        }
        for step in steps.into_iter().map(Some).chain([None]) {
            if self.history.len() == self.config.steps {
                self.history.pop_front();
            }
            self.history.push_back(step);
        }
    }

    /// How many steps are remembered, ends of phrases counted in.
    pub fn len(&self) -> usize {
        self.history.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.history.is_empty()
    }

    /// What followed the longest known end of a line, how often, and how long that end was. In order of the steps, so
    /// that the same memory gives the same answer; empty when nothing was learned.
    pub fn continuations(&self, line: &[Token]) -> (usize, Vec<(Token, u32)>) {
        for order in (0..=self.config.order.min(line.len())).rev() {
            let end = &line[line.len() - order..];
            let mut counts: BTreeMap<Token, u32> = BTreeMap::new();
            for at in order..self.history.len() {
                let matches =
                    end.iter().enumerate().all(|(idx, step)| self.history[at - order + idx] == Some(*step));
                if let Some(next) = self.history[at].filter(|_| matches) {
                    *counts.entry(next).or_default() += 1;
                }
            }
            if !counts.is_empty() {
                return (order, counts.into_iter().collect());
            }
        }
        (0, Vec::new())
    }

    /// One of the continuations, chosen by a number from 0 to 1: the caller's seed makes it the same again.
    pub fn choose(&self, line: &[Token], chance: f64) -> Option<Token> {
        let (_, choices) = self.continuations(line);
        let all: u32 = choices.iter().map(|(_, count)| count).sum();
        let mut left = chance.clamp(0.0, 1.0) * f64::from(all);
        for (step, count) in &choices {
            left -= f64::from(*count);
            if left <= 0.0 {
                return Some(*step);
            }
        }
        choices.last().map(|(step, _)| *step)
    }

    /// The figures of 3 to 8 steps that came back, the most telling first: many times, and long. No figure that is
    /// only a part of a longer one that came back as often.
    pub fn motifs(&self, most: usize) -> Vec<Motif> {
        let steps: Vec<Option<Token>> = self.history.iter().copied().collect();
        let mut found: BTreeMap<Vec<Token>, (usize, usize)> = BTreeMap::new();
        for length in 3..=8 {
            for (at, window) in steps.windows(length).enumerate() {
                let Some(figure) = window.iter().copied().collect::<Option<Vec<Token>>>() else { continue };
                let (times, free) = found.entry(figure).or_insert((0, 0));
                if at >= *free {
                    (*times, *free) = (*times + 1, at + length);
                }
            }
        }
        let mut motifs: Vec<Motif> = found
            .into_iter()
            .filter(|(_, (times, _))| *times > 1)
            .map(|(steps, (times, _))| Motif { steps, times })
            .collect();
        motifs.sort_by(|a, b| {
            (b.times * b.steps.len()).cmp(&(a.times * a.steps.len())).then(a.steps.cmp(&b.steps))
        });
        let mut kept: Vec<Motif> = Vec::new();
        for motif in motifs {
            let is_part = |whole: &Motif| {
                whole.times >= motif.times
                    && whole.steps.windows(motif.steps.len()).any(|part| part == motif.steps)
            };
            if kept.len() < most && !kept.iter().any(is_part) {
                kept.push(motif);
            }
        }
        kept
    }
}
