//! The journal: a store that is away does not lose what is written meanwhile.
//!
//! A wrapper of the store's port. While the store works, writes go through. When it fails, they are appended to a
//! file on this machine's disk, and so is everything after them, so that their order stays; a task tries the
//! oldest one again every second and goes through the rest when it succeeds. Then the file is empty and writes go
//! through again. What the process leaves behind when it is killed is replayed at the next start, before anybody is
//! served. Each record is a replacement by id, so that one which is replayed twice is there once.
//!
//! Sessions are not made in the journal, and MIDI files do not wait in it: while the store is away no scene begins and no
//! file is taken, which is told.

mod book;
mod desk;
mod record;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc, time::Duration};

use duologue_actors::store::{
    Entry, FactRecord, FeedbackRecord, Kept, MessageRecord, MidiDocument, MidiRecord, SessionRecord, Store,
    StoreError, StoreErrorKind, StoreResult, UserRecord,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use self::{book::Book, desk::Desk, record::Task};
use super::limits;

/// A store that takes longer counts as away. A little more than the time-out of a database that cannot be found.
const STORE_ANSWERS: Duration = Duration::from_secs(4);

/// Between two tries of the oldest write.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// How long the start of the server waits for what the last one left behind; the rest follows while it serves.
const AT_START: Duration = Duration::from_secs(30);

/// Servers of one store on one machine at the same time that have a journal each.
const MAX_SERVERS: usize = 16;

/// Where the journal is, whose it is, and how large it may be.
#[derive(Clone, Debug)]
pub struct JournalPlace {
    /// Its folder, made when it is missing.
    pub folder: PathBuf,
    /// Which store's: what waits for one must not go into another.
    pub store: String,
    /// Largest size in bytes.
    pub largest: u64,
}

/// A store with a journal.
pub struct Journaled {
    inner: Arc<dyn Store>,
    desk: Arc<Desk>,
    replaying: JoinHandle<()>,
}

impl std::fmt::Debug for Journaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journaled")
            .field("store", &self.inner.kind())
            .field("waiting", &self.desk.waiting())
            .finish_non_exhaustive()
    }
}

impl Drop for Journaled {
    fn drop(&mut self) {
        self.replaying.abort();
    }
}

impl Journaled {
    /// Gives `inner` a journal, and the store what an earlier process left in it.
    ///
    /// # Errors
    /// The journal cannot be opened or made.
    pub async fn open(inner: Arc<dyn Store>, place: JournalPlace) -> StoreResult<Self> {
        let books = tokio::task::spawn_blocking(move || open_books(&place));
        let books = books.await.map_err(|_| StoreError::new(StoreErrorKind::Broken, "the journal broke"))?;
        let mut desks = books.map_err(desk::cannot)?.into_iter().map(Desk::new);
        let Some(desk) = desks.next() else {
            let message = "every journal of this store is in use by another server on this machine";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        };
        for left in desks {
            // Of a server that is not there any more.
            if replay_at_start(&*inner, &left).await {
                left.remove().await;
            }
        }
        replay_at_start(&*inner, &desk).await;
        let replaying = tokio::spawn(replay_for_ever(inner.clone(), desk.clone()));
        Ok(Self { inner, desk, replaying })
    }

    async fn keep(&self, entry: Entry) -> StoreResult<Kept> {
        // What the store would refuse for what it is must not be acknowledged.
        limits::check_entry(&entry)?;
        if self.desk.waiting() == 0 {
            match answered(self.inner.write(entry.clone())).await {
                Err(error) if is_away(&error) => self.desk.note_store(error),
                other => {
                    self.desk.note_no_need();
                    return other;
                }
            }
        }
        self.desk.append(record::Record::of(entry)?).await?;
        Ok(Kept::Journal)
    }

    async fn delete(&self, id: &str) -> StoreResult<()> {
        self.inner.delete_session(id).await?;
        if self.desk.waiting() > 0 {
            self.desk.append(record::Record::Deleted(id.to_owned())).await?;
        }
        Ok(())
    }

    /// What is stored, and over it what waits.
    async fn list(
        &self,
        session_id: &str,
        limit: u32,
        before: Option<u64>,
    ) -> StoreResult<Vec<MessageRecord>> {
        let mut found = self.inner.messages(session_id, limit, before).await?;
        if self.desk.waiting() == 0 {
            return Ok(found);
        }
        for entry in self.desk.entries_of(session_id).await? {
            let Entry::Message(waiting) = entry else { continue };
            match found.iter_mut().find(|stored| stored.id == waiting.id) {
                Some(stored) => *stored = waiting,
                None if before.is_none_or(|before| waiting.seq < before) => found.push(waiting),
                None => {}
            }
        }
        found.sort_by_key(|record| record.seq);
        Ok(found.split_off(found.len().saturating_sub(limit as usize)))
    }

    async fn facts_now(&self, session_id: &str) -> StoreResult<Vec<FactRecord>> {
        let stored = self.inner.facts(session_id).await?;
        if self.desk.waiting() == 0 {
            return Ok(stored);
        }
        let waiting = self.desk.entries_of(session_id).await?.into_iter().rev();
        let newest = waiting.filter_map(|entry| match entry {
            Entry::Facts { facts, .. } => Some(facts),
            _ => None,
        });
        Ok(newest.take(1).next().unwrap_or(stored))
    }

    async fn feedback_now(&self, session_id: &str) -> StoreResult<Option<FeedbackRecord>> {
        let stored = self.inner.feedback(session_id).await?;
        if self.desk.waiting() == 0 {
            return Ok(stored);
        }
        let newest =
            self.desk.entries_of(session_id).await?.into_iter().rev().find_map(|entry| match entry {
                Entry::Feedback(record) => Some(record),
                _ => None,
            });
        Ok(newest.or(stored))
    }

    async fn look(&self) -> StoreResult<()> {
        self.inner.ping().await?;
        self.desk.trouble().map_or(Ok(()), Err)
    }
}

/// Ours first, then those that other servers have left behind.
fn open_books(place: &JournalPlace) -> std::io::Result<Vec<Book>> {
    std::fs::create_dir_all(&place.folder)?;
    let mut books = Vec::new();
    for index in 0..MAX_SERVERS {
        let path = place.folder.join(format!("{}-{index}.journal", place.store));
        if books.is_empty() || path.exists() {
            books.extend(Book::open(&path, place.largest)?);
        }
    }
    Ok(books)
}

async fn answered<T>(call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    let late = || StoreError::new(StoreErrorKind::Unavailable, "the store does not answer");
    tokio::time::timeout(STORE_ANSWERS, call).await.unwrap_or_else(|_| Err(late()))
}

/// Whether the same write may succeed later.
fn is_away(error: &StoreError) -> bool {
    !matches!(error.kind, StoreErrorKind::BadInput | StoreErrorKind::NotFound)
}

async fn replay_at_start(store: &dyn Store, desk: &Arc<Desk>) -> bool {
    let waiting = desk.waiting();
    if waiting == 0 {
        return true;
    }
    info!(waiting, "the journal has writes of an earlier run");
    match tokio::time::timeout(AT_START, replay(store, desk)).await {
        Ok(Ok(())) => {
            info!(waiting, "the journal was replayed");
            true
        }
        Ok(Err(error)) => {
            error!(%error, "the journal could not be replayed yet");
            false
        }
        Err(_) => false,
    }
}

async fn replay_for_ever(store: Arc<dyn Store>, desk: Arc<Desk>) {
    loop {
        desk.until_something_waits().await;
        match replay(&*store, &desk).await {
            Ok(()) => info!("the store is back, the journal is written into it"),
            Err(error) => {
                desk.note_store(error);
                tokio::time::sleep(TRY_EVERY).await;
            }
        }
    }
}

/// Writes what waits into the store, the oldest first, until nothing does.
async fn replay(store: &dyn Store, desk: &Arc<Desk>) -> StoreResult<()> {
    while let Some(task) = desk.oldest().await? {
        let result = match task {
            Task::Write(entry) => answered(store.write(*entry)).await.map(drop),
            Task::Delete(id) => answered(store.delete_session(&id)).await,
        };
        match result {
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => {
                // Its session is gone, with all that was said in it.
                warn!(code = error.kind.code(), "a write of the journal has no place in the store any more");
                metrics::counter!("journal_writes_refused_total").increment(1);
            }
            Ok(()) => {}
        }
        desk.settle().await?;
    }
    Ok(())
}

impl Store for Journaled {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }

    fn write(&self, entry: Entry) -> BoxFuture<'_, StoreResult<Kept>> {
        self.keep(entry).boxed()
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        self.desk.until_nothing_waits().boxed()
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<()>> {
        self.look().boxed()
    }

    fn create_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.inner.create_session(record)
    }

    fn session(&self, id: &str) -> BoxFuture<'_, StoreResult<SessionRecord>> {
        self.inner.session(id)
    }

    fn sessions(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<SessionRecord>>> {
        self.inner.sessions(user_id, limit, offset)
    }

    fn update_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        async move { self.keep(Entry::Session(record)).await.map(drop) }.boxed()
    }

    fn delete_session(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        let id = id.to_owned();
        async move { self.delete(&id).await }.boxed()
    }

    fn append_message(&self, record: MessageRecord) -> BoxFuture<'_, StoreResult<()>> {
        async move { self.keep(Entry::Message(record)).await.map(drop) }.boxed()
    }

    fn messages(
        &self,
        session_id: &str,
        limit: u32,
        before_seq: Option<u64>,
    ) -> BoxFuture<'_, StoreResult<Vec<MessageRecord>>> {
        let session_id = session_id.to_owned();
        async move { self.list(&session_id, limit, before_seq).await }.boxed()
    }

    fn upsert_user(&self, record: UserRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.inner.upsert_user(record)
    }

    fn put_facts(&self, session_id: &str, facts: Vec<FactRecord>) -> BoxFuture<'_, StoreResult<()>> {
        let session_id = session_id.to_owned();
        async move { self.keep(Entry::Facts { session_id, facts }).await.map(drop) }.boxed()
    }

    fn facts(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Vec<FactRecord>>> {
        let session_id = session_id.to_owned();
        async move { self.facts_now(&session_id).await }.boxed()
    }

    fn put_feedback(&self, record: FeedbackRecord) -> BoxFuture<'_, StoreResult<()>> {
        async move { self.keep(Entry::Feedback(record)).await.map(drop) }.boxed()
    }

    fn feedback(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Option<FeedbackRecord>>> {
        let session_id = session_id.to_owned();
        async move { self.feedback_now(&session_id).await }.boxed()
    }

    fn put_midi(&self, document: MidiDocument) -> BoxFuture<'_, StoreResult<()>> {
        self.inner.put_midi(document)
    }

    fn midi(&self, id: &str) -> BoxFuture<'_, StoreResult<MidiDocument>> {
        self.inner.midi(id)
    }

    fn midis(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<MidiRecord>>> {
        self.inner.midis(user_id, limit, offset)
    }

    fn delete_midi(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        self.inner.delete_midi(id)
    }
}
