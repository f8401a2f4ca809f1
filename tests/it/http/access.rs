//! Who may come in, from which page, how often, and whose a session is.

use std::{net::TcpStream, sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{House, answer, header, ok, refused};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "another-key-0123456789";

async fn with(flags: &[(&str, &str)]) -> House {
    House::with(flags, Arc::new(MemoryStore::default())).await
}

async fn create(house: &House, key: Option<&str>) -> (String, String) {
    let mut request = house.post("/chat/sessions", &json!({}));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let session = answer(request, StatusCode::CREATED).await;
    let text = |field: &str| session[field].as_str().expect("text").to_owned();
    (format!("/chat/sessions/{}", text("id")), text("secret"))
}

#[tokio::test]
async fn sessions_belong_to_who_made_them() {
    let keys = format!("{KEY},{OTHER_KEY}");
    let house = with(&[("auth.api_keys", &keys)]).await;
    let (path, secret) = create(&house, Some(KEY)).await;
    ok(house.get(&path).bearer_auth(KEY)).await;
    ok(house.get(&path).header("x-duologue-secret", &secret)).await;
    refused(house.get(&path), "forbidden").await;
    refused(house.get(&path).bearer_auth(OTHER_KEY), "forbidden").await;
    for part in ["messages", "feedback", "report", "report?format=html"] {
        let path = format!("{path}/{part}");
        refused(house.get(&path).bearer_auth(OTHER_KEY), "forbidden").await;
        refused(house.get(&path), "forbidden").await;
        let own = house.get(&path).bearer_auth(KEY).send().await.expect("an answer");
        assert_eq!(own.status(), StatusCode::OK, "{path}");
    }
    refused(house.request(Method::DELETE, &path).bearer_auth(OTHER_KEY), "forbidden").await;
    refused(house.get(&path).header("x-duologue-secret", "wrong"), "forbidden").await;
    refused(house.get(&path).bearer_auth("no key at all"), "unauthorized").await;
    refused(house.get("/chat/sessions"), "unauthorized").await;
    let list = |key: &'static str| ok(house.get("/chat/sessions").bearer_auth(key));
    assert_eq!(list(KEY).await["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(list(OTHER_KEY).await["sessions"].as_array().map(Vec::len), Some(0));
    refused(house.get("/chat/sessions?user_id=somebody").bearer_auth(KEY), "forbidden").await;
    let (anonymous, secret) = create(&house, None).await;
    refused(house.get(&anonymous).bearer_auth(KEY), "forbidden").await;
    ok(house.get(&anonymous).header("x-duologue-secret", &secret)).await;
}

#[tokio::test]
async fn where_authentication_is_required_nothing_goes_without() {
    let house = with(&[("auth.api_keys", KEY), ("auth.required", "true")]).await;
    for path in ["/personas", "/voice/voices", "/chat/sessions"] {
        let response = house.get(path).send().await.expect("an answer");
        assert_eq!(
            (response.status(), header(&response, "www-authenticate")),
            (StatusCode::UNAUTHORIZED, "Bearer")
        );
        ok(house.get(path).header("x-api-key", KEY)).await;
    }
    refused(house.post("/voice/tts", &json!({"text": "x"})), "unauthorized").await;
    refused(house.post("/chat", &json!({"content": "x"})), "unauthorized").await;
    ok(house.get("/health")).await;
}

#[tokio::test]
async fn on_a_private_server_the_id_is_enough() {
    let house = House::plain().await;
    let (path, secret) = create(&house, None).await;
    ok(house.get(&path)).await;
    ok(house.get(&path).bearer_auth("sk-habit")).await;
    ok(house.get(&path).header("x-duologue-secret", &secret)).await;
    refused(house.get(&path).header("x-duologue-secret", "wrong"), "forbidden").await;
}

#[tokio::test]
async fn pages_of_others_may_neither_call_nor_read() {
    let house = with(&[("server.allowed_origins", "https://talk.example.org")]).await;
    let from = |origin: &str| house.get("/personas").header("origin", origin);
    for origin in ["http://localhost:5173", "https://talk.example.org", house.url.as_str()] {
        let response = from(origin).send().await.expect("an answer");
        assert_eq!(
            (response.status(), header(&response, "access-control-allow-origin")),
            (StatusCode::OK, origin)
        );
    }
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        refused(from(origin), "origin_not_allowed").await;
        let response = from(origin).send().await.expect("an answer");
        assert_eq!(header(&response, "access-control-allow-origin"), "");
        let simple = house.request(Method::POST, "/personas/이서아/activate").header("origin", origin);
        refused(simple, "origin_not_allowed").await;
    }
    refused(house.get("/personas").header("host", "evil.example"), "host_not_allowed").await;
    ok(house.get("/personas").header("host", "talk.example.org")).await;
}

#[tokio::test]
async fn preflights_are_answered_for_allowed_pages_only() {
    let house = with(&[("server.allowed_origins", "https://talk.example.org")]).await;
    let preflight = |origin: &str| {
        let request = house.request(Method::OPTIONS, "/chat/sessions").header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-duologue-secret,x-openai-agents-sdk")
    };
    let allowed = preflight("https://talk.example.org").send().await.expect("an answer");
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://talk.example.org");
    assert!(header(&allowed, "access-control-allow-headers").contains("x-duologue-secret"));
    assert!(header(&allowed, "access-control-allow-headers").contains("x-openai-agents-sdk"));
    let denied = preflight("https://evil.example").send().await.expect("an answer");
    assert_eq!(header(&denied, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn creating_too_often_is_refused_for_a_while() {
    let house = with(&[("sessions.created_per_minute", "6")]).await;
    for _ in 0..3 {
        create(&house, None).await;
    }
    let response = house.post("/chat/sessions", &json!({})).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = header(&response, "retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&seconds), "{seconds}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(
        (&body["error"]["code"], &body["error"]["type"]),
        (&json!("rate_limited"), &json!("rate_limit_error"))
    );
}

#[tokio::test]
async fn a_slow_request_is_given_up() {
    let house = with(&[("server.request_timeout_s", "1")]).await;
    // A body that never ends: the handler waits for it.
    let address = house.url.trim_start_matches("http://").to_owned();
    let answered = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut socket = TcpStream::connect(address).expect("connects");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        let head = "POST /chat/sessions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
        socket.write_all(head.as_bytes()).expect("sent");
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    });
    assert_eq!(answered.await.expect("no panic"), "HTTP/1.1 504");
}
