//! A client of the realtime protocol that plays clips in real time, listens as the page does, and notes when what came.

use std::{pin::pin, time::Duration};

use anyhow::{Context, bail};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{
    clip::{Clip, RATE},
    loudspeaker::Loudspeaker,
};

/// A microphone's packet.
const PACKET: Duration = Duration::from_millis(20);

/// Samples in it.
const SAMPLES: usize = (RATE as usize) * PACKET.as_millis() as usize / 1000;

/// No turn takes longer, even on a busy machine.
const TURN_WITHIN: Duration = Duration::from_secs(120);

/// What one turn was like, from outside. Times are in milliseconds since the last voiced sample of the clip was
/// spoken; below zero before it.
pub(super) struct Turn {
    /// What was heard.
    pub(super) heard: String,
    /// What was answered.
    pub(super) answered: String,
    /// Its first piece, which is the first that was synthesised.
    pub(super) first_clause: String,
    /// Its sound at 24 kHz.
    pub(super) voice: Vec<i16>,
    /// Until each event arrived; not a number while it has not.
    pub(super) transcript: f64,
    pub(super) first_text: f64,
    pub(super) first_audio: f64,
    /// The arrival of the first sound less that of `speech_stopped`.
    pub(super) decided_to_audio: f64,
    /// The server's own report.
    pub(super) report: Value,
}

impl Turn {
    fn new() -> Self {
        Self {
            heard: String::new(),
            answered: String::new(),
            first_clause: String::new(),
            voice: Vec::new(),
            transcript: f64::NAN,
            first_text: f64::NAN,
            first_audio: f64::NAN,
            decided_to_audio: f64::NAN,
            report: Value::Null,
        }
    }

    /// A reply begins, maybe after one that was thrown away.
    fn begin(&mut self) {
        *self = Self { heard: std::mem::take(&mut self.heard), transcript: self.transcript, ..Self::new() };
    }

    /// The reply was there before the person had ended: a cut-off, not a fast answer.
    pub(super) fn was_cut_off(&self) -> bool {
        self.first_audio < 0.0
    }
}

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection to the realtime endpoint with this query.
pub(super) async fn open(url: &str, query: &str) -> anyhow::Result<Socket> {
    let address = format!("{url}/v1/realtime?{query}");
    let (socket, _) = connect_async(&address)
        .await
        .with_context(|| format!("{address} cannot be reached: start the server with `make run` first"))?;
    Ok(socket)
}

pub(super) struct Client {
    socket: Socket,
    speaker: Loudspeaker,
}

impl Client {
    pub(super) async fn connect(url: &str, persona: &str, language: &str) -> anyhow::Result<Self> {
        let socket = open(url, &format!("model={persona}&language={language}&audio=binary")).await?;
        let mut client = Self { socket, speaker: Loudspeaker::default() };
        let session = json!({
            "type": "realtime", "max_output_tokens": 60,
            "audio": {"input": {"format": {"type": "audio/pcm", "rate": RATE}}},
        });
        client.say(json!({"type": "session.update", "session": session})).await?;
        Ok(client)
    }

    async fn say(&mut self, event: Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Text(event.to_string().into())).await?)
    }

    /// Is silent and listens until `other` has happened and the reply has been played to its end.
    pub(super) async fn listen(&mut self, other: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut ticks = interval(PACKET);
        let mut other = pin!(other.fuse());
        let mut happened = false;
        while !(happened && self.speaker.is_quiet()) {
            tokio::select! {
                () = &mut other => happened = true,
                _ = ticks.tick() => {
                    self.socket.send(Message::Binary(vec![0; SAMPLES * 2].into())).await?;
                    self.played().await?;
                }
                message = self.socket.next() => match message.context("the server closed the connection")?? {
                    Message::Binary(frame) => _ = self.speaker.take(&frame),
                    Message::Text(text) => self.speaker.obey(&serde_json::from_str(&text)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Tells how far the loudspeaker is, when it is time to.
    async fn played(&mut self) -> anyhow::Result<()> {
        let Some((item, played_ms)) = self.speaker.tick(PACKET) else { return Ok(()) };
        self.say(json!({"type": "duologue.playout", "item_id": item, "played_ms": played_ms})).await
    }

    /// Plays one clip and then silence, until the reply is complete.
    pub(super) async fn turn(&mut self, clip: &Clip) -> anyhow::Result<Turn> {
        let mut playing = Playing::begin(clip);
        let begun = Instant::now();
        loop {
            if begun.elapsed() > TURN_WITHIN {
                bail!("no reply to {} within {} s", clip.name, TURN_WITHIN.as_secs());
            }
            tokio::select! {
                at = playing.ticks.tick() => {
                    let packet = playing.packet(at);
                    self.socket.send(Message::Binary(packet.into())).await?;
                    self.played().await?;
                }
                message = self.socket.next() => {
                    let message = message.context("the server closed the connection")??;
                    if playing.hear(&message, &mut self.speaker)? {
                        return Ok(playing.turn);
                    }
                }
            }
        }
    }
}

/// A clip being played, and what has come of it.
struct Playing<'a> {
    clip: &'a Clip,
    ticks: Interval,
    sent: usize,
    /// When the last voiced sample was spoken. A packet leaves when its last sample has been spoken, so that the
    /// first one began a packet's length before it left; how late this program runs plays no part.
    ended: Instant,
    stopped: Option<Instant>,
    turn: Turn,
}

impl<'a> Playing<'a> {
    fn begin(clip: &'a Clip) -> Self {
        let mut ticks = interval(PACKET);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self { clip, ticks, sent: 0, ended: Instant::now(), stopped: None, turn: Turn::new() }
    }

    /// What the microphone heard until `at`.
    fn packet(&mut self, at: Instant) -> Vec<u8> {
        if self.sent == 0 {
            let spoken = Duration::from_secs_f64(self.clip.speech_end() as f64 / f64::from(RATE));
            self.ended = at + spoken - PACKET;
        }
        let rest = self.clip.samples.get(self.sent..).unwrap_or_default();
        let mut chunk = rest[..rest.len().min(SAMPLES)].to_vec();
        chunk.resize(SAMPLES, 0);
        self.sent += SAMPLES;
        chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// Milliseconds since the end of speech, below zero before it.
    fn since_end(&self, now: Instant) -> f64 {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        match now.checked_duration_since(self.ended) {
            Some(since) => ms(since),
            None => -ms(self.ended - now),
        }
    }

    fn is_all_said(&self) -> bool {
        self.sent >= self.clip.samples.len()
    }

    /// Takes what the server says; true when the turn is over.
    fn hear(&mut self, message: &Message, speaker: &mut Loudspeaker) -> anyhow::Result<bool> {
        let now = Instant::now();
        match message {
            Message::Binary(frame) => {
                if let Some(samples) = speaker.take(frame) {
                    self.sound(samples, now);
                }
                Ok(false)
            }
            Message::Text(text) => {
                let event: Value = serde_json::from_str(text)?;
                speaker.obey(&event);
                self.event(event, now)
            }
            _ => Ok(false),
        }
    }

    fn sound(&mut self, samples: Vec<i16>, now: Instant) {
        if self.turn.first_audio.is_nan() {
            self.turn.first_audio = self.since_end(now);
            let waited = self.stopped.map(|at| (now - at).as_secs_f64() * 1000.0);
            self.turn.decided_to_audio = waited.unwrap_or(f64::NAN);
        }
        self.turn.voice.extend(samples);
    }

    fn event(&mut self, event: Value, now: Instant) -> anyhow::Result<bool> {
        match event["type"].as_str().unwrap_or_default() {
            "input_audio_buffer.speech_stopped" => self.stopped = Some(now),
            "conversation.item.input_audio_transcription.completed" => {
                self.turn.transcript = self.since_end(now);
                let words = event["transcript"].as_str().unwrap_or_default();
                self.turn.heard = format!("{} {words}", self.turn.heard);
                // Nothing was understood, so nothing will be answered: an error of hearing.
                return Ok(self.turn.heard.trim().is_empty() && self.is_all_said());
            }
            "response.created" => self.turn.begin(),
            "response.output_audio_transcript.delta" => {
                let delta = event["delta"].as_str().unwrap_or_default();
                if self.turn.first_text.is_nan() {
                    self.turn.first_text = self.since_end(now);
                    self.turn.first_clause = delta.trim().to_owned();
                }
                self.turn.answered += delta;
            }
            "duologue.latency" => self.turn.report = event,
            "error" => bail!("{}", event["error"]["message"]),
            "response.done" => match event["response"]["status"].as_str() {
                Some("completed" | "incomplete") => return Ok(self.is_all_said()),
                Some("failed") => bail!("{}", event["response"]["status_details"]),
                _ => {}
            },
            _ => {}
        }
        Ok(false)
    }
}
