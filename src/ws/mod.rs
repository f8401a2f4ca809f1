//! The realtime endpoints: `WS /v1/realtime?model=<persona>` and `WS /ws/voice/{session_id}`; beside them
//! `WS /ws/landmarks` for a face and `WS /ws/duet/{session_id}` for live duets.
//!
//! Both speak the same protocol over the same pump. The first makes a session, the second joins one, or comes back
//! to it with `resume`.

pub mod decode;
pub mod duet;
mod encode;
pub(crate) mod intake;
pub(crate) mod join;
mod landmarks;
mod pump;
mod rate;
mod scores;
mod shapes;

use axum::{
    Router,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};
use serde::Deserialize;

use self::join::Joining;
pub(crate) use self::{duet::Link, landmarks::why_no_pictures, scores::score_json};
pub use self::{
    encode::{About, Encoder},
    landmarks::codec,
    pump::{AudioFraming, binary_frame},
};
use crate::{
    error::{ApiError, Code},
    http::{
        chat::NewSession,
        extract::{ApiPath, ApiQuery, Caller},
        openai::client_secrets::RealtimeCaller,
    },
    state::AppState,
};

/// Above our own limit of an event, so that the refusal is an event and not a broken connection; above this the
/// connection does break, since it would be memory without end.
const MAX_MESSAGE: usize = 2 * decode::MAX_EVENT_BYTES;

/// What is read from a socket at once. The library's own 128 KiB are filled at the first byte and would be most of what
/// an idle session costs; a packet of 20 ms has under 2 KiB.
const READ_BUFFER: usize = 4 * 1024;

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

/// A WebSocket, or why it is none.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

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
    RealtimeCaller { caller, secret, .. }: RealtimeCaller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| no_socket(&rejection))?;
    let framing = wishes.framing()?;
    if wishes.resume.is_some() {
        let message = "a session is resumed at /ws/voice/{session_id}";
        return Err(ApiError::new(Code::BadRequest, message).with_param("resume"));
    }
    let joining = join::make(&state, &caller, wishes.new_session(), secret).await;
    let wishes = pump::Wishes { framing, resume: None };
    join(Coming { state, joining, wishes }, &headers, upgrade).await
}

/// Joins a session that exists. On a private server an unknown id makes one, as the earlier system did.
#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn voice(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    ApiQuery(wishes): ApiQuery<Wishes>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| no_socket(&rejection))?;
    let into = pump::Wishes { framing: wishes.framing()?, resume: wishes.resume };
    let joining = join::find(&state, &caller, session_id, wishes.new_session()).await;
    join(Coming { state, joining, wishes: into }, &headers, upgrade).await
}

/// Who comes.
struct Coming {
    state: AppState,
    joining: Result<Joining, ApiError>,
    wishes: pump::Wishes,
}

async fn join(coming: Coming, headers: &HeaderMap, upgrade: WebSocketUpgrade) -> Result<Response, ApiError> {
    let Coming { state, joining, wishes } = coming;
    let arrival = match joining {
        Ok(joining) => join::arrive(&state, joining).await,
        Err(error) => Err(error),
    };
    let arrival = match arrival {
        Ok(arrival) => arrival,
        Err(error) => return turn_away(error, headers, upgrade),
    };
    Ok(upgrade
        .protocols(["realtime"])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| pump::run(socket, arrival, wishes)))
}

/// Somebody who does not speak WebSocket.
fn no_socket(rejection: &WebSocketUpgradeRejection) -> ApiError {
    ApiError::new(Code::BadRequest, format!("connect with a WebSocket: {}", rejection.body_text()))
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
