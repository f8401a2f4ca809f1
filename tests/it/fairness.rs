//! A greedy client and the others: scenes, requests, new scenes, each counted for who stands behind a trusted proxy.

use std::sync::Arc;

use duologue::store::MemoryStore;
use duologue_rtc::client::Dial;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use crate::{
    http::{House, answer, header},
    ws::{Socket, dial},
};

const MANY: &str = "100000";
/// The server's own machine is the proxy here.
const PROXY: (&str, &str) = ("server.trusted_proxies", "127.0.0.1");
const GREEDY: &str = "192.0.2.1";
const MODEST: &str = "192.0.2.2";

async fn come(house: &House, client: &str) -> Result<Socket, (StatusCode, Value)> {
    let headers = [("x-forwarded-for", client)];
    match dial(&house.url, "/v1/realtime?model=seoa", &headers).await {
        Ok(socket) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            assert!(response.headers().contains_key("retry-after"), "a time");
            let body = response.body().as_deref().expect("words");
            let status = StatusCode::from_u16(response.status().as_u16()).expect("a status");
            Err((status, serde_json::from_slice(body).expect("JSON")))
        }
        Err(error) => panic!("neither in nor refused: {error}"),
    }
}

#[tokio::test]
async fn a_client_has_so_many_scenes_and_the_others_come_in() {
    let flags = [PROXY, ("sessions.per_client", "3"), ("sessions.created_per_minute", MANY)];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let knocks = join_all((0..20).map(|_| come(&house, GREEDY))).await;
    let (inside, refused): (Vec<_>, Vec<_>) = knocks.into_iter().partition(Result::is_ok);
    assert_eq!((inside.len(), refused.len()), (3, 17));
    for refusal in refused.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refusal.1["error"]["code"], "client_limit");
    }
    let mut modest = come(&house, MODEST).await.expect("in");
    modest.until("conversation.created").await;
    modest.write("안녕하세요").await;
    modest.until("response.done").await;
    // This machine's own scenes are nobody's.
    for _ in 0..5 {
        come(&house, "127.0.0.1").await.expect("in");
    }
    let stored = answer(house.get("/chat/sessions?limit=200"), StatusCode::OK).await;
    assert_eq!(stored["sessions"].as_array().map(Vec::len), Some(9), "nothing stays of who was refused");
}

#[tokio::test]
async fn without_a_trusted_proxy_nobody_is_who_they_say() {
    let flags = [("sessions.per_client", "1"), ("sessions.created_per_minute", MANY)];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    for _ in 0..4 {
        come(&house, GREEDY).await.expect("the socket's own address counts, which is this machine's");
    }
}

#[tokio::test]
async fn new_scenes_are_counted_behind_a_proxy_by_client() {
    let flags = [PROXY, ("sessions.created_per_minute", "1")];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    assert!(come(&house, GREEDY).await.is_ok());
    let refused = come(&house, GREEDY).await.map(|_| ()).expect_err("one a minute");
    assert_eq!(refused.1["error"]["code"], "rate_limited");
    assert!(come(&house, MODEST).await.is_ok(), "another client behind the same proxy");
    let spoofed = come(&house, &format!("198.51.100.9, {GREEDY}")).await.map(|_| ());
    assert_eq!(
        spoofed.expect_err("what it wrote itself counts for nothing").0,
        StatusCode::TOO_MANY_REQUESTS
    );
}

fn chat(house: &House, client: &str, said: &str) -> RequestBuilder {
    house.post("/chat", &json!({"content": said, "persona_id": "seoa"})).header("x-forwarded-for", client)
}

#[tokio::test]
async fn a_flood_of_requests_leaves_the_others_their_share() {
    let flags = [
        PROXY,
        ("server.model_requests_per_client", "2"),
        ("sessions.created_per_minute", MANY),
        ("sessions.per_client", MANY),
    ];
    // Two seconds, at the fake's pace.
    let words = "word ".repeat(40);
    let house = House::saying(&flags, Arc::new(MemoryStore::default()), &[&words]).await;
    let flood = join_all((0..12).map(|_| chat(&house, GREEDY, "again").send()));
    let modest = async {
        // While the flood is at work.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        answer(chat(&house, MODEST, "안녕하세요"), StatusCode::OK).await
    };
    let (flood, answered) = tokio::join!(flood, modest);
    assert_eq!(answered["content"].as_str().map(str::trim), Some(words.trim()));
    let (mut served, mut refused) = (0, 0);
    for response in flood {
        let response = response.expect("an answer");
        match response.status() {
            StatusCode::OK => served += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(header(&response, "retry-after").parse::<u64>().expect("seconds") > 0);
                let body: Value = response.json().await.expect("JSON");
                assert_eq!(body["error"]["code"], "client_limit");
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((served, refused), (2, 10));
    // All is given back.
    answer(chat(&house, GREEDY, "and now"), StatusCode::OK).await;
}

#[tokio::test]
async fn replies_over_openais_endpoints_are_shared_out_too() {
    // So many requests that only the replies' own bound holds.
    let flags = [PROXY, ("server.model_requests_per_client", "64")];
    // Longer than all of them take to come in.
    let words = "word ".repeat(400);
    let messages = json!([{"role": "user", "content": "안녕하세요"}]);
    let asked = [
        ("/v1/chat/completions", json!({"model": "seoa", "messages": messages, "stream": true})),
        ("/v1/responses", json!({"model": "seoa", "input": "Hello", "stream": true})),
    ];
    for (path, body) in asked {
        let house = House::saying(&flags, Arc::new(MemoryStore::default()), &[&words]).await;
        let ask = |client: &str| house.post(path, &body).header("x-forwarded-for", client).send();
        // Streams whose bodies are kept and not read are at work.
        let flood = join_all((0..12).map(|_| ask(GREEDY))).await;
        let flood = flood.into_iter().map(|response| response.expect("an answer")).collect::<Vec<_>>();
        let (served, refused): (Vec<_>, Vec<_>) =
            flood.into_iter().partition(|response| response.status() == StatusCode::OK);
        assert_eq!((served.len(), refused.len()), (4, 8), "half of the eight: {path}");
        let modest = ask(MODEST).await.expect("an answer");
        assert_eq!(modest.status(), StatusCode::OK, "{path}");
        for response in refused {
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(header(&response, "retry-after").parse::<u64>().expect("seconds") > 0);
            let body: Value = response.json().await.expect("JSON");
            assert_eq!(body["error"]["code"], "client_limit");
        }
    }
}

/// Offers that are answered and never connect, all to one scene, for which no other bound holds.
#[tokio::test]
async fn a_flood_of_offers_leaves_the_others_their_calls() {
    let flags = [PROXY, ("rtc.max", "6"), ("sessions.per_client", "3")];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let calling = Dial::default().prepare().await.expect("an offer");
    let offer = calling.offer();
    let call = |client: &str, path: &str| {
        let request = house.request(Method::POST, path).header("x-forwarded-for", client);
        request.header("content-type", "application/sdp").body(offer.to_owned())
    };
    let first = call(GREEDY, "/v1/realtime/calls?model=seoa").send().await.expect("an answer");
    assert_eq!(first.status(), StatusCode::CREATED);
    let path = format!("/v1/realtime/calls?session={}", header(&first, "x-duologue-session"));
    let secret = header(&first, "x-duologue-secret");
    let flood = (0..10).map(|_| call(GREEDY, &path).header("x-duologue-secret", secret).send());
    let mut inside = vec![header(&first, "location").to_owned()];
    for response in join_all(flood).await {
        let response = response.expect("an answer");
        if response.status() == StatusCode::CREATED {
            inside.push(header(&response, "location").to_owned());
            continue;
        }
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(header(&response, "retry-after").parse::<u64>().expect("seconds") > 0);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], "client_limit");
    }
    assert_eq!(inside.len(), 3, "as many as it may have scenes");
    let modest = call(MODEST, "/v1/realtime/calls?model=seoa").send().await.expect("an answer");
    assert_eq!(modest.status(), StatusCode::CREATED);
    // All is given back.
    let hang_up = house.request(Method::DELETE, &inside[0]).header("x-duologue-secret", secret).send().await;
    assert_eq!(hang_up.expect("an answer").status(), StatusCode::OK);
    let again = async {
        while call(GREEDY, &path)
            .header("x-duologue-secret", secret)
            .send()
            .await
            .expect("an answer")
            .status()
            != StatusCode::CREATED
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.expect("a place is free");
}

#[tokio::test]
async fn who_asks_while_all_talk_is_told_when_to_come_back() {
    let flags = [
        ("sessions.admission", "measured"),
        ("sessions.least_talking", "1"),
        // Below what a reply of the fakes takes, so that each turn is too late.
        ("sessions.max_voice_to_voice_ms", "100"),
        ("sessions.created_per_minute", MANY),
    ];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let mut talking = come(&house, "127.0.0.1").await.expect("in");
    talking.until("conversation.created").await;
    for _ in 0..5 {
        talking.write("안녕").await;
        talking.until("response.done").await;
    }
    let health = answer(house.get("/health"), StatusCode::OK).await;
    let sessions = &health["sessions"];
    assert_eq!(
        (sessions["talking"].as_u64(), sessions["places"].as_u64(), sessions["why"].as_str()),
        (Some(1), Some(1), Some("predicted")),
        "{sessions}"
    );
    assert!(sessions["next_place_s"].as_u64().is_some_and(|seconds| seconds <= 30), "{sessions}");
    // To listen there is room, to talk there is none.
    let _idle = come(&house, "127.0.0.1").await.expect("in");
    let response = chat(&house, "127.0.0.1", "자리 있어요?").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds = header(&response, "retry-after").parse::<u64>().expect("seconds");
    assert!((1..=30).contains(&seconds), "{seconds}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "capacity_full");
    // Who is in goes on.
    talking.write("듣고 있어요?").await;
    talking.until("response.done").await;
}
