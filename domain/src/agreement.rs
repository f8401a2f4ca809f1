//! What successive decodings of growing speech agree on.
//!
//! A recogniser that hears the beginning of a sentence again and again changes its mind mostly about
//! the last words. The words on which two successive decodings agree are called stable (local
//! agreement); within an utterance they only grow. Letters and digits are compared, in lower case, not
//! marks nor spaces: a full stop that comes and goes is no disagreement, nor is a Korean compound that is
//! written together once and apart once. What is stable ends where a word ends in both decodings.

#[cfg(test)]
mod tests;

/// The agreement within one utterance.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    stable: String,
    /// Letters in `stable`.
    letters: usize,
    previous: Reading,
}

/// One decoding.
#[derive(Clone, Debug, Default)]
struct Reading {
    text: String,
    letters: Vec<char>,
    /// Where its words end.
    words: Vec<Word>,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    /// Letters up to its end.
    letters: usize,
    /// Byte after its last letter.
    end: usize,
}

impl Agreement {
    /// Takes the newest decoding and says what is stable now.
    pub fn handle(&mut self, text: &str) -> &str {
        let reading = Reading::of(text);
        let shared = shared_ends(&self.previous, &reading);
        // A decoding that begins otherwise takes nothing back: what is stable has been acted on.
        let same = reading.text_of(self.letters).filter(|same| letters_of(same).eq(letters_of(&self.stable)));
        if let (Some(same), Some(agreed)) = (same, shared)
            && let Some(more) = reading.text.get(same.len()..agreed.end)
        {
            self.stable.push_str(more);
            self.letters = agreed.letters;
        }
        self.previous = reading;
        &self.stable
    }

    /// The words agreed on so far, without the mark after the last.
    pub fn stable(&self) -> &str {
        &self.stable
    }

    /// Another utterance begins.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Reading {
    fn of(text: &str) -> Self {
        let text = text.trim().to_owned();
        let (mut letters, mut words) = (Vec::new(), Vec::new());
        let mut open: Option<usize> = None;
        for (at, character) in text.char_indices() {
            if character.is_whitespace() {
                words.extend(open.take().map(|end| Word { letters: letters.len(), end }));
            } else if character.is_alphanumeric() {
                letters.extend(character.to_lowercase());
                open = Some(at + character.len_utf8());
            }
        }
        words.extend(open.map(|end| Word { letters: letters.len(), end }));
        Self { text, letters, words }
    }

    /// The text up to the end of the word with so many letters before and in it.
    fn text_of(&self, letters: usize) -> Option<&str> {
        if letters == 0 {
            return Some("");
        }
        let word = self.words.iter().find(|word| word.letters == letters)?;
        self.text.get(..word.end)
    }
}

/// The last end of a word that both have, up to where they agree.
fn shared_ends(older: &Reading, newer: &Reading) -> Option<Word> {
    let agreeing = older.letters.iter().zip(&newer.letters).take_while(|(left, right)| left == right).count();
    let in_older = |letters| older.words.iter().any(|word| word.letters == letters);
    newer.words.iter().rev().find(|word| word.letters <= agreeing && in_older(word.letters)).copied()
}

fn letters_of(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase)
}
