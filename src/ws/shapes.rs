//! The JSON of the things that events are about.

use duologue_actors::event::{Eagerness, Metadata, ResponseStatus, SessionConfig, TurnDetection, Usage};
use duologue_domain::{
    conversation::{Content, Item, Speaker},
    tool::{Tool, ToolChoice},
    turn::CancelReason,
    waterfall::Report,
};
use serde_json::{Value, json};

pub(super) fn merge(body: &mut Value, extra: Value) {
    if let (Value::Object(body), Value::Object(extra)) = (body, extra) {
        body.extend(extra);
    }
}

pub(super) fn item_json(item: &Item, status: &str) -> Value {
    match &item.content {
        Content::FunctionCall { call_id, name, arguments } => {
            return json!({
                "id": item.id, "object": "realtime.item", "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": if status == "in_progress" { "" } else { arguments },
            });
        }
        Content::FunctionOutput { call_id, output } => {
            return json!({
                "id": item.id, "object": "realtime.item", "type": "function_call_output", "status": status,
                "call_id": call_id, "output": output,
            });
        }
        _ => {}
    }
    let (role, content) = match (&item.speaker, &item.content) {
        (Speaker::System, content) => ("system", json!({"type": "input_text", "text": content.text()})),
        (Speaker::User, Content::InputAudio { transcript }) => {
            ("user", json!({"type": "input_audio", "transcript": transcript}))
        }
        (Speaker::User, content) => ("user", json!({"type": "input_text", "text": content.text()})),
        (Speaker::Assistant, Content::OutputAudio { transcript }) => {
            ("assistant", json!({"type": "output_audio", "transcript": transcript}))
        }
        (Speaker::Assistant | Speaker::Server, content) => {
            ("assistant", json!({"type": "output_text", "text": content.text()}))
        }
    };
    let content = if status == "in_progress" { json!([]) } else { json!([content]) };
    json!({
        "id": item.id, "object": "realtime.item", "type": "message", "status": status, "role": role,
        "content": content,
    })
}

/// The client's functions as they came.
pub(super) fn tools_json(tools: &[Tool]) -> Value {
    let shown = tools.iter().map(|tool| {
        // The schema was JSON when it came.
        let parameters = serde_json::from_str::<Value>(&tool.parameters).unwrap_or_default();
        json!({
            "type": "function", "name": tool.name, "description": tool.description, "parameters": parameters,
        })
    });
    shown.collect()
}

pub(super) fn tool_choice_json(choice: &ToolChoice) -> Value {
    match choice {
        // Which of them the words may mean is decided for each reply, and nobody's setting.
        ToolChoice::Auto | ToolChoice::Among(_) => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    }
}

pub(super) fn metadata_json(metadata: &Metadata) -> Value {
    if metadata.is_empty() { Value::Null } else { json!(metadata) }
}

pub(super) fn status_json(status: &ResponseStatus) -> (&'static str, Value) {
    match status {
        ResponseStatus::Completed => ("completed", Value::Null),
        ResponseStatus::Cancelled(reason) => {
            let reason = match reason {
                CancelReason::TurnDetected => "turn_detected",
                CancelReason::ClientCancelled => "client_cancelled",
            };
            ("cancelled", json!({"type": "cancelled", "reason": reason}))
        }
        ResponseStatus::Incomplete => {
            ("incomplete", json!({"type": "incomplete", "reason": "max_output_tokens"}))
        }
        ResponseStatus::Failed { code, message } => (
            "failed",
            json!({"type": "failed", "error": {"type": "server_error", "code": code, "message": message}}),
        ),
    }
}

pub(super) fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_token_details": {"text_tokens": usage.input_tokens, "audio_tokens": 0, "cached_tokens": usage.cached_tokens},
        "output_token_details": {"text_tokens": usage.output_tokens, "audio_tokens": 0},
    })
}

pub(super) fn turn_detection_json(config: &SessionConfig) -> Value {
    let mut body = match config.turn_detection {
        TurnDetection::Manual => return Value::Null,
        TurnDetection::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
            json!({
                "type": "server_vad", "threshold": threshold, "prefix_padding_ms": prefix_padding_ms,
                "silence_duration_ms": silence_duration_ms, "idle_timeout_ms": idle_timeout_ms,
            })
        }
        TurnDetection::SemanticVad { eagerness } => json!({
            "type": "semantic_vad",
            "eagerness": match eagerness {
                Eagerness::Low => "low",
                Eagerness::Medium => "medium",
                Eagerness::High => "high",
                Eagerness::Auto => "auto",
            },
        }),
    };
    merge(
        &mut body,
        json!({"create_response": config.create_response, "interrupt_response": config.interrupt_response}),
    );
    body
}

pub(super) fn latency_json(turn: u64, response: &str, report: &Report) -> Value {
    let stages = report.stages.iter().map(|(stage, at_ms)| json!({"name": stage.name(), "at_ms": at_ms}));
    let models = report.models.iter().map(|(part, ms)| json!({"name": part.name(), "ms": ms}));
    json!({
        "turn": turn, "response_id": response, "stages": stages.collect::<Vec<_>>(), "wait_ms": report.wait_ms,
        "models": models.collect::<Vec<_>>(), "outside_ms": report.outside_ms, "total_ms": report.total_ms,
    })
}
