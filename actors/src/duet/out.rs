//! The way out to one player: a bounded queue in the order in which things happened.
//!
//! What a newer thing replaces (plans, settings, where the beats are) leaves the queue; promises and what others play
//! never do. A client that lets [`MAX_WEIGHT`] pile up is cut off: late notes are worth nothing, and it can come back
//! at once and is told what holds then.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::event::DuetEvent;

/// Notes and other things that may wait for a client: half a minute of a busy duet of eight, at most 400 KB.
const MAX_WEIGHT: usize = 4_096;

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuetClosed {
    /// The client did not take what was sent.
    TooSlow,
    /// The scene has ended, with this code.
    Ended(&'static str),
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<DuetEvent>,
    weight: usize,
    closed: Option<DuetClosed>,
}

/// The queue of one player.
#[derive(Debug, Default)]
pub(super) struct DuetOut {
    queue: Mutex<Queue>,
    filled: Notify,
}

impl DuetOut {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues something.
    pub(super) fn push(&self, event: DuetEvent) {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return;
        }
        if let Some(at) = queue.events.iter().position(|older| older.is_replaced_by(&event)) {
            let older = queue.events.remove(at).map_or(0, |older| older.weight());
            queue.weight -= older;
        }
        queue.weight += event.weight();
        queue.events.push_back(event);
        if queue.weight > MAX_WEIGHT {
            *queue = Queue { closed: Some(DuetClosed::TooSlow), ..Queue::default() };
            metrics::counter!("duet_clients_cut_off_total").increment(1);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Lets the reader finish what waits and then end.
    pub(super) fn close(&self, why: DuetClosed) {
        self.lock().closed.get_or_insert(why);
        self.filled.notify_one();
    }

    /// The next thing; waits for one. For one reader at a time.
    pub(super) async fn next(&self) -> Result<DuetEvent, DuetClosed> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(event) = queue.events.pop_front() {
                    queue.weight -= event.weight();
                    return Ok(event);
                }
                if let Some(why) = queue.closed {
                    return Err(why);
                }
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use duologue_music::improv::{Part, Plan, Planned};

    use super::*;

    fn plan(revision: u32) -> DuetEvent {
        let plan = Arc::new(Plan { revision, ..Plan::default() });
        DuetEvent::Plan { plan, with_flats: false, since: None }
    }

    fn notes(count: u32) -> DuetEvent {
        let note = |id| Planned {
            id,
            at_us: 0,
            duration_us: 20_000,
            part: Part::Bass,
            pitch: 40,
            velocity: 80,
            program: 0,
        };
        DuetEvent::Notes { revision: 1, notes: (0..count).map(note).collect() }
    }

    #[tokio::test]
    async fn a_newer_plan_replaces_the_older_and_promises_stay() {
        let out = DuetOut::default();
        for event in [plan(1), notes(2), plan(2), notes(1), plan(3)] {
            out.push(event);
        }
        out.close(DuetClosed::Ended("session_closed"));
        assert_eq!(out.next().await, Ok(notes(2)));
        assert_eq!(out.next().await, Ok(notes(1)));
        assert_eq!(out.next().await, Ok(plan(3)));
        assert_eq!(out.next().await, Err(DuetClosed::Ended("session_closed")));
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off() {
        let out = DuetOut::default();
        for _ in 0..MAX_WEIGHT {
            out.push(plan(1));
        }
        assert!(matches!(out.next().await, Ok(DuetEvent::Plan { .. })), "plans alone never pile up");
        for _ in 0..100 {
            out.push(notes(60));
        }
        assert_eq!(out.next().await, Err(DuetClosed::TooSlow));
    }
}
