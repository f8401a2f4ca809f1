//! The realtime endpoints: `WS /v1/realtime?model=<persona>` and `WS /ws/voice/{session_id}`.
//!
//! Both speak the same protocol over the same pump. The first makes a session, the second joins one.

pub mod decode;
mod encode;
mod pump;
mod shapes;

use std::time::SystemTime;

use axum::{
    Router,
    extract::{State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use duologue_actors::store::{SessionRecord, StoreErrorKind};
use serde::Deserialize;

pub use self::{
    encode::Encoder,
    pump::{AudioFraming, binary_frame},
};
use crate::{
    error::{ApiError, Code},
    http::{
        chat::{self, NewSession},
        extract::{ApiPath, ApiQuery, Caller},
    },
    scene,
    state::AppState,
};

/// Above our own limit of an event, so that the refusal is an event and not a broken connection; above this the
/// connection does break, since it would be memory without end.
const MAX_MESSAGE: usize = 2 * decode::MAX_EVENT_BYTES;

/// What a client may ask for in the address.
#[derive(Debug, Deserialize)]
pub(crate) struct Wishes {
    /// Persona, by id or name.
    model: Option<String>,
    /// `ko` or `en`.
    language: Option<String>,
    /// `binary` or `json`.
    audio: Option<String>,
}

impl Wishes {
    fn framing(&self) -> Result<AudioFraming, ApiError> {
        match self.audio.as_deref() {
            None | Some("json") => Ok(AudioFraming::Json),
            Some("binary") => Ok(AudioFraming::Binary),
            Some(_) => {
                Err(ApiError::new(Code::BadRequest, "audio must be json or binary").with_param("audio"))
            }
        }
    }
}

/// The routes.
pub fn router() -> Router<AppState> {
    Router::new().route("/v1/realtime", get(realtime)).route("/ws/voice/{session_id}", get(voice))
}

/// Makes a session with the persona that `model` names, and joins it.
async fn realtime(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let framing = wishes.framing()?;
    let wanted = NewSession { persona_id: wishes.model, language: wishes.language, ..NewSession::default() };
    let (record, _) = chat::create_record(&state, &caller, wanted).await?;
    join(state, record, framing, upgrade).await
}

/// Joins a session that exists. On a private server an unknown id makes one, as the earlier system did.
#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn voice(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    ApiQuery(wishes): ApiQuery<Wishes>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let framing = wishes.framing()?;
    let record = match state.store.session(&session_id).await {
        Err(error)
            if error.kind == StoreErrorKind::NotFound
                && state.auth.is_private()
                && caller.secret.is_none() =>
        {
            adopt(&state, &caller, session_id, wishes).await?
        }
        _ => chat::find(&state, &caller, &session_id).await?,
    };
    join(state, record, framing, upgrade).await
}

/// A session under an id that the client chose.
async fn adopt(
    state: &AppState,
    caller: &Caller,
    session_id: String,
    wishes: Wishes,
) -> Result<SessionRecord, ApiError> {
    let plain =
        session_id.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if !plain || !(1..=64).contains(&session_id.len()) {
        let message = "a session id may have 1 to 64 letters, digits, _ and -";
        return Err(ApiError::new(Code::BadRequest, message).with_param("session_id"));
    }
    let wanted = NewSession { persona_id: wishes.model, language: wishes.language, ..NewSession::default() };
    let (record, _) = chat::create_record_as(state, caller, wanted, Some(session_id)).await?;
    Ok(record)
}

async fn join(
    state: AppState,
    record: SessionRecord,
    framing: AudioFraming,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let session = scene::open(&state, record).await?;
    let view =
        session.view().await.ok_or_else(|| ApiError::new(Code::SessionLimit, "the scene has just ended"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let encoder = Encoder::new(view, now + state.config.sessions.max_duration_s);
    Ok(upgrade
        .protocols(["realtime"])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(move |socket| pump::run(socket, session, encoder, framing)))
}
