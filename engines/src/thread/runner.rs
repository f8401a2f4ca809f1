//! The thread's own side: takes jobs from the queue, opens the worker, survives its panics.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Job, Payload, Progress, Shared, closing,
    shared::{AtWork, Inner, State},
    timeout,
};
use crate::port::{EngineError, ErrorKind};

/// What the thread does next.
enum Task<J> {
    WarmUp,
    Serve(Job<J>),
}

/// The thread's own side.
pub(super) struct Runner<J, O, F> {
    pub(super) shared: Arc<Shared<J>>,
    /// Which thread this is; when a later one works, this one was abandoned.
    pub(super) generation: u64,
    pub(super) progress: Progress,
    pub(super) retry_open: Duration,
    pub(super) open: Arc<O>,
    pub(super) work: Arc<F>,
}

impl<J, W, O, F> Runner<J, O, F>
where
    J: Payload,
    O: Fn() -> Result<W, EngineError>,
    F: Fn(&mut W, &mut Job<J>),
{
    pub(super) fn run(self) {
        let mut worker = None;
        while let Some(task) = self.next() {
            match task {
                Task::WarmUp => drop(self.ensure_open(&mut worker)),
                Task::Serve(job) => self.serve(&mut worker, job),
            }
        }
        self.discard(worker);
        let mut inner = self.shared.lock();
        if inner.generation == self.generation {
            inner.at_work = None;
        } else {
            inner.abandoned -= 1;
            let name = self.shared.config.name;
            tracing::info!(engine = name, abandoned = inner.abandoned, "abandoned engine thread returned");
            metrics::gauge!("engine_threads_abandoned", "engine" => name).set(inner.abandoned as f64);
        }
        drop(inner);
        self.shared.watch.notify_one();
    }

    /// Waits for the next task; `None` once the last handle has gone, or when this thread was abandoned.
    fn next(&self) -> Option<Task<J>> {
        let mut inner = self.shared.lock();
        if inner.generation != self.generation {
            return None;
        }
        inner.at_work = None;
        loop {
            if inner.closed {
                let left = inner.queue.drain();
                // Dropping the model is work, too, and may hang like any other.
                inner.at_work = Some(AtWork { escape: None, gives_way: None });
                self.progress.mark();
                drop(inner);
                self.refuse_all(left, &closing(self.shared.config.name));
                return None;
            }
            let task = match std::mem::take(&mut inner.warm) {
                true => Some(Task::WarmUp),
                false => inner.queue.pop().map(Task::Serve),
            };
            if let Some(task) = task {
                return Some(self.take_up(&mut inner, task));
            }
            inner = self.shared.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes note of what this thread is about to do, for the keeper.
    fn take_up(&self, inner: &mut Inner<J>, task: Task<J>) -> Task<J> {
        self.progress.mark();
        let (task, escape, gives_way) = match task {
            Task::WarmUp => (Task::WarmUp, None, None),
            Task::Serve(job) => {
                let (escape, gives_way) = (job.payload.escape(), job.payload.gives_way());
                (Task::Serve(Job { progress: self.progress.clone(), ..job }), Some(escape), gives_way)
            }
        };
        inner.at_work = Some(AtWork { escape, gives_way });
        if inner.dozing {
            self.shared.watch.notify_one();
        }
        task
    }

    fn serve(&self, worker: &mut Option<W>, mut job: Job<J>) {
        let name = self.shared.config.name;
        if job.payload.abandoned() {
            return;
        }
        let open = match self.ensure_open(worker) {
            Ok(open) => open,
            Err(error) => {
                // Whoever queued up behind this job would only hear the same.
                let left = self.left();
                job.payload.refuse(error.clone());
                return self.refuse_all(left, &error);
            }
        };
        // Looked at only now: opening may have taken longer than the requester is willing to wait.
        if Instant::now() >= job.deadline {
            return job.payload.refuse(timeout(name));
        }
        self.progress.mark();
        let (waited, began) = (job.waited(), Instant::now());
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (self.work)(open, &mut job)));
        tracing::trace!(engine = name, ?waited, took = ?began.elapsed(), "engine worked");
        self.progress.mark();
        if outcome.is_err() {
            tracing::error!(engine = name, "engine worker panicked, opening it anew");
            metrics::counter!("engine_panics_total", "engine" => name).increment(1);
            job.payload.refuse(EngineError::new(ErrorKind::Broken, name, "the worker panicked"));
            self.discard(worker.take());
            self.set_state(State::Idle);
            drop(self.ensure_open(worker));
        }
    }

    /// The open worker, opened now if it was not.
    fn ensure_open<'w>(&self, worker: &'w mut Option<W>) -> Result<&'w mut W, EngineError> {
        if worker.is_none() {
            *worker = Some(self.try_open()?);
        }
        let name = self.shared.config.name;
        worker.as_mut().ok_or_else(|| EngineError::new(ErrorKind::Broken, name, "no worker"))
    }

    fn try_open(&self) -> Result<W, EngineError> {
        let name = self.shared.config.name;
        {
            let mut inner = self.shared.lock();
            if inner.generation != self.generation {
                return Err(EngineError::new(ErrorKind::Broken, name, "the worker was replaced"));
            }
            if let Some(error) = inner.refusal(Instant::now(), name) {
                return Err(error);
            }
            self.progress.mark();
            inner.state = State::Loading;
        }
        let began = Instant::now();
        let opened = panic::catch_unwind(AssertUnwindSafe(|| (self.open)()))
            .unwrap_or_else(|_| Err(EngineError::new(ErrorKind::Broken, name, "opening the model panicked")));
        self.progress.mark();
        let state = match &opened {
            Ok(_) => {
                tracing::info!(engine = name, ms = began.elapsed().as_millis(), "engine ready");
                State::Ready
            }
            Err(error) => {
                tracing::warn!(engine = name, %error, "engine could not be opened");
                State::Failed { error: error.clone(), retry_at: Some(Instant::now() + self.retry_open) }
            }
        };
        self.set_state(state);
        opened
    }

    /// An abandoned thread has no say in what the engine is like.
    fn set_state(&self, state: State) {
        let mut inner = self.shared.lock();
        if inner.generation == self.generation {
            inner.state = state;
        }
    }

    /// The jobs that wait for this thread.
    fn left(&self) -> Vec<Job<J>> {
        let mut inner = self.shared.lock();
        if inner.generation == self.generation { inner.queue.drain() } else { Vec::new() }
    }

    /// Drops a worker whose own drop may panic, too.
    fn discard(&self, worker: Option<W>) {
        if panic::catch_unwind(AssertUnwindSafe(|| drop(worker))).is_err() {
            tracing::error!(engine = self.shared.config.name, "dropping the engine worker panicked");
        }
    }

    fn refuse_all(&self, jobs: Vec<Job<J>>, error: &EngineError) {
        for job in jobs {
            job.payload.refuse(error.clone());
        }
    }
}
