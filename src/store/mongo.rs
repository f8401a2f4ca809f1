//! The store in MongoDB: the collections and fields of the earlier systems, object ids where an id looks like
//! one, and indexes made at start.

mod midi;

use std::{future::Future, time::Duration};

use duologue_actors::store::{
    FactRecord, FeedbackRecord, MessageRecord, MidiDocument, MidiRecord, SessionRecord, Store, StoreError,
    StoreErrorKind, StoreResult, UserRecord,
};
use futures_util::{FutureExt, TryStreamExt, future::BoxFuture};
use mongodb::{
    Client, Collection, Cursor, Database, IndexModel,
    bson::{Bson, DateTime, Document, deserialize_from_document, doc, oid::ObjectId, serialize_to_document},
    error::{Error, ErrorKind, WriteFailure},
    options::{ClientOptions, IndexOptions},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    documents::{
        FactsDocument, FeedbackDocument, ID_FIELDS, MessageDocument, SessionDocument, TIME_FIELDS, broken,
        iso8601,
    },
    limits,
    memory::no_session,
};

const USERS: &str = "users";
const SESSIONS: &str = "chat_sessions";
const MESSAGES: &str = "chat_messages";
const FEEDBACK: &str = "feedback";
const FACTS: &str = "session_facts";
const MIDI_FILES: &str = "midi_files";

/// How long to look for a server that answers: a scene waits for this, so it is shorter than the driver's 30 s.
const FIND_SERVER: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);
/// Longest single call; the driver itself would wait for a stuck server for ever.
const CALL: Duration = Duration::from_secs(10);

/// A pool of connections to one database.
#[derive(Clone, Debug)]
pub struct MongoStore {
    database: Database,
}

impl MongoStore {
    /// Connects, and makes the indexes that are missing.
    pub async fn open(uri: &str, database: &str) -> StoreResult<Self> {
        // The address may hold a password, so the driver's message is not repeated here.
        let bad_uri = |_| {
            StoreError::new(
                StoreErrorKind::BadInput,
                "store.mongodb_uri (MONGODB_URI) is not a valid address of a MongoDB",
            )
        };
        let mut options = ClientOptions::parse(uri).await.map_err(bad_uri)?;
        options.app_name = Some("duologue".into());
        options.server_selection_timeout = Some(FIND_SERVER);
        options.connect_timeout = Some(CONNECT);
        let client = Client::with_options(options).map_err(said)?;
        let store = Self { database: client.database(database) };
        store.make_indexes().await?;
        Ok(store)
    }

    async fn make_indexes(&self) -> StoreResult<()> {
        let plain = |keys: Document| IndexModel::builder().keys(keys).build();
        // Documents of the earlier systems have no message_id; only ours must be unique.
        let only_ours = IndexOptions::builder()
            .unique(true)
            .partial_filter_expression(doc! { "message_id": { "$type": "string" } })
            .build();
        let once =
            IndexModel::builder().keys(doc! { "session_id": 1, "message_id": 1 }).options(only_ours).build();
        let wanted = [
            (USERS, vec![plain(doc! { "email": 1 })]),
            (
                SESSIONS,
                vec![plain(doc! { "user_id": 1, "created_at": -1 }), plain(doc! { "created_at": -1 })],
            ),
            (MESSAGES, vec![once, plain(doc! { "session_id": 1, "seq": 1 })]),
            (FEEDBACK, vec![plain(doc! { "session_id": 1, "created_at": 1 })]),
            (
                MIDI_FILES,
                vec![plain(doc! { "user_id": 1, "created_at": -1 }), plain(doc! { "created_at": -1 })],
            ),
        ];
        for (collection, indexes) in wanted {
            call(self.of(collection).create_indexes(indexes).into_future()).await?;
        }
        Ok(())
    }

    fn of(&self, collection: &str) -> Collection<Document> {
        self.database.collection(collection)
    }

    async fn insert_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        let document = to_mongo(&SessionDocument::from(record))?;
        call(self.of(SESSIONS).insert_one(document).into_future()).await.map(drop)
    }

    async fn find_session(&self, id: String) -> StoreResult<SessionRecord> {
        let found = call(self.of(SESSIONS).find_one(doc! { "_id": to_id(&id) }).into_future()).await?;
        from_mongo::<SessionDocument>(found.ok_or_else(no_session)?)?.into_record()
    }

    async fn list_sessions(
        &self,
        user_id: Option<String>,
        limit: u32,
        offset: u32,
    ) -> StoreResult<Vec<SessionRecord>> {
        if limit == 0 {
            // To MongoDB 0 means all.
            return Ok(Vec::new());
        }
        let filter = user_id.map_or_else(Document::new, |user_id| doc! { "user_id": to_id(&user_id) });
        let newest_first = doc! { "created_at": -1, "_id": -1 };
        let collection = self.of(SESSIONS);
        let query =
            collection.find(filter).sort(newest_first).skip(u64::from(offset)).limit(i64::from(limit));
        let found = all(query.into_future()).await?;
        found.into_iter().map(|document| from_mongo::<SessionDocument>(document)?.into_record()).collect()
    }

    async fn change_session(&self, record: SessionRecord) -> StoreResult<()> {
        limits::check_session(&record)?;
        let change = doc! { "$set": {
            "session_name": record.session_name,
            "is_active": record.is_active,
            "status": record.status.name(),
            "intimacy": i32::from(record.intimacy),
            "updated_at": date(record.updated_at),
        } };
        let result =
            call(self.of(SESSIONS).update_one(doc! { "_id": to_id(&record.id) }, change).into_future())
                .await?;
        if result.matched_count == 0 { Err(no_session()) } else { Ok(()) }
    }

    async fn remove_session(&self, id: String) -> StoreResult<()> {
        // The session goes last: when the database fails between, the call can be repeated.
        let of_session = doc! { "session_id": to_id(&id) };
        call(self.of(MESSAGES).delete_many(of_session.clone()).into_future()).await?;
        call(self.of(FEEDBACK).delete_many(of_session).into_future()).await?;
        call(self.of(FACTS).delete_one(doc! { "_id": to_id(&id) }).into_future()).await?;
        let removed = call(self.of(SESSIONS).delete_one(doc! { "_id": to_id(&id) }).into_future()).await?;
        if removed.deleted_count == 0 { Err(no_session()) } else { Ok(()) }
    }

    async fn put_message(&self, record: MessageRecord) -> StoreResult<()> {
        limits::check_message(&record)?;
        let once = doc! { "session_id": to_id(&record.session_id), "message_id": &record.id };
        let document = to_mongo(&MessageDocument::from(record))?;
        let change = doc! { "$set": document };
        let messages = self.of(MESSAGES);
        let first = call(messages.update_one(once.clone(), change.clone()).upsert(true).into_future()).await;
        match first {
            // Two appends of the same message at once: the other one inserted it first, so now it can be updated.
            Err(error) if error.kind == StoreErrorKind::BadInput => {
                call(messages.update_one(once, change).upsert(true).into_future()).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    async fn list_messages(
        &self,
        session_id: String,
        limit: u32,
        before: Option<u64>,
    ) -> StoreResult<Vec<MessageRecord>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = doc! { "session_id": to_id(&session_id) };
        if let Some(before) = before {
            filter.insert("seq", doc! { "$lt": i64::try_from(before).unwrap_or(i64::MAX) });
        }
        // Messages of the earlier systems have no seq, but they have a time.
        let newest_first = doc! { "seq": -1, "timestamp": -1 };
        let found =
            all(self.of(MESSAGES).find(filter).sort(newest_first).limit(i64::from(limit)).into_future())
                .await?;
        found
            .into_iter()
            .rev()
            .map(|document| from_mongo::<MessageDocument>(document)?.into_record())
            .collect()
    }

    async fn put_user(&self, record: UserRecord) -> StoreResult<()> {
        limits::check_user(&record)?;
        let once = doc! { "_id": to_id(&record.id) };
        let change = doc! {
            "$set": { "email": record.email, "name": record.name, "updated_at": date(record.updated_at) },
            "$setOnInsert": { "created_at": date(record.created_at) },
        };
        call(self.of(USERS).update_one(once, change).upsert(true).into_future()).await.map(drop)
    }

    async fn replace_facts(&self, session_id: String, facts: Vec<FactRecord>) -> StoreResult<()> {
        limits::check_facts(&session_id, &facts)?;
        let document = to_mongo(&FactsDocument::new(&session_id, facts))?;
        call(
            self.of(FACTS)
                .replace_one(doc! { "_id": to_id(&session_id) }, document)
                .upsert(true)
                .into_future(),
        )
        .await
        .map(drop)
    }

    async fn write_feedback(&self, record: FeedbackRecord) -> StoreResult<()> {
        limits::check_feedback(&record)?;
        let once = doc! { "_id": to_id(&record.id) };
        let document = to_mongo(&FeedbackDocument::new(&record)?)?;
        call(self.of(FEEDBACK).replace_one(once, document).upsert(true).into_future()).await.map(drop)
    }

    async fn newest_feedback(&self, session_id: String) -> StoreResult<Option<FeedbackRecord>> {
        let of_session = doc! { "session_id": to_id(&session_id) };
        let collection = self.of(FEEDBACK);
        let query = collection.find_one(of_session).sort(doc! { "created_at": -1 });
        let found = call(query.into_future()).await?;
        found.map(|document| Ok(from_mongo::<FeedbackDocument>(document)?.into_record())).transpose()
    }

    async fn list_facts(&self, session_id: String) -> StoreResult<Vec<FactRecord>> {
        match call(self.of(FACTS).find_one(doc! { "_id": to_id(&session_id) }).into_future()).await? {
            Some(document) => Ok(from_mongo::<FactsDocument>(document)?.into_records()),
            None => Ok(Vec::new()),
        }
    }
}

/// An object id when it is written like one, so that documents of the earlier systems are found by it.
fn to_id(id: &str) -> Bson {
    // Capitals would come back as small letters, that is, as another id.
    let canonical = id.len() == 24 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match ObjectId::parse_str(id) {
        Ok(object_id) if canonical => Bson::ObjectId(object_id),
        _ => Bson::String(id.to_owned()),
    }
}

fn date(millis: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A document with MongoDB's own ids and dates.
fn to_mongo(document: &impl Serialize) -> StoreResult<Document> {
    let unfit = |_| StoreError::new(StoreErrorKind::BadInput, "the record does not fit into a document");
    let mut document = serialize_to_document(document).map_err(unfit)?;
    for field in ID_FIELDS {
        if let Some(value) = document.get_mut(field)
            && let Bson::String(id) = &*value
        {
            *value = to_id(id);
        }
    }
    for field in TIME_FIELDS {
        if let Some(value) = document.get_mut(field)
            && let Bson::String(text) = &*value
        {
            *value = DateTime::parse_rfc3339_str(text).map_or_else(|_| Bson::Null, Bson::DateTime);
        }
    }
    Ok(document)
}

/// The reverse of [`to_mongo`].
fn from_mongo<T: DeserializeOwned>(mut document: Document) -> StoreResult<T> {
    for (_, value) in document.iter_mut() {
        match &*value {
            Bson::ObjectId(id) => *value = Bson::String(id.to_hex()),
            Bson::DateTime(date) => {
                *value = Bson::String(iso8601(u64::try_from(date.timestamp_millis()).unwrap_or(0)))
            }
            _ => {}
        }
    }
    // Without the driver's words, which could quote the document.
    deserialize_from_document(document).map_err(|_| broken("a document that cannot be read"))
}

/// One call with the longest time that it may take.
async fn call<T>(operation: impl Future<Output = Result<T, Error>>) -> StoreResult<T> {
    match tokio::time::timeout(CALL, operation).await {
        Ok(result) => result.map_err(said),
        Err(_) => Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "MongoDB did not answer within 10 s; look at its own log",
        )),
    }
}

async fn all(query: impl Future<Output = Result<Cursor<Document>, Error>>) -> StoreResult<Vec<Document>> {
    call(async { query.await?.try_collect().await }).await
}

/// The server's codes for a duplicate key, a document that is too large, and a full disk.
const DUPLICATE_KEY: i32 = 11_000;
const TOO_LARGE: i32 = 10_334;
const OUT_OF_DISK_SPACE: i32 = 14_031;

fn said(error: Error) -> StoreError {
    let code = match error.kind.as_ref() {
        ErrorKind::ServerSelection { .. }
        | ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::Shutdown => {
            let why = match error.kind.as_ref() {
                // The driver would print the state of every server that it knows.
                ErrorKind::ServerSelection { .. } => {
                    format!("no server answered within {} s", FIND_SERVER.as_secs())
                }
                _ => error.to_string(),
            };
            let message = format!(
                "MongoDB cannot be reached: {why}; start it, or correct store.mongodb_uri (MONGODB_URI)"
            );
            return StoreError::new(StoreErrorKind::Unavailable, message);
        }
        ErrorKind::Command(command) => command.code,
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code,
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => concern.code,
        _ => 0,
    };
    match code {
        DUPLICATE_KEY => StoreError::new(StoreErrorKind::BadInput, "there is already a record with this id"),
        TOO_LARGE => {
            StoreError::new(StoreErrorKind::BadInput, "the record is larger than the database takes")
        }
        OUT_OF_DISK_SPACE => {
            StoreError::new(StoreErrorKind::NoSpace, "the disk of MongoDB is full; free some space there")
        }
        // The message could quote a document, so only the code is kept.
        code => StoreError::new(
            StoreErrorKind::Broken,
            format!("MongoDB refused (code {code}); its own log says more"),
        ),
    }
}

impl Store for MongoStore {
    fn kind(&self) -> &'static str {
        "mongodb"
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<()>> {
        async move { call(self.database.run_command(doc! { "ping": 1 }).into_future()).await.map(drop) }
            .boxed()
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
