//! Finds clauses that repeat a stage direction. Small models say "Speak in a relaxed, friendly way." to the person when
//! that was the last thing they were told.

use crate::{lang::is_hangul, text::normalize};

/// Words in a row that two texts share by chance seldom enough.
const RUN: usize = 3;
/// A Korean word says as much as two English ones.
const KOREAN_RUN: usize = 2;

/// What must not be said.
#[derive(Clone, Debug, Default)]
pub struct Parrot {
    told: Vec<String>,
}

impl Parrot {
    /// Listens for `directions`.
    pub fn new(directions: &str) -> Self {
        Self { told: words(directions) }
    }

    /// Whether at least half of `clause` is taken from the directions, in runs of words.
    pub fn repeats(&self, clause: &str) -> bool {
        let said = words(clause);
        let run = if clause.chars().any(is_hangul) { KOREAN_RUN } else { RUN };
        if said.len() <= run || self.told.len() < run {
            return false;
        }
        let known = said.windows(run).filter(|run| self.told.windows(run.len()).any(|told| told == *run));
        known.count() * 2 >= said.len() + 1 - run
    }
}

fn words(text: &str) -> Vec<String> {
    normalize(text).split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "Speak in a relaxed, friendly way. You have just met; be kind and unhurried.";
    const KOREAN: &str = "방금 만났습니다. 다정하고 느긋하게 대하세요. 해요체로 부드럽게 말하세요.";

    #[test]
    fn hears_a_direction_and_lets_a_reply_pass() {
        for (told, said, repeats) in [
            (ENGLISH, "Speak in a relaxed, friendly way.", true),
            (ENGLISH, "Speaking in a relaxed, friendly way.", true),
            (ENGLISH, "You have just met; be kind and unhurried.", true),
            (ENGLISH, "I just met a friendly cat.", false),
            (ENGLISH, "You have just made my day!", false),
            (ENGLISH, "In a way.", false),
            (KOREAN, "해요체로 부드럽게 말하세요.", true),
            (KOREAN, "방금 만났습니다. 다정하고 느긋하게 대하세요.", true),
            (KOREAN, "방금 만났으니 천천히 이야기해요.", false),
            (KOREAN, "안녕하세요, 반가워요!", false),
            ("", "Anything at all may be said now.", false),
        ] {
            assert_eq!(Parrot::new(told).repeats(said), repeats, "{said}");
        }
    }
}
