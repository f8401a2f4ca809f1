//! What chat completions and responses have in common: who answers, with which prompt, and the reply as it comes.

mod guard;
mod tools;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use duologue_domain::{
    candor::{self, AiQuestion},
    lang::Language,
    persona::{Persona, SpeechLevel},
    prompt::{Prompt, PromptInput, Turn, estimate_tokens},
};
use duologue_engines::{
    fair::session_key,
    port::{
        ChatMessage, Finish, LlmEngine, LlmEvent, LlmRequest, LlmStream, LlmUsage, Role, Sampling,
        SessionKey, Tool, ToolCall, ToolChoice,
    },
};
use tokio::sync::OwnedSemaphorePermit;

use self::guard::Guard;
pub(super) use self::tools::{checked_choice, checked_tools, parsed_schema};
use super::models;
use crate::{
    error::{ApiError, Code},
    http::{extract::Caller, personas},
    state::AppState,
};

/// Longest reply of a request that does not say: what two cores write within `server.request_timeout_s`.
const DEFAULT_TOKENS: usize = 1024;
/// The first token of a long prompt on a slow machine, when others are before it.
const FIRST_TOKEN: Duration = Duration::from_secs(90);
/// Silence of the model: longer than its first token may take. Engines find out much earlier that they hang.
const SILENCE: Duration = Duration::from_secs(120);
/// Texts that end a reply: how many, and how long.
const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 256;
/// Messages of one request; more are no conversation.
const MAX_MESSAGES: usize = 2048;

/// A request to the language model, as both endpoints make it.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// A persona by id or name, or the language model itself.
    pub(super) model: String,
    /// Oldest first; the client's instructions have the role [`Role::System`].
    pub(super) messages: Vec<ChatMessage>,
    /// What may be called.
    pub(super) tools: Vec<Tool>,
    /// Whether something must be.
    pub(super) tool_choice: ToolChoice,
    /// Not more than one call.
    pub(super) one_call: bool,
    /// What the reply must follow.
    pub(super) schema: Option<Arc<str>>,
    /// How to write.
    pub(super) manner: Manner,
}

/// How the reply is to be written, as far as the client says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Manner {
    /// At most so many tokens, and by which name the client calls that.
    pub(super) max_tokens: Option<(u64, &'static str)>,
    /// 0 to 2.
    pub(super) temperature: Option<f32>,
    /// Above 0, up to 1.
    pub(super) top_p: Option<f32>,
    /// Same seed, same reply.
    pub(super) seed: Option<i64>,
    /// What ends it.
    pub(super) stop: Vec<String>,
}

/// A piece of a reply.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// More words.
    Words(String),
    /// A whole call.
    Call(ToolCall),
    /// That was all.
    End {
        /// Whether it was cut.
        cut: bool,
        /// At what cost.
        usage: LlmUsage,
    },
}

/// A reply in the making. Dropping it stops the model.
pub(super) struct Reply {
    stream: LlmStream,
    guard: Option<Guard>,
    one_call: bool,
    calls: usize,
    /// What was found together with what was said last.
    next: Option<Piece>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// Who answers.
enum Who {
    Persona(Arc<Persona>, Arc<dyn LlmEngine>),
    /// The model itself, without a persona.
    Plain(Arc<dyn LlmEngine>),
}

impl Reply {
    /// Begins to answer.
    ///
    /// # Errors
    /// The request cannot be served as it is, or not now.
    pub(super) fn begin(state: &AppState, caller: &Caller, ask: Ask) -> Result<Self, ApiError> {
        check(&ask)?;
        let who = who(state, &ask.model)?;
        // Half of what waits at the language model stays free for scenes.
        let place = Arc::clone(&state.completions).try_acquire_owned().map_err(|_| busy())?;
        let session = key(caller, &ask);
        let one_call = ask.one_call;
        let (llm, request, guard) = match who {
            Who::Persona(persona, llm) => {
                let (request, guard) = in_character(&persona, &*llm, ask);
                (llm, request, guard)
            }
            Who::Plain(llm) => {
                let request = plainly(&*llm, ask);
                (llm, request, None)
            }
        };
        let stream = llm.generate(LlmRequest { session, first_token_deadline: FIRST_TOKEN, ..request })?;
        Ok(Self { stream, guard, one_call, calls: 0, next: None, ended: false, _place: place })
    }

    /// The next piece; `None` after the end or a failure.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, ApiError>> {
        if let Some(piece) = self.next.take() {
            return Some(Ok(piece));
        }
        while !self.ended {
            let event = match tokio::time::timeout(SILENCE, self.stream.next()).await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => return self.fail(error.into()),
                Ok(None) => {
                    return self.fail(ApiError::new(Code::EngineBroken, "the reply ended without an end"));
                }
                Err(_) => return self.fail(ApiError::new(Code::EngineTimeout, "the model says nothing")),
            };
            if let Some(piece) = self.hear(event) {
                return Some(Ok(piece));
            }
        }
        None
    }

    fn fail(&mut self, error: ApiError) -> Option<Result<Piece, ApiError>> {
        self.ended = true;
        Some(Err(error))
    }

    fn hear(&mut self, event: LlmEvent) -> Option<Piece> {
        match event {
            LlmEvent::Delta(words) => {
                let words = match &mut self.guard {
                    Some(guard) => guard.push(&words),
                    None => words,
                };
                (!words.is_empty()).then_some(Piece::Words(words))
            }
            LlmEvent::ToolCall(_) if self.one_call && self.calls > 0 => None,
            LlmEvent::ToolCall(call) => {
                self.calls += 1;
                self.after_held_words(Piece::Call(call))
            }
            LlmEvent::Done { finish, usage } => {
                self.ended = true;
                self.after_held_words(Piece::End { cut: finish == Finish::Length, usage })
            }
        }
    }

    /// What the guard still holds comes first.
    fn after_held_words(&mut self, piece: Piece) -> Option<Piece> {
        let held = self.guard.as_mut().map(Guard::finish).unwrap_or_default();
        if held.is_empty() {
            return Some(piece);
        }
        self.next = Some(piece);
        Some(Piece::Words(held))
    }
}

fn busy() -> ApiError {
    ApiError::new(Code::EngineOverloaded, "too many replies are being written already").retry_after(2)
}

fn bad(param: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(Code::BadRequest, message).with_param(param)
}

/// What no engine should be asked.
fn check(ask: &Ask) -> Result<(), ApiError> {
    if ask.messages.is_empty() || ask.messages.len() > MAX_MESSAGES {
        return Err(bad("messages", format!("a request has 1 to {MAX_MESSAGES} messages")));
    }
    let manner = &ask.manner;
    if let Some((0, param)) = manner.max_tokens {
        return Err(bad(param, format!("{param} must be at least 1")));
    }
    if manner.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(bad("temperature", "temperature must be between 0 and 2"));
    }
    if manner.top_p.is_some_and(|top_p| !(top_p > 0.0 && top_p <= 1.0)) {
        return Err(bad("top_p", "top_p must be above 0 and at most 1"));
    }
    let wrong = |stop: &String| stop.is_empty() || stop.len() > MAX_STOP_BYTES;
    if manner.stop.len() > MAX_STOPS || manner.stop.iter().any(wrong) {
        let message = format!("there can be {MAX_STOPS} texts in stop, each of 1 to {MAX_STOP_BYTES} bytes");
        return Err(bad("stop", message));
    }
    if ask.schema.is_some() && !ask.tools.is_empty() && ask.tool_choice != ToolChoice::None {
        return Err(bad(
            "tools",
            "a reply in JSON and functions cannot be had together: send tool_choice \"none\", or no format",
        ));
    }
    Ok(())
}

fn who(state: &AppState, model: &str) -> Result<Who, ApiError> {
    let engines = &state.engines;
    let plain = [Some(&engines.llm), engines.small_llm.as_ref()];
    let named = |llm: &&Arc<dyn LlmEngine>| !model.is_empty() && llm.info().model == model;
    if let Some(llm) = plain.into_iter().flatten().find(named) {
        return Ok(Who::Plain(llm.clone()));
    }
    let persona = personas::find(state, Some(model)).map_err(|_| models::unknown(model))?;
    Ok(Who::Persona(persona, engines.llm.clone()))
}

/// A key of the client, and in it one of the conversation: the next request that goes on with it finds at the engine
/// what was read before, and another conversation of the same client waits behind other clients.
fn key(caller: &Caller, ask: &Ask) -> SessionKey {
    let first = ask.messages.iter().find(|message| message.role != Role::System);
    let words = first.map_or("", |message| message.content.as_str());
    let sum =
        [ask.model.as_str(), words].iter().flat_map(|text| text.bytes()).fold(0xCBF2_9CE4u32, |sum, byte| {
            // FNV-1a: nobody gains by making two of their own conversations collide.
            (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    session_key(Some(&client(caller)), sum)
}

/// Who calls, as engines tell clients apart.
pub(super) fn client(caller: &Caller) -> String {
    match &caller.principal.user_id {
        Some(user) => format!("user {user}"),
        None => address(caller.address),
    }
}

fn address(address: IpAddr) -> String {
    format!("address {address}")
}

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

fn plainly(llm: &dyn LlmEngine, mut ask: Ask) -> LlmRequest {
    let messages = std::mem::take(&mut ask.messages);
    request_of(ask, (messages, 0), Sampling::default(), llm.context_tokens())
}

/// The persona's prompt with the client's instructions in it, and what watches over the reply.
fn in_character(persona: &Persona, llm: &dyn LlmEngine, mut ask: Ask) -> (LlmRequest, Option<Guard>) {
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

/// Now, as OpenAI writes it.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An id with this in front, which cannot be guessed.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}
