//! A sign of life: what a parent asks of a child to know that its mailbox still moves.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The child's end: an actor that gets it lets it beat.
#[derive(Debug)]
pub struct Pulse(Arc<AtomicBool>);

impl Pulse {
    /// A pulse, and the parent's end of it.
    pub(crate) fn new() -> (Self, Beat) {
        let beaten = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&beaten)), Beat(beaten))
    }

    /// Says that the child is alive.
    pub fn beat(self) {
        self.0.store(true, Ordering::Release);
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
