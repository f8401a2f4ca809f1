//! The scores of a scene: live, through the deaths of Face and Coach, switched off, and kept.

mod common;

use std::{sync::Arc, time::Duration};

use duologue_actors::{
    event::{ClientCommand, ConfigPatch, SessionEvent},
    outbox::Outgoing,
    policy::{CHILDREN, Role},
    store::{FeedbackBody, Store},
};
use duologue_domain::{
    coach::{Card, ScoreName},
    face::Calibration,
};
use duologue_testkit::face::track::{Script, Track};

use self::common::Stage;

/// A calm face for as long as any test here looks.
fn face() -> Track {
    Script {
        seed: 4,
        seconds: 120.0,
        fps: 15.0,
        blinks_per_minute: 20.0,
        on_target: 0.6,
        ..Script::default()
    }
    .play()
}

/// The scene while the face of `track` is before the camera from `from_s` to `to_s`: everything that it says.
async fn watch(stage: &Stage, track: &Track, from_s: u64, to_s: u64) -> Vec<SessionEvent> {
    let mut heard = Vec::new();
    let landmarks = stage.scene.landmarks();
    let camera = async {
        let mut before = from_s * 1_000;
        for (at_ms, frame) in
            track.frames.iter().filter(|(at, _)| (from_s * 1_000..to_s * 1_000).contains(at))
        {
            tokio::time::sleep(Duration::from_millis(at_ms - before)).await;
            before = *at_ms;
            assert!(landmarks.push(at_ms * 1_000, frame.clone()), "slow enough to be taken");
        }
    };
    let page = async {
        loop {
            if let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive") {
                heard.push(*event);
            }
        }
    };
    tokio::select! {
        () = camera => {}
        () = page => {}
    }
    heard
}

fn cards(events: &[SessionEvent]) -> Vec<&Card> {
    let cards = events.iter().filter_map(|event| match event {
        SessionEvent::Scores(card) => Some(&**card),
        _ => None,
    });
    cards.collect()
}

fn value(card: &Card, name: ScoreName) -> Option<u8> {
    card.score(name).value()
}

async fn next_card(stage: &Stage) -> Arc<Card> {
    let heard = stage.until(|event| matches!(event, SessionEvent::Scores(_))).await;
    match heard.events.into_iter().next_back() {
        Some(SessionEvent::Scores(card)) => card,
        other => panic!("{other:?}"),
    }
}

/// A written exchange, to its end; the scores after it.
async fn exchange(stage: &Stage, words: &str) -> Arc<Card> {
    stage.write(words);
    stage.reply().await;
    let mut card = next_card(stage).await;
    // Until nothing moves any more.
    let quiet = Duration::from_secs(3);
    while let Ok(next) = tokio::time::timeout(quiet, next_card(stage)).await {
        card = next;
    }
    card
}

fn configure(stage: &Stage, expression_analysis: bool) {
    let patch = ConfigPatch { expression_analysis: Some(expression_analysis), ..ConfigPatch::default() };
    stage.scene.command(ClientCommand::Configure(Box::new(patch)));
}

#[tokio::test(start_paused = true)]
async fn a_face_is_scored_once_a_second_and_an_idle_scene_not_at_all() {
    let stage = Stage::new(&[], &[]).await;
    let quiet = watch(&stage, &Track { frames: vec![], ..face() }, 0, 0).await;
    assert!(cards(&quiet).is_empty());
    let silent = tokio::time::timeout(Duration::from_secs(30), next_card(&stage)).await;
    assert!(silent.is_err(), "nothing changed: {silent:?}");
    let heard = watch(&stage, &face(), 0, 40).await;
    let cards = cards(&heard);
    assert!((25..=45).contains(&cards.len()), "{} in 40 s", cards.len());
    let last = cards.last().expect("some");
    assert!(value(last, ScoreName::Concentration).is_some_and(|score| score > 60), "{last:?}");
    assert!(
        last.score(ScoreName::Blinking).value.is_err_and(|why| why.code == "needs_face" && why.has > 30_000)
    );
    assert!(last.score(ScoreName::Likability).value.is_err(), "nobody has said anything");
    for pair in cards.windows(2) {
        for name in ScoreName::ALL {
            if let (Some(old), Some(new)) = (value(pair[0], name), value(pair[1], name)) {
                assert!(old.abs_diff(new) <= 6, "{name:?} jumps from {old} to {new}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_face_goes_on_from_where_it_was() {
    let stage = Stage::new(&[], &[]).await;
    let track = face();
    let before = watch(&stage, &track, 0, 75).await;
    let before = cards(&before).last().map(|card| (*card).clone()).expect("scored");
    let old = stage.child(Role::Face).await.expect("alive");
    old.kill();
    stage.replaced(Role::Face, &old).await;
    let after = watch(&stage, &track, 75, 81).await;
    let cards = cards(&after);
    assert!(cards.len() >= 4, "it goes on: {}", cards.len());
    for card in cards {
        for name in
            [ScoreName::Concentration, ScoreName::GazeStability, ScoreName::Posture, ScoreName::Expression]
        {
            let (old, new) = (value(&before, name), value(card, name));
            let (Some(old), Some(new)) = (old, new) else { panic!("{name:?} {old:?} {new:?}") };
            assert!(old.abs_diff(new) <= 12, "{name:?} jumps from {old} to {new}");
            assert!(card.score(name).n >= before.score(name).n, "{name:?} is not counted anew");
        }
    }
    assert!(!after.iter().any(|event| matches!(event, SessionEvent::Notice { .. })), "nobody has to know");
}

#[tokio::test(start_paused = true)]
async fn a_killed_coach_goes_on_and_counts_what_was_said_meanwhile() {
    for line in ["산책을 좋아하세요? 저는 걷는 게 좋아요.", "Do you like walking? I love the river."]
    {
        let stage = Stage::new(&[], &["네, 좋아해요.", "Yes, I do."]).await;
        let before = exchange(&stage, line).await;
        let liked = value(&before, ScoreName::Likability).expect("said something");
        assert!(liked > 50, "they asked: {liked}");
        let old = stage.child(Role::Coach).await.expect("alive");
        // The fact and the death race: whichever is first, it counts once.
        stage.write(line);
        old.kill();
        stage.replaced(Role::Coach, &old).await;
        stage.reply().await;
        let after = exchange(&stage, "네.").await;
        assert_eq!(after.score(ScoreName::Likability).n, 3, "every turn counts once");
        let now = value(&after, ScoreName::Likability).expect("still");
        assert!(now.abs_diff(liked) <= 12, "{liked} {now}");
        assert_eq!(after.score(ScoreName::Initiative).n, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_failing_loses_its_scores_and_nothing_else() {
    let stage = Stage::new(&[], &["네."]).await;
    let track = face();
    watch(&stage, &track, 0, 30).await;
    let row = CHILDREN.iter().find(|row| row.role == Role::Face).expect("a row");
    for _ in 0..=row.max {
        if let Some(child) = stage.child(Role::Face).await {
            child.kill();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(stage.child(Role::Face).await.is_none());
    let card = exchange(&stage, "안녕하세요, 반가워요.").await;
    assert!(card.score(ScoreName::Posture).value.is_err_and(|why| why.code == "part_failed"), "{card:?}");
    assert!(value(&card, ScoreName::Likability).is_some());
    tokio::time::sleep(Duration::from_secs(62)).await;
    let back = watch(&stage, &track, 30, 34).await;
    let card = cards(&back).last().map(|card| (*card).clone()).expect("tried again");
    assert!(value(&card, ScoreName::Concentration).is_some(), "from where it was: {card:?}");
}

#[tokio::test(start_paused = true)]
async fn switched_off_nothing_is_left_of_a_face() {
    let stage = Stage::new(&[], &[]).await;
    let track = face();
    watch(&stage, &track, 0, 30).await;
    configure(&stage, false);
    let off = watch(&stage, &track, 30, 40).await;
    let shown = cards(&off);
    let last = shown.last().expect("told");
    for name in ScoreName::ALL.into_iter().filter(|name| name.is_of_face()) {
        assert!(last.score(name).value.is_err_and(|why| why.code == "switched_off"), "{name:?}");
        assert!(last.score(name).evidence.is_empty());
    }
    assert!(last.shares.iter().all(|share| *share == 0.0) && last.mood.is_none());
    stage.scene.command(ClientCommand::Calibrate(Calibration::Begin));
    let told = stage.until(|event| matches!(event, SessionEvent::Notice { code: "switched_off", .. })).await;
    assert!(cards(&told.events).is_empty(), "and nothing moves any more");
    configure(&stage, true);
    let on = watch(&stage, &track, 40, 45).await;
    let shown = cards(&on);
    let why = shown.last().expect("told").score(ScoreName::Concentration).value.expect_err("five seconds");
    assert!(why.code == "needs_face" && why.has < 10_000, "it begins anew: {why:?}");
}

#[tokio::test(start_paused = true)]
async fn feedback_is_kept_at_the_end_and_likability_outlives_the_scene() {
    let stage = Stage::new(&[], &["네, 좋아해요."]).await;
    assert!(stage.scene.feedback().await.is_none(), "nothing was said");
    let card = exchange(&stage, "산책을 좋아하세요? 정말 멋져요.").await;
    let live = stage.scene.feedback().await.expect("something was said");
    assert_eq!((live.session_id.as_str(), live.user_id.as_deref()), ("s1", None));
    stage.scene.end("session_closed", "over");
    for _ in 0..100 {
        if stage.sessions.find("s1").await.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = stage.store.feedback("s1").await.expect("the store works").expect("kept");
    assert_eq!(kept.id, live.id, "one document for one opening");
    let FeedbackBody::Live(feedback) = kept.body else { panic!("from a scene") };
    assert_eq!(feedback.card.score(ScoreName::Likability).value, card.score(ScoreName::Likability).value);
    assert_eq!(feedback.report.facts.turns, 1);
    let who = feedback.report.talk.iter().map(|line| line.who.name()).collect::<Vec<_>>();
    assert_eq!(who, ["user", "assistant"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_aloud_is_measured() {
    let stage = Stage::new(&["오늘은 날씨가 참 좋네요. 산책 가실래요?"], &["좋아요. 어디로 갈까요?"]).await;
    let talk = async {
        for _ in 0..2 {
            stage.speak(4_000).await;
            tokio::time::sleep(Duration::from_secs(8)).await;
        }
    };
    let mut heard = Vec::new();
    let page = async {
        loop {
            if let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive") {
                heard.push(*event);
            }
        }
    };
    tokio::select! {
        () = talk => {}
        () = page => {}
    }
    let cards = cards(&heard);
    let last = cards.last().expect("scored");
    let tone = last.score(ScoreName::Tone);
    assert!(tone.value.is_ok() && tone.n >= 1, "{tone:?}");
    let report = stage.scene.feedback().await.expect("known");
    let FeedbackBody::Live(feedback) = report.body else { panic!("live") };
    let pitch = feedback.report.pitch.first().expect("a pitch");
    let hz = pitch.hz.iter().flatten().copied().collect::<Vec<_>>();
    assert!(hz.iter().any(|hz| (hz - 220.0).abs() < 5.0), "the tone that was played: {hz:?}");
    let line = feedback.report.talk.iter().find(|line| line.who.name() == "user").expect("a line");
    assert!((3_000..6_000).contains(&line.span.ms()), "{:?}", line.span);
}
