//! What `/v1/responses` takes. Fields that are not here are read over, as OpenAI does.

use std::collections::HashSet;

use duologue_engines::port::{ChatMessage, Role, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    http::openai::{
        error::bad,
        text::{Ask, Content, MAX_MESSAGES, Manner, checked_choice, checked_tools, parsed_schema},
    },
};

/// The body.
#[derive(Debug, Deserialize)]
pub(crate) struct ResponsesRequest {
    model: String,
    input: Option<Input>,
    instructions: Option<String>,
    previous_response_id: Option<String>,
    conversation: Option<Value>,
    prompt: Option<Value>,
    background: Option<bool>,
    stream: Option<bool>,
    store: Option<bool>,
    max_output_tokens: Option<u64>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextOptions>,
    metadata: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct TextOptions {
    format: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

/// One of several kinds, told by `type`; a message may do without.
#[derive(Debug, Deserialize)]
struct Item {
    r#type: Option<String>,
    role: Option<String>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
}

/// A request, understood.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) ask: Ask,
    /// The conversation up to here: all but `instructions`.
    pub(super) said: Vec<ChatMessage>,
    pub(super) store: bool,
    pub(super) stream: bool,
    /// What the response says of its request.
    pub(super) echo: Value,
}

impl ResponsesRequest {
    /// The response to go on from.
    pub(super) fn previous(&self) -> Option<&str> {
        self.previous_response_id.as_deref()
    }

    /// The request as the language model's side understands it, with what was said `before`.
    ///
    /// # Errors
    /// What would change the answer and cannot be done.
    pub(super) fn read(self, before: Vec<ChatMessage>) -> Result<Read, ApiError> {
        self.refuse_what_cannot_be()?;
        let echo = self.echo();
        let store = self.store != Some(false);
        let mut said = before;
        match self.input {
            Some(Input::Text(text)) if !text.is_empty() => said.push(ChatMessage::new(Role::User, text)),
            Some(Input::Items(items)) if (1..=MAX_MESSAGES).contains(&items.len()) => {
                read_items(items, &mut said)?;
            }
            _ => {
                let message =
                    format!("input is a text or a list of 1 to {MAX_MESSAGES} items, and not empty");
                return Err(bad("input", message));
            }
        }
        let instructions = self.instructions.filter(|text| !text.is_empty());
        let instructions = instructions.map(|text| ChatMessage::new(Role::System, text));
        let tools = match self.tools {
            Some(tools) => offered(tools)?,
            None => Vec::new(),
        };
        let tool_choice = checked_choice(self.tool_choice.as_ref(), &tools)?;
        let format = self.text.and_then(|text| text.format);
        let ask = Ask {
            model: self.model,
            messages: instructions.into_iter().chain(said.iter().cloned()).collect(),
            tools,
            tool_choice,
            one_call: self.parallel_tool_calls == Some(false),
            schema: parsed_schema(format.as_ref(), "text.format")?,
            manner: Manner {
                max_tokens: self.max_output_tokens.map(|tokens| (tokens, "max_output_tokens")),
                temperature: self.temperature,
                top_p: self.top_p,
                ..Manner::default()
            },
        };
        Ok(Read { ask, said, store, stream: self.stream == Some(true), echo })
    }

    fn refuse_what_cannot_be(&self) -> Result<(), ApiError> {
        if self.background == Some(true) {
            return Err(bad("background", "responses are written while their client waits"));
        }
        if self.conversation.as_ref().is_some_and(|conversation| !conversation.is_null()) {
            let message = "conversations are not kept: use previous_response_id, or send all of it as input";
            return Err(bad("conversation", message));
        }
        if self.prompt.as_ref().is_some_and(|prompt| !prompt.is_null()) {
            return Err(bad("prompt", "there are no stored prompts: send instructions"));
        }
        Ok(())
    }

    /// The fields that every response repeats.
    fn echo(&self) -> Value {
        let format = self.text.as_ref().and_then(|text| text.format.clone());
        json!({
            "model": self.model,
            "instructions": self.instructions,
            "previous_response_id": self.previous_response_id,
            "max_output_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "tools": self.tools.as_deref().unwrap_or_default(),
            "tool_choice": self.tool_choice.clone().unwrap_or_else(|| "auto".into()),
            "parallel_tool_calls": self.parallel_tool_calls.unwrap_or(true),
            "text": { "format": format.unwrap_or_else(|| json!({ "type": "text" })) },
            "store": self.store.unwrap_or(true),
            "metadata": self.metadata.clone().unwrap_or_else(|| json!({})),
        })
    }
}

fn offered(tools: Vec<Value>) -> Result<Vec<duologue_engines::port::Tool>, ApiError> {
    let mut functions = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        if tool["type"] != "function" {
            let message = "only functions can be offered as tools: nothing is searched, run or fetched here";
            return Err(bad(format!("tools[{index}].type"), message));
        }
        let description = tool["description"].as_str().map(str::to_owned);
        functions.push((name, description, tool.get("parameters").cloned()));
    }
    checked_tools(functions.into_iter())
}

/// Items as messages, behind those that were there before.
fn read_items(items: Vec<Item>, messages: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    let calls = messages.iter().flat_map(|message| &message.calls);
    let mut called: HashSet<String> = calls.map(|call| call.id.clone()).collect();
    for (index, item) in items.into_iter().enumerate() {
        let param = format!("input[{index}]");
        match item.r#type.as_deref() {
            None | Some("message") => messages.push(message(item, &param)?),
            Some("function_call") => {
                let call =
                    call(item).ok_or_else(|| bad(&*param, "a call has call_id, name and arguments"))?;
                called.insert(call.id.clone());
                match messages.last_mut() {
                    // Words and calls of one reply are one message to the model.
                    Some(last) if last.role == Role::Assistant => last.calls.push(call),
                    _ => {
                        let empty = ChatMessage::new(Role::Assistant, "");
                        messages.push(ChatMessage { calls: vec![call], ..empty });
                    }
                }
            }
            Some("function_call_output") => messages.push(result(item, &called, &param)?),
            // Thoughts of other models mean nothing to this one.
            Some("reasoning") => {}
            Some("item_reference") => {
                return Err(bad(param, "items are not kept: send the item, or use previous_response_id"));
            }
            Some(_) => {
                return Err(bad(param, "an item is a message, a function_call or a function_call_output"));
            }
        }
    }
    Ok(())
}

fn result(item: Item, called: &HashSet<String>, param: &str) -> Result<ChatMessage, ApiError> {
    let Some(answers) = item.call_id.filter(|id| called.contains(id)) else {
        let message = "a result needs the call_id of a call that stands before it";
        return Err(bad(format!("{param}.call_id"), message));
    };
    let param = format!("{param}.output");
    let output = item.output.ok_or_else(|| bad(&*param, "a result has an output"))?.words(&param)?;
    Ok(ChatMessage { answers: Some(answers), ..ChatMessage::new(Role::Tool, output) })
}

fn message(item: Item, param: &str) -> Result<ChatMessage, ApiError> {
    let role = match item.role.as_deref() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Err(bad(format!("{param}.role"), "a role is system, developer, user or assistant")),
    };
    let param = format!("{param}.content");
    let content = item.content.ok_or_else(|| bad(&*param, "a message has content"))?;
    Ok(ChatMessage::new(role, content.words(&param)?))
}

fn call(item: Item) -> Option<ToolCall> {
    Some(ToolCall { id: item.call_id?, name: item.name?, arguments: item.arguments.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Read, ApiError> {
        serde_json::from_value::<ResponsesRequest>(body).expect("the types").read(Vec::new())
    }

    #[test]
    fn items_become_messages() {
        let read = read(json!({
            "model": "seoa",
            "instructions": "Be short.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "날씨?"}]},
                {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                 "content": [{"type": "output_text", "text": "볼게요.", "annotations": []}]},
                {"type": "reasoning", "summary": []},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "맑음"},
            ],
            "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": true}],
            "store": false,
        }));
        let read = read.expect("a request");
        let expected = [
            ChatMessage::new(Role::System, "Be short."),
            ChatMessage::new(Role::User, "날씨?"),
            ChatMessage {
                calls: vec![ToolCall { id: "call_1".into(), name: "weather".into(), arguments: "{}".into() }],
                ..ChatMessage::new(Role::Assistant, "볼게요.")
            },
            ChatMessage { answers: Some("call_1".into()), ..ChatMessage::new(Role::Tool, "맑음") },
        ];
        assert_eq!(read.ask.messages, expected);
        assert_eq!((read.store, read.stream), (false, false));
        assert_eq!(read.echo["tools"][0]["strict"], true, "a response repeats what was asked");
        assert_eq!(read.echo["tool_choice"], "auto");
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let refused = |field: &str, value: Value| {
            let mut body = json!({"model": "seoa", "input": "안녕"});
            body[field] = value;
            read(body).expect_err("refused").param.expect("a field to blame")
        };
        for (field, value) in [
            ("background", json!(true)),
            ("conversation", json!("conv_1")),
            ("prompt", json!({"id": "p"})),
            ("input", json!([])),
            ("input", json!("")),
            ("tool_choice", json!("required")),
        ] {
            assert_eq!(refused(field, value), field);
        }
        assert_eq!(refused("tools", json!([{"type": "web_search"}])), "tools[0].type");
        assert_eq!(refused("text", json!({"format": {"type": "grammar"}})), "text.format");
        for (item, blamed) in [
            (json!({"type": "item_reference", "id": "msg_1"}), ""),
            (json!({"type": "computer_call"}), ""),
            (json!({"type": "function_call", "name": "x"}), ""),
            (json!({"type": "function_call_output", "call_id": "call_9", "output": "x"}), ".call_id"),
            (json!({"role": "narrator", "content": "x"}), ".role"),
            (json!({"role": "user"}), ".content"),
            (json!({"role": "user", "content": [{"type": "input_image"}]}), ".content[0]"),
        ] {
            assert_eq!(refused("input", json!([item])), format!("input[0]{blamed}"));
        }
        assert_eq!(refused("input", json!(vec![json!({"role": "user", "content": "x"}); 2_049])), "input");
    }

    #[test]
    fn what_was_said_before_stands_in_front_and_its_calls_can_be_answered() {
        let call = ToolCall { id: "call_1".into(), name: "weather".into(), arguments: "{}".into() };
        let before =
            vec![ChatMessage { calls: vec![call], ..ChatMessage::new(Role::Assistant, "볼게요.") }];
        let read = |call_id: &str| {
            let body = json!({
                "model": "seoa",
                "instructions": "Be short.",
                "previous_response_id": "resp_1",
                "input": [
                    {"role": "developer", "content": "Use centigrade."},
                    {"type": "function_call_output", "call_id": call_id, "output": [{"type": "input_text", "text": "맑음"}]},
                ],
            });
            let request = serde_json::from_value::<ResponsesRequest>(body).expect("the types");
            assert_eq!(request.previous(), Some("resp_1"));
            request.read(before.clone())
        };
        let whole = read("call_1").expect("a request");
        let roles: Vec<Role> = whole.ask.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::Assistant, Role::System, Role::Tool]);
        assert_eq!(whole.said, whole.ask.messages[1..], "instructions hold for one response only");
        let error = read("call_2").expect_err("nobody called that");
        assert_eq!(error.param.as_deref(), Some("input[1].call_id"));
    }
}
