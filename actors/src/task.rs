//! A task with an owner: when the owner goes, by whatever way, the task goes with it.

use std::future::Future;

use tokio::task::JoinHandle;

/// Aborts its task when dropped. Actors keep these in their state, since `post_stop` is skipped on kill and panic.
#[derive(Debug)]
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    /// Spawns `work` on the current runtime.
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
