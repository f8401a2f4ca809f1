//! The thread's own side: takes jobs from the queue, opens the worker, survives its panics.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{Job, Payload, Shared, State, closing, timeout};
use crate::port::{EngineError, ErrorKind};

/// What the thread does next.
enum Task<J> {
    WarmUp,
    Serve(Job<J>),
}

/// The thread's own side.
pub(super) struct Runner<J, O, F> {
    pub(super) shared: Arc<Shared<J>>,
    pub(super) retry_open: Duration,
    pub(super) open: O,
    pub(super) work: F,
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
    }

    /// Waits for the next task; `None` once the last handle has gone.
    fn next(&self) -> Option<Task<J>> {
        let mut inner = self.shared.lock();
        inner.working = false;
        loop {
            if inner.closed {
                let left = inner.queue.drain();
                drop(inner);
                self.refuse_all(left, &closing(self.shared.config.name));
                return None;
            }
            if std::mem::take(&mut inner.warm) {
                return Some(Task::WarmUp);
            }
            if let Some(job) = inner.queue.pop() {
                inner.working = true;
                self.shared.progress.mark();
                return Some(Task::Serve(job));
            }
            inner = self.shared.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
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
                let left = self.shared.lock().queue.drain();
                job.payload.refuse(error.clone());
                return self.refuse_all(left, &error);
            }
        };
        // Looked at only now: opening may have taken longer than the requester is willing to wait.
        if Instant::now() >= job.deadline {
            return job.payload.refuse(timeout(name));
        }
        self.shared.progress.mark();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (self.work)(open, &mut job)));
        self.shared.progress.mark();
        if outcome.is_err() {
            tracing::error!(engine = name, "engine worker panicked, opening it anew");
            job.payload.refuse(EngineError::new(ErrorKind::Broken, name, "the worker panicked"));
            self.discard(worker.take());
            self.shared.lock().state = State::Idle;
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
        if let Some(error) = self.shared.lock().refusal(Instant::now(), name) {
            return Err(error);
        }
        self.shared.progress.mark();
        self.shared.lock().state = State::Loading;
        let began = Instant::now();
        let opened = panic::catch_unwind(AssertUnwindSafe(|| (self.open)()))
            .unwrap_or_else(|_| Err(EngineError::new(ErrorKind::Broken, name, "opening the model panicked")));
        self.shared.progress.mark();
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
        self.shared.lock().state = state;
        opened
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
