//! Language models: llama.cpp in a worker process, candle in this one, or any OpenAI-compatible server.

#[cfg(feature = "candle")]
pub mod candle;
#[cfg(feature = "candle")]
mod circles;
#[cfg(feature = "candle")]
mod emit;
pub mod llama;
pub mod openai;
#[cfg(feature = "candle")]
mod sample;
#[cfg(all(test, feature = "candle"))]
mod tests;
mod tools;
mod wire;

use crate::port::{EngineError, ErrorKind, LlmRequest, Role};

/// What no engine can do, said before any work.
fn check(request: &LlmRequest, engine: &'static str) -> Result<(), EngineError> {
    let refuse = |why: &str| Err(EngineError::new(ErrorKind::BadInput, engine, why));
    if request.messages.is_empty() {
        return refuse("there are no messages to answer");
    }
    if request.max_tokens == 0 {
        return refuse("max_tokens must be at least 1");
    }
    tools::check(request, engine)
}

/// Room in a reply's stream for every token it may have, so that no engine ever waits for a slow
/// listener: a thread that waits for one session would stall all others.
fn room(max_tokens: usize) -> usize {
    const LONGEST_REPLY: usize = 1 << 16;
    max_tokens.min(LONGEST_REPLY) + tools::ROOM
}

/// A role as chat templates and OpenAI's wire name it.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}
