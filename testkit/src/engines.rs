//! Engines that answer from a script, with delays on the runtime's clock.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use duologue_domain::{
    lang::Language,
    pcm::level_db,
    viseme::{Viseme, VisemeCue},
};
use duologue_engines::{
    port::{
        ChatMessage, EngineError, EngineInfo, EngineStream, ErrorKind, Finish, Health, LlmEngine, LlmEvent,
        LlmRequest, LlmStream, LlmUsage, SPEECH_RATE, SessionKey, SpeechChunk, SttEngine, SttRequest,
        Transcript, TtsEngine, TtsRequest, TtsStream, TurnEngine, VAD_FRAME, VadEngine, VadStream, Voice,
    },
    registry::Engines,
};
use futures_util::{FutureExt, future::BoxFuture};

fn info(engine: &'static str) -> EngineInfo {
    EngineInfo { engine, model: "script".into(), languages: Vec::new() }
}

/// Lets a test break an engine and repair it, and counts its uses.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    broken: Arc<AtomicBool>,
    uses: Arc<AtomicUsize>,
}

impl Gate {
    /// From now on every use fails.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// From now on it works again.
    pub fn repair(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    /// How often it was used.
    pub fn uses(&self) -> usize {
        self.uses.load(Ordering::SeqCst)
    }

    fn pass(&self, engine: &'static str) -> Result<(), EngineError> {
        self.uses.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err(EngineError::new(ErrorKind::Unavailable, engine, "switched off by the test")),
            false => Ok(()),
        }
    }
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
        let result = self.0.pass("fake-vad").map(|()| {
            let loud = |frame: &[f32]| if level_db(frame) > -40.0 { 0.95 } else { 0.02 };
            frames.chunks_exact(VAD_FRAME).map(loud).collect()
        });
        async move { result }.boxed()
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

/// Hears the next line of its script at each final request, and "…" in partials.
#[derive(Clone, Debug, Default)]
pub struct FakeStt {
    /// Its switch.
    pub gate: Gate,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl FakeStt {
    /// Hears these, one after the other, and then nothing.
    pub fn hearing(lines: &[&str]) -> Self {
        let lines = Arc::new(Mutex::new(lines.iter().map(|line| (*line).to_owned()).collect()));
        Self { gate: Gate::default(), lines }
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
        let gate = self.gate.clone();
        let lines = self.lines.clone();
        async move {
            gate.pass("fake-stt")?;
            // What was said must still be there when it is asked for.
            if level_db(&request.audio) < -40.0 {
                return Err(EngineError::new(ErrorKind::BadInput, "fake-stt", "no audio"));
            }
            let compute = Duration::from_millis(200);
            tokio::time::sleep(compute).await;
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            let text = match request.partial {
                true => lines.front().map(|line| line.split(' ').next().unwrap_or_default().to_owned()),
                false => lines.pop_front(),
            };
            let text = text.unwrap_or_default();
            let language = Language::of_text(&text);
            Ok(Transcript { text, language, compute, ..Transcript::default() })
        }
        .boxed()
    }
}

/// Says the next line of its script, word by word; after the last, the last again.
#[derive(Clone, Debug)]
pub struct FakeLlm {
    /// Its switch.
    pub gate: Gate,
    lines: Arc<Mutex<VecDeque<String>>>,
    /// The prompts that it was given.
    pub prompts: Arc<Mutex<Vec<Vec<ChatMessage>>>>,
    /// Between words.
    pub per_word: Duration,
}

impl FakeLlm {
    /// Says these, one after the other.
    pub fn saying(lines: &[&str]) -> Self {
        Self {
            gate: Gate::default(),
            lines: Arc::new(Mutex::new(lines.iter().map(|line| (*line).to_owned()).collect())),
            prompts: Arc::default(),
            per_word: Duration::from_millis(50),
        }
    }
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

    fn generate(&self, request: LlmRequest) -> Result<LlmStream, EngineError> {
        self.gate.pass("fake-llm")?;
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).push(request.messages);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line =
            if lines.len() > 1 { lines.pop_front() } else { lines.front().cloned() }.unwrap_or_default();
        let (sender, cancel, stream) = EngineStream::channel(64);
        let per_word = self.per_word;
        tokio::spawn(async move {
            let mut words = 0;
            for word in line.split_inclusive(' ') {
                tokio::time::sleep(per_word).await;
                if cancel.is_cancelled() || sender.send(Ok(LlmEvent::Delta(word.to_owned()))).await.is_err() {
                    return;
                }
                words += 1;
            }
            let usage = LlmUsage { completion_tokens: words, first_token: per_word, ..LlmUsage::default() };
            let _ = sender.send(Ok(LlmEvent::Done { finish: Finish::Stop, usage })).await;
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
        tokio::spawn(async move {
            let compute = Duration::from_millis(30);
            let cue = VisemeCue { at_ms: 0, viseme: Viseme::A };
            for (index, _) in request.text.chars().enumerate() {
                tokio::time::sleep(if index == 0 { compute } else { Duration::from_millis(5) }).await;
                let chunk = SpeechChunk {
                    audio: vec![0.2; SPEECH_RATE as usize / 20],
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

/// All fakes together.
pub fn engines(stt: &FakeStt, llm: &FakeLlm, tts: &FakeTts, vad: &FakeVad) -> Arc<Engines> {
    Arc::new(Engines {
        vad: Arc::new(vad.clone()),
        turn: Arc::new(FakeTurn { complete: 0.9 }),
        stt: Arc::new(stt.clone()),
        llm: Arc::new(llm.clone()),
        tts: Arc::new(tts.clone()),
    })
}
