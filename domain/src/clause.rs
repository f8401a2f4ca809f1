//! Cuts a reply into clauses while it streams, so that speech begins long before the text ends.
//!
//! Greedy: the earliest place that sounds natural for the length reached so far. The first clause may
//! end at a comma, the next ones are longer because there is sound to cover the wait. Lengths are in
//! Latin letters; a Hangul syllable counts as two, since it takes about as long to say.
//! Nothing is lost: the clauses joined are the text, but for white space at the cuts.

mod boundary;
#[cfg(test)]
mod tests;

use boundary::{Found, Strength};

/// How long clauses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClauseConfig {
    /// The first clause is at least this long.
    pub first_min_chars: usize,
    /// And at most about this long.
    pub first_max_chars: usize,
    /// Later clauses are at least this long.
    pub min_chars: usize,
    /// And at most about this long; a word without spaces may go on up to twice this.
    pub max_chars: usize,
}

impl Default for ClauseConfig {
    /// "좋아요," and "Hello!" may begin a reply, "네," alone would leave a gap behind it. A sentence without a comma
    /// begins with some six words, two seconds in which the rest is made; 120 letters are eight seconds of speech,
    /// well under what a voice takes in one request.
    fn default() -> Self {
        Self { first_min_chars: 6, first_max_chars: 36, min_chars: 12, max_chars: 120 }
    }
}

impl ClauseConfig {
    /// For who is late: the first sound comes after fewer words, though it may be cut where nobody would breathe.
    pub fn hurried() -> Self {
        Self { first_min_chars: 4, first_max_chars: 28, ..Self::default() }
    }
}

/// The streaming splitter.
#[derive(Clone, Debug, Default)]
pub struct ClauseSplitter {
    config: ClauseConfig,
    buffer: String,
    emitted: usize,
}

/// From which length a clause may end at a boundary of each strength.
#[derive(Clone, Copy, Debug)]
struct Limits {
    sentence: usize,
    comma: usize,
    lexical: usize,
    max: usize,
}

impl ClauseSplitter {
    /// An empty splitter.
    pub fn new(config: ClauseConfig) -> Self {
        Self { config, buffer: String::new(), emitted: 0 }
    }

    /// Takes more text; gives the clauses that are now certain, trimmed.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        self.buffer.push_str(delta);
        let mut clauses = Vec::new();
        let mut from = 0;
        while let Some(cut) = cut(&self.buffer[from..], self.limits()) {
            let clause = self.buffer[from..from + cut].trim();
            if !clause.is_empty() {
                clauses.push(clause.to_owned());
                self.emitted += 1;
            }
            from += cut;
        }
        self.buffer.drain(..from);
        clauses
    }

    /// The text is over: gives what is left, and begins anew.
    pub fn finish(&mut self) -> Option<String> {
        self.emitted = 0;
        let rest = std::mem::take(&mut self.buffer);
        let rest = rest.trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    }

    fn limits(&self) -> Limits {
        let ClauseConfig { first_min_chars: first, first_max_chars, min_chars: min, max_chars } = self.config;
        let max = max_chars.max(1);
        match self.emitted {
            0 => Limits { sentence: first, comma: first, lexical: 3 * first, max: first_max_chars.max(1) },
            // The second follows a short first one, so it may not keep the listener waiting either.
            1 => Limits { sentence: min, comma: 2 * min, lexical: 3 * min, max },
            _ => Limits { sentence: min, comma: (min + max) / 3, lexical: (min + max) / 2, max },
        }
    }
}

/// Where the first clause of `text` ends, as a byte index; `None` until that is certain.
fn cut(text: &str, limits: Limits) -> Option<usize> {
    let mut best: Option<Found> = None;
    let mut weight = 0;
    let mut has_words = false;
    let mut last_space = None;
    let mut skip_until = 0;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() && has_words && (last_space.is_none() || boundary::may_part(&text[..at]))
        {
            last_space = Some(at);
        }
        if weight >= limits.max {
            let forced = best.map(|found| found.end).or(last_space);
            if let Some(end) = forced {
                return Some(end);
            }
            if weight >= 2 * limits.max {
                return Some(at);
            }
        }
        weight += weight_of(character);
        has_words |= character.is_alphanumeric();
        if at < skip_until || !has_words {
            continue;
        }
        let Some(found) = boundary::at(text, at, character) else { continue };
        // A run of marks ("?!", ".”") is one boundary and none of it is looked at again.
        skip_until = found.end;
        let enough = match found.strength {
            Strength::Undecided => return None,
            Strength::Sentence => limits.sentence,
            Strength::Comma => limits.comma,
            Strength::Lexical => limits.lexical,
        };
        let run = text.get(at + character.len_utf8()..found.end).unwrap_or_default();
        let reached = weight + run.chars().map(weight_of).sum::<usize>();
        if reached >= enough {
            return Some(found.end);
        }
        if reached >= limits.sentence && best.is_none_or(|best| found.strength >= best.strength) {
            best = Some(found);
        }
    }
    None
}

/// How long a character takes to say, in Latin letters.
pub(crate) fn weight_of(character: char) -> usize {
    let is_wide = matches!(character, '\u{1100}'..='\u{11FF}' | '\u{3040}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}');
    if is_wide { 2 } else { 1 }
}
