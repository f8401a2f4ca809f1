//! What `/v1/chat/completions` takes. Fields that are not here are read over, as OpenAI does.

use std::collections::HashSet;

use duologue_engines::port::{ChatMessage, Role, ToolCall};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::ApiError,
    http::openai::{
        error::bad,
        text::{Ask, Content, MAX_MESSAGES, Manner, checked_choice, checked_tools, parsed_schema},
    },
};

/// The body.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest {
    /// A persona by id or name, or the language model itself.
    pub(super) model: String,
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u32>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    seed: Option<i64>,
    stop: Option<OneOrMany>,
    tools: Option<Vec<OfferedTool>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Value>,
    logprobs: Option<bool>,
    modalities: Option<Vec<String>>,
    audio: Option<Value>,
    functions: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct OfferedTool {
    r#type: String,
    function: Option<OfferedFunction>,
}

#[derive(Debug, Deserialize)]
struct OfferedFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    refusal: Option<String>,
    tool_calls: Option<Vec<MadeCall>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct MadeCall {
    id: String,
    function: Option<MadeFunction>,
}

#[derive(Debug, Deserialize)]
struct MadeFunction {
    name: String,
    #[serde(default)]
    arguments: String,
}

impl ChatRequest {
    pub(super) fn is_streamed(&self) -> bool {
        self.stream == Some(true)
    }

    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }

    /// The request as the language model's side understands it.
    ///
    /// # Errors
    /// What would change the answer and cannot be done.
    pub(super) fn into_ask(self) -> Result<Ask, ApiError> {
        self.refuse_what_cannot_be()?;
        let tools = match self.tools {
            Some(tools) => offered(tools)?,
            None => Vec::new(),
        };
        let tool_choice = checked_choice(self.tool_choice.as_ref(), &tools)?;
        let max_tokens = self.max_completion_tokens.map(|tokens| (tokens, "max_completion_tokens"));
        Ok(Ask {
            model: self.model,
            messages: messages(self.messages)?,
            tools,
            tool_choice,
            one_call: self.parallel_tool_calls == Some(false),
            schema: parsed_schema(self.response_format.as_ref(), "response_format")?,
            manner: Manner {
                max_tokens: max_tokens.or(self.max_tokens.map(|tokens| (tokens, "max_tokens"))),
                temperature: self.temperature,
                top_p: self.top_p,
                seed: self.seed,
                stop: match self.stop {
                    Some(OneOrMany::One(stop)) => vec![stop],
                    Some(OneOrMany::Many(stops)) => stops,
                    None => Vec::new(),
                },
            },
        })
    }

    fn refuse_what_cannot_be(&self) -> Result<(), ApiError> {
        if self.n.is_some_and(|n| n != 1) {
            return Err(bad("n", "there is one reply to a request: n can only be 1"));
        }
        if self.logprobs == Some(true) {
            return Err(bad("logprobs", "probabilities of tokens are not told"));
        }
        let speaks = self.modalities.iter().flatten().any(|kind| kind != "text");
        if speaks || self.audio.as_ref().is_some_and(|audio| !audio.is_null()) {
            let message = "replies are text here; speech is at /v1/audio/speech and /v1/realtime";
            return Err(bad("modalities", message));
        }
        if self.functions.as_ref().is_some_and(|functions| !functions.is_null()) {
            return Err(bad("functions", "functions is the old name: send them as tools"));
        }
        Ok(())
    }
}

fn offered(tools: Vec<OfferedTool>) -> Result<Vec<duologue_engines::port::Tool>, ApiError> {
    let mut functions = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        match tool.function {
            Some(function) if tool.r#type == "function" => {
                functions.push((function.name, function.description, function.parameters));
            }
            _ => return Err(bad(format!("tools[{index}]"), "only functions can be offered as tools")),
        }
    }
    checked_tools(functions.into_iter())
}

/// All messages; a function's result must answer a call that stands before it.
fn messages(messages: Vec<Message>) -> Result<Vec<ChatMessage>, ApiError> {
    if messages.len() > MAX_MESSAGES {
        return Err(bad("messages", format!("a request has 1 to {MAX_MESSAGES} messages")));
    }
    let mut made: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    let mut called = HashSet::new();
    for (index, message) in messages.into_iter().enumerate() {
        let param = format!("messages[{index}]");
        let one = read(message, &param)?;
        if one.role == Role::Tool && !one.answers.as_ref().is_some_and(|id| called.contains(id)) {
            let message = "a message of the role tool needs the tool_call_id of a call that stands before it";
            return Err(bad(format!("{param}.tool_call_id"), message));
        }
        called.extend(one.calls.iter().map(|call| call.id.clone()));
        made.push(one);
    }
    Ok(made)
}

fn read(message: Message, param: &str) -> Result<ChatMessage, ApiError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => {
            return Err(bad(format!("{param}.role"), "function is the old name: send the role tool"));
        }
        _ => {
            return Err(bad(format!("{param}.role"), "a role is system, developer, user, assistant or tool"));
        }
    };
    let calls = match message.tool_calls {
        Some(calls) if role == Role::Assistant => calls_of(calls, param)?,
        _ => Vec::new(),
    };
    let content = match message.content {
        Some(content) => content.words(&format!("{param}.content"))?,
        None => message.refusal.unwrap_or_default(),
    };
    if content.is_empty() && calls.is_empty() && role == Role::User {
        return Err(bad(format!("{param}.content"), "a message of the user has words"));
    }
    let answers = message.tool_call_id.filter(|_| role == Role::Tool);
    Ok(ChatMessage { role, content, calls, answers })
}

fn calls_of(calls: Vec<MadeCall>, param: &str) -> Result<Vec<ToolCall>, ApiError> {
    let one = |(index, call): (usize, MadeCall)| match call.function {
        Some(function) => Ok(ToolCall { id: call.id, name: function.name, arguments: function.arguments }),
        None => Err(bad(format!("{param}.tool_calls[{index}]"), "only functions are called")),
    };
    calls.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use duologue_engines::port::ToolChoice;
    use serde_json::json;

    use super::*;

    fn ask(body: Value) -> Result<Ask, ApiError> {
        serde_json::from_value::<ChatRequest>(body).expect("the types").into_ask()
    }

    fn refused(body: Value) -> String {
        ask(body).expect_err("refused").param.expect("a field to blame")
    }

    #[test]
    fn a_conversation_with_calls_is_read() {
        let ask = ask(json!({
            "model": "seoa",
            "messages": [
                {"role": "developer", "content": "Be short."},
                {"role": "user", "content": [{"type": "text", "text": "서울 날씨"}, {"type": "text", "text": "어때요?"}]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Seoul\"}"}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "{\"sky\":\"clear\"}"},
            ],
            "max_tokens": 5, "max_completion_tokens": 7, "stop": "끝", "seed": -1, "temperature": 0,
            "tools": [{"type": "function", "function": {"name": "weather", "strict": true}}],
            "tool_choice": "required", "parallel_tool_calls": false,
            "something_new": {"of": "tomorrow"},
        }));
        let ask = ask.expect("a request");
        let roles: Vec<Role> = ask.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool]);
        assert_eq!(ask.messages[1].content, "서울 날씨\n어때요?");
        assert_eq!(ask.messages[2].calls[0].name, "weather");
        assert_eq!(ask.messages[3].answers.as_deref(), Some("call_1"));
        assert_eq!(ask.tool_choice, ToolChoice::Required);
        assert!(ask.one_call);
        let expected = Manner {
            max_tokens: Some((7, "max_completion_tokens")),
            temperature: Some(0.0),
            seed: Some(-1),
            stop: vec!["끝".into()],
            ..Manner::default()
        };
        assert_eq!(ask.manner, expected);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut body = json!({"model": "seoa", "messages": [{"role": "user", "content": "안녕"}]});
            body[field] = value;
            body
        };
        for (field, value) in [
            ("n", json!(2)),
            ("logprobs", json!(true)),
            ("modalities", json!(["text", "audio"])),
            ("functions", json!([])),
            ("response_format", json!({"type": "grammar"})),
            ("tool_choice", json!("required")),
        ] {
            assert_eq!(refused(with(field, value)), field);
        }
        assert_eq!(refused(with("tools", json!([{"type": "web_search"}]))), "tools[0]");
        for (field, message) in [
            ("role", json!({"role": "narrator", "content": "x"})),
            ("role", json!({"role": "function", "name": "f", "content": "x"})),
            ("content", json!({"role": "user", "content": ""})),
            (
                "content[0]",
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
            ),
            ("tool_call_id", json!({"role": "tool", "content": "x"})),
            ("tool_call_id", json!({"role": "tool", "content": "x", "tool_call_id": "call_9"})),
        ] {
            assert_eq!(refused(with("messages", json!([message]))), format!("messages[0].{field}"));
        }
        assert!(ask(with("n", json!(1))).is_ok());
        assert!(ask(with("modalities", json!(["text"]))).is_ok());
    }
}
