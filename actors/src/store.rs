//! The port to whatever keeps sessions and their messages.
//!
//! Records mirror the collections `users`, `chat_sessions`, `chat_messages` and `feedback` that clients of the
//! earlier systems know. Times are milliseconds since the Unix epoch. Ids are strings: a MongoDB store may
//! use its own object ids underneath, as long as what it returns is stable.

mod midi;

use std::sync::Arc;

use duologue_domain::coach::Feedback;
use futures_util::{FutureExt, future::BoxFuture};

pub use self::midi::{MidiDocument, MidiRecord};

/// Why the store could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database cannot be reached or refuses; the same call may succeed later.
    Unavailable,
    /// No such record.
    NotFound,
    /// A field is too long or otherwise impossible to store.
    BadInput,
    /// The disk is full or read-only.
    NoSpace,
    /// The store is away, and the journal that stands in for it is full.
    JournalFull,
    /// Anything else that the database said.
    Broken,
}

impl StoreErrorKind {
    /// The stable code of this kind on the wire and in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "store_unavailable",
            Self::NotFound => "not_found",
            Self::BadInput => "store_bad_input",
            Self::NoSpace => "store_no_space",
            Self::JournalFull => "journal_full",
            Self::Broken => "store_broken",
        }
    }
}

/// The one error of the store. `message` never contains what a person said.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind, for the caller's decision.
    pub kind: StoreErrorKind,
    /// What happened and what to do.
    pub message: String,
}

impl StoreError {
    /// An error of `kind`.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Shorthand for what every call returns.
pub type StoreResult<T> = Result<T, StoreError>;

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionStatus {
    /// Somebody is there, or may come for the first time.
    #[default]
    Active,
    /// The connection is lost; the scene waits for its client.
    Paused,
    /// Over; it can be opened again, with all that was said.
    Ended,
}

impl SessionStatus {
    /// As stored and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Paused, Self::Ended].into_iter().find(|status| status.name() == name)
    }
}

/// One row of `chat_sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Unguessable id, also the id on the wire.
    pub id: String,
    /// SHA-256 of the session's secret, hex; never the secret itself.
    pub secret_sha256: String,
    /// Who made it, when known.
    pub user_id: Option<String>,
    /// For people.
    pub session_name: String,
    /// The persona's id.
    pub persona_id: String,
    /// The persona's name as it was then.
    pub persona_name: String,
    /// `ko` or `en`, when fixed.
    pub language: Option<String>,
    /// False once it has ended.
    pub is_active: bool,
    /// Where it is in its life.
    pub status: SessionStatus,
    /// How close the two have become, 0 to 100.
    pub intimacy: u8,
    /// When it was made.
    pub created_at: u64,
    /// When it last changed.
    pub updated_at: u64,
}

/// Who said a stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRole {
    /// The person.
    User,
    /// The persona.
    Assistant,
}

impl MessageRole {
    /// As stored: `user` or `assistant`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One row of `chat_messages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// The conversation item's id; appending the same id twice stores it once (the later content wins).
    pub id: String,
    /// Which session.
    pub session_id: String,
    /// Who made the session, when known.
    pub user_id: Option<String>,
    /// Who said it.
    pub role: MessageRole,
    /// What was said and, for the persona, heard. At most 64 KiB.
    pub content: String,
    /// Turn number within the session.
    pub turn: u64,
    /// Position within the session, counted by the session, strictly increasing: the order of `messages`.
    pub seq: u64,
    /// When.
    pub timestamp: u64,
}

/// One row of `users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Id.
    pub id: String,
    /// Empty when unknown.
    pub email: String,
    /// Empty when unknown.
    pub name: String,
    /// When first seen.
    pub created_at: u64,
    /// When last changed.
    pub updated_at: u64,
}

/// A thing that a persona remembers of a person, with the turn it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRecord {
    /// Id within the session.
    pub id: String,
    /// Which session.
    pub session_id: String,
    /// What kind of fact (name, job, like …); a newer one of a kind replaces the older.
    pub kind: String,
    /// The fact in the person's own words.
    pub text: String,
    /// The turn it came from.
    pub turn: u64,
}

/// One row of `feedback`: how the person came across in one opening of a scene. A later one of the same id replaces it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackRecord {
    /// Unique: the session and when it was opened.
    pub id: String,
    /// Which session.
    pub session_id: String,
    /// Who made the session, when known.
    pub user_id: Option<String>,
    /// When it was written.
    pub created_at: u64,
    /// What it says.
    pub body: FeedbackBody,
}

/// What a feedback says. A scene knows it as values, a store and its journal as the JSON of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedbackBody {
    /// From a scene, to be written.
    Live(Arc<Feedback>),
    /// As it was written: a JSON object with the fields `feedback` and `report`.
    Written(Arc<str>),
}

/// One thing to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A message.
    Message(MessageRecord),
    /// What changed about a session.
    Session(SessionRecord),
    /// What is remembered.
    Facts {
        /// Of which session.
        session_id: String,
        /// All of them.
        facts: Vec<FactRecord>,
    },
    /// How the person came across.
    Feedback(FeedbackRecord),
}

/// What keeps a thing that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The store, on disk.
    Store,
    /// The journal on this machine's disk, until the store is back.
    Journal,
    /// This process alone: the store is one that forgets.
    Memory,
}

impl Kept {
    /// Whether it is there after a crash.
    pub fn is_durable(self) -> bool {
        self != Self::Memory
    }

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Journal => "journal",
            Self::Memory => "memory",
        }
    }
}

/// Sessions, messages, users and facts, durable once a call has returned `Ok`.
pub trait Store: Send + Sync + 'static {
    /// `sqlite`, `mongodb` or `memory`.
    fn kind(&self) -> &'static str;
    /// Whether what was written is there after the process was killed.
    fn is_durable(&self) -> bool {
        true
    }
    /// Writes what a scene has to keep. A store with a journal answers from there while it is away.
    fn write(&self, entry: Entry) -> BoxFuture<'_, StoreResult<Kept>> {
        async move {
            match entry {
                Entry::Message(record) => self.append_message(record).await?,
                Entry::Session(record) => self.update_session(record).await?,
                Entry::Facts { session_id, facts } => self.put_facts(&session_id, facts).await?,
                Entry::Feedback(record) => self.put_feedback(record).await?,
            }
            Ok(if self.is_durable() { Kept::Store } else { Kept::Memory })
        }
        .boxed()
    }
    /// Waits until nothing that was written waits for the database. The caller says for how long.
    fn flush(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
    /// `Ok` when a trivial read works now.
    fn ping(&self) -> BoxFuture<'_, StoreResult<()>>;
    /// Stores a new session.
    fn create_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>>;
    /// One session by id.
    fn session(&self, id: &str) -> BoxFuture<'_, StoreResult<SessionRecord>>;
    /// Sessions of a user (all when `None`), newest first.
    fn sessions(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<SessionRecord>>>;
    /// Replaces the mutable fields (name, activity, status, intimacy, update time) of a session.
    fn update_session(&self, record: SessionRecord) -> BoxFuture<'_, StoreResult<()>>;
    /// Removes a session with its messages, facts and feedback.
    fn delete_session(&self, id: &str) -> BoxFuture<'_, StoreResult<()>>;
    /// Appends, or replaces the one with the same id.
    fn append_message(&self, record: MessageRecord) -> BoxFuture<'_, StoreResult<()>>;
    /// Messages of a session in order of `seq`; the last `limit` of those before `before_seq`, when given.
    fn messages(
        &self,
        session_id: &str,
        limit: u32,
        before_seq: Option<u64>,
    ) -> BoxFuture<'_, StoreResult<Vec<MessageRecord>>>;
    /// Stores or refreshes a user.
    fn upsert_user(&self, record: UserRecord) -> BoxFuture<'_, StoreResult<()>>;
    /// Replaces the facts of a session.
    fn put_facts(&self, session_id: &str, facts: Vec<FactRecord>) -> BoxFuture<'_, StoreResult<()>>;
    /// The facts of a session.
    fn facts(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Vec<FactRecord>>>;
    /// Stores a feedback, or replaces the one with the same id.
    fn put_feedback(&self, record: FeedbackRecord) -> BoxFuture<'_, StoreResult<()>>;
    /// The newest feedback of a session, if there is one.
    fn feedback(&self, session_id: &str) -> BoxFuture<'_, StoreResult<Option<FeedbackRecord>>>;
    /// Stores a MIDI file.
    fn put_midi(&self, document: MidiDocument) -> BoxFuture<'_, StoreResult<()>>;
    /// One MIDI file with everything, by id.
    fn midi(&self, id: &str) -> BoxFuture<'_, StoreResult<MidiDocument>>;
    /// MIDI files of a user (all when `None`), newest first, without their bytes.
    fn midis(
        &self,
        user_id: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> BoxFuture<'_, StoreResult<Vec<MidiRecord>>>;
    /// Removes a MIDI file.
    fn delete_midi(&self, id: &str) -> BoxFuture<'_, StoreResult<()>>;
}
