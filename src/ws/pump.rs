//! The one socket pump for every realtime endpoint: what the client says goes into the session, what the session
//! says goes to the client. Neither direction waits for the other.
//!
//! Pings carry the number of what was sent, so that the pong, which every library sends by itself, acknowledges it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use duologue_actors::{
    event::SessionEvent,
    outbox::{Closed, Numbered, OutFrame, Outgoing},
    sessions::Attachment,
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::{duet::Link, encode::Encoder, intake::Intake, join::Arrival};

/// A client that takes longer to accept one message, or to answer a ping, has gone or is not reading.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// Between two looks at whether it does.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Between pings while nothing is sent; three missed and the client has gone.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A goodbye needs one packet; nobody waits for it longer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Messages between two pings: a quarter of a second of speech, so that acknowledgements keep up with it.
const PING_AFTER: u32 = 6;

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

/// How a client comes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    pub(super) framing: AudioFraming,
    /// The last number that it has.
    pub(super) resume: Option<u64>,
}

/// Runs until either side has gone.
pub(super) async fn run(socket: WebSocket, arrival: Arrival, wishes: Wishes) {
    let Arrival { session, mut encoder, pictures, .. } = arrival;
    let Some(attachment) = session.connect(wishes.resume).await else {
        return turn_away(socket, "session_limit retry_after=1".into()).await;
    };
    metrics::gauge!("sockets_open").increment(1.0);
    let (sink, stream) = socket.split();
    let mut writer = Writer { sink, framing: wishes.framing, pulse: Pulse::default(), ended: None };
    let link = Link::default();
    let intake = Intake::new(&session, &link, pictures);
    tokio::select! {
        () = read(stream, &attachment, intake) => {}
        () = write(&mut writer, &attachment, &mut encoder, &link) => {}
    }
    drop(attachment);
    // Who says goodbye is answered: else stock clients take the end for a broken connection.
    let _ = timeout(FAREWELL, writer.sink.close()).await;
    metrics::gauge!("sockets_open").decrement(1.0);
}

/// Says in the close frame why a client cannot come in.
pub(super) async fn turn_away(mut socket: WebSocket, reason: String) {
    let close = Message::Close(Some(CloseFrame { code: 1013, reason: reason.into() }));
    let _ = timeout(ANSWERS_WITHIN, socket.send(close)).await;
}

/// Client to session.
async fn read(mut stream: SplitStream<WebSocket>, attachment: &Attachment, mut intake: Intake<'_>) {
    loop {
        let message = tokio::select! {
            () = intake.look() => continue,
            message = timeout(PING_EVERY * 3, stream.next()) => message,
        };
        let message = match message {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => {
                debug!(%error, "socket failed");
                return;
            }
            Ok(None) | Err(_) => return,
        };
        let event = match message {
            Message::Text(text) => intake.text(&text),
            Message::Binary(bytes) => intake.binary(&bytes),
            Message::Pong(payload) => {
                if let Ok(number) = <[u8; 8]>::try_from(&payload[..]) {
                    attachment.acknowledge(u64::from_be_bytes(number));
                }
                continue;
            }
            Message::Ping(_) => continue,
            Message::Close(_) => return,
        };
        if let Some(event) = event {
            intake.take(event).await;
        }
    }
}

/// Session to client.
async fn write(writer: &mut Writer, attachment: &Attachment, encoder: &mut Encoder, link: &Link) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            next = attachment.next_numbered() => match next {
                Ok(numbered) => writer.numbered(encoder, numbered).await,
                Err(closed) => return writer.close(closed).await,
            },
            messages = link.next(false) => writer.send_all(messages).await,
            _ = looks.tick() => {
                if writer.pulse.is_missed(attachment.arrived(), Instant::now()) {
                    return writer.close(Closed::Overflowed).await;
                }
                writer.ping_if(Pulse::is_quiet).await
            }
        };
        writer.pulse.arrived(attachment.arrived());
        if sent.is_err() || writer.ping_if(Pulse::is_due).await.is_err() {
            return;
        }
    }
}

/// The client has gone.
struct Gone;

/// What was sent, and what the client has answered.
#[derive(Default)]
struct Pulse {
    /// The last number that was sent.
    sent: u64,
    /// Messages since the last ping.
    since: u32,
    /// The last ping: its number, and when.
    pinged: Option<(u64, Instant)>,
    /// The oldest ping without an answer.
    open: Option<(u64, Instant)>,
}

impl Pulse {
    fn is_due(&self) -> bool {
        self.since >= PING_AFTER || (self.since > 0 && self.open.is_none())
    }

    fn is_quiet(&self) -> bool {
        self.pinged.is_none_or(|(_, at)| at.elapsed() >= PING_EVERY)
    }

    fn arrived(&mut self, number: u64) {
        let is_open = |ping: &(u64, Instant)| ping.0 > number;
        self.open = self.open.filter(is_open).or(self.pinged.filter(is_open));
    }

    fn is_missed(&mut self, number: u64, now: Instant) -> bool {
        self.arrived(number);
        self.open.is_some_and(|(_, since)| now.duration_since(since) > ANSWERS_WITHIN)
    }

    fn ping(&mut self, now: Instant) {
        self.since = 0;
        self.pinged = Some((self.sent, now));
        self.open.get_or_insert((self.sent, now));
    }
}

struct Writer {
    sink: SplitSink<WebSocket, Message>,
    framing: AudioFraming,
    pulse: Pulse,
    /// Why the scene is over, once that was said.
    ended: Option<&'static str>,
}

impl Writer {
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(ANSWERS_WITHIN, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    /// What has no number.
    async fn send_all(&mut self, messages: Vec<Message>) -> Result<(), Gone> {
        for message in messages {
            self.send(message).await?;
        }
        Ok(())
    }

    async fn ping_if(&mut self, is_due: impl Fn(&Pulse) -> bool) -> Result<(), Gone> {
        if !is_due(&self.pulse) {
            return Ok(());
        }
        self.pulse.ping(Instant::now());
        self.send(Message::Ping(self.pulse.sent.to_be_bytes().to_vec().into())).await
    }

    async fn numbered(&mut self, encoder: &mut Encoder, numbered: Numbered) -> Result<(), Gone> {
        self.pulse.sent = numbered.last();
        self.pulse.since += 1;
        let (first, skip) = (numbered.first, numbered.skip);
        match numbered.outgoing {
            Outgoing::Audio(frame) => self.audio(encoder, first, &frame).await,
            Outgoing::Event(event) => {
                if let SessionEvent::Ended { code, .. } = &*event {
                    self.ended = Some(code);
                }
                for text in encoder.encode(first, *event).into_iter().skip(skip) {
                    self.send(Message::Text(text.into())).await?;
                }
                Ok(())
            }
        }
    }

    async fn audio(&mut self, encoder: &mut Encoder, number: u64, frame: &OutFrame) -> Result<(), Gone> {
        match self.framing {
            AudioFraming::Json => {
                let text = encoder.audio(number, frame);
                self.send(Message::Text(text.into())).await
            }
            AudioFraming::Binary => self.send(Message::Binary(binary_frame(frame).into())).await,
        }
    }

    async fn close(&mut self, closed: Closed) {
        let (code, reason) = match (closed, self.ended) {
            // Service restart, as the register of close codes has it.
            (Closed::Ended, Some("server_stopping")) => (1012, "server_stopping"),
            (Closed::Ended, ended) => (1000, ended.unwrap_or("session_ended")),
            (Closed::Overflowed, _) => (1008, "client_too_slow"),
            (Closed::Replaced, _) => (4001, "attached_elsewhere"),
        };
        if closed == Closed::Overflowed {
            metrics::counter!("sockets_cut_off_total").increment(1);
        }
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
    async fn a_ping_without_an_answer_is_missed_and_an_answered_one_is_not() {
        let mut pulse = Pulse { sent: 7, since: 1, ..Pulse::default() };
        assert!(pulse.is_due() && pulse.is_quiet());
        pulse.ping(Instant::now());
        assert!(!pulse.is_due() && !pulse.is_quiet());
        tokio::time::advance(ANSWERS_WITHIN / 2).await;
        (pulse.sent, pulse.since) = (20, PING_AFTER);
        assert!(pulse.is_due());
        pulse.ping(Instant::now());
        assert!(!pulse.is_missed(6, Instant::now()));
        tokio::time::advance(ANSWERS_WITHIN).await;
        assert!(pulse.is_missed(6, Instant::now()), "the oldest one counts");
        assert!(!pulse.is_missed(7, Instant::now()), "the newer one has time yet");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pulse.is_missed(7, Instant::now()), "and then it has not");
        assert!(!pulse.is_missed(20, Instant::now()));
    }
}
