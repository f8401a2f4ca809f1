//! One life of a worker: whether it is ready, moves, and why it ended.

use std::time::{Duration, Instant};

use super::{Patience, worker::Worker};
use crate::llm::wire::Ask;

/// How often the worker must show that it moves.
const PING_EVERY: Duration = Duration::from_secs(1);

/// A worker that was ready and lived so long is no failure in a row: who kills it now and then must not make people wait
/// longer each time.
const STEADY: Duration = Duration::from_secs(5);

/// A worker with what is known of it.
pub(super) struct Life {
    pub(super) worker: Worker,
    pub(super) ready: bool,
    /// Why it says that it cannot start.
    pub(super) refusal: Option<String>,
    /// Why we killed it.
    pub(super) verdict: Option<String>,
    /// When it was started.
    started: Instant,
    /// When it last showed that it moves; before it is ready, when it was started.
    moved: Instant,
    pinged: Instant,
    steps: u64,
    /// Whether it was told to leave cores to others.
    shares: bool,
}

impl Life {
    pub(super) fn new(worker: Worker, now: Instant) -> Self {
        Self {
            worker,
            ready: false,
            refusal: None,
            verdict: None,
            started: now,
            moved: now,
            pinged: now,
            steps: 0,
            shares: false,
        }
    }

    /// Tells it whether others need the cores, if that has changed.
    pub(super) fn share(&mut self, shared: bool) {
        if self.shares != shared && self.worker.ask(&Ask::Share { shared }) {
            self.shares = shared;
        }
    }

    /// Whether it was of use for a while.
    pub(super) fn was_steady(&self, now: Instant) -> bool {
        self.ready && now.duration_since(self.started) >= STEADY
    }

    /// It did something.
    pub(super) fn moves(&mut self) {
        self.moved = Instant::now();
    }

    /// It has taken so many steps; only a larger number than before is progress.
    pub(super) fn stepped(&mut self, steps: u64) {
        if steps != self.steps {
            self.steps = steps;
            self.moves();
        }
    }

    /// Pings a worker that has work and kills one that does not move.
    pub(super) fn watch(&mut self, working: bool, patience: Patience, now: Instant) {
        if self.ready && !working {
            self.moved = now;
            return;
        }
        let limit = if self.ready { patience.stuck_after } else { patience.load_within };
        if now.duration_since(self.moved) >= limit {
            tracing::warn!(seconds = limit.as_secs(), "worker is stuck, killing it");
            let verdict = format!("the worker made no progress for {} s", limit.as_secs());
            self.verdict.get_or_insert(verdict);
            self.worker.kill();
            // The end of its stdout brings the rest; until then it is not killed again.
            self.moved = now;
        } else if self.ready && now.duration_since(self.pinged) >= PING_EVERY {
            self.pinged = now;
            self.worker.ask(&Ask::Ping);
        }
    }
}
