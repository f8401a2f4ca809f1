//! OpenAI's HTTP interface under `/v1`, as far as it has a meaning here: their clients work by changing a base URL.
//!
//! A persona is a model. What a request names that has no meaning here is read over; what would change the answer and
//! cannot be done is refused. Every refusal, the framework's own included, has the shape of [`crate::error::ErrorBody`].

pub(crate) mod audio;
pub(crate) mod chat;
pub(crate) mod client_secrets;
pub(crate) mod embeddings;
mod error;
pub(crate) mod models;
pub(crate) mod responses;
mod text;

use axum::Router;

pub(crate) use self::{error::V1Json, responses::Kept, text::Completions};
use crate::state::AppState;

/// The routes. `max_upload_bytes` is for those that take files.
pub(super) fn router(max_upload_bytes: usize) -> Router<AppState> {
    Router::new()
        .merge(audio::router(max_upload_bytes))
        .merge(client_secrets::router())
        .merge(models::router())
        .merge(chat::router())
        .merge(responses::router())
        .merge(embeddings::router())
}
