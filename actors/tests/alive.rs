//! What makes a scene alive: replies that are begun before the turn has ended, and speech over a reply.

mod common;

use std::time::Duration;

use duologue_actors::{
    event::{ClientCommand, ResponseStatus, SessionEvent},
    policy::Role,
};
use duologue_domain::{lang::Language, prompt::Prompt, turn::CancelReason};
use duologue_testkit::{FakeLlm, FakeStt, persona, silence, speech};

use self::common::{Heard, RATE, Stage};

const LONG: &str =
    "First I went to the office. Then I had lunch with a friend. After that we walked along the river.";

fn latency(heard: &Heard) -> (u64, bool) {
    let found = heard.events.iter().find_map(|event| match event {
        SessionEvent::Latency { report, speculative, .. } => Some((report.total_ms, *speculative)),
        _ => None,
    });
    found.expect("every reply has a waterfall")
}

fn position(heard: &Heard, name: &str) -> usize {
    let names = heard.names();
    names.iter().position(|other| *other == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

/// The pause sounds incomplete, so it is waited for; meanwhile the answer is made.
#[tokio::test(start_paused = true)]
async fn a_reply_is_ready_when_a_long_wait_ends() {
    for (heard, said) in [("그래서 갔는데", "어디로 갔어요?"), ("and then I went", "Where did you go?")]
    {
        let stage = Stage::pausing(0.1, FakeStt::hearing(&[heard]), FakeLlm::saying(&[said])).await;
        let scene = async {
            stage.feed(&speech(1_500, RATE)).await;
            stage.feed(&silence(9_000, RATE)).await;
        };
        let (_, reply) = tokio::join!(scene, stage.reply());
        assert_eq!(reply.text(), said);
        let (_, speculative) = latency(&reply);
        assert!(speculative, "begun in the pause");
        assert!(position(&reply, "heard") < position(&reply, "response_created"), "{:?}", reply.names());
        assert_eq!(stage.llm.gate.uses(), 1, "asked once");
        let stages = reply.events.iter().find_map(|event| match event {
            SessionEvent::Latency { report, .. } => Some(report.stages.clone()),
            _ => None,
        });
        let stages = stages.unwrap();
        let [(_, decided), .., (_, audio)] = stages[1..] else { panic!("{stages:?}") };
        assert!(audio - decided < 60, "the sound was waiting: {stages:?}");
        assert!(reply.audio.iter().all(|frame| frame.turn == reply.audio[0].turn));
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_is_never_answered_in_between() {
    let words = ["I went", "I went to the harbour"];
    let stage =
        Stage::pausing(0.1, FakeStt::hearing(&words), FakeLlm::saying(&["Too early.", "Nice!"])).await;
    let scene = async {
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(900, RATE)).await;
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(9_000, RATE)).await;
    };
    let (_, reply) = tokio::join!(scene, stage.reply());
    assert_eq!(reply.text(), "Nice!");
    let replies = reply.names().iter().filter(|name| **name == "response_created").count();
    assert_eq!(replies, 1, "the draft was never seen");
    assert_eq!(stage.llm.gate.uses(), 2, "but it was made");
    let stored = stage.store.all_messages();
    assert_eq!(stored.len(), 2, "{stored:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_changes_ends_a_draft() {
    let stage =
        Stage::pausing(0.1, FakeStt::hearing(&["so I said"]), FakeLlm::saying(&["Old.", "New."])).await;
    let scene = async {
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(700, RATE)).await;
        stage.scene.command(ClientCommand::Configure(Box::default()));
        stage.feed(&silence(9_000, RATE)).await;
    };
    let (_, reply) = tokio::join!(scene, stage.reply());
    assert_eq!((reply.text(), latency(&reply).1), ("New.", false));
}

/// A scene in which `over` milliseconds of speech, understood as `words`, come while the reply is heard.
async fn spoken_over(words: &str, over: u64) -> (Stage, Heard) {
    let stage = Stage::new(&["tell me about your day", words, "and?"], &[LONG, "Yes?"]).await;
    let scene = async {
        stage.speak(1_200).await;
        // Before, the gate does not know yet how much of the reply comes back through the microphone.
        stage.feed(&silence(1_300, RATE)).await;
        stage.feed(&speech(over, RATE)).await;
        stage.feed(&silence(4_000, RATE)).await;
    };
    let (_, heard) = tokio::join!(scene, stage.reply());
    (stage, heard)
}

#[tokio::test(start_paused = true)]
async fn a_word_of_agreement_does_not_stop_the_reply() {
    for words in ["응", "네", "mhm", "yeah"] {
        let (stage, heard) = spoken_over(words, 350).await;
        assert_eq!(*heard.done().1, ResponseStatus::Completed, "{words}");
        assert_eq!(heard.text(), LONG);
        let order = ["duck", "hold", "restore", "backchannel"].map(|name| position(&heard, name));
        assert!(order[0] < order[1] && order[1] < order[2], "{words}: {:?}", heard.names());
        let shown = heard.events.iter().find_map(|event| match event {
            SessionEvent::Backchannel { text } => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(shown, Some(words));
        let started = heard.names().iter().filter(|name| **name == "speech_started").count();
        assert_eq!(started, 1, "a client that stops at speech is not told of it");
        assert_eq!(stage.store.all_messages().len(), 2, "it is no turn");
    }
}

/// Ingest dies while somebody who has stopped the reply still speaks: for its successor nothing is audible any more, and
/// what it hears once more stops no other reply.
#[tokio::test(start_paused = true)]
async fn what_was_stopped_is_not_stopped_again_by_a_new_ingest() {
    for words in ["wait a moment please", "잠깐만 기다려 주세요"] {
        let stage = Stage::new(&["tell me about your day", words, "and?"], &[LONG, "Yes?"]).await;
        let scene = async {
            stage.speak(1_200).await;
            stage.feed(&silence(1_300, RATE)).await;
            stage.feed(&speech(4_000, RATE)).await;
            stage.feed(&silence(9_000, RATE)).await;
        };
        let listening = async {
            let first = stage.reply().await;
            assert_eq!(*first.done().1, ResponseStatus::Cancelled(CancelReason::TurnDetected), "{words}");
            let ingest = stage.child(Role::Ingest).await.expect("alive");
            ingest.kill();
            stage.reply().await
        };
        let (_, heard) = tokio::join!(scene, listening);
        assert_eq!((heard.text(), heard.done().1), ("Yes?", &ResponseStatus::Completed), "{words}");
        for name in ["duck", "hold", "restore"] {
            assert!(!heard.names().contains(&name), "{words}: {name} in {:?}", heard.names());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ducks_holds_and_stops() {
    for words in ["wait a moment", "잠깐만 기다려요"] {
        let (stage, heard) = spoken_over(words, 1_500).await;
        assert_eq!(*heard.done().1, ResponseStatus::Cancelled(CancelReason::TurnDetected), "{words}");
        assert!(!heard.text().is_empty() && heard.text().len() < LONG.len(), "{:?}", heard.text());
        assert!(position(&heard, "duck") < position(&heard, "hold"));
        let old = heard.audio.last().expect("something was heard").turn;
        let told = heard.names().iter().rposition(|name| *name == "speech_started").expect("it is told");
        let order = (position(&heard, "hold"), told, position(&heard, "response_done"));
        assert!(order.0 < order.1 && order.1 < order.2, "stock clients stop what has not ended: {order:?}");
        let next = stage.reply().await;
        assert!(next.audio.iter().all(|frame| frame.turn > old), "nothing of the old turn is heard");
    }
}

/// The recogniser has thrown them away, but it was a voice, and they ask for the floor.
#[tokio::test(start_paused = true)]
async fn words_in_doubt_stop_the_reply_only_when_they_ask_for_it() {
    for (words, stops) in [("?금암", true), ("?stop", true), ("?네", false), ("?구독과 좋아요", false)]
    {
        let (_stage, heard) = spoken_over(words, 450).await;
        let stopped = *heard.done().1 == ResponseStatus::Cancelled(CancelReason::TurnDetected);
        assert_eq!(stopped, stops, "{words}: {:?}", heard.names());
    }
}

/// All of it was sent, but not played.
#[tokio::test(start_paused = true)]
async fn what_was_not_heard_leaves_the_transcript_even_when_the_reply_was_made() {
    let line = "One two three four five six seven eight nine ten.";
    let stage = Stage::new(&["count", "stop it now"], &[line, "Fine."]).await;
    let scene = async {
        stage.speak(1_200).await;
        stage.feed(&silence(700, RATE)).await;
        stage.feed(&speech(900, RATE)).await;
        stage.feed(&silence(4_000, RATE)).await;
    };
    let truncated = |event: &SessionEvent| matches!(event, SessionEvent::ItemTruncated { .. });
    let (_, heard) = tokio::join!(scene, stage.until(truncated));
    assert_eq!(*heard.done().1, ResponseStatus::Completed);
    let next = stage.reply().await;
    assert_eq!(next.text(), "Fine.");
    let stored = stage.store.all_messages();
    assert!(line.starts_with(&stored[1].content) && stored[1].content.len() < line.len(), "{stored:?}");
}

#[tokio::test(start_paused = true)]
async fn the_clients_play_clock_decides_what_was_heard() {
    let stage = Stage::new(&["tell me about your day", "wait a moment"], &[LONG, "Yes?"]).await;
    let started = |event: &SessionEvent| matches!(event, SessionEvent::OutputStarted { .. });
    let (_, heard) = tokio::join!(stage.speak(1_200), stage.until(started));
    let item = heard.events.iter().find_map(|event| match event {
        SessionEvent::OutputStarted { item, .. } => Some(item.id.clone()),
        _ => None,
    });
    let item = item.unwrap();
    let scene = async {
        for _ in 0..8 {
            // A client whose sound has hardly begun: its buffer is long.
            stage.scene.command(ClientCommand::Playout { item: item.clone(), played_ms: 40 });
            stage.feed(&speech(200, RATE)).await;
        }
        stage.feed(&silence(2_000, RATE)).await;
    };
    let (_, heard) = tokio::join!(scene, stage.reply());
    assert_eq!(*heard.done().1, ResponseStatus::Cancelled(CancelReason::TurnDetected));
    assert!(heard.text().len() < "First I went".len(), "{:?}", heard.text());
}

/// Answers that come too late cost comfort, step by step, and in the end the large model.
#[tokio::test(start_paused = true)]
async fn who_is_late_gives_up_step_by_step_and_takes_it_back() {
    let mut slow = FakeLlm::saying(&["Well, let me think."]);
    slow.per_word = Duration::from_millis(1_600);
    let stage = Stage::thinking(slow, FakeLlm::saying(&["네, 좋아요!"])).await;
    let mut steps = Vec::new();
    for _ in 0..11 {
        stage.write("뭐 할까요?");
        let reply = stage.reply().await;
        let step = reply.events.iter().find_map(|event| match event {
            SessionEvent::Latency { budget, .. } => budget.map(|(target, step)| (target, step.name())),
            _ => None,
        });
        steps.push((step.expect("a budget").1, reply.text().to_owned()));
    }
    let names = steps.iter().map(|(step, _)| *step).collect::<Vec<_>>();
    let expected = ["full", "short_first_clause", "short_first_clause", "narrow_hearing", "narrow_hearing"];
    assert_eq!(names[..5], expected);
    assert_eq!(names[5], "small_model");
    assert_eq!(steps[5].1, "Well, let me think.");
    assert_eq!(steps[6].1, "네, 좋아요!", "the smaller one answers");
    assert_eq!(names[9], "narrow_hearing", "with time to spare the large one is tried again: {names:?}");
    assert_eq!(steps[10].1, "Well, let me think.");
}

/// Captions while somebody speaks are given up before the voice is; the words in the pause are not.
#[tokio::test(start_paused = true)]
async fn who_is_late_is_heard_only_at_pauses() {
    let mut slow = FakeLlm::saying(&["Well, let me think."]);
    slow.per_word = Duration::from_millis(1_600);
    let stage = Stage::thinking(slow, FakeLlm::saying(&["네, 좋아요!"])).await;
    let uses = async || {
        let before = stage.stt.gate.uses();
        let noise = |event: &SessionEvent| matches!(event, SessionEvent::ItemDeleted(_));
        tokio::join!(stage.speak(1_500), stage.until(noise));
        stage.stt.gate.uses() - before
    };
    assert_eq!(uses().await, 3, "twice on the way, and in the pause");
    for _ in 0..4 {
        stage.write("뭐 할까요?");
        stage.reply().await;
    }
    // Over a reply the words decide about it, however late the answers come: this one is heard to its end.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(uses().await, 1, "in the pause alone");
}

/// Small models say what they were told about how to speak.
#[tokio::test(start_paused = true)]
async fn directions_are_not_said() {
    let direction = "한국어로 짧게 한두 문장만 말하세요.";
    assert!(Prompt::direction(Language::Korean, persona().intimacy_step(0)).contains(direction));
    for (lines, heard) in [
        (vec![format!("{direction} 오늘은 책을 읽었어요.")], "오늘은 책을 읽었어요."),
        (vec![direction.to_owned(), "저는 잘 지내요!".to_owned()], "저는 잘 지내요!"),
    ] {
        let stage = Stage::new(&[], &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        stage.write("뭐 했어요?");
        assert_eq!(stage.reply().await.text(), heard);
    }
}
