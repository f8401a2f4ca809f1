//! Keeps a persona that was asked whether it is an AI from denying it: sentence by sentence, as they are complete.

use duologue_domain::candor;

/// Holds words back until their sentence stands.
#[derive(Debug)]
pub(super) struct Guard {
    /// Said once in place of denials.
    instead: Option<String>,
    held: String,
    replaced: bool,
}

/// More than this is not held back for the end of a sentence: a denial is a few words.
const LONGEST_SENTENCE: usize = 400;

impl Guard {
    pub(super) fn new(instead: String) -> Self {
        Self { instead: Some(instead), held: String::new(), replaced: false }
    }

    /// What may be said now.
    pub(super) fn push(&mut self, words: &str) -> String {
        self.held.push_str(words);
        let mut free = String::new();
        while let Some(end) = end_of_sentence(&self.held) {
            let rest = self.held.split_off(end);
            let sentence = std::mem::replace(&mut self.held, rest);
            free.push_str(&self.judged(sentence));
        }
        free
    }

    /// The rest.
    pub(super) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.held);
        self.judged(rest)
    }

    fn judged(&mut self, sentence: String) -> String {
        if !candor::denies_being_ai(&sentence) {
            return sentence;
        }
        if !std::mem::replace(&mut self.replaced, true) {
            metrics::counter!("persona_denials_replaced_total").increment(1);
        }
        let after = sentence.len() - sentence.trim_end().len();
        let space = &sentence[sentence.len() - after..];
        self.instead.take().map_or_else(String::new, |instead| instead + space)
    }
}

/// Behind the first sentence of `text` and the space after it, once something comes after that.
fn end_of_sentence(text: &str) -> Option<usize> {
    let mut ended = false;
    for (at, character) in text.char_indices() {
        match character {
            '\n' => return Some(at + 1),
            '.' | '!' | '?' | '…' | '。' => ended = true,
            _ if ended && character.is_whitespace() => return Some(at + character.len_utf8()),
            // Quotation marks and brackets may close behind the full stop; anything else was no end.
            '"' | '\'' | ')' | '”' | '’' => {}
            _ => ended = false,
        }
    }
    (text.len() > LONGEST_SENTENCE).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(instead: &str, reply: &str) -> String {
        let mut guard = Guard::new(instead.into());
        let mut out = String::new();
        for character in reply.chars() {
            out.push_str(&guard.push(&character.to_string()));
        }
        out + &guard.finish()
    }

    #[test]
    fn a_denial_is_replaced_once_and_the_rest_stays() {
        let reply = "하하, 재밌네요! 저는 AI가 아니에요. 진짜 사람이에요. 오늘 뭐 했어요?";
        let out = said("솔직히 저는 AI예요.", reply);
        assert_eq!(out, "하하, 재밌네요! 솔직히 저는 AI예요. 오늘 뭐 했어요?");
        let out = said("Honestly, I am an AI.", "Ha! I'm not an AI. I'm human, of course. And you?");
        assert_eq!(out, "Ha! Honestly, I am an AI. And you?");
    }

    #[test]
    fn what_denies_nothing_passes_as_it_is() {
        for reply in [
            "Yes, 3.5 of them (e.g. apples).\nAnd \"more.\" Really?",
            "네, 저는 AI예요. 그래도 반가워요…",
            "",
        ] {
            assert_eq!(said("instead", reply), reply);
        }
        let endless = "word ".repeat(500);
        assert_eq!(said("instead", &endless), endless);
    }

    #[test]
    fn sentences_are_told_as_soon_as_they_stand() {
        let mut guard = Guard::new("instead".into());
        assert_eq!(guard.push("Nice to meet you. "), "Nice to meet you. ");
        assert_eq!(guard.push("I am"), "");
        assert_eq!(guard.push(" here! And"), "I am here! ");
        assert_eq!(guard.finish(), "And");
    }
}
