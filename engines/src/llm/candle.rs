//! candle behind the port: the pure-Rust way, in this process, on a thread that owns the weights.
//!
//! Slower than llama.cpp by about half on a CPU, and free of C++. It knows the ChatML models of the
//! Llama and Qwen2 families and refuses others by name. All cores are used: candle has one pool of
//! threads for the whole process, so `llm.threads` has no say here.

mod job;
mod model;
mod tokenizer;
mod turns;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use self::{
    job::Pending,
    turns::{Command, Turns},
};
use super::{
    check, room,
    tools::{Reading, beginning, prepare},
};
use crate::{
    config::LlmConfig,
    port::{
        ChatMessage, EngineError, EngineInfo, EngineStream, ErrorKind, Health, LlmEngine, LlmRequest,
        LlmStream, Tool,
    },
};

const ENGINE: &str = "candle";

/// Requests on their way to the thread or waiting there for a place; see the keeper of llama.cpp.
const WAITING: usize = 16;

/// A step takes well under this on any machine that can hold a conversation.
const STALLED_AFTER: Duration = Duration::from_secs(20);

/// What the handle and the thread both see.
struct Shared {
    epoch: Instant,
    marked_ms: AtomicU64,
    busy: AtomicBool,
    closing: AtomicBool,
    context: AtomicUsize,
    health: Mutex<Health>,
}

impl Shared {
    fn mark(&self) {
        self.marked_ms.store(self.now_ms(), Ordering::Release);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    fn opened(&self, context: usize) {
        self.context.store(context, Ordering::Release);
        self.set_health(Health::Ready);
    }
}

/// A GGUF model in this process.
pub struct CandleLlm {
    model: PathBuf,
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for CandleLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleLlm").field("model", &self.model).finish_non_exhaustive()
    }
}

impl CandleLlm {
    /// An engine for the GGUF file `model`, which is read at [`LlmEngine::warm_up`], a prefill or the
    /// first request.
    pub fn new(model: PathBuf, config: &LlmConfig) -> Self {
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            marked_ms: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            context: AtomicUsize::new(config.context_tokens),
            health: Mutex::new(Health::Idle),
        });
        let (commands, inbox) = mpsc::sync_channel(WAITING);
        let turns = Turns {
            path: model.clone(),
            context: config.context_tokens,
            parallel: config.parallel.max(1),
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name(ENGINE.into()).spawn(move || turns.run(&inbox));
        Self { model, shared, commands, thread: thread.ok() }
    }

    fn missing(&self) -> Option<String> {
        let at = self.model.display();
        (!self.model.is_file())
            .then(|| format!("no model at {at}; fetch it with `duologue models pull`, or set llm.model"))
    }
}

impl LlmEngine for CandleLlm {
    fn info(&self) -> EngineInfo {
        let stem = self.model.file_stem().unwrap_or_default();
        EngineInfo { engine: ENGINE, model: stem.to_string_lossy().into_owned(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        let health = self.shared.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (health, self.missing()) {
            (Health::Idle, Some(missing)) => Health::Unavailable(missing),
            (Health::Ready, _) if self.shared.busy.load(Ordering::Acquire) => {
                let marked = self.shared.marked_ms.load(Ordering::Acquire);
                let still = Duration::from_millis(self.shared.now_ms().saturating_sub(marked));
                if still < STALLED_AFTER {
                    Health::Ready
                } else {
                    Health::Degraded(format!("no progress for {} s", still.as_secs()))
                }
            }
            (health, _) => health,
        }
    }

    fn warm_up(&self) {
        // A full queue means that the thread has reason enough to open the model.
        let _ = self.commands.try_send(Command::WarmUp);
    }

    fn context_tokens(&self) -> usize {
        self.shared.context.load(Ordering::Acquire)
    }

    fn has_tools(&self) -> bool {
        true
    }

    /// Models that run here are small.
    fn calls_unasked(&self) -> bool {
        true
    }

    fn prefill_tools(&self, shared: Vec<ChatMessage>, tools: Arc<[Tool]>) {
        self.prefill(beginning(&shared, &tools));
    }

    fn prefill(&self, shared: Vec<ChatMessage>) {
        if !shared.is_empty() {
            // Only a head start: a lost one costs the first reply some time and nothing else.
            let _ = self.commands.try_send(Command::Prefill(shared));
        }
    }

    fn generate(&self, mut request: LlmRequest) -> Result<LlmStream, EngineError> {
        check(&request, ENGINE)?;
        let refuse = |kind, why: String| Err(EngineError::new(kind, ENGINE, why));
        if request.response_schema.is_some() {
            let why = "candle cannot hold a reply to a schema; use engine = \"llama\"";
            return refuse(ErrorKind::BadInput, why.into());
        }
        if let Some(missing) = self.missing() {
            return refuse(ErrorKind::Unavailable, missing);
        }
        let (sender, cancel, stream) = EngineStream::channel(room(request.max_tokens));
        let asked = Instant::now();
        let deadline = asked + request.first_token_deadline;
        // Without a grammar: a call that has to be is begun for the model, and the rest is read as it comes.
        let reading = Reading::new(&request);
        let prepared = prepare(&request);
        (request.messages, request.shared) = (prepared.messages, prepared.shared);
        let pending = Pending { request, reading, sender, cancel, asked, deadline };
        match self.commands.try_send(Command::Generate(Box::new(pending))) {
            Ok(()) => Ok(stream),
            Err(TrySendError::Full(_)) => {
                refuse(ErrorKind::Overloaded, format!("{WAITING} requests wait already"))
            }
            Err(TrySendError::Disconnected(_)) => {
                refuse(ErrorKind::Broken, "the engine thread has ended".into())
            }
        }
    }
}

impl Drop for CandleLlm {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        // Wakes the thread; when its queue is full it is awake.
        let _ = self.commands.try_send(Command::WarmUp);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
