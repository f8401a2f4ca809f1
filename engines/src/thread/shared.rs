//! What the handles, the working thread and the keeper all see.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{JoinHandle, ThreadId},
    time::{Duration, Instant},
};

use super::{Escape, MAX_ABANDONED, Progress, SLOW_OPEN, ThreadConfig, closing, queue::Queue};
use crate::port::{CancelFlag, EngineError, ErrorKind, Health};

pub(super) struct Shared<J> {
    pub(super) config: ThreadConfig,
    inner: Mutex<Inner<J>>,
    /// Wakes the working thread.
    pub(super) wake: Condvar,
    /// Wakes the keeper.
    pub(super) watch: Condvar,
}

impl<J> Shared<J> {
    pub(super) fn new(config: ThreadConfig) -> Self {
        let inner = Mutex::new(Inner::new(config));
        Self { config, inner, wake: Condvar::new(), watch: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<J>> {
        // Nothing under this lock can leave it half-changed, so a poisoned one is still good.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the threads end; answers which one works.
    pub(super) fn close(&self) -> Option<ThreadId> {
        let mut inner = self.lock();
        inner.closed = true;
        let working = inner.join.as_ref().map(|join| join.thread().id());
        drop(inner);
        self.wake.notify_one();
        self.watch.notify_one();
        working
    }
}

pub(super) struct Inner<J> {
    config: ThreadConfig,
    pub(super) queue: Queue<J>,
    pub(super) state: State,
    pub(super) warm: bool,
    /// What the working thread is in the middle of.
    pub(super) at_work: Option<AtWork>,
    pub(super) closed: bool,
    /// Which thread works; older ones are abandoned.
    pub(super) generation: u64,
    /// Moved by the working thread alone.
    pub(super) progress: Progress,
    /// The working thread, until it has ended or was abandoned.
    pub(super) join: Option<JoinHandle<()>>,
    /// Threads that hang in a call and have not returned.
    pub(super) abandoned: usize,
    /// The keeper sleeps until there is work.
    pub(super) dozing: bool,
}

/// A task of the working thread.
pub(super) struct AtWork {
    /// The way to its requester, if it has one.
    pub(super) escape: Option<Escape>,
    /// Stops it when somebody waits.
    pub(super) gives_way: Option<CancelFlag>,
}

pub(super) enum State {
    Idle,
    Loading,
    Ready,
    /// `retry_at` is `None` when no later job can do better.
    Failed {
        error: EngineError,
        retry_at: Option<Instant>,
    },
}

impl<J> Inner<J> {
    fn new(config: ThreadConfig) -> Self {
        Self {
            config,
            queue: Queue::new(config),
            state: State::Idle,
            warm: false,
            at_work: None,
            closed: false,
            generation: 0,
            progress: Progress::new(),
            join: None,
            abandoned: 0,
            dozing: false,
        }
    }

    /// Why a job submitted `now` need not even wait.
    pub(super) fn refusal(&self, now: Instant, engine: &'static str) -> Option<EngineError> {
        match &self.state {
            State::Failed { error, retry_at } if retry_at.is_none_or(|at| now < at) => Some(error.clone()),
            _ if self.closed => Some(closing(engine)),
            _ => None,
        }
    }

    /// Somebody waits: work that gives way stops at its next step.
    pub(super) fn make_way(&mut self, engine: &'static str) {
        if let Some(flag) = self.at_work.as_mut().and_then(|work| work.gives_way.take()) {
            flag.cancel();
            metrics::counter!("engine_gave_way_total", "engine" => engine).increment(1);
        }
    }

    /// No later job can do better.
    pub(super) fn fail(&mut self, error: EngineError) {
        self.state = State::Failed { error, retry_at: None };
    }

    /// Time until the task at work counts as hanging; `None` without one.
    pub(super) fn until_stalled(&self) -> Option<Duration> {
        let limit = match self.state {
            State::Loading => SLOW_OPEN.max(self.config.stall_after),
            _ => self.config.stall_after,
        };
        self.at_work.as_ref().map(|_| limit.saturating_sub(self.progress.age()))
    }

    pub(super) fn health(&self) -> Health {
        let age = self.progress.age();
        match &self.state {
            State::Idle => Health::Idle,
            State::Loading if age > SLOW_OPEN => {
                Health::Degraded(format!("still loading after {} s", age.as_secs()))
            }
            State::Loading => Health::Loading,
            State::Failed { error, .. } => Health::Unavailable(error.message.clone()),
            State::Ready if self.at_work.is_some() && age > self.config.stall_after => {
                Health::Degraded(format!("no progress for {} s", age.as_secs()))
            }
            State::Ready if self.abandoned > 0 => {
                Health::Degraded(format!("{}; a fresh worker answers", self.hanging()))
            }
            State::Ready => Health::Ready,
        }
    }

    fn hanging(&self) -> String {
        format!("{} of at most {MAX_ABANDONED} calls of the model hang", self.abandoned)
    }

    /// What everybody hears while as many threads hang as may.
    pub(super) fn all_hang(&self) -> EngineError {
        let message = format!("{}; it works again when one returns, or after a restart", self.hanging());
        EngineError::new(ErrorKind::Unavailable, self.config.name, message)
    }
}
