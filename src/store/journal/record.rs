//! What the journal writes down: the store's documents, and which call they were for.

use duologue_actors::store::{Entry, StoreResult};
use serde::{Deserialize, Serialize};

use crate::store::documents::{FactsDocument, FeedbackDocument, MessageDocument, SessionDocument, broken};

/// One call that the store has to get.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Record {
    Message(MessageDocument),
    Session(SessionDocument),
    Facts(FactsDocument),
    Feedback(FeedbackDocument),
    /// The session was deleted, so that what waits of it must not come back.
    Deleted(String),
}

/// The same for the store.
#[derive(Debug)]
pub(super) enum Task {
    Write(Box<Entry>),
    Delete(String),
}

impl Record {
    pub(super) fn of(entry: Entry) -> StoreResult<Self> {
        Ok(match entry {
            Entry::Message(record) => Self::Message(record.into()),
            Entry::Session(record) => Self::Session(record.into()),
            Entry::Facts { session_id, facts } => Self::Facts(FactsDocument::new(&session_id, facts)),
            Entry::Feedback(record) => Self::Feedback(FeedbackDocument::new(&record)?),
        })
    }

    pub(super) fn encode(&self) -> StoreResult<Vec<u8>> {
        serde_json::to_vec(self).map_err(|_| broken("a record that cannot be written down"))
    }

    pub(super) fn decode(payload: &[u8]) -> StoreResult<Self> {
        // Without serde's words, which could quote what was said.
        serde_json::from_slice(payload).map_err(|_| broken("a record of the journal that cannot be read"))
    }

    pub(super) fn into_task(self) -> StoreResult<Task> {
        let write = |entry| Task::Write(Box::new(entry));
        Ok(match self {
            Self::Message(document) => write(Entry::Message(document.into_record()?)),
            Self::Session(document) => write(Entry::Session(document.into_record()?)),
            Self::Facts(document) => write(Entry::Facts {
                session_id: document.session_id().to_owned(),
                facts: document.into_records(),
            }),
            Self::Feedback(document) => write(Entry::Feedback(document.into_record())),
            Self::Deleted(session_id) => Task::Delete(session_id),
        })
    }
}
