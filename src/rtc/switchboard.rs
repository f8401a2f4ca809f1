//! The calls that there are: found by their ids, bounded in number, of all and of each client, forgotten when they end.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use duologue_actors::store::SessionRecord;
use duologue_rtc::{Peer, config::PeerConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;

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
    /// Digest of the client secret that it was opened with.
    pub(super) opened_with: Option<[u8; 32]>,
}

#[derive(Debug, Default)]
struct Lines {
    open: HashMap<String, Line>,
    /// The oldest first.
    failed: VecDeque<(String, Refusal)>,
    /// Places that each client has; only of those that have some.
    of_clients: HashMap<Arc<str>, usize>,
}

/// All places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// By everybody together.
    All,
    /// By this client: those that are left are for others.
    Client,
}

/// The switchboard.
#[derive(Debug)]
pub(crate) struct Switchboard {
    pub(super) config: PeerConfig,
    /// Calls at once; more are refused at the door.
    places: Arc<Semaphore>,
    max: usize,
    /// Of one client at once: as many as it may have scenes, and half of all at most. A call that never connects holds its
    /// place for a while, and needs no scene of its own.
    per_client: usize,
    lines: Arc<Mutex<Lines>>,
}

impl Switchboard {
    /// As `[rtc]` has it.
    pub(crate) fn new(config: &Config) -> Self {
        let max = config.rtc.max;
        for url in config.rtc.only_told() {
            warn!(
                url,
                "relay not used by this server, which reaches relays over UDP alone; clients are told of it"
            );
        }
        Self {
            config: config.rtc.to_peer(&config.server),
            places: Arc::new(Semaphore::new(max)),
            max,
            per_client: config.sessions.per_client.min(max.div_ceil(2)),
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

    /// A place for a call of this client; of whom nothing is known only all together are bounded.
    ///
    /// # Errors
    /// All are taken, or all that this client may have.
    pub(super) fn place(&self, client: Option<Arc<str>>) -> Result<Place, Full> {
        let mut lines = self.lock();
        let of_client = client.as_ref().and_then(|client| lines.of_clients.get(client)).copied();
        if of_client.unwrap_or_default() >= self.per_client {
            return Err(Full::Client);
        }
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Full::All)?;
        if let Some(client) = &client {
            *lines.of_clients.entry(client.clone()).or_default() += 1;
        }
        metrics::gauge!("rtc_peers_open").increment(1.0);
        Ok(Place { _permit: permit, client, lines: self.lines.clone() })
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
    client: Option<Arc<str>>,
    lines: Arc<Mutex<Lines>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("rtc_peers_open").decrement(1.0);
        let Some(client) = self.client.take() else { return };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = lines.of_clients.get_mut(&client) {
            *places -= 1;
            if *places == 0 {
                lines.of_clients.remove(&client);
            }
        }
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
