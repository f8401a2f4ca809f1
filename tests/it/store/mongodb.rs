//! MongoDB's protocol against a real process: SecantusDB, which stands in for mongod.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use duologue::{
    config::{Config, Sources},
    store::{JournalPlace, Journaled, MongoStore},
};
use duologue_actors::store::{Entry, Kept, Store, StoreErrorKind};
use futures_util::TryStreamExt;
use mongodb::{
    Client,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
};

use super::{Folder, conformance, id, message, session, user};

/// How long the process may take to listen, on a busy machine.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// A database server, killed in the end.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub(crate) async fn start(storage: &Path) -> Self {
        // Somebody could take the port in between; then the test fails loudly.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        Self::start_on(port, storage).await
    }

    pub(crate) async fn start_on(port: u16, storage: &Path) -> Self {
        let process = Command::new(program())
            .args([
                "--host",
                "127.0.0.1",
                "--log-level",
                "ERROR",
                "--sync-on-commit",
                "--port",
                &port.to_string(),
            ])
            .arg("--storage-path")
            .arg(storage)
            .current_dir(storage)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("SecantusDB starts");
        let mut server = Self { process, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().expect("its state").is_none(), "SecantusDB ended at once");
            assert!(begun.elapsed() < LISTENS_WITHIN, "SecantusDB does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    pub(crate) fn stop(mut self) -> u16 {
        self.end();
        self.port
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn program() -> PathBuf {
    let home =
        Config::load(Sources::from_process(Vec::new(), Vec::new())).expect("a valid configuration").home;
    let program = home.join("venv/bin/secantusd-py");
    assert!(program.exists(), "{} is missing: run `cargo xtask setup --for-tests`", program.display());
    program
}

async fn open(server: &Server) -> MongoStore {
    MongoStore::open(&server.uri(), "duologue_test").await.expect("connects and makes its indexes")
}

#[tokio::test]
async fn mongodb_conforms() {
    let folder = Folder::new("mongo");
    let server = Server::start(&folder.0).await;
    conformance::all(Arc::new(open(&server).await)).await;
    open(&server).await.ping().await.expect("opening again finds its own indexes");
}

#[tokio::test]
async fn documents_are_those_of_the_earlier_systems() {
    let folder = Folder::new("documents");
    let server = Server::start(&folder.0).await;
    let store = open(&server).await;
    let (session_id, user_id) = (id(), id());
    store.create_session(session(&session_id, Some(&user_id), 1_704_067_200_000)).await.expect("stored");
    let said = duologue_actors::store::MessageRecord {
        user_id: Some(user_id.clone()),
        ..message(&session_id, 0, "안녕")
    };
    store.append_message(said).await.expect("stored");
    store.upsert_user(user(&user_id, "민수", 5)).await.expect("stored");

    let database = Client::with_uri_str(server.uri()).await.expect("connects").database("duologue_test");
    let one = async |collection: &str| -> Document {
        database.collection(collection).find_one(doc! {}).await.expect("read").expect("one document")
    };
    let (stored_session, stored_message, stored_user) =
        (one("chat_sessions").await, one("chat_messages").await, one("users").await);
    let object_id = |text: &str| Some(Bson::ObjectId(ObjectId::parse_str(text).expect("an object id")));
    let text = |text: &str| Some(Bson::from(text));
    let date = |millis: i64| Some(Bson::DateTime(DateTime::from_millis(millis)));
    let fields = |document: &Document, names: &[&str]| {
        names.iter().map(|name| document.get(name).cloned()).collect::<Vec<_>>()
    };
    assert_eq!(
        fields(
            &stored_session,
            &["_id", "user_id", "session_name", "persona_name", "is_active", "created_at", "updated_at"]
        ),
        [
            object_id(&session_id),
            object_id(&user_id),
            text("새로운 대화"),
            text("이서아"),
            Some(Bson::Boolean(true)),
            date(1_704_067_200_000),
            date(1_704_067_200_000),
        ]
    );
    assert_eq!(
        fields(&stored_message, &["session_id", "user_id", "content", "role", "timestamp"]),
        [object_id(&session_id), object_id(&user_id), text("안녕"), text("user"), date(1_700_000_000_123)]
    );
    assert!(matches!(stored_message.get("_id"), Some(Bson::ObjectId(_))));
    assert_eq!(
        fields(&stored_user, &["_id", "name", "email", "created_at", "updated_at"]),
        [object_id(&user_id), text("민수"), text("a@b.c"), date(5), date(5)]
    );

    for (collection, keys) in [
        ("chat_messages", doc! { "session_id": 1, "seq": 1 }),
        ("chat_sessions", doc! { "user_id": 1, "created_at": -1 }),
    ] {
        let indexes: Vec<_> = database
            .collection::<Document>(collection)
            .list_indexes()
            .await
            .expect("listed")
            .try_collect()
            .await
            .expect("read");
        assert!(indexes.iter().any(|index| index.keys == keys), "{collection}: {indexes:?}");
    }
}

#[tokio::test]
async fn documents_written_by_the_earlier_systems_are_read() {
    let folder = Folder::new("earlier");
    let server = Server::start(&folder.0).await;
    let store = open(&server).await;
    let database = Client::with_uri_str(server.uri()).await.expect("connects").database("duologue_test");
    let (session_id, user_id) = (ObjectId::new(), ObjectId::new());
    let now = DateTime::from_millis(1_755_611_717_000);
    let earlier_session = doc! {
        "_id": session_id, "user_id": user_id, "session_name": "새로운 대화", "persona_name": "이서아",
        "is_active": true, "created_at": now, "updated_at": now,
    };
    database.collection("chat_sessions").insert_one(earlier_session).await.expect("stored");
    for (role, content, seconds) in [("user", "안녕", 1), ("assistant", "반가워요", 2)] {
        let at = now.saturating_add_millis(seconds * 1000);
        let earlier_message = doc! { "session_id": session_id, "user_id": user_id, "content": content, "role": role, "timestamp": at };
        database
            .collection("chat_messages")
            .insert_one(earlier_message)
            .await
            .expect("two of them, without our message_id");
    }
    let found = store.session(&session_id.to_hex()).await.expect("found");
    assert_eq!(
        (found.persona_id.as_str(), found.secret_sha256.as_str(), found.created_at),
        ("이서아", "", 1_755_611_717_000)
    );
    assert_eq!(found.user_id, Some(user_id.to_hex()));
    let said = store.messages(&session_id.to_hex(), 10, None).await.expect("listed");
    assert_eq!(said.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["안녕", "반가워요"]);
    let ids: Vec<Bson> = said.iter().map(|message| Bson::from(message.id.clone())).collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(store.sessions(Some(&user_id.to_hex()), 10, 0).await.expect("listed").len(), 1);
}

#[tokio::test]
async fn an_outage_is_told_and_overcome() {
    let folder = Folder::new("outage");
    let server = Server::start(&folder.0).await;
    let store = open(&server).await;
    let session_id = id();
    store.create_session(session(&session_id, None, 1)).await.expect("stored");
    store.append_message(message(&session_id, 0, "before")).await.expect("stored");

    let port = server.stop();
    let begun = Instant::now();
    let error = store.append_message(message(&session_id, 1, "during")).await.expect_err("it is down");
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("MONGODB_URI") && !error.message.contains("during"), "{}", error.message);
    assert!(begun.elapsed() < Duration::from_secs(12), "a scene does not wait for ever");
    assert_eq!(store.ping().await.expect_err("it is down").kind, StoreErrorKind::Unavailable);

    let _server = Server::start_on(port, &folder.0).await;
    let begun = Instant::now();
    while let Err(error) = store.append_message(message(&session_id, 1, "after")).await {
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{}", error.message);
        assert!(begun.elapsed() < Duration::from_secs(30), "it did not recover: {}", error.message);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let said = store.messages(&session_id, 10, None).await.expect("listed");
    assert_eq!(said.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["before", "after"]);
}

#[tokio::test]
async fn the_journal_bridges_an_outage() {
    let folder = Folder::new("bridged");
    let server = Server::start(&folder.0).await;
    let place = JournalPlace { folder: folder.0.join("journal"), store: "test".into(), largest: 1 << 20 };
    let store = Journaled::open(Arc::new(open(&server).await), place).await.expect("opens");
    let session_id = id();
    store.create_session(session(&session_id, None, 1)).await.expect("stored");
    let write = async |seq, text| store.write(Entry::Message(message(&session_id, seq, text))).await;
    assert_eq!(write(0, "전에").await.expect("kept"), Kept::Store);
    let port = server.stop();
    let begun = Instant::now();
    assert_eq!(write(1, "그동안").await.expect("kept"), Kept::Journal);
    assert!(begun.elapsed() < Duration::from_secs(6), "a store that is away is noticed in time");
    let begun = Instant::now();
    for seq in 2..10 {
        assert_eq!(write(seq, "meanwhile").await.expect("kept"), Kept::Journal);
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "and then nobody waits for it");
    let _server = Server::start_on(port, &folder.0).await;
    tokio::time::timeout(Duration::from_secs(40), store.flush()).await.expect("written when it is back");
    assert_eq!(write(10, "after").await.expect("kept"), Kept::Store);
    let said = store.messages(&session_id, 100, None).await.expect("listed");
    assert_eq!(said.iter().map(|message| message.seq).collect::<Vec<_>>(), (0..=10).collect::<Vec<_>>());
    assert_eq!((said[0].content.as_str(), said[1].content.as_str()), ("전에", "그동안"));
}

#[tokio::test]
async fn a_database_that_was_never_there_is_told_without_its_password() {
    let error = MongoStore::open("mongodb://somebody:hunter2@127.0.0.1:9/", "test")
        .await
        .expect_err("nobody listens there");
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.message.contains("MONGODB_URI") && !error.message.contains("hunter2"), "{}", error.message);
    let nonsense = MongoStore::open("http://somebody:hunter2@x", "test").await.expect_err("not an address");
    assert_eq!(nonsense.kind, StoreErrorKind::BadInput);
    assert!(!nonsense.message.contains("hunter2"), "{}", nonsense.message);
}
