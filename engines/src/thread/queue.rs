//! The waiting jobs of an engine thread: bounded, fair between sessions, FIFO within one.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use super::{Job, Payload, ThreadConfig, timeout};
use crate::port::{EngineError, ErrorKind, SessionKey};

/// Jobs by session, and the order in which the sessions are served.
pub(super) struct Queue<J> {
    config: ThreadConfig,
    waiting: HashMap<SessionKey, VecDeque<Job<J>>>,
    /// Each session that has a job, once; the next to be served first.
    turns: VecDeque<SessionKey>,
    len: usize,
}

impl<J> Queue<J> {
    pub(super) fn new(config: ThreadConfig) -> Self {
        Self { config, waiting: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first job of the session whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Job<J>> {
        while let Some(session) = self.turns.pop_front() {
            let Some(mut jobs) = self.waiting.remove(&session) else { continue };
            let job = jobs.pop_front();
            if !jobs.is_empty() {
                self.waiting.insert(session, jobs);
                self.turns.push_back(session);
            }
            if job.is_some() {
                self.len -= 1;
                return job;
            }
        }
        None
    }

    /// Takes every job out.
    pub(super) fn drain(&mut self) -> Vec<Job<J>> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    /// Takes out the jobs for which `keep` is false, in no particular order.
    fn remove(&mut self, mut keep: impl FnMut(&Job<J>) -> bool) -> Vec<Job<J>> {
        let mut removed = Vec::new();
        for jobs in self.waiting.values_mut() {
            let (kept, gone): (VecDeque<_>, VecDeque<_>) = jobs.drain(..).partition(|job| keep(job));
            *jobs = kept;
            removed.extend(gone);
        }
        self.waiting.retain(|_, jobs| !jobs.is_empty());
        self.turns.retain(|session| self.waiting.contains_key(session));
        self.len -= removed.len();
        removed
    }
}

impl<J: Payload> Queue<J> {
    /// Lets `job` in, or says why not. Jobs that made room are put into `refused` with the reason, for
    /// the caller to answer once it holds no lock.
    pub(super) fn admit(
        &mut self,
        job: Job<J>,
        replaces: impl Fn(&J) -> bool,
        refused: &mut Vec<(J, EngineError)>,
    ) -> Result<(), EngineError> {
        let place = self.replace(job.session, &replaces, refused);
        if self.is_full(job.session) {
            // The dead must not keep out the living: a worker that hangs pops nothing.
            self.sweep(job.queued_at, refused);
        }
        if self.is_full(job.session) {
            let message = format!("{} jobs are waiting", self.len);
            return Err(EngineError::new(ErrorKind::Overloaded, self.config.name, message));
        }
        let session = job.session;
        let jobs = self.waiting.entry(session).or_default();
        let place = place.unwrap_or(jobs.len()).min(jobs.len());
        jobs.insert(place, job);
        if jobs.len() == 1 && !self.turns.contains(&session) {
            self.turns.push_back(session);
        }
        self.len += 1;
        Ok(())
    }

    fn is_full(&self, session: SessionKey) -> bool {
        let own = self.waiting.get(&session).map_or(0, VecDeque::len);
        own >= self.config.per_session || self.len >= self.config.total
    }

    /// Removes the session's jobs that a new one overtakes; returns the place of the first of them.
    /// The session keeps its turn, even when no other job of it waits.
    fn replace(
        &mut self,
        session: SessionKey,
        replaces: &impl Fn(&J) -> bool,
        refused: &mut Vec<(J, EngineError)>,
    ) -> Option<usize> {
        let jobs = self.waiting.get_mut(&session)?;
        let place = jobs.iter().position(|job| replaces(&job.payload))?;
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = jobs.drain(..).partition(|job| replaces(&job.payload));
        *jobs = kept;
        self.len -= gone.len();
        for job in gone {
            let error =
                EngineError::new(ErrorKind::Overloaded, self.config.name, "overtaken by a newer request");
            refused.push((job.payload, error));
        }
        Some(place)
    }

    /// Removes jobs whose requester has gone or whose deadline has passed.
    fn sweep(&mut self, now: Instant, refused: &mut Vec<(J, EngineError)>) {
        let dead = self.remove(|job| !job.payload.abandoned() && now < job.deadline);
        refused.extend(dead.into_iter().map(|job| (job.payload, timeout(self.config.name))));
    }
}
