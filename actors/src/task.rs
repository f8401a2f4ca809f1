//! A task with an owner: when the owner goes, by whatever way, the task goes with it; and when the task panics,
//! the owner goes too, because an actor whose work has vanished is dead even if its mailbox still answers.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use ractor::ActorCell;
use tokio::task::JoinHandle;

/// Counts an actor or a ring for as long as its state lives, whatever way it ends.
#[derive(Debug)]
pub(crate) struct Alive(&'static str, &'static str);

impl Alive {
    /// One more of `role`.
    pub(crate) fn new(role: &'static str) -> Self {
        Self::counted("actors_alive", role)
    }

    /// One more ring or queue.
    pub(crate) fn ring(role: &'static str) -> Self {
        Self::counted("rings_alive", role)
    }

    fn counted(gauge: &'static str, role: &'static str) -> Self {
        metrics::gauge!(gauge, "role" => role).increment(1.0);
        Self(gauge, role)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        metrics::gauge!(self.0, "role" => self.1).decrement(1.0);
    }
}

/// Aborts its task when dropped. Actors keep these in their state, since `post_stop` is skipped on kill and panic.
#[derive(Debug)]
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    /// Spawns `work` on the current runtime for the actor `owner`.
    pub(crate) fn spawn(owner: ActorCell, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            // Unwind safe: what the work leaves behind dies with its owner.
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                metrics::counter!("actor_tasks_panicked_total").increment(1);
                owner.kill();
            }
        }))
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
