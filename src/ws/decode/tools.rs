//! Functions in what a client sends: offered, chosen, called and answered.

use std::sync::Arc;

use duologue_actors::{
    event::{Input, Metadata},
    tools::{MOST_ARGUMENTS, MOST_TOOLS},
};
use duologue_domain::{
    conversation::{Content, Conversation, Item, Speaker},
    tool::{Tool, ToolChoice},
};
use serde_json::{Value, json};

use super::{WireError, bad, item, item_own_id, missing, string};

/// Bytes of all functions together: more would fill a prompt by itself.
const MAX_TOOLS_BYTES: usize = 64 * 1024;

/// Bytes of what a function returned.
const MAX_OUTPUT: usize = 64 * 1024;

/// Letters of a function's name and of a call's id.
const MAX_NAME: usize = 64;

/// Pairs of metadata, and letters of their names and values, as in the protocol.
const MAX_METADATA: (usize, usize, usize) = (16, 64, 512);

/// The field `tools`; null and `[]` are none.
pub(super) fn tools(value: &Value) -> Result<Option<Arc<[Tool]>>, WireError> {
    let list = match value.get("tools") {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(Arc::default())),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(bad("tools", "must be a list")),
    };
    if list.len() > MOST_TOOLS {
        return Err(bad("tools", "may hold at most 128 functions"));
    }
    let mut tools = Vec::with_capacity(list.len());
    let mut bytes = 0;
    for entry in list {
        let tool = tool(entry)?;
        bytes += tool.name.len() + tool.description.len() + tool.parameters.len();
        if bytes > MAX_TOOLS_BYTES {
            return Err(bad("tools", "may have at most 64 KiB in all"));
        }
        if tools.iter().any(|other: &Tool| other.name == tool.name) {
            return Err(bad("tools.name", "must be different for each function"));
        }
        tools.push(tool);
    }
    Ok(Some(tools.into()))
}

fn tool(entry: &Value) -> Result<Tool, WireError> {
    match string(entry, "type")? {
        Some("function") | None => {}
        Some("mcp") => {
            return Err(bad(
                "tools.type",
                "must be function; MCP servers are named in the server's configuration",
            ));
        }
        Some(_) => return Err(bad("tools.type", "must be function")),
    }
    let parameters = match entry.get("parameters") {
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(_) => return Err(bad("tools.parameters", "must be a JSON schema, an object")),
    };
    Ok(Tool {
        name: name(entry, "name", "tools.name")?,
        description: string(entry, "description")?.unwrap_or_default().to_owned(),
        parameters: parameters.to_string(),
    })
}

/// A function's name.
fn name(value: &Value, key: &'static str, param: &'static str) -> Result<String, WireError> {
    let name = string(value, key)?.ok_or_else(|| missing(param))?;
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    match !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(bad(param, "must be 1 to 64 letters, digits, _ and -")),
    }
}

/// The field `tool_choice`.
pub(super) fn tool_choice(value: &Value) -> Result<Option<ToolChoice>, WireError> {
    let choice = match value.get("tool_choice") {
        None => return Ok(None),
        Some(Value::Null) => ToolChoice::Auto,
        Some(Value::String(choice)) => match choice.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return Err(bad("tool_choice", "must be auto, none, required or a function")),
        },
        Some(chosen) if chosen.get("type").and_then(Value::as_str) == Some("function") => {
            ToolChoice::Named(name(chosen, "name", "tool_choice.name")?)
        }
        Some(_) => return Err(bad("tool_choice", "must be auto, none, required or a function")),
    };
    Ok(Some(choice))
}

/// The field `metadata`.
pub(super) fn metadata(value: &Value) -> Result<Metadata, WireError> {
    let (most, longest_name, longest_value) = MAX_METADATA;
    let pairs = match value.get("metadata") {
        None | Some(Value::Null) => return Ok(Metadata::default()),
        Some(Value::Object(pairs)) if pairs.len() <= most => pairs,
        Some(_) => return Err(bad("metadata", "must be an object of at most 16 pairs")),
    };
    let read = |(name, value): (&String, &Value)| match value {
        Value::String(text)
            if name.chars().count() <= longest_name && text.chars().count() <= longest_value =>
        {
            Ok((name.clone(), text.clone()))
        }
        _ => Err(bad("metadata", "has names of at most 64 characters and texts of at most 512")),
    };
    pairs.iter().map(read).collect()
}

/// The field `input`: what is answered instead of the conversation.
pub(super) fn input(value: &Value) -> Result<Option<Vec<Input>>, WireError> {
    let list = match value.get("input") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) if list.len() <= Conversation::MAX_ITEMS => list,
        Some(_) => return Err(bad("input", "must be a list of at most 512 items")),
    };
    let read = |entry: &Value| match string(entry, "type")? {
        Some("item_reference") => {
            let id = string(entry, "id")?.ok_or_else(|| missing("input.id"))?;
            Ok(Input::Reference(id.chars().take(MAX_NAME).collect()))
        }
        _ => Ok(Input::Item(item(entry)?)),
    };
    list.iter().map(read).collect::<Result<Vec<_>, _>>().map(Some)
}

/// The field `conversation`: whether the reply stays out of it.
pub(super) fn apart(value: &Value) -> Result<bool, WireError> {
    match value.get("conversation") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::String(which)) if which == "auto" => Ok(false),
        Some(Value::String(which)) if which == "none" => Ok(true),
        Some(_) => Err(bad("conversation", "must be auto or none")),
    }
}

/// An item of the type `function_call`: what was called before, as the client remembers it.
pub(super) fn call(value: &Value) -> Result<Item, WireError> {
    let content = Content::FunctionCall {
        call_id: call_id(value)?,
        name: name(value, "name", "item.name")?,
        arguments: text(value, "arguments", MOST_ARGUMENTS)?,
    };
    Ok(Item { id: item_own_id(value)?, speaker: Speaker::Assistant, content, complete: true })
}

/// An item of the type `function_call_output`.
pub(super) fn output(value: &Value) -> Result<Item, WireError> {
    let content =
        Content::FunctionOutput { call_id: call_id(value)?, output: text(value, "output", MAX_OUTPUT)? };
    Ok(Item { id: item_own_id(value)?, speaker: Speaker::User, content, complete: true })
}

fn call_id(value: &Value) -> Result<String, WireError> {
    let id = string(value, "call_id")?.ok_or_else(|| missing("item.call_id"))?;
    match !id.is_empty() && id.len() <= MAX_NAME {
        true => Ok(id.to_owned()),
        false => Err(bad("item.call_id", "must have 1 to 64 characters")),
    }
}

fn text(value: &Value, key: &'static str, most: usize) -> Result<String, WireError> {
    match value.get(key) {
        None | Some(Value::Null) => Err(missing(key)),
        Some(Value::String(text)) if text.len() <= most => Ok(text.clone()),
        Some(Value::String(_)) => Err(bad(key, "may have at most 64 KiB")),
        Some(_) => Err(bad(key, "must be a string; JSON goes into it as text")),
    }
}
