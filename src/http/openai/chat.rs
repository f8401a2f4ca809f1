//! `POST /v1/chat/completions`: a persona, or the language model itself, answers in writing.
//!
//! Nothing is kept: the client sends the whole conversation each time. A client that goes away stops the model, because
//! its reply is dropped with the body.

mod chunks;
mod request;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use duologue_engines::port::{LlmUsage, ToolCall};
use serde_json::{Value, json};

use self::{chunks::Chunks, request::ChatRequest};
use super::{
    V1Json,
    text::{Piece, Reply, new_id, streamed, unix_seconds},
};
use crate::{
    error::{ApiError, ErrorBody},
    http::extract::Caller,
    state::AppState,
};

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/chat/completions", post(complete))
}

/// Who answers which request, as every part of the answer repeats it.
#[derive(Clone, Debug)]
struct Heading {
    id: String,
    created: u64,
    model: String,
}

/// A persona, or the language model itself, answers in writing. The body is OpenAI's; see docs/openai.md for what is
/// not done here.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", request_body = Value, responses(
    (status = 200, body = Value, description = "A completion, or with `stream` its chunks as events"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn complete(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(request): V1Json<ChatRequest>,
) -> Result<Response, ApiError> {
    let heading = Heading { id: new_id("chatcmpl-"), created: unix_seconds(), model: request.model.clone() };
    let (in_chunks, with_usage) = (request.is_streamed(), request.wants_usage());
    let reply = Reply::begin(&state, &caller, request.into_ask()?)?;
    match in_chunks {
        true => streamed(Chunks::new(heading, with_usage), reply).await,
        false => Ok(Json(whole(&heading, reply).await?).into_response()),
    }
}

/// The completion in one.
async fn whole(heading: &Heading, mut reply: Reply) -> Result<Value, ApiError> {
    let (mut words, mut calls) = (String::new(), Vec::new());
    while let Some(piece) = reply.next().await {
        match piece? {
            Piece::Words(more) => words.push_str(&more),
            Piece::Call(call) => calls.push(call),
            Piece::End { cut, usage } => {
                let reason = finish_reason(cut, !calls.is_empty());
                let message = message(&words, &calls);
                return Ok(json!({
                    "id": heading.id,
                    "object": "chat.completion",
                    "created": heading.created,
                    "model": heading.model,
                    "choices": [
                        { "index": 0, "message": message, "logprobs": null, "finish_reason": reason }
                    ],
                    "usage": usage_json(&usage),
                    "service_tier": "default",
                    "system_fingerprint": null,
                }));
            }
        }
    }
    // A reply that ends without its end has failed before.
    Err(ApiError::new(crate::error::Code::EngineBroken, "the reply ended without an end"))
}

fn message(words: &str, calls: &[ToolCall]) -> Value {
    let content = if words.is_empty() && !calls.is_empty() { Value::Null } else { words.into() };
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null, "annotations": [] });
    if !calls.is_empty() {
        message["tool_calls"] = calls.iter().map(call_json).collect();
    }
    message
}

fn call_json(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

fn finish_reason(cut: bool, called: bool) -> &'static str {
    match (cut, called) {
        // What was cut may lack a call that was being written.
        (true, _) => "length",
        (false, true) => "tool_calls",
        (false, false) => "stop",
    }
}

fn usage_json(usage: &LlmUsage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
