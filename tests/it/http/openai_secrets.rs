//! Client secrets: what a page may do with one, and what it may not.

use std::sync::Arc;

use duologue::store::MemoryStore;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{House, ok, refused};
use crate::ws::connect;

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn guarded() -> House {
    let flags = [("auth.api_keys", KEY), ("auth.required", "true")];
    House::with(&flags, Arc::new(MemoryStore::default())).await
}

async fn secret(house: &House, body: &Value) -> (String, Value) {
    let made = ok(house.post("/v1/realtime/client_secrets", body).bearer_auth(KEY)).await;
    let value = made["value"].as_str().expect("a secret").to_owned();
    assert!(value.starts_with("ek_"), "{value}");
    (value, made)
}

#[tokio::test]
async fn a_page_opens_the_session_that_was_configured_for_it() {
    let house = guarded().await;
    let personas = ok(house.get("/personas").bearer_auth(KEY)).await;
    let persona = personas["personas"][0]["id"].as_str().expect("an id").to_owned();
    let session = json!({
        "type": "realtime", "model": persona, "instructions": "언제나 짧게 말해요.",
        "output_modalities": ["text"], "audio": {"output": {"voice": "fake-two", "speed": 1.25}},
    });
    let body = json!({"expires_after": {"anchor": "created_at", "seconds": 60}, "session": session});
    let (value, made) = secret(&house, &body).await;
    assert_eq!(made["session"]["model"], persona);
    assert_eq!(made["session"]["instructions"], "언제나 짧게 말해요.");
    let in_protocol = format!("realtime, openai-insecure-api-key.{value}");
    let in_header = format!("Bearer {value}");
    // More than once, and in both of the ways.
    for header in [("sec-websocket-protocol", in_protocol.as_str()), ("authorization", in_header.as_str())] {
        let mut socket = connect(&house, "/v1/realtime", &[header]).await.expect("it may come in");
        let (events, _) = socket.until("session.created").await;
        let created = &events.last().expect("an event")["session"];
        assert_eq!(created["model"], persona, "{created}");
        assert_eq!(created["instructions"], "언제나 짧게 말해요.", "{created}");
        assert_eq!(created["audio"]["output"]["voice"], "fake-two", "{created}");
        assert_eq!(created["audio"]["output"]["speed"], 1.25, "{created}");
        assert_eq!(created["output_modalities"], json!(["text"]), "{created}");
        socket.write("Hello").await;
        socket.until("response.done").await;
    }
    let sessions = ok(house.get("/chat/sessions").bearer_auth(KEY)).await;
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(2), "they belong to who made the secret");
}

#[tokio::test]
async fn a_secret_opens_nothing_else_and_a_wrong_one_nothing() {
    let house = guarded().await;
    let (value, _) = secret(&house, &json!({})).await;
    for path in ["/v1/models", "/personas", "/chat/sessions"] {
        refused(house.get(path).bearer_auth(&value), "unauthorized").await;
    }
    let again = house.post("/v1/realtime/client_secrets", &json!({})).bearer_auth(&value);
    refused(again, "unauthorized").await;
    refused(house.post("/v1/realtime/client_secrets", &json!({})), "unauthorized").await;
    let wrong = format!("realtime, openai-insecure-api-key.{value}x");
    for headers in [vec![("sec-websocket-protocol", wrong.as_str())], vec![]] {
        let status = connect(&house, "/v1/realtime", &headers).await.err();
        assert_eq!(status, Some(StatusCode::UNAUTHORIZED));
    }
    let other = house.post("/chat/sessions", &json!({})).bearer_auth(KEY);
    let session = super::answer(other, StatusCode::CREATED).await;
    let id = session["id"].as_str().expect("an id");
    let header = format!("Bearer {value}");
    let status = connect(&house, &format!("/ws/voice/{id}"), &[("authorization", &header)]).await.err();
    assert_eq!(status, Some(StatusCode::UNAUTHORIZED), "it is for new sessions alone");
}

#[tokio::test]
async fn on_a_private_server_a_wrong_secret_is_refused_too() {
    let house = House::plain().await;
    let made = ok(house.post("/v1/realtime/client_secrets", &json!({}))).await;
    let lives = made["expires_at"].as_u64().expect("a time");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!((590..=601).contains(&(lives - now)), "ten minutes by default");
    assert_eq!(made["session"]["type"], "realtime");
    assert!(made["session"]["model"].is_string());
    let header = "Bearer ek_wrong";
    let status = connect(&house, "/v1/realtime", &[("authorization", header)]).await.err();
    assert_eq!(status, Some(StatusCode::UNAUTHORIZED));
    // Clients choose a persona where the secret leaves it open.
    let header = format!("Bearer {}", made["value"].as_str().expect("a secret"));
    let status = connect(&house, "/v1/realtime?model=nobody", &[("authorization", &header)]).await.err();
    assert_eq!(status, Some(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn what_makes_no_secret_is_refused_with_its_field() {
    let house = House::plain().await;
    for (body, code, param) in [
        (json!({"expires_after": {"seconds": 5}}), "bad_request", "expires_after.seconds"),
        (json!({"expires_after": {"seconds": 7201}}), "bad_request", "expires_after.seconds"),
        (json!({"expires_after": {"seconds": "soon"}}), "bad_request", "expires_after.seconds"),
        (json!({"expires_after": {"anchor": "now", "seconds": 60}}), "bad_request", "expires_after.anchor"),
        (json!({"session": {"model": "nobody"}}), "persona_not_found", "session.model"),
        (json!({"session": {"model": 3}}), "bad_request", "session.model"),
        (json!({"session": {"type": "transcription"}}), "bad_request", "session.type"),
        (json!({"session": {"audio": {"output": {"speed": 7}}}}), "bad_request", "session.speed"),
        (json!({"session": []}), "bad_request", "session"),
        (json!({"session": {"something_new": "x".repeat(300_000)}}), "bad_request", "session"),
    ] {
        let error = refused(house.post("/v1/realtime/client_secrets", &body), code).await;
        assert_eq!(error["error"]["param"], param, "{body}: {error}");
    }
}

#[tokio::test]
async fn secrets_are_limited_like_sessions() {
    let flags = [("sessions.created_per_minute", "4")];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    for _ in 0..2 {
        ok(house.post("/v1/realtime/client_secrets", &json!({}))).await;
    }
    refused(house.post("/v1/realtime/client_secrets", &json!({})), "rate_limited").await;
}
