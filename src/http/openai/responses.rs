//! `POST /v1/responses`: the same answers as chat completions, as items, and with a memory of its own for a while.
//!
//! What is kept of a response, unless `store` is false, is the conversation up to it, in memory ([`Kept`]): `previous_response_id`
//! goes on from there until it is forgotten, and then says so.

mod kept;
mod request;
mod writing;

use std::convert::Infallible;

use axum::{
    Json, Router,
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::post,
};
use duologue_engines::port::{ChatMessage, Role};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;

pub(crate) use self::kept::Kept;
use self::{request::ResponsesRequest, writing::Writing};
use super::{
    V1Json,
    text::{Ask, Piece, Reply, client},
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

/// What has to be done when a response is complete.
struct Keeping {
    state: AppState,
    owner: String,
    /// Everything said before the response, without instructions: those hold for one response only.
    said: Vec<ChatMessage>,
    wanted: bool,
}

/// A persona, or the language model itself, answers in items. The body is OpenAI's; see docs/openai.md for what is not
/// done here.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", request_body = Value, responses(
    (status = 200, body = Value, description = "A response, or with `stream` its events"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn respond(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(request): V1Json<ResponsesRequest>,
) -> Result<Response, ApiError> {
    let read = request.read()?;
    let owner = client(&caller);
    let mut said = match &read.previous {
        Some(id) => state.responses.find(id, &owner).ok_or_else(|| forgotten(id))?,
        None => Vec::new(),
    };
    said.extend(read.ask.messages.iter().filter(|message| message.role != Role::System).cloned());
    let instructions = read.ask.messages.into_iter().filter(|message| message.role == Role::System);
    let ask = Ask { messages: instructions.chain(said.iter().cloned()).collect(), ..read.ask };
    let mut reply = Reply::begin(&state, &caller, ask)?;
    let mut writing = Writing::new(read.echo);
    let keeping = Keeping { state, owner, said, wanted: read.store };
    if !read.stream {
        while let Some(piece) = reply.next().await {
            writing.write(piece?);
        }
        keeping.keep(&writing);
        return Ok(Json(writing.response()).into_response());
    }
    // The first piece decides between an answer and an error.
    let first = reply.next().await.transpose()?;
    let events = events((writing, keeping), first, reply).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn forgotten(id: &str) -> ApiError {
    let short: String = id.chars().take(80).collect();
    let message = format!(
        "there is no response {short:?} (any more): responses are kept for an hour, in memory; send the whole \
         conversation as input"
    );
    ApiError::new(Code::ResponseNotFound, message).with_param("previous_response_id")
}

impl Keeping {
    fn keep(&self, writing: &Writing) {
        if self.wanted && writing.is_whole() {
            let said = self.said.iter().cloned().chain([writing.said()]).collect();
            self.state.responses.keep(writing.id(), &self.owner, said);
        }
    }
}

fn events(
    (mut writing, keeping): (Writing, Keeping),
    first: Option<Piece>,
    reply: Reply,
) -> impl Stream<Item = Event> {
    let begin = stream::once(std::future::ready(writing.begin()));
    let rest =
        stream::unfold((writing, keeping, first, reply), |(mut writing, keeping, first, mut reply)| async {
            let piece = match first {
                Some(piece) => Ok(piece),
                None => reply.next().await?,
            };
            let events = match piece {
                Ok(piece) => writing.write(piece),
                Err(error) => writing.fail(&error),
            };
            keeping.keep(&writing);
            Some((events, (writing, keeping, None, reply)))
        });
    begin.chain(rest).flat_map(|events| stream::iter(events.into_iter().map(named)))
}

/// An event is named in its data and, for those who listen by name, beside them.
fn named(event: Value) -> Event {
    let name = event["type"].as_str().unwrap_or("error").to_owned();
    Event::default().event(name).data(event.to_string())
}
