//! A sign of life: what a parent asks of a child to know that its mailbox still moves.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The child's end: an actor that gets it lets it beat.
#[derive(Debug)]
pub struct Pulse {
    beaten: Arc<AtomicBool>,
    fault: Option<Fault>,
}

/// What befalls a child in its mailbox, which all of them have in common. For the tests of supervision, like
/// [`SessionMsg::GetChildren`](crate::session::SessionMsg::GetChildren): no client can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panics.
    Panic,
    /// It never takes another message.
    Hang,
    /// It goes on after so long.
    Starve(Duration),
}

impl Pulse {
    /// A pulse, and the parent's end of it.
    pub(crate) fn new() -> (Self, Beat) {
        let beaten = Arc::new(AtomicBool::new(false));
        (Self { beaten: Arc::clone(&beaten), fault: None }, Beat(beaten))
    }

    /// One that nobody listens to, and that does not come without harm.
    pub(crate) fn harmful(fault: Fault) -> Self {
        Self { beaten: Arc::default(), fault: Some(fault) }
    }

    /// Says that the child is alive.
    pub async fn beat(self) {
        match self.fault {
            None => {}
            Some(Fault::Panic) => panic!("asked to by a test of supervision"),
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::Starve(time)) => tokio::time::sleep(time).await,
        }
        self.beaten.store(true, Ordering::Release);
    }
}

/// The parent's end.
#[derive(Debug)]
pub(crate) struct Beat(Arc<AtomicBool>);

impl Beat {
    /// Whether the child has answered.
    pub(crate) fn is_there(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
