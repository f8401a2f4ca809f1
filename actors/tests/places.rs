//! More scenes in conversation than there are places: who is in is answered, who comes waits, nobody is thrown out.

mod common;

use std::{sync::Arc, time::Duration};

use common::Stage;
use duologue_actors::{
    event::{ClientCommand, ResponseRequest, ResponseStatus, SessionConfig, SessionEvent},
    outbox::Outgoing,
    session::SessionSpec,
    sessions::{Attachment, SessionHandle, SessionLimits},
};
use duologue_domain::{
    capacity::Bounds,
    conversation::{Content, Item, Speaker},
};
use duologue_testkit::{persona, record};

/// One place and no more, from the beginning.
fn limits() -> SessionLimits {
    let bounds = Bounds { floor: 1, ceiling: 1, bar_ms: 3000, cores: 2 };
    SessionLimits { admission: Some(bounds), ..SessionLimits::default() }
}

async fn stage() -> Stage {
    Stage::with(&[], &["The first.", "The second.", "The third."], SessionConfig::default(), limits()).await
}

/// Another scene beside the stage's, of a client.
struct Other {
    scene: SessionHandle,
    attachment: Attachment,
}

impl Other {
    async fn new(stage: &Stage, id: &str, client: Option<&str>) -> Self {
        let spec = SessionSpec {
            record: record(id),
            persona: persona(),
            config: SessionConfig::default(),
            history: Vec::new(),
            facts: Vec::new(),
            likability: None,
        };
        let scene = stage.sessions.open_for(spec, client.map(Arc::from)).await.expect("idle scenes come in");
        let attachment = scene.attach();
        Self { scene, attachment }
    }

    fn write(&self, text: &str) {
        let content = Content::InputText(text.into());
        let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
        self.scene.command(ClientCommand::CreateItem { item, previous: None });
        self.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
    }

    async fn until(&self, last: impl Fn(&SessionEvent) -> bool) -> SessionEvent {
        let listening = async {
            loop {
                if let Outgoing::Event(event) = self.attachment.next().await.expect("the scene is alive")
                    && last(&event)
                {
                    return *event;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(300), listening).await.expect("it comes")
    }

    async fn waits(&self) {
        self.until(|event| matches!(event, SessionEvent::Notice { code: "waiting_for_place", .. })).await;
    }

    async fn reply(&self) -> (String, ResponseStatus) {
        match self.until(|event| matches!(event, SessionEvent::ResponseDone { .. })).await {
            SessionEvent::ResponseDone { item, status, .. } => {
                (item.map_or(String::new(), |item| item.content.text().to_owned()), status)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_without_a_place_waits_and_is_answered_when_a_scene_has_ended() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    stage.write("안녕하세요");
    assert_eq!(stage.reply().await.text(), "The first.");
    let crowd = stage.sessions.crowd();
    assert!(crowd.next_free.is_some_and(|about| about <= Duration::from_secs(30)), "{crowd:?}");
    other.write("Hello?");
    other.waits().await;
    let crowd = stage.sessions.crowd();
    assert_eq!((crowd.talking, crowd.places, crowd.waiting), (1, 1, 1));
    // Who is in goes on talking as before.
    stage.write("여기 있어요?");
    assert_eq!(stage.reply().await.text(), "The second.");
    stage.sessions.close("s1");
    assert_eq!(other.reply().await, ("The third.".to_owned(), ResponseStatus::Completed));
    drop(other);
    stage.sessions.close("s2");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stage.sessions.census().await.open == 0 {
            break;
        }
    }
    assert_eq!((stage.sessions.crowd().talking, stage.sessions.crowd().waiting), (0, 0), "all is given back");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_given_up_by_quiet_and_taken_again_later() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    stage.write("hi");
    stage.reply().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    other.write("hi");
    other.waits().await;
    assert_eq!(other.reply().await.1, ResponseStatus::Completed, "after half a minute of quiet");
    stage.write("still here");
    let heard = stage.reply().await;
    let told = heard
        .events
        .iter()
        .any(|event| matches!(event, SessionEvent::Notice { code: "waiting_for_place", .. }));
    assert!(told, "{:?}", heard.names());
}

#[tokio::test(start_paused = true)]
async fn no_place_in_time_is_a_failed_reply_with_a_time_and_the_scene_stays() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    stage.write("hi");
    stage.reply().await;
    // Somebody keeps talking there.
    let talking = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(8)).await;
            stage.write("and then");
            stage.reply().await;
        }
    };
    other.write("hi");
    let (refused, ()) = tokio::join!(other.reply(), talking);
    let ResponseStatus::Failed { code, message } = refused.1 else { panic!("{refused:?}") };
    assert_eq!(code, "capacity_full");
    let seconds = message.split_whitespace().rev().nth(1).and_then(|word| word.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "when? {message}");
    stage.sessions.close("s1");
    tokio::time::sleep(Duration::from_secs(2)).await;
    other.write("again");
    assert_eq!(other.reply().await.1, ResponseStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn who_has_gone_keeps_no_place() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    other.write("once");
    assert_eq!(other.reply().await.1, ResponseStatus::Completed);
    assert_eq!(stage.sessions.crowd().talking, 1);
    drop(other.attachment);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stage.sessions.crowd().talking == 0 {
            break;
        }
    }
    stage.write("and me?");
    let heard = stage.reply().await;
    let waited =
        |event: &SessionEvent| matches!(event, SessionEvent::Notice { code: "waiting_for_place", .. });
    assert!(!heard.events.iter().any(waited), "there was room");
    assert_eq!(heard.done().1, &ResponseStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_back_while_it_waits_takes_no_place() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    stage.write("hi");
    stage.reply().await;
    other.write("hi");
    other.waits().await;
    stage.sessions.close("s2");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.sessions.crowd().waiting, 0);
    stage.write("and you?");
    assert_eq!(stage.reply().await.text(), "The second.");
}

#[tokio::test(start_paused = true)]
async fn a_client_with_many_scenes_is_refused_the_next_and_others_are_not() {
    let limits = SessionLimits { per_client: 2, ..SessionLimits::default() };
    let stage = Stage::with(&[], &["x"], SessionConfig::default(), limits).await;
    let _first = Other::new(&stage, "a1", Some("greedy")).await;
    let _second = Other::new(&stage, "a2", Some("greedy")).await;
    let refused = stage.sessions.admit(Some("greedy".into())).await.expect_err("two are enough");
    assert_eq!(refused.code, "sessions_full_for_client");
    assert!(refused.retry_after > Duration::ZERO);
    Other::new(&stage, "b1", Some("modest")).await;
    for id in ["n1", "n2", "n3"] {
        Other::new(&stage, id, None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_house_tells_by_the_pace_at_which_scenes_end() {
    let limits = SessionLimits { max: 2, ..SessionLimits::default() };
    let stage = Stage::with(&[], &["x"], SessionConfig::default(), limits).await;
    for round in 0..4 {
        let id = format!("r{round}");
        let other = Other::new(&stage, &id, None).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        stage.sessions.close(&id);
        while stage.sessions.census().await.open > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(other);
    }
    let _last = Other::new(&stage, "last", None).await;
    let refused = stage.sessions.admit(None).await.expect_err("two are in");
    let seconds = refused.retry_after.as_secs();
    assert!((10..=14).contains(&seconds), "every twelve seconds one has ended, told {seconds}");
}

/// Nobody knows its id yet, so it is cancelled without one.
#[tokio::test(start_paused = true)]
async fn a_turn_that_waits_for_a_place_can_be_taken_back() {
    let stage = stage().await;
    let other = Other::new(&stage, "s2", None).await;
    stage.write("hi");
    stage.reply().await;
    other.write("오늘 뭐 했어요?");
    other.waits().await;
    other.scene.command(ClientCommand::CancelResponse { response: None });
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stage.sessions.crowd().waiting == 0 {
            break;
        }
    }
    assert_eq!(stage.sessions.crowd().waiting, 0);
    stage.sessions.close("s1");
    tokio::time::sleep(Duration::from_secs(25)).await;
    other.write("What did you do today?");
    assert_eq!(other.reply().await, ("The second.".to_owned(), ResponseStatus::Completed));
    assert_eq!(stage.llm.gate.uses(), 2, "what was taken back is not answered");
}
