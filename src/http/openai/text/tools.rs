//! Functions and formats as clients describe them, checked.

use std::sync::Arc;

use duologue_engines::port::{Tool, ToolChoice};
use serde_json::{Map, Value, json};

use crate::{error::ApiError, http::openai::error::bad};

/// Functions of one request.
const MAX_TOOLS: usize = 128;
/// Bytes of all their descriptions and schemas together: more than any local context holds.
const MAX_TOOL_BYTES: usize = 256 * 1024;
/// Letters of a name.
const MAX_NAME: usize = 64;
/// Bytes of a format's schema.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// Name, description and parameters of each function, checked.
///
/// # Errors
/// A name or a schema that no model could use.
pub(in crate::http::openai) fn checked_tools(
    offered: impl Iterator<Item = (String, Option<String>, Option<Value>)>,
) -> Result<Vec<Tool>, ApiError> {
    let mut tools: Vec<Tool> = Vec::new();
    let mut bytes = 0;
    for (index, (name, description, parameters)) in offered.enumerate() {
        let param = format!("tools[{index}]");
        if index >= MAX_TOOLS {
            return Err(bad("tools", format!("there can be {MAX_TOOLS} functions")));
        }
        if !is_name(&name) {
            let message = format!("a function's name has 1 to {MAX_NAME} letters, digits, _ and -");
            return Err(bad(format!("{param}.name"), message));
        }
        if tools.iter().any(|tool| tool.name == name) {
            return Err(bad(format!("{param}.name"), "two functions have the same name"));
        }
        let parameters = match parameters {
            None | Some(Value::Null) => json!({"type": "object", "properties": {}}).to_string(),
            Some(schema @ Value::Object(_)) => schema.to_string(),
            Some(_) => {
                let message = "parameters must be a JSON schema, an object";
                return Err(bad(format!("{param}.parameters"), message));
            }
        };
        let description = description.unwrap_or_default();
        bytes += name.len() + description.len() + parameters.len();
        if bytes > MAX_TOOL_BYTES {
            return Err(bad("tools", format!("all functions together have at most {MAX_TOOL_BYTES} bytes")));
        }
        tools.push(Tool { name, description, parameters });
    }
    Ok(tools)
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(known)
}

/// `"auto"`, `"none"`, `"required"`, or an object that names a function: `{"type": "function", "name"}`, or with the
/// name in a field `function`.
///
/// # Errors
/// Something else, or a function that is not offered.
pub(in crate::http::openai) fn checked_choice(
    choice: Option<&Value>,
    tools: &[Tool],
) -> Result<ToolChoice, ApiError> {
    let refuse = |message: &str| Err(bad("tool_choice", message));
    let choice = match choice {
        None | Some(Value::Null) => ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return refuse("tool_choice is \"auto\", \"none\", \"required\" or names a function"),
        },
        Some(Value::Object(object)) => match named(object) {
            Some(name) => ToolChoice::Named(name.to_owned()),
            None => return refuse("of the objects, tool_choice takes {\"type\": \"function\"} with a name"),
        },
        Some(_) => return refuse("tool_choice is a word or an object"),
    };
    match &choice {
        ToolChoice::Named(name) if tools.iter().all(|tool| tool.name != *name) => {
            refuse("the function that is to be called is not among the tools")
        }
        ToolChoice::Required if tools.is_empty() => refuse("a call is required, but there are no tools"),
        _ => Ok(choice),
    }
}

fn named(choice: &Map<String, Value>) -> Option<&str> {
    if choice.get("type").and_then(Value::as_str) != Some("function") {
        return None;
    }
    let holder = choice.get("function").and_then(Value::as_object).unwrap_or(choice);
    holder.get("name").and_then(Value::as_str)
}

/// The schema that a format demands: none for `text`, any object for `json_object`, the given one for `json_schema`.
/// `param` is where the format stands in the request.
///
/// # Errors
/// An unknown format, or one without a schema.
pub(in crate::http::openai) fn parsed_schema(
    format: Option<&Value>,
    param: &str,
) -> Result<Option<Arc<str>>, ApiError> {
    let Some(format) = format.filter(|format| !format.is_null()) else { return Ok(None) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(json!({"type": "object"}).to_string().into())),
        Some("json_schema") => {
            let holder = format.get("json_schema").unwrap_or(format);
            match holder.get("schema") {
                Some(schema @ Value::Object(_)) => {
                    let text = schema.to_string();
                    if text.len() > MAX_SCHEMA_BYTES {
                        return Err(bad(param, format!("a schema has at most {MAX_SCHEMA_BYTES} bytes")));
                    }
                    Ok(Some(text.into()))
                }
                _ => Err(bad(param, "json_schema needs a schema, an object")),
            }
        }
        _ => Err(bad(param, "the format's type is \"text\", \"json_object\" or \"json_schema\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, parameters: Option<Value>) -> Result<Vec<Tool>, ApiError> {
        checked_tools([(name.to_owned(), None, parameters)].into_iter())
    }

    #[test]
    fn tools_are_checked() {
        let tools =
            one("get_weather", Some(json!({"type": "object", "properties": {"city": {"type": "string"}}})));
        let tools = tools.expect("a tool");
        assert_eq!(tools[0].name, "get_weather");
        assert!(tools[0].parameters.contains("city"));
        assert!(one("no_parameters", None).expect("a tool")[0].parameters.contains("object"));
        for (name, parameters) in [("", None), ("이름", None), ("a b", None), ("x", Some(json!("text")))] {
            assert!(one(name, parameters).is_err(), "{name}");
        }
        let same = [("a".to_owned(), None, None), ("a".to_owned(), None, None)];
        assert_eq!(
            checked_tools(same.into_iter()).expect_err("twice").param.as_deref(),
            Some("tools[1].name")
        );
        let many = (0..129).map(|number| (format!("f{number}"), None, None));
        assert!(checked_tools(many).is_err());
        let large = (0..3).map(|number| (format!("f{number}"), Some("x".repeat(100_000)), None));
        assert!(checked_tools(large).is_err());
    }

    #[test]
    fn choices_are_understood_in_both_shapes() {
        let tools = one("look", None).expect("a tool");
        let choice = |value: Value| checked_choice(Some(&value), &tools);
        assert_eq!(checked_choice(None, &tools), Ok(ToolChoice::Auto));
        assert_eq!(choice(json!("required")), Ok(ToolChoice::Required));
        assert_eq!(choice(json!("none")), Ok(ToolChoice::None));
        let look = Ok(ToolChoice::Named("look".into()));
        assert_eq!(choice(json!({"type": "function", "function": {"name": "look"}})), look);
        assert_eq!(choice(json!({"type": "function", "name": "look"})), look);
        for wrong in
            [json!("always"), json!(3), json!({"type": "function", "name": "sing"}), json!({"type": "mcp"})]
        {
            let error = choice(wrong.clone()).expect_err("refused");
            assert_eq!(error.param.as_deref(), Some("tool_choice"), "{wrong}");
        }
        assert!(checked_choice(Some(&json!("required")), &[]).is_err());
    }

    #[test]
    fn formats_become_schemas() {
        let schema = |format: Value| parsed_schema(Some(&format), "response_format");
        assert_eq!(parsed_schema(None, "x"), Ok(None));
        assert_eq!(schema(json!({"type": "text"})), Ok(None));
        assert_eq!(schema(json!({"type": "json_object"})), Ok(Some(r#"{"type":"object"}"#.into())));
        let flat = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}});
        let nested =
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
        assert_eq!(schema(flat), schema(nested));
        for wrong in [json!({"type": "json_schema"}), json!({"type": "grammar"}), json!({})] {
            assert!(schema(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
