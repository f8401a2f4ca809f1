//! The one socket pump for every realtime endpoint: what the client says goes into the session, what the session
//! says goes to the client. Neither direction waits for the other.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use duologue_actors::{
    event::SessionEvent,
    outbox::{Closed, OutFrame, Outgoing},
    sessions::{Attachment, SessionHandle},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::{
    decode::{self, ClientEvent, WireError},
    encode::Encoder,
};

/// A client that takes longer to accept one message has gone or is not reading.
const SEND_WITHIN: Duration = Duration::from_secs(20);

/// Between pings; three missed and the client has gone.
const PING_EVERY: Duration = Duration::from_secs(15);

/// Messages of one client within [`RATE_WINDOW`]: three times what 20 ms packets and landmarks at 30 fps need.
const MAX_MESSAGES: u32 = 2_000;

/// See [`MAX_MESSAGES`].
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// First bytes of a binary frame from the server: magic, version, kind (1 = audio), reserved.
const AUDIO_HEADER: [u8; 4] = [0x44, 1, 1, 0];

/// How a client wants its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFraming {
    /// Base64 in JSON, as the protocol has it.
    Json,
    /// Binary frames with a header of 16 bytes.
    Binary,
}

/// Runs until either side has gone.
pub(super) async fn run(
    socket: WebSocket,
    session: SessionHandle,
    mut encoder: Encoder,
    framing: AudioFraming,
) {
    metrics::gauge!("sockets_open").increment(1.0);
    let attachment = session.attach();
    let (sink, stream) = socket.split();
    let mut writer = Writer { sink, framing };
    let greeted = writer.texts(encoder.greeting()).await;
    if greeted.is_ok() {
        tokio::select! {
            () = read(stream, &session) => {}
            () = write(&mut writer, &attachment, &mut encoder) => {}
        }
    }
    metrics::gauge!("sockets_open").decrement(1.0);
}

/// Client to session.
async fn read(mut stream: SplitStream<WebSocket>, session: &SessionHandle) {
    let mut rate = Rate::default();
    loop {
        let message = match timeout(PING_EVERY * 3, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => {
                debug!(%error, "socket failed");
                return;
            }
            Ok(None) | Err(_) => return,
        };
        let event = match message {
            Message::Text(text) => decode::decode(&text),
            Message::Binary(bytes) => decode::samples(&bytes).map(ClientEvent::Audio),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        match rate.admit(Instant::now()) {
            Admission::Yes => {}
            Admission::FirstRefusal => {
                session.report(too_many());
                continue;
            }
            Admission::No => continue,
        }
        match event {
            Ok(ClientEvent::Audio(samples)) => session.push_audio(&samples).await,
            Ok(ClientEvent::Command(command)) => session.command(command),
            Err(error) => {
                metrics::counter!("wire_errors_total", "code" => error.code).increment(1);
                session.report(error.into_event());
            }
        }
    }
}

fn too_many() -> SessionEvent {
    WireError {
        code: "rate_limit_exceeded",
        message: "Too many events. Send audio in pieces of 20 ms or more.".into(),
        param: None,
        event_id: None,
    }
    .into_event()
}

/// Session to client.
async fn write(writer: &mut Writer, attachment: &Attachment, encoder: &mut Encoder) {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            outgoing = attachment.next() => match outgoing {
                Ok(Outgoing::Audio(frame)) => writer.audio(encoder, &frame).await,
                Ok(Outgoing::Event(event)) => writer.texts(encoder.encode(*event)).await,
                Err(closed) => return writer.close(closed).await,
            },
            _ = pings.tick() => writer.send(Message::Ping(Vec::new().into())).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The client has gone.
struct Gone;

struct Writer {
    sink: SplitSink<WebSocket, Message>,
    framing: AudioFraming,
}

impl Writer {
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_WITHIN, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    async fn texts(&mut self, texts: Vec<String>) -> Result<(), Gone> {
        for text in texts {
            self.send(Message::Text(text.into())).await?;
        }
        Ok(())
    }

    async fn audio(&mut self, encoder: &mut Encoder, frame: &OutFrame) -> Result<(), Gone> {
        match self.framing {
            AudioFraming::Json => {
                let text = encoder.audio(frame);
                self.send(Message::Text(text.into())).await
            }
            AudioFraming::Binary => self.send(Message::Binary(binary_frame(frame).into())).await,
        }
    }

    async fn close(&mut self, closed: Closed) {
        let (code, reason) = match closed {
            Closed::Ended => (1000, "session_ended"),
            Closed::Overflowed => (1008, "client_too_slow"),
            Closed::Replaced => (1000, "attached_elsewhere"),
        };
        let _ = self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    }
}

/// 16 bytes of header (magic 0x44, version, kind, 0, turn u32, offset u64; little-endian), then PCM16 at 24 kHz.
pub fn binary_frame(frame: &OutFrame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + frame.samples.len() * 2);
    bytes.extend(AUDIO_HEADER);
    bytes.extend((frame.turn.0 as u32).to_le_bytes());
    bytes.extend(frame.offset.to_le_bytes());
    bytes.extend(frame.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

enum Admission {
    Yes,
    FirstRefusal,
    No,
}

/// Counts messages in windows.
#[derive(Default)]
struct Rate {
    window: Option<Instant>,
    count: u32,
}

impl Rate {
    fn admit(&mut self, now: Instant) -> Admission {
        if self.window.is_none_or(|start| now.duration_since(start) > RATE_WINDOW) {
            self.window = Some(now);
            self.count = 0;
        }
        self.count += 1;
        match self.count {
            count if count <= MAX_MESSAGES => Admission::Yes,
            count if count == MAX_MESSAGES + 1 => Admission::FirstRefusal,
            _ => Admission::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use duologue_domain::turn::TurnId;

    use super::*;

    #[test]
    fn the_header_is_as_documented() {
        let frame = OutFrame {
            turn: TurnId(3),
            response: "r".into(),
            item: "i".into(),
            offset: 0x0102,
            samples: vec![1, -1],
        };
        let expected = [0x44, 1, 1, 0, 3, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 255, 255];
        assert_eq!(binary_frame(&frame), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_refused_once_per_window() {
        let mut rate = Rate::default();
        let now = Instant::now();
        let outcomes = (0..MAX_MESSAGES + 10).map(|_| rate.admit(now)).collect::<Vec<_>>();
        let refusals = outcomes.iter().filter(|outcome| matches!(outcome, Admission::FirstRefusal)).count();
        let admitted = outcomes.iter().filter(|outcome| matches!(outcome, Admission::Yes)).count();
        assert_eq!((refusals, admitted), (1, MAX_MESSAGES as usize));
        assert!(matches!(rate.admit(now + RATE_WINDOW * 2), Admission::Yes));
    }
}
