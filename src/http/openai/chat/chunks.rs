//! A completion in pieces, as `stream` asks for it.

use axum::response::sse::Event;
use serde_json::{Value, json};

use super::{Heading, call_json, finish_reason, usage_json};
use crate::{
    error::ApiError,
    http::openai::text::{Piece, Tell},
};

/// Writes the chunks of one completion.
#[derive(Debug)]
pub(super) struct Chunks {
    heading: Heading,
    with_usage: bool,
    calls: usize,
}

/// Behind the last chunk.
const DONE: &str = "[DONE]";

impl Tell for Chunks {
    fn begin(&mut self) -> Vec<Event> {
        let whose = json!({ "role": "assistant", "content": "", "refusal": null });
        vec![Event::default().data(self.choice(whose, None))]
    }

    fn tell(&mut self, piece: Result<Piece, ApiError>) -> Vec<Event> {
        let chunks = match piece {
            Ok(piece) => self.of(piece),
            Err(error) => vec![json!({ "error": error.body().error }).to_string()],
        };
        chunks.into_iter().map(|chunk| Event::default().data(chunk)).collect()
    }
}

impl Chunks {
    pub(super) fn new(heading: Heading, with_usage: bool) -> Self {
        Self { heading, with_usage, calls: 0 }
    }

    /// What `piece` becomes on the wire.
    fn of(&mut self, piece: Piece) -> Vec<String> {
        match piece {
            Piece::Words(words) => vec![self.choice(json!({ "content": words }), None)],
            Piece::Call(call) => {
                let mut call = call_json(&call);
                call["index"] = self.calls.into();
                self.calls += 1;
                vec![self.choice(json!({ "tool_calls": [call] }), None)]
            }
            Piece::End { cut, usage } => {
                let reason = finish_reason(cut, self.calls > 0);
                let mut last = vec![self.choice(json!({}), Some(reason))];
                if self.with_usage {
                    last.push(self.chunk(json!([]), Some(usage_json(&usage))));
                }
                last.push(DONE.to_owned());
                last
            }
        }
    }

    fn choice(&self, delta: Value, reason: Option<&str>) -> String {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason });
        self.chunk(json!([choice]), None)
    }

    fn chunk(&self, choices: Value, usage: Option<Value>) -> String {
        let mut chunk = json!({
            "id": self.heading.id,
            "object": "chat.completion.chunk",
            "created": self.heading.created,
            "model": self.heading.model,
            "service_tier": "default",
            "system_fingerprint": null,
            "choices": choices,
        });
        // Where usage is wanted at all, every chunk has the field.
        if self.with_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        chunk.to_string()
    }
}
