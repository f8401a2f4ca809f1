//! The switch of every fake: a test breaks it down, lets it hang, panic or starve, and repairs it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use duologue_engines::port::{EngineError, ErrorKind};

/// What goes wrong at a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is refused with an error.
    Refuse,
    /// It never ends.
    Hang,
    /// It panics.
    Panic,
    /// It ends this much later.
    Starve(Duration),
}

/// Lets a test trouble a fake and repair it, and counts its uses. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What goes wrong, and how many times more.
    trouble: Arc<Mutex<Option<(Trouble, usize)>>>,
    uses: Arc<AtomicUsize>,
}

impl Gate {
    /// From now on every use fails.
    pub fn break_down(&self) {
        self.trouble(Trouble::Refuse, usize::MAX);
    }

    /// The next `times` steps go wrong like this.
    pub fn trouble(&self, trouble: Trouble, times: usize) {
        *self.lock() = Some((trouble, times));
    }

    /// From now on it works again. What hangs already, hangs on.
    pub fn repair(&self) {
        *self.lock() = None;
    }

    /// How often it was used.
    pub fn uses(&self) -> usize {
        self.uses.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Trouble, usize)>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trouble of this step, if it is one that `wanted` accepts.
    fn take(&self, wanted: impl Fn(Trouble) -> bool) -> Option<Trouble> {
        let mut held = self.lock();
        let (trouble, times) = (*held).filter(|(trouble, _)| wanted(*trouble))?;
        *held = (times > 1).then(|| (trouble, times - usize::from(times != usize::MAX)));
        Some(trouble)
    }

    /// A use begins: it may be refused, or panic.
    pub(crate) fn pass(&self, engine: &'static str) -> Result<(), EngineError> {
        self.uses.fetch_add(1, Ordering::SeqCst);
        match self.take(|trouble| matches!(trouble, Trouble::Refuse | Trouble::Panic)) {
            Some(Trouble::Panic) => panic!("asked to by the test"),
            Some(_) => Err(EngineError::new(ErrorKind::Unavailable, engine, "switched off by the test")),
            None => Ok(()),
        }
    }

    /// A step of a use: it may hang, starve or panic.
    pub(crate) async fn step(&self) {
        match self.take(|trouble| trouble != Trouble::Refuse) {
            Some(Trouble::Hang) => std::future::pending().await,
            Some(Trouble::Starve(time)) => tokio::time::sleep(time).await,
            Some(Trouble::Panic) => panic!("asked to by the test"),
            Some(Trouble::Refuse) | None => {}
        }
    }
}
