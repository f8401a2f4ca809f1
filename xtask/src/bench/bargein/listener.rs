//! A client with a loudspeaker and a microphone: it plays the reply in real time, gives way as it is told, reports how
//! far it has come, and lays sounds over it.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::Message;

use super::{
    super::{
        client::{Socket, open},
        clip::RATE,
    },
    overlay::Random,
};

/// A microphone's packet, and the loudspeaker's.
const PACKET: Duration = Duration::from_millis(20);
const HEARD: usize = RATE as usize / 50;
/// Samples of the reply in a packet: 24 kHz.
const PLAYED: usize = 480;
/// The way from the loudspeaker to the microphone: 120 ms, −12 dB.
const ECHO_PACKETS: usize = 6;
const ECHO_GAIN: f64 = 0.251;
/// First bytes of the server's binary frames, in all.
const HEADER: usize = 16;
/// A reply that does not sound after this will not.
const REPLY_WITHIN: Duration = Duration::from_secs(60);
/// Nothing was asked and nothing comes: the next story is asked for.
const LULL: Duration = Duration::from_secs(4);

/// When what happened since the last sound began.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    pub(super) ducked: Option<Instant>,
    pub(super) held: Option<Instant>,
    pub(super) restored: Option<Instant>,
    pub(super) stopped: Option<Instant>,
    /// It was found to be a sign of listening.
    pub(super) passed: Option<Instant>,
    /// The loudspeaker had nothing to play although nobody had stopped it.
    pub(super) dry: bool,
}

impl Marks {
    /// When it was silent at this client: held or stopped, what came first.
    pub(super) fn silent(&self) -> Option<Instant> {
        match (self.held, self.stopped) {
            (Some(held), Some(stopped)) => Some(held.min(stopped)),
            (held, stopped) => held.or(stopped),
        }
    }

    /// The first sign of giving way.
    pub(super) fn gave_way(&self) -> Option<Instant> {
        match (self.ducked, self.silent()) {
            (Some(ducked), Some(silent)) => Some(ducked.min(silent)),
            (ducked, silent) => ducked.or(silent),
        }
    }
}

pub(super) struct Listener {
    url: String,
    korean: bool,
    socket: Socket,
    ticks: Interval,
    ticked: u64,
    story: &'static str,
    speaker: Loudspeaker,
    /// What the microphone is to hear next, besides the room.
    overlay: VecDeque<i16>,
    echo: Option<VecDeque<Vec<f64>>>,
    random: Random,
    pub(super) marks: Marks,
    /// A reply is being made.
    active: bool,
    /// When something moved last.
    moved: Instant,
    /// What was understood, for the table.
    pub(super) heard: String,
    /// The latest events, for when nothing comes any more.
    latest: VecDeque<String>,
}

/// How many events are shown when nothing comes any more.
const LATEST: usize = 16;

#[derive(Default)]
struct Loudspeaker {
    waiting: VecDeque<i16>,
    turn: u32,
    /// Frames of older turns are dropped.
    floor: u32,
    position: u64,
    items: HashMap<u32, String>,
    gain: f64,
    held: bool,
    sounding_since: Option<Instant>,
    /// Told last: position and whether it ran.
    told: (u64, bool),
    /// Frames of a turn that had been stopped: there must be none.
    pub(super) stale: usize,
}

impl Listener {
    pub(super) async fn connect(url: &str, korean: bool, echo: bool) -> anyhow::Result<Self> {
        let (persona, language) = if korean { ("seoa", "ko") } else { ("maya", "en") };
        let socket = open(url, &format!("model={persona}&language={language}&audio=binary")).await?;
        let mut ticks = tokio::time::interval(PACKET);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let story = match korean {
            true => "기차를 타고 떠난 긴 여행 이야기를 아주 길고 자세하게 들려주세요.",
            false => "Tell me a very long story about a journey by train, with many details.",
        };
        let mut listener = Self {
            url: url.to_owned(),
            korean,
            socket,
            ticks,
            ticked: 0,
            story,
            speaker: Loudspeaker { gain: 1.0, ..Loudspeaker::default() },
            overlay: VecDeque::new(),
            echo: echo.then(|| VecDeque::from(vec![vec![0.0; HEARD]; ECHO_PACKETS])),
            random: Random(99),
            marks: Marks::default(),
            active: false,
            moved: Instant::now(),
            heard: String::new(),
            latest: VecDeque::new(),
        };
        let manner = match korean {
            true => "무슨 말을 듣든 이야기를 열두 문장 이상으로 길게 이어 가세요. 질문은 하지 마세요.",
            false => "Whatever is said, go on with a long story of at least twelve sentences. Ask nothing.",
        };
        let session = json!({
            "type": "realtime", "max_output_tokens": 400, "instructions": manner,
            "audio": {"input": {"format": {"type": "audio/pcm", "rate": RATE}}},
        });
        listener.say(json!({"type": "session.update", "session": session})).await?;
        Ok(listener)
    }

    /// Frames that were still sent for a turn that had been stopped.
    pub(super) fn stale(&self) -> usize {
        self.speaker.stale
    }

    async fn say(&mut self, event: Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Text(event.to_string().into())).await?)
    }

    /// Listens until a reply has sounded for `lead` without a break and will go on for a while, asking for a story
    /// when nothing is being said. A persona that has come to answer in a few words is left for a fresh one.
    pub(super) async fn hear_reply(&mut self, lead: Duration) -> anyhow::Result<()> {
        let mut began = Instant::now();
        loop {
            let ample = self.active || self.speaker.waiting.len() > PLAYED * 150;
            let sounding = self.speaker.sounding_since.is_some_and(|since| since.elapsed() >= lead);
            if sounding && ample && !self.speaker.held {
                return Ok(());
            }
            let idle = !self.active && self.speaker.waiting.is_empty();
            if idle && self.moved.elapsed() > LULL {
                self.ask().await?;
            }
            if self.moved.elapsed() > REPLY_WITHIN {
                bail!(
                    "nothing came for {} s after {}",
                    REPLY_WITHIN.as_secs(),
                    self.latest.make_contiguous().join(" · "),
                );
            }
            if began.elapsed() > REPLY_WITHIN {
                let fresh = Self::connect(&self.url, self.korean, self.echo.is_some()).await?;
                let stale = self.speaker.stale;
                *self = fresh;
                self.speaker.stale = stale;
                began = Instant::now();
            }
            self.tick().await?;
        }
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let content = json!([{"type": "input_text", "text": self.story}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        self.say(json!({"type": "conversation.item.create", "item": item})).await?;
        self.say(json!({"type": "response.create"})).await?;
        self.moved = Instant::now();
        Ok(())
    }

    /// Lays `samples` over what is heard; answers when they begin for the person. A microphone sends what it has heard
    /// in the last packet's time, and a sound begins anywhere in a packet.
    pub(super) async fn lay_over(&mut self, samples: &[i16]) -> anyhow::Result<Instant> {
        let place = ((self.random.next() + 1.0) / 2.0 * (HEARD - 1) as f64) as usize;
        self.tick().await?;
        self.marks = Marks::default();
        self.heard.clear();
        self.overlay = std::iter::repeat_n(0, place).chain(samples.iter().copied()).collect();
        // The next packet, which is sent after the next tick, was heard from now on.
        let begins = Instant::now() + Duration::from_secs_f64(place as f64 / f64::from(RATE));
        Ok(begins)
    }

    pub(super) fn is_laying(&self) -> bool {
        !self.overlay.is_empty()
    }

    /// One packet: what came meanwhile, what is played, what is heard.
    pub(super) async fn tick(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                // What came before the tick belongs before it.
                biased;
                message = self.socket.next() => {
                    let message = message.context("the server closed the connection")??;
                    self.handle(message)?;
                }
                _ = self.ticks.tick() => break,
            }
        }
        self.ticked += 1;
        let played = self.speaker.play();
        if self.speaker.waiting.is_empty() && !self.speaker.held && self.marks.stopped.is_none() {
            self.marks.dry = true;
        }
        let echo = self.echo.as_mut().map(|line| {
            line.push_back(resampled(&played));
            line.pop_front().unwrap_or_default()
        });
        let mut bytes = Vec::with_capacity(2 * HEARD);
        for index in 0..HEARD {
            let room = self.random.next() * 4.0;
            let back = echo.as_ref().and_then(|echo| echo.get(index)).copied().unwrap_or(0.0);
            let person = f64::from(self.overlay.pop_front().unwrap_or(0));
            let sample = (room + back * ECHO_GAIN + person).clamp(-32_768.0, 32_767.0) as i16;
            bytes.extend(sample.to_le_bytes());
        }
        self.socket.send(Message::Binary(bytes.into())).await?;
        self.report().await
    }

    /// The playout clock: every 200 ms while it sounds, and at each change.
    async fn report(&mut self) -> anyhow::Result<()> {
        let speaker = &mut self.speaker;
        let runs = !speaker.held && !speaker.waiting.is_empty();
        let changed = runs != speaker.told.1;
        let due = runs && self.ticked.is_multiple_of(10);
        if !(changed || due) || (speaker.position, runs) == speaker.told {
            return Ok(());
        }
        let Some(item) = speaker.items.get(&speaker.turn) else { return Ok(()) };
        speaker.told = (speaker.position, runs);
        let event = json!({"type": "duologue.playout", "item_id": item, "played_ms": speaker.position / 24});
        self.say(event).await
    }

    fn handle(&mut self, message: Message) -> anyhow::Result<()> {
        let now = Instant::now();
        match message {
            Message::Binary(bytes) => {
                self.moved = now;
                self.speaker.take(&bytes);
            }
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text)?;
                self.handle_event(&event, now)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_event(&mut self, event: &Value, now: Instant) -> anyhow::Result<()> {
        let turn = |value: &Value| value["turn"].as_u64().unwrap_or(0) as u32;
        let kind = event["type"].as_str().unwrap_or_default();
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(format!("{kind} {}", event["turn"]));
        match kind {
            "response.created" => {
                self.active = true;
                self.moved = now;
            }
            "response.output_item.added" => {
                let item = event["item"]["id"].as_str().unwrap_or_default().to_owned();
                self.speaker.items.insert(turn(&event["duologue"]), item);
            }
            "response.done" => {
                self.active = false;
                self.moved = now;
                if event["response"]["status"] == "failed" {
                    bail!("{}", event["response"]["status_details"]);
                }
            }
            "duologue.duck" => {
                self.marks.ducked.get_or_insert(now);
                self.speaker.gain = event["gain"].as_f64().unwrap_or(0.25);
            }
            "duologue.hold" => {
                self.marks.held.get_or_insert(now);
                self.speaker.held = true;
            }
            "duologue.restore" => {
                self.marks.restored = Some(now);
                (self.speaker.gain, self.speaker.held) = (1.0, false);
            }
            "input_audio_buffer.speech_started" => {
                self.marks.stopped.get_or_insert(now);
                self.moved = now;
                self.speaker.stop();
            }
            "duologue.backchannel" => {
                self.marks.passed.get_or_insert(now);
                self.heard = event["text"].as_str().unwrap_or_default().to_owned();
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.heard = event["transcript"].as_str().unwrap_or_default().to_owned();
                self.moved = now;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Loudspeaker {
    fn take(&mut self, frame: &[u8]) {
        let Some(turn) = frame.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
        else {
            return;
        };
        if turn < self.floor {
            self.stale += 1;
            return;
        }
        if turn != self.turn {
            (self.turn, self.position, self.gain, self.held) = (turn, 0, 1.0, false);
            self.waiting.clear();
        }
        let samples = frame[HEADER.min(frame.len())..].chunks_exact(2);
        self.waiting.extend(samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    }

    /// The next packet of the loudspeaker.
    fn play(&mut self) -> Vec<f64> {
        if self.held || self.waiting.is_empty() {
            self.sounding_since = None;
            return vec![0.0; PLAYED];
        }
        self.sounding_since.get_or_insert_with(Instant::now);
        let count = self.waiting.len().min(PLAYED);
        self.position += count as u64;
        let gain = self.gain;
        let mut played =
            self.waiting.drain(..count).map(|sample| f64::from(sample) * gain).collect::<Vec<_>>();
        played.resize(PLAYED, 0.0);
        played
    }

    /// Silence at once; nothing of this turn is played any more.
    fn stop(&mut self) {
        self.waiting.clear();
        self.floor = self.turn + 1;
        (self.gain, self.held, self.sounding_since) = (1.0, false, None);
    }
}

/// 16 kHz from 24 kHz, packet by packet: two of every three, the second between its neighbours.
fn resampled(played: &[f64]) -> Vec<f64> {
    played.chunks_exact(3).flat_map(|three| [three[0], (three[1] + three[2]) / 2.0]).collect()
}
