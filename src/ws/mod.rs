//! The realtime endpoints: `WS /v1/realtime?model=<persona>` and `WS /ws/voice/{session_id}`; beside them
//! `WS /ws/landmarks` for a face and `WS /ws/duet/{session_id}` for live duets.
//!
//! Both speak the same protocol over the same pump. The first makes a session, the second joins one, or comes back
//! to it with `resume`.

pub mod decode;
pub mod duet;
mod encode;
mod landmarks;
mod pump;
mod rate;
mod scores;
mod shapes;

use std::time::SystemTime;

use axum::{
    Router,
    extract::{State, WebSocketUpgrade},
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};
use duologue_actors::{sessions::SessionHandle, store::SessionRecord};
use serde::Deserialize;

pub(crate) use self::scores::score_json;
pub use self::{
    encode::{About, Encoder},
    landmarks::codec,
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

/// What is read from a socket at once. The library's own 128 KiB are filled at the first byte and would be most of what
/// an idle session costs; a packet of 20 ms has under 2 KiB.
const READ_BUFFER: usize = 8 * 1024;

/// What a client may ask for in the address.
#[derive(Debug, Deserialize)]
pub(crate) struct Wishes {
    /// Persona, by id or name.
    model: Option<String>,
    /// `ko` or `en`.
    language: Option<String>,
    /// `binary` or `json`.
    audio: Option<String>,
    /// The number of the last event that the client has.
    resume: Option<u64>,
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

    fn new_session(self) -> NewSession {
        NewSession { persona_id: self.model, language: self.language, ..NewSession::default() }
    }
}

/// A session that a client joins.
struct Joining {
    record: SessionRecord,
    /// Told to who made it.
    secret: Option<String>,
    wishes: pump::Wishes,
}

/// The routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/v1/realtime", get(realtime))
        .route("/ws/voice/{session_id}", get(voice))
        .merge(landmarks::router())
        .merge(duet::router())
}

/// Makes a session with the persona that `model` names, and joins it.
#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn realtime(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let joining = make(&state, &caller, wishes).await;
    join(state, joining, &headers, upgrade).await
}

async fn make(state: &AppState, caller: &Caller, wishes: Wishes) -> Result<Joining, ApiError> {
    let framing = wishes.framing()?;
    if wishes.resume.is_some() {
        let message = "a session is resumed at /ws/voice/{session_id}";
        return Err(ApiError::new(Code::BadRequest, message).with_param("resume"));
    }
    // Before anything is stored for a scene that has no room.
    scene::admit(state).await?;
    let (record, secret) = chat::create_record(state, caller, wishes.new_session()).await?;
    Ok(Joining { record, secret: Some(secret), wishes: pump::Wishes { framing, resume: None } })
}

/// Joins a session that exists. On a private server an unknown id makes one, as the earlier system did.
#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn voice(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    ApiQuery(wishes): ApiQuery<Wishes>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let joining = find(&state, &caller, session_id, wishes).await;
    join(state, joining, &headers, upgrade).await
}

async fn find(
    state: &AppState,
    caller: &Caller,
    session_id: String,
    wishes: Wishes,
) -> Result<Joining, ApiError> {
    let into = pump::Wishes { framing: wishes.framing()?, resume: wishes.resume };
    match scene::record(state, &session_id).await {
        Err(error)
            if error.code == Code::SessionNotFound && state.auth.is_private() && caller.secret.is_none() =>
        {
            let (record, secret) = adopt(state, caller, session_id, wishes).await?;
            Ok(Joining { record, secret: Some(secret), wishes: into })
        }
        found => {
            let record = found?;
            chat::check_access(state, caller, &record)?;
            Ok(Joining { record, secret: None, wishes: into })
        }
    }
}

/// A session under an id that the client chose.
async fn adopt(
    state: &AppState,
    caller: &Caller,
    session_id: String,
    wishes: Wishes,
) -> Result<(SessionRecord, String), ApiError> {
    let plain =
        session_id.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if !plain || !(1..=64).contains(&session_id.len()) {
        let message = "a session id may have 1 to 64 letters, digits, _ and -";
        return Err(ApiError::new(Code::BadRequest, message).with_param("session_id"));
    }
    scene::admit(state).await?;
    chat::create_record_as(state, caller, wishes.new_session(), Some(session_id)).await
}

async fn join(
    state: AppState,
    joining: Result<Joining, ApiError>,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let opened = match joining {
        Ok(joining) => open(&state, &joining).await.map(|session| (joining, session)),
        Err(error) => Err(error),
    };
    let (joining, session) = match opened {
        Ok(opened) => opened,
        Err(error) => return turn_away(error, headers, upgrade),
    };
    let view =
        session.view().await.ok_or_else(|| ApiError::new(Code::SessionLimit, "the scene has just ended"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let encoder = Encoder::new(About {
        view,
        expires_at: now + state.config.sessions.max_duration_s,
        secret: joining.secret,
        durable: state.store.is_durable(),
    });
    let wishes = joining.wishes;
    let pictures = landmarks::pictures::Pictures::new(&state, Some(&session.landmarks()));
    let scene = pump::Scene { session, pictures };
    Ok(upgrade
        .protocols(["realtime"])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| pump::run(socket, scene, encoder, wishes)))
}

async fn open(state: &AppState, joining: &Joining) -> Result<SessionHandle, ApiError> {
    let opened = scene::open(state, joining.record.clone()).await;
    if opened.is_err() && joining.secret.is_some() {
        // It was made for this connection, and nobody will ever come to it.
        let _ = state.store.delete_session(&joining.record.id).await;
    }
    opened
}

/// A page cannot read why a WebSocket was refused, so where another try makes sense it is let in and told so.
fn turn_away(error: ApiError, headers: &HeaderMap, upgrade: WebSocketUpgrade) -> Result<Response, ApiError> {
    match error.retry_after {
        Some(seconds) if headers.contains_key(header::ORIGIN) => {
            let reason = format!("{} retry_after={seconds}", error.code.name());
            Ok(upgrade.protocols(["realtime"]).on_upgrade(move |socket| pump::turn_away(socket, reason)))
        }
        _ => Err(error),
    }
}
