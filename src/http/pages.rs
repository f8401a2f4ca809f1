//! The page's files, and what is said when there is nothing at an address.

use std::path::Path;

use axum::{
    Router,
    extract::{Request, State},
    handler::HandlerWithoutStateExt,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::{
    compression::CompressionLayer,
    services::{ServeDir, ServeFile},
};

use crate::{
    error::{ApiError, Code},
    state::AppState,
};

/// First parts of the paths that programs call.
const API: [&str; 9] =
    ["/api", "/chat", "/health", "/metrics", "/openapi.json", "/personas", "/soundfonts", "/v1", "/voice"];

/// Where the page finds the model that its camera part runs.
const FACE_MODEL: &str = "/vendor/face_landmarker.task";

/// The page of the duet: people type this address, and share it with friends.
const DUET: &str = "/duet";

/// The model lies with the others, outside the page's folder.
pub(super) fn router() -> Router<AppState> {
    Router::new().route(FACE_MODEL, get(face_model))
}

async fn face_model(State(state): State<AppState>, request: Request) -> Response {
    let path = state.config.models_dir().join("face_landmarker.task");
    if !path.is_file() {
        let words = "the face model is missing: fetch it with `duologue models pull`";
        return ApiError::new(Code::NotFound, words).into_response();
    }
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => {
            tracing::warn!(%error, "the face model cannot be read");
            ApiError::new(Code::Internal, "the face model cannot be read").into_response()
        }
    }
}

/// Serves `folder` wherever no route matches.
pub(super) fn with_pages(router: Router<AppState>, folder: &Path) -> Router<AppState> {
    let files = ServeDir::new(folder)
        .append_index_html_on_directories(true)
        // What is large lies there compressed: ten megabytes of WebAssembly are not compressed for every page.
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(true)
        .fallback(nothing_here.into_service());
    // Only files and documents are compressed: sound and WebSockets pass as they are.
    let files = tower::ServiceBuilder::new().layer(CompressionLayer::new()).service(files);
    let duet = ServeFile::new(folder.join("duet.html"));
    router.route_service(DUET, duet).fallback_service(files).method_not_allowed_fallback(wrong_method)
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::new(Code::MethodNotAllowed, format!("{} is not possible here", request.method()))
}

/// Programs get JSON; people get a sentence.
async fn nothing_here(request: Request) -> Response {
    let path = request.uri().path();
    let for_program = API
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let accepts =
        request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if for_program || !accepts.contains("text/html") {
        return ApiError::new(Code::NotFound, "there is nothing at this address").into_response();
    }
    (StatusCode::NOT_FOUND, "There is nothing at this address. The page is at /.\n여기에는 아무것도 없습니다. 첫 화면은 / 입니다.\n").into_response()
}
