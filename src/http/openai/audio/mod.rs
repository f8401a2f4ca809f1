//! `/v1/audio`: recordings as text, text as speech.

mod encode;
mod render;
pub(crate) mod speech;
mod subtitles;
pub(crate) mod transcribe;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::post,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;

use crate::{error::ApiError, state::AppState};

/// The routes. Recordings are larger than other bodies.
pub(super) fn router(max_upload_bytes: usize) -> Router<AppState> {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcribe::transcriptions))
        .route("/v1/audio/translations", post(transcribe::translations))
        .layer(DefaultBodyLimit::max(max_upload_bytes))
        .route("/v1/audio/speech", post(speech::speak))
}

/// Server-sent events as OpenAI's clients read them: JSON in each, an error as `{"error": …}`, `[DONE]` at the end.
fn events(pieces: impl Stream<Item = Result<Value, ApiError>> + Send + 'static) -> Response {
    let texts = pieces.map(|piece| match piece {
        Ok(value) => value.to_string(),
        Err(error) => {
            tracing::warn!(code = error.code.name(), "stream ended early");
            serde_json::to_string(&error.body()).unwrap_or_default()
        }
    });
    let texts = texts.chain(stream::once(async { "[DONE]".to_owned() }));
    let events = texts.map(|text| Ok::<_, std::convert::Infallible>(Event::default().data(text)));
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
