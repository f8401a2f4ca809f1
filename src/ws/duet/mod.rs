//! `WS /ws/duet/{session_id}`: live duets. Several sockets of one session are several players.
//!
//! `?name=…` is how a player is called, `?binary=1` sends promises as binary frames. The clock's questions are answered
//! here, in the socket's task; everything else is the duet's. The realtime sockets of a session understand the same
//! events ([`Link`]).

pub mod decode;
pub mod encode;
mod link;
pub(super) mod player;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::HeaderMap,
    response::Response,
    routing::get,
};
use duologue_actors::duet::Seat;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

pub(crate) use self::link::Link;
pub(super) use self::player::Hands;
use self::{
    decode::Refused,
    player::{farewell, messages, was_sent},
};
use super::{
    READ_BUFFER,
    rate::{Admission, Rate},
    turn_away,
};
use crate::{
    error::{ApiError, Code},
    http::{
        chat,
        extract::{ApiPath, ApiQuery, Caller},
    },
    scene,
    state::AppState,
};

/// Far above our own limit of an event, so that the refusal is an event and not a broken connection.
const MAX_MESSAGE: usize = 1024 * 1024;

/// A client that says nothing, not even a pong, has gone.
const QUIET: Duration = Duration::from_secs(45);

/// Before that, what it holds is let go: a network that has just died says nothing of it.
const HOLDS: Duration = Duration::from_secs(8);

/// Between two pings, so that there is something to answer well within [`HOLDS`].
const PING_EVERY: Duration = Duration::from_secs(3);

/// A client that takes longer to accept one message is not reading, and what it holds would sound on.
const ACCEPTS_WITHIN: Duration = Duration::from_secs(10);

/// What a client may ask for in the address.
#[derive(Debug, Deserialize)]
struct Wishes {
    name: Option<String>,
    binary: Option<u8>,
}

/// The route.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/ws/duet/{session_id}", get(duet))
}

#[expect(clippy::too_many_arguments, reason = "each is one extractor")]
async fn duet(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    ApiQuery(wishes): ApiQuery<Wishes>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let binary = wishes.binary == Some(1);
    let seat = match sit(&state, &caller, &session_id, &wishes.name.unwrap_or_default()).await {
        Ok(seat) => seat,
        Err(error) => return turn_away(error, &headers, upgrade),
    };
    Ok(upgrade
        .protocols(["realtime"])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| run(socket, Arc::new(seat), binary)))
}

async fn sit(state: &AppState, caller: &Caller, id: &str, name: &str) -> Result<Seat, ApiError> {
    let record = scene::record(state, id).await?;
    chat::check_access(state, caller, &record)?;
    let session = scene::open(state, record).await?;
    let ended = || ApiError::new(Code::SessionLimit, "the scene has just ended").retry_after(1);
    let duet = session.open_duet().await.ok_or_else(ended)?;
    let full = || ApiError::new(Code::SessionLimit, "all places of this duet are taken").retry_after(30);
    duet.join(name).ok_or_else(full)
}

/// Runs until either side has gone. The seat goes with it, and with the seat all that was held.
async fn run(socket: WebSocket, seat: Arc<Seat>, binary: bool) {
    metrics::gauge!("sockets_open").increment(1.0);
    let (mut sink, stream) = socket.split();
    tokio::select! {
        () = read(stream, &seat, Hands::new(seat.clone())) => {}
        () = write(&mut sink, &seat, binary) => {}
    }
    metrics::gauge!("sockets_open").decrement(1.0);
}

async fn read(mut stream: SplitStream<WebSocket>, seat: &Seat, mut hands: Hands) {
    let mut rate = Rate::default();
    let mut heard = Instant::now();
    while heard.elapsed() < QUIET {
        let message = match timeout(HOLDS, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(_) => return,
            Err(_) => {
                seat.let_go();
                continue;
            }
        };
        let at = Instant::now();
        heard = at;
        let said = match message {
            Message::Text(text) => decode::decode(&text),
            Message::Binary(bytes) => decode::from_binary(&bytes),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        match rate.admit(at) {
            Admission::Yes => hands.take(said, at),
            Admission::FirstRefusal => {
                let message = "Too many events. Send notes that are played together together.";
                hands.take(Err(Refused { code: "duet_too_fast", message: message.into() }), at);
            }
            Admission::No => {}
        }
    }
}

async fn write(sink: &mut SplitSink<WebSocket, Message>, seat: &Seat, binary: bool) {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = seat.next() => event,
            _ = pings.tick() => {
                match timeout(ACCEPTS_WITHIN, sink.send(Message::Ping(Vec::new().into()))).await {
                    Ok(Ok(())) => continue,
                    _ => return,
                }
            }
        };
        let event = match event {
            Ok(event) => event,
            Err(closed) => {
                // Whoever has gone needs no farewell.
                let _ = timeout(ACCEPTS_WITHIN, sink.send(farewell(closed))).await;
                return;
            }
        };
        for message in messages(seat, &event, binary) {
            match timeout(ACCEPTS_WITHIN, sink.send(message)).await {
                Ok(Ok(())) => {}
                _ => return,
            }
        }
        was_sent(&event);
    }
}
