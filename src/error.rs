//! What the HTTP interface says when it cannot do what was asked: one table from code to status and words.
//!
//! The body has the shape that OpenAI's clients read, plus `detail` for those of the earlier systems:
//! `{"error": {"code", "message", "type", "param"}, "detail"}`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use duologue_actors::store::{StoreError, StoreErrorKind};
use duologue_engines::port::{EngineError, ErrorKind};
use duologue_music::smf::SmfError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{midi::sound::SoundError, rtc::Refusal};

/// Every way in which a request can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is a row of the table below")]
pub enum Code {
    BadRequest,
    InvalidJson,
    Unauthorized,
    Forbidden,
    OriginNotAllowed,
    HostNotAllowed,
    NotFound,
    PersonaNotFound,
    SessionNotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    NotAForm,
    ModelNotFound,
    UnsupportedFormat,
    ResponseNotFound,
    RateLimited,
    SessionLimit,
    ClientLimit,
    CapacityFull,
    RequestTimeout,
    EngineOverloaded,
    EngineTimeout,
    EngineBadInput,
    EngineUnavailable,
    EngineBroken,
    StoreUnavailable,
    StoreBadInput,
    StoreNoSpace,
    StoreBroken,
    AuthUnavailable,
    ImageUnsupported,
    ImageDamaged,
    ImageTooSmall,
    ImageTooLarge,
    AudioUnsupported,
    AudioTooLong,
    AudioTruncated,
    AudioDamaged,
    AudioEmpty,
    /// A call that cannot be made.
    Rtc(Refusal),
    /// A MIDI file that cannot be read; the code is the reader's own.
    Midi(SmfError),
    MidiNotFound,
    MidiEmpty,
    MidiLimit,
    MidiTooLong,
    MidiUnplayable,
    SoundfontMissing,
    Internal,
}

/// One row: stable code, status, type as OpenAI's clients know it, and what the client can do (may be empty).
struct Row(&'static str, StatusCode, &'static str, &'static str);

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const AUTHENTICATION: &str = "authentication_error";
const PERMISSION: &str = "permission_error";
const LIMIT: &str = "rate_limit_error";

impl Code {
    /// The table.
    fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::BadRequest => Row("bad_request", S::BAD_REQUEST, INVALID, ""),
            Self::InvalidJson => {
                Row("invalid_json", S::UNPROCESSABLE_ENTITY, INVALID, "See /docs for what is expected.")
            }
            Self::Unauthorized => Row(
                "unauthorized",
                S::UNAUTHORIZED,
                AUTHENTICATION,
                "Send `Authorization: Bearer` with an API key or a token.",
            ),
            Self::Forbidden => Row(
                "forbidden",
                S::FORBIDDEN,
                PERMISSION,
                "Send the session's secret as `X-Duologue-Secret`, or sign in as its owner.",
            ),
            Self::OriginNotAllowed => Row(
                "origin_not_allowed",
                S::FORBIDDEN,
                PERMISSION,
                "Add the page's origin to server.allowed_origins.",
            ),
            Self::HostNotAllowed => Row(
                "host_not_allowed",
                S::FORBIDDEN,
                PERMISSION,
                "Call the server as localhost, or add the name it is called by to server.allowed_origins.",
            ),
            Self::NotFound => Row("not_found", S::NOT_FOUND, INVALID, "See /docs for what there is."),
            Self::PersonaNotFound => {
                Row("persona_not_found", S::NOT_FOUND, INVALID, "GET /personas lists them.")
            }
            Self::SessionNotFound => {
                Row("session_not_found", S::NOT_FOUND, INVALID, "POST /chat/sessions creates one.")
            }
            Self::MethodNotAllowed => {
                Row("method_not_allowed", S::METHOD_NOT_ALLOWED, INVALID, "See /docs for what there is.")
            }
            Self::PayloadTooLarge => {
                Row("payload_too_large", S::PAYLOAD_TOO_LARGE, INVALID, "Send less at once.")
            }
            Self::UnsupportedMediaType => Row(
                "unsupported_media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "Send `Content-Type: application/json`.",
            ),
            Self::NotAForm => Row(
                "unsupported_media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "Send `Content-Type: multipart/form-data`.",
            ),
            Self::ModelNotFound => {
                Row("model_not_found", S::NOT_FOUND, INVALID, "GET /v1/models lists them.")
            }
            Self::UnsupportedFormat => Row("unsupported_format", S::BAD_REQUEST, INVALID, ""),
            Self::ResponseNotFound => Row("previous_response_not_found", S::NOT_FOUND, INVALID, ""),
            Self::RateLimited => {
                Row("rate_limited", S::TOO_MANY_REQUESTS, LIMIT, "Wait a little and try again.")
            }
            Self::SessionLimit => {
                Row("session_limit", S::SERVICE_UNAVAILABLE, LIMIT, "Try again when another scene has ended.")
            }
            Self::ClientLimit => Row(
                "client_limit",
                S::TOO_MANY_REQUESTS,
                LIMIT,
                "Let some of what this client has open or at work end, and try again.",
            ),
            Self::CapacityFull => Row(
                "capacity_full",
                S::SERVICE_UNAVAILABLE,
                LIMIT,
                "Try again when fewer people are talking.",
            ),
            Self::RequestTimeout => Row(
                "request_timeout",
                S::GATEWAY_TIMEOUT,
                SERVER,
                "Try again; GET /health says what is slow.",
            ),
            Self::EngineOverloaded => {
                Row(ErrorKind::Overloaded.code(), S::SERVICE_UNAVAILABLE, LIMIT, "Try again in a moment.")
            }
            Self::EngineTimeout => {
                Row(ErrorKind::Timeout.code(), S::GATEWAY_TIMEOUT, SERVER, "Try again in a moment.")
            }
            Self::EngineBadInput => Row(ErrorKind::BadInput.code(), S::BAD_REQUEST, INVALID, ""),
            Self::EngineUnavailable => Row(
                ErrorKind::Unavailable.code(),
                S::SERVICE_UNAVAILABLE,
                SERVER,
                "GET /health says what is missing.",
            ),
            Self::EngineBroken => Row(
                ErrorKind::Broken.code(),
                S::BAD_GATEWAY,
                SERVER,
                "Try again; the engine is being restarted.",
            ),
            Self::StoreUnavailable => Row(
                StoreErrorKind::Unavailable.code(),
                S::SERVICE_UNAVAILABLE,
                SERVER,
                "Try again when the database is back.",
            ),
            Self::StoreBadInput => Row(StoreErrorKind::BadInput.code(), S::BAD_REQUEST, INVALID, ""),
            Self::StoreNoSpace => Row(StoreErrorKind::NoSpace.code(), S::INSUFFICIENT_STORAGE, SERVER, ""),
            Self::StoreBroken => Row(
                StoreErrorKind::Broken.code(),
                S::INTERNAL_SERVER_ERROR,
                SERVER,
                "The server's log says more.",
            ),
            Self::AuthUnavailable => {
                Row("auth_unavailable", S::SERVICE_UNAVAILABLE, SERVER, "Try again in a moment.")
            }
            Self::ImageUnsupported => Row(
                "image_unsupported",
                S::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "Send a JPEG, PNG or WebP picture.",
            ),
            Self::ImageDamaged => {
                Row("image_damaged", S::UNPROCESSABLE_ENTITY, INVALID, "Send the whole file.")
            }
            Self::ImageTooSmall => Row("image_too_small", S::UNPROCESSABLE_ENTITY, INVALID, ""),
            Self::ImageTooLarge => {
                Row("image_too_large", S::PAYLOAD_TOO_LARGE, INVALID, "Send a smaller picture.")
            }
            Self::AudioUnsupported => Row(
                "audio_unsupported",
                S::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "Convert it, for example to WAV.",
            ),
            Self::AudioTooLong => Row("audio_too_long", S::PAYLOAD_TOO_LARGE, INVALID, "Cut it into pieces."),
            Self::AudioTruncated => {
                Row("audio_truncated", S::UNPROCESSABLE_ENTITY, INVALID, "Send the whole file.")
            }
            Self::AudioDamaged => {
                Row("audio_damaged", S::UNPROCESSABLE_ENTITY, INVALID, "Convert it again from the original.")
            }
            Self::AudioEmpty => Row("audio_empty", S::UNPROCESSABLE_ENTITY, INVALID, ""),
            Self::Rtc(refusal) => {
                let class = if refusal.status().is_server_error() { SERVER } else { INVALID };
                Row(refusal.code(), refusal.status(), class, refusal.remedy())
            }
            Self::Midi(error) => Row(error.code(), midi_status(error), INVALID, ""),
            Self::MidiNotFound => Row("midi_not_found", S::NOT_FOUND, INVALID, "GET /api/midi lists yours."),
            Self::MidiEmpty => Row("midi_empty", S::UNPROCESSABLE_ENTITY, INVALID, ""),
            Self::MidiLimit => Row("midi_limit", S::CONFLICT, LIMIT, "Delete a file that is not needed."),
            Self::MidiTooLong => Row("midi_render_too_long", S::UNPROCESSABLE_ENTITY, INVALID, ""),
            Self::MidiUnplayable => Row("midi_unplayable", S::UNPROCESSABLE_ENTITY, INVALID, ""),
            Self::SoundfontMissing => {
                Row("soundfont_missing", S::SERVICE_UNAVAILABLE, SERVER, "GET /health says what is missing.")
            }
            Self::Internal => {
                Row("internal_error", S::INTERNAL_SERVER_ERROR, SERVER, "The server's log says more.")
            }
        }
    }

    /// The stable code.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// OpenAI's `type`.
    pub fn kind(self) -> &'static str {
        self.row().2
    }
}

/// What is too much is told from what is none.
fn midi_status(error: SmfError) -> StatusCode {
    match error {
        SmfError::NotMidi => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        SmfError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Which row of the table.
    pub code: Code,
    /// What happened, for people; never what a person said.
    pub message: String,
    /// Which field of the request, when one is to blame.
    pub param: Option<String>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u64>,
}

/// The body of a failed request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// As OpenAI's clients read it.
    pub error: ErrorDetail,
    /// The message again, where clients of the earlier systems look for it.
    pub detail: String,
}

/// What happened and what to do.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable, for programs.
    #[schema(example = "persona_not_found")]
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// OpenAI's class of the error.
    #[schema(example = "invalid_request_error")]
    pub r#type: &'static str,
    /// Which field of the request, when one is to blame.
    pub param: Option<String>,
}

impl ApiError {
    /// An error of `code`; the table adds what to do.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None }
    }

    /// The same, blaming a field.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, with a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// The body that a client gets.
    pub fn body(&self) -> ErrorBody {
        let Row(code, _, kind, remedy) = self.code.row();
        let message = if remedy.is_empty() {
            self.message.clone()
        } else {
            format!("{}. {remedy}", self.message.trim_end_matches('.'))
        };
        ErrorBody {
            error: ErrorDetail { code, message: message.clone(), r#type: kind, param: self.param.clone() },
            detail: message,
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.body().detail)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        if status.is_server_error() {
            tracing::warn!(code = self.code.name(), message = %self.message, "request failed");
        }
        let mut response = (status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let code = match error.kind {
            ErrorKind::Overloaded => Code::EngineOverloaded,
            ErrorKind::Timeout => Code::EngineTimeout,
            ErrorKind::BadInput => Code::EngineBadInput,
            ErrorKind::Unavailable => Code::EngineUnavailable,
            ErrorKind::Broken => Code::EngineBroken,
        };
        let made = Self::new(code, error.to_string());
        if code == Code::EngineOverloaded { made.retry_after(1) } else { made }
    }
}

impl From<SmfError> for ApiError {
    fn from(error: SmfError) -> Self {
        Self::new(Code::Midi(error), error.to_string()).with_param("file")
    }
}

impl From<SoundError> for ApiError {
    fn from(error: SoundError) -> Self {
        let code = match error {
            SoundError::Missing(_) | SoundError::Unreadable(..) => Code::SoundfontMissing,
            SoundError::Midi(error) => Code::Midi(error),
            SoundError::TooLong(_) => Code::MidiTooLong,
            SoundError::Broken => Code::MidiUnplayable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error.kind {
            StoreErrorKind::Unavailable => Code::StoreUnavailable,
            StoreErrorKind::NotFound => Code::SessionNotFound,
            StoreErrorKind::BadInput => Code::StoreBadInput,
            StoreErrorKind::NoSpace | StoreErrorKind::JournalFull => Code::StoreNoSpace,
            StoreErrorKind::Broken => Code::StoreBroken,
        };
        let made = Self::new(code, error.message);
        if code == Code::StoreUnavailable { made.retry_after(5) } else { made }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_serves_both_kinds_of_clients() {
        let error =
            ApiError::new(Code::PersonaNotFound, "there is no persona \"x\"").with_param("persona_id");
        let json = serde_json::to_value(error.body()).expect("plain data");
        assert_eq!(json["error"]["code"], "persona_not_found");
        assert_eq!(json["error"]["type"], "invalid_request_error");
        assert_eq!(json["error"]["param"], "persona_id");
        assert_eq!(json["error"]["message"], "there is no persona \"x\". GET /personas lists them.");
        assert_eq!(json["detail"], json["error"]["message"]);
        assert_eq!(error.into_response().status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn engine_and_store_errors_keep_their_codes() {
        for kind in [
            ErrorKind::Overloaded,
            ErrorKind::Timeout,
            ErrorKind::BadInput,
            ErrorKind::Unavailable,
            ErrorKind::Broken,
        ] {
            let error = ApiError::from(EngineError::new(kind, "whisper", "text"));
            assert_eq!(error.code.name(), kind.code());
        }
        for kind in [
            StoreErrorKind::Unavailable,
            StoreErrorKind::BadInput,
            StoreErrorKind::NoSpace,
            StoreErrorKind::Broken,
        ] {
            assert_eq!(ApiError::from(StoreError::new(kind, "text")).code.name(), kind.code());
        }
        let overloaded =
            ApiError::from(EngineError::new(ErrorKind::Overloaded, "whisper", "text")).into_response();
        assert_eq!(overloaded.headers()[header::RETRY_AFTER], "1");
    }
}
