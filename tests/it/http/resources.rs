//! What each resource answers.

use std::{io::Cursor, sync::Arc};

use duologue::store::MemoryStore;
use duologue_actors::store::{MessageRecord, MessageRole, Store};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{House, answer, header, ok, refused};

#[tokio::test]
async fn health_names_every_part() {
    let house = House::plain().await;
    let health = ok(house.get("/health")).await;
    assert_eq!(health["status"], "ok", "{health}");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    let parts: Vec<_> = health["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|part| part["part"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        parts,
        ["stt", "llm", "tts", "landmarker", "embed", "vad", "turn", "store", "soundfont", "rtc"]
    );
    assert_eq!(health["sessions"]["limit"], 2000);
    for path in ["/api/health/", "/api/health"] {
        let earlier = ok(house.get(path)).await;
        assert_eq!(
            (&earlier["status"], &earlier["database"]),
            (&json!("ok"), &json!("connected")),
            "{earlier}"
        );
    }
}

#[tokio::test]
async fn what_is_switched_off_is_said_to_be() {
    let off = [("tts.enabled", "false"), ("stt.enabled", "false")];
    let house = House::with(&off, Arc::new(MemoryStore::default())).await;
    let health = ok(house.get("/health")).await;
    let parts = health["parts"].as_array().expect("parts");
    let off = parts.iter().filter(|part| part["state"] == "off").map(|part| part["part"].clone());
    assert_eq!(
        off.collect::<Vec<_>>(),
        ["stt", "tts", "landmarker", "vad", "turn"],
        "voice activity serves the recogniser alone"
    );
    assert!(parts.iter().all(|part| part["state"] == "off" || part["state"] == "ready"), "{parts:?}");
    assert_eq!(health["status"], "ok", "what was switched off on purpose is no trouble");
}

#[tokio::test]
async fn a_store_that_is_away_degrades() {
    let store = duologue_testkit::MemoryStore::default();
    let house = House::with(&[], Arc::new(store.clone())).await;
    store.set_down(true);
    let health = ok(house.get("/health")).await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(ok(house.get("/api/health/")).await["database"], "disconnected");
    let error = refused(house.post("/chat/sessions", &json!({})), "store_unavailable").await;
    assert!(
        error["detail"].as_str().expect("text").contains("Try again when the database is back"),
        "{error}"
    );
}

#[tokio::test]
async fn metrics_count_by_pattern() {
    let house = House::plain().await;
    refused(house.get("/chat/sessions/0123456789abcdef01234567"), "session_not_found").await;
    let response = house.get("/metrics").send().await.expect("an answer");
    assert!(header(&response, "content-type").starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.expect("text");
    assert!(text.contains("route=\"/chat/sessions/{session_id}\""), "{text}");
    assert!(!text.contains("0123456789abcdef01234567"), "ids would make a series each");
}

#[tokio::test]
async fn personas_are_listed_found_and_activated() {
    let house = House::plain().await;
    let list = ok(house.get("/personas")).await;
    let personas = list["personas"].as_array().expect("a list");
    assert!(personas.len() >= 3, "{list}");
    assert_eq!(list["active"], "seoa");
    let seoa = ok(house.get("/personas/seoa")).await;
    assert_eq!(ok(house.get("/personas/이서아")).await, seoa, "the earlier system calls her by name");
    assert_eq!((&seoa["mbti"], &seoa["age"], &seoa["language"]), (&json!("ENFP"), &json!(28), &json!("ko")));
    for field in ["name", "description", "job", "greeting"] {
        assert!(seoa[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {seoa}");
    }
    let error = refused(house.get("/personas/아무도"), "persona_not_found").await;
    assert!(error["detail"].as_str().expect("text").contains("아무도"), "{error}");

    let other = personas.iter().find(|persona| persona["id"] != "seoa").expect("another")["id"].clone();
    let path = format!("/personas/{}/activate", other.as_str().expect("text"));
    assert_eq!(ok(house.request(Method::POST, &path)).await["active"], other);
    assert_eq!(ok(house.get("/personas")).await["active"], other);
    let session = answer(house.post("/chat/sessions", &json!({})), StatusCode::CREATED).await;
    assert_eq!(session["persona_id"], other, "the active persona answers who names nobody");
    refused(house.request(Method::POST, "/personas/아무도/activate"), "persona_not_found").await;
}

#[tokio::test]
async fn a_session_from_creation_to_deletion() {
    let store = Arc::new(MemoryStore::default());
    let house = House::with(&[], store.clone()).await;
    let wanted = json!({"persona_name": "이서아", "session_name": "첫 대화", "language": "ko-KR", "user_id": "user123"});
    let session = answer(house.post("/chat/sessions", &wanted), StatusCode::CREATED).await;
    let id = session["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 24);
    assert!(session["secret"].as_str().expect("a secret").len() >= 43);
    for (field, expected) in [
        ("session_name", "첫 대화"),
        ("persona_name", "이서아"),
        ("language", "ko"),
        ("user_id", "user123"),
        ("session_id", &id),
    ] {
        assert_eq!(session[field], expected);
    }
    assert_eq!((&session["is_active"], &session["intimacy"]), (&json!(true), &json!(0)));

    for seq in 0..5 {
        let said = MessageRecord {
            id: format!("m{seq}"),
            session_id: id.clone(),
            user_id: None,
            role: if seq % 2 == 0 { MessageRole::User } else { MessageRole::Assistant },
            content: format!("말 {seq}"),
            turn: seq / 2,
            seq,
            timestamp: 1_704_067_200_000,
        };
        store.append_message(said).await.expect("stored");
    }
    let path = format!("/chat/sessions/{id}");
    let shown = ok(house.get(&path)).await;
    assert!(shown.get("secret").is_none(), "the secret is told once: {shown}");
    let messages = ok(house.get(&format!("{path}/messages?limit=2"))).await;
    assert_eq!(messages["has_more"], true);
    assert_eq!(
        (&messages["messages"][0]["content"], &messages["messages"][1]["content"]),
        (&json!("말 3"), &json!("말 4"))
    );
    assert_eq!(messages["messages"][1]["timestamp"], "2024-01-01T00:00:00Z");
    let older = ok(house.get(&format!("{path}/messages?before=3"))).await;
    assert_eq!((older["messages"].as_array().map(Vec::len), &older["has_more"]), (Some(3), &json!(false)));

    answer(house.request(Method::DELETE, &path), StatusCode::NO_CONTENT).await;
    refused(house.get(&path), "session_not_found").await;
    refused(house.get(&format!("{path}/messages")), "session_not_found").await;
}

#[tokio::test]
async fn sessions_are_listed_by_page_and_user() {
    let house = House::plain().await;
    for number in 0..3 {
        let wanted =
            json!({"session_name": format!("s{number}"), "user_id": if number == 1 { "b" } else { "a" }});
        answer(house.post("/chat/sessions", &wanted), StatusCode::CREATED).await;
    }
    let all = ok(house.get("/chat/sessions?limit=2")).await;
    assert_eq!((all["sessions"].as_array().map(Vec::len), &all["next_offset"]), (Some(2), &json!(2)));
    let rest = ok(house.get("/chat/sessions?limit=2&offset=2")).await;
    assert_eq!(rest["sessions"].as_array().map(Vec::len), Some(1));
    assert!(rest.get("next_offset").is_none(), "{rest}");
    let of_b = ok(house.get("/chat/sessions?user_id=b")).await;
    assert_eq!(
        (of_b["sessions"].as_array().map(Vec::len), &of_b["sessions"][0]["session_name"]),
        (Some(1), &json!("s1"))
    );
    refused(house.get("/chat/sessions?limit=many"), "bad_request").await;
}

#[tokio::test]
async fn nonsense_is_refused_in_one_shape() {
    let house = House::plain().await;
    let raw = |body: &'static str| {
        house.request(Method::POST, "/chat/sessions").header("content-type", "application/json").body(body)
    };
    refused(raw("{\"persona_id\": "), "bad_request").await;
    refused(raw("{\"persona_id\": 7}"), "invalid_json").await;
    refused(raw("[[\"x\""), "invalid_json").await;
    refused(house.request(Method::POST, "/chat/sessions").body("{}"), "unsupported_media_type").await;
    refused(
        house.post("/chat/sessions", &json!({"session_name": "x".repeat(1_100_000)})),
        "payload_too_large",
    )
    .await;
    refused(house.post("/chat/sessions", &json!({"session_name": "이".repeat(201)})), "bad_request").await;
    let language = refused(house.post("/chat/sessions", &json!({"language": "fr"})), "bad_request").await;
    assert_eq!(language["error"]["param"], "language");
    refused(house.post("/chat/sessions", &json!({"persona_id": "x".repeat(5000)})), "persona_not_found")
        .await;
    for body in [
        json!({"content": "  "}),
        json!({"content": "x", "role": "system"}),
        json!({"content": "가".repeat(9000)}),
    ] {
        refused(house.post("/chat", &body), "bad_request").await;
    }
    refused(house.post("/chat", &json!({"role": "user"})), "invalid_json").await;
    refused(house.post("/chat", &json!({"content": "안녕", "session_id": "nowhere"})), "session_not_found")
        .await;
}

#[tokio::test]
async fn text_is_answered_with_text() {
    let house = House::plain().await;
    let first =
        ok(house.post("/chat", &json!({"content": "안녕하세요!", "role": "user", "user_id": "user123"})))
            .await;
    assert_eq!(
        (&first["content"], &first["role"]),
        (&json!("반가워요, 저는 서아예요."), &json!("assistant")),
        "{first}"
    );
    assert_eq!(first["persona_name"], "이서아");
    let session = first["session_id"].as_str().expect("an id").to_owned();
    let second = ok(house.post("/chat", &json!({"content": "잘 지냈어요?", "session_id": session}))).await;
    assert_eq!(second["session_id"], session.as_str(), "the same scene goes on");
    assert!(second.get("secret").is_none());
    let path = format!("/chat/sessions/{session}/messages");
    for _ in 0..100 {
        // The Scribe writes behind the reply.
        if ok(house.get(&path)).await["messages"].as_array().map(Vec::len) == Some(4) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let said = ok(house.get(&path)).await;
    let roles: Vec<_> =
        said["messages"].as_array().expect("a list").iter().map(|message| message["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"], "{said}");
    assert_eq!(said["messages"][2]["content"], "잘 지냈어요?");
    answer(house.request(Method::DELETE, &format!("/chat/sessions/{session}")), StatusCode::NO_CONTENT).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    refused(house.get(&path), "session_not_found").await;
}

#[tokio::test]
async fn voices_are_listed() {
    let house = House::plain().await;
    assert!(ok(house.get("/voice/voices")).await["voices"].is_array());
}

#[tokio::test]
async fn text_becomes_a_wav_file() {
    let house = House::plain().await;
    for (stream, text) in [(true, "안녕하세요! 반갑습니다."), (false, "Hello there.")] {
        let request = house.post("/voice/tts", &json!({"text": text, "stream": stream, "speed": 1.2}));
        let response = request.send().await.expect("an answer");
        assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, "audio/wav"));
        let file = response.bytes().await.expect("sound").to_vec();
        let length = u32::from_le_bytes(file[40..44].try_into().expect("four bytes")) as usize;
        assert_eq!(length == file.len() - 44, !stream, "only a whole file knows its length");
        if !stream {
            let mut reader = hound::WavReader::new(Cursor::new(file)).expect("a WAV file");
            let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().expect("samples");
            assert!(samples.iter().any(|sample| sample.unsigned_abs() > 3_000), "the fake voice's sound");
            assert!(samples.iter().all(|sample| sample.unsigned_abs() < 16_000), "and nothing else");
        }
    }
    refused(house.post("/voice/tts", &json!({"text": ""})), "bad_request").await;
    refused(house.post("/voice/tts", &json!({"text": "x", "speed": 9})), "bad_request").await;
    refused(house.post("/voice/tts", &json!({"text": "x".repeat(4097)})), "bad_request").await;
    let unknown =
        refused(house.post("/voice/tts", &json!({"text": "x", "voice": "nobody"})), "bad_request").await;
    assert_eq!(unknown["error"]["param"], "voice");
    house.tts.gate.break_down();
    let broken = refused(house.post("/voice/tts", &json!({"text": "Hello."})), "engine_unavailable").await;
    assert!(broken["detail"].as_str().expect("text").contains("/health"), "{broken}");
}
