//! llama.cpp behind the port. The model lives in a worker process (`duologue-llm`); a keeper thread
//! starts it, talks to it, notices when it is dead or stuck, and starts it again.
//!
//! Owns: the worker process, killed when the last handle is dropped. Never: waits in `generate`, or
//! writes anybody's words to a log.

mod keeper;
mod life;
mod translate;
mod worker;

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use self::{
    keeper::{Command, Keeper, Pending},
    worker::Launch,
};
use super::{check, room, tools::beginning};
use crate::{
    config::LlmConfig,
    cores::Cores,
    fair::lane,
    port::{
        ChatMessage, EngineError, EngineInfo, EngineStream, ErrorKind, Health, LlmEngine, LlmRequest,
        LlmStream, SessionKey, Tool, ToolChoice,
    },
};

pub use self::worker::worker_binary;

const ENGINE: &str = "llama";

/// Requests that may wait beside those being answered. At a few seconds a reply, who is further back
/// than this would not be answered within any deadline that a conversation knows.
const WAITING: usize = 16;

/// Commands and answers on their way to the keeper. It only ever does short work, so this fills only
/// when the machine is overwhelmed; then requests are refused and the worker's answers wait.
const MAILBOX: usize = 256;

/// How patient the keeper is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// No step of the worker for this long while it has work and computes: it is stuck. A step takes under half a
    /// second by its own pace, and the person has waited long enough. One that does not even compute is found sooner.
    stuck_after: Duration,
    /// A model that is not loaded by then never will be; a cold disk reads 1 GB in less.
    load_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { stuck_after: Duration::from_secs(10), load_within: Duration::from_secs(180) }
    }
}

/// What the handles and the keeper both see.
struct Shared {
    health: Mutex<Health>,
    /// Requests by whose they are, and of all.
    outstanding: Mutex<HashMap<u64, usize>>,
    context: AtomicUsize,
    worker: Mutex<Option<u32>>,
    closing: AtomicBool,
}

/// One of the bounded places for a request, of a client; given back when dropped.
struct Place(Arc<Shared>, u64);

impl Drop for Place {
    fn drop(&mut self) {
        let mut outstanding = lock(&self.0.outstanding);
        if let Some(count) = outstanding.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                outstanding.remove(&self.1);
            }
        }
    }
}

fn launch(binary: PathBuf, model: PathBuf, config: &LlmConfig, cores: Arc<Cores>) -> Launch {
    Launch {
        cores,
        binary,
        model,
        threads: config.threads.max(1),
        context: config.context_tokens,
        parallel: config.parallel.clamp(1, 32),
    }
}

/// llama.cpp in a worker process.
pub struct LlamaLlm {
    launch: Launch,
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    keeper: Option<JoinHandle<()>>,
}

impl fmt::Debug for LlamaLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlamaLlm").field("launch", &self.launch).finish_non_exhaustive()
    }
}

impl LlamaLlm {
    /// An engine that runs `worker_binary` (see [`worker_binary`]) with the GGUF file `model`.
    /// Nothing is started before [`LlmEngine::warm_up`], a prefill or the first request.
    pub fn new(worker_binary: PathBuf, model: PathBuf, config: &LlmConfig) -> Self {
        Self::beside(worker_binary, model, config, Arc::default())
    }

    /// The same, on `cores` that the recogniser needs as well.
    pub fn beside(worker_binary: PathBuf, model: PathBuf, config: &LlmConfig, cores: Arc<Cores>) -> Self {
        Self::with_patience(launch(worker_binary, model, config, cores), Patience::default())
    }

    fn with_patience(launch: Launch, patience: Patience) -> Self {
        let shared = Arc::new(Shared {
            health: Mutex::new(Health::Idle),
            outstanding: Mutex::default(),
            context: AtomicUsize::new(launch.context),
            worker: Mutex::new(None),
            closing: AtomicBool::new(false),
        });
        let (commands, inbox) = mpsc::sync_channel(MAILBOX);
        let keeper = Keeper::new(launch.clone(), Arc::clone(&shared), commands.clone(), patience);
        let keeper = thread::Builder::new().name("llama".into()).spawn(move || keeper.run(&inbox));
        Self { launch, shared, commands, keeper: keeper.ok() }
    }

    /// The worker's process id while it runs, for an operator and for tests that kill it.
    pub fn worker_pid(&self) -> Option<u32> {
        *lock(&self.shared.worker)
    }

    /// Of a client's requests as many are taken as half of all, so that the others find room.
    fn take_place(&self, session: SessionKey) -> Result<Place, EngineError> {
        let limit = self.launch.parallel + WAITING;
        let mut outstanding = lock(&self.shared.outstanding);
        let taken = outstanding.values().sum::<usize>();
        let own = outstanding.entry(lane(session)).or_default();
        if taken >= limit || *own >= limit / 2 {
            let message = format!("{own} requests of this client and {taken} in all wait already");
            outstanding.retain(|_, count| *count > 0);
            return Err(overloaded(message));
        }
        *own += 1;
        Ok(Place(Arc::clone(&self.shared), lane(session)))
    }

    /// Puts a request into the keeper's mailbox; `is_ahead` when nobody waits for it yet.
    fn queue(&self, request: LlmRequest, is_ahead: bool) -> Result<LlmStream, EngineError> {
        check(&request, ENGINE)?;
        if let Some(missing) = self.launch.missing() {
            return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, missing));
        }
        let place = self.take_place(request.session)?;
        let (sender, cancel, stream) = EngineStream::channel(room(request.max_tokens));
        let asked = Instant::now();
        let deadline = asked + request.first_token_deadline;
        let pending = Pending { request, is_ahead, sender, cancel, asked, deadline, place };
        match self.commands.try_send(Command::Generate(Box::new(pending))) {
            Ok(()) => Ok(stream),
            Err(TrySendError::Full(_)) => Err(overloaded("the keeper is behind".into())),
            Err(TrySendError::Disconnected(_)) => Err(broken("the keeper thread has ended")),
        }
    }
}

impl LlmEngine for LlamaLlm {
    fn info(&self) -> EngineInfo {
        let stem = self.launch.model.file_stem().unwrap_or_default();
        EngineInfo { engine: ENGINE, model: stem.to_string_lossy().into_owned(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        let health = lock(&self.shared.health).clone();
        match (health, self.launch.missing()) {
            (Health::Idle, Some(missing)) => Health::Unavailable(missing),
            (health, _) => health,
        }
    }

    fn warm_up(&self) {
        // A full mailbox means that the keeper is at work already.
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

    fn read_ahead(&self, request: LlmRequest) -> Option<LlmStream> {
        // One token is the least that a reply can be asked for; the prompt before it stays in the session's cells. It
        // is never the beginning of a call, of which there would be no end.
        self.queue(LlmRequest { max_tokens: 1, tool_choice: ToolChoice::None, ..request }, true).ok()
    }

    fn generate(&self, request: LlmRequest) -> Result<LlmStream, EngineError> {
        self.queue(request, false)
    }
}

impl Drop for LlamaLlm {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        // Wakes the keeper; when its mailbox is full it is awake.
        let _ = self.commands.try_send(Command::WarmUp);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn overloaded(message: String) -> EngineError {
    EngineError::new(ErrorKind::Overloaded, ENGINE, message)
}

fn broken(message: impl Into<String>) -> EngineError {
    EngineError::new(ErrorKind::Broken, ENGINE, message)
}

/// A poisoned lock only means that a test thread panicked while reading a plain value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
