//! Engines that answer from a script, with delays on the runtime's clock.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use duologue_domain::{
    face::Frame,
    lang::Language,
    pcm::level_db,
    viseme::{Viseme, VisemeCue},
};
use duologue_engines::{
    absent::Absent,
    port::{
        CancelFlag, ChatMessage, EmbedEngine, EmbedRequest, Embeddings, EngineError, EngineInfo,
        EngineStream, ErrorKind, FaceEngine, Finish, Health, LlmEngine, LlmEvent, LlmRequest, LlmStream,
        LlmUsage, Picture, Role, SPEECH_RATE, SessionKey, SpeechChunk, SttEngine, SttRequest, ToolCall,
        Transcript, TtsEngine, TtsRequest, TtsStream, TurnEngine, VAD_FRAME, VadEngine, VadStream, Voice,
    },
    registry::Engines,
};
use futures_util::{FutureExt, future::BoxFuture};

use crate::{gate::Gate, line_of};

fn info(engine: &'static str) -> EngineInfo {
    EngineInfo { engine, model: "script".into(), languages: Vec::new() }
}

/// Loud frames are speech.
#[derive(Clone, Debug, Default)]
pub struct FakeVad {
    /// Its switch.
    pub gate: Gate,
}

impl VadEngine for FakeVad {
    fn info(&self) -> EngineInfo {
        info("fake-vad")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn open(&self, _: SessionKey) -> Result<Box<dyn VadStream>, EngineError> {
        self.gate.pass("fake-vad")?;
        Ok(Box::new(FakeVadStream(self.gate.clone())))
    }
}

struct FakeVadStream(Gate);

impl VadStream for FakeVadStream {
    fn probabilities(&mut self, frames: Vec<f32>) -> BoxFuture<'_, Result<Vec<f32>, EngineError>> {
        let passed = self.0.pass("fake-vad");
        let gate = self.0.clone();
        async move {
            passed?;
            gate.step().await;
            let loud = |frame: &[f32]| if level_db(frame) > -40.0 { 0.95 } else { 0.02 };
            Ok(frames.chunks_exact(VAD_FRAME).map(loud).collect())
        }
        .boxed()
    }
}

/// Every pause sounds as complete as the test says.
#[derive(Clone, Debug)]
pub struct FakeTurn {
    /// Probability that it answers.
    pub complete: f32,
}

impl TurnEngine for FakeTurn {
    fn info(&self) -> EngineInfo {
        info("fake-turn")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn completeness(
        &self,
        _: SessionKey,
        _: Arc<[f32]>,
    ) -> BoxFuture<'static, Result<(f32, Duration), EngineError>> {
        let took = Duration::from_millis(60);
        let complete = self.complete;
        async move {
            tokio::time::sleep(took).await;
            Ok((complete, took))
        }
        .boxed()
    }
}

/// Hears the next line of its script at each final request and its first word in partials, or the line that the
/// pitch of the speech names. It does not believe a line that begins with `?`.
#[derive(Clone, Debug, Default)]
pub struct FakeStt {
    /// Its switch.
    pub gate: Gate,
    lines: Arc<Mutex<VecDeque<String>>>,
    by_pitch: bool,
    partial: Option<String>,
}

impl FakeStt {
    /// Hears these, one after the other, and then nothing.
    pub fn hearing(lines: &[&str]) -> Self {
        let lines = Arc::new(Mutex::new(lines.iter().map(|line| (*line).to_owned()).collect()));
        Self { gate: Gate::default(), lines, by_pitch: false, partial: None }
    }

    /// Hears the line that was [`spoken`](crate::spoken), however often it is asked.
    pub fn understanding(lines: &[&str]) -> Self {
        Self { by_pitch: true, ..Self::hearing(lines) }
    }

    /// Hears this in every partial, and then the line.
    pub fn guessing(partial: &str, line: &str) -> Self {
        Self { partial: Some(partial.to_owned()), ..Self::hearing(&[line]) }
    }

    fn line(&self, request: &SttRequest) -> String {
        if let Some(partial) = self.partial.as_ref().filter(|_| request.partial) {
            return partial.clone();
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let first_word = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        let line = match (self.by_pitch, request.partial) {
            (true, false) => line_of(&request.audio).and_then(|index| lines.get(index).cloned()),
            (true, true) => line_of(&request.audio).and_then(|index| lines.get(index).map(first_word)),
            (false, true) => lines.front().map(first_word),
            (false, false) => lines.pop_front(),
        };
        line.unwrap_or_default()
    }
}

impl SttEngine for FakeStt {
    fn info(&self) -> EngineInfo {
        info("fake-stt")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn warm_up(&self) {}

    fn transcribe(&self, request: SttRequest) -> BoxFuture<'static, Result<Transcript, EngineError>> {
        let passed = self.gate.pass("fake-stt");
        let fake = self.clone();
        async move {
            passed?;
            fake.gate.step().await;
            // What was said must still be there when it is asked for.
            if level_db(&request.audio) < -40.0 {
                return Err(EngineError::new(ErrorKind::BadInput, "fake-stt", "no audio"));
            }
            let compute = Duration::from_millis(200);
            tokio::time::sleep(compute).await;
            let text = fake.line(&request);
            let language = Language::of_text(&text);
            let (text, doubted) = match text.strip_prefix('?') {
                Some(doubted) => (String::new(), doubted.to_owned()),
                None => (text, String::new()),
            };
            Ok(Transcript { text, doubted, language, compute, ..Transcript::default() })
        }
        .boxed()
    }
}

/// Says the next line of its script, word by word, and after the last the last again; or the line that answers the
/// person's last words. Goes on with a reply that was begun.
#[derive(Clone, Debug)]
pub struct FakeLlm {
    /// Its switch.
    pub gate: Gate,
    lines: Arc<Mutex<VecDeque<String>>>,
    answers: Arc<Vec<(String, String)>>,
    /// The prompts that it was given.
    pub prompts: Arc<Mutex<Vec<Vec<ChatMessage>>>>,
    /// The prompts that it was to read ahead.
    pub read: Arc<Mutex<Vec<Vec<ChatMessage>>>>,
    /// Of each of these, what keeps it going and how one sees that nobody wants it any more.
    readings: Arc<Mutex<Vec<Reading>>>,
    /// The whole requests, in the same order.
    pub requests: Arc<Mutex<Vec<LlmRequest>>>,
    /// Between words.
    pub per_word: Duration,
    /// What it says of itself.
    pub calls_unasked: bool,
}

/// A reading that goes on until its stream is dropped.
type Reading = (tokio::sync::mpsc::Sender<Result<LlmEvent, EngineError>>, CancelFlag);

impl FakeLlm {
    /// How many prompts it is reading ahead just now: each goes on until nobody wants it any more.
    pub fn reading(&self) -> usize {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.iter().filter(|(_, cancel)| !cancel.is_cancelled()).count()
    }

    /// Says these, one after the other. `<call name {"an": "object"}>` at the end of a line calls a function if it is
    /// offered.
    pub fn saying(lines: &[&str]) -> Self {
        Self {
            gate: Gate::default(),
            lines: Arc::new(Mutex::new(lines.iter().map(|line| (*line).to_owned()).collect())),
            answers: Arc::default(),
            prompts: Arc::default(),
            read: Arc::default(),
            readings: Arc::default(),
            requests: Arc::default(),
            per_word: Duration::from_millis(50),
            calls_unasked: false,
        }
    }

    /// Answers each of these questions with its answer, however often it is asked.
    pub fn answering(answers: &[(&str, &str)]) -> Self {
        let answers = answers.iter().map(|(question, answer)| ((*question).into(), (*answer).into()));
        Self { answers: Arc::new(answers.collect()), ..Self::saying(&[]) }
    }

    fn line(&self, messages: &[ChatMessage]) -> String {
        let asked = messages.iter().rev().find(|message| matches!(message.role, Role::User | Role::Tool));
        let answer = |question: &str| self.answers.iter().find(|(other, _)| other == question);
        let line = match asked.and_then(|asked| answer(&asked.content)) {
            Some((_, answer)) => answer.clone(),
            None => {
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                let next = if lines.len() > 1 { lines.pop_front() } else { lines.front().cloned() };
                next.unwrap_or_default()
            }
        };
        match messages.last() {
            Some(last) if last.role == Role::Assistant => {
                line.strip_prefix(&last.content).unwrap_or(&line).to_owned()
            }
            _ => line,
        }
    }
}

/// The words of a scripted line, and the calls written into it as `<call name {"an": "object"}>`.
fn with_calls(line: String) -> (String, Vec<ToolCall>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let Some((words, rest)) = line.split_once("<call ") else { return (line, Vec::new()) };
    let calls = rest.split("<call ").filter_map(|call| {
        let (name, arguments) = call.trim_end().strip_suffix('>')?.split_once(' ')?;
        Some(ToolCall {
            id: format!("call_{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        })
    });
    (words.to_owned(), calls.collect())
}

impl LlmEngine for FakeLlm {
    fn info(&self) -> EngineInfo {
        info("fake-llm")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn warm_up(&self) {}

    fn context_tokens(&self) -> usize {
        2048
    }

    fn prefill(&self, _: Vec<ChatMessage>) {}

    fn has_tools(&self) -> bool {
        true
    }

    fn calls_unasked(&self) -> bool {
        self.calls_unasked
    }

    fn read_ahead(&self, request: LlmRequest) -> Option<LlmStream> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).push(request.messages);
        let (sender, cancel, stream) = EngineStream::channel(1);
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push((sender, cancel));
        Some(stream)
    }

    fn generate(&self, request: LlmRequest) -> Result<LlmStream, EngineError> {
        self.gate.pass("fake-llm")?;
        let (line, calls) = with_calls(self.line(&request.messages));
        let calls = calls.into_iter().filter(|call| request.tools.iter().any(|tool| tool.name == call.name));
        let calls = calls.collect::<Vec<_>>();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).push(request.messages);
        let max_tokens = request.max_tokens;
        let gate = self.gate.clone();
        let (sender, cancel, stream) = EngineStream::channel(64);
        let per_word = self.per_word;
        tokio::spawn(async move {
            let mut words = 0;
            let mut finish = Finish::Stop;
            for word in line.split_inclusive(' ') {
                // A word is a token.
                if words >= max_tokens {
                    finish = Finish::Length;
                    break;
                }
                gate.step().await;
                tokio::time::sleep(per_word).await;
                if cancel.is_cancelled() || sender.send(Ok(LlmEvent::Delta(word.to_owned()))).await.is_err() {
                    return;
                }
                words += 1;
            }
            for call in calls {
                gate.step().await;
                if cancel.is_cancelled() || sender.send(Ok(LlmEvent::ToolCall(call))).await.is_err() {
                    return;
                }
            }
            let usage = LlmUsage { completion_tokens: words, first_token: per_word, ..LlmUsage::default() };
            let _ = sender.send(Ok(LlmEvent::Done { finish, usage })).await;
        });
        Ok(stream)
    }
}

/// Speaks a tone, 50 ms a character.
#[derive(Clone, Debug, Default)]
pub struct FakeTts {
    /// Its switch.
    pub gate: Gate,
    /// What it was asked to say.
    pub said: Arc<Mutex<Vec<String>>>,
}

impl TtsEngine for FakeTts {
    fn info(&self) -> EngineInfo {
        info("fake-tts")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn warm_up(&self) {}

    fn voices(&self) -> Vec<Voice> {
        let voice = |id: &str| Voice {
            id: id.into(),
            name: id.into(),
            languages: Language::ALL.to_vec(),
            gender: "neutral",
            engine: "fake-tts",
            online: false,
        };
        vec![voice("fake-one"), voice("fake-two")]
    }

    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError> {
        self.gate.pass("fake-tts")?;
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(request.text.clone());
        let (sender, cancel, stream) = EngineStream::channel(4);
        let gate = self.gate.clone();
        tokio::spawn(async move {
            let compute = Duration::from_millis(30);
            let cue = VisemeCue { at_ms: 0, viseme: Viseme::A };
            for (index, _) in request.text.chars().enumerate() {
                gate.step().await;
                tokio::time::sleep(if index == 0 { compute } else { Duration::from_millis(5) }).await;
                let chunk = SpeechChunk {
                    audio: syllable(),
                    visemes: if index == 0 { vec![cue] } else { Vec::new() },
                    queued: Duration::ZERO,
                    compute,
                };
                if cancel.is_cancelled() || sender.send(Ok(chunk)).await.is_err() {
                    return;
                }
            }
        });
        Ok(stream)
    }
}

/// A voice that a person is told from: high, and with a beginning and an end.
fn syllable() -> Vec<f32> {
    let samples = SPEECH_RATE as usize / 20;
    let phase = |index: usize| std::f32::consts::TAU * index as f32 / samples as f32;
    (0..samples).map(|index| 0.2 * (1.0 - phase(index).cos()) * (phase(index) * 60.0).sin()).collect()
}

/// Sees the same face in every picture.
#[derive(Clone, Debug)]
pub struct FakeFace {
    /// Its switch; its uses are the pictures that it was given.
    pub gate: Gate,
    /// What it sees.
    pub sees: Frame,
    /// How long it looks.
    pub per_picture: Duration,
}

impl FakeFace {
    /// One that sees this, 20 ms a picture.
    pub fn seeing(frame: Frame) -> Self {
        Self { gate: Gate::default(), sees: frame, per_picture: Duration::from_millis(20) }
    }
}

impl FaceEngine for FakeFace {
    fn info(&self) -> EngineInfo {
        info("fake-face")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn look(&self, _: Picture) -> BoxFuture<'static, Result<Frame, EngineError>> {
        let passed = self.gate.pass("fake-face");
        let fake = self.clone();
        async move {
            passed?;
            fake.gate.step().await;
            tokio::time::sleep(fake.per_picture).await;
            Ok(fake.sees)
        }
        .boxed()
    }
}

/// Places texts by the words in them: those that share words lie close together.
#[derive(Clone, Debug, Default)]
pub struct FakeEmbed {
    /// Its switch.
    pub gate: Gate,
}

impl FakeEmbed {
    /// Numbers of a vector.
    pub const DIMENSIONS: usize = 64;

    fn place(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0f32; Self::DIMENSIONS];
        for word in text.split_whitespace() {
            let sum = word.bytes().fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            vector[sum % Self::DIMENSIONS] += 1.0;
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(1.0);
        vector.iter().map(|number| number / length).collect()
    }
}

impl EmbedEngine for FakeEmbed {
    fn info(&self) -> EngineInfo {
        info("fake-embed")
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn warm_up(&self) {}

    fn dimensions(&self) -> usize {
        Self::DIMENSIONS
    }

    fn embed(&self, request: EmbedRequest) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let passed = self.gate.pass("fake-embed");
        let gate = self.gate.clone();
        async move {
            passed?;
            gate.step().await;
            let tokens = request.texts.iter().map(|text| text.split_whitespace().count()).sum();
            let vectors = request.texts.iter().map(|text| Self::place(text)).collect();
            Ok(Embeddings { vectors, tokens, ..Embeddings::default() })
        }
        .boxed()
    }
}

/// All fakes together.
pub fn engines(stt: &FakeStt, llm: &FakeLlm, tts: &FakeTts, vad: &FakeVad) -> Arc<Engines> {
    Arc::new(Engines {
        vad: Arc::new(vad.clone()),
        turn: Arc::new(FakeTurn { complete: 0.9 }),
        stt: Arc::new(stt.clone()),
        llm: Arc::new(llm.clone()),
        small_llm: None,
        tts: Arc::new(tts.clone()),
        face: Arc::new(Absent::new("mediapipe", "not in these tests")),
        embed: Arc::new(FakeEmbed::default()),
    })
}
