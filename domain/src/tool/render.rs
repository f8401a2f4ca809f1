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
    let mut offer = String::from(
        "# Tools\n\nWhen the user asks for something that one of these functions does, call it instead of answering. \
         Never claim to have done it without a call. For anything else, just talk.\n<tools>",
    );
    for tool in tools {
        offer.push('\n');
        offer.push_str(&line(tool));
    }
    offer.push_str(
        "\n</tools>\n\nTo call a function, write:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <JSON object>}\n</tool_call>",
    );
    offer
}

/// A function on one line.
fn line(tool: &Tool) -> String {
    let parameters = Json::parse(&tool.parameters).map_or_else(|_| Json::Object(Vec::new()), quiet);
    let text = |text: &str| Json::Text(untagged(text));
    let function = Json::Object(vec![
        ("name".into(), text(&tool.name)),
        ("description".into(), text(&tool.description)),
        ("parameters".into(), parameters),
    ]);
    Json::Object(vec![("type".into(), text("function")), ("function".into(), function)]).write()
}

/// A schema without what says nothing. A property may have one of these names, so only schemas are looked at.
fn quiet(schema: Json) -> Json {
    match schema {
        Json::Object(members) => {
            let kept = members.into_iter().filter(|(key, _)| !SILENT.contains(&key.as_str()));
            Json::Object(
                kept.map(|(key, value)| match (key.as_str(), value) {
                    ("properties" | "$defs" | "definitions", Json::Object(inner)) => {
                        (key, Json::Object(inner.into_iter().map(|(name, it)| (name, quiet(it))).collect()))
                    }
                    ("items" | "anyOf" | "oneOf" | "allOf", value) => (key, quiet(value)),
                    (_, value) => (key, value),
                })
                .collect(),
            )
        }
        Json::List(values) => Json::List(values.into_iter().map(quiet).collect()),
        other => other,
    }
}

fn with_calls(words: String, calls: &[ToolCall]) -> String {
    let mut content = words;
    for call in calls {
        let arguments = Json::parse(&call.arguments).unwrap_or(Json::Object(Vec::new())).write();
        let mut name = String::new();
        super::json::quote(&call.name, &mut name);
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
