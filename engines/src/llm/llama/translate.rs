//! Between the words of the port and those of the worker.

use std::time::Duration;

use super::ENGINE;
use crate::{
    llm::{
        role_name,
        tools::prepare,
        wire::{Done, End, Fault, Generate, Message},
    },
    port::{ChatMessage, EngineError, ErrorKind, Finish, LlmEvent, LlmRequest, LlmUsage, ToolChoice},
};

/// The last event of a reply that was `held` here before it went to the worker.
pub(super) fn ending(done: &Done, held: Duration) -> LlmEvent {
    let finish = match done.finish {
        End::Stop => Finish::Stop,
        End::Length => Finish::Length,
        End::Repetition => Finish::Repetition,
    };
    let usage = LlmUsage {
        prompt_tokens: done.prompt_tokens,
        cached_tokens: done.cached_tokens,
        completion_tokens: done.completion_tokens,
        queued: held + Duration::from_micros(done.queued_us),
        first_token: Duration::from_micros(done.first_token_us),
    };
    LlmEvent::Done { finish, usage }
}

/// A request as the worker reads it.
pub(super) fn question(id: u64, request: LlmRequest) -> Generate {
    let sampling = request.sampling;
    let prepared = prepare(&request);
    // A reply that has to be a call has nothing to draw.
    let is_call = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    Generate {
        id,
        session: request.session,
        messages: lines(&prepared.messages),
        shared: prepared.shared.min(prepared.messages.len()),
        ahead: false,
        max_tokens: request.max_tokens,
        temperature: if is_call { 0.0 } else { sampling.temperature },
        top_p: sampling.top_p,
        repeat_penalty: sampling.repeat_penalty,
        seed: sampling.seed.unwrap_or_else(rand::random),
        stop: request.stop,
        grammar: prepared.grammar,
        calls: prepared.calls,
    }
}

/// Messages as the worker reads them.
pub(super) fn lines(messages: &[ChatMessage]) -> Vec<Message> {
    let line = |message: &ChatMessage| Message {
        role: role_name(message.role).to_owned(),
        content: message.content.clone(),
    };
    messages.iter().map(line).collect()
}

/// Nothing came in time.
pub(super) fn late() -> EngineError {
    EngineError::new(ErrorKind::Timeout, ENGINE, "no token came within the deadline")
}

/// A worker's failure in the words of the port.
pub(super) fn kind_of(fault: Fault) -> ErrorKind {
    match fault {
        Fault::Overloaded => ErrorKind::Overloaded,
        Fault::BadInput => ErrorKind::BadInput,
        Fault::Unavailable => ErrorKind::Unavailable,
        Fault::Broken => ErrorKind::Broken,
    }
}
