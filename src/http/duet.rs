//! What a duet leaves behind: its recording, while its scene is open.

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use duologue_actors::duet::Duet;
use duologue_music::smf;

use super::{
    chat,
    extract::{ApiPath, Caller},
    midi,
};
use crate::{
    error::{ApiError, Code, ErrorBody},
    scene,
    state::AppState,
};

/// The routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/duet/{session_id}/recording.mid", get(recording_mid))
        .route("/api/duet/{session_id}/recording.wav", get(recording_wav))
}

/// Everything that was played in the duet of an open scene, each part a track, as a Standard MIDI File.
#[utoipa::path(get, path = "/api/duet/{session_id}/recording.mid", tag = "duet", responses(
    (status = 200, content_type = "audio/midi", body = Vec<u8>), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub(crate) async fn recording_mid(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let duet = find(&state, &caller, &session_id).await?;
    let name = "attachment; filename=\"duet.mid\"";
    let headers = [(header::CONTENT_TYPE, "audio/midi"), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, recording(&duet)).into_response())
}

/// The same as sound: stereo, 16 bits, 44.1 kHz, sent while it is rendered.
#[utoipa::path(get, path = "/api/duet/{session_id}/recording.wav", tag = "duet", responses(
    (status = 200, content_type = "audio/wav", body = Vec<u8>), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn recording_wav(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let duet = find(&state, &caller, &session_id).await?;
    midi::sound::wav(&state, recording(&duet), "duet").await
}

/// The duet of an open scene in which something was played, if the caller may have it.
///
/// # Errors
/// It is somebody else's, or there is none.
pub(crate) async fn find(state: &AppState, caller: &Caller, session_id: &str) -> Result<Duet, ApiError> {
    let record = scene::record(state, session_id).await?;
    chat::check_access(state, caller, &record)?;
    let duet = match state.sessions.find(session_id).await {
        Some(session) => session.duet().await,
        None => None,
    };
    let silent = || ApiError::new(Code::NotFound, "nothing was played in this scene, or it is over");
    duet.filter(|duet| !duet.is_silent()).ok_or_else(silent)
}

/// What was played as a Standard MIDI File of format 1: a track for each part, with the map of its tempo.
pub(crate) fn recording(duet: &Duet) -> Vec<u8> {
    smf::write(&duet.score())
}
