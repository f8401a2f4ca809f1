//! Scribe: writes a session's messages to the store, in order, each until it is kept. While the store is away, a
//! store with a journal keeps them there; when that is full too, they wait here, unacknowledged.
//! Parent: Session. Children: none. On failure: restarts alone; the Session repeats what was not acknowledged.
//! In: ScribeMsg (the Session keeps at most [`MAX_UNWRITTEN`] unacknowledged).  Out: ScribeEvent -> Session.
//! Owns: the queue of writes, and the one that is going on.  Never: invents order, waits in its mailbox, logs words.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tracing::warn;

pub use crate::store::Entry;
use crate::{
    pulse::Pulse,
    session::SessionMsg,
    store::{Kept, Store, StoreError, StoreErrorKind, StoreResult},
    task::{Alive, OwnedTask},
};

/// Writes that may wait for a store that is away; with more, the oldest turn of a long outage is told to be lost.
pub const MAX_UNWRITTEN: usize = 256;

/// Between two tries while the store is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A write that takes longer counts as failed; the store's and the journal's own time-outs are shorter.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The actor.
#[derive(Debug)]
pub struct Scribe;

/// What it needs.
pub struct ScribeArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Where it writes.
    pub store: Arc<dyn Store>,
}

impl std::fmt::Debug for ScribeArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScribeArgs").field("store", &self.store.kind()).finish_non_exhaustive()
    }
}

/// What it understands.
#[derive(Debug)]
pub enum ScribeMsg {
    /// Write this, under the Session's number.
    Write(u64, Entry),
    /// The write that was going on is over.
    Wrote(StoreResult<Kept>),
    /// Try again.
    Retry,
    /// Show that it lives.
    Pulse(Pulse),
}

/// What it says.
#[derive(Debug)]
pub enum ScribeEvent {
    /// Written.
    Written(u64, Kept),
    /// It will never be: the store refused it.
    Refused(u64, StoreError),
    /// The store is away; the journal keeps what is written.
    Journaling,
    /// Nothing can be kept; writes wait.
    StoreDown(StoreError),
    /// The store keeps again what is written.
    StoreUp,
}

/// What was told about the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Up,
    Journaling,
    Down(StoreErrorKind),
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    args: ScribeArgs,
    myself: ActorRef<ScribeMsg>,
    queue: VecDeque<(u64, Entry)>,
    writing: Option<OwnedTask>,
    told: Told,
}

impl Actor for Scribe {
    type Msg = ScribeMsg;
    type State = State;
    type Arguments = ScribeArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ScribeMsg>,
        args: ScribeArgs,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            _alive: Alive::new("scribe"),
            args,
            myself,
            queue: VecDeque::new(),
            writing: None,
            told: Told::Up,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<ScribeMsg>,
        message: ScribeMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ScribeMsg::Write(number, entry) => {
                state.queue.push_back((number, entry));
                if state.queue.len() > MAX_UNWRITTEN + usize::from(state.writing.is_some()) {
                    // The Session has given it up as well, and has said so.
                    state.queue.remove(usize::from(state.writing.is_some()));
                }
                if !matches!(state.told, Told::Down(_)) {
                    state.write_next();
                }
            }
            ScribeMsg::Wrote(result) => state.wrote(result)?,
            ScribeMsg::Retry => state.write_next(),
            ScribeMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<ScribeMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn tell(&self, event: ScribeEvent) -> Result<(), ActorProcessingErr> {
        Ok(self.args.parent.cast(SessionMsg::Scribe(event))?)
    }

    /// One write at a time, so that their order is that of the queue.
    fn write_next(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let Some((_, entry)) = self.queue.front().cloned() else { return };
        let (store, myself) = (self.args.store.clone(), self.myself.clone());
        self.writing = Some(OwnedTask::spawn(self.myself.get_cell(), async move {
            let late = || StoreError::new(StoreErrorKind::Unavailable, "the store did not answer in time");
            let result = tokio::time::timeout(WRITE_DEADLINE, store.write(entry)).await;
            // A dead Scribe needs no answer: the Session repeats the write to the next one.
            let _ = myself.cast(ScribeMsg::Wrote(result.unwrap_or_else(|_| Err(late()))));
        }));
    }

    fn wrote(&mut self, result: StoreResult<Kept>) -> Result<(), ActorProcessingErr> {
        self.writing = None;
        let Some((number, _)) = self.queue.front() else { return Ok(()) };
        let number = *number;
        match result {
            Ok(kept) => {
                self.queue.pop_front();
                let now = if kept == Kept::Journal { Told::Journaling } else { Told::Up };
                match (std::mem::replace(&mut self.told, now), now) {
                    (before, now) if before == now => {}
                    (_, Told::Journaling) => self.tell(ScribeEvent::Journaling)?,
                    _ => self.tell(ScribeEvent::StoreUp)?,
                }
                self.tell(ScribeEvent::Written(number, kept))?;
            }
            Err(error) if matches!(error.kind, StoreErrorKind::BadInput | StoreErrorKind::NotFound) => {
                self.queue.pop_front();
                self.tell(ScribeEvent::Refused(number, error))?;
            }
            Err(error) => {
                let now = Told::Down(error.kind);
                if std::mem::replace(&mut self.told, now) != now {
                    warn!(code = error.kind.code(), %error, "nothing can be kept, writes wait");
                    self.tell(ScribeEvent::StoreDown(error))?;
                }
                self.myself.send_after(RETRY_AFTER, || ScribeMsg::Retry);
                return Ok(());
            }
        }
        self.write_next();
        Ok(())
    }
}
