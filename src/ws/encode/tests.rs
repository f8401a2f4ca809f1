use std::sync::Arc;

use duologue_actors::{
    outbox::{Outgoing, numbers},
    store::Kept,
};
use duologue_domain::{
    coach::{Card, Coach, CoachConfig, ScoreName, Tip},
    lang::Language,
    turn::{CancelReason, TurnId},
};
use duologue_testkit::{persona, record};

use super::*;

fn encoder(secret: Option<&str>) -> Encoder {
    let view = SessionView {
        record: record("s1"),
        persona: persona(),
        config: SessionConfig::default(),
        degraded: Vec::new(),
    };
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
    SessionEvent::ResponseDone {
        response: "r".into(),
        item,
        calls: Vec::new(),
        apart: false,
        metadata: Metadata::default(),
        spoken,
        status,
        usage: Usage::default(),
    }
}

fn card() -> Card {
    Coach::new(CoachConfig::default(), Language::English, None).look(83_000)
}

fn tip() -> Tip {
    let text = "Look into the camera a little more.";
    Tip { at_ms: 83_000, code: "look_at_camera", score: ScoreName::GazeStability, text }
}

#[test]
fn scores_and_tips_are_as_documented() {
    let mut encoder = encoder(None);
    let mut encode = |number, event| {
        let text = encoder.encode(number, event).remove(0);
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let scores = encode(7, SessionEvent::Scores(card().into()));
    assert_eq!((&scores["type"], &scores["event_id"]), (&json!("duologue.scores"), &json!("event_7")));
    assert_eq!((&scores["at_ms"], &scores["turn"]), (&json!(83_000), &json!(0)));
    for name in ScoreName::ALL.into_iter().map(ScoreName::name).chain(["total_score"]) {
        assert_eq!(scores[name], Value::Null, "{name}");
        let detail = &scores["details"][name];
        assert!(detail["why_not"]["code"].is_string() && detail["evidence"].is_array(), "{name}: {detail}");
    }
    assert_eq!(scores["details"]["blinking"]["why_not"]["text"], "needs 60 s of face, has 0 s");
    assert_eq!(scores["details"]["expression"]["shares"].as_object().map(serde_json::Map::len), Some(8));
    assert!(scores["summary"].as_str().is_some_and(|text| !text.is_empty()));
    let tip = encode(8, SessionEvent::Tip(tip()));
    assert_eq!((&tip["type"], &tip["code"]), (&json!("duologue.tip"), &json!("look_at_camera")));
    assert_eq!((&tip["score"], &tip["at_ms"]), (&json!("gaze_stability"), &json!(83_000)));
    assert_eq!(tip["text"], "Look into the camera a little more.");
}

#[test]
fn the_session_says_whether_faces_are_looked_at() {
    let about = encoder(None);
    let of = |config: SessionConfig| about.session(&config)["duologue"]["expression_analysis"].clone();
    assert_eq!(of(SessionConfig::default()), true);
    assert_eq!(of(SessionConfig { expression_analysis: false, ..SessionConfig::default() }), false);
    assert_eq!(of(SessionConfig { face: None, ..SessionConfig::default() }), false, "the server does not");
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
            apart: false,
        },
        SessionEvent::Duck { turn: TurnId(1), response: "r".into(), gain: 0.25 },
        SessionEvent::Hold { turn: TurnId(1) },
        SessionEvent::Restore { turn: TurnId(1) },
        SessionEvent::Backchannel { text: "응".into() },
        done(Some(item("안녕")), true),
        done(Some(item("hello")), false),
        done(None, true),
        apart(done(Some(item("apart")), true)),
        apart(done(Some(item("apart")), false)),
        called(false),
        called(true),
        SessionEvent::ToolStarted { response: "r".into(), name: "remember".into(), call_id: "c".into() },
        SessionEvent::ToolDone {
            response: "r".into(),
            name: "remember".into(),
            call_id: "c".into(),
            ms: 3,
            error: Some("tool_timeout"),
        },
        SessionEvent::Show { what: "score", name: Some("tone") },
        SessionEvent::Scores(card().into()),
        SessionEvent::Tip(tip()),
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

fn apart(event: SessionEvent) -> SessionEvent {
    match event {
        SessionEvent::ResponseDone { response, item, calls, metadata, spoken, status, usage, .. } => {
            SessionEvent::ResponseDone { response, item, calls, apart: true, metadata, spoken, status, usage }
        }
        other => other,
    }
}

fn call_item() -> Item {
    let content = Content::FunctionCall {
        call_id: "call_1".into(),
        name: "get_weather".into(),
        arguments: r#"{"city":"전주"}"#.into(),
    };
    Item { content, ..item("") }
}

fn called(apart: bool) -> SessionEvent {
    let item = call_item();
    SessionEvent::FunctionCalled { response: "r".into(), item, previous: None, index: 1, apart }
}

/// Stock clients run a call at the first event that shows it completed: there must be one such event.
#[test]
fn a_call_is_told_as_the_protocol_has_it() {
    let told = encoder(None).encode(1, called(false));
    let told = told.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON")).collect::<Vec<_>>();
    let kinds = told.iter().map(|event| event["type"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    let expected = [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        (&told[0]["item"]["status"], &told[0]["item"]["arguments"]),
        (&json!("in_progress"), &json!(""))
    );
    assert_eq!(
        (&told[3]["arguments"], &told[3]["call_id"]),
        (&json!(r#"{"city":"전주"}"#), &json!("call_1"))
    );
    let done = &told[4];
    assert_eq!((&done["output_index"], &done["response_id"]), (&json!(1), &json!("r")));
    let expected = json!({
        "id": "item_1", "object": "realtime.item", "type": "function_call", "status": "completed",
        "call_id": "call_1", "name": "get_weather", "arguments": r#"{"city":"전주"}"#,
    });
    assert_eq!(done["item"], expected);
}

#[test]
fn the_end_of_a_reply_has_its_calls_and_what_the_client_wished_to_hear_again() {
    let event = match done(Some(item("잠깐만요.")), true) {
        SessionEvent::ResponseDone { response, item, spoken, usage, .. } => SessionEvent::ResponseDone {
            response,
            item,
            calls: vec![call_item()],
            apart: false,
            metadata: Metadata::from([("topic".to_owned(), "날씨".to_owned())]),
            spoken,
            status: ResponseStatus::Completed,
            usage,
        },
        other => other,
    };
    let last = encoder(None).encode(1, event).pop().expect("response.done");
    let last = serde_json::from_str::<Value>(&last).expect("JSON");
    let response = &last["response"];
    let kinds = response["output"].as_array().expect("a list").iter().map(|item| item["type"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), [json!("message"), json!("function_call")]);
    assert_eq!((&response["status"], &response["metadata"]["topic"]), (&json!("completed"), &json!("날씨")));
}

#[test]
fn functions_of_the_client_are_echoed_as_they_came() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = duologue_domain::tool::Tool {
        name: "get_weather".into(),
        description: "날씨".into(),
        parameters: parameters.to_string(),
    };
    let choice = duologue_domain::tool::ToolChoice::Named("get_weather".into());
    let config = SessionConfig { tools: Arc::new([tool]), tool_choice: choice, ..SessionConfig::default() };
    let session = encoder(None).session(&config);
    let expected = json!([
        {"type": "function", "name": "get_weather", "description": "날씨", "parameters": parameters},
    ]);
    assert_eq!(session["tools"], expected);
    assert_eq!(session["tool_choice"], json!({"type": "function", "name": "get_weather"}));
    let plain = encoder(None).session(&SessionConfig::default());
    assert_eq!((&plain["tools"], &plain["tool_choice"]), (&json!([]), &json!("auto")));
}
