use std::sync::Arc;

use duologue_actors::{
    outbox::{Outgoing, numbers},
    store::Kept,
};
use duologue_domain::turn::{CancelReason, TurnId};
use duologue_testkit::{persona, record};

use super::*;

fn encoder(secret: Option<&str>) -> Encoder {
    let view =
        SessionView { record: record("s1"), persona: persona(), config: SessionConfig::default(), degraded: Vec::new() };
    Encoder::new(About { view, expires_at: 1, secret: secret.map(str::to_owned), durable: true })
}

fn item(text: &str) -> Item {
    Item {
        id: "item_1".into(),
        speaker: duologue_domain::conversation::Speaker::Assistant,
        content: Content::OutputAudio { transcript: text.into() },
        complete: true,
    }
}

fn done(item: Option<Item>, spoken: bool) -> SessionEvent {
    let status = ResponseStatus::Cancelled(CancelReason::TurnDetected);
    SessionEvent::ResponseDone { response: "r".into(), item, spoken, status, usage: Usage::default() }
}

#[test]
fn every_event_becomes_as_many_as_it_has_numbers() {
    let events = vec![
        SessionEvent::Created,
        SessionEvent::Resumed { after: 3 },
        SessionEvent::Kept { item: "i".into(), kept: Kept::Journal },
        SessionEvent::Cleared,
        SessionEvent::Updated(Box::default()),
        SessionEvent::OutputStarted {
            response: "r".into(),
            item: item("반가워요"),
            previous: None,
            turn: TurnId(1),
        },
        SessionEvent::Duck { turn: TurnId(1), response: "r".into(), gain: 0.25 },
        SessionEvent::Hold { turn: TurnId(1) },
        SessionEvent::Restore { turn: TurnId(1) },
        SessionEvent::Backchannel { text: "응".into() },
        done(Some(item("안녕")), true),
        done(Some(item("hello")), false),
        done(None, true),
        SessionEvent::Ended { code: "session_idle", message: String::new() },
    ];
    let (mut encoder, mut next) = (encoder(None), 1);
    for event in events {
        let count = numbers(&Outgoing::Event(Box::new(event.clone())));
        let texts = encoder.encode(next, event.clone());
        assert_eq!(texts.len() as u64, count, "{event:?}");
        for text in texts {
            let json: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(json["event_id"], format!("event_{next}"), "{text}");
            next += 1;
        }
    }
    let frame = OutFrame {
        turn: TurnId(1),
        response: Arc::from("r"),
        item: Arc::from("i"),
        offset: 0,
        samples: Vec::new(),
    };
    let json: Value = serde_json::from_str(&encoder.audio(next, &frame)).expect("JSON");
    assert_eq!(
        (json["delta"].as_str(), json["event_id"].clone()),
        (Some(""), format!("event_{next}").into())
    );
}

#[test]
fn the_secret_is_told_once_and_only_a_store_that_keeps_says_durable() {
    let created = |secret| encoder(secret).encode(1, SessionEvent::Created).remove(0);
    assert!(created(Some("geheim")).contains("\"secret\":\"geheim\""));
    assert!(!created(None).contains("secret"));
    let kept = |kept| encoder(None).encode(1, SessionEvent::Kept { item: "i".into(), kept }).remove(0);
    for (place, kind) in [
        (Kept::Store, "duologue.durable"),
        (Kept::Journal, "duologue.durable"),
        (Kept::Memory, "duologue.kept"),
    ] {
        let json: Value = serde_json::from_str(&kept(place)).expect("JSON");
        assert_eq!((json["type"].as_str(), json["kept"].as_str()), (Some(kind), Some(place.name())));
    }
}
