//! Notices when a model runs in circles: small quantised models sometimes repeat one phrase for ever.

/// The longest phrase, in tokens, whose repetition is looked for; about two sentences.
const LONGEST: usize = 64;

/// Watches the tokens of one reply.
#[derive(Debug, Default)]
pub(crate) struct Circles {
    tokens: Vec<u32>,
}

impl Circles {
    /// Takes the next token; true when the end of the reply is one phrase again and again.
    pub(crate) fn push(&mut self, token: u32) -> bool {
        self.tokens.push(token);
        (1..=LONGEST).any(|length| self.repeats(length))
    }

    fn repeats(&self, length: usize) -> bool {
        let needed = length * times(length);
        if self.tokens.len() < needed {
            return false;
        }
        let tail = &self.tokens[self.tokens.len() - needed..];
        tail.iter().zip(&tail[length..]).all(|(earlier, later)| earlier == later)
    }
}

/// How often a phrase of so many tokens may not be said in a row. Single tokens repeat in honest
/// speech (ㅋㅋㅋㅋ, "no no no", dots), long phrases do not; a refrain said twice is allowed.
fn times(length: usize) -> usize {
    match length {
        1 => 16,
        2..=4 => 8,
        5..=15 => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_at(tokens: impl IntoIterator<Item = u32>) -> Option<usize> {
        let mut circles = Circles::default();
        tokens.into_iter().position(|token| circles.push(token))
    }

    #[test]
    fn honest_repetition_is_allowed() {
        assert_eq!(cut_at(0..500), None);
        assert_eq!(cut_at([7; 12]), None, "laughter");
        assert_eq!(cut_at((0..20).chain(0..20)), None, "a refrain said twice");
        assert_eq!(cut_at([1, 2, 3].repeat(5)), None);
    }

    #[test]
    fn circles_of_every_size_are_cut() {
        assert_eq!(cut_at([7; 100]), Some(15));
        assert_eq!(cut_at([1, 2].repeat(50)), Some(15));
        let phrase: Vec<u32> = (0..10).collect();
        assert_eq!(cut_at((90..99).chain(phrase.repeat(9))), Some(48), "the fourth time");
        let sentences: Vec<u32> = (0..64).collect();
        assert_eq!(cut_at(sentences.repeat(4)), Some(191), "the third time");
    }
}
