//! What chat completions and responses have in common: who answers, with which prompt, and the reply as it comes.

mod completions;
mod content;
mod guard;
mod prompt;
mod stream;
mod tools;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use duologue_domain::persona::Persona;
use duologue_engines::{
    fair::session_key,
    port::{
        ChatMessage, Finish, LlmEngine, LlmEvent, LlmRequest, LlmStream, LlmUsage, Role, SessionKey, Tool,
        ToolCall, ToolChoice,
    },
};

pub(crate) use self::completions::Completions;
use self::{
    completions::Place,
    guard::Guard,
    prompt::{in_character, plainly},
};
pub(super) use self::{
    content::Content,
    stream::{Tell, streamed},
    tools::{checked_choice, checked_tools, parsed_schema},
};
use super::{error::bad, models};
use crate::{
    error::{ApiError, Code},
    http::{extract::Caller, personas},
    state::AppState,
};

/// The first token of a long prompt on a slow machine, when others are before it.
const FIRST_TOKEN: Duration = Duration::from_secs(90);
/// Silence of the model: longer than its first token may take. Engines find out much earlier that they hang.
const SILENCE: Duration = Duration::from_secs(120);
/// Texts that end a reply: how many, and how long.
const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 256;
/// Messages of one request; more are no conversation.
pub(super) const MAX_MESSAGES: usize = 2048;

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
    _place: Place,
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
        let place = state.completions.take(caller.client())?;
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

/// Who calls, as engines tell clients apart; the programs of this machine are one.
pub(super) fn client(caller: &Caller) -> Arc<str> {
    caller.client().unwrap_or_else(|| "this machine".into())
}

/// Now, as OpenAI writes it.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An id with this in front, which cannot be guessed.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}
