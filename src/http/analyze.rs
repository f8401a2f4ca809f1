//! `POST /voice/analyze` and `POST /upload/audio`: recordings that people send. Neither keeps anything.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartError},
    http::StatusCode,
    routing::post,
};
use duologue_domain::lang::Language;
use duologue_engines::{fair::session_key, port::SessionKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Caller;
use crate::{
    analysis::{self, Analysis, AudioView},
    error::{ApiError, Code, ErrorBody},
    sound::{self, Refusal, Sound},
    state::AppState,
};

/// How long a piece may wait for the speech engine: others are heard first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest name of a file that is repeated to whoever sent it.
const MAX_NAME: usize = 255;
/// What the speech engine sees as the session of a recording: from the middle, where neither a client's sessions nor its
/// requests to speak get.
static NEXT_KEY: AtomicU32 = AtomicU32::new(u32::MAX / 2);

/// A key for a recording: in the lane of its client, or, on this machine, in that of recordings.
pub(super) fn next_key(caller: &Caller) -> SessionKey {
    let number = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
    session_key(Some(caller.client().as_deref().unwrap_or("recordings")), number)
}

/// A recording, as a form with a file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "described for OpenAPI; the form is read field by field")]
pub struct RecordingForm {
    /// WAV, MP3, Ogg (Opus, Vorbis) or WebM (Opus, Vorbis); at most five minutes and `server.max_upload_bytes`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `ko` or `en`; detected by default.
    language: Option<String>,
}

/// What a file is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploaded {
    /// Its name, as it was sent.
    pub filename: Option<String>,
    /// Bytes.
    pub size: usize,
    /// What it is.
    #[serde(flatten)]
    pub audio: AudioView,
    /// Always false: the file is looked at and forgotten.
    pub stored: bool,
    /// Where to send it to learn more.
    pub analyze: &'static str,
}

/// The routes. Recordings are larger than other bodies.
pub(super) fn router(max_upload_bytes: usize) -> Router<AppState> {
    Router::new()
        .route("/voice/analyze", post(analyze))
        .route("/upload/audio", post(upload))
        .layer(DefaultBodyLimit::max(max_upload_bytes))
}

/// Scores a recording of one speaker: the voice, the words, and what both show. Nothing is kept.
#[utoipa::path(post, path = "/voice/analyze", tag = "voice",
    request_body(content = RecordingForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = Analysis), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn analyze(
    State(state): State<AppState>,
    caller: Caller,
    form: Multipart,
) -> Result<Json<Analysis>, ApiError> {
    let (file, sound) = receive(&state, form).await?;
    // One recording takes a decoder and the speech engine for seconds; talk goes first.
    let _turn = state.analyses.try_acquire().map_err(|_| busy())?;
    let request =
        analysis::Request { sound, language: file.language, key: next_key(&caller), patience: PATIENCE };
    Ok(Json(analysis::analyse(&*state.engines.stt, request).await?))
}

/// Says what a sound file is. Nothing is kept; `POST /voice/analyze` scores it.
#[utoipa::path(post, path = "/upload/audio", tag = "voice",
    request_body(content = RecordingForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = Uploaded), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn upload(
    State(state): State<AppState>,
    _: Caller,
    form: Multipart,
) -> Result<Json<Uploaded>, ApiError> {
    let (file, sound) = receive(&state, form).await?;
    let seconds = sound.seconds();
    Ok(Json(Uploaded {
        filename: file.name,
        size: file.size,
        audio: AudioView::new(sound.format, seconds),
        stored: false,
        analyze: "/voice/analyze",
    }))
}

/// A file of a form, without its contents.
struct Received {
    name: Option<String>,
    size: usize,
    language: Option<Language>,
}

/// Reads the form and decodes its file.
async fn receive(state: &AppState, mut form: Multipart) -> Result<(Received, Sound), ApiError> {
    let limit = state.config.server.max_upload_bytes;
    let refused = |error: MultipartError| refused_form(&error, limit);
    let (mut bytes, mut name, mut language) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(refused)? {
        match field.name() {
            Some("file" | "audio") => {
                name = field.file_name().map(|name| name.chars().take(MAX_NAME).collect());
                bytes = Some(field.bytes().await.map_err(refused)?.to_vec());
            }
            Some("language") => {
                let asked = field.text().await.map_err(refused)?;
                let blame = |error: duologue_domain::lang::UnknownLanguage| {
                    ApiError::new(Code::BadRequest, error.to_string()).with_param("language")
                };
                language =
                    (!asked.trim().is_empty()).then(|| asked.trim().parse().map_err(blame)).transpose()?;
            }
            // A field that nobody asked for is read over.
            _ => {}
        }
    }
    let missing =
        || ApiError::new(Code::BadRequest, "send the recording as the field `file`").with_param("file");
    let bytes = bytes.ok_or_else(missing)?;
    let size = bytes.len();
    // Decoding takes some hundred megabytes at most, and never for many at once.
    let _turn = state.decodings.try_acquire().map_err(|_| busy())?;
    let sound = sound::decode(bytes).await.map_err(|refusal| refused_file(&refusal))?;
    Ok((Received { name, size, language }, sound))
}

fn busy() -> ApiError {
    ApiError::new(Code::EngineOverloaded, "other recordings are being analysed").retry_after(5)
}

/// Why a form was not taken. `limit` is the most that it may have.
pub(super) fn refused_form(error: &MultipartError, limit: usize) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("the file is larger than {limit} bytes (server.max_upload_bytes)");
        return ApiError::new(Code::PayloadTooLarge, message).with_param("file");
    }
    ApiError::new(Code::BadRequest, format!("the form cannot be read: {}", error.body_text()))
}

/// Why a file was not taken.
pub(super) fn refused_file(refusal: &Refusal) -> ApiError {
    let code = match refusal {
        Refusal::Unsupported => Code::AudioUnsupported,
        Refusal::TooLong(_) => Code::AudioTooLong,
        Refusal::Truncated => Code::AudioTruncated,
        Refusal::Damaged => Code::AudioDamaged,
        Refusal::Empty => Code::AudioEmpty,
    };
    ApiError::new(code, refusal.to_string()).with_param("file")
}
