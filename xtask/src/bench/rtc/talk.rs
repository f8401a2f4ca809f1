//! One turn over WebRTC: a clip is said in real time, and the first sound of the reply is awaited at the caller's ear.

use std::time::Duration;

use anyhow::{Context, bail};
use duologue_rtc::{
    client::{Dial, Network},
    codec::{EarStatistics, EncoderConfig, SAMPLES},
};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::clip::Clip;

/// No turn takes longer, even on a busy machine.
const TURN_WITHIN: Duration = Duration::from_secs(120);

/// So much sooner than the event that tells of a reply its sound may be heard.
const AHEAD_MS: f64 = 150.0;

/// Louder than what a decoder makes of silence.
const SOUND: u16 = 300;

/// After how many milliseconds of these samples, 24 kHz, there is sound.
pub(super) fn sound(samples: &[i16]) -> Option<f64> {
    let first = samples.iter().position(|sample| sample.unsigned_abs() > SOUND)?;
    Some(first as f64 / 24.0)
}

/// Whom to call.
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    pub(super) path: &'a str,
    pub(super) network: Option<Network>,
}

/// What one turn was like at the caller's ear; times in milliseconds since the last voiced sample of the clip.
pub(super) struct Turn {
    /// What the server heard.
    pub(super) heard: String,
    /// Until the first sound of the reply would leave the loudspeaker; not a number without one.
    pub(super) first_audio: f64,
    pub(super) statistics: EarStatistics,
    /// Until the server told that the first packet of it was on its way.
    pub(super) told: f64,
    /// The server's own report.
    pub(super) report: Value,
}

/// Calls, says the clip, and hangs up after the reply.
pub(super) async fn turn(whom: &Call<'_>, clip: &Clip) -> anyhow::Result<Turn> {
    // As a browser does, unless it is asked for something else.
    let encoder = EncoderConfig { dtx: false, ..EncoderConfig::default() };
    let dial = Dial { network: whom.network, encoder, ..Dial::default() };
    let (mut call, _) = dial.call(whom.url, whom.path).await?;
    let session = json!({"type": "realtime", "max_output_tokens": 60});
    call.send(&json!({"type": "session.update", "session": session}).to_string()).await?;
    let said = clip.at_24k();
    let mut frames = said.chunks(SAMPLES);
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let begun = ticks.tick().await;
    // A packet leaves when its last sample has been spoken, so the first one began a packet's length before.
    let ended = begun
        + Duration::from_secs_f64(clip.speech_end() as f64 / f64::from(super::super::clip::RATE))
        - Duration::from_millis(20);
    let mut listening = Listening {
        ended,
        heard: String::new(),
        first_audio: f64::NAN,
        told: f64::NAN,
        report: Value::Null,
        is_answered: false,
        is_done: false,
    };
    while begun.elapsed() < TURN_WITHIN {
        tokio::select! {
            at = ticks.tick() => {
                call.say(frames.next().unwrap_or(&[]));
                let heard = call.tick().await?.unwrap_or_default();
                if listening.sound(&heard, at) && frames.len() == 0 {
                    let Listening { heard, first_audio, told, report, .. } = listening;
                    let statistics = call.statistics();
                    call.close().await;
                    return Ok(Turn { heard, first_audio, statistics, told, report });
                }
            }
            event = call.event() => {
                let event = event.context("the server closed the channel of events")?;
                listening.event(&serde_json::from_str(&event)?)?;
            }
        }
    }
    bail!("no reply to {} within {} s", clip.name, TURN_WITHIN.as_secs())
}

/// What has come of a turn so far.
struct Listening {
    ended: Instant,
    heard: String,
    first_audio: f64,
    told: f64,
    report: Value,
    is_answered: bool,
    is_done: bool,
}

impl Listening {
    /// 20 ms were heard; whether the turn is over.
    fn sound(&mut self, heard: &[i16], at: Instant) -> bool {
        let sounds = sound(heard);
        if let Some(after) = sounds.filter(|_| self.first_audio.is_nan()) {
            self.first_audio = self.since_end(at) + after;
        }
        self.is_done && sounds.is_none()
    }

    /// Milliseconds; below zero before the end, when the person was cut off.
    fn since_end(&self, at: Instant) -> f64 {
        let since = at.saturating_duration_since(self.ended).as_secs_f64();
        (since - self.ended.saturating_duration_since(at).as_secs_f64()) * 1_000.0
    }

    fn event(&mut self, event: &Value) -> anyhow::Result<()> {
        match event["type"].as_str().unwrap_or_default() {
            "conversation.item.input_audio_transcription.completed" => {
                self.heard = format!("{} {}", self.heard, event["transcript"].as_str().unwrap_or_default());
                // Nothing was understood, so nothing will be answered.
                self.is_done |= self.heard.trim().is_empty();
            }
            // A reply that was thrown away is not the answer. The sound of this one may come before the event, which goes
            // another way and may be lost once.
            "response.created" => {
                let is_of_before = self.since_end(Instant::now()) - self.first_audio > AHEAD_MS;
                if std::mem::replace(&mut self.is_answered, true) && is_of_before {
                    self.first_audio = f64::NAN;
                }
                self.is_done = false;
            }
            "output_audio_buffer.started" => self.told = self.since_end(Instant::now()),
            "duologue.latency" => self.report = event.clone(),
            "error" => bail!("{}", event["error"]["message"]),
            "response.done" => match event["response"]["status"].as_str() {
                Some("completed" | "incomplete") => self.is_done = true,
                Some("failed") => bail!("{}", event["response"]["status_details"]),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}
