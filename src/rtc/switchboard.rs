//! The calls that there are: found by their ids, bounded in number, forgotten when they end.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use duologue_actors::store::SessionRecord;
use duologue_rtc::{Peer, config::PeerConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Refusal;
use crate::config::Config;

/// Calls that failed and are remembered, so that who asks is told why: a minute of bad luck.
const FAILED: usize = 256;

/// A call, as far as signalling needs it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) peer: Arc<Peer>,
    /// Ends it.
    pub(super) over: CancellationToken,
    /// Whose it is.
    pub(super) record: SessionRecord,
}

#[derive(Debug, Default)]
struct Lines {
    open: HashMap<String, Line>,
    /// The oldest first.
    failed: VecDeque<(String, Refusal)>,
}

/// The switchboard.
#[derive(Debug)]
pub(crate) struct Switchboard {
    pub(super) config: PeerConfig,
    /// Calls at once; more are refused at the door.
    places: Arc<Semaphore>,
    max: usize,
    lines: Arc<Mutex<Lines>>,
}

impl Switchboard {
    /// As `[rtc]` has it.
    pub(crate) fn new(config: &Config) -> Self {
        let max = config.rtc.max;
        Self {
            config: config.rtc.to_peer(&config.server),
            places: Arc::new(Semaphore::new(max)),
            max,
            lines: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls there are.
    pub(crate) fn count(&self) -> usize {
        self.max - self.places.available_permits().min(self.max)
    }

    /// A place for a call; `None` when all are taken.
    pub(super) fn place(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        metrics::gauge!("rtc_peers_open").increment(1.0);
        Some(Place { _permit: permit })
    }

    /// A call with an id, until its entry is dropped.
    pub(super) fn connect(&self, id: &str, line: Line) -> Entry {
        self.lock().open.insert(id.to_owned(), line);
        Entry { id: id.to_owned(), lines: self.lines.clone(), failure: None }
    }

    /// A call that goes on.
    ///
    /// # Errors
    /// It has failed, or there is none.
    pub(super) fn find(&self, id: &str) -> Result<Line, Refusal> {
        let lines = self.lock();
        let failed = || lines.failed.iter().find(|(failed, _)| failed == id).map(|(_, why)| *why);
        lines.open.get(id).cloned().ok_or_else(|| failed().unwrap_or(Refusal::NotFound))
    }
}

/// A place for a call, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("rtc_peers_open").decrement(1.0);
    }
}

/// A call that can be found.
#[derive(Debug)]
pub(super) struct Entry {
    id: String,
    lines: Arc<Mutex<Lines>>,
    /// Why it has failed, if it has.
    pub(super) failure: Option<Refusal>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.open.remove(&self.id);
        if let Some(failure) = self.failure {
            if lines.failed.len() == FAILED {
                lines.failed.pop_front();
            }
            lines.failed.push_back((std::mem::take(&mut self.id), failure));
        }
    }
}
