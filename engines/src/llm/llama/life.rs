//! One life of a worker: whether it is ready, moves, and why it ended.

use std::time::{Duration, Instant};

use super::{
    Patience,
    worker::{Pose, Worker},
};
use crate::llm::wire::Ask;

/// How often the worker must show that it moves.
const PING_EVERY: Duration = Duration::from_secs(1);

/// How often a worker with work is looked at, whether it computes at all.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Looks in a row that found neither a step nor time of a processor, after which it is stuck: so many while it could run
/// and is given no processor, or waits for a disk. Counted in looks, as a machine that slept itself has not looked.
const STILL: u32 = 12;

/// What one such look counts when each of its threads waits for another one or for us, who have given it work.
const ASLEEP: u32 = 4;

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
    looked: Instant,
    /// Its time of a processor at the last look.
    computed: Option<u64>,
    /// Looks since anything changed, each with its weight.
    still: u32,
    /// How many threads it was told to take at most.
    threads: u16,
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
            looked: now,
            computed: None,
            still: 0,
            threads: u16::MAX,
        }
    }

    /// Tells it how many threads to take at most, if that has changed.
    pub(super) fn share(&mut self, threads: u16) {
        if self.threads != threads && self.worker.ask(&Ask::Share { threads }) {
            self.threads = threads;
        }
    }

    /// Whether it was of use for a while.
    pub(super) fn was_steady(&self, now: Instant) -> bool {
        self.ready && now.duration_since(self.started) >= STEADY
    }

    /// It did something.
    pub(super) fn moves(&mut self) {
        self.moved = Instant::now();
        self.still = 0;
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
        let rests = !working || self.threads == 0;
        if self.ready && rests {
            self.moved = now;
            self.still = 0;
            return;
        }
        if self.ready {
            self.look(now);
        }
        let limit = if self.ready { patience.stuck_after } else { patience.load_within };
        let quiet = now.duration_since(self.moved);
        if quiet >= limit || self.still >= STILL {
            tracing::warn!(seconds = quiet.as_secs_f32(), looks = self.still, "worker is stuck, killing it");
            let verdict = format!("the worker made no progress for {:.1} s", quiet.as_secs_f32());
            self.verdict.get_or_insert(verdict);
            self.worker.kill();
            // The end of its stdout brings the rest; until then it is not killed again.
            self.moved = now;
            self.still = 0;
        } else if self.ready && now.duration_since(self.pinged) >= PING_EVERY {
            self.pinged = now;
            self.worker.ask(&Ask::Ping);
        }
    }

    /// Counts the looks at which it did not compute; on a system that does not tell, none.
    fn look(&mut self, now: Instant) {
        if now.duration_since(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = now;
        let before = std::mem::replace(&mut self.computed, self.worker.computed());
        let stood = self.computed.is_some() && self.computed == before;
        self.still = match self.worker.pose() {
            _ if !stood => 0,
            Pose::Stopped => STILL,
            Pose::Asleep => self.still + ASLEEP,
            Pose::Able => self.still + 1,
        };
    }
}
