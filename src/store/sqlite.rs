//! The embedded store: one file, the same documents as MongoDB's as JSON beside the keys that are searched by.

mod midi;

use std::{path::Path, time::Duration};

use duologue_actors::store::{
    FactRecord, FeedbackRecord, MessageRecord, MidiDocument, MidiRecord, SessionRecord, Store, StoreError,
    StoreErrorKind, StoreResult, UserRecord,
};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    AssertSqlSafe, Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::{
    documents::{FactsDocument, FeedbackDocument, MessageDocument, SessionDocument, UserDocument, broken},
    limits,
    memory::no_session,
};

/// One entry for each version of the schema; `PRAGMA user_version` says how many have run.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE users (id TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE chat_sessions (id TEXT PRIMARY KEY, user_id TEXT, created_at INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX chat_sessions_by_user ON chat_sessions (user_id, created_at DESC, id DESC);
    CREATE INDEX chat_sessions_by_time ON chat_sessions (created_at DESC, id DESC);
    CREATE TABLE chat_messages (
        session_id TEXT NOT NULL, message_id TEXT NOT NULL, seq INTEGER NOT NULL, doc TEXT NOT NULL,
        PRIMARY KEY (session_id, message_id)
    );
    CREATE INDEX chat_messages_by_seq ON chat_messages (session_id, seq);
    CREATE TABLE session_facts (session_id TEXT PRIMARY KEY, doc TEXT NOT NULL);
    CREATE TABLE feedback (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, created_at INTEGER NOT NULL, doc TEXT NOT NULL);
    CREATE INDEX feedback_by_session ON feedback (session_id, created_at);
", "
    CREATE TABLE midi_files (
        id TEXT PRIMARY KEY, user_id TEXT, created_at INTEGER NOT NULL, doc TEXT NOT NULL, analysis TEXT NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX midi_files_by_user ON midi_files (user_id, created_at DESC, id DESC);
    CREATE INDEX midi_files_by_time ON midi_files (created_at DESC, id DESC);
"];

/// SQLite's page, fixed so that a size in MiB can be counted in pages.
const PAGE_BYTES: u32 = 4096;
/// One writes at a time anyway; a few more read meanwhile.
const CONNECTIONS: u32 = 4;
/// Pages that each connection keeps, in KiB: the system keeps the file's as well, and with SQLite's own two megabytes a
/// server goes on growing for an hour.
const CACHE_KIB: u32 = 512;
/// How long a writer waits for another before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// A pool of connections to one file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens or makes the file, at most `max_size_mb` MiB large (0: without limit), and brings its tables up to
    /// date.
    pub async fn open(path: &Path, max_size_mb: u32) -> StoreResult<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            tokio::fs::create_dir_all(folder).await.map_err(|error| cannot_open(path, &error.to_string()))?;
        }
        // FULL, because a message that was acknowledged must survive a power cut, not only a crash.
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .pragma("cache_size", format!("-{CACHE_KIB}"));
        if max_size_mb > 0 {
            let pages = u64::from(max_size_mb) * 1024 * 1024 / u64::from(PAGE_BYTES);
            options = options.pragma("max_page_count", pages.to_string());
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY)
            .connect_with(options)
            .await;
        let store = Self { pool: pool.map_err(|error| cannot_open(path, &error.to_string()))? };
        store.migrate().await?;
        Ok(store)
    }

    /// Closes all connections, folding the write-ahead log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn migrate(&self) -> StoreResult<()> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(said)?;
        let version: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(said)?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if done > MIGRATIONS.len() {
            return Err(broken("tables of a newer version of this program: use that version"));
        }
        for migration in &MIGRATIONS[done..] {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(said)?;
        }
        let set_version = format!("PRAGMA user_version = {}", MIGRATIONS.len());
        sqlx::raw_sql(AssertSqlSafe(set_version)).execute(&mut *transaction).await.map_err(said)?;
        transaction.commit().await.map_err(said)
    }

    async fn insert_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        sqlx::query("INSERT INTO chat_sessions (id, user_id, created_at, doc) VALUES (?, ?, ?, ?)")
            .bind(record.id.clone())
            .bind(record.user_id.clone())
            .bind(signed(record.created_at))
            .bind(json(&SessionDocument::from(record))?)
            .execute(&self.pool)
            .await
            .map_err(said)?;
        Ok(())
    }

    async fn find_session(&self, id: String) -> StoreResult<SessionRecord> {
        let row = sqlx::query("SELECT doc FROM chat_sessions WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await;
        document::<SessionDocument>(&row.map_err(said)?.ok_or_else(no_session)?)?.into_record()
    }

    async fn list_sessions(
        &self,
        user_id: Option<String>,
        limit: u32,
        offset: u32,
    ) -> StoreResult<Vec<SessionRecord>> {
        let query = match user_id {
            Some(user_id) => sqlx::query(
                "SELECT doc FROM chat_sessions WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
            )
            .bind(user_id),
            None => sqlx::query("SELECT doc FROM chat_sessions ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"),
        };
        let rows = query.bind(limit).bind(offset).fetch_all(&self.pool).await.map_err(said)?;
        rows.iter().map(|row| document::<SessionDocument>(row)?.into_record()).collect()
    }

    async fn change_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        // One statement, so that two changes at once cannot mix.
        let changed = sqlx::query(
            "UPDATE chat_sessions SET doc = json_set(doc, '$.session_name', ?, '$.is_active', json(?), \
             '$.status', ?, '$.intimacy', ?, '$.updated_at', ?) WHERE id = ?",
        )
        .bind(record.session_name)
        .bind(record.is_active.to_string())
        .bind(record.status.name())
        .bind(i64::from(record.intimacy))
        .bind(super::iso8601(record.updated_at))
        .bind(record.id)
        .execute(&self.pool)
        .await
        .map_err(said)?;
        if changed.rows_affected() == 0 { Err(no_session()) } else { Ok(()) }
    }

    async fn remove_session(&self, id: String) -> StoreResult<()> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(said)?;
        let removed =
            sqlx::query("DELETE FROM chat_sessions WHERE id = ?").bind(&id).execute(&mut *transaction).await;
        for table in [
            "DELETE FROM chat_messages WHERE session_id = ?",
            "DELETE FROM session_facts WHERE session_id = ?",
            "DELETE FROM feedback WHERE session_id = ?",
        ] {
            sqlx::query(table).bind(&id).execute(&mut *transaction).await.map_err(said)?;
        }
        transaction.commit().await.map_err(said)?;
        if removed.map_err(said)?.rows_affected() == 0 { Err(no_session()) } else { Ok(()) }
    }

    async fn put_message(&self, record: MessageRecord) -> StoreResult<()> {
        limits::check_message(&record)?;
        sqlx::query(
            "INSERT INTO chat_messages (session_id, message_id, seq, doc) VALUES (?, ?, ?, ?) \
             ON CONFLICT (session_id, message_id) DO UPDATE SET seq = excluded.seq, doc = excluded.doc",
        )
        .bind(record.session_id.clone())
        .bind(record.id.clone())
        .bind(signed(record.seq))
        .bind(json(&MessageDocument::from(record))?)
        .execute(&self.pool)
        .await
        .map_err(said)?;
        Ok(())
    }

    async fn list_messages(
        &self,
        session_id: String,
        limit: u32,
        before: Option<u64>,
    ) -> StoreResult<Vec<MessageRecord>> {
        let rows = sqlx::query(
            "SELECT doc FROM chat_messages WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
        )
        .bind(session_id)
        .bind(before.map_or(i64::MAX, signed))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(said)?;
        rows.iter().rev().map(|row| document::<MessageDocument>(row)?.into_record()).collect()
    }

    async fn put_user(&self, record: UserRecord) -> StoreResult<()> {
        limits::check_user(&record)?;
        sqlx::query(
            "INSERT INTO users (id, doc) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET \
             doc = json_set(excluded.doc, '$.created_at', json_extract(users.doc, '$.created_at'))",
        )
        .bind(record.id.clone())
        .bind(json(&UserDocument::from(record))?)
        .execute(&self.pool)
        .await
        .map_err(said)?;
        Ok(())
    }

    async fn replace_facts(&self, session_id: String, facts: Vec<FactRecord>) -> StoreResult<()> {
        limits::check_facts(&session_id, &facts)?;
        sqlx::query("INSERT INTO session_facts (session_id, doc) VALUES (?, ?) ON CONFLICT (session_id) DO UPDATE SET doc = excluded.doc")
            .bind(session_id.clone())
            .bind(json(&FactsDocument::new(&session_id, facts))?)
            .execute(&self.pool)
            .await
            .map_err(said)?;
        Ok(())
    }

    async fn write_feedback(&self, record: FeedbackRecord) -> StoreResult<()> {
        limits::check_feedback(&record)?;
        sqlx::query(
            "INSERT INTO feedback (id, session_id, created_at, doc) VALUES (?, ?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, doc = excluded.doc",
        )
        .bind(record.id.clone())
        .bind(record.session_id.clone())
        .bind(signed(record.created_at))
        .bind(json(&FeedbackDocument::new(&record)?)?)
        .execute(&self.pool)
        .await
        .map_err(said)?;
        Ok(())
    }

    async fn newest_feedback(&self, session_id: String) -> StoreResult<Option<FeedbackRecord>> {
        let row =
            sqlx::query("SELECT doc FROM feedback WHERE session_id = ? ORDER BY created_at DESC LIMIT 1")
                .bind(session_id)
                .fetch_optional(&self.pool)
                .await;
        let Some(row) = row.map_err(said)? else { return Ok(None) };
        Ok(Some(document::<FeedbackDocument>(&row)?.into_record()))
    }

    async fn list_facts(&self, session_id: String) -> StoreResult<Vec<FactRecord>> {
        let row = sqlx::query("SELECT doc FROM session_facts WHERE session_id = ?")
            .bind(session_id)
            .fetch_optional(&self.pool)
            .await;
        let Some(row) = row.map_err(said)? else { return Ok(Vec::new()) };
        Ok(document::<FactsDocument>(&row)?.into_records())
    }
}

/// [`limits`] has checked that it fits.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json(document: &impl Serialize) -> StoreResult<String> {
    serde_json::to_string(document)
        .map_err(|error| StoreError::new(StoreErrorKind::BadInput, error.to_string()))
}

fn document<T: DeserializeOwned>(row: &SqliteRow) -> StoreResult<T> {
    let text: String = row.try_get("doc").map_err(said)?;
    // Only the place of the mistake: serde's own words could quote the document.
    serde_json::from_str(&text)
        .map_err(|error| broken(format!("a document that cannot be read (column {})", error.column())))
}

fn cannot_open(path: &Path, why: &str) -> StoreError {
    let message = format!(
        "the database {} cannot be opened: {why}; make its folder writable or set store.path to another file",
        path.display()
    );
    StoreError::new(StoreErrorKind::NoSpace, message)
}

/// SQLite's result codes that an operator can act on; the rest is `Broken`.
fn said(error: sqlx::Error) -> StoreError {
    let code = match &error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<u32>().ok()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            return StoreError::new(
                StoreErrorKind::Unavailable,
                format!("the database is busy: {error}; try again"),
            );
        }
        _ => None,
    };
    // The low byte is the primary code; the rest refines it.
    let (kind, message) = match code.map(|code| code & 0xff) {
        Some(5 | 6) => (
            StoreErrorKind::Unavailable,
            "the database is locked by another program; stop it or set store.path".into(),
        ),
        Some(8 | 14) => (
            StoreErrorKind::NoSpace,
            format!("the database cannot be written: {error}; make its folder writable"),
        ),
        Some(10 | 13) => (
            StoreErrorKind::NoSpace,
            format!("the disk of the database is full: {error}; free some space or raise store.max_size_mb"),
        ),
        Some(18) => (StoreErrorKind::BadInput, "the record is larger than the database takes".into()),
        Some(19) => (StoreErrorKind::BadInput, "there is already a record with this id".into()),
        _ => (StoreErrorKind::Broken, format!("the database failed: {error}")),
    };
    StoreError::new(kind, message)
}

impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<()>> {
        async move { sqlx::query("SELECT count(*) FROM users").execute(&self.pool).await.map(drop).map_err(said) }.boxed()
    }

    fn create_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.insert_session(record).boxed()
    }

    fn session(&self, id: &str) -> BoxFuture<'_, StoreResult<SessionRecord>> {
        self.find_session(id.to_owned()).boxed()
    }

    fn sessions(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<SessionRecord>>> {
        self.list_sessions(user_id.map(str::to_owned), limit, offset).boxed()
    }

    fn update_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.change_session(record).boxed()
    }

    fn delete_session(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        self.remove_session(id.to_owned()).boxed()
    }

    fn append_message(&self, record: MessageRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.put_message(record).boxed()
    }

    fn messages(
        &self,
        session_id: &str,
        limit: u32,
        before_seq: Option<u64>,
    ) -> BoxFuture<'_, StoreResult<Vec<MessageRecord>>> {
        self.list_messages(session_id.to_owned(), limit, before_seq).boxed()
    }

    fn upsert_user(&self, record: UserRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.put_user(record).boxed()
    }

    fn put_facts(&self, session_id: &str, facts: Vec<FactRecord>) -> BoxFuture<'_, StoreResult<()>> {
        self.replace_facts(session_id.to_owned(), facts).boxed()
    }

    fn facts(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Vec<FactRecord>>> {
        self.list_facts(session_id.to_owned()).boxed()
    }

    fn put_feedback(&self, record: FeedbackRecord) -> BoxFuture<'_, StoreResult<()>> {
        self.write_feedback(record).boxed()
    }

    fn feedback(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Option<FeedbackRecord>>> {
        self.newest_feedback(session_id.to_owned()).boxed()
    }

    fn put_midi(&self, document: MidiDocument) -> BoxFuture<'_, StoreResult<()>> {
        self.insert_midi(document).boxed()
    }

    fn midi(&self, id: &str) -> BoxFuture<'_, StoreResult<MidiDocument>> {
        self.find_midi(id.to_owned()).boxed()
    }

    fn midis(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<MidiRecord>>> {
        self.list_midis(user_id.map(str::to_owned), limit, offset).boxed()
    }

    fn delete_midi(&self, id: &str) -> BoxFuture<'_, StoreResult<()>> {
        self.remove_midi(id.to_owned()).boxed()
    }
}
