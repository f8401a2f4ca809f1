//! When nobody says anything: the idle time-out of `server_vad`.

mod common;

use std::time::Duration;

use duologue_actors::{
    event::{SessionConfig, SessionEvent, TurnDetection},
    sessions::SessionLimits,
};
use duologue_domain::{lang::Language, prompt};
use duologue_testkit::silence;
use tokio::time::Instant;

use self::common::{RATE, Stage};

const TIMEOUT: u32 = 3_000;

fn config(create_response: bool) -> SessionConfig {
    let turn_detection = TurnDetection::ServerVad {
        threshold: 0.5,
        prefix_padding_ms: 300,
        silence_duration_ms: 500,
        idle_timeout_ms: Some(TIMEOUT),
    };
    SessionConfig { turn_detection, create_response, ..SessionConfig::default() }
}

async fn quiet(stage: &Stage) {
    loop {
        stage.feed(&silence(100, RATE)).await;
    }
}

fn is_timeout(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::IdleTimeout { .. })
}

/// The time counts from the end of what the persona says, however long that takes, and then the persona goes on.
#[tokio::test(start_paused = true)]
async fn after_a_quiet_while_the_persona_speaks() {
    let talk = [
        (
            Language::Korean,
            "오늘 하루는 어땠어요?",
            "오늘은 아침부터 회의를 했어요. 점심에는 친구를 만나서 같이 밥을 먹었고요. 저녁에는 강가를 걸었어요.",
            "듣고 있어요?",
        ),
        (
            Language::English,
            "What will you do tomorrow?",
            "First I will sleep for a long time. Then I will call my sister. After that we will see a film.",
            "Are you still there?",
        ),
    ];
    for (language, said, long, short) in talk {
        let stage = Stage::with(&[said], &[long, short], config(true), SessionLimits::default()).await;
        let scene = async {
            let began = Instant::now();
            let first = stage.until(|event| matches!(event, SessionEvent::Latency { .. })).await;
            let rest = stage.until(is_timeout).await;
            let audio = first.audio.iter().chain(&rest.audio).map(|frame| frame.samples.len()).sum::<usize>();
            let played = Duration::from_secs_f64(audio as f64 / f64::from(RATE));
            assert!(
                played > Duration::from_millis(u64::from(TIMEOUT)),
                "longer than the time-out: {played:?}"
            );
            let waited = began.elapsed();
            assert!(waited > played + Duration::from_millis(u64::from(TIMEOUT)), "{waited:?} {played:?}");
            assert_eq!(rest.events.iter().filter(|event| is_timeout(event)).count(), 1);
            let Some(SessionEvent::IdleTimeout { item, from_ms, to_ms }) = rest.events.last() else {
                panic!("{:?}", rest.events)
            };
            assert!((*to_ms - *from_ms).abs_diff(u64::from(TIMEOUT)) < 200, "{from_ms} to {to_ms}");
            let committed = stage.until(|event| matches!(event, SessionEvent::Committed { .. })).await;
            let Some(SessionEvent::Committed { item: committed, .. }) = committed.events.last() else {
                panic!("committed")
            };
            assert_eq!(committed, item);
            assert_eq!(stage.reply().await.text(), short);
        };
        let person = async {
            stage.speak(1_000).await;
            quiet(&stage).await;
        };
        tokio::select! {
            () = scene => {}
            () = person => {}
        }
        let prompts = stage.llm.prompts.lock().expect("not poisoned").clone();
        let last = prompts.last().expect("asked");
        assert!(last[last.len() - 2].content.contains(prompt::carry_on(language)), "{last:?}");
        let stored = stage.store.all_messages();
        assert_eq!(
            stored.iter().filter(|message| message.content.is_empty()).count(),
            0,
            "quiet is not kept"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_by_itself_is_told_only() {
    let stage = Stage::with(&[], &["Never said."], config(false), SessionLimits::default()).await;
    tokio::select! {
        _ = stage.until(is_timeout) => {}
        () = quiet(&stage) => {}
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(10)) => {}
        () = quiet(&stage) => {}
    }
    assert_eq!(stage.llm.gate.uses(), 0);
}

/// What was stopped is held where it was, and nobody hears it any more.
#[tokio::test(start_paused = true)]
async fn quiet_counts_after_an_interruption_that_nobody_answers_as_well() {
    let long =
        "First I went to the office. Then I had lunch with a friend. After that we walked along the river.";
    let stage = Stage::with(&["wait"], &[long], config(false), SessionLimits::default()).await;
    stage.write("Tell me about your day.");
    stage.reply().await;
    let cut = |event: &SessionEvent| matches!(event, SessionEvent::ItemTruncated { .. });
    tokio::join!(stage.speak(1_600), stage.until(cut));
    let heard = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::select! {
            heard = stage.until(is_timeout) => heard,
            () = quiet(&stage) => unreachable!("it never ends"),
        }
    });
    assert!(heard.await.is_ok(), "it is quiet");
}
