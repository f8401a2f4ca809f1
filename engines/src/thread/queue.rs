//! The waiting jobs of an engine thread: bounded, the urgent before the others, then fair between clients, then between
//! the sessions of one, FIFO within one.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use super::{Job, Payload, ThreadConfig, timeout};
use crate::{
    fair::{Urgency, lane},
    port::{EngineError, ErrorKind, SessionKey},
};

/// Jobs by client, and the order in which the clients are served.
pub(super) struct Queue<J> {
    config: ThreadConfig,
    lanes: HashMap<u64, Lane<J>>,
    /// Each client that has a job, once; the next to be served first.
    turns: VecDeque<u64>,
    len: usize,
}

/// A client's jobs by session, and the order in which its sessions are served.
struct Lane<J> {
    waiting: HashMap<SessionKey, VecDeque<Job<J>>>,
    /// Each session that has a job, once.
    turns: VecDeque<SessionKey>,
    len: usize,
}

impl<J> Default for Lane<J> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<J> Lane<J> {
    fn pop(&mut self, session: SessionKey) -> Option<Job<J>> {
        self.turns.retain(|other| *other != session);
        let jobs = self.waiting.get_mut(&session)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.waiting.remove(&session);
        } else {
            self.turns.push_back(session);
        }
        self.len -= usize::from(job.is_some());
        job
    }

    /// Takes out the jobs for which `keep` is false.
    fn remove(&mut self, keep: &mut impl FnMut(&Job<J>) -> bool, removed: &mut Vec<Job<J>>) {
        let before = removed.len();
        for jobs in self.waiting.values_mut() {
            let (kept, gone): (VecDeque<_>, VecDeque<_>) = jobs.drain(..).partition(|job| keep(job));
            *jobs = kept;
            removed.extend(gone);
        }
        self.len -= removed.len() - before;
        self.waiting.retain(|_, jobs| !jobs.is_empty());
        self.turns.retain(|session| self.waiting.contains_key(session));
    }
}

impl<J> Queue<J> {
    pub(super) fn new(config: ThreadConfig) -> Self {
        Self { config, lanes: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes every job out.
    pub(super) fn drain(&mut self) -> Vec<Job<J>> {
        let jobs = self.remove(|_| false);
        debug_assert!(self.len == 0 && self.turns.is_empty(), "nothing is left");
        jobs
    }

    /// Takes out the jobs for which `keep` is false, in no particular order.
    fn remove(&mut self, mut keep: impl FnMut(&Job<J>) -> bool) -> Vec<Job<J>> {
        let mut removed = Vec::new();
        for lane in self.lanes.values_mut() {
            lane.remove(&mut keep, &mut removed);
        }
        self.len -= removed.len();
        self.forget_empty();
        removed
    }

    fn forget_empty(&mut self) {
        self.lanes.retain(|_, lane| lane.len > 0);
        self.turns.retain(|lane| self.lanes.contains_key(lane));
    }
}

impl<J: Payload> Queue<J> {
    /// The next job: the most urgent, of the client and then of the session whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Job<J>> {
        let (owner, session) = self.next()?;
        self.turns.retain(|other| *other != owner);
        let lane = self.lanes.get_mut(&owner)?;
        let job = lane.pop(session);
        if lane.len > 0 {
            self.turns.push_back(owner);
        } else {
            self.lanes.remove(&owner);
        }
        self.len -= usize::from(job.is_some());
        job
    }

    fn next(&self) -> Option<(u64, SessionKey)> {
        let mut best: Option<(Urgency, u64, SessionKey)> = None;
        for owner in &self.turns {
            let Some(lane) = self.lanes.get(owner) else { continue };
            for session in &lane.turns {
                let Some(jobs) = lane.waiting.get(session) else { continue };
                let urgency = urgency(jobs);
                if urgency == Urgency::Now {
                    return Some((*owner, *session));
                }
                if best.is_none_or(|(found, ..)| urgency < found) {
                    best = Some((urgency, *owner, *session));
                }
            }
        }
        best.map(|(_, owner, session)| (owner, session))
    }

    /// Lets `job` in, or says why not. Jobs that made room are put into `refused` with the reason, for
    /// the caller to answer once it holds no lock.
    pub(super) fn admit(
        &mut self,
        job: Job<J>,
        replaces: impl Fn(&J) -> bool,
        refused: &mut Vec<(J, EngineError)>,
    ) -> Result<(), EngineError> {
        let session = job.session;
        let owner = lane(session);
        let place = self.replace(session, &replaces, refused);
        if self.is_full(session) {
            // The dead must not keep out the living: a worker that hangs pops nothing.
            self.sweep(job.queued_at, refused);
        }
        if self.is_full(session) {
            self.forget_empty();
            let message = format!("{} jobs are waiting", self.len);
            return Err(EngineError::new(ErrorKind::Overloaded, self.config.name, message));
        }
        let lane = self.lanes.entry(owner).or_default();
        let jobs = lane.waiting.entry(session).or_default();
        let place = place.unwrap_or(jobs.len()).min(jobs.len());
        jobs.insert(place, job);
        if jobs.len() == 1 && !lane.turns.contains(&session) {
            lane.turns.push_back(session);
        }
        lane.len += 1;
        if !self.turns.contains(&owner) {
            self.turns.push_back(owner);
        }
        self.len += 1;
        Ok(())
    }

    /// Whether the session, its client or all together have as much waiting as may. A client with many sessions leaves
    /// half of the room to the others.
    fn is_full(&self, session: SessionKey) -> bool {
        let lane = self.lanes.get(&lane(session));
        let own = lane.and_then(|lane| lane.waiting.get(&session)).map_or(0, VecDeque::len);
        let share = (self.config.total / 2).max(self.config.per_session);
        own >= self.config.per_session
            || lane.is_some_and(|lane| lane.len >= share)
            || self.len >= self.config.total
    }

    /// Removes the session's jobs that a new one overtakes; returns the place of the first of them.
    /// The session keeps its turn, even when no other job of it waits.
    fn replace(
        &mut self,
        session: SessionKey,
        replaces: &impl Fn(&J) -> bool,
        refused: &mut Vec<(J, EngineError)>,
    ) -> Option<usize> {
        let lane = self.lanes.get_mut(&lane(session))?;
        let jobs = lane.waiting.get_mut(&session)?;
        let place = jobs.iter().position(|job| replaces(&job.payload))?;
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = jobs.drain(..).partition(|job| replaces(&job.payload));
        *jobs = kept;
        lane.len -= gone.len();
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

/// A session's jobs are as urgent as the most urgent of them: what waits before it is soon done or wanted by nobody.
fn urgency<J: Payload>(jobs: &VecDeque<Job<J>>) -> Urgency {
    let wanted = jobs.iter().filter(|job| !job.payload.abandoned());
    wanted.map(|job| job.payload.urgency()).min().unwrap_or(Urgency::Ahead)
}
