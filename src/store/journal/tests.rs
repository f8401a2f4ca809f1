use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use duologue_actors::store::{MessageRole, SessionStatus};
use duologue_testkit::MemoryStore;

use super::{book::Refused, *};

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("duologue-journal-{}-{:016x}", std::process::id(), rand::random::<u64>());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("s-0.journal")
    }

    fn place(&self, largest: u64) -> JournalPlace {
        JournalPlace { folder: self.0.clone(), store: "s".into(), largest }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MIB: u64 = 1024 * 1024;

fn open(path: &Path) -> Book {
    Book::open(path, MIB).expect("opens").expect("nobody else has it")
}

fn add(book: &mut Book, payload: &[u8]) -> Result<(), Refused> {
    book.append(&[payload.to_vec()]).remove(0)
}

fn all(book: &Book) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    book.each(|payload| all.push(payload)).expect("read");
    all
}

fn message(seq: u64, content: &str) -> MessageRecord {
    MessageRecord {
        id: format!("s1/item_{seq}"),
        session_id: "s1".into(),
        user_id: Some("민수".into()),
        role: if seq.is_multiple_of(2) { MessageRole::User } else { MessageRole::Assistant },
        content: content.into(),
        turn: seq / 2,
        seq,
        timestamp: 1_700_000_000_123 + seq,
    }
}

fn session() -> SessionRecord {
    SessionRecord {
        id: "s1".into(),
        secret_sha256: "ab".repeat(32),
        user_id: None,
        session_name: "새로운 대화".into(),
        persona_id: "seoa".into(),
        persona_name: "이서아".into(),
        language: None,
        is_active: true,
        status: SessionStatus::Active,
        intimacy: 0,
        created_at: 5,
        updated_at: 5,
    }
}

#[test]
fn what_was_appended_is_there_after_any_end() {
    let folder = Folder::new();
    let mut book = open(&folder.file());
    add(&mut book, "안녕".as_bytes()).expect("kept");
    add(&mut book, b"hello").expect("kept");
    drop(book);
    let whole = std::fs::read(folder.file()).expect("read");
    // Torn at every byte of the last record: the first is there, and the next one follows it.
    for cut in 8 + 12 + 6..whole.len() {
        std::fs::write(folder.file(), &whole[..cut]).expect("torn");
        let mut book = open(&folder.file());
        assert_eq!((all(&book), book.waiting()), (vec!["안녕".as_bytes().to_vec()], 1), "cut at {cut}");
        add(&mut book, "다시".as_bytes()).expect("kept");
        assert_eq!(all(&book), ["안녕".as_bytes(), "다시".as_bytes()]);
        drop(book);
        assert_eq!(all(&open(&folder.file())).len(), 2);
    }
    // The length was written, the payload was not yet.
    let mut zeroed = whole.clone();
    let end = zeroed.len();
    zeroed[end - 5..].fill(0);
    std::fs::write(folder.file(), zeroed).expect("torn");
    assert_eq!(open(&folder.file()).waiting(), 1);
}

#[test]
fn a_damaged_record_in_the_middle_is_passed_over_and_the_file_kept() {
    let folder = Folder::new();
    let mut book = open(&folder.file());
    for word in ["하나", "둘", "셋"] {
        add(&mut book, word.as_bytes()).expect("kept");
    }
    drop(book);
    let mut bytes = std::fs::read(folder.file()).expect("read");
    let second = 8 + 12 + "하나".len() + 12;
    bytes[second] ^= 1;
    std::fs::write(folder.file(), bytes).expect("damaged");
    let mut book = open(&folder.file());
    let mut got = Vec::new();
    while let Some(payload) = book.oldest().expect("read") {
        got.push(String::from_utf8(payload).expect("text"));
        book.settle().expect("settled");
    }
    assert_eq!(got, ["하나", "셋"]);
    assert!(folder.file().with_extension("damaged").exists(), "for whoever looks after the server");
    assert_eq!(std::fs::metadata(folder.file()).expect("there").len(), 8, "empty again");
}

#[test]
fn a_strange_file_is_set_aside_and_a_second_server_kept_out() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "something else, longer than a header").expect("written");
    let book = open(&folder.file());
    assert_eq!(book.waiting(), 0);
    assert!(folder.file().with_extension("damaged").exists());
    assert!(Book::open(&folder.file(), MIB).expect("opens").is_none(), "it is locked");
}

#[test]
fn the_size_is_bounded_and_a_failed_append_leaves_no_trace() {
    let folder = Folder::new();
    let mut book = Book::open(&folder.file(), 100).expect("opens").expect("free");
    add(&mut book, &[1; 60]).expect("fits");
    assert!(matches!(add(&mut book, &[2; 60]), Err(Refused::Full)));
    add(&mut book, &[3; 8]).expect("what is smaller still fits");
    assert_eq!(all(&book), [vec![1; 60], vec![3; 8]]);
}

/// The device whose disk is always full.
fn full_disk() -> Book {
    let path = Path::new("/dev/full");
    Book::over(
        std::fs::OpenOptions::new().read(true).write(true).open(path).expect("every Linux has it"),
        path,
    )
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_nothing_is_acknowledged() {
    assert!(matches!(add(&mut full_disk(), b"x"), Err(Refused::Disk(_))));
    let store = MemoryStore::default();
    store.create_session(session()).await.expect("stored");
    let desk = Desk::new(full_disk());
    let replaying = tokio::spawn(async {});
    let journaled = Journaled { inner: Arc::new(store.clone()), desk, replaying };
    journaled.write(Entry::Message(message(0, "전에"))).await.expect("the store works");
    store.set_down(true);
    for _ in 0..3 {
        let error = journaled.write(Entry::Message(message(1, "그동안"))).await.expect_err("no room");
        assert_eq!(error.kind, StoreErrorKind::NoSpace);
        assert!(error.message.contains("store.journal_path") && !error.message.contains('그'), "{error}");
    }
    store.set_down(false);
    assert_eq!(journaled.ping().await.expect_err("told").kind, StoreErrorKind::NoSpace);
    assert_eq!(journaled.write(Entry::Message(message(1, "나중"))).await.expect("goes on"), Kept::Store);
    assert_eq!(store.all_messages().len(), 2);
    journaled.ping().await.expect("and is well again");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_in_order_and_once() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.create_session(session()).await.expect("stored");
    let journaled = Journaled::open(Arc::new(store.clone()), folder.place(MIB)).await.expect("opens");
    let write = async |seq, text| journaled.write(Entry::Message(message(seq, text))).await;
    assert_eq!(write(0, "before").await.expect("kept"), Kept::Store);
    store.set_down(true);
    assert_eq!(write(1, "그동안").await.expect("kept"), Kept::Journal);
    assert_eq!(write(2, "cut to").await.expect("kept"), Kept::Journal);
    assert_eq!(write(2, "cut").await.expect("the same message again"), Kept::Journal);
    let told = journaled.ping().await.expect_err("it is away");
    assert_eq!(told.kind, StoreErrorKind::Unavailable);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(store.all_messages().len(), 1);
    store.set_down(false);
    assert_eq!(write(3, "right after").await.expect("kept"), Kept::Journal, "behind what waits");
    tokio::time::timeout(Duration::from_secs(5), journaled.flush()).await.expect("in a moment");
    assert_eq!(write(4, "after").await.expect("kept"), Kept::Store);
    let said = store.all_messages();
    let words = said.iter().map(|message| message.content.as_str()).collect::<Vec<_>>();
    assert_eq!(words, ["before", "그동안", "cut", "right after", "after"]);
    assert_eq!(said[1], message(1, "그동안"), "every field");
    assert_eq!(std::fs::metadata(folder.file()).expect("there").len(), 8, "the journal is empty");
    journaled.ping().await.expect("all is well");
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_left_is_replayed_before_anything_else() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.create_session(session()).await.expect("stored");
    store.set_down(true);
    let first = Journaled::open(Arc::new(store.clone()), folder.place(MIB)).await.expect("opens");
    for seq in 0..20 {
        let kept = first.write(Entry::Message(message(seq, "kept"))).await.expect("kept");
        assert_eq!(kept, Kept::Journal);
    }
    let changed = SessionRecord { intimacy: 7, status: SessionStatus::Paused, ..session() };
    first.write(Entry::Session(changed)).await.expect("kept");
    // As a kill would: nothing is flushed, the lock goes with the process.
    let bytes = std::fs::read(folder.file()).expect("read");
    drop(first);
    store.set_down(false);
    tokio::time::sleep(Duration::from_secs(5)).await;
    std::fs::write(folder.0.join("s-3.journal"), bytes).expect("left behind");
    let second = Journaled::open(Arc::new(store.clone()), folder.place(MIB)).await.expect("opens");
    assert_eq!(second.messages("s1", 100, None).await.expect("listed").len(), 20);
    assert_eq!(second.session("s1").await.expect("found").intimacy, 7);
    assert!(!folder.0.join("s-3.journal").exists(), "replayed and removed");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_read_over_what_is_stored_and_goes_with_its_session() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.create_session(session()).await.expect("stored");
    store.append_message(message(0, "whole")).await.expect("stored");
    let journaled = Journaled::open(Arc::new(store.clone()), folder.place(MIB)).await.expect("opens");
    store.set_down(true);
    journaled.append_message(message(0, "who")).await.expect("kept");
    journaled.append_message(message(1, "waits")).await.expect("kept");
    store.set_down(false);
    let words = |found: Vec<MessageRecord>| found.into_iter().map(|it| it.content).collect::<Vec<_>>();
    assert_eq!(words(journaled.messages("s1", 10, None).await.expect("listed")), ["who", "waits"]);
    assert_eq!(words(journaled.messages("s1", 10, Some(1)).await.expect("listed")), ["who"]);
    journaled.delete_session("s1").await.expect("deleted");
    tokio::time::timeout(Duration::from_secs(5), journaled.flush()).await.expect("replayed");
    assert_eq!(journaled.session("s1").await.expect_err("gone").kind, StoreErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_refuses_and_recovers() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.create_session(session()).await.expect("stored");
    let journaled = Journaled::open(Arc::new(store.clone()), folder.place(2_000)).await.expect("opens");
    store.set_down(true);
    let mut kept = 0;
    let error = loop {
        match journaled.write(Entry::Message(message(kept, "가득"))).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(kept > 2);
    assert_eq!(error.kind, StoreErrorKind::JournalFull);
    assert_eq!(journaled.ping().await.expect_err("told").kind, StoreErrorKind::Unavailable);
    store.set_down(false);
    tokio::time::timeout(Duration::from_secs(5), journaled.flush()).await.expect("written");
    journaled.write(Entry::Message(message(kept, "다시"))).await.expect("room again");
    assert_eq!(store.all_messages().len() as u64, kept + 1, "what was acknowledged is there, and the rest");
}

#[tokio::test]
async fn what_no_store_takes_is_refused_and_not_kept() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.set_down(true);
    let journaled = Journaled::open(Arc::new(store), folder.place(MIB)).await.expect("opens");
    let long = Entry::Message(message(0, &"가".repeat(30_000)));
    assert_eq!(journaled.write(long).await.expect_err("too long").kind, StoreErrorKind::BadInput);
}

#[tokio::test]
async fn many_at_once_share_the_disk_and_each_keeps_its_order() {
    let folder = Folder::new();
    let store = MemoryStore::default();
    store.set_down(true);
    let journaled =
        Arc::new(Journaled::open(Arc::new(store.clone()), folder.place(4 * MIB)).await.expect("opens"));
    let writers = (0..200u64).map(|writer| {
        let journaled = journaled.clone();
        tokio::spawn(async move {
            for seq in 0..5 {
                let id = format!("s{writer}/item_{seq}");
                let one = MessageRecord { id, session_id: format!("s{writer}"), ..message(seq, "동시에") };
                assert_eq!(journaled.write(Entry::Message(one)).await.expect("kept"), Kept::Journal);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    assert_eq!(journaled.desk.waiting(), 1_000);
    store.set_down(false);
    tokio::time::timeout(Duration::from_secs(30), journaled.flush()).await.expect("written");
    assert_eq!(store.all_messages().len(), 1_000);
    for writer in [0, 99, 199] {
        let said = store.messages(&format!("s{writer}"), 10, None).await.expect("listed");
        assert_eq!(said.iter().map(|one| one.seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
