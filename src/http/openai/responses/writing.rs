//! A response in the making: what is written becomes items, and each step events.

use duologue_engines::port::{ChatMessage, LlmUsage, Role, ToolCall};
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    http::openai::text::{Piece, new_id, unix_seconds},
};

/// How a response stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    InProgress,
    Completed,
    /// Cut at its longest.
    Incomplete,
    Failed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// A response in the making.
#[derive(Debug)]
pub(super) struct Writing {
    id: String,
    created: u64,
    echo: Value,
    sequence: u64,
    status: Status,
    error: Value,
    usage: Option<LlmUsage>,
    /// Items that are complete, as they are told.
    done: Vec<Value>,
    /// Words of the message that is being written, with its id.
    message: Option<(String, String)>,
    /// The same once more, as the model will read it.
    words: String,
    calls: Vec<ToolCall>,
}

impl Writing {
    /// A response that repeats `echo` of its request.
    pub(super) fn new(echo: Value) -> Self {
        Self {
            id: new_id("resp_"),
            created: unix_seconds(),
            echo,
            sequence: 0,
            status: Status::InProgress,
            error: Value::Null,
            usage: None,
            done: Vec::new(),
            message: None,
            words: String::new(),
            calls: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has ended and can be gone on from.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.status, Status::Completed | Status::Incomplete)
    }

    /// What was said, as the model reads it when the conversation goes on.
    pub(super) fn said(&self) -> ChatMessage {
        ChatMessage { calls: self.calls.clone(), ..ChatMessage::new(Role::Assistant, self.words.clone()) }
    }

    /// The first events.
    pub(super) fn begin(&mut self) -> Vec<Value> {
        ["response.created", "response.in_progress"].map(|name| self.about_all(name)).into()
    }

    /// Writes on; the events that tell of it.
    pub(super) fn write(&mut self, piece: Piece) -> Vec<Value> {
        let mut events = Vec::new();
        match piece {
            Piece::Words(words) => self.add_words(&words, &mut events),
            Piece::Call(call) => {
                self.end_message(&mut events);
                self.add_call(call, &mut events);
            }
            Piece::End { cut, usage } => {
                // A reply without a word or a call is an empty message.
                if self.done.is_empty() && self.message.is_none() {
                    self.add_words("", &mut events);
                }
                self.status = if cut { Status::Incomplete } else { Status::Completed };
                self.end_message(&mut events);
                self.usage = Some(usage);
                let name = if cut { "response.incomplete" } else { "response.completed" };
                events.push(self.about_all(name));
            }
        }
        events
    }

    /// Ends it for a failure.
    pub(super) fn fail(&mut self, error: &ApiError) -> Vec<Value> {
        let detail = error.body().error;
        self.status = Status::Failed;
        self.error = json!({ "code": "server_error", "message": detail.message });
        let plain = json!({ "code": detail.code, "message": detail.message, "param": detail.param });
        vec![self.event("error", plain), self.about_all("response.failed")]
    }

    /// The response as it stands.
    pub(super) fn response(&self) -> Value {
        let mut response = self.echo.clone();
        let cut = self.status == Status::Incomplete;
        let details = if cut { json!({ "reason": "max_output_tokens" }) } else { Value::Null };
        let own = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": self.status.name(),
            "background": false,
            "error": self.error,
            "incomplete_details": details,
            "output": self.done,
            "reasoning": { "effort": null, "summary": null },
            "service_tier": "default",
            "truncation": "auto",
            "usage": self.usage.as_ref().map(usage_json),
            "user": null,
        });
        if let (Value::Object(response), Value::Object(own)) = (&mut response, own) {
            response.extend(own);
        }
        response
    }

    fn add_words(&mut self, words: &str, events: &mut Vec<Value>) {
        let index = self.done.len();
        if self.message.is_none() {
            let id = new_id("msg_");
            let item = json!({ "id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": [] });
            events.push(
                self.event("response.output_item.added", json!({ "output_index": index, "item": item })),
            );
            let part = place(&id, index, json!({ "part": part("") }));
            events.push(self.event("response.content_part.added", part));
            self.message = Some((id, String::new()));
        }
        let Some((id, text)) = &mut self.message else { return };
        text.push_str(words);
        self.words.push_str(words);
        if !words.is_empty() {
            let delta = place(id, index, json!({ "delta": words, "logprobs": [] }));
            events.push(self.event("response.output_text.delta", delta));
        }
    }

    fn end_message(&mut self, events: &mut Vec<Value>) {
        let Some((id, text)) = self.message.take() else { return };
        let index = self.done.len();
        let done = place(&id, index, json!({ "text": text, "logprobs": [] }));
        events.push(self.event("response.output_text.done", done));
        let whole = place(&id, index, json!({ "part": part(&text) }));
        events.push(self.event("response.content_part.done", whole));
        let status = if self.status == Status::Incomplete { "incomplete" } else { "completed" };
        let content = [part(&text)];
        let item =
            json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
        self.end_item(item, events);
    }

    fn add_call(&mut self, call: ToolCall, events: &mut Vec<Value>) {
        let (id, index) = (new_id("fc_"), self.done.len());
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id,
                "type": "function_call",
                "status": status,
                "call_id": call.id,
                "name": call.name,
                "arguments": arguments,
            })
        };
        let added = json!({ "output_index": index, "item": item("in_progress", "") });
        events.push(self.event("response.output_item.added", added));
        let delta = json!({ "item_id": id, "output_index": index, "delta": call.arguments });
        events.push(self.event("response.function_call_arguments.delta", delta));
        let done =
            json!({ "item_id": id, "output_index": index, "name": call.name, "arguments": call.arguments });
        events.push(self.event("response.function_call_arguments.done", done));
        let whole = item("completed", &call.arguments);
        self.end_item(whole, events);
        self.calls.push(call);
    }

    fn end_item(&mut self, item: Value, events: &mut Vec<Value>) {
        let done = json!({ "output_index": self.done.len(), "item": item });
        events.push(self.event("response.output_item.done", done));
        self.done.push(item);
    }

    fn about_all(&mut self, name: &str) -> Value {
        let response = self.response();
        self.event(name, json!({ "response": response }))
    }

    fn event(&mut self, name: &str, mut fields: Value) -> Value {
        fields["type"] = name.into();
        fields["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        fields
    }
}

/// Where in the response something is.
fn place(item: &str, index: usize, mut fields: Value) -> Value {
    fields["item_id"] = item.into();
    fields["output_index"] = index.into();
    fields["content_index"] = 0.into();
    fields
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn usage_json(usage: &LlmUsage) -> Value {
    json!({
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": { "cached_tokens": usage.cached_tokens },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn names(events: &[Value]) -> Vec<&str> {
        events.iter().map(|event| event["type"].as_str().expect("a name")).collect()
    }

    #[test]
    fn words_and_a_call_are_two_items() {
        let mut writing = Writing::new(json!({ "model": "seoa" }));
        let mut events = writing.begin();
        events.extend(writing.write(Piece::Words("잠시".into())));
        events.extend(writing.write(Piece::Words("만요.".into())));
        let call = ToolCall { id: "call_1".into(), name: "weather".into(), arguments: "{}".into() };
        events.extend(writing.write(Piece::Call(call.clone())));
        assert!(!writing.is_whole());
        let usage = LlmUsage { prompt_tokens: 3, completion_tokens: 4, ..LlmUsage::default() };
        events.extend(writing.write(Piece::End { cut: false, usage }));
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ];
        assert_eq!(names(&events), expected);
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], index);
        }
        let response = &events[13]["response"];
        assert_eq!(*response, writing.response());
        assert_eq!(response["status"], "completed");
        assert_eq!(response["model"], "seoa");
        assert_eq!(response["output"][0]["content"][0]["text"], "잠시만요.");
        assert_eq!(response["output"][1]["call_id"], "call_1");
        assert_eq!(events[9]["output_index"], 1);
        assert_eq!(response["usage"]["total_tokens"], 7);
        assert!(writing.is_whole());
        assert_eq!(
            writing.said(),
            ChatMessage { calls: vec![call], ..ChatMessage::new(Role::Assistant, "잠시만요.") }
        );
    }

    #[test]
    fn cut_empty_and_failed_responses_say_so() {
        let mut cut = Writing::new(json!({}));
        cut.write(Piece::Words("Once upon".into()));
        let events = cut.write(Piece::End { cut: true, usage: LlmUsage::default() });
        assert_eq!(names(&events).last(), Some(&"response.incomplete"));
        let response = cut.response();
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(response["output"][0]["status"], "incomplete");

        let mut empty = Writing::new(json!({}));
        empty.write(Piece::End { cut: false, usage: LlmUsage::default() });
        assert_eq!(empty.response()["output"][0]["content"][0]["text"], "");

        let mut failed = Writing::new(json!({}));
        let events = failed.fail(&ApiError::new(Code::EngineBroken, "gone"));
        assert_eq!(names(&events), ["error", "response.failed"]);
        assert_eq!(events[0]["code"], "engine_broken");
        assert_eq!(events[1]["response"]["status"], "failed");
        assert!(!failed.is_whole());
    }
}
