//! One suite over every store, then what is particular to one of them.

mod conformance;
pub(crate) mod mongodb;

use std::{path::PathBuf, sync::Arc, time::Duration};

use duologue::{
    config::{StoreConfig, StoreKind},
    store::{self, MemoryStore, SqliteStore},
};
use duologue_actors::store::{
    MessageRecord, MessageRole, SessionRecord, SessionStatus, Store, StoreErrorKind, UserRecord,
};

/// A folder that is removed in the end.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let unique = format!("duologue-test-{name}-{}-{:016x}", std::process::id(), rand::random::<u64>());
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn id() -> String {
    duologue::auth::new_session_id()
}

fn session(id: &str, user: Option<&str>, created_at: u64) -> SessionRecord {
    SessionRecord {
        id: id.into(),
        secret_sha256: "ab".repeat(32),
        user_id: user.map(str::to_owned),
        session_name: "새로운 대화".into(),
        persona_id: "이서아".into(),
        persona_name: "이서아".into(),
        language: Some("ko".into()),
        is_active: true,
        status: SessionStatus::Active,
        intimacy: 0,
        created_at,
        updated_at: created_at,
    }
}

fn message(session_id: &str, seq: u64, content: &str) -> MessageRecord {
    MessageRecord {
        id: format!("{session_id}/item_{seq}"),
        session_id: session_id.into(),
        user_id: None,
        role: if seq.is_multiple_of(2) { MessageRole::User } else { MessageRole::Assistant },
        content: content.into(),
        turn: seq / 2,
        seq,
        timestamp: 1_700_000_000_123 + seq,
    }
}

fn user(id: &str, name: &str, at: u64) -> UserRecord {
    UserRecord { id: id.into(), email: "a@b.c".into(), name: name.into(), created_at: at, updated_at: at }
}

#[tokio::test]
async fn memory_conforms() {
    conformance::all(Arc::new(MemoryStore::default())).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let folder = Folder::new("sqlite");
    let path = folder.0.join("deep").join("duologue.db");
    let store = SqliteStore::open(&path, 0).await.expect("opens, with the folders to it");
    conformance::all(Arc::new(store)).await;
}

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledged() {
    let folder = Folder::new("keeps");
    let (path, id) = (folder.0.join("duologue.db"), id());
    let first = SqliteStore::open(&path, 0).await.expect("opens");
    first.create_session(session(&id, None, 1)).await.expect("stored");
    first.append_message(message(&id, 0, "안녕하세요")).await.expect("stored");
    // Without closing: as if the process had been killed.
    let second = SqliteStore::open(&path, 0).await.expect("opens again");
    assert_eq!(second.messages(&id, 10, None).await.expect("read")[0].content, "안녕하세요");
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn sqlite_serves_many_at_once() {
    let folder = Folder::new("many");
    let store = Arc::new(SqliteStore::open(&folder.0.join("duologue.db"), 0).await.expect("opens"));
    let id = id();
    store.create_session(session(&id, None, 1)).await.expect("stored");
    let writers = (0..8u64).map(|writer| {
        let (store, id) = (store.clone(), id.clone());
        tokio::spawn(async move {
            for number in 0..10 {
                store
                    .append_message(message(&id, writer * 10 + number, "동시에"))
                    .await
                    .expect("no writer is turned away");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let found = store.messages(&id, 1000, None).await.expect("read");
    assert_eq!(found.iter().map(|message| message.seq).collect::<Vec<_>>(), (0..80).collect::<Vec<_>>());
}

#[tokio::test]
async fn sqlite_says_when_the_disk_is_full() {
    let folder = Folder::new("full");
    let store = SqliteStore::open(&folder.0.join("duologue.db"), 1).await.expect("opens");
    let id = id();
    store.create_session(session(&id, None, 1)).await.expect("stored");
    let large = "가".repeat(20_000);
    let mut kept = 0;
    let error = loop {
        match store.append_message(message(&id, kept, &large)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100, "a database of 1 MiB cannot hold 6 MB");
    };
    assert_eq!(error.kind, StoreErrorKind::NoSpace);
    assert!(
        error.message.contains("store.max_size_mb") && !error.message.contains('가'),
        "{}",
        error.message
    );
    let found = store.messages(&id, 1000, None).await.expect("what was kept can be read");
    assert_eq!(found.len() as u64, kept, "everything acknowledged is there, nothing else");
    store.delete_session(&id).await.expect("deleting makes room");
    store.create_session(session(&id, None, 1)).await.expect("and then it goes on");
    store.append_message(message(&id, 0, &large)).await.expect("stored");
}

#[tokio::test]
async fn sqlite_says_where_it_cannot_write() {
    for path in ["/proc/duologue/duologue.db", "/dev/null/duologue.db"] {
        let error = SqliteStore::open(path.as_ref(), 0).await.expect_err("nobody can write there");
        assert_eq!(error.kind, StoreErrorKind::NoSpace, "{}", error.message);
        assert!(error.message.contains(path) && error.message.contains("store.path"), "{}", error.message);
    }
}

#[tokio::test]
async fn sqlite_refuses_what_it_does_not_understand() {
    let folder = Folder::new("strange");
    let path = folder.0.join("notes.txt");
    std::fs::write(
        &path,
        "this is no database, and certainly longer than a header of a hundred bytes ".repeat(50),
    )
    .expect("written");
    let error = SqliteStore::open(&path, 0).await.expect_err("not a database");
    assert!(error.message.contains("not a database"), "{}", error.message);
}

#[tokio::test]
async fn the_configuration_chooses() {
    let folder = Folder::new("chooses");
    for (kind, name) in [(StoreKind::Memory, "memory"), (StoreKind::Sqlite, "sqlite")] {
        let config = StoreConfig {
            kind,
            mongodb_uri: String::new(),
            database_name: "test".into(),
            path: folder.0.join("duologue.db"),
            max_size_mb: 0,
            journal_path: folder.0.join("journal"),
            journal_max_mb: 1,
        };
        let store = store::open(&config).await.expect("opens");
        assert_eq!(store.kind(), name);
        tokio::time::timeout(Duration::from_secs(5), store.ping()).await.expect("in time").expect("works");
    }
}
