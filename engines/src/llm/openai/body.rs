//! The body of a request, in OpenAI's words.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    llm::role_name,
    port::{ChatMessage, LlmRequest, Role, ToolChoice},
};

/// The body of a request.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<BodyMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    max_tokens: usize,
    temperature: f32,
    top_p: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

#[derive(Serialize)]
struct BodyMessage<'a> {
    role: &'static str,
    /// Null is what servers expect of a message that only calls.
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> Body<'a> {
    /// What `request` asks of the model of this name.
    pub(super) fn new(model: &'a str, request: &'a LlmRequest) -> Self {
        Self {
            model,
            messages: request.messages.iter().map(message).collect(),
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            max_tokens: request.max_tokens,
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            // Some servers read a signed number.
            seed: request.sampling.seed.map(|seed| seed >> 1),
            stop: &request.stop,
            tools: tools(request),
            tool_choice: choice(request),
            response_format: request.response_schema.as_deref().map(format_of),
        }
    }
}

fn message(message: &ChatMessage) -> BodyMessage<'_> {
    let calls = message.calls.iter().map(|call| {
        json!({
            "id": call.id,
            "type": "function",
            "function": { "name": call.name, "arguments": call.arguments },
        })
    });
    let is_result = message.role == Role::Tool;
    BodyMessage {
        role: role_name(message.role),
        content: Some(message.content.as_str()).filter(|text| message.calls.is_empty() || !text.is_empty()),
        tool_calls: calls.collect(),
        tool_call_id: message.answers.as_deref().filter(|_| is_result),
    }
}

fn tools(request: &LlmRequest) -> Vec<Value> {
    let tool = |tool: &crate::port::Tool| {
        // Whoever made the tool has read its schema; one that is none is left out rather than sent as a text.
        let parameters: Value =
            serde_json::from_str(&tool.parameters).unwrap_or_else(|_| json!({ "type": "object" }));
        json!({
            "type": "function",
            "function": { "name": tool.name, "description": tool.description, "parameters": parameters },
        })
    };
    request.tools.iter().map(tool).collect()
}

/// Left out where it is what servers take for granted, or where there is nothing to choose.
fn choice(request: &LlmRequest) -> Option<Value> {
    match &request.tool_choice {
        _ if request.tools.is_empty() => None,
        // Whoever calls only when asked to has no need to be told what may be meant.
        ToolChoice::Auto | ToolChoice::Among(_) => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({ "type": "function", "function": { "name": name } })),
    }
}

fn format_of(schema: &str) -> Value {
    match serde_json::from_str::<Value>(schema) {
        Ok(schema) if schema != json!({ "type": "object" }) => {
            json!({ "type": "json_schema", "json_schema": { "name": "reply", "schema": schema } })
        }
        _ => json!({ "type": "json_object" }),
    }
}
