//! What people wish to hear, in their words: requests, chord charts and keys.
//!
//! A wish needs a verb (`play`, `쳐 줘`) and something to play; without a verb, every word has to be of music
//! (`a slow ii–V–I in G`). Everything else is talk, and no wish.

mod chart;
mod degrees;
mod tables;
#[cfg(test)]
mod tests;
mod words;

pub use chart::{BadChart, changes, changes_in, chart};

use super::types::{Request, Style};
use crate::{
    chord::{Chord, Quality, parse_pitch_class},
    key::{self, Key},
};

/// Letters of a wish that are read; what follows is talk.
const LETTERS: usize = 400;
/// Bars of a wish.
const BARS: std::ops::RangeInclusive<u16> = 1..=64;
/// Quarter notes that a chord holds when nobody says how long.
const BAR: f64 = 4.0;

/// A wish to be played something, in English or Korean; none when the words are no such wish. Degrees without a key
/// are in C.
pub fn parse(text: &str) -> Option<Request> {
    parse_in(text, None)
}

/// The same; degrees without a key are in this one.
pub fn parse_in(text: &str, key: Option<Key>) -> Option<Request> {
    let text: String = text.chars().take(LETTERS).collect();
    let tokens = words::tokens(&text);
    let lower = text.to_lowercase();
    if words::is_refusal(&lower) || words::is_talk(&lower) {
        return None;
    }
    let mut reading =
        Reading { tokens: &tokens, used: vec![false; tokens.len()], request: Request::default() };
    reading.style(&lower);
    reading.bars();
    reading.bpm();
    reading.key();
    let minor_wish = reading.request.key.is_none() && words::has_minor(&lower);
    let home = reading.request.key.or(key).unwrap_or(Key::new(0, key::Mode::Major));
    let home = if minor_wish { Key::new(home.tonic, key::Mode::Minor) } else { home };
    reading.progression(home, &text);
    reading.pace(&lower);
    let has_chords = !reading.request.chords.is_empty();
    let has_content = has_chords
        || reading.request.style.is_some()
        || reading.request.key.is_some()
        || reading.request.bars.is_some()
        || words::has_music(&lower);
    let is_wish = words::has_verb(&lower) || (reading.is_all_music() && has_content);
    let request = reading.request;
    (is_wish && has_content).then_some(request)
}

/// A key in words: `G major`, `f# minor`, `Bb`, `Am`, `사장조`, `G장조`.
pub fn key(text: &str) -> Option<Key> {
    let text: String = text.chars().take(LETTERS).collect();
    let tokens = words::tokens(&text);
    if tokens.is_empty() || tokens.len() > 4 {
        return None;
    }
    let (key, count) = words::key_at(&tokens, 0, true)?;
    (count == tokens.len()).then_some(key)
}

/// A text on the way to a request.
#[derive(Debug)]
struct Reading<'a> {
    tokens: &'a [String],
    /// Which of them were understood.
    used: Vec<bool>,
    request: Request,
}

impl Reading<'_> {
    fn mark(&mut self, from: usize, count: usize) {
        self.used.iter_mut().skip(from).take(count).for_each(|used| *used = true);
    }

    fn style(&mut self, lower: &str) {
        self.request.style = words::style(lower);
    }

    fn bars(&mut self) {
        for idx in 0..self.tokens.len() {
            let Some((bars, count)) = words::bars_at(self.tokens, idx) else { continue };
            self.mark(idx, count);
            self.request.bars = BARS.contains(&bars).then_some(bars);
            return;
        }
    }

    fn bpm(&mut self) {
        for idx in 0..self.tokens.len() {
            let Some((bpm, count)) = words::bpm_at(self.tokens, idx) else { continue };
            if self.used[idx] || !(30.0..=300.0).contains(&bpm) {
                continue;
            }
            self.mark(idx, count);
            self.request.bpm = Some(bpm);
            return;
        }
    }

    fn key(&mut self) {
        for idx in 0..self.tokens.len() {
            let (skip, is_announced) = words::announces_key(self.tokens, idx);
            if let Some((key, count)) = words::key_at(self.tokens, idx + skip, is_announced) {
                self.mark(idx, skip + count);
                self.request.key = Some(key);
                return;
            }
        }
    }

    fn progression(&mut self, home: Key, text: &str) {
        let is_jazz = matches!(self.request.style, Some(Style::JazzSwing | Style::Bossa | Style::Blues));
        for idx in 0..self.tokens.len() {
            if self.used[idx] {
                continue;
            }
            if let Some((degrees, count)) = degrees::run(self.tokens, idx) {
                let free = self.used.iter().skip(idx).take(count).all(|used| !used);
                if free {
                    self.mark(idx, count);
                    let sevenths = is_jazz || degrees::is_two_five_one(&degrees);
                    let chord = |degree| (degrees::chord(degree, home, sevenths), BAR);
                    self.request.chords = degrees.iter().copied().map(chord).collect();
                    return;
                }
            }
        }
        self.symbols(text);
    }

    /// Chords by their names: two or more in a row.
    fn symbols(&mut self, text: &str) {
        let mut run: Vec<(usize, Chord)> = Vec::new();
        let mut best: Vec<(usize, Chord)> = Vec::new();
        for (idx, token) in self.tokens.iter().enumerate() {
            match chart::symbol(token).filter(|_| !self.used[idx] && token.chars().all(|c| c != ' ')) {
                Some(chord) => run.push((idx, chord)),
                None if matches!(token.as_str(), "and" | "then" | "to" | "|" | "-") && !run.is_empty() => {}
                None => run.clear(),
            }
            if run.len() > best.len() {
                best.clone_from(&run);
            }
        }
        // The article "A" is no chord by itself, and one chord is no progression.
        let is_article = |(idx, _): &(usize, Chord)| self.tokens[*idx] == "A";
        if best.len() < 2 || best.iter().filter(|found| !is_article(found)).count() < 2 {
            return;
        }
        for (idx, _) in &best {
            self.used[*idx] = true;
        }
        let bars = text.contains('|').then(|| chart::bars_of(text)).flatten();
        self.request.chords = bars.unwrap_or(best.iter().map(|(_, chord)| (*chord, BAR)).collect());
    }

    /// "Slow" and "fast" mean something else in every style.
    fn pace(&mut self, lower: &str) {
        let usual = match self.request.style {
            Some(Style::JazzSwing) => 140.0,
            Some(Style::Bossa) => 130.0,
            Some(Style::Blues) => 110.0,
            Some(Style::PopBallad) => 76.0,
            Some(Style::KoreanBallad) => 72.0,
            Some(Style::Classical | Style::Ragtime) => 100.0,
            None => 108.0,
        };
        let pace = words::pace(lower).filter(|_| self.request.bpm.is_none());
        if let Some(share) = pace {
            let bpm: f64 = usual * share;
            self.request.bpm = Some(bpm.round().clamp(40.0, 280.0));
        }
    }

    /// Whether every word is of music or says nothing.
    fn is_all_music(&self) -> bool {
        self.tokens.iter().zip(&self.used).all(|(token, used)| *used || words::is_music(token))
    }
}

/// A pitch class by a letter and what follows it, as in `F sharp`, `eb`, `B♭`.
fn pitch_class(letters: &str) -> Option<u8> {
    let first = letters.chars().next()?;
    first.is_ascii_alphabetic().then(|| parse_pitch_class(letters)).flatten()
}

/// The triad or seventh chord of a key's scale on a degree (0 to 6).
fn diatonic(key: Key, degree: usize, seventh: bool) -> Chord {
    use Quality::{Diminished, Dominant7, HalfDiminished7, Major, Major7, Minor, Minor7};
    let (steps, triads, sevenths): ([u8; 7], [Quality; 7], [Quality; 7]) = match key.mode {
        key::Mode::Major => (
            [0, 2, 4, 5, 7, 9, 11],
            [Major, Minor, Minor, Major, Major, Minor, Diminished],
            [Major7, Minor7, Minor7, Major7, Dominant7, Minor7, HalfDiminished7],
        ),
        // The dominant of minor has the raised third.
        key::Mode::Minor => (
            [0, 2, 3, 5, 7, 8, 10],
            [Minor, Diminished, Major, Minor, Major, Major, Major],
            [Minor7, HalfDiminished7, Major7, Minor7, Dominant7, Major7, Dominant7],
        ),
    };
    let idx = degree % 7;
    Chord::new(key.tonic + steps[idx], if seventh { sevenths[idx] } else { triads[idx] })
}
