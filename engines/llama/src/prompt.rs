//! From messages to tokens by the model's own chat template.

use anyhow::{Context, ensure};
use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};

use crate::{cache::common, wire::Message};

/// The messages to answer, and what of the answer stands already: a last message of the assistant.
fn begun(messages: &[Message]) -> (&[Message], &str) {
    match messages.split_last() {
        Some((last, earlier)) if last.role == "assistant" => (earlier, last.content.as_str()),
        _ => (messages, ""),
    }
}

/// Renders and tokenises for one model.
pub(crate) struct Prompter<'m> {
    model: &'m LlamaModel,
    template: LlamaChatTemplate,
    /// How the marks between messages are written; nobody may write them inside one.
    marks: Vec<String>,
}

/// A prompt ready to evaluate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// All of it.
    pub(crate) tokens: Vec<i32>,
    /// How many leading tokens other sessions share.
    pub(crate) shared: usize,
}

impl Prompt {
    /// What other sessions share.
    pub(crate) fn beginning(&self) -> &[i32] {
        &self.tokens[..self.shared]
    }
}

impl<'m> Prompter<'m> {
    /// Fails when the file has no chat template or one that llama.cpp cannot render: guessing would
    /// give a persona that babbles.
    pub(crate) fn new(model: &'m LlamaModel) -> anyhow::Result<Self> {
        let template = model
            .chat_template(None)
            .context("the model has no chat template: it is a base model, choose an instruct one")?;
        let vocabulary = model.vocab();
        let marks = vocabulary
            .tokens()
            .filter(|token| vocabulary.is_control(*token))
            .filter_map(|token| vocabulary.text(token)?.to_str().ok().map(str::to_owned))
            .filter(|mark| mark.len() > 2)
            .collect();
        let prompter = Self { model, template, marks };
        let probe = Message { role: "user".into(), content: "Hi".into() };
        prompter.render(&[probe], true).context("the model's chat template is not one that is known")?;
        Ok(prompter)
    }

    /// `chatml` or `other`, for the log.
    pub(crate) fn family(&self) -> &'static str {
        let template = self.template.to_str().unwrap_or_default();
        if template.contains("<|im_start|>") { "chatml" } else { "other" }
    }

    /// The prompt for a reply to `messages`, of which the first `shared` are the persona's.
    pub(crate) fn prompt(&self, messages: &[Message], shared: usize) -> anyhow::Result<Prompt> {
        let (messages, begun) = begun(messages);
        ensure!(!messages.is_empty(), "there are no messages to answer");
        let tokens = self.tokenise(&(self.render(messages, true)? + &self.unmarked(begun)));
        ensure!(!tokens.is_empty(), "the prompt is empty");
        let shared = match messages.get(..shared) {
            Some(beginning) if shared > 0 => common(&tokens, &self.beginning(beginning)?),
            _ => 0,
        };
        Ok(Prompt { tokens, shared })
    }

    /// The tokens of a persona's messages alone.
    pub(crate) fn beginning(&self, messages: &[Message]) -> anyhow::Result<Vec<i32>> {
        ensure!(!messages.is_empty(), "there are no messages");
        Ok(self.tokenise(&self.render(messages, false)?))
    }

    fn render(&self, messages: &[Message], invite: bool) -> anyhow::Result<String> {
        let chat = messages
            .iter()
            .map(|message| LlamaChatMessage::new(message.role.clone(), self.unmarked(&message.content)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(self.model.apply_chat_template(&self.template, &chat, invite)?)
    }

    /// Whatever a person writes, it must not end their message and speak as someone else.
    fn unmarked(&self, content: &str) -> String {
        let mut content = content.replace('\0', "");
        // Taking one mark out may join the halves of another, so this goes on until none is left;
        // every round shortens the text.
        while let Some(mark) = self.marks.iter().find(|mark| content.contains(mark.as_str())) {
            content = content.replace(mark.as_str(), "");
        }
        content
    }

    fn tokenise(&self, text: &str) -> Vec<i32> {
        self.model.vocab().tokenize(text.as_bytes(), true, true).into_iter().map(|token| token.0).collect()
    }
}
