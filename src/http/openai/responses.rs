//! `POST /v1/responses`: the same answers as chat completions, as items, and with a memory of its own for a while.
//!
//! What is kept of a response, unless `store` is false, is the conversation up to it, in memory ([`Kept`]): `previous_response_id`
//! goes on from there until it is forgotten, and then says so.

mod kept;
mod request;
mod writing;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response, sse::Event},
    routing::post,
};
use duologue_engines::port::ChatMessage;
use serde_json::Value;

pub(crate) use self::kept::Kept;
use self::{request::ResponsesRequest, writing::Writing};
use super::{
    V1Json,
    text::{Piece, Reply, Tell, client, streamed},
};
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::extract::Caller,
    state::AppState,
};

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/responses", post(respond))
}

/// A response in the making, which is kept when it is complete.
struct Responding {
    writing: Writing,
    state: AppState,
    owner: Arc<str>,
    /// Everything said before the response, without `instructions`: those hold for one response only.
    said: Vec<ChatMessage>,
    wanted: bool,
}

/// A persona, or the language model itself, answers in items. The body is OpenAI's; see docs/openai.md for what is not
/// done here.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", request_body = Value, responses(
    (status = 200, body = Value, description = "A response, or with `stream` its events"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn respond(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(request): V1Json<ResponsesRequest>,
) -> Result<Response, ApiError> {
    let owner = client(&caller);
    let before = match request.previous() {
        Some(id) => state.responses.find(id, &owner).ok_or_else(|| forgotten(id))?,
        None => Vec::new(),
    };
    let read = request.read(before)?;
    let mut reply = Reply::begin(&state, &caller, read.ask)?;
    let writing = Writing::new(read.echo);
    let mut responding = Responding { writing, state, owner, said: read.said, wanted: read.store };
    if read.stream {
        return streamed(responding, reply).await;
    }
    while let Some(piece) = reply.next().await {
        responding.write(piece?);
    }
    Ok(Json(responding.writing.response()).into_response())
}

fn forgotten(id: &str) -> ApiError {
    let short: String = id.chars().take(80).collect();
    let message = format!(
        "there is no response {short:?} (any more): responses are kept for an hour, in memory; send the whole \
         conversation as input"
    );
    ApiError::new(Code::ResponseNotFound, message).with_param("previous_response_id")
}

impl Responding {
    /// Writes on, and keeps what is complete before anybody is told that it is.
    fn write(&mut self, piece: Piece) -> Vec<Value> {
        let events = self.writing.write(piece);
        if self.wanted && self.writing.is_whole() {
            let said = self.said.iter().cloned().chain([self.writing.said()]).collect();
            self.state.responses.keep(self.writing.id(), &self.owner, said);
        }
        events
    }
}

impl Tell for Responding {
    fn begin(&mut self) -> Vec<Event> {
        self.writing.begin().into_iter().map(named).collect()
    }

    fn tell(&mut self, piece: Result<Piece, ApiError>) -> Vec<Event> {
        let events = match piece {
            Ok(piece) => self.write(piece),
            Err(error) => self.writing.fail(&error),
        };
        events.into_iter().map(named).collect()
    }
}

/// An event is named in its data and, for those who listen by name, beside them.
fn named(event: Value) -> Event {
    let name = event["type"].as_str().unwrap_or("error").to_owned();
    Event::default().event(name).data(event.to_string())
}
