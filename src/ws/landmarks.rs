//! `WS /ws/landmarks`: what a face landmarker sees, for a session that is open or to be scored alone.
//!
//! `?session_id=…` feeds a session, with its secret as at the other sockets; its scores come on the session's own
//! socket. Without a session the face is analysed here, and `duologue.scores` with the scores of a face is sent once a
//! second while frames arrive (`?language=ko|en`). Frames are binary or JSON as [`codec`] has them, or [`pictures`];
//! refusals are `error` events with stable codes, one a second at most.

mod alone;
pub mod codec;
pub(super) mod pictures;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
    routing::get,
};
use duologue_actors::landmarks_in::LandmarksIn;
use duologue_domain::{face::Calibration, lang::Language};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

pub(crate) use self::pictures::why_none as why_no_pictures;
use self::{
    codec::{Landmarks, Refused},
    pictures::Pictures,
};
use super::READ_BUFFER;
use crate::{
    error::{ApiError, Code},
    http::{
        chat,
        extract::{ApiQuery, Caller},
    },
    scene,
    state::AppState,
};

/// Faces that are analysed without a session at a time: 30 frames a second of each cost under 1 % of a core.
const MOST_ALONE: usize = 64;

/// Largest message: a whole mesh in JSON has 30 KB, and twice the largest picture is refused with an event and not by
/// breaking the connection.
const MAX_MESSAGE: usize = 1024 * 1024;

/// A client that says nothing, not even a pong, has gone.
const QUIET: Duration = Duration::from_secs(45);

/// Between two pings.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A client that takes longer to accept one message is not reading.
const ACCEPTS_WITHIN: Duration = Duration::from_secs(20);

/// Between two refusals that are said aloud.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// What a client may ask for in the address.
#[derive(Debug, Deserialize)]
struct Wishes {
    session_id: Option<String>,
    language: Option<String>,
}

/// The route.
pub(super) fn router() -> Router<AppState> {
    let room = Arc::new(Semaphore::new(MOST_ALONE));
    Router::new().route("/ws/landmarks", get(landmarks)).layer(Extension(room))
}

#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn landmarks(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    Extension(room): Extension<Arc<Semaphore>>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let language = wishes.language.as_deref().map(str::parse::<Language>).transpose();
    let language = language
        .map_err(|_| ApiError::new(Code::BadRequest, "language must be ko or en").with_param("language"))?
        .unwrap_or(Language::Korean);
    let Some(config) = state.config.face.to_domain() else {
        let message = "faces are not looked at on this server ([face] enabled = false)";
        return Err(ApiError::new(Code::EngineUnavailable, message));
    };
    let upgrade = upgrade
        .protocols(["realtime"])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER);
    if let Some(id) = wishes.session_id {
        let ring = of_session(&state, &caller, &id).await?;
        let pictures = Pictures::new(&state, Some(&ring));
        return Ok(upgrade.on_upgrade(move |socket| feed(socket, ring, pictures)));
    }
    let Ok(permit) = room.try_acquire_owned() else {
        let message = "too many faces are being analysed at once";
        return Err(ApiError::new(Code::SessionLimit, message).retry_after(30));
    };
    let pictures = Pictures::new(&state, None);
    Ok(upgrade.on_upgrade(move |socket| async move {
        alone::run(socket, config, language, pictures).await;
        drop(permit);
    }))
}

/// The way into a session that is open and theirs.
async fn of_session(state: &AppState, caller: &Caller, id: &str) -> Result<LandmarksIn, ApiError> {
    let record = scene::record(state, id).await?;
    chat::check_access(state, caller, &record)?;
    let session = state.sessions.find(id).await;
    let closed = || ApiError::new(Code::SessionNotFound, "this scene is not open: connect to it first");
    Ok(session.ok_or_else(closed)?.landmarks())
}

/// What a client of this socket may say.
#[derive(Debug)]
enum Said {
    Landmarks(Box<Landmarks>),
    Picture(Bytes),
    Calibrate(Calibration),
    /// A pong, say.
    Nothing,
}

/// Reads one message; none when the client has gone.
fn read(message: Message) -> Option<Result<Said, Refused>> {
    let taken = |landmarks| Said::Landmarks(Box::new(landmarks));
    Some(match message {
        Message::Binary(bytes) if pictures::claims(&bytes) => Ok(Said::Picture(bytes)),
        Message::Binary(bytes) => codec::decode(&bytes).map(taken),
        Message::Text(text) => read_json(&text),
        Message::Ping(_) | Message::Pong(_) => Ok(Said::Nothing),
        Message::Close(_) => return None,
    })
}

fn read_json(text: &str) -> Result<Said, Refused> {
    let refused = |code, param, message: &str| Refused { code, message: message.to_owned(), param };
    let value = serde_json::from_str::<Value>(text)
        .map_err(|_| refused("invalid_json", "event", "This is not JSON, or a number in it is none."))?;
    match value.get("type").and_then(Value::as_str) {
        Some(codec::EVENT) => codec::from_json(&value).map(|landmarks| Said::Landmarks(Box::new(landmarks))),
        Some("duologue.calibrate") => match value.get("action").and_then(Value::as_str) {
            Some("begin") => Ok(Said::Calibrate(Calibration::Begin)),
            Some("end") => Ok(Said::Calibrate(Calibration::End)),
            Some("clear") => Ok(Said::Calibrate(Calibration::Clear)),
            _ => Err(refused("invalid_value", "action", "The field action must be begin, end or clear.")),
        },
        _ => Err(refused("unknown_event", "type", "Send duologue.landmarks or duologue.calibrate.")),
    }
}

/// Feeds a session until the client has gone.
async fn feed(socket: WebSocket, ring: LandmarksIn, pictures: Pictures) {
    let complaints = Complaints::default();
    let mut feeding = Feeding { socket, ring, pictures, complaints, heard: Instant::now() };
    while feeding.step().await.is_ok() {}
}

/// A client that feeds a session.
struct Feeding {
    socket: WebSocket,
    ring: LandmarksIn,
    pictures: Pictures,
    complaints: Complaints,
    heard: Instant,
}

impl Feeding {
    async fn step(&mut self) -> Result<(), Gone> {
        let said = tokio::select! {
            found = self.pictures.found() => found.map(|landmarks| Said::Landmarks(Box::new(landmarks))),
            message = timeout(PING_EVERY, self.socket.recv()) => match message {
                Ok(Some(Ok(message))) => {
                    self.heard = Instant::now();
                    read(message).ok_or(Gone)?
                }
                Ok(_) => return Err(Gone),
                Err(_) if self.heard.elapsed() > QUIET => return Err(Gone),
                Err(_) => return send(&mut self.socket, Message::Ping(Vec::new().into())).await,
            },
        };
        let Err(refused) = self.take(said) else { return Ok(()) };
        match self.complaints.about(refused) {
            Some(event) => send(&mut self.socket, event).await,
            None => Ok(()),
        }
    }

    fn take(&mut self, said: Result<Said, Refused>) -> Result<(), Refused> {
        match said? {
            Said::Landmarks(landmarks) => match self.ring.push(landmarks.sent_us, landmarks.frame) {
                true => Ok(()),
                false => Err(too_fast()),
            },
            Said::Picture(bytes) => self.pictures.take(&bytes),
            Said::Calibrate(_) => Err(Refused {
                code: "unknown_event",
                message: "A session is calibrated on its own socket.".into(),
                param: "type",
            }),
            Said::Nothing => Ok(()),
        }
    }
}

fn too_fast() -> Refused {
    let message =
        format!("More than {} frames a second are dropped.", duologue_actors::landmarks_in::MOST_PER_S);
    Refused { code: "landmarks_too_fast", message, param: "frame" }
}

/// The client has gone.
struct Gone;

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Gone> {
    match timeout(ACCEPTS_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Gone),
    }
}

/// Refusals, counted all and said once a second: who sends sixty bad frames a second need not get sixty answers.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    last: Option<Instant>,
}

impl Complaints {
    /// Counts a refusal; true when it may be said. What is refused once for a socket may always be.
    pub(super) fn may(&mut self, code: &'static str) -> bool {
        metrics::counter!("wire_errors_total", "code" => code).increment(1);
        let may = code == pictures::OFF || self.last.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY);
        if may {
            self.last = Some(Instant::now());
        }
        may
    }

    fn about(&mut self, refused: Refused) -> Option<Message> {
        self.may(refused.code).then(|| {
            let error = json!({
                "type": "invalid_request_error", "code": refused.code, "message": refused.message,
                "param": refused.param, "event_id": null,
            });
            Message::Text(json!({"type": "error", "error": error}).to_string().into())
        })
    }
}
