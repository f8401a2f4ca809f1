//! One journal for many sessions at once: one after the other at the book, away from the runtime's threads.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use duologue_actors::store::{Entry, StoreError, StoreErrorKind, StoreResult};
use tokio::sync::{Notify, Semaphore, oneshot};
use tracing::{error, warn};

use super::{
    book::{Book, Refused},
    record::{Record, Task},
};

/// What went wrong last, for `/health`.
#[derive(Debug, Default)]
struct Trouble {
    /// Why the store is away.
    store: Option<StoreError>,
    /// Why the journal could not be written.
    journal: Option<StoreError>,
}

/// One write on its way into the book.
#[derive(Debug)]
struct Pending {
    payload: Vec<u8>,
    answer: oneshot::Sender<Result<(), Refused>>,
}

#[derive(Debug)]
pub(super) struct Desk {
    book: Mutex<Option<Book>>,
    /// One at a time, so that a thousand sessions do not occupy a thousand threads to wait for one disk.
    turn: Semaphore,
    /// Writes that wait for the one who is at the book. Every session has at most one of them.
    pending: Mutex<Vec<Pending>>,
    waiting: AtomicU64,
    trouble: Mutex<Trouble>,
    filled: Notify,
    emptied: Notify,
}

impl Desk {
    pub(super) fn new(book: Book) -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicU64::new(book.waiting()),
            book: Mutex::new(Some(book)),
            turn: Semaphore::new(1),
            pending: Mutex::default(),
            trouble: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
        })
    }

    /// How many writes wait for the store.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Does something with the book, on a thread that may block.
    async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Book) -> T + Send + 'static,
    ) -> StoreResult<T> {
        let _turn = self.turn.acquire().await.map_err(|_| gone())?;
        let desk = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let mut book = lock(&desk.book);
            let book = book.as_mut()?;
            let done = work(book);
            desk.waiting.store(book.waiting(), Ordering::Release);
            Some(done)
        });
        let done = done.await.ok().flatten().ok_or_else(gone)?;
        metrics::gauge!("journal_writes_waiting").set(self.waiting() as f64);
        if self.waiting() == 0 {
            self.trouble_now().store = None;
            self.emptied.notify_waiters();
        }
        Ok(done)
    }

    /// Keeps a write; on disk when it returns.
    pub(super) async fn append(self: &Arc<Self>, record: Record) -> StoreResult<()> {
        let (answer, answered) = oneshot::channel();
        lock(&self.pending).push(Pending { payload: record.encode()?, answer });
        let desk = Arc::clone(self);
        self.with(move |book| desk.append_pending(book)).await?;
        let result = match answered.await.map_err(|_| gone())? {
            Ok(()) => Ok(()),
            Err(Refused::Full) => Err(StoreError::new(
                StoreErrorKind::JournalFull,
                "the store is away and its journal is full: bring the store back, or raise store.journal_max_mb",
            )),
            Err(Refused::Disk(error)) => Err(cannot(error)),
        };
        let told = std::mem::replace(&mut self.trouble_now().journal, result.as_ref().err().cloned());
        if let (None, Err(error)) = (told, &result) {
            error!(code = error.kind.code(), %error, "the journal cannot be written");
        }
        self.filled.notify_one();
        result
    }

    /// Whoever is at the book writes for all who wait: one trip to the disk, not one for each.
    fn append_pending(&self, book: &mut Book) {
        let pending = std::mem::take(&mut *lock(&self.pending));
        let (payloads, answers): (Vec<_>, Vec<_>) =
            pending.into_iter().map(|pending| (pending.payload, pending.answer)).unzip();
        let results = book.append(&payloads);
        // Before anybody knows that theirs is kept, so that nothing they write next overtakes it.
        self.waiting.store(book.waiting(), Ordering::Release);
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever did not wait for the answer repeats the write, which is then there once all the same.
            let _ = answer.send(result);
        }
    }

    /// The oldest write that waits. What cannot be read is set aside and passed over.
    pub(super) async fn oldest(self: &Arc<Self>) -> StoreResult<Option<Task>> {
        loop {
            let Some(payload) = self.with(Book::oldest).await?.map_err(cannot)? else { return Ok(None) };
            match Record::decode(&payload).and_then(Record::into_task) {
                Ok(task) => return Ok(Some(task)),
                Err(error) => {
                    self.with(move |book| book.pass_over(&error.message)).await?.map_err(cannot)?;
                }
            }
        }
    }

    /// The oldest one is in the store.
    pub(super) async fn settle(self: &Arc<Self>) -> StoreResult<()> {
        self.with(Book::settle).await?.map_err(cannot)
    }

    /// What waits of one session, oldest first.
    pub(super) async fn entries_of(self: &Arc<Self>, session_id: &str) -> StoreResult<Vec<Entry>> {
        let wanted = session_id.to_owned();
        let read = self.with(move |book| {
            let mut entries = Vec::new();
            let read = book.each(|payload| match Record::decode(&payload).and_then(Record::into_task) {
                Ok(Task::Write(entry)) if session_of(&entry) == wanted => entries.push(*entry),
                Ok(Task::Delete(id)) if id == wanted => entries.clear(),
                _ => {}
            });
            read.map(|()| entries)
        });
        read.await?.map_err(cannot)
    }

    pub(super) async fn until_something_waits(&self) {
        while self.waiting() == 0 {
            self.filled.notified().await;
        }
    }

    pub(super) async fn until_nothing_waits(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.waiting() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Removes the file of a journal that is empty.
    pub(super) async fn remove(self: &Arc<Self>) {
        let Some(book) = lock(&self.book).take() else { return };
        let removed = tokio::task::spawn_blocking(move || book.remove()).await;
        if !matches!(removed, Ok(Ok(()))) {
            warn!("an empty journal could not be removed");
        }
    }

    /// The store failed.
    pub(super) fn note_store(&self, error: StoreError) {
        let mut trouble = self.trouble_now();
        if trouble.store.is_none() {
            warn!(code = error.kind.code(), %error, "store is away, writes go into the journal");
        }
        trouble.store = Some(error);
    }

    /// The store takes writes itself, so whatever was wrong with the journal keeps nobody waiting.
    pub(super) fn note_no_need(&self) {
        self.trouble_now().journal = None;
    }

    /// What is wrong now.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        let trouble = self.trouble_now();
        if let Some(error) = &trouble.journal {
            return Some(error.clone());
        }
        let waiting = self.waiting();
        let why = trouble.store.as_ref().map_or("it is being written", |error| error.message.as_str());
        (waiting > 0).then(|| {
            let message = format!("{waiting} writes wait in the journal for the store: {why}");
            StoreError::new(StoreErrorKind::Unavailable, message)
        })
    }

    fn trouble_now(&self) -> MutexGuard<'_, Trouble> {
        lock(&self.trouble)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole before anything that could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn session_of(entry: &Entry) -> &str {
    match entry {
        Entry::Message(record) => &record.session_id,
        Entry::Session(record) => &record.id,
        Entry::Facts { session_id, .. } => session_id,
        Entry::Feedback(record) => &record.session_id,
    }
}

/// The journal's own file failed.
pub(super) fn cannot(error: impl std::fmt::Display) -> StoreError {
    let message =
        format!("the journal cannot be written: {error}; free some space or set store.journal_path");
    StoreError::new(StoreErrorKind::NoSpace, message)
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Broken, "the journal is closed")
}
