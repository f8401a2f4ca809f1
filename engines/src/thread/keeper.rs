//! The keeper: watches the working thread, abandons it when it hangs, and starts the next one.

use std::{
    io,
    sync::{Arc, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use super::{MAX_ABANDONED, Payload, Progress, Shared, closing, no_thread, shared::Inner};
use crate::{
    port::{EngineError, ErrorKind},
    thread::shared::State,
};

/// Starts a working thread of a generation, with its own mark of progress.
pub(super) type Begin = Box<dyn Fn(u64, Progress) -> io::Result<JoinHandle<()>> + Send>;

/// The least time between two looks: a stall is told no earlier than it is one.
const GLANCE: Duration = Duration::from_millis(1);

pub(super) struct Keeper<J: Payload> {
    pub(super) shared: Arc<Shared<J>>,
    pub(super) begin: Begin,
}

impl<J: Payload> Keeper<J> {
    pub(super) fn run(self) {
        let mut inner = self.shared.lock();
        loop {
            if inner.closed && inner.join.as_ref().is_none_or(JoinHandle::is_finished) {
                let join = inner.join.take();
                drop(inner);
                if join.is_some_and(|join| join.join().is_err()) {
                    tracing::error!(engine = self.shared.config.name, "engine thread ended by a panic");
                }
                return;
            }
            inner = match inner.until_stalled() {
                Some(Duration::ZERO) => self.abandon(inner),
                // No longer than a call may hang: a model that loads has much longer, and is ready in the meantime.
                Some(left) => self.wait(inner, left.min(self.shared.config.stall_after)),
                None if inner.closed => self.wait(inner, GLANCE),
                None if inner.join.is_none() && inner.abandoned < MAX_ABANDONED => {
                    self.begin(&mut inner);
                    inner
                }
                None => self.doze(inner),
            };
        }
    }

    fn wait<'a>(&'a self, inner: MutexGuard<'a, Inner<J>>, time: Duration) -> MutexGuard<'a, Inner<J>> {
        self.shared.watch.wait_timeout(inner, time.max(GLANCE)).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Sleeps until there is work. Not at once: a keeper that were woken for every frame of audio would
    /// cost more than the frame.
    fn doze<'a>(&'a self, inner: MutexGuard<'a, Inner<J>>) -> MutexGuard<'a, Inner<J>> {
        let mut inner = self.wait(inner, self.shared.config.stall_after / 2);
        let returned = |inner: &Inner<J>| inner.join.is_none() && inner.abandoned < MAX_ABANDONED;
        while inner.at_work.is_none() && !inner.closed && !returned(&inner) {
            inner.dozing = true;
            inner = self.shared.watch.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.dozing = false;
        inner
    }

    /// Starts a thread of the present generation.
    pub(super) fn begin(&self, inner: &mut Inner<J>) {
        inner.progress = Progress::new();
        inner.state = State::Idle;
        match (self.begin)(inner.generation, inner.progress.clone()) {
            Ok(join) => inner.join = Some(join),
            Err(error) => {
                inner.closed = true;
                inner.fail(no_thread(self.shared.config.name, &error));
            }
        }
    }

    /// Leaves the working thread to itself, answers its job, and starts another one.
    fn abandon<'a>(&'a self, mut inner: MutexGuard<'a, Inner<J>>) -> MutexGuard<'a, Inner<J>> {
        let config = &self.shared.config;
        inner.generation += 1;
        inner.abandoned += 1;
        // Not joined: it may never end.
        drop(inner.join.take());
        let escape = inner.at_work.take().and_then(|work| work.escape);
        let mut left = Vec::new();
        let mut why = None;
        // The next thread opens the model at once, not when somebody waits for it.
        inner.warm = true;
        if inner.closed {
            left = inner.queue.drain();
            why = Some(closing(config.name));
        } else if inner.abandoned < MAX_ABANDONED {
            self.begin(&mut inner);
        } else {
            left = inner.queue.drain();
            why = Some(inner.all_hang());
            let error = inner.all_hang();
            inner.fail(error);
        }
        let abandoned = inner.abandoned;
        drop(inner);
        let seconds = config.stall_after.as_secs_f32();
        tracing::error!(engine = config.name, seconds, abandoned, "engine hangs, its thread is abandoned");
        metrics::counter!("engine_stalls_total", "engine" => config.name).increment(1);
        metrics::gauge!("engine_threads_abandoned", "engine" => config.name).set(abandoned as f64);
        // Requesters are answered outside the lock: their code is not ours.
        if let Some(escape) = escape {
            let message = format!("no progress for {seconds} s, the worker was replaced");
            escape(EngineError::new(ErrorKind::Broken, config.name, message));
        }
        for job in left {
            job.payload.refuse(why.clone().unwrap_or_else(|| closing(config.name)));
        }
        self.shared.lock()
    }
}
