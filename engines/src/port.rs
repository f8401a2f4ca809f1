//! The ports: what a session may ask of a model, however and wherever that model runs.
//!
//! Every port is small, takes owned input and answers with one error type. Dropping a future or a
//! stream that a port returned cancels the work behind it. Adapters live beside this file, one
//! vendor or model each; actors know only what is here.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::fair::Haste;
use duologue_domain::{face::Frame, lang::Language, viseme::VisemeCue};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

/// What went wrong in an engine, in the few kinds that a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The queue is full; the same request may succeed later.
    Overloaded,
    /// The deadline passed before the work was done.
    Timeout,
    /// The request itself cannot be served (empty text, unknown voice, audio too long).
    BadInput,
    /// The engine is switched off, its model is missing, or its server cannot be reached.
    Unavailable,
    /// The engine broke while working; a fresh one may do better.
    Broken,
}

impl ErrorKind {
    /// The stable code of this kind, as it appears on the wire and in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Overloaded => "engine_overloaded",
            Self::Timeout => "engine_timeout",
            Self::BadInput => "engine_bad_input",
            Self::Unavailable => "engine_unavailable",
            Self::Broken => "engine_broken",
        }
    }
}

/// The one error of all ports. `message` never contains what a person said or wrote.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{engine}: {message}")]
pub struct EngineError {
    /// What kind of failure, for the caller's decision.
    pub kind: ErrorKind,
    /// Which engine, for example `whisper` or `hibari`.
    pub engine: &'static str,
    /// What happened and what to do, for an operator.
    pub message: String,
}

impl EngineError {
    /// An error of `kind` from `engine`.
    pub fn new(kind: ErrorKind, engine: &'static str, message: impl Into<String>) -> Self {
        Self { kind, engine, message: message.into() }
    }

    /// Whether one more try of the same request is reasonable.
    pub fn retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Broken)
    }
}

/// Whether an engine can be used now, and if not, why. Shown on `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Configured but not loaded yet; the first request loads it.
    Idle,
    /// Being loaded.
    Loading,
    /// Loaded and making progress.
    Ready,
    /// Works, but not as configured; the text says how.
    Degraded(String),
    /// Cannot be used; the text says why and what to do.
    Unavailable(String),
}

/// What `/health` and the logs say of an engine.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    /// Adapter, for example `whisper`.
    pub engine: &'static str,
    /// Model file stem or remote model name.
    pub model: String,
    /// Languages served; empty means any.
    pub languages: Vec<Language>,
}

/// A flag shared between a requester and a worker: the requester raises it, the worker looks at it
/// between steps.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the worker to stop at its next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the requester has gone.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Raises its flag when dropped: put one into whatever the requester holds.
#[derive(Debug)]
pub struct CancelOnDrop(pub CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A bounded stream of results from an engine. Dropping it cancels the work.
pub struct EngineStream<T> {
    receiver: mpsc::Receiver<Result<T, EngineError>>,
    _cancel: CancelOnDrop,
}

impl<T> fmt::Debug for EngineStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineStream").finish_non_exhaustive()
    }
}

impl<T> EngineStream<T> {
    /// A stream with room for `capacity` results; the worker waits when it is full.
    pub fn channel(capacity: usize) -> (mpsc::Sender<Result<T, EngineError>>, CancelFlag, Self) {
        let (sender, receiver) = mpsc::channel(capacity);
        let flag = CancelFlag::default();
        (sender, flag.clone(), Self { receiver, _cancel: CancelOnDrop(flag) })
    }

    /// The next result; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<T, EngineError>> {
        self.receiver.recv().await
    }
}

/// Which session a request belongs to, and in its upper half whose client's; engines serve clients and then their
/// sessions in turn, so that none starves the others. Made by [`session_key`](crate::fair::session_key).
pub type SessionKey = u64;

// ---------------------------------------------------------------- hearing

/// What is made of what is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SttTask {
    /// The words, in the language in which they were said.
    #[default]
    Transcribe,
    /// The same in English.
    Translate,
}

/// One request to transcribe. By default nothing of no length, which must be begun at once.
#[derive(Clone, Debug, Default)]
pub struct SttRequest {
    /// Whose request.
    pub session: SessionKey,
    /// Mono audio at 16 kHz, in [-1, 1], at most 30 s.
    pub audio: Arc<[f32]>,
    /// Fixed language, or `None` to detect it.
    pub language: Option<Language>,
    /// Words likely to occur (names); biases the decoder.
    pub prompt: Option<String>,
    /// It may be no more than a word over a reply ("네", "wait"): those words are likely, in the language that is
    /// heard, and take the place of `prompt`.
    pub interjection: bool,
    /// A partial is replaced by a newer request of the same session that still waits.
    pub partial: bool,
    /// Gives up with `Timeout` when this has passed before the work began.
    pub deadline: Duration,
    /// What is to be made of it.
    pub task: SttTask,
    /// Whether [`Transcript::words`] is wanted. Takes longer, and cannot be stopped between two words.
    pub times: bool,
    /// How soon it is wanted; a partial is wanted [`Urgency::Soon`](crate::fair::Urgency::Soon) whatever this says.
    pub haste: Haste,
}

/// A word, and when it was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpokenWord {
    /// With its punctuation, without spaces around it.
    pub text: String,
    /// Milliseconds from the first sample.
    pub from_ms: u64,
    /// Milliseconds from the first sample; not before `from_ms`.
    pub to_ms: u64,
    /// How sure the model is of its tokens, in [0, 1].
    pub probability: f32,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The words, trimmed; empty when there was no speech.
    pub text: String,
    /// What the model wrote and does not believe itself, in place of `text`: noise, most of the time.
    pub doubted: String,
    /// The language that was used or detected.
    pub language: Option<Language>,
    /// Probability that there was no speech at all, in [0, 1].
    pub no_speech: f32,
    /// Mean log probability of the tokens.
    pub confidence: f32,
    /// The words of `text` in their order, where they were wanted and the engine knows their times.
    pub words: Vec<SpokenWord>,
    /// Time in the queue before the work began.
    pub queued: Duration,
    /// Time that the model itself took.
    pub compute: Duration,
}

/// Speech to text.
pub trait SttEngine: Send + Sync + 'static {
    /// Adapter, model, languages.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// Loads the model now instead of at the first request.
    fn warm_up(&self);
    /// Transcribes; dropping the future cancels.
    fn transcribe(&self, request: SttRequest) -> BoxFuture<'static, Result<Transcript, EngineError>>;
}

/// Samples in one voice-activity frame at 16 kHz (32 ms), what Silero expects.
pub const VAD_FRAME: usize = 512;

/// Voice activity: opens one stream per session.
pub trait VadEngine: Send + Sync + 'static {
    /// Adapter and model.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// A fresh stream for one session.
    fn open(&self, session: SessionKey) -> Result<Box<dyn VadStream>, EngineError>;
}

/// The voice-activity state of one session.
pub trait VadStream: Send {
    /// The probability of speech for each [`VAD_FRAME`] of `frames` (whose length is a multiple of it).
    fn probabilities(&mut self, frames: Vec<f32>) -> BoxFuture<'_, Result<Vec<f32>, EngineError>>;
}

/// Judges whether an utterance sounds complete.
pub trait TurnEngine: Send + Sync + 'static {
    /// Adapter and model.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// Probability in [0, 1] that the speaker has finished, from the last ≤ 8 s at 16 kHz, with the
    /// time that the model took.
    fn completeness(
        &self,
        session: SessionKey,
        audio: Arc<[f32]>,
    ) -> BoxFuture<'static, Result<(f32, Duration), EngineError>>;
}

// ---------------------------------------------------------------- thinking

pub use duologue_domain::{
    prompt::{ChatMessage, Role},
    tool::{Tool, ToolCall, ToolChoice},
};

/// How to pick the next token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 picks the likeliest.
    pub temperature: f32,
    /// Nucleus.
    pub top_p: f32,
    /// Divides the logits of recent tokens; 1 switches it off.
    pub repeat_penalty: f32,
    /// Same seed and prompt, same reply; `None` draws one.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.7, top_p: 0.9, repeat_penalty: 1.1, seed: None }
    }
}

/// One request to generate.
#[derive(Clone, Debug)]
pub struct LlmRequest {
    /// Whose request.
    pub session: SessionKey,
    /// The whole prompt, oldest first. `messages[..shared]` is the same for every session of a persona:
    /// engines that can, prefill it once and share its KV.
    pub messages: Vec<ChatMessage>,
    /// How many leading messages are shared between sessions.
    pub shared: usize,
    /// At most this many new tokens.
    pub max_tokens: usize,
    /// How to pick.
    pub sampling: Sampling,
    /// Texts that end the reply, not included in it.
    pub stop: Vec<String>,
    /// Gives up with `Timeout` when no token came within this.
    pub first_token_deadline: Duration,
    /// Functions that may be called.
    pub tools: Arc<[Tool]>,
    /// Whether one has to be called.
    pub tool_choice: ToolChoice,
    /// The JSON schema, as text, that the whole reply must follow: OpenAI's `response_format` (for `json_object` give
    /// `{"type":"object"}`). llama.cpp holds the model to it token by token, remote servers are asked to, and an
    /// engine that cannot refuses with `BadInput`. Not together with `tools`.
    pub response_schema: Option<Arc<str>>,
}

impl Default for LlmRequest {
    fn default() -> Self {
        Self {
            session: 0,
            messages: Vec::new(),
            shared: 0,
            max_tokens: 256,
            sampling: Sampling::default(),
            stop: Vec::new(),
            first_token_deadline: Duration::from_secs(40),
            tools: Arc::default(),
            tool_choice: ToolChoice::default(),
            response_schema: None,
        }
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// `max_tokens` or the context was reached.
    Length,
    /// The model ran in circles and was cut.
    Repetition,
}

/// What a reply cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LlmUsage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, found in a cache.
    pub cached_tokens: usize,
    /// New tokens.
    pub completion_tokens: usize,
    /// Time in the queue before the work began.
    pub queued: Duration,
    /// From there to the first token: what the model itself took.
    pub first_token: Duration,
}

/// What a generating engine says.
#[derive(Clone, Debug, PartialEq)]
pub enum LlmEvent {
    /// More text; whole UTF-8 characters.
    Delta(String),
    /// A function is to be called; said once its arguments are complete.
    ToolCall(ToolCall),
    /// The end.
    Done {
        /// Why.
        finish: Finish,
        /// At what cost.
        usage: LlmUsage,
    },
}

/// A stream of a reply.
pub type LlmStream = EngineStream<LlmEvent>;

/// A language model.
pub trait LlmEngine: Send + Sync + 'static {
    /// Adapter, model, languages.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// Loads the model now instead of at the first request.
    fn warm_up(&self);
    /// Tokens that a prompt may hold, the reply included.
    fn context_tokens(&self) -> usize;
    /// Whether it can call functions. One that cannot refuses a request that requires a call, with `BadInput`, and
    /// answers any other in words.
    fn has_tools(&self) -> bool {
        false
    }
    /// Whether it may call one in the middle of small talk, so that others have to look whether the words ask for any.
    fn calls_unasked(&self) -> bool {
        false
    }
    /// Prefills a persona's shared messages so that the first reply finds them cached; of several, those that were
    /// asked for last come first. May do nothing.
    fn prefill(&self, shared: Vec<ChatMessage>);
    /// [`LlmEngine::prefill`] for sessions that offer these functions first, in this order, in every request: they
    /// stand in the shared beginning of the prompt. A session with other functions after them, or none at all, still
    /// finds what it has in common with it.
    fn prefill_tools(&self, shared: Vec<ChatMessage>, _tools: Arc<[Tool]>) {
        self.prefill(shared);
    }
    /// Evaluates a prompt that is about to be asked, so that [`LlmEngine::generate`] with the same beginning finds
    /// it cached. Dropping the stream stops it; what it says is worth nothing. `None` where nothing is gained, as
    /// with a service that is paid by the token.
    fn read_ahead(&self, _request: LlmRequest) -> Option<LlmStream> {
        None
    }
    /// Begins a reply; dropping the stream cancels it. A last message of the assistant is the beginning of the
    /// reply: the rest of it is made. (A remote server may begin a new sentence there instead; that is as far as
    /// its protocol goes.)
    fn generate(&self, request: LlmRequest) -> Result<LlmStream, EngineError>;
}

// ---------------------------------------------------------------- speaking

/// Sample rate of all synthesised speech after its adapter, in Hz.
pub const SPEECH_RATE: u32 = 24_000;

/// A voice that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Stable id, for example `hibari-heart`, `kokoro-kumo`, `espeak-ko`, `ko-KR-SunHiNeural`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it speaks.
    pub languages: Vec<Language>,
    /// `female`, `male` or `neutral`.
    pub gender: &'static str,
    /// Which adapter.
    pub engine: &'static str,
    /// Whether text leaves this machine.
    pub online: bool,
}

/// One clause to speak.
#[derive(Clone, Debug)]
pub struct TtsRequest {
    /// Whose request.
    pub session: SessionKey,
    /// Plain text, at most 500 characters.
    pub text: String,
    /// What language it is in.
    pub language: Language,
    /// Voice id.
    pub voice: String,
    /// 0.25 to 1.5; 1 is natural.
    pub speed: f32,
    /// Gives up with `Timeout` when no sound came within this.
    pub first_audio_deadline: Duration,
}

/// A piece of speech.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechChunk {
    /// Mono, [`SPEECH_RATE`], in [-1, 1].
    pub audio: Vec<f32>,
    /// Mouth shapes, with times relative to the first sample of the whole clause.
    pub visemes: Vec<VisemeCue>,
    /// Time in the queue before the work began (first chunk only, else zero).
    pub queued: Duration,
    /// What the model itself took for this chunk.
    pub compute: Duration,
}

/// A stream of speech; ends after the last chunk.
pub type TtsStream = EngineStream<SpeechChunk>;

/// Text to speech.
pub trait TtsEngine: Send + Sync + 'static {
    /// Adapter, model, languages.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// Loads the model now instead of at the first request.
    fn warm_up(&self);
    /// What can be asked for.
    fn voices(&self) -> Vec<Voice>;
    /// Begins to speak; dropping the stream cancels.
    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError>;
}

// ---------------------------------------------------------------- seeing

/// A picture to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Three bytes a pixel, row by row.
    pub rgb: Vec<u8>,
}

impl fmt::Debug for Picture {
    // Never the pixels: they may be a person's face.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// Finds the face in a picture.
pub trait FaceEngine: Send + Sync + 'static {
    /// Adapter and model.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// What a landmarker sees in the picture, of the one face that it follows; a frame without faces when there is
    /// none.
    fn look(&self, picture: Picture) -> BoxFuture<'static, Result<Frame, EngineError>>;
}

// ---------------------------------------------------------------- finding

/// Tokens that one text may have, as with the services whose clients ask.
pub const MAX_EMBED_TOKENS: usize = 8192;

/// Texts to be placed.
#[derive(Clone, Debug)]
pub struct EmbedRequest {
    /// Whose request.
    pub session: SessionKey,
    /// Each at most [`MAX_EMBED_TOKENS`] long.
    pub texts: Vec<String>,
    /// Gives up with `Timeout` when some of the work had to wait longer than this.
    pub deadline: Duration,
}

/// Where texts lie: the closer two are, the more alike is what they mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One a text, in their order: [`EmbedEngine::dimensions`] numbers of length one, so that the product of two is
    /// their cosine.
    pub vectors: Vec<Vec<f32>>,
    /// Of all texts.
    pub tokens: usize,
    /// Time in the queue before the work began.
    pub queued: Duration,
    /// Time that the model itself took.
    pub compute: Duration,
}

/// Places texts by what they mean.
pub trait EmbedEngine: Send + Sync + 'static {
    /// Adapter, model, languages.
    fn info(&self) -> EngineInfo;
    /// Whether it can be used.
    fn health(&self) -> Health;
    /// Loads the model now instead of at the first request.
    fn warm_up(&self);
    /// Numbers of a vector.
    fn dimensions(&self) -> usize;
    /// Places texts; dropping the future cancels. A long list gives way to other sessions between its parts.
    fn embed(&self, request: EmbedRequest) -> BoxFuture<'static, Result<Embeddings, EngineError>>;
}
