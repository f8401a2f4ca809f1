//! A client of the realtime protocol that plays clips in real time and notes when what came.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::clip::{Clip, RATE};

/// A microphone's packet.
const PACKET: Duration = Duration::from_millis(20);

/// No turn takes longer, even on a busy machine.
const TURN_WITHIN: Duration = Duration::from_secs(120);

/// What one turn was like, from outside.
#[derive(Default)]
pub(super) struct Turn {
    /// What was heard.
    pub(super) heard: String,
    /// What was answered.
    pub(super) answered: String,
    /// From the end of speech in the clip to the arrival of each event, in milliseconds.
    pub(super) decided: f64,
    pub(super) transcript: f64,
    pub(super) first_text: f64,
    pub(super) first_audio: f64,
    /// From the server's first to its last stage, measured here: the arrival of `first_audio` less that of
    /// `speech_stopped`.
    pub(super) decided_to_audio: f64,
    /// The server's own report.
    pub(super) report: Value,
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
}

impl Client {
    pub(super) async fn connect(url: &str, persona: &str, language: &str) -> anyhow::Result<Self> {
        let socket = open(url, &format!("model={persona}&language={language}")).await?;
        let mut client = Self { socket };
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

    /// Plays one clip and then silence, until the reply is complete.
    pub(super) async fn turn(&mut self, clip: &Clip) -> anyhow::Result<Turn> {
        let speech_end = clip.speech_end();
        let packet = (RATE as usize) * PACKET.as_millis() as usize / 1000;
        let silence = vec![0i16; packet];
        let mut ticks = tokio::time::interval(PACKET);
        let started = Instant::now();
        let mut sent = 0;
        let mut ended: Option<Instant> = None;
        let mut turn = Turn::default();
        let mut stopped: Option<Instant> = None;
        loop {
            if started.elapsed() > TURN_WITHIN {
                bail!("no reply to {} within {} s", clip.name, TURN_WITHIN.as_secs());
            }
            tokio::select! {
                _ = ticks.tick() => {
                    let chunk = clip.samples.get(sent..).filter(|rest| !rest.is_empty());
                    let chunk = chunk.map_or(&silence[..], |rest| &rest[..rest.len().min(packet)]);
                    let bytes = chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>();
                    self.socket.send(Message::Binary(bytes.into())).await?;
                    sent += chunk.len();
                    if sent >= speech_end && ended.is_none() {
                        ended = Some(Instant::now());
                    }
                }
                message = self.socket.next() => {
                    let message = message.context("the server closed the connection")??;
                    let Message::Text(text) = message else { continue };
                    let now = Instant::now();
                    // Speech that pauses early may be cut into two turns; then times count from the clip's end.
                    let since = ended.map_or(0.0, |ended| now.duration_since(ended).as_secs_f64() * 1000.0);
                    let event: Value = serde_json::from_str(&text)?;
                    match event["type"].as_str().unwrap_or_default() {
                        "input_audio_buffer.speech_stopped" => {
                            turn.decided = since;
                            stopped = Some(now);
                        }
                        "conversation.item.input_audio_transcription.completed" => {
                            turn.transcript = since;
                            let words = event["transcript"].as_str().unwrap_or_default();
                            turn.heard = format!("{} {words}", turn.heard);
                            if turn.heard.trim().is_empty() && sent >= clip.samples.len() {
                                // Nothing was understood, so nothing will be answered: an error of hearing.
                                turn.first_audio = f64::NAN;
                                return Ok(turn);
                            }
                        }
                        "response.created" => {
                            turn.first_text = 0.0;
                            turn.first_audio = 0.0;
                            turn.answered.clear();
                        }
                        "response.output_audio_transcript.delta" => {
                            if turn.first_text == 0.0 {
                                turn.first_text = since;
                            }
                            turn.answered += event["delta"].as_str().unwrap_or_default();
                        }
                        "response.output_audio.delta" if turn.first_audio == 0.0 => {
                            turn.first_audio = since;
                            let waited = stopped.map_or(0.0, |at| now.duration_since(at).as_secs_f64() * 1000.0);
                            turn.decided_to_audio = waited;
                        }
                        "duologue.latency" => turn.report = event,
                        "error" => bail!("{}", event["error"]["message"]),
                        "response.done" if event["response"]["status"] == "completed" && sent >= clip.samples.len() => {
                            return Ok(turn);
                        }
                        "response.done" if event["response"]["status"] == "failed" => {
                            bail!("{}", event["response"]["status_details"]);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
