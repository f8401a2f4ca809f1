//! Prompts: what a persona's model is told, in an order that keeps its cache warm.
//!
//! 1. The persona's system prompt, byte-identical for all sessions of a persona and language (shared).
//! 2. The turns so far, oldest first, only ever appended to; when they no longer fit, the oldest go in whole
//!    blocks, so that the beginning of the prompt stays the same for several turns.
//! 3. A short system note with what changes: speech level, facts, candor, the client's instructions.
//! 4. The person's last words, and after them what functions were called for the answer and what these returned.
//!
//! A key-value cache of turn n is therefore valid in turn n + 1 up to the end of the turns before n.

mod history;
mod words;

#[cfg(test)]
mod tests;

pub use self::{history::turns, words::carry_on};

use crate::{
    candor::AiQuestion,
    lang::{Language, is_hangul},
    memory::Fact,
    persona::{IntimacyStep, Persona},
    tool::{Tool, ToolCall},
};

/// Who said a message of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// The person.
    User,
    /// The persona.
    Assistant,
    /// What a function returned.
    Tool,
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who.
    pub role: Role,
    /// What.
    pub content: String,
    /// Functions that the assistant called after these words.
    pub calls: Vec<ToolCall>,
    /// Of a message of the role [`Role::Tool`]: the id of the call that it answers.
    pub answers: Option<String>,
}

impl ChatMessage {
    /// Words and nothing else.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), calls: Vec::new(), answers: None }
    }
}

/// A turn of the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// What was said and, for the persona, heard; of a function, what it returned.
    pub text: String,
    /// Functions that the persona called after these words.
    pub calls: Vec<ToolCall>,
    /// Of a function's result: the id of the call.
    pub answers: Option<String>,
}

impl Turn {
    /// Words and nothing else.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), calls: Vec::new(), answers: None }
    }

    /// What a function returned.
    pub fn result(call_id: impl Into<String>, output: impl Into<String>) -> Self {
        Self { answers: Some(call_id.into()), ..Self::new(Role::Tool, output) }
    }
}

/// What a prompt is made of.
#[derive(Clone, Copy, Debug)]
pub struct PromptInput<'a> {
    /// Who answers.
    pub persona: &'a Persona,
    /// In which language.
    pub language: Language,
    /// How close the two are: [`Persona::intimacy_step`].
    pub step: Option<&'a IntimacyStep>,
    /// What is remembered of the person.
    pub facts: &'a [Fact],
    /// Everything said, oldest first; the last one is usually the person's.
    pub history: &'a [Turn],
    /// What the client wants besides, or nothing.
    pub instructions: &'a str,
    /// Tokens that the whole prompt may take.
    pub budget_tokens: usize,
    /// Whether the person has just asked about being an AI.
    pub candor: AiQuestion,
}

/// What the model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// How many leading messages all sessions of the persona share.
    pub shared: usize,
}

/// Turns dropped together when the history is too long: a prompt keeps its beginning for about four exchanges.
const BLOCK: usize = 8;

/// Tokens that ChatML puts around a message (`<|im_start|>role\n` … `<|im_end|>\n`), rounded up.
const FRAME_TOKENS: usize = 6;

impl Prompt {
    /// Puts a prompt together. The note and the last turn are always in it, even when they alone are over the budget;
    /// what functions returned is cut where it would leave no room for anything else.
    pub fn build(input: &PromptInput<'_>) -> Self {
        let mut messages = Self::shared_messages(input.persona, input.language);
        let shared = messages.len();
        let (earlier, last) = input.history.split_at(history::last_words(input.history));
        let note = ChatMessage::new(Role::System, words::note(input));
        let fixed = messages.iter().chain([&note]).map(|message| cost(&message.content)).sum::<usize>();
        let last = history::within(last, input.budget_tokens.saturating_sub(fixed));
        let fixed = fixed + last.iter().map(history::cost_of).sum::<usize>();
        let left = input.budget_tokens.saturating_sub(fixed);
        let earlier = history::within(earlier, left);
        messages.extend(fitting(&earlier, left).iter().map(ChatMessage::from));
        messages.push(note);
        messages.extend(last.iter().map(ChatMessage::from));
        Self { messages, shared }
    }

    /// The beginning of every prompt of `persona` in `language`, for prefilling.
    pub fn shared_messages(persona: &Persona, language: Language) -> Vec<ChatMessage> {
        vec![ChatMessage::new(Role::System, words::system(persona, language))]
    }

    /// What the persona is told about how to speak, rules included, and must never say.
    pub fn direction(language: Language, step: Option<&IntimacyStep>) -> String {
        words::unspoken(language, step)
    }

    /// An upper estimate of its tokens.
    pub fn tokens(&self) -> usize {
        self.messages.iter().map(|message| cost(&message.content)).sum()
    }
}

impl From<&Turn> for ChatMessage {
    fn from(turn: &Turn) -> Self {
        Self {
            role: turn.role,
            content: turn.text.clone(),
            calls: turn.calls.clone(),
            answers: turn.answers.clone(),
        }
    }
}

/// An upper estimate of the tokens in `text` for byte-pair vocabularies such as Qwen's: four per three Hangul
/// syllables, one per three letters or digits of another word, one per ASCII sign, two per other character; a space
/// belongs to the word after it. Measured with Qwen2.5's vocabulary, Korean takes 0.7 to 1.2 tokens a syllable and
/// English one per 4 to 5 letters, so the estimate lies about a third above. Only strings that are no words in any
/// language can exceed it.
pub fn estimate_tokens(text: &str) -> usize {
    let (mut tokens, mut run, mut syllables) = (0usize, 0usize, 0usize);
    for character in text.chars() {
        if is_hangul(character) {
            syllables += 1;
        } else if character.is_alphanumeric() && character < FIRST_IDEOGRAPH {
            run += 1;
            continue;
        } else if character != ' ' {
            tokens += if character.is_ascii() { 1 } else { 2 };
        }
        tokens += run.div_ceil(3);
        run = 0;
    }
    tokens + run.div_ceil(3) + (syllables * 4).div_ceil(3)
}

/// From here on a character is a word of its own.
const FIRST_IDEOGRAPH: char = '\u{2E80}';

fn cost(text: &str) -> usize {
    estimate_tokens(text) + FRAME_TOKENS
}

/// An upper estimate of the tokens that functions take in a prompt: their texts, and what a model's format puts
/// around the whole.
pub fn estimate_tools(tools: &[Tool]) -> usize {
    /// Qwen's and Llama's formats explain in about 130 tokens how a function is called.
    const FORMAT_TOKENS: usize = 160;
    /// Braces, quotes and the names of fields around one function.
    const AROUND_ONE: usize = 24;
    if tools.is_empty() {
        return 0;
    }
    // JSON's signs come in groups that are one token: four characters each, by measure, so three to be above.
    let schema = |text: &str| {
        let (ascii, other) = text.chars().partition::<String, _>(char::is_ascii);
        ascii.len().div_ceil(3) + estimate_tokens(&other)
    };
    let of_one = |tool: &Tool| {
        AROUND_ONE
            + estimate_tokens(&tool.name)
            + estimate_tokens(&tool.description)
            + schema(&tool.parameters)
    };
    FORMAT_TOKENS + tools.iter().map(of_one).sum::<usize>()
}

/// The newest turns that fit, beginning at a block's border where possible, and never with the result of a call that
/// is not among them.
fn fitting(turns: &[Turn], budget: usize) -> &[Turn] {
    let mut left = budget;
    let mut first = turns.len();
    while first > 0 {
        let Some(rest) = left.checked_sub(history::cost_of(&turns[first - 1])) else { break };
        left = rest;
        first -= 1;
    }
    let border = first.next_multiple_of(BLOCK);
    let start = if border < turns.len() { border } else { first };
    let results = turns[start..].iter().take_while(|turn| turn.role == Role::Tool).count();
    &turns[start + results..]
}
