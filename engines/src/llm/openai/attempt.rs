//! One request to the server, from the first byte to the last event.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use tokio::{sync::mpsc::Sender, time::timeout_at};

use super::{
    ENGINE, LONGEST_PAUSE, PAUSE, Told,
    calls::{CallPiece, Calls},
    error,
    sse::Events,
};
use crate::{
    llm::tools::Reading,
    port::{EngineError, ErrorKind, Finish, LlmEvent},
};

/// Why an attempt failed, and whether another is reasonable.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: EngineError,
    pub(super) retry_after: Option<Duration>,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self { error, retry_after: None }
    }
}

impl Failure {
    fn passing(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { error: error(kind, message), retry_after: Some(PAUSE) }
    }
}

/// One attempt.
pub(super) struct Attempt<'a> {
    pub(super) sender: &'a Sender<Result<LlmEvent, EngineError>>,
    /// The first token must have come by then.
    pub(super) first_by: Instant,
    /// Between two tokens.
    pub(super) idle: Duration,
}

/// One event of the stream.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: usize,
}

/// What has been heard so far.
struct Hearing {
    told: Told,
    begun: Instant,
    finish: Option<Finish>,
    over: bool,
    /// Calls that the server tells from words.
    calls: Calls,
    /// Calls that it does not.
    reading: Reading,
}

impl Attempt<'_> {
    /// Sends the request and passes the reply on.
    pub(super) async fn run(self, post: RequestBuilder, reading: Reading) -> Result<(), Failure> {
        let begun = Instant::now();
        let late = || Failure::passing(ErrorKind::Timeout, "the server sent no token in time");
        let mut response = timeout_at(self.first_by.into(), post.send())
            .await
            .map_err(|_| late())?
            .map_err(|error| unreachable(&error))?;
        if let Some(failure) = refusal(&response) {
            return Err(failure);
        }
        let mut hearing = Hearing {
            told: Told::default(),
            begun,
            finish: None,
            over: false,
            calls: Calls::default(),
            reading,
        };
        let mut events = Events::default();
        while !hearing.over {
            let by = if hearing.told.deltas == 0 { self.first_by } else { Instant::now() + self.idle };
            let bytes = match timeout_at(by.into(), response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => break,
                Ok(Err(_)) => return Err(hearing.torn("the connection broke in the middle of the reply")),
                Err(_) if hearing.told.deltas == 0 => return Err(late()),
                Err(_) => return Err(error(ErrorKind::Timeout, "the server fell silent in the reply").into()),
            };
            let data = events.push(&bytes).map_err(|_| hearing.torn("the server sends no events"))?;
            self.hear(&mut hearing, &data)?;
        }
        let rest = events.finish().map_err(|_| hearing.torn("the server sends no events"))?;
        self.hear(&mut hearing, &rest)?;
        let Some(finish) = hearing.finish else {
            return Err(hearing.torn("the reply ended without an end"));
        };
        let calls = hearing.calls.finish().into_iter().map(LlmEvent::ToolCall);
        let last = if calls.len() == 0 { hearing.reading.finish(ENGINE)? } else { Vec::new() };
        let done = LlmEvent::Done { finish, usage: hearing.told.usage };
        for event in last.into_iter().chain(calls).chain([done]) {
            // Fails when nobody listens, which the caller sees.
            let _ = self.sender.try_send(Ok(event));
        }
        Ok(())
    }

    fn hear(&self, hearing: &mut Hearing, events: &[String]) -> Result<(), Failure> {
        for data in events {
            if hearing.over {
                break;
            }
            if data.trim() == "[DONE]" {
                hearing.over = true;
                // Servers that leave the reason out still mean that the reply is whole.
                hearing.finish.get_or_insert(Finish::Stop);
                break;
            }
            let chunk: Chunk = serde_json::from_str(data)
                .map_err(|_| hearing.torn("the server sent an event that is not a completion"))?;
            if chunk.error.is_some() {
                return Err(hearing.torn("the server reported an error in the reply"));
            }
            for event in hearing.take(chunk)? {
                // Fails when nobody listens, which the caller sees, or when the server sends more
                // deltas than it was allowed tokens.
                if self.sender.try_send(Ok(event)).is_err() {
                    return Err(error(ErrorKind::Broken, "the server sends more than was asked for").into());
                }
            }
        }
        Ok(())
    }
}

impl Hearing {
    /// Books a chunk; answers what it says.
    fn take(&mut self, chunk: Chunk) -> Result<Vec<LlmEvent>, Failure> {
        if let Some(usage) = chunk.usage {
            self.told.usage.prompt_tokens = usage.prompt_tokens;
            self.told.usage.completion_tokens = usage.completion_tokens;
            self.told.usage.cached_tokens = usage.prompt_tokens_details.map_or(0, |it| it.cached_tokens);
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(Vec::new()) };
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(if reason == "length" { Finish::Length } else { Finish::Stop });
        }
        let Some(delta) = choice.delta else { return Ok(Vec::new()) };
        let text = delta.content.filter(|text| !text.is_empty());
        let pieces = delta.tool_calls.unwrap_or_default();
        if text.is_none() && pieces.is_empty() {
            return Ok(Vec::new());
        }
        self.count();
        for piece in pieces {
            self.calls
                .push(piece)
                .map_err(|_| error(ErrorKind::Broken, "the server calls more than was asked for"))?;
        }
        Ok(text.map_or(Vec::new(), |text| self.reading.push(text)))
    }

    /// One more delta came.
    fn count(&mut self) {
        if self.told.deltas == 0 {
            self.told.usage.first_token = self.begun.elapsed();
        }
        self.told.deltas += 1;
        // Replaced by the server's own count when it comes.
        self.told.usage.completion_tokens = self.told.usage.completion_tokens.max(self.told.deltas);
    }

    /// A reply that was cut off: another try is reasonable only when nothing was said yet.
    fn torn(&self, why: &str) -> Failure {
        let retry_after = (self.told.deltas == 0).then_some(PAUSE);
        Failure { error: error(ErrorKind::Broken, why), retry_after }
    }
}

/// The server could not be reached. The error's own text may hold the address, never the key.
pub(super) fn unreachable(cause: &reqwest::Error) -> Failure {
    if cause.is_builder() {
        return error(ErrorKind::Unavailable, "llm.base_url is not an address").into();
    }
    let why = if cause.is_connect() { "cannot be reached" } else { "broke the connection" };
    Failure::passing(ErrorKind::Unavailable, format!("the model server {why}; check llm.base_url"))
}

/// What a status other than success means. The body is not read: it may repeat the prompt or the key.
pub(super) fn refusal(response: &Response) -> Option<Failure> {
    let status = response.status();
    if status.is_success() {
        return None;
    }
    let code = status.as_u16();
    let unavailable = |why: &str| error(ErrorKind::Unavailable, format!("{why} (status {code})")).into();
    Some(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            unavailable("the model server refuses the key; check llm.api_key")
        }
        StatusCode::NOT_FOUND => unavailable(
            "the model server does not know the model or the path; check llm.model and llm.base_url",
        ),
        StatusCode::TOO_MANY_REQUESTS => Failure {
            error: error(ErrorKind::Overloaded, "the model server has too much to do (status 429)"),
            retry_after: pause(response),
        },
        _ if status.is_server_error() => Failure {
            error: error(ErrorKind::Broken, format!("the model server failed (status {code})")),
            retry_after: pause(response),
        },
        _ if status.is_client_error() => {
            let message = format!("the model server does not accept the request (status {code})");
            error(ErrorKind::BadInput, message).into()
        }
        _ => unavailable("the model server answers with something else; check llm.base_url"),
    })
}

/// How long the server asks to wait; `None` when that is too long for a conversation.
fn pause(response: &Response) -> Option<Duration> {
    let Some(value) = response.headers().get(RETRY_AFTER) else { return Some(PAUSE) };
    let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
    let asked = Duration::try_from_secs_f64(seconds).ok()?;
    (asked <= LONGEST_PAUSE).then_some(asked)
}
