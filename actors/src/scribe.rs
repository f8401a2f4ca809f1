//! Scribe: writes a session's messages to the store, in order, each until it is durable.
//! Parent: Session. Children: none. On failure: restarts alone; the Session repeats what was not acknowledged.
//! In: ScribeMsg (the Session keeps at most [`MAX_UNWRITTEN`] unacknowledged).  Out: ScribeEvent -> Session.
//! Owns: the queue of writes.  Never: invents order, logs words.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tracing::warn;

pub use crate::store::Entry;
use crate::{
    session::SessionMsg,
    store::{Store, StoreError, StoreErrorKind},
};

/// Writes that may wait for a store that is away; with more, the oldest turn of a long outage is told to be lost.
pub const MAX_UNWRITTEN: usize = 256;

/// Between two tries while the store is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A write that takes longer counts as failed; the store's own time-outs are shorter.
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
    /// Try again.
    Retry,
}

/// What it says.
#[derive(Debug)]
pub enum ScribeEvent {
    /// Durable.
    Written(u64),
    /// It will never be: the store refused it.
    Refused(u64, StoreError),
    /// The store is away; writes wait.
    StoreDown(StoreError),
    /// It is back.
    StoreUp,
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    args: ScribeArgs,
    queue: VecDeque<(u64, Entry)>,
    down: bool,
}

impl Actor for Scribe {
    type Msg = ScribeMsg;
    type State = State;
    type Arguments = ScribeArgs;

    async fn pre_start(&self, _: ActorRef<ScribeMsg>, args: ScribeArgs) -> Result<State, ActorProcessingErr> {
        Ok(State { args, queue: VecDeque::new(), down: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<ScribeMsg>,
        message: ScribeMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ScribeMsg::Write(number, entry) => {
                state.queue.push_back((number, entry));
                if !state.down {
                    state.write_all(&myself).await?;
                }
            }
            ScribeMsg::Retry => state.write_all(&myself).await?,
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

    async fn write_all(&mut self, myself: &ActorRef<ScribeMsg>) -> Result<(), ActorProcessingErr> {
        while let Some((number, entry)) = self.queue.front() {
            let number = *number;
            match self.write(entry.clone()).await {
                Ok(()) => {
                    self.queue.pop_front();
                    if std::mem::take(&mut self.down) {
                        self.tell(ScribeEvent::StoreUp)?;
                    }
                    self.tell(ScribeEvent::Written(number))?;
                }
                Err(error) if matches!(error.kind, StoreErrorKind::BadInput | StoreErrorKind::NotFound) => {
                    self.queue.pop_front();
                    self.tell(ScribeEvent::Refused(number, error))?;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.down, true) {
                        warn!(code = error.kind.code(), %error, "store is away, writes wait");
                        self.tell(ScribeEvent::StoreDown(error))?;
                    }
                    myself.send_after(RETRY_AFTER, || ScribeMsg::Retry);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn write(&self, entry: Entry) -> Result<(), StoreError> {
        let store = &self.args.store;
        let write = async {
            match entry {
                Entry::Message(record) => store.append_message(record).await,
                Entry::Session(record) => store.update_session(record).await,
                Entry::Facts { session_id, facts } => store.put_facts(&session_id, facts).await,
            }
        };
        tokio::time::timeout(WRITE_DEADLINE, write).await.unwrap_or_else(|_| {
            Err(StoreError::new(StoreErrorKind::Unavailable, "the store did not answer in time"))
        })
    }
}
