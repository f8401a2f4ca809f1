//! What a person has heard of a reply, from the number of samples that were played.

use crate::clause::weight_of;

/// The clauses of a reply with the sound that each became.
#[derive(Clone, Debug, Default)]
pub struct Playout {
    clauses: Vec<Spoken>,
}

#[derive(Clone, Debug)]
struct Spoken {
    text: String,
    samples: u64,
}

impl Playout {
    /// Adds a clause whose sound has `samples` samples; more may come by [`Playout::extend`].
    pub fn push_clause(&mut self, text: impl Into<String>, samples: u64) {
        self.clauses.push(Spoken { text: text.into(), samples });
    }

    /// The clause that was pushed last has become longer.
    pub fn extend(&mut self, samples: u64) {
        if let Some(clause) = self.clauses.last_mut() {
            clause.samples = clause.samples.saturating_add(samples);
        }
    }

    /// Samples of the whole reply.
    pub fn samples(&self) -> u64 {
        self.clauses.iter().fold(0, |sum, clause| sum.saturating_add(clause.samples))
    }

    /// Whether what is heard after `samples_heard` samples is a clause that asks, or came within `grace` samples after one:
    /// then a short answer is an answer. What the reply asks later was not asked yet.
    pub fn asks_at(&self, samples_heard: u64, grace: u64) -> bool {
        let mut end = 0_u64;
        self.clauses.iter().any(|clause| {
            let start = end;
            end = end.saturating_add(clause.samples);
            let asks = clause.text.trim_end().ends_with(['?', '？']);
            asks && samples_heard > start && samples_heard <= end.saturating_add(grace)
        })
    }

    /// The words heard after `samples_heard` samples: whole clauses, then as many words of the clause in
    /// progress as its sound has reached the middle of, words taking time in proportion to their length.
    pub fn heard_text(&self, samples_heard: u64) -> String {
        let mut heard = String::new();
        let mut left = samples_heard;
        for clause in &self.clauses {
            if left >= clause.samples && clause.samples > 0 {
                join(&mut heard, &clause.text);
                left -= clause.samples;
                continue;
            }
            join(&mut heard, clause.share(left));
            break;
        }
        heard
    }
}

impl Spoken {
    fn share(&self, samples: u64) -> &str {
        let total: usize = self.text.split_whitespace().map(weight).sum();
        if samples == 0 || self.samples == 0 {
            return "";
        }
        let (mut passed, mut end) = (0usize, 0usize);
        for word in self.text.split_whitespace() {
            let middle = 2 * passed + weight(word);
            // middle / (2 · total) of the clause's samples, without division.
            if (middle as u128) * u128::from(self.samples) > 2 * (total as u128) * u128::from(samples) {
                break;
            }
            passed += weight(word);
            end = word.as_ptr() as usize - self.text.as_ptr() as usize + word.len();
        }
        &self.text[..end]
    }
}

fn weight(word: &str) -> usize {
    word.chars().map(weight_of).sum()
}

fn join(heard: &mut String, text: &str) {
    let text = text.trim();
    if !heard.is_empty() && !text.is_empty() {
        heard.push(' ');
    }
    heard.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playout(clauses: &[(&str, u64)]) -> Playout {
        let mut playout = Playout::default();
        for (text, samples) in clauses {
            playout.push_clause(*text, *samples);
        }
        playout
    }

    #[test]
    fn tells_what_was_heard() {
        let english = playout(&[("Hello there,", 1000), ("how are you?", 1200)]);
        let korean = playout(&[("안녕하세요,", 1000), ("오늘 기분 어때요?", 1400)]);
        let cases = [
            (&english, 0, ""),
            (&english, 100, ""),
            (&english, 300, "Hello"),
            (&english, 999, "Hello there,"),
            (&english, 1000, "Hello there,"),
            (&english, 1300, "Hello there, how"),
            (&english, 2200, "Hello there, how are you?"),
            (&english, u64::MAX, "Hello there, how are you?"),
            (&korean, 1000, "안녕하세요,"),
            (&korean, 1250, "안녕하세요, 오늘"),
            (&korean, 1700, "안녕하세요, 오늘 기분"),
            (&korean, 2400, "안녕하세요, 오늘 기분 어때요?"),
        ];
        for (playout, samples, expected) in cases {
            assert_eq!(playout.heard_text(samples), expected, "after {samples}");
        }
        assert_eq!(english.samples(), 2200);
    }

    #[test]
    fn asks_while_the_question_is_heard_and_a_little_longer() {
        for question in ["how are you?", "잘 지내셨어요？"] {
            let reply = playout(&[("Well,", 1000), (question, 1200), ("I am fine.", 3000)]);
            let cases = [
                (0, false),
                (900, false),
                (1000, false),
                (1001, true),
                (2200, true),
                (2600, true),
                (2701, false),
            ];
            for (samples, expected) in cases {
                assert_eq!(reply.asks_at(samples, 500), expected, "after {samples}");
            }
        }
    }

    #[test]
    fn a_clause_that_made_no_sound_was_not_heard() {
        assert_eq!(playout(&[("One.", 0), ("Two.", 10)]).heard_text(100), "");
        assert_eq!(playout(&[]).heard_text(100), "");
        assert_eq!(Playout::default().samples(), 0);
    }

    #[test]
    fn sound_that_streams_in_moves_the_share() {
        let mut playout = playout(&[("하나 둘 셋 넷", 100)]);
        assert_eq!(playout.heard_text(100), "하나 둘 셋 넷");
        playout.extend(300);
        assert_eq!(playout.heard_text(100), "하나");
        assert_eq!(playout.samples(), 400);
    }

    #[test]
    fn hears_ever_more_and_only_prefixes() {
        let playout = playout(&[("Well, I think so.", 700), ("그런데 왜 물어봐요?", 900), ("Tell me!", 350)]);
        let whole = playout.heard_text(u64::MAX);
        let mut before = 0;
        for samples in 0..=playout.samples() {
            let heard = playout.heard_text(samples);
            assert!(whole.starts_with(&heard), "{heard}");
            assert!(heard.len() >= before);
            before = heard.len();
        }
        assert_eq!(before, whole.len());
    }
}
