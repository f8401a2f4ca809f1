//! What is kept: messages, closeness, memories; each until the Scribe says that it is durable.

use duologue_domain::{conversation::Conversation, turn::TurnId};
use tracing::warn;

use super::{State, state::epoch_ms};
use crate::{
    event::SessionEvent,
    scribe::{Entry, MAX_UNWRITTEN, ScribeEvent, ScribeMsg},
    store::{FactRecord, MessageRecord, MessageRole},
};

impl State {
    pub(super) fn write_message(&mut self, item: &str, role: MessageRole, content: &str) {
        let id = format!("{}/{item}", self.record.id);
        // The same item again (cut to what was heard) keeps its place.
        let known = self.seq_of(&id);
        let seq = known.unwrap_or_else(|| {
            let seq = self.next_seq;
            self.next_seq += 1;
            self.written_seq.push_back((id.clone(), seq));
            if self.written_seq.len() > Conversation::MAX_ITEMS {
                self.written_seq.pop_front();
            }
            seq
        });
        let turn = self.turn();
        if role == MessageRole::User && known.is_none() {
            self.remember(content, turn);
        }
        self.write(Entry::Message(MessageRecord {
            id,
            session_id: self.record.id.clone(),
            user_id: self.record.user_id.clone(),
            role,
            content: content.to_owned(),
            turn: turn.0,
            seq,
            timestamp: epoch_ms(),
        }));
    }

    /// Whether an item has its place in the store.
    pub(super) fn has_written(&self, item: &str) -> bool {
        self.seq_of(&format!("{}/{item}", self.record.id)).is_some()
    }

    fn seq_of(&self, id: &str) -> Option<u64> {
        self.written_seq.iter().rev().find(|(written, _)| written == id).map(|(_, seq)| *seq)
    }

    fn remember(&mut self, text: &str, turn: TurnId) {
        if !self.memory.remember(text, turn).is_empty() {
            self.write_facts();
        }
    }

    /// What is remembered, as it is now.
    pub(super) fn write_facts(&mut self) {
        let facts = self
            .memory
            .facts()
            .iter()
            .map(|fact| FactRecord {
                id: fact.id.clone(),
                session_id: self.record.id.clone(),
                kind: fact.kind.name().to_owned(),
                text: fact.text.clone(),
                turn: fact.turn.0,
            })
            .collect();
        self.write(Entry::Facts { session_id: self.record.id.clone(), facts });
    }

    /// A completed exchange brings the two a little closer.
    pub(super) fn grow_closer(&mut self, turn: TurnId) {
        if self.intimacy.handle_exchange(turn, self.scores.likability()).is_none() {
            return;
        }
        let value = self.intimacy.value();
        let level = self.intimacy.speech_level(&self.persona).name();
        self.say(SessionEvent::Intimacy { value, level });
        self.record.intimacy = value;
        self.record.updated_at = epoch_ms();
        self.write(Entry::Session(self.record.clone()));
    }

    pub(super) fn write(&mut self, entry: Entry) {
        let number = self.next_write;
        self.next_write += 1;
        self.unwritten.insert(number, entry.clone());
        if self.unwritten.len() > MAX_UNWRITTEN {
            self.unwritten.pop_first();
            self.alarm(
                "store",
                "history_lost",
                "The store has been away for too long; the oldest unsaved message is lost.",
            );
        }
        if let Some(scribe) = &self.children.scribe {
            let _ = scribe.cast(ScribeMsg::Write(number, entry));
        }
    }

    pub(super) fn repeat_to_scribe(&mut self) {
        let Some(scribe) = &self.children.scribe else { return };
        for (number, entry) in &self.unwritten {
            let _ = scribe.cast(ScribeMsg::Write(*number, entry.clone()));
        }
    }

    pub(super) fn scribe_said(&mut self, event: ScribeEvent) {
        match event {
            ScribeEvent::Written(number, kept) => {
                if let Some(Entry::Message(record)) = self.unwritten.remove(&number) {
                    let item = record.id.rsplit('/').next().unwrap_or_default().to_owned();
                    self.say(SessionEvent::Kept { item, kept });
                }
            }
            ScribeEvent::Refused(number, error) => {
                self.unwritten.remove(&number);
                warn!(session = self.key, code = error.kind.code(), "store refused a write");
                self.warn("store", error.kind.code(), error.message);
            }
            ScribeEvent::Journaling => self.warn(
                "store",
                "store_unavailable",
                "The store is away. What is said now is kept in the journal on the server's disk and written \
                 to the store when it is back.",
            ),
            ScribeEvent::StoreDown(error) => {
                let message = format!(
                    "{} What is said now is only in memory, until something can be written again.",
                    error.message
                );
                self.alarm("store", error.kind.code(), message);
            }
            ScribeEvent::StoreUp => {
                self.inform("store", "store_back", "The store is back; everything was written.");
            }
        }
    }
}
