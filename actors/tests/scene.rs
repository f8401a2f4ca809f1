//! Whole scenes with fake engines in paused time: what is said, heard, interrupted, broken and repaired.

mod common;

use std::time::Duration;

use duologue_actors::{
    event::{
        ClientCommand, ConfigPatch, NoticeLevel, ResponseRequest, ResponseStatus, SessionConfig,
        SessionEvent, TurnDetection,
    },
    policy::{CHILDREN, Role},
    session::SessionSpec,
    sessions::SessionLimits,
    store::MessageRole,
};
use duologue_domain::turn::CancelReason;
use duologue_testkit::{persona, record, silence, speech};

use self::common::{RATE, Stage};

#[tokio::test(start_paused = true)]
async fn a_question_is_heard_thought_about_and_answered_aloud() {
    let stage = Stage::new(&["오늘 뭐 했어요?"], &["안녕하세요, 반가워요! 오늘은 회의를 했어요."]).await;
    let (_, heard) = tokio::join!(stage.speak(1_500), stage.reply());
    let mut names = heard.names();
    names.dedup();
    names.retain(|name| !["partial", "visemes", "text", "kept"].contains(name));
    let expected = [
        "speech_started",
        "speech_stopped",
        "committed",
        "item_added",
        "item_done",
        "heard",
        "response_created",
        "output_started",
        "latency",
        "response_done",
    ];
    assert_eq!(names, expected);
    assert_eq!(heard.text(), "안녕하세요, 반가워요! 오늘은 회의를 했어요.");
    assert_eq!(*heard.done().1, ResponseStatus::Completed);
    let samples = heard.audio.iter().map(|frame| frame.samples.len()).sum::<usize>();
    assert!(samples > RATE as usize, "over a second of speech, got {samples} samples");
    let contiguous =
        heard.audio.windows(2).all(|pair| pair[0].offset + pair[0].samples.len() as u64 == pair[1].offset);
    assert!(contiguous, "the audio of an item has no gaps");
    let said = stage.tts.said.lock().unwrap().clone();
    assert!(said.len() >= 2, "spoken by clause: {said:?}");
    let stored = stage.store.all_messages();
    let roles = stored.iter().map(|message| message.role).collect::<Vec<_>>();
    assert_eq!(roles, [MessageRole::User, MessageRole::Assistant]);
    assert_eq!(stored[0].content, "오늘 뭐 했어요?");
}

#[tokio::test(start_paused = true)]
async fn the_waterfall_adds_up() {
    let stage = Stage::new(&["what did you do today"], &["I met a client, and then I went home."]).await;
    let (_, heard) = tokio::join!(stage.speak(1_500), stage.reply());
    let report = heard.events.iter().find_map(|event| match event {
        SessionEvent::Latency { report, .. } => Some(report.clone()),
        _ => None,
    });
    let report = report.expect("every reply has a waterfall");
    assert!(report.stages.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{report:?}");
    assert_eq!(report.stages.len(), 6, "{report:?}");
    assert!(report.outside_ms <= 50, "in paused time only packets and frames are left: {report:?}");
}

#[tokio::test(start_paused = true)]
async fn noise_is_not_answered_and_leaves_no_trace() {
    let stage = Stage::new(&[""], &["Never said."]).await;
    let deleted = |event: &SessionEvent| matches!(event, SessionEvent::ItemDeleted(_));
    tokio::join!(stage.speak(600), stage.until(deleted));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.llm.gate.uses(), 0);
    assert!(stage.store.all_messages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn speech_stops_the_reply_and_only_what_was_heard_stays() {
    let long =
        "First I went to the office. Then I had lunch with a friend. After that we walked along the river.";
    let stage = Stage::new(&["tell me about your day", "wait"], &[long, "Yes?"]).await;
    let scene = async {
        stage.speak(1_200).await;
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        stage.speak(1_600).await;
    };
    let (_, heard) = tokio::join!(scene, stage.reply());
    assert_eq!(*heard.done().1, ResponseStatus::Cancelled(CancelReason::TurnDetected));
    assert!(!heard.text().is_empty() && heard.text().len() < long.len(), "{:?}", heard.text());
    let old_turn = heard.audio.last().unwrap().turn;
    let next = stage.reply().await;
    assert_eq!(next.text(), "Yes?");
    assert!(next.audio.iter().all(|frame| frame.turn > old_turn), "nothing of the old turn is heard");
    let stored = stage.store.all_messages();
    assert_eq!(stored[1].content, heard.text(), "the store holds what was heard");
}

#[tokio::test(start_paused = true)]
async fn truncation_follows_the_clients_clock() {
    let stage =
        Stage::new(&["hello"], &["One two three four five six seven eight. And some more words here."]).await;
    let (_, heard) = tokio::join!(stage.speak(1_200), stage.reply());
    let id = heard.done().0.as_ref().unwrap().id.clone();
    stage.scene.command(ClientCommand::TruncateItem { id: id.clone(), audio_end_ms: 1_000 });
    stage.until(|event| matches!(event, SessionEvent::ItemTruncated { .. })).await;
    stage.scene.command(ClientCommand::RetrieveItem(id));
    let heard = stage.until(|event| matches!(event, SessionEvent::ItemRetrieved(_))).await;
    let Some(SessionEvent::ItemRetrieved(item)) = heard.events.last() else { panic!("retrieved") };
    assert!(
        item.content.text().starts_with("One") && item.content.text().len() < 30,
        "{:?}",
        item.content.text()
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.store.all_messages()[1].content, item.content.text(), "in its old place, cut");
}

#[tokio::test(start_paused = true)]
async fn text_works_with_every_speech_model_off() {
    let stage = Stage::new(&[], &["잘 지내요. 고마워요!"]).await;
    stage.stt.gate.break_down();
    stage.tts.gate.break_down();
    stage.vad.gate.break_down();
    stage.write("잘 지내요?");
    let heard = stage.reply().await;
    assert_eq!(heard.text(), "잘 지내요. 고마워요!");
    assert_eq!(*heard.done().1, ResponseStatus::Completed);
    assert!(heard.audio.is_empty());
}

#[tokio::test(start_paused = true)]
async fn manual_turns_are_committed_by_the_client() {
    let config = SessionConfig {
        turn_detection: TurnDetection::Manual,
        create_response: false,
        ..SessionConfig::default()
    };
    let stage = Stage::with(&["push to talk"], &["Heard you."], config, SessionLimits::default()).await;
    stage.scene.command(ClientCommand::CommitAudio);
    let heard = stage.until(|event| matches!(event, SessionEvent::Error { .. })).await;
    assert!(matches!(
        heard.events.last(),
        Some(SessionEvent::Error { code: "input_audio_buffer_commit_empty", .. })
    ));
    stage.feed(&speech(800, RATE)).await;
    stage.scene.command(ClientCommand::CommitAudio);
    let heard = stage.until(|event| matches!(event, SessionEvent::Heard { .. })).await;
    assert!(!heard.names().contains(&"speech_started"));
    stage.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
    assert_eq!(stage.reply().await.text(), "Heard you.");
}

#[tokio::test(start_paused = true)]
async fn a_second_request_while_one_runs_is_an_error_and_cancel_ends_it() {
    let stage = Stage::new(&[], &["A rather long answer that takes its time to be said aloud."]).await;
    stage.write("hi");
    stage.until(|event| matches!(event, SessionEvent::OutputText { .. })).await;
    stage.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
    let heard = stage.until(|event| matches!(event, SessionEvent::Error { .. })).await;
    let code = "conversation_already_has_active_response";
    assert!(matches!(heard.events.last(), Some(SessionEvent::Error { code: said, .. }) if *said == code));
    stage.scene.command(ClientCommand::CancelResponse { response: None });
    let heard = stage.reply().await;
    assert_eq!(*heard.done().1, ResponseStatus::Cancelled(CancelReason::ClientCancelled));
}

#[tokio::test(start_paused = true)]
async fn a_child_of_each_kind_is_killed_once_and_the_scene_goes_on() {
    for policy in &CHILDREN {
        let stage = Stage::new(&["first", "second"], &["Answer one.", "Answer two."]).await;
        let (_, first) = tokio::join!(stage.speak(1_000), stage.reply());
        assert_eq!(first.text(), "Answer one.", "{:?}", policy.role);
        stage.begin(policy.role).await;
        let child = stage.child(policy.role).await.expect("alive");
        child.kill();
        stage.replaced(policy.role, &child).await;
        let (_, second) = tokio::join!(stage.speak(1_000), stage.reply());
        assert_eq!(second.text(), "Answer two.", "after the death of {:?}", policy.role);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stage.store.all_messages().len(), 4, "after the death of {:?}", policy.role);
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_killed_in_the_middle_of_a_turn_repeats_what_was_in_flight() {
    for role in [Role::Transcriber, Role::Persona, Role::Speaker] {
        let stage = Stage::new(&["what now"], &["This is the whole answer, said to the end."]).await;
        let killing = async {
            stage.speak(1_000).await;
            // Mid-transcript, mid-thought or mid-speech, as the role has it; at worst just before or after.
            stage.child(role).await.expect("alive").kill();
        };
        let (_, heard) = tokio::join!(killing, stage.reply());
        assert!(!heard.text().is_empty(), "after {role:?}");
        assert_eq!(*heard.done().1, ResponseStatus::Completed, "after {role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_keeps_dying_is_given_up_and_the_scene_says_so() {
    let stage = Stage::new(&[], &["Written instead."]).await;
    for _ in 0..4 {
        let child = stage.child(Role::Speaker).await.expect("alive");
        child.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let heard = stage.until(|event| matches!(event, SessionEvent::Notice { .. })).await;
    let Some(SessionEvent::Notice { level, code, part, .. }) = heard.events.last() else { panic!("told") };
    assert_eq!((*level, *code, *part), (NoticeLevel::Error, "part_failed", Some("speaker")));
    stage.write("are you there");
    let heard = stage.reply().await;
    assert_eq!((heard.text(), heard.audio.len()), ("Written instead.", 0));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(stage.child(Role::Speaker).await.is_some(), "tried again after a while");
}

#[tokio::test(start_paused = true)]
async fn a_broken_voice_leaves_the_words() {
    let stage = Stage::new(&[], &["Still here, in writing."]).await;
    stage.tts.gate.break_down();
    stage.write("hello");
    let heard = stage.reply().await;
    assert_eq!(heard.text(), "Still here, in writing.");
    let told =
        heard.events.iter().any(|event| matches!(event, SessionEvent::Notice { part: Some("tts"), .. }));
    assert!(told, "{:?}", heard.events);
}

#[tokio::test(start_paused = true)]
async fn a_broken_mind_fails_the_reply_with_its_reason_and_recovers() {
    let stage = Stage::new(&[], &["Back again."]).await;
    stage.llm.gate.break_down();
    stage.write("hello");
    let heard = stage.reply().await;
    assert!(matches!(heard.done().1, ResponseStatus::Failed { code: "engine_unavailable", .. }));
    stage.llm.gate.repair();
    stage.write("hello?");
    assert_eq!(stage.reply().await.text(), "Back again.");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_the_store_is_away_is_written_when_it_is_back() {
    let stage = Stage::new(&[], &["One.", "Two."]).await;
    stage.store.set_down(true);
    stage.write("a");
    stage.reply().await;
    stage.write("b");
    stage.reply().await;
    let child = stage.child(Role::Scribe).await.expect("alive");
    child.kill();
    stage.replaced(Role::Scribe, &child).await;
    stage.store.set_down(false);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let contents = stage.store.all_messages().into_iter().map(|message| message.content).collect::<Vec<_>>();
    assert_eq!(contents, ["a", "One.", "b", "Two."]);
}

#[tokio::test(start_paused = true)]
async fn the_voice_is_fixed_once_it_was_heard() {
    let stage = Stage::new(&[], &["Hello."]).await;
    let voice = |voice: &str| {
        let patch = ConfigPatch { voice: Some(voice.into()), ..ConfigPatch::default() };
        ClientCommand::Configure(Box::new(patch))
    };
    stage.scene.command(voice("fake-one"));
    stage.until(|event| matches!(event, SessionEvent::Updated(config) if config.voice == "fake-one")).await;
    stage.write("hi");
    stage.reply().await;
    stage.scene.command(voice("fake-two"));
    let heard = stage.until(|event| matches!(event, SessionEvent::Error { .. })).await;
    assert!(matches!(heard.events.last(), Some(SessionEvent::Error { code: "cannot_update_voice", .. })));
}

#[tokio::test(start_paused = true)]
async fn minutes_of_silence_cost_nothing_and_change_nothing() {
    let stage = Stage::new(&["hello"], &["Still listening."]).await;
    for _ in 0..180 {
        stage.scene.push_audio(&silence(1_000, RATE)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(stage.stt.gate.uses(), 0);
    let (_, heard) = tokio::join!(stage.speak(1_000), stage.reply());
    assert_eq!(heard.text(), "Still listening.");
}

#[tokio::test(start_paused = true)]
async fn full_is_an_honest_refusal_and_all_is_given_back() {
    let limits = SessionLimits { max: 1, ..SessionLimits::default() };
    let stage = Stage::with(&[], &["x"], SessionConfig::default(), limits).await;
    let spec = SessionSpec {
        record: record("s2"),
        persona: persona(),
        config: SessionConfig::default(),
        history: Vec::new(),
        facts: Vec::new(),
        likability: None,
    };
    let refusal = stage.sessions.open(spec).await.expect_err("full");
    assert_eq!(refusal.code, "sessions_full");
    assert!(refusal.retry_after > Duration::ZERO);
    stage.sessions.close("s1");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stage.sessions.census().await.open == 0 {
            return;
        }
    }
    panic!("the session was not given back");
}

#[tokio::test(start_paused = true)]
async fn a_button_held_too_long_is_heard_from_its_last_half_minute() {
    let config = SessionConfig {
        turn_detection: TurnDetection::Manual,
        create_response: false,
        ..SessionConfig::default()
    };
    let stage = Stage::with(&["the end of it"], &["Yes."], config, SessionLimits::default()).await;
    stage.feed(&speech(40_000, RATE)).await;
    stage.scene.command(ClientCommand::CommitAudio);
    let heard = stage.until(|event| matches!(event, SessionEvent::Heard { .. })).await;
    let told = heard
        .events
        .iter()
        .any(|event| matches!(event, SessionEvent::Notice { code: "utterance_too_long", .. }));
    assert!(told, "{:?}", heard.names());
}

#[tokio::test(start_paused = true)]
async fn a_strangers_voice_is_replaced_and_the_rest_still_counts() {
    let stage = Stage::new(&[], &["Hello."]).await;
    let patch = ConfigPatch { voice: Some("alloy".into()), speed: Some(1.2), ..ConfigPatch::default() };
    stage.scene.command(ClientCommand::Configure(Box::new(patch)));
    let heard = stage.until(|event| matches!(event, SessionEvent::Updated(_))).await;
    assert!(
        heard.events.iter().any(|event| matches!(event, SessionEvent::Notice { code: "unknown_voice", .. }))
    );
    let Some(SessionEvent::Updated(config)) = heard.events.last() else { panic!("updated") };
    assert_eq!((config.voice.as_str(), config.speed), ("", 1.2));
}
