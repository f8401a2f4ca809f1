//! The engine thread: one model, one owner.
//!
//! A model lives on one OS thread that opens it, works with it and drops it; everybody else holds a
//! cloneable [`EngineThread`] and submits jobs. The queue is bounded per session and in total and
//! refuses at the door when it is full. What somebody waits for goes before what is done on a chance; then clients are
//! served in turn, then the sessions of each, first in, first out within one, so that neither a session with much to do
//! nor a client with many sessions starves another. Work that gives way ([`Payload::gives_way`]) is stopped as soon as
//! somebody waits.
//!
//! Every job is answered: by the worker, or through [`Payload::refuse`] when its deadline passed
//! before the work began, the model could not be opened, the worker panicked or the thread is closing.
//! A panic costs the one job: the worker is dropped and opened anew. When the last handle is dropped
//! the waiting jobs are refused, the running one is finished, and the thread is joined.
//!
//! A call that hangs costs the one job, too. A thread cannot be killed, so a keeper beside it abandons
//! it when it makes no progress for [`ThreadConfig::stall_after`]: its job is answered through its
//! [`Escape`], a fresh worker is opened on a new thread, and the abandoned thread ends by itself as soon
//! as its call returns. Each thread has a generation; what an older one says changes nothing any more.
//! With [`MAX_ABANDONED`] threads abandoned none is started until one of them has returned, since each
//! holds a model in memory; until then the engine is unavailable and says so.

mod keeper;
mod queue;
mod reply;
mod runner;
mod shared;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use self::reply::{Answer, Question, Reply, ask};
use self::{keeper::Keeper, runner::Runner, shared::Shared};
use crate::{
    fair::Urgency,
    port::{CancelFlag, EngineError, ErrorKind, Health, SessionKey},
};

/// How long after a failed open the next job may try again: long enough not to read a broken file
/// at every frame of audio, short enough that a repaired file is noticed without a restart.
const RETRY_OPEN: Duration = Duration::from_secs(10);

/// A model that is not open after this long is called stuck; loading from a cold disk takes less.
const SLOW_OPEN: Duration = Duration::from_secs(120);

/// Threads of one engine that may hang at the same time; each holds a model in memory. One may be bad
/// luck, two are a habit of the model or of the machine, which a third would not break.
pub const MAX_ABANDONED: usize = 2;

/// The limits of one engine thread.
#[derive(Clone, Copy, Debug)]
pub struct ThreadConfig {
    /// Engine and thread name, for example `whisper`; at most 15 bytes show in `top`.
    pub name: &'static str,
    /// Jobs of one session that may wait.
    pub per_session: usize,
    /// Jobs of all sessions that may wait.
    pub total: usize,
    /// A job at work for longer than this without progress hangs: its thread is abandoned. Far beyond
    /// what one step takes on a busy machine, because a slow thread that is replaced becomes two.
    pub stall_after: Duration,
}

/// A second way back to a requester, kept outside the thread that works for it.
pub type Escape = Box<dyn FnOnce(EngineError) + Send>;

/// What a job carries: the question, and the way back to whoever asked.
pub trait Payload: Send + 'static {
    /// Tells the requester why there will be no answer, or no further one.
    fn refuse(self, error: EngineError);

    /// The way to [`refuse`](Self::refuse) while a hanging call holds the payload. Once it was used,
    /// nothing that the call still says may reach the requester.
    fn escape(&self) -> Escape;

    /// Whether the requester has gone, so that the work can be skipped.
    fn abandoned(&self) -> bool {
        false
    }

    /// How soon it is wanted; may rise while it waits.
    fn urgency(&self) -> Urgency {
        Urgency::Now
    }

    /// The flag to raise when it is at work and somebody waits for something else; `None` for work that is not worth
    /// stopping.
    fn gives_way(&self) -> Option<CancelFlag> {
        None
    }
}

/// One job, as the worker gets it.
#[derive(Debug)]
pub struct Job<J> {
    /// Whose job.
    pub session: SessionKey,
    /// The moment after which the work need not begin.
    pub deadline: Instant,
    /// When it was submitted.
    pub queued_at: Instant,
    /// Question and way back.
    pub payload: J,
    progress: Progress,
}

impl<J> Job<J> {
    /// Says that a long job moved on; without it the job counts as stalled after
    /// [`ThreadConfig::stall_after`].
    pub fn progressed(&self) {
        self.progress.mark();
    }

    /// The progress mark itself, for code that outlives the borrow of the job.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// How long the job has waited until now; at the start of the work, the time in the queue.
    pub fn waited(&self) -> Duration {
        self.queued_at.elapsed()
    }
}

/// The moment at which a thread last moved on, shared between the worker and its observers.
#[derive(Clone, Debug)]
pub struct Progress {
    epoch: Instant,
    millis: Arc<AtomicU64>,
}

impl Progress {
    fn new() -> Self {
        Self { epoch: Instant::now(), millis: Arc::default() }
    }

    /// Moves the mark to now.
    pub fn mark(&self) {
        let millis = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Release);
    }

    /// How long ago the mark was moved.
    pub fn age(&self) -> Duration {
        self.epoch.elapsed().saturating_sub(Duration::from_millis(self.millis.load(Ordering::Acquire)))
    }
}

/// A handle on an engine thread. The last one that is dropped closes and joins it.
pub struct EngineThread<J: Payload> {
    owner: Arc<Owner<J>>,
}

impl<J: Payload> Clone for EngineThread<J> {
    fn clone(&self) -> Self {
        Self { owner: Arc::clone(&self.owner) }
    }
}

impl<J: Payload> fmt::Debug for EngineThread<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineThread")
            .field("config", &self.owner.shared.config)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl<J: Payload> EngineThread<J> {
    /// Starts the thread. `open` runs on it at the first job or at [`warm_up`](Self::warm_up) and
    /// returns the worker; `work` serves one job. When `open` fails, jobs are refused with its error,
    /// and the first job after ten seconds tries again. Both may run on a second thread while an
    /// abandoned one still hangs in them.
    pub fn spawn<W: 'static>(
        config: ThreadConfig,
        open: impl Fn() -> Result<W, EngineError> + Send + Sync + 'static,
        work: impl Fn(&mut W, &mut Job<J>) + Send + Sync + 'static,
    ) -> Self {
        Self::spawn_retrying(config, RETRY_OPEN, open, work)
    }

    fn spawn_retrying<W: 'static>(
        config: ThreadConfig,
        retry_open: Duration,
        open: impl Fn() -> Result<W, EngineError> + Send + Sync + 'static,
        work: impl Fn(&mut W, &mut Job<J>) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::new(config));
        let (open, work) = (Arc::new(open), Arc::new(work));
        let begin = {
            let shared = Arc::clone(&shared);
            move |generation, progress| {
                let runner = Runner {
                    shared: Arc::clone(&shared),
                    generation,
                    progress,
                    retry_open,
                    open: Arc::clone(&open),
                    work: Arc::clone(&work),
                };
                thread::Builder::new().name(config.name.to_owned()).spawn(move || runner.run())
            }
        };
        let keeper = Keeper { shared: Arc::clone(&shared), begin: Box::new(begin) };
        keeper.begin(&mut shared.lock());
        let name = format!("{}-keep", config.name);
        let keeper = match thread::Builder::new().name(name).spawn(move || keeper.run()) {
            Ok(keeper) => Some(keeper),
            Err(error) => {
                // Only a process at its thread limit comes here; the engine says so for good.
                let mut inner = shared.lock();
                inner.closed = true;
                inner.fail(no_thread(config.name, &error));
                None
            }
        };
        Self { owner: Arc::new(Owner { shared, keeper }) }
    }

    /// Queues a job. Fails at once with `Overloaded` when the session's or the whole queue is full,
    /// and with the reason when the model could not be opened a moment ago.
    pub fn submit(&self, session: SessionKey, deadline: Duration, payload: J) -> Result<(), EngineError> {
        self.submit_replacing(session, deadline, payload, |_| false)
    }

    /// Like [`submit`](Self::submit), but first takes the session's waiting jobs for which `replaces`
    /// is true out of the queue; they are refused as overtaken. The new job takes the place of the
    /// first of them.
    #[expect(
        clippy::too_many_arguments,
        reason = "`submit` and one question; a struct would only rename them"
    )]
    pub fn submit_replacing(
        &self,
        session: SessionKey,
        deadline: Duration,
        payload: J,
        replaces: impl Fn(&J) -> bool,
    ) -> Result<(), EngineError> {
        let shared = &self.owner.shared;
        let now = Instant::now();
        let mut refused = Vec::new();
        let outcome = {
            let mut inner = shared.lock();
            let progress = inner.progress.clone();
            let is_urgent = payload.urgency() == Urgency::Now;
            let job = Job { session, deadline: now + deadline, queued_at: now, payload, progress };
            match inner.refusal(now, shared.config.name) {
                Some(error) => Err(error),
                None => {
                    let admitted = inner.queue.admit(job, replaces, &mut refused);
                    if admitted.is_ok() && is_urgent {
                        inner.make_way(shared.config.name);
                    }
                    admitted
                }
            }
        };
        // Requesters are answered outside the lock: their code is not ours.
        for (payload, error) in refused {
            payload.refuse(error);
        }
        if outcome.is_ok() {
            shared.wake.notify_one();
        }
        outcome
    }

    /// Opens the worker now instead of at the first job.
    pub fn warm_up(&self) {
        self.owner.shared.lock().warm = true;
        self.owner.shared.wake.notify_one();
    }

    /// Jobs that wait, of all sessions.
    pub fn waiting(&self) -> usize {
        self.owner.shared.lock().queue.len()
    }

    /// Whether the engine can be used, judged by progress and not by existence.
    pub fn health(&self) -> Health {
        self.owner.shared.lock().health()
    }
}

/// Owns the threads: dropped with the last handle.
struct Owner<J: Payload> {
    shared: Arc<Shared<J>>,
    keeper: Option<JoinHandle<()>>,
}

impl<J: Payload> Drop for Owner<J> {
    fn drop(&mut self) {
        let working = self.shared.close();
        let Some(keeper) = self.keeper.take() else { return };
        // A job, or the answer to one, may hold the last handle; then the threads end by themselves
        // right after that job. Otherwise the keeper ends when the working thread has, or hangs.
        let me = thread::current().id();
        if working != Some(me) && keeper.thread().id() != me && keeper.join().is_err() {
            tracing::error!(engine = self.shared.config.name, "engine keeper ended by a panic");
        }
    }
}

fn timeout(engine: &'static str) -> EngineError {
    EngineError::new(ErrorKind::Timeout, engine, "the deadline passed before the work began")
}

fn closing(engine: &'static str) -> EngineError {
    EngineError::new(ErrorKind::Unavailable, engine, "the engine is shutting down")
}

fn no_thread(engine: &'static str, error: &std::io::Error) -> EngineError {
    EngineError::new(ErrorKind::Unavailable, engine, format!("the system refused a thread: {error}"))
}
