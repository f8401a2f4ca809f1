//! A store in memory that a test can switch off.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use duologue_actors::store::{
    FactRecord, FeedbackRecord, MessageRecord, MidiDocument, MidiRecord, SessionRecord, Store, StoreError,
    StoreErrorKind, StoreResult, UserRecord,
};
use futures_util::{FutureExt, future::BoxFuture};

use crate::gate::Gate;

/// Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// Troubles the writing of messages.
    pub gate: Gate,
    inner: Arc<Mutex<Inner>>,
    down: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: BTreeMap<String, SessionRecord>,
    messages: BTreeMap<String, MessageRecord>,
    facts: BTreeMap<String, Vec<FactRecord>>,
    feedback: BTreeMap<String, FeedbackRecord>,
    midis: BTreeMap<String, MidiDocument>,
}

impl MemoryStore {
    /// From now on every call fails, or works again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// All messages in order.
    pub fn all_messages(&self) -> Vec<MessageRecord> {
        let mut messages = self.lock().messages.values().cloned().collect::<Vec<_>>();
        messages.sort_by_key(|message| message.seq);
        messages
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<'a, T: Send + 'a>(
        &self,
        work: impl FnOnce(&mut Inner) -> StoreResult<T>,
    ) -> BoxFuture<'a, StoreResult<T>> {
        let result = match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::new(StoreErrorKind::Unavailable, "switched off by the test")),
            false => work(&mut self.lock()),
        };
        async move { result }.boxed()
    }
}

fn not_found() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "no such session")
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|_| Ok(()))
    }

    fn create_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| {
            inner.sessions.insert(record.id.clone(), record);
            Ok(())
        })
    }

    fn session(&self, id: &str) -> BoxFuture<'_, StoreResult<SessionRecord>> {
        self.answer(|inner| inner.sessions.get(id).cloned().ok_or_else(not_found))
    }

    fn sessions(
        &self,
        user: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<SessionRecord>>> {
        self.answer(|inner| {
            let mine =
                inner.sessions.values().filter(|record| user.is_none() || record.user_id.as_deref() == user);
            Ok(mine.skip(offset as usize).take(limit as usize).cloned().collect())
        })
    }

    fn update_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.create_session(record)
    }

    fn delete_session(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| inner.sessions.remove(id).map(|_| ()).ok_or_else(not_found))
    }

    fn append_message(&self, record: MessageRecord) -> BoxFuture<'_, StoreResult<()>> {
        let passed = self.gate.pass("memory");
        async move {
            self.gate.step().await;
            passed.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.message))?;
            self.answer(|inner| {
                inner.messages.insert(record.id.clone(), record);
                Ok(())
            })
            .await
        }
        .boxed()
    }

    fn messages(
        &self,
        session: &str,
        limit: u32,
        before: Option<u64>,
    ) -> BoxFuture<'_, StoreResult<Vec<MessageRecord>>> {
        self.answer(|inner| {
            let before = before.unwrap_or(u64::MAX);
            let held =
                inner.messages.values().filter(|record| record.session_id == session && record.seq < before);
            let mut messages = held.cloned().collect::<Vec<_>>();
            messages.sort_by_key(|message| message.seq);
            let skip = messages.len().saturating_sub(limit as usize);
            Ok(messages.split_off(skip))
        })
    }

    fn upsert_user(&self, _: UserRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|_| Ok(()))
    }

    fn put_facts(&self, session: &str, facts: Vec<FactRecord>) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| {
            inner.facts.insert(session.to_owned(), facts);
            Ok(())
        })
    }

    fn facts(&self, session: &str) -> BoxFuture<'_, StoreResult<Vec<FactRecord>>> {
        self.answer(|inner| Ok(inner.facts.get(session).cloned().unwrap_or_default()))
    }

    fn put_feedback(&self, record: FeedbackRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| {
            inner.feedback.insert(record.id.clone(), record);
            Ok(())
        })
    }

    fn feedback(&self, session: &str) -> BoxFuture<'_, StoreResult<Option<FeedbackRecord>>> {
        self.answer(|inner| {
            let of_session = inner.feedback.values().filter(|record| record.session_id == session);
            Ok(of_session.max_by_key(|record| record.created_at).cloned())
        })
    }

    fn put_midi(&self, document: MidiDocument) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| {
            inner.midis.insert(document.record.id.clone(), document);
            Ok(())
        })
    }

    fn midi(&self, id: &str) -> BoxFuture<'_, StoreResult<MidiDocument>> {
        self.answer(|inner| inner.midis.get(id).cloned().ok_or_else(not_found))
    }

    fn midis(
        &self,
        user: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<MidiRecord>>> {
        self.answer(|inner| {
            let records = inner.midis.values().map(|document| &document.record);
            let mine = records.filter(|record| user.is_none() || record.user_id.as_deref() == user);
            Ok(mine.skip(offset as usize).take(limit as usize).cloned().collect())
        })
    }

    fn delete_midi(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        self.answer(|inner| inner.midis.remove(id).map(drop).ok_or_else(not_found))
    }
}
