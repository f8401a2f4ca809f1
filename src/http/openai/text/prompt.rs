//! What the language model is asked: a persona's prompt with the client's messages in it, or these alone.

use std::sync::Arc;

use duologue_domain::{
    candor::{self, AiQuestion},
    lang::Language,
    persona::{Persona, SpeechLevel},
    prompt::{Prompt, PromptInput, Turn, estimate_tokens},
};
use duologue_engines::port::{ChatMessage, LlmEngine, LlmRequest, Role, Sampling};

use super::{Ask, Manner, guard::Guard};

/// Longest reply of a request that does not say: what two cores write within `server.request_timeout_s`.
const DEFAULT_TOKENS: usize = 1024;

/// How long the reply may be, in a context of so many tokens.
fn longest(manner: &Manner, context: usize) -> usize {
    let wanted =
        manner.max_tokens.map_or(DEFAULT_TOKENS, |(tokens, _)| usize::try_from(tokens).unwrap_or(usize::MAX));
    wanted.min(context)
}

fn request_of(
    ask: Ask,
    (messages, shared): (Vec<ChatMessage>, usize),
    usual: Sampling,
    context: usize,
) -> LlmRequest {
    let manner = ask.manner;
    LlmRequest {
        messages,
        shared,
        max_tokens: longest(&manner, context),
        sampling: Sampling {
            temperature: manner.temperature.unwrap_or(usual.temperature),
            top_p: manner.top_p.unwrap_or(usual.top_p),
            repeat_penalty: usual.repeat_penalty,
            // Negative ones are as good as any.
            seed: manner.seed.map(|seed| seed as u64),
        },
        stop: manner.stop,
        tools: if ask.schema.is_some() { Arc::default() } else { ask.tools.into() },
        tool_choice: ask.tool_choice,
        response_schema: ask.schema,
        ..LlmRequest::default()
    }
}

/// The client's messages as they are.
pub(super) fn plainly(llm: &dyn LlmEngine, mut ask: Ask) -> LlmRequest {
    let messages = std::mem::take(&mut ask.messages);
    request_of(ask, (messages, 0), Sampling::default(), llm.context_tokens())
}

/// The persona's prompt with the client's instructions in it, and what watches over the reply.
pub(super) fn in_character(
    persona: &Persona,
    llm: &dyn LlmEngine,
    mut ask: Ask,
) -> (LlmRequest, Option<Guard>) {
    let (instructions, said): (Vec<_>, Vec<_>) =
        std::mem::take(&mut ask.messages).into_iter().partition(|message| message.role == Role::System);
    let instructions: Vec<String> = instructions.into_iter().map(|message| message.content).collect();
    let history: Vec<Turn> = said.into_iter().map(turn).collect();
    let language = language_of(persona, &history);
    let question = candor_of(&history);
    let step = persona.intimacy_step(0);
    let context = llm.context_tokens();
    let tools: usize = ask
        .tools
        .iter()
        .flat_map(|tool| [&tool.name, &tool.description, &tool.parameters])
        .map(|text| estimate_tokens(text))
        .sum();
    let reply = longest(&ask.manner, context).min(context / 2);
    let prompt = Prompt::build(&PromptInput {
        persona,
        language,
        step,
        facts: &[],
        history: &history,
        instructions: &instructions.join("\n\n"),
        budget_tokens: context.saturating_sub(reply).saturating_sub(tools),
        candor: question,
    });
    let instead = match question {
        AiQuestion::None => None,
        AiQuestion::Casual => persona.profile(language).deflections.first().cloned(),
        AiQuestion::Sincere => {
            let level = step.map_or(SpeechLevel::Polite, |step| step.level);
            Some(candor::admission(language, level).to_owned())
        }
    };
    let usual = Sampling {
        temperature: persona.sampling.temperature,
        top_p: persona.sampling.top_p,
        repeat_penalty: persona.sampling.repeat_penalty,
        seed: None,
    };
    // What a program reads is no talk.
    let guard = instead.filter(|_| ask.schema.is_none()).map(Guard::new);
    (request_of(ask, (prompt.messages, prompt.shared), usual, context), guard)
}

fn turn(message: ChatMessage) -> Turn {
    Turn { role: message.role, text: message.content, calls: message.calls, answers: message.answers }
}

/// The person's last words decide, if the persona speaks that.
fn language_of(persona: &Persona, history: &[Turn]) -> Language {
    let last = history.iter().rev().find(|turn| turn.role == Role::User);
    let spoken = last.and_then(|turn| Language::of_text(&turn.text));
    spoken.filter(|language| persona.languages.contains(language)).unwrap_or(persona.language)
}

fn candor_of(history: &[Turn]) -> AiQuestion {
    let mut said = history.iter().rev().filter(|turn| turn.role == Role::User).map(|turn| turn.text.as_str());
    said.next().map_or(AiQuestion::None, |last| AiQuestion::after(last, said.next()))
}
