//! The twin that forgets: for tests, and for who wants no trace.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use duologue_actors::store::{
    FactRecord, FeedbackRecord, MessageRecord, MidiDocument, MidiRecord, SessionRecord, Store, StoreError,
    StoreErrorKind, StoreResult, UserRecord,
};
use futures_util::{FutureExt, future::BoxFuture};

use super::{documents::FeedbackDocument, limits};

/// Everything in maps under one lock, which is never held across an await.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<String, SessionRecord>,
    /// By session, then by message id.
    messages: BTreeMap<String, BTreeMap<String, MessageRecord>>,
    users: BTreeMap<String, UserRecord>,
    facts: BTreeMap<String, Vec<FactRecord>>,
    /// By session, then by id.
    feedback: BTreeMap<String, BTreeMap<String, FeedbackRecord>>,
    midis: BTreeMap<String, MidiDocument>,
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // The maps are whole after every statement, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        let mut state = self.state();
        if state.sessions.contains_key(&record.id) {
            return Err(StoreError::new(StoreErrorKind::BadInput, "there is already a session with this id"));
        }
        state.sessions.insert(record.id.clone(), record);
        Ok(())
    }

    fn change_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        let mut state = self.state();
        let stored = state.sessions.get_mut(&record.id).ok_or_else(no_session)?;
        stored.session_name = record.session_name;
        stored.is_active = record.is_active;
        stored.status = record.status;
        stored.intimacy = record.intimacy;
        stored.updated_at = record.updated_at;
        Ok(())
    }

    fn remove_session(&self, id: &str) -> StoreResult<()> {
        let mut state = self.state();
        state.sessions.remove(id).ok_or_else(no_session)?;
        state.messages.remove(id);
        state.facts.remove(id);
        state.feedback.remove(id);
        Ok(())
    }

    fn list_sessions(&self, user_id: Option<&str>, limit: u32, offset: u32) -> Vec<SessionRecord> {
        let state = self.state();
        let mut found: Vec<_> = state
            .sessions
            .values()
            .filter(|record| user_id.is_none() || record.user_id.as_deref() == user_id)
            .cloned()
            .collect();
        found.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
        found.into_iter().skip(offset as usize).take(limit as usize).collect()
    }

    fn insert_midi(&self, document: MidiDocument) -> StoreResult<()> {
        limits::check_midi(&document)?;
        let mut state = self.state();
        if state.midis.contains_key(&document.record.id) {
            return Err(StoreError::new(StoreErrorKind::BadInput, "there is already a file with this id"));
        }
        state.midis.insert(document.record.id.clone(), document);
        Ok(())
    }

    fn list_midis(&self, user_id: Option<&str>, limit: u32, offset: u32) -> Vec<MidiRecord> {
        let state = self.state();
        let records = state.midis.values().map(|document| &document.record);
        let mut found: Vec<_> = records
            .filter(|record| user_id.is_none() || record.user_id.as_deref() == user_id)
            .cloned()
            .collect();
        found.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
        found.into_iter().skip(offset as usize).take(limit as usize).collect()
    }

    fn list_messages(&self, session_id: &str, limit: u32, before_seq: Option<u64>) -> Vec<MessageRecord> {
        let state = self.state();
        let Some(messages) = state.messages.get(session_id) else { return Vec::new() };
        let mut found: Vec<_> = messages
            .values()
            .filter(|record| before_seq.is_none_or(|before| record.seq < before))
            .cloned()
            .collect();
        found.sort_by_key(|record| record.seq);
        found.split_off(found.len().saturating_sub(limit as usize))
    }
}

pub(super) fn no_session() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "there is no such session")
}

pub(super) fn no_midi() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "there is no such MIDI file")
}

/// What is known at once, as a future.
fn now<T: Send + 'static>(result: StoreResult<T>) -> BoxFuture<'static, StoreResult<T>> {
    std::future::ready(result).boxed()
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<()>> {
        now(Ok(()))
    }

    fn create_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        now(self.insert_session(record))
    }

    fn session(&self, id: &str) -> BoxFuture<'_, StoreResult<SessionRecord>> {
        now(self.state().sessions.get(id).cloned().ok_or_else(no_session))
    }

    fn sessions(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<SessionRecord>>> {
        now(Ok(self.list_sessions(user_id, limit, offset)))
    }

    fn update_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        now(self.change_session(record))
    }

    fn delete_session(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        now(self.remove_session(id))
    }

    fn append_message(&self, record: MessageRecord) -> BoxFuture<'_, StoreResult<()>> {
        now(limits::check_message(&record).map(|()| {
            self.state()
                .messages
                .entry(record.session_id.clone())
                .or_default()
                .insert(record.id.clone(), record);
        }))
    }

    fn messages(
        &self,
        session_id: &str,
        limit: u32,
        before_seq: Option<u64>,
    ) -> BoxFuture<'_, StoreResult<Vec<MessageRecord>>> {
        now(Ok(self.list_messages(session_id, limit, before_seq)))
    }

    fn upsert_user(&self, record: UserRecord) -> BoxFuture<'_, StoreResult<()>> {
        now(limits::check_user(&record).map(|()| {
            let mut state = self.state();
            let created_at =
                state.users.get(&record.id).map_or(record.created_at, |stored| stored.created_at);
            state.users.insert(record.id.clone(), UserRecord { created_at, ..record });
        }))
    }

    fn put_facts(&self, session_id: &str, facts: Vec<FactRecord>) -> BoxFuture<'_, StoreResult<()>> {
        now(limits::check_facts(session_id, &facts).map(|()| {
            let owned = session_id.to_owned();
            let facts =
                facts.into_iter().map(|fact| FactRecord { session_id: owned.clone(), ..fact }).collect();
            self.state().facts.insert(session_id.to_owned(), facts);
        }))
    }

    fn facts(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Vec<FactRecord>>> {
        now(Ok(self.state().facts.get(session_id).cloned().unwrap_or_default()))
    }

    fn put_feedback(&self, record: FeedbackRecord) -> BoxFuture<'_, StoreResult<()>> {
        // As JSON, like the others, so that it comes back the same.
        now(limits::check_feedback(&record).and_then(|()| FeedbackDocument::new(&record)).map(|document| {
            let record = document.into_record();
            let mut state = self.state();
            state.feedback.entry(record.session_id.clone()).or_default().insert(record.id.clone(), record);
        }))
    }

    fn feedback(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Option<FeedbackRecord>>> {
        let state = self.state();
        let of_session = state.feedback.get(session_id).into_iter().flat_map(BTreeMap::values);
        now(Ok(of_session.max_by_key(|record| record.created_at).cloned()))
    }

    fn put_midi(&self, document: MidiDocument) -> BoxFuture<'_, StoreResult<()>> {
        now(self.insert_midi(document))
    }

    fn midi(&self, id: &str) -> BoxFuture<'_, StoreResult<MidiDocument>> {
        now(self.state().midis.get(id).cloned().ok_or_else(no_midi))
    }

    fn midis(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<MidiRecord>>> {
        now(Ok(self.list_midis(user_id, limit, offset)))
    }

    fn delete_midi(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        now(self.state().midis.remove(id).map(drop).ok_or_else(no_midi))
    }
}
