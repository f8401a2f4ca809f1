//! Functions, calls and results as a model reads them: in the way that the ChatML models with `<tool_call>` tags
//! (Qwen2.5, Hermes) were taught, and that others follow when they are told.
//!
//! Where the functions stand decides what the cache is worth. They end the first system message, in the order of the
//! request: a session without functions shares everything before them with one that has some, and sessions of a
//! persona whose functions begin alike share these too. They stay there whatever the choice is, so that a reply which
//! must not call any finds the same cache.

#[cfg(test)]
mod tests;

use super::{Tool, ToolCall, json::Json};
use crate::prompt::{ChatMessage, Role};

/// What begins and ends a call.
pub const CALL: (&str, &str) = ("<tool_call>", "</tool_call>");

/// What begins and ends a result.
const RESULT: (&str, &str) = ("<tool_response>", "</tool_response>");

/// Tags that nobody but us writes into a prompt: whoever could, would speak as a function or offer one.
const TAGS: [&str; 6] = [CALL.0, CALL.1, RESULT.0, RESULT.1, "<tools>", "</tools>"];

/// Keys of schemas that say nothing to a model.
const SILENT: [&str; 4] = ["$schema", "$id", "title", "additionalProperties"];

/// Messages of the roles that every chat template knows, with the functions, calls and results written out; and how
/// many of the leading ones are shared, from how many were. Without functions, calls and results nothing is changed.
pub fn render(messages: &[ChatMessage], shared: usize, tools: &[Tool]) -> (Vec<ChatMessage>, usize) {
    let used = |message: &ChatMessage| message.role == Role::Tool || !message.calls.is_empty();
    if tools.is_empty() && !messages.iter().any(used) {
        return (messages.to_vec(), shared);
    }
    let mut rendered: Vec<ChatMessage> = Vec::with_capacity(messages.len() + 1);
    let mut last_is_result = false;
    for message in messages {
        let words = untagged(&message.content);
        let is_result = message.role == Role::Tool;
        match (is_result, rendered.last_mut().filter(|_| last_is_result)) {
            (true, Some(results)) => results.content.push_str(&format!("\n{}", result(&words))),
            (true, None) => rendered.push(ChatMessage::new(Role::User, result(&words))),
            (false, _) => rendered.push(ChatMessage::new(message.role, with_calls(words, &message.calls))),
        }
        last_is_result = is_result;
    }
    let mut shared = shared.min(rendered.len());
    if !tools.is_empty() {
        let offer = offer(tools);
        match rendered.first_mut().filter(|first| first.role == Role::System) {
            Some(system) => system.content = format!("{}\n\n{offer}", system.content),
            None => {
                rendered.insert(0, ChatMessage::new(Role::System, offer));
                shared += 1;
            }
        }
    }
    (rendered, shared)
}

/// What a model is told of the functions.
pub fn offer(tools: &[Tool]) -> String {
    let lines: Vec<String> = tools.iter().map(line).collect();
    format!(
        "# Tools\n\nWhen the user asks for something that one of these functions does, call it instead of answering. \
         Never claim to have done it without a call. For anything else, just talk.\n<tools>\n{}\n</tools>\n\n\
         To call one, write:\n{}\n{{\"name\": <function-name>, \"arguments\": <JSON object>}}\n{}",
        lines.join("\n"),
        CALL.0,
        CALL.1
    )
}

/// A function on one line, as it would be declared: `set_duet(tempo?: integer, style?: jazz|bossa): Change it.` That is
/// half as many tokens as JSON, and small models call more of what is asked for (`docs/benchmarks-log.md`).
fn line(tool: &Tool) -> String {
    let schema = Json::parse(&tool.parameters).unwrap_or(Json::Null);
    let required = schema.get("required").and_then(Json::list).unwrap_or_default();
    let parameter = |(name, kind): &(String, Json)| {
        let needed = required.iter().any(|key| key.text() == Some(name));
        let about = kind.get("description").and_then(Json::text).map(|about| format!(" ({about})"));
        format!("{name}{}: {}{}", if needed { "" } else { "?" }, kind_of(kind), about.unwrap_or_default())
    };
    let properties = schema.get("properties").and_then(Json::members).unwrap_or_default();
    let parameters = properties.iter().map(parameter).collect::<Vec<_>>().join(", ");
    let line = format!("{}({parameters}): {}", tool.name, tool.description);
    untagged(&line).replace(['\n', '\r'], " ")
}

/// A type in a few signs; one that has parts is written as its schema.
fn kind_of(schema: &Json) -> String {
    if let Some(values) = schema.get("enum").and_then(Json::list) {
        let value = |value: &Json| value.text().map_or_else(|| value.write(), str::to_owned);
        return values.iter().map(value).collect::<Vec<_>>().join("|");
    }
    match (schema.get("type").and_then(Json::text), schema.get("items")) {
        (Some("array"), Some(items)) => format!("[{}]", kind_of(items)),
        (Some("object"), _) if schema.get("properties").is_some() => quiet(schema.clone()).write(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => quiet(schema.clone()).write(),
    }
}

/// A schema without what says nothing. A property may have one of these names, so only schemas are looked at.
fn quiet(schema: Json) -> Json {
    match schema {
        Json::Object(members) => {
            let kept = members.into_iter().filter(|(key, _)| !SILENT.contains(&key.as_str()));
            Json::Object(kept.map(|(key, value)| quiet_member(key, value)).collect())
        }
        Json::List(values) => Json::List(values.into_iter().map(quiet).collect()),
        other => other,
    }
}

fn quiet_member(key: String, value: Json) -> (String, Json) {
    match (key.as_str(), value) {
        ("properties" | "$defs" | "definitions", Json::Object(inner)) => {
            (key, Json::Object(inner.into_iter().map(|(name, it)| (name, quiet(it))).collect()))
        }
        ("items" | "anyOf" | "oneOf" | "allOf", value) => (key, quiet(value)),
        (_, value) => (key, value),
    }
}

fn with_calls(words: String, calls: &[ToolCall]) -> String {
    let mut content = words;
    for call in calls {
        let arguments = Json::parse(&call.arguments).unwrap_or(Json::Object(Vec::new())).write();
        let mut name = String::new();
        super::json::quote(&call.name, &mut name);
        // Clients send calls back as they please, and models quote what people said.
        let (name, arguments) = (untagged(&name), untagged(&arguments));
        let before = if content.is_empty() { "" } else { "\n" };
        content.push_str(&format!(
            "{before}{}\n{{\"name\": {name}, \"arguments\": {arguments}}}\n{}",
            CALL.0, CALL.1
        ));
    }
    content
}

fn result(words: &str) -> String {
    format!("{}\n{words}\n{}", RESULT.0, RESULT.1)
}

/// Whatever a person, a client or a function writes, it must not speak as someone else.
fn untagged(content: &str) -> String {
    let mut content = content.to_owned();
    // Taking one tag out may join the halves of another; every round shortens the text.
    while let Some(tag) = TAGS.iter().find(|tag| content.contains(**tag)) {
        content = content.replace(tag, "");
    }
    content
}
