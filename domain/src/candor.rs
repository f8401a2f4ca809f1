//! Questions about being an AI: recognised, weighed, and never answered with a lie.
//!
//! A teasing question may be deflected in character. One that is asked sincerely is admitted; so is one that is
//! asked again. [`denies_being_ai`] is the last guard: a small model may deny whatever its prompt says.

mod english;
mod korean;

#[cfg(test)]
mod tests;

use crate::{lang::Language, persona::SpeechLevel};

/// What the person wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AiQuestion {
    /// Something else.
    #[default]
    None,
    /// Whether they talk with an AI, in passing.
    Casual,
    /// The same, and they mean it.
    Sincere,
}

impl AiQuestion {
    /// What `text` asks, taken by itself.
    pub fn of(text: &str) -> Self {
        match (asks(text), insists(text)) {
            (false, _) => Self::None,
            (true, false) => Self::Casual,
            (true, true) => Self::Sincere,
        }
    }

    /// What `text` asks after `previous`, the person's words before it: who asks again, or insists ("I'm serious.")
    /// on a question that was deflected, means it.
    pub fn after(text: &str, previous: Option<&str>) -> Self {
        let asked_before = previous.is_some_and(asks);
        match Self::of(text) {
            Self::None if asked_before && insists(text) => Self::Sincere,
            Self::Casual if asked_before => Self::Sincere,
            alone => alone,
        }
    }
}

/// Words that are looked at together. A question is shorter, and without a bound the time taken would grow with the
/// square of what somebody sends.
const MOST_WORDS: usize = 40;

fn asks(text: &str) -> bool {
    match Language::of_text(text) {
        Some(Language::Korean) => korean::asks(text),
        Some(Language::English) => english::asks(text),
        None => false,
    }
}

fn insists(text: &str) -> bool {
    match Language::of_text(text) {
        Some(Language::Korean) => korean::insists(text),
        Some(Language::English) => english::insists(text),
        None => false,
    }
}

/// Whether `reply` says that the speaker is no AI or is human.
pub fn denies_being_ai(reply: &str) -> bool {
    korean::denies(reply) || english::denies(reply)
}

/// What to say in place of a denial.
pub fn admission(language: Language, level: SpeechLevel) -> &'static str {
    match (language, level) {
        (Language::Korean, SpeechLevel::Formal) => {
            "솔직히 말씀드리면 저는 AI입니다. 그래도 이 대화는 진심으로 듣고 있습니다."
        }
        (Language::Korean, SpeechLevel::Polite) => {
            "솔직히 말하면 저는 AI예요. 그래도 지금 하는 얘기는 진심으로 듣고 있어요."
        }
        (Language::Korean, SpeechLevel::Close) => {
            "솔직히 말하면 나 AI야. 그래도 네 얘기는 진심으로 듣고 있어."
        }
        (Language::English, SpeechLevel::Formal) => {
            "To be honest with you, I am an AI. I am still glad to be talking with you."
        }
        (Language::English, SpeechLevel::Polite) => {
            "Honestly, yes, I'm an AI. I'm still really glad we're talking."
        }
        (Language::English, SpeechLevel::Close) => {
            "Honestly? Yeah, I'm an AI. Still happy to be here with you, though."
        }
    }
}
