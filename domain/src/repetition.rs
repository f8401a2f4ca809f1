//! Small models sometimes run in circles. This notices it while the text streams.
//!
//! Three signs: the last words repeat with some period; one long sentence comes for the third time; or
//! few of the latest word triples are new. Refrains, counting, laughter and stress ("no, no, no") are
//! people's ways of speaking and stay below all three.

use std::collections::{HashMap, VecDeque};

/// Longest period of words that is looked for: a long sentence.
const LONGEST_PERIOD: usize = 48;
/// The same characters without a space between, such as 하하하 or "aaaa", may go on this long.
const UNBROKEN_LIMIT: usize = 32;
/// Longest period of characters: a Korean clause written without spaces.
const LONGEST_CHARACTER_PERIOD: usize = 16;
/// A sentence shorter than this may come back: "네, 맞아요."
const LONG_SENTENCE_CHARS: usize = 15;
/// Words over which variety is measured, and the least share of different triples. Chosen by judgement
/// to lie well under prose and refrains; not yet measured on real replies.
const WINDOW: usize = 90;
const LEAST_VARIETY: f32 = 0.35;
/// Words between two measurements: soon enough, and cheap.
const MEASURE_EVERY: usize = 10;

/// Watches one reply.
#[derive(Clone, Debug, Default)]
pub struct RepetitionGuard {
    word: String,
    words: VecDeque<String>,
    since_measured: usize,
    /// For each period, how many words in a row equalled the word one period before.
    runs: Vec<usize>,
    characters: VecDeque<char>,
    character_runs: Vec<usize>,
    sentence: String,
    sentences: HashMap<String, u32>,
    tripped: bool,
}

impl RepetitionGuard {
    /// Takes more text; `true` from when the reply runs in circles and should be cut.
    pub fn push(&mut self, text_delta: &str) -> bool {
        for character in text_delta.chars() {
            if self.tripped {
                break;
            }
            self.take(character);
        }
        self.tripped
    }

    fn take(&mut self, character: char) {
        if character.is_alphanumeric() {
            self.word.extend(character.to_lowercase());
            self.tripped |= self.is_unbroken_circle(character);
        } else {
            self.characters.clear();
            self.character_runs.clear();
            let word = std::mem::take(&mut self.word);
            if !word.is_empty() {
                self.sentence.push_str(&word);
                self.sentence.push(' ');
                self.tripped |= self.is_word_circle(word);
            }
        }
        if matches!(character, '.' | '!' | '?' | '…' | '。' | '\n') {
            let sentence = std::mem::take(&mut self.sentence);
            self.tripped |= self.is_old_sentence(sentence);
        }
    }

    fn is_word_circle(&mut self, word: String) -> bool {
        self.runs.resize(LONGEST_PERIOD, 0);
        for (index, run) in self.runs.iter_mut().enumerate() {
            let before = self.words.len().checked_sub(index + 1).and_then(|at| self.words.get(at));
            *run = if before == Some(&word) { *run + 1 } else { 0 };
        }
        self.words.push_back(word);
        if self.words.len() > WINDOW {
            self.words.pop_front();
        }
        let in_circle = self.runs.iter().enumerate().any(|(index, &run)| run >= allowed(index + 1));
        in_circle || self.lacks_variety()
    }

    fn lacks_variety(&mut self) -> bool {
        self.since_measured += 1;
        if self.words.len() < WINDOW || self.since_measured < MEASURE_EVERY {
            return false;
        }
        self.since_measured = 0;
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let triples: std::collections::HashSet<&[&str]> = words.windows(3).collect();
        (triples.len() as f32) < LEAST_VARIETY * (words.len() - 2) as f32
    }

    fn is_unbroken_circle(&mut self, character: char) -> bool {
        self.character_runs.resize(LONGEST_CHARACTER_PERIOD, 0);
        for (index, run) in self.character_runs.iter_mut().enumerate() {
            let before = self.characters.len().checked_sub(index + 1).and_then(|at| self.characters.get(at));
            *run = if before == Some(&character) { *run + 1 } else { 0 };
        }
        self.characters.push_back(character);
        if self.characters.len() > LONGEST_CHARACTER_PERIOD {
            self.characters.pop_front();
        }
        // Digits repeat in real numbers, but not for so long.
        self.character_runs.iter().enumerate().any(|(index, &run)| run >= UNBROKEN_LIMIT.max(3 * (index + 1)))
    }

    fn is_old_sentence(&mut self, sentence: String) -> bool {
        if sentence.chars().count() < LONG_SENTENCE_CHARS {
            return false;
        }
        let seen = self.sentences.entry(sentence).or_default();
        *seen += 1;
        *seen >= 3
    }
}

/// How many words in a row may equal the word one period before: single words eight times, short groups
/// five times, whole sentences three times.
fn allowed(period: usize) -> usize {
    match period {
        1 => 8,
        2..=4 => 4 * period + 1,
        _ => 2 * period + 1,
    }
}

#[cfg(test)]
mod tests;
