//! A store that is away while a scene goes on: a minute of it in paused time, and what HTTP acknowledges.

use std::{sync::Arc, time::Duration};

use duologue::store::{JournalPlace, Journaled};
use duologue_actors::{
    event::{ClientCommand, NoticeLevel, ResponseRequest, ResponseStatus, SessionConfig, SessionEvent},
    outbox::Outgoing,
    session::SessionSpec,
    sessions::{Attachment, SessionHandle, SessionLimits, SessionsArgs, SessionsHandle},
    store::{Kept, SessionStatus, Store},
};
use duologue_domain::conversation::{Content, Item, Speaker};
use duologue_testkit::{FakeLlm, FakeStt, FakeTts, FakeVad, MemoryStore, engines, persona, record};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    http::{House, answer},
    store::Folder,
};

async fn journaled(store: &MemoryStore, folder: &Folder, largest: u64) -> Arc<dyn Store> {
    let place = JournalPlace { folder: folder.0.clone(), store: "test".into(), largest };
    Arc::new(Journaled::open(Arc::new(store.clone()), place).await.expect("opens"))
}

/// A scene in writing, over a store with a journal.
struct Stage {
    store: MemoryStore,
    scene: SessionHandle,
    attachment: Attachment,
    _sessions: SessionsHandle,
    _folder: Folder,
}

impl Stage {
    async fn new(says: &[&str], largest: u64) -> Self {
        Self::with(says, largest, false).await
    }

    async fn with(says: &[&str], largest: u64, speak: bool) -> Self {
        let (store, folder) = (MemoryStore::default(), Folder::new("outage"));
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::default(), &FakeLlm::saying(says), &tts, &FakeVad::default());
        let args = SessionsArgs {
            engines,
            store: journaled(&store, &folder, largest).await,
            limits: SessionLimits::default(),
        };
        let sessions = SessionsHandle::start(args).await.expect("starts");
        let record = record("s1");
        store.create_session(record.clone()).await.expect("stored");
        let config = SessionConfig { speak, ..SessionConfig::default() };
        let spec = SessionSpec {
            record,
            persona: persona(),
            config,
            history: Vec::new(),
            facts: Vec::new(),
            likability: None,
        };
        let scene = sessions.open(spec).await.expect("room");
        let attachment = scene.attach();
        Self { store, scene, attachment, _sessions: sessions, _folder: folder }
    }

    fn write(&self, text: &str) {
        let content = Content::InputText(text.into());
        let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
        self.scene.command(ClientCommand::CreateItem { item, previous: None });
        self.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
    }

    async fn until(&self, last: impl Fn(&SessionEvent) -> bool) -> Vec<SessionEvent> {
        let mut events = Vec::new();
        let listening = async {
            loop {
                if let Outgoing::Event(event) = self.attachment.next().await.expect("the scene is alive") {
                    let is_last = last(&event);
                    events.push(*event);
                    if is_last {
                        return;
                    }
                }
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(300), listening).await;
        assert!(came.is_ok(), "it never came; until then: {events:#?}");
        events
    }

    /// Says something, and where it and the answer are kept.
    async fn exchange(&self, text: &str) -> Vec<Kept> {
        self.write(text);
        let mut kept = Vec::new();
        while kept.len() < 2 {
            let events = self.until(|event| matches!(event, SessionEvent::Kept { .. })).await;
            let Some(SessionEvent::Kept { kept: place, .. }) = events.last() else { panic!("kept") };
            kept.push(*place);
        }
        kept
    }

    fn words(&self) -> Vec<String> {
        self.store.all_messages().into_iter().map(|message| message.content).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_the_store_is_acknowledged_from_the_journal_and_written_later() {
    let stage = Stage::new(&["하나.", "Two.", "셋.", "Four."], 1 << 20).await;
    assert_eq!(stage.exchange("처음").await, [Kept::Store; 2]);
    stage.store.set_down(true);
    stage.write("그동안");
    let told = |event: &SessionEvent| matches!(event, SessionEvent::Notice { code: "store_unavailable", .. });
    stage.until(told).await;
    stage.until(|event| matches!(event, SessionEvent::Kept { kept: Kept::Journal, .. })).await;
    stage.until(|event| matches!(event, SessionEvent::Kept { kept: Kept::Journal, .. })).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.exchange("meanwhile").await, [Kept::Journal; 2]);
    assert_eq!(stage.words(), ["처음", "하나."], "the store is away indeed");
    stage.store.set_down(false);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.words(), ["처음", "하나.", "그동안", "Two.", "meanwhile", "셋."]);
    stage.write("다시");
    stage.until(|event| matches!(event, SessionEvent::Notice { code: "store_back", .. })).await;
    stage.until(|event| matches!(event, SessionEvent::Kept { kept: Kept::Store, .. })).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_is_told_nothing_is_acknowledged_and_the_scene_goes_on() {
    let stage = Stage::new(&["답이에요.", "An answer."], 150).await;
    stage.store.set_down(true);
    let full = |event: &SessionEvent| {
        matches!(event, SessionEvent::Notice { code: "journal_full", level: NoticeLevel::Error, .. })
    };
    let done = |event: &SessionEvent| matches!(event, SessionEvent::ResponseDone { .. });
    stage.write("하나");
    let mut events = stage.until(full).await;
    events.extend(stage.until(done).await);
    stage.write("two");
    events.extend(stage.until(done).await);
    assert!(!events.iter().any(|event| matches!(event, SessionEvent::Kept { .. })), "{events:?}");
    stage.store.set_down(false);
    let back = stage.until(|event| matches!(event, SessionEvent::Notice { code: "store_back", .. })).await;
    assert!(!back.is_empty());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.words().len(), 4, "{:?}", stage.words());
    assert_eq!(stage.words()[..2], ["하나", "답이에요."]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_scene_is_stored_as_such_and_goes_on_or_ends() {
    let stage = Stage::new(&["Yes."], 1 << 20).await;
    let status = async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stage.store.session("s1").await.expect("stored").status
    };
    assert_eq!(status().await, SessionStatus::Active);
    let Stage { attachment, scene, .. } = &stage;
    let second = scene.connect(Some(0)).await.expect("connected");
    assert!(attachment.next().await.is_err(), "the newer one wins");
    assert_eq!(status().await, SessionStatus::Active, "somebody is there all the time");
    drop(second);
    assert_eq!(status().await, SessionStatus::Paused);
    tokio::time::sleep(Duration::from_secs(50)).await;
    let third = scene.connect(Some(0)).await.expect("within a minute");
    assert_eq!(status().await, SessionStatus::Active);
    drop(third);
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert!(scene.connect(Some(0)).await.is_none(), "it is over");
    assert_eq!(status().await, SessionStatus::Ended);
}

/// Hears until `enough` or the end of the reply: the last number, the samples, and all events.
async fn hear(attachment: &Attachment, from: u64, enough: u64) -> (u64, u64, Vec<SessionEvent>) {
    let (mut last, mut samples, mut events) = (0, from, Vec::new());
    while samples < enough {
        let next = tokio::time::timeout(Duration::from_secs(60), attachment.next_numbered());
        let numbered = next.await.expect("it goes on").expect("the scene is alive");
        last = numbered.last();
        attachment.acknowledge(last);
        match numbered.outgoing {
            Outgoing::Audio(frame) => {
                assert_eq!(frame.offset, samples, "every sample once");
                samples += frame.samples.len() as u64;
            }
            Outgoing::Event(event) => {
                let is_done = matches!(*event, SessionEvent::ResponseDone { .. });
                events.push(*event);
                if is_done {
                    break;
                }
            }
        }
    }
    (last, samples, events)
}

#[tokio::test(start_paused = true)]
async fn speech_waits_for_who_is_gone_however_long_and_nobody_is_blamed() {
    let replies = [
        "오늘은 아침에 회사에 갔어요. 점심에는 친구와 김치찌개를 먹었어요. 저녁에는 한강을 오래 걸었어요.",
        "This morning I went to the office. At noon I had lunch with a friend. Then we walked along the river.",
    ];
    for reply in replies {
        let stage = Stage::with(&[reply], 1 << 20, true).await;
        let first = stage.scene.connect(None).await.expect("connected");
        stage.write("어떻게 지냈어요?");
        let (last, heard, _) = hear(&first, 0, 24_000).await;
        drop(first);
        tokio::time::sleep(Duration::from_secs(55)).await;
        let second = stage.scene.connect(Some(last)).await.expect("within a minute");
        let back = tokio::time::Instant::now();
        let (_, samples, events) = hear(&second, heard, u64::MAX).await;
        let Some(SessionEvent::ResponseDone { item: Some(item), status, .. }) = events.last() else {
            panic!("done")
        };
        assert_eq!((item.content.text(), status), (reply, &ResponseStatus::Completed));
        let trouble = |event: &SessionEvent| matches!(event, SessionEvent::Notice { level, .. } if *level != NoticeLevel::Info);
        assert!(!events.iter().any(trouble), "{events:?}");
        let (left, took) = (Duration::from_millis((samples - heard) / 24), back.elapsed());
        assert!(took + Duration::from_millis(4_100) > left, "{left:?} of speech came within {took:?}");
    }
}

#[tokio::test]
async fn a_post_is_answered_when_both_messages_are_kept() {
    let (store, folder) = (MemoryStore::default(), Folder::new("post"));
    let journal = journaled(&store, &folder, 4_000).await;
    let house = House::saying(&[], journal, &["잘 지내요."]).await;
    let first = json!({"content": "안녕", "persona_id": "seoa"});
    let made = answer(house.post("/chat", &first), StatusCode::OK).await;
    assert_eq!(made["durable"], true);
    assert_eq!(store.all_messages().len(), 2, "kept before it was answered");
    store.set_down(true);
    let again = json!({"content": "How are you?", "session_id": made["session_id"]});
    let during = answer(house.post("/chat", &again), StatusCode::OK).await;
    assert_eq!((during["durable"].as_bool(), store.all_messages().len()), (Some(true), 2));
    // Until the journal is full: then an answer would be a lie.
    let mut answered = 1;
    let refused = loop {
        let response = house.post("/chat", &again).send().await.expect("an answer");
        if response.status() != StatusCode::OK {
            break response;
        }
        answered += 1;
        assert!(answered < 50, "4 kB hold only a few");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    store.set_down(false);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if store.all_messages().len() >= 2 + 2 * answered {
            return;
        }
    }
    panic!("{} messages of {answered} exchanges", store.all_messages().len());
}
