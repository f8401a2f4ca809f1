//! What every store must do, whichever it is.

use std::sync::Arc;

use duologue_actors::store::{
    Entry, FactRecord, FeedbackBody, FeedbackRecord, MessageRecord, MidiDocument, MidiRecord, SessionStatus,
    Store, StoreErrorKind,
};

use super::{id, message, session, user};

pub(super) async fn all(store: Arc<dyn Store>) {
    store.ping().await.expect("answers");
    sessions_are_kept_whole(&*store).await;
    sessions_are_listed_newest_first(&*store).await;
    only_what_may_change_changes(&*store).await;
    messages_come_in_order_and_by_page(&*store).await;
    the_same_message_twice_is_stored_once(&*store).await;
    text_is_kept_to_the_character(&*store).await;
    what_is_too_large_is_refused(&*store).await;
    deleting_takes_everything_along(&*store).await;
    facts_are_replaced_as_a_whole(&*store).await;
    the_newest_feedback_is_found(&*store).await;
    users_are_refreshed(&*store).await;
    midi_files_are_kept_byte_for_byte(&*store).await;
    midi_files_are_listed_newest_first(&*store).await;
    racing_appends_of_one_message_are_one(store).await;
}

async fn sessions_are_kept_whole(store: &dyn Store) {
    let uuid = "9ee98cf1-3377-4575-bd73-f1b8447681c2";
    let users = [
        None,
        Some("68a4822dbe902a94027d203e"),
        Some("68A4822DBE902A94027D203E"),
        Some(uuid),
        Some("user123"),
    ];
    for user in users {
        let mut stored = session(&id(), user, 1_704_067_200_123);
        stored.language = None;
        stored.intimacy = 100;
        store.create_session(stored.clone()).await.expect("stored");
        assert_eq!(store.session(&stored.id).await.expect("found"), stored);
    }
    let named = session("a-name_이름", None, 5);
    store.create_session(named.clone()).await.expect("ids need not be object ids");
    assert_eq!(store.session("a-name_이름").await.expect("found"), named);
    assert_eq!(store.session(&id()).await.expect_err("unknown").kind, StoreErrorKind::NotFound);
    let again = store.create_session(named).await.expect_err("the id is taken");
    assert_eq!(again.kind, StoreErrorKind::BadInput);
}

async fn sessions_are_listed_newest_first(store: &dyn Store) {
    let (mine, other) = (format!("user-{}", id()), format!("user-{}", id()));
    for at in [3000, 1000, 2000, 5000, 4000] {
        store.create_session(session(&id(), Some(&mine), at)).await.expect("stored");
    }
    store.create_session(session(&id(), Some(&other), 9000)).await.expect("stored");
    let times = |limit, offset| {
        let mine = mine.clone();
        async move {
            let found = store.sessions(Some(&mine), limit, offset).await.expect("listed");
            found.into_iter().map(|record| record.created_at).collect::<Vec<_>>()
        }
    };
    assert_eq!(times(10, 0).await, [5000, 4000, 3000, 2000, 1000]);
    assert_eq!(times(2, 1).await, [4000, 3000]);
    assert_eq!(times(2, 4).await, [1000]);
    assert!(times(2, 5).await.is_empty());
    assert!(times(0, 0).await.is_empty());
    let everybody = store.sessions(None, 1000, 0).await.expect("listed");
    assert!(everybody.iter().any(|record| record.user_id.as_deref() == Some(&other)));
    assert!(everybody.is_sorted_by_key(|record| std::cmp::Reverse(record.created_at)));
}

async fn only_what_may_change_changes(store: &dyn Store) {
    let stored = session(&id(), Some("u"), 10);
    store.create_session(stored.clone()).await.expect("stored");
    let mut changed = stored.clone();
    changed.session_name = "바뀐 \"이름\" \\ it's".into();
    changed.is_active = false;
    changed.status = SessionStatus::Paused;
    changed.intimacy = 42;
    changed.updated_at = 20;
    let mut greedy = changed.clone();
    greedy.user_id = Some("thief".into());
    greedy.secret_sha256 = "00".repeat(32);
    greedy.created_at = 99;
    store.update_session(greedy).await.expect("updated");
    assert_eq!(store.session(&stored.id).await.expect("found"), changed);
    let nobody = store.update_session(session(&id(), None, 1)).await.expect_err("unknown");
    assert_eq!(nobody.kind, StoreErrorKind::NotFound);
}

async fn messages_come_in_order_and_by_page(store: &dyn Store) {
    let (session_id, other) = (id(), id());
    for seq in [4, 0, 3, 1, 2, 10] {
        store.append_message(message(&session_id, seq, &format!("말 {seq}"))).await.expect("stored");
    }
    store.append_message(message(&other, 7, "다른 방")).await.expect("stored");
    let seqs = |limit, before| {
        let session_id = session_id.clone();
        async move {
            let found = store.messages(&session_id, limit, before).await.expect("listed");
            found.into_iter().map(|record| record.seq).collect::<Vec<_>>()
        }
    };
    assert_eq!(seqs(100, None).await, [0, 1, 2, 3, 4, 10]);
    assert_eq!(seqs(2, None).await, [4, 10], "the last ones, oldest first");
    assert_eq!(seqs(2, Some(4)).await, [2, 3]);
    assert_eq!(seqs(100, Some(1)).await, [0]);
    assert!(seqs(100, Some(0)).await.is_empty());
    assert!(seqs(0, None).await.is_empty());
    assert!(store.messages(&id(), 10, None).await.expect("no error").is_empty());
    let first = store.messages(&session_id, 1, Some(1)).await.expect("listed").remove(0);
    assert_eq!(first, message(&session_id, 0, "말 0"), "every field comes back");
}

async fn the_same_message_twice_is_stored_once(store: &dyn Store) {
    let session_id = id();
    let first = message(&session_id, 1, "Hello, how are you today?");
    store.append_message(first.clone()).await.expect("stored");
    store.append_message(first.clone()).await.expect("again");
    let heard = MessageRecord { content: "Hello, how".into(), ..first };
    store.append_message(heard.clone()).await.expect("the later content wins");
    assert_eq!(store.messages(&session_id, 10, None).await.expect("listed"), [heard]);
    let elsewhere = id();
    let same_id = MessageRecord { session_id: elsewhere.clone(), ..message(&session_id, 1, "other") };
    store.append_message(same_id).await.expect("another session has its own ids");
    assert_eq!(store.messages(&elsewhere, 10, None).await.expect("listed").len(), 1);
    assert_eq!(store.messages(&session_id, 10, None).await.expect("listed")[0].content, "Hello, how");
}

async fn text_is_kept_to_the_character(store: &dyn Store) {
    let session_id = id();
    let texts = [
        "안녕하세요! 저는 이서아예요. 반가워요 :)",
        "각 가\u{1100}\u{1161} — 조합형도 그대로",
        "👩‍👩‍👧‍👦 e\u{301} \u{200b} \u{feff} ﷽",
        "quotes ' \" ` \\ ; -- DROP TABLE users; $where {\"$gt\": \"\"}",
        "line\nbreak\ttab\r\n and \0 zero",
        " spaces  around ",
    ];
    for (seq, text) in texts.into_iter().enumerate() {
        store.append_message(message(&session_id, seq as u64, text)).await.expect("stored");
    }
    let found = store.messages(&session_id, 100, None).await.expect("listed");
    assert_eq!(found.iter().map(|record| record.content.as_str()).collect::<Vec<_>>(), texts);
}

async fn what_is_too_large_is_refused(store: &dyn Store) {
    let session_id = id();
    let largest = "가".repeat(64 * 1024 / 3);
    store.append_message(message(&session_id, 0, &largest)).await.expect("64 KiB are kept");
    let secret = "비밀".repeat(170_000);
    let error = store.append_message(message(&session_id, 1, &secret)).await.expect_err("1 MB is not");
    assert_eq!(error.kind, StoreErrorKind::BadInput);
    assert!(!error.message.contains('비') && error.message.len() < 200, "{}", error.message);
    assert_eq!(store.messages(&session_id, 10, None).await.expect("listed").len(), 1);
    let mut long_name = session(&id(), None, 1);
    long_name.session_name = "x".repeat(2000);
    assert_eq!(
        store.create_session(long_name).await.expect_err("a long name").kind,
        StoreErrorKind::BadInput
    );
    let nameless = store.create_session(session("", None, 1)).await.expect_err("no id");
    assert_eq!(nameless.kind, StoreErrorKind::BadInput);
    let late = MessageRecord { seq: u64::MAX, ..message(&session_id, 2, "x") };
    assert_eq!(
        store.append_message(late).await.expect_err("no database counts so far").kind,
        StoreErrorKind::BadInput
    );
}

async fn deleting_takes_everything_along(store: &dyn Store) {
    let (session_id, other) = (id(), id());
    for id in [&session_id, &other] {
        store.create_session(session(id, None, 1)).await.expect("stored");
        store.append_message(message(id, 0, "기억해 줘")).await.expect("stored");
        store.put_facts(id, vec![fact(id, "name", "민수")]).await.expect("stored");
    }
    store.delete_session(&session_id).await.expect("deleted");
    assert_eq!(store.session(&session_id).await.expect_err("gone").kind, StoreErrorKind::NotFound);
    assert!(store.messages(&session_id, 10, None).await.expect("no error").is_empty());
    assert!(store.facts(&session_id).await.expect("no error").is_empty());
    assert_eq!(store.delete_session(&session_id).await.expect_err("gone").kind, StoreErrorKind::NotFound);
    assert_eq!(store.messages(&other, 10, None).await.expect("listed").len(), 1);
    assert_eq!(store.facts(&other).await.expect("listed").len(), 1);
}

fn fact(session_id: &str, kind: &str, text: &str) -> FactRecord {
    FactRecord {
        id: format!("fact-{kind}"),
        session_id: session_id.into(),
        kind: kind.into(),
        text: text.into(),
        turn: 3,
    }
}

async fn facts_are_replaced_as_a_whole(store: &dyn Store) {
    let session_id = id();
    assert!(store.facts(&session_id).await.expect("no error").is_empty());
    let first = vec![fact(&session_id, "name", "민수"), fact(&session_id, "like", "김치찌개")];
    store.put_facts(&session_id, first.clone()).await.expect("stored");
    assert_eq!(store.facts(&session_id).await.expect("listed"), first);
    let second = vec![fact(&session_id, "name", "지수")];
    store.put_facts(&session_id, second.clone()).await.expect("stored");
    assert_eq!(store.facts(&session_id).await.expect("listed"), second);
    store.put_facts(&session_id, Vec::new()).await.expect("stored");
    assert!(store.facts(&session_id).await.expect("no error").is_empty());
}

fn feedback(session_id: &str, id: &str, created_at: u64, value: u8) -> FeedbackRecord {
    let text = format!(
        r#"{{"feedback":{{"likability":{value},"tone":null,"expression":"긍정적","details":{{"tone":{{"band":[0.5,2.0,4.5,null]}}}}}},"report":{{"talk":[],"ratio":0.25}}}}"#
    );
    FeedbackRecord {
        id: format!("{session_id}/{id}"),
        session_id: session_id.into(),
        user_id: Some("9ee98cf1-3377-4575-bd73-f1b8447681c2".into()),
        created_at,
        body: FeedbackBody::Written(text.into()),
    }
}

/// What a feedback says, whatever the order of its fields.
fn said(record: &FeedbackRecord) -> serde_json::Value {
    match &record.body {
        FeedbackBody::Written(text) => serde_json::from_str(text).expect("JSON"),
        FeedbackBody::Live(_) => panic!("a store answers with what was written"),
    }
}

async fn the_newest_feedback_is_found(store: &dyn Store) {
    let session_id = id();
    store.create_session(session(&session_id, None, 1)).await.expect("stored");
    assert_eq!(store.feedback(&session_id).await.expect("no error"), None);
    let older = feedback(&session_id, "1", 1_755_611_717_338, 50);
    let newer = feedback(&session_id, "2", 1_755_611_800_001, 61);
    store.put_feedback(newer.clone()).await.expect("stored");
    store.put_feedback(older.clone()).await.expect("stored");
    store
        .put_feedback(feedback(&id(), "3", u64::from(u32::MAX) * 1000, 1))
        .await
        .expect("of another session");
    let found = store.feedback(&session_id).await.expect("found").expect("there is one");
    assert_eq!((&found.id, &found.user_id, found.created_at), (&newer.id, &newer.user_id, newer.created_at));
    assert_eq!(said(&found), said(&newer));
    let again = feedback(&session_id, "2", 1_755_611_900_000, 64);
    store.write(Entry::Feedback(again.clone())).await.expect("replaced");
    let found = store.feedback(&session_id).await.expect("found").expect("there is one");
    assert_eq!((found.id.clone(), said(&found)), (again.id, said(&feedback(&session_id, "2", 0, 64))));
    let huge = FeedbackBody::Written("x".repeat(3 * 1024 * 1024).into());
    let refused = store.put_feedback(FeedbackRecord { body: huge, ..older }).await.expect_err("too large");
    assert_eq!(refused.kind, StoreErrorKind::BadInput);
    store.delete_session(&session_id).await.expect("deleted");
    assert_eq!(store.feedback(&session_id).await.expect("no error"), None, "it goes with its session");
}

async fn users_are_refreshed(store: &dyn Store) {
    let user_id = format!("user-{}", id());
    store.upsert_user(user(&user_id, "", 10)).await.expect("stored");
    store.upsert_user(user(&user_id, "서아", 20)).await.expect("refreshed");
    let error = store.upsert_user(user("", "x", 1)).await.expect_err("no id");
    assert_eq!(error.kind, StoreErrorKind::BadInput);
}

async fn racing_appends_of_one_message_are_one(store: Arc<dyn Store>) {
    let session_id = id();
    let appends = (0..8).map(|number| {
        let (store, record) = (store.clone(), message(&session_id, 1, &format!("try {number}")));
        tokio::spawn(async move { store.append_message(record).await })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.expect("no panic").expect("every append is acknowledged");
    }
    assert_eq!(store.messages(&session_id, 10, None).await.expect("listed").len(), 1);
}

fn midi(user: Option<&str>, created_at: u64) -> MidiDocument {
    let record = MidiRecord {
        id: id(),
        user_id: user.map(str::to_owned),
        title: "내 \"노래\" \\ it's".into(),
        genre: "재즈".into(),
        generation_type: None,
        source_id: None,
        size: 512,
        summary: r#"{"key":{"tonic":"C","mode":"major"}}"#.into(),
        created_at,
    };
    let data = (0..512).map(|index| (index % 256) as u8).collect();
    MidiDocument { record, analysis: r#"{"chords":[{"root":"C","start":0.5}]}"#.into(), data }
}

async fn midi_files_are_kept_byte_for_byte(store: &dyn Store) {
    for user in [None, Some("68a4822dbe902a94027d203e"), Some("user123")] {
        let mut stored = midi(user, 1_704_067_200_123);
        stored.record.generation_type = user.map(|_| "improvisation".into());
        stored.record.source_id = user.map(|_| id());
        store.put_midi(stored.clone()).await.expect("stored");
        assert_eq!(store.midi(&stored.record.id).await.expect("found"), stored);
        let again = store.put_midi(stored.clone()).await.expect_err("the id is taken");
        assert_eq!(again.kind, StoreErrorKind::BadInput);
        store.delete_midi(&stored.record.id).await.expect("deleted");
        assert_eq!(store.midi(&stored.record.id).await.expect_err("gone").kind, StoreErrorKind::NotFound);
        assert_eq!(
            store.delete_midi(&stored.record.id).await.expect_err("gone").kind,
            StoreErrorKind::NotFound
        );
    }
    let mut large = midi(None, 1);
    large.data = vec![0; 2 * 1024 * 1024 + 1];
    assert_eq!(store.put_midi(large).await.expect_err("too large").kind, StoreErrorKind::BadInput);
    let mut largest = midi(None, 1);
    largest.data = vec![7; 2 * 1024 * 1024];
    largest.analysis = format!("\"{}\"", "a".repeat(4 * 1024 * 1024));
    store.put_midi(largest.clone()).await.expect("stored");
    assert_eq!(store.midi(&largest.record.id).await.expect("found"), largest);
    store.delete_midi(&largest.record.id).await.expect("deleted");
}

async fn midi_files_are_listed_newest_first(store: &dyn Store) {
    let (mine, other) = (format!("user-{}", id()), format!("user-{}", id()));
    for at in [3000, 1000, 2000] {
        store.put_midi(midi(Some(&mine), at)).await.expect("stored");
    }
    store.put_midi(midi(Some(&other), 9000)).await.expect("stored");
    let times = |limit, offset| {
        let mine = mine.clone();
        async move {
            let found = store.midis(Some(&mine), limit, offset).await.expect("listed");
            found.into_iter().map(|record| record.created_at).collect::<Vec<_>>()
        }
    };
    assert_eq!(times(10, 0).await, [3000, 2000, 1000]);
    assert_eq!(times(1, 1).await, [2000]);
    assert!(times(2, 3).await.is_empty());
    assert!(times(0, 0).await.is_empty());
    let everybody = store.midis(None, 1000, 0).await.expect("listed");
    assert!(everybody.iter().any(|record| record.user_id.as_deref() == Some(&other)));
    assert!(everybody.is_sorted_by_key(|record| std::cmp::Reverse(record.created_at)));
}
