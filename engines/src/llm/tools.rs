//! What the local engines share of function calling: a request as a model without roles for it reads it, and calls out
//! of what it writes.

use duologue_domain::{
    lang::is_hangul,
    tool::{
        CallSplitter, Piece,
        grammar::{forced, of_calls, of_schema},
        render::{CALL, render},
    },
};

use super::wire::{Calls, Odds};
use crate::port::{ChatMessage, EngineError, ErrorKind, LlmEvent, LlmRequest, Role, Tool, ToolChoice};

/// From this share of probability on, of the first token, the mark of a call begins one. Drawing it instead would make a
/// call that is right fail every third time, and one that is wrong happen now and then.
const MARK_ODDS: f32 = 0.5;

/// How models begin a call that were never taught the mark, such as Qwen2.5-Coder, which gives it a share of 10⁻¹⁰.
const HINTS: [&str; 1] = ["{\""];

/// The last thing a model reads when a result is there, in English and Korean. Without it a small one copies the call that
/// it has just made instead of saying what came of it.
const TELL: [&str; 2] = ["Answer in words now, from this result.", "이제 이 결과를 바탕으로 말로 답하세요."];

/// A request in words alone.
pub(super) struct Prepared {
    /// The prompt; a last message of the assistant is the beginning of the reply.
    pub(super) messages: Vec<ChatMessage>,
    /// How many of them are shared.
    pub(super) shared: usize,
    /// What the whole reply must follow.
    pub(super) grammar: Option<String>,
    /// How calls are begun.
    pub(super) calls: Option<Calls>,
}

/// Refuses what no engine of ours can do.
pub(super) fn check(request: &LlmRequest, engine: &'static str) -> Result<(), EngineError> {
    let refuse = |why: &str| Err(EngineError::new(ErrorKind::BadInput, engine, why));
    match &request.tool_choice {
        ToolChoice::Required if request.tools.is_empty() => {
            refuse("a call is required and no tool is offered")
        }
        ToolChoice::Named(name) if request.tools.iter().all(|tool| tool.name != *name) => {
            refuse("tool_choice names a tool that is not offered")
        }
        _ if request.response_schema.is_some() && !request.tools.is_empty() => {
            refuse("a reply cannot follow a schema and call tools")
        }
        _ => Ok(()),
    }
}

/// Writes functions, calls and results into the messages, and begins a reply that has to be a call.
pub(super) fn prepare(request: &LlmRequest) -> Prepared {
    let (mut messages, shared) = render(&request.messages, request.shared, &request.tools);
    messages.extend(tell(request));
    if let Some(begun) = forced(&request.tool_choice) {
        match messages.last_mut().filter(|last| last.role == Role::Assistant) {
            Some(last) => last.content.push_str(&format!("\n{begun}")),
            None => messages.push(ChatMessage::new(Role::Assistant, begun)),
        }
    }
    let follows = || of_calls(&request.tools, &request.tool_choice);
    let grammar = match &request.tool_choice {
        ToolChoice::Required | ToolChoice::Named(_) => follows(),
        _ => request.response_schema.as_deref().map(of_schema),
    };
    // Who guesses at calls would guess the same again when the result is there, and for ever.
    let after_person = request.messages.iter().rev().take_while(|message| message.role != Role::User);
    let is_answered = after_person.into_iter().any(|message| message.role == Role::Tool);
    let hints = || if is_answered { Vec::new() } else { HINTS.map(str::to_owned).to_vec() };
    let odds = || Odds { mark: MARK_ODDS, hints: hints(), answered: is_answered };
    let offered = |grammar| Calls { mark: CALL.0.to_owned(), grammar, odds: Some(odds()) };
    let calls = match &request.tool_choice {
        _ if request.tools.is_empty() => None,
        ToolChoice::Auto | ToolChoice::Among(_) => Some(offered(follows())),
        ToolChoice::None => Some(offered(None)),
        ToolChoice::Required | ToolChoice::Named(_) => None,
    };
    Prepared { messages, shared, grammar, calls }
}

/// See [`TELL`]: in the language of what was asked.
fn tell(request: &LlmRequest) -> Option<ChatMessage> {
    request.messages.last().filter(|last| last.role == Role::Tool)?;
    let asked = request.messages.iter().rfind(|message| message.role == Role::User);
    let is_korean = asked.is_some_and(|asked| asked.content.chars().any(is_hangul));
    let is_free = !matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    is_free.then(|| ChatMessage::new(Role::System, TELL[usize::from(is_korean)]))
}

/// A persona's beginning as [`prepare`] writes it.
pub(super) fn beginning(shared: &[ChatMessage], tools: &[Tool]) -> Vec<ChatMessage> {
    render(shared, shared.len(), tools).0
}

/// From the text of one reply to its events.
pub(super) struct Reading {
    /// Without tools everything is words.
    splitter: Option<CallSplitter>,
    allowed: bool,
    /// The reply was begun as a call; whatever else comes of it is not for anybody's ears.
    forced: bool,
    refused: usize,
    said: bool,
}

impl Reading {
    /// For the reply that [`prepare`] has begun.
    pub(super) fn new(request: &LlmRequest) -> Self {
        let mut reading = Self::remote(request);
        if let Some(splitter) = &mut reading.splitter {
            // What was begun for the model is a part of what it says.
            let begun = forced(&request.tool_choice);
            reading.forced = begun.is_some();
            splitter.push(&begun.unwrap_or_default());
        }
        reading
    }

    /// For a reply that somebody else's server begins.
    pub(super) fn remote(request: &LlmRequest) -> Self {
        let names: Vec<String> = request.tools.iter().map(|tool| tool.name.clone()).collect();
        let id = || format!("call_{:016x}_", rand::random::<u64>());
        let splitter = (!names.is_empty()).then(|| CallSplitter::new(names, id()));
        let allowed = request.tool_choice != ToolChoice::None;
        Self { splitter, allowed, forced: false, refused: 0, said: false }
    }

    /// More text.
    pub(super) fn push(&mut self, text: String) -> Vec<LlmEvent> {
        match &mut self.splitter {
            None => vec![LlmEvent::Delta(text)],
            Some(splitter) => {
                let pieces = splitter.push(&text);
                self.events(pieces)
            }
        }
    }

    /// The end. An error when the reply was nothing but calls that cannot be made: silence would be no answer.
    pub(super) fn finish(&mut self, engine: &'static str) -> Result<Vec<LlmEvent>, EngineError> {
        let Some(splitter) = &mut self.splitter else { return Ok(Vec::new()) };
        let pieces = splitter.finish();
        let events = self.events(pieces);
        if (self.refused > 0 || self.forced) && !self.said {
            let why = "the model made a call that cannot be understood and said nothing else";
            return Err(EngineError::new(ErrorKind::Broken, engine, why));
        }
        Ok(events)
    }

    fn events(&mut self, pieces: Vec<Piece>) -> Vec<LlmEvent> {
        let mut events = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(_) if self.forced => {}
                Piece::Text(text) => events.push(LlmEvent::Delta(text)),
                Piece::Call(call) if self.allowed => events.push(LlmEvent::ToolCall(call)),
                Piece::Call(_) => self.refuse("not_allowed"),
                Piece::Refused(refusal) => self.refuse(refusal.code()),
            }
        }
        self.said |= !events.is_empty();
        events
    }

    fn refuse(&mut self, reason: &'static str) {
        self.refused += 1;
        metrics::counter!("llm_calls_refused_total", "reason" => reason).increment(1);
        tracing::debug!(reason, "a model's call was refused");
    }
}

/// Room that the events of a reply need beside its tokens: one more for each call, and the words around them.
pub(super) const ROOM: usize = 24;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::port::ToolCall;

    fn tool(name: &str) -> Tool {
        let parameters = r#"{"type":"object","properties":{"tempo":{"type":"integer"}}}"#.into();
        Tool { name: name.into(), description: String::new(), parameters }
    }

    fn request(choice: ToolChoice) -> LlmRequest {
        LlmRequest {
            messages: vec![
                ChatMessage::new(Role::System, "Be Seoa."),
                ChatMessage::new(Role::User, "느리게 해 줘"),
            ],
            shared: 1,
            tools: Arc::new([tool("play"), tool("stop")]),
            tool_choice: choice,
            ..LlmRequest::default()
        }
    }

    #[test]
    fn a_request_becomes_words_and_grammars() {
        let auto = prepare(&request(ToolChoice::Auto));
        assert_eq!((auto.messages.len(), auto.shared, auto.grammar.is_none()), (2, 1, true));
        assert!(auto.calls.is_some_and(|calls| calls.grammar.is_some()));
        let hints =
            |request: &LlmRequest| prepare(request).calls.and_then(|calls| calls.odds).map(|odds| odds.hints);
        assert_eq!(hints(&request(ToolChoice::Auto)).map(|hints| hints.len()), Some(1));
        let mut answered = request(ToolChoice::Auto);
        answered
            .messages
            .push(ChatMessage { answers: Some("1".into()), ..ChatMessage::new(Role::Tool, "{}") });
        assert_eq!(hints(&answered), Some(Vec::new()), "a guess is not made twice");
        let told = |request: &LlmRequest| prepare(request).messages.last().map(|last| last.content.clone());
        assert_eq!(told(&answered).as_deref(), Some(TELL[1]));
        answered.messages[1].content = "Slower, please.".into();
        assert_eq!(told(&answered).as_deref(), Some(TELL[0]));
        answered.tool_choice = ToolChoice::Required;
        assert_eq!(
            told(&answered).as_deref(),
            Some("<tool_call>\n"),
            "a call that has to be is not talked out of"
        );
        let never = prepare(&request(ToolChoice::None));
        assert_eq!(never.messages, auto.messages, "the cache is not lost by a choice");
        assert!(never.calls.is_some_and(|calls| calls.grammar.is_none()));
        let must = prepare(&request(ToolChoice::Named("stop".into())));
        assert_eq!(must.messages[..2], auto.messages);
        assert!(must.messages[2].content.ends_with("\"stop\", \"arguments\":") && must.grammar.is_some());
        let schema = LlmRequest { response_schema: Some("{}".into()), ..LlmRequest::default() };
        assert!(prepare(&schema).grammar.is_some() && prepare(&schema).calls.is_none());
        let beginning = beginning(&request(ToolChoice::Auto).messages[..1], &[tool("play"), tool("stop")]);
        assert_eq!(beginning, auto.messages[..1]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let kind = |request: &LlmRequest| check(request, "x").map_err(|error| error.kind);
        assert_eq!(kind(&request(ToolChoice::Auto)), Ok(()));
        assert_eq!(kind(&request(ToolChoice::Named("play".into()))), Ok(()));
        assert_eq!(kind(&request(ToolChoice::Named("sing".into()))), Err(ErrorKind::BadInput));
        let none = LlmRequest { tool_choice: ToolChoice::Required, ..LlmRequest::default() };
        assert_eq!(kind(&none), Err(ErrorKind::BadInput));
        let both = LlmRequest { response_schema: Some("{}".into()), ..request(ToolChoice::Auto) };
        assert_eq!(kind(&both), Err(ErrorKind::BadInput));
    }

    #[test]
    fn words_and_calls_become_events() {
        let mut reading = Reading::new(&request(ToolChoice::Auto));
        assert_eq!(reading.push("네. <tool".into()), [LlmEvent::Delta("네.".into())]);
        let events = reading.push("_call>{\"name\":\"play\",\"arguments\":{\"tempo\":60}}".into());
        let [LlmEvent::ToolCall(ToolCall { id, name, arguments })] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((name.as_str(), arguments.as_str()), ("play", "{\"tempo\": 60}"));
        assert!(id.starts_with("call_"));
        assert!(reading.finish("x").unwrap().is_empty());
    }

    #[test]
    fn a_forced_call_goes_on_where_it_was_begun() {
        let mut reading = Reading::new(&request(ToolChoice::Named("stop".into())));
        let events = reading.push(" {}}\n</tool_call>".into());
        assert!(matches!(&events[..], [LlmEvent::ToolCall(call)] if call.name == "stop"), "{events:?}");
        let mut astray = Reading::new(&request(ToolChoice::Required));
        for piece in ["\"", "description\": \"보글\"", "\n}\" type=\"jsx\""] {
            assert!(astray.push(piece.into()).is_empty(), "it was to be a call");
        }
        assert_eq!(astray.finish("x").unwrap_err().kind, ErrorKind::Broken);
    }

    #[test]
    fn nothing_but_refused_calls_is_an_error() {
        let mut reading = Reading::new(&request(ToolChoice::Auto));
        assert!(
            reading.push("<tool_call>{\"name\":\"sing\",\"arguments\":{}}</tool_call>".into()).is_empty()
        );
        assert_eq!(reading.finish("x").unwrap_err().kind, ErrorKind::Broken);
        let mut never = Reading::new(&request(ToolChoice::None));
        let events = never.push("네 <tool_call>{\"name\":\"play\",\"arguments\":{}}</tool_call>".into());
        assert_eq!(events, [LlmEvent::Delta("네".into())]);
        assert!(never.finish("x").unwrap().is_empty());
    }

    #[test]
    fn without_tools_everything_is_words() {
        let mut reading = Reading::new(&LlmRequest::default());
        let text = "<tool_call>{\"name\":\"play\"}";
        assert_eq!(reading.push(text.into()), [LlmEvent::Delta(text.into())]);
        assert!(reading.finish("x").unwrap().is_empty());
    }
}
