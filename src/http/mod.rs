//! The HTTP interface: one router per resource, and what every request passes through.

pub mod analyze;
pub mod chat;
pub mod client;
pub mod duet;
pub mod extract;
pub mod health;
pub mod limit;
pub mod midi;
pub mod openai;
pub mod personas;
pub mod picture;
pub mod voice;

pub(crate) mod layers;
mod pages;
pub mod share;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};

use crate::{openapi, state::AppState};

/// Largest JSON body. Uploads, which come with other resources, have `server.max_upload_bytes`.
const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The whole interface. `sockets` are the WebSocket routes; they pass the same checks of origin and host.
pub fn app(state: AppState, sockets: Router<AppState>) -> Router {
    let resources = Router::new()
        .merge(health::router())
        .merge(personas::router())
        .merge(chat::router())
        .merge(voice::router())
        .merge(duet::router())
        .merge(picture::router(state.config.server.max_upload_bytes))
        .merge(analyze::router(state.config.server.max_upload_bytes))
        .merge(midi::router(state.config.server.max_upload_bytes))
        .merge(openai::router(state.config.server.max_upload_bytes))
        .merge(pages::router())
        .merge(sockets)
        .merge(openapi::router());
    pages::with_pages(resources, &state.config.server.static_dir)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(from_fn_with_state(state.clone(), layers::deadline))
        .layer(from_fn_with_state(state.clone(), share::share))
        .layer(from_fn_with_state(state.clone(), layers::guard))
        .layer(layers::cors(&state))
        .layer(from_fn(layers::harden))
        .layer(from_fn(layers::measure))
        .with_state(state)
}
