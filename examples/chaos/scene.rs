//! One scene: a person who talks and writes, whatever happens, and takes note of what comes back.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use duologue_domain::lang::Language;
use duologue_engines::{
    port::{SPEECH_RATE, TtsRequest},
    registry::Engines,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::report::say;

/// Human English speech, from Debian's `pocketsphinx-testdata`.
const ENGLISH: &str = "/usr/share/pocketsphinx/test/data/librivox";

/// What the synthetic Korean voice says; no free human Korean speech is packaged.
const KOREAN: [&str; 2] = ["안녕하세요, 오늘 기분이 어때요?", "내일 저녁에 같이 밥 먹을래요?"];

/// What is written, in the scene's language.
const TEXTS: [[&str; 3]; 2] = [
    ["What did you do today?", "Do you like the sea?", "Tell me about your best friend."],
    ["오늘 뭐 했어요?", "바다를 좋아하세요?", "제일 친한 친구 이야기를 해 주세요."],
];

/// Sample rate of the clips.
const RATE: u32 = 16_000;

/// Packets between two looks of the camera, and between two notes of the keyboard.
const LANDMARKS_EVERY: u64 = 5;
const NOTE_EVERY: u64 = 50;

/// What all scenes may say, English and Korean.
pub(crate) type Clips = Arc<[Vec<Vec<i16>>; 2]>;

/// Reads and makes the clips.
pub(crate) async fn clips(engines: &Engines) -> anyhow::Result<Clips> {
    let mut english = Vec::new();
    let folder = std::fs::read_dir(Path::new(ENGLISH))
        .with_context(|| format!("{ENGLISH} is missing: run `cargo xtask setup --for-tests`"))?;
    for path in folder.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "wav") {
            let mut reader = hound::WavReader::open(&path)?;
            anyhow::ensure!(reader.spec().sample_rate == RATE, "{} is not at 16 kHz", path.display());
            english.push(reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?);
        }
    }
    english.sort_by_key(Vec::len);
    // The short ones: more turns, more moments.
    english.truncate(3);
    let mut korean = Vec::new();
    for text in KOREAN {
        korean.push(synthetic(engines, text).await?);
    }
    Ok(Arc::new([english, korean]))
}

async fn synthetic(engines: &Engines, text: &str) -> anyhow::Result<Vec<i16>> {
    let mut stream = engines.tts.synthesize(TtsRequest {
        session: u64::MAX,
        text: text.into(),
        language: Language::Korean,
        voice: "kokoro-kumo".into(),
        speed: 1.0,
        first_audio_deadline: Duration::from_secs(60),
    })?;
    let mut speech = Vec::new();
    while let Some(chunk) = stream.next().await {
        speech.extend(chunk?.audio);
    }
    // Two of three samples by interpolation: 24 to 16 kHz, enough for a test signal.
    let step = f64::from(SPEECH_RATE) / f64::from(RATE);
    let at = |index: usize| f64::from(speech.get(index).copied().unwrap_or(0.0));
    let sample = |index: usize| {
        let position = index as f64 * step;
        let (before, share) = (position as usize, position.fract());
        ((at(before) * (1.0 - share) + at(before + 1) * share) * 32_000.0) as i16
    };
    Ok((0..(speech.len() as f64 / step) as usize).map(sample).collect())
}

/// What a scene is told to do.
pub(crate) struct Script {
    pub(crate) url: String,
    pub(crate) korean: bool,
    pub(crate) clips: Clips,
    pub(crate) bound: Duration,
    pub(crate) over: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) turns: usize,
    pub(crate) completed: usize,
    pub(crate) early: usize,
    pub(crate) unheard: usize,
    pub(crate) failed: BTreeMap<String, usize>,
    pub(crate) frozen: Vec<String>,
    pub(crate) lost: Vec<String>,
    /// Items that the server called durable.
    pub(crate) durable: BTreeSet<String>,
    /// Items that were written here, with their words.
    pub(crate) written: Vec<(String, String)>,
    pub(crate) notices: BTreeMap<String, usize>,
    /// From the end of what was said to the end of the answer.
    pub(crate) waits: Vec<Duration>,
}

/// How a turn ended.
enum End {
    Answered,
    /// Answered in a pause of the clip; of what was left nothing was heard.
    Early,
    Unheard,
    Failed(String),
    /// Nothing more came, after these events.
    Frozen(String),
}

/// Talks until it is over.
pub(crate) async fn play(script: Script) -> Outcome {
    let mut outcome = Outcome::default();
    let mut person: Option<Person> = None;
    while !script.over.load(Ordering::Acquire) {
        let present = match person.take() {
            Some(person) => person,
            None => match Person::come(&script.url).await {
                Ok(person) => person,
                Err(error) => {
                    outcome.lost.push(format!("{} cannot be entered: {error:#}", script.url));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
        };
        let mut present = present;
        let number = outcome.turns;
        outcome.turns += 1;
        match present.turn(&script, number, &mut outcome).await {
            Ok(End::Answered) => outcome.completed += 1,
            Ok(End::Early) => outcome.early += 1,
            Ok(End::Unheard) => outcome.unheard += 1,
            Ok(End::Failed(code)) => *outcome.failed.entry(code).or_default() += 1,
            Ok(End::Frozen(after)) => {
                let what = format!("{} turn {number}, after {after}", script.url);
                say(&format!("frozen: {what}"));
                outcome.frozen.push(what);
            }
            Err(error) => {
                let what = format!("{} in turn {number}: {error:#}", script.url);
                say(&format!("lost: {what}"));
                outcome.lost.push(what);
                continue;
            }
        }
        person = Some(present);
    }
    outcome
}

struct Person {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Packets of the microphone that were sent.
    packets: u64,
}

impl Person {
    async fn come(url: &str) -> anyhow::Result<Self> {
        let (socket, _) = connect_async(url).await?;
        let mut person = Self { socket, packets: 0 };
        let input = json!({"format": {"type": "audio/pcm", "rate": RATE}});
        let session = json!({"type": "realtime", "max_output_tokens": 40, "audio": {"input": input}});
        person.say(json!({"type": "session.update", "session": session})).await?;
        // A duet beside the talk, so that no child is spared.
        person.say(json!({"type": "duet.start", "mode": "accompany", "complexity": "simple"})).await?;
        Ok(person)
    }

    /// What a camera and a keyboard send meanwhile, after so many packets of the microphone.
    async fn beside(&mut self, packets: u64) -> anyhow::Result<()> {
        if packets.is_multiple_of(LANDMARKS_EVERY) {
            let blink = if packets.is_multiple_of(30 * LANDMARKS_EVERY) { 0.9 } else { 0.05 };
            let face = json!({"type": "duologue.landmarks", "faces": 1, "width": 640, "height": 360,
                "t_us": packets * 20_000, "blendshapes": {"eyeBlinkLeft": blink, "eyeBlinkRight": blink}});
            self.say(face).await?;
        }
        if packets.is_multiple_of(NOTE_EVERY) {
            let pitch = 60 + [0, 4, 7, 12][(packets / NOTE_EVERY % 4) as usize];
            // A time that is too old counts as now.
            let events = json!([[0, 0x90, pitch, 80], [0, 0x80, pitch, 0]]);
            self.say(json!({"type": "duet.midi", "events": events})).await?;
        }
        Ok(())
    }

    async fn say(&mut self, event: Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Text(event.to_string().into())).await?)
    }

    /// One thing said or written, and all that comes of it.
    async fn turn(&mut self, script: &Script, number: usize, outcome: &mut Outcome) -> anyhow::Result<End> {
        let language = usize::from(script.korean);
        let (clips, texts) = (&script.clips[language], &TEXTS[language]);
        let clip = number.is_multiple_of(2).then(|| &clips[number / 2 % clips.len()]);
        if clip.is_none() {
            let item = format!("written_{number}");
            let text = format!("{} ({number})", texts[number / 2 % texts.len()]);
            let content = json!([{"type": "input_text", "text": text}]);
            let body = json!({"id": item, "type": "message", "role": "user", "content": content});
            outcome.written.push((item, text));
            self.say(json!({"type": "conversation.item.create", "item": body})).await?;
            self.say(json!({"type": "response.create"})).await?;
        }
        let clip = clip.map_or(&[][..], Vec::as_slice);
        let mut hearing = Hearing { spoken: !clip.is_empty(), ..Hearing::default() };
        let mut packets = tokio::time::interval(Duration::from_millis(20));
        let silence = [0i16; 320];
        let (mut sent, mut ended) = (0, Instant::now());
        loop {
            tokio::select! {
                _ = packets.tick() => {
                    let rest = clip.get(sent..).filter(|rest| !rest.is_empty());
                    let packet = rest.map_or(&silence[..], |rest| &rest[..rest.len().min(silence.len())]);
                    let bytes = packet.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>();
                    self.socket.send(Message::Binary(bytes.into())).await?;
                    self.beside(self.packets).await?;
                    self.packets += 1;
                    if rest.is_some() {
                        sent += packet.len();
                        ended = Instant::now();
                    }
                }
                message = self.socket.next() => {
                    let Message::Text(text) = message.context("the socket was closed")?? else { continue };
                    let event = serde_json::from_str::<Value>(&text)?;
                    if hearing.hear(&event, outcome)? {
                        self.say(json!({"type": "response.create"})).await?;
                    }
                }
            }
            if sent >= clip.len() {
                if let Some(end) = hearing.end.take() {
                    outcome.waits.push(ended.elapsed());
                    return Ok(end);
                }
                if hearing.answered_early && ended.elapsed() > script.bound / 3 {
                    return Ok(End::Early);
                }
                if ended.elapsed() > script.bound {
                    return Ok(End::Frozen(hearing.trail.join(", ")));
                }
            } else if hearing.end.take().is_some() {
                // An answer to the first half of a clip is not the answer, unless nobody hears more in the second.
                hearing.answered_early = true;
            }
        }
    }
}

/// What is heard during one turn.
#[derive(Default)]
struct Hearing {
    spoken: bool,
    end: Option<End>,
    /// A reply was in the way; ours is asked for when it has ended.
    ask_again: bool,
    /// An answer came before the clip was over, and no voice was heard after it.
    answered_early: bool,
    /// What came last, the sound and the duet left out.
    trail: Vec<String>,
}

/// So many events of a turn tell how far it came.
const TRAIL: usize = 16;

impl Hearing {
    /// Keeps the names of the last events.
    fn remember(&mut self, event: &Value) {
        let name = event["type"].as_str().unwrap_or_default();
        if name.ends_with(".delta") || name.starts_with("duet.") || name == "duologue.scores" {
            return;
        }
        if self.trail.len() == TRAIL {
            self.trail.remove(0);
        }
        let status = event["response"]["status"].as_str().unwrap_or_default();
        self.trail.push(format!("{name} {status}").trim().to_owned());
    }

    /// Takes note of an event; true when a reply must be asked for.
    fn hear(&mut self, event: &Value, outcome: &mut Outcome) -> anyhow::Result<bool> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.remember(event);
        match event["type"].as_str().unwrap_or_default() {
            "duologue.durable" => {
                outcome.durable.insert(text(&event["item_id"]));
            }
            "duologue.notice" => *outcome.notices.entry(text(&event["code"])).or_default() += 1,
            "duologue.ended" => bail!("the scene ended: {}", event["message"]),
            "error" if event["error"]["code"] == "conversation_already_has_active_response" => {
                self.ask_again = true;
            }
            "error" => bail!("{}", event["error"]),
            "conversation.item.input_audio_transcription.completed"
                if self.spoken && event["transcript"].as_str().unwrap_or_default().trim().is_empty() =>
            {
                self.end = Some(End::Unheard);
            }
            "conversation.item.input_audio_transcription.failed" if self.spoken => {
                self.end = Some(End::Failed(text(&event["error"]["code"])));
            }
            "input_audio_buffer.speech_started" => self.answered_early = false,
            "response.created" => self.end = None,
            "response.done" if std::mem::take(&mut self.ask_again) => return Ok(true),
            "response.done" => {
                self.end = match event["response"]["status"].as_str().unwrap_or_default() {
                    "completed" | "incomplete" => Some(End::Answered),
                    "failed" => {
                        let code = &event["response"]["status_details"]["error"]["code"];
                        Some(End::Failed(text(code)))
                    }
                    _ => None,
                };
            }
            _ => {}
        }
        Ok(false)
    }
}
