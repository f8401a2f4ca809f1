//! The realtime endpoints of a whole server in this process: a conversation, and everything that clients get wrong.

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::http::{House, answer};

pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

/// A connection, or the status with which it was refused.
pub(crate) async fn connect(
    house: &House,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, StatusCode> {
    match dial(&house.url, path, headers).await {
        Ok(socket) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            Err(StatusCode::from_u16(response.status().as_u16()).expect("a status"))
        }
        Err(error) => panic!("{error}"),
    }
}

/// A connection to any address.
pub(crate) async fn dial(
    url: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, tungstenite::Error> {
    let url = format!("{}{path}", url.replace("http://", "ws://"));
    let mut request = url.into_client_request().expect("an address");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    connect_async(request).await.map(|(socket, _)| Socket(socket))
}

impl Socket {
    pub(crate) async fn say(&mut self, event: Value) {
        self.0.send(Message::Text(event.to_string().into())).await.expect("sent");
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await.expect("within 20 s");
        next.and_then(Result::ok)
    }

    /// Events up to the first of this type, and how many bytes of binary audio came between.
    pub(crate) async fn until(&mut self, kind: &str) -> (Vec<Value>, usize) {
        let (mut events, mut audio) = (Vec::<Value>::new(), 0);
        loop {
            match self.next().await {
                Some(Message::Text(text)) => {
                    events.push(serde_json::from_str(&text).expect("JSON"));
                    if events.last().is_some_and(|event| event["type"] == kind) {
                        return (events, audio);
                    }
                }
                Some(Message::Binary(bytes)) => {
                    assert_eq!(bytes[..4], [0x44, 1, 1, 0], "the header of an audio frame");
                    audio += bytes.len() - 16;
                }
                Some(Message::Ping(_)) => {}
                other => panic!("{other:?} instead of {kind}; before: {events:?}"),
            }
        }
    }

    async fn error(&mut self) -> Value {
        self.until("error").await.0.pop().expect("the error")["error"].clone()
    }

    pub(crate) async fn write(&mut self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        self.say(json!({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}))
            .await;
        self.say(json!({"type": "response.create"})).await;
    }
}

#[tokio::test]
async fn a_stock_conversation_in_text_and_sound() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/v1/realtime?model=seoa&language=ko", &[]).await.expect("connected");
    let (events, _) = socket.until("conversation.created").await;
    let session = &events[0]["session"];
    assert_eq!(
        (session["model"].as_str(), session["object"].as_str()),
        (Some("seoa"), Some("realtime.session"))
    );
    assert_eq!(
        session["audio"]["input"]["turn_detection"]["interrupt_response"], true,
        "always the whole session"
    );
    socket.write("안녕하세요").await;
    let (events, _) = socket.until("response.done").await;
    let kinds = events.iter().filter_map(|event| event["type"].as_str()).collect::<Vec<_>>();
    for kind in [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_item.done",
        "duologue.latency",
        "duologue.viseme",
    ] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    let done = &events.last().expect("done")["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"][0]["transcript"], "반가워요, 저는 서아예요.");
    let ids = events.iter().map(|event| event["event_id"].as_str().expect("an id").to_owned());
    assert_eq!(
        ids.collect::<std::collections::HashSet<_>>().len(),
        events.len(),
        "every event has its own id"
    );
}

#[tokio::test]
async fn a_session_is_joined_with_its_secret_and_sends_binary_audio() {
    let house = House::with(&[("auth.api_keys", "0123456789abcdef")], Arc::new(MemoryStore::default())).await;
    let made =
        answer(house.post("/chat/sessions", &json!({"persona_id": "seoa"})), StatusCode::CREATED).await;
    let (id, secret) = (made["id"].as_str().expect("id"), made["secret"].as_str().expect("secret"));
    let path = format!("/ws/voice/{id}?audio=binary");
    let refused = connect(&house, &path, &[]).await.map(|_| ());
    assert_eq!(refused, Err(StatusCode::FORBIDDEN), "nobody joins without the secret");
    let wrong = "realtime, duologue-secret.nonsense".to_owned();
    let refused = connect(&house, &path, &[("sec-websocket-protocol", &wrong)]).await.map(|_| ());
    assert_eq!(refused, Err(StatusCode::FORBIDDEN));
    let right = format!("realtime, duologue-secret.{secret}");
    let mut socket = connect(&house, &path, &[("sec-websocket-protocol", &right)]).await.expect("joined");
    socket.until("session.created").await;
    socket.write("안녕").await;
    let (events, audio) = socket.until("response.done").await;
    assert!(audio > 10_000, "{audio} bytes of speech");
    let turn = events.iter().find(|event| event["type"] == "response.output_item.added").expect("begun");
    assert!(turn["duologue"]["turn"].as_u64().is_some());
    assert!(!events.iter().any(|event| event["type"] == "response.output_audio.delta"));
}

#[tokio::test]
async fn what_clients_get_wrong_is_answered_and_the_session_lives() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
    socket.until("session.created").await;
    socket.0.send(Message::Text("{ not json".into())).await.expect("sent");
    assert_eq!(socket.error().await["code"], "invalid_json");
    socket.say(json!({"type": "teleport", "event_id": "mine"})).await;
    let error = socket.error().await;
    assert_eq!((error["code"].as_str(), error["event_id"].as_str()), (Some("unknown_event"), Some("mine")));
    socket.0.send(Message::Binary(vec![1, 2, 3].into())).await.expect("sent");
    assert_eq!(socket.error().await["param"], "audio");
    socket.say(json!({"type": "input_audio_buffer.commit"})).await;
    assert_eq!(socket.error().await["code"], "input_audio_buffer_commit_empty");
    socket.say(json!({"type": "response.cancel"})).await;
    assert_eq!(socket.error().await["code"], "response_cancel_not_active");
    socket.say(json!({"type": "conversation.item.retrieve", "item_id": "nobody"})).await;
    assert_eq!(socket.error().await["code"], "item_not_found");
    let rate = json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 44_100}}}});
    socket.say(json!({"type": "session.update", "session": rate})).await;
    assert_eq!(socket.error().await["param"], "audio.input.format");
    let large = "x".repeat(20 * 1024 * 1024);
    socket.0.send(Message::Text(large.into())).await.expect("sent");
    assert_eq!(socket.error().await["code"], "event_too_large");
    let noise =
        (0..400_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    socket.0.send(Message::Binary(noise.into())).await.expect("sent");
    socket.write("still there?").await;
    let (events, _) = socket.until("response.done").await;
    assert!(!events.is_empty());
}

#[tokio::test]
async fn doors_that_stay_shut() {
    let house = House::plain().await;
    let origin = connect(&house, "/v1/realtime?model=seoa", &[("origin", "https://evil.example")]).await;
    assert_eq!(origin.map(|_| ()), Err(StatusCode::FORBIDDEN), "a foreign page");
    let nobody = connect(&house, "/v1/realtime?model=nobody", &[]).await.map(|_| ());
    assert_eq!(nobody, Err(StatusCode::NOT_FOUND), "a persona that does not exist");
    let framing = connect(&house, "/v1/realtime?model=seoa&audio=smoke", &[]).await.map(|_| ());
    assert_eq!(framing, Err(StatusCode::BAD_REQUEST));
    let id = connect(&house, "/ws/voice/a%20b", &[]).await.map(|_| ());
    assert_eq!(id, Err(StatusCode::BAD_REQUEST), "an impossible id");
}

#[tokio::test]
async fn the_earlier_systems_clients_choose_their_own_id_and_come_back_to_it() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/ws/voice/room-7?model=seoa", &[]).await.expect("made");
    let (events, _) = socket.until("session.created").await;
    assert_eq!(events[0]["session"]["id"], "room-7");
    socket.write("기억해?").await;
    socket.until("response.done").await;
    drop(socket);
    let mut again = connect(&house, "/ws/voice/room-7", &[]).await.expect("found");
    again.until("session.created").await;
    let messages = answer(house.get("/chat/sessions/room-7/messages"), StatusCode::OK).await;
    assert_eq!(messages["messages"].as_array().map(Vec::len), Some(2), "{messages}");
}

#[tokio::test]
async fn a_second_connection_takes_over_and_the_first_is_told() {
    let house = House::plain().await;
    let mut first = connect(&house, "/ws/voice/shared?model=seoa", &[]).await.expect("made");
    first.until("session.created").await;
    let mut second = connect(&house, "/ws/voice/shared", &[]).await.expect("joined");
    second.until("session.created").await;
    loop {
        match first.next().await {
            Some(Message::Close(frame)) => {
                let frame = frame.expect("a reason");
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4001, "attached_elsewhere"));
                break;
            }
            Some(_) => {}
            None => panic!("closed without a word"),
        }
    }
    second.write("나야").await;
    second.until("response.done").await;
}

/// A server on a machine where no model was ever fetched: it starts, says what is missing and what to do, and
/// refuses in words.
#[tokio::test]
async fn a_server_without_models_says_so_and_goes_on() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = crate::store::Folder::new("bare");
    let home = folder.0.display().to_string();
    let flags = [("server.port", "0"), ("home", home.as_str()), ("store.kind", "memory")];
    let sources = duologue::config::Sources {
        env: vec![("HOME".into(), home.clone())],
        flags: flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Default::default()
    };
    let config = duologue::config::Config::load(sources).expect("a valid configuration");
    let server = duologue::server::Server::bind(config).await.expect("binds without models");
    let url = format!("http://127.0.0.1:{}", server.address().expect("bound").port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let health: Value =
        client.get(format!("{url}/health")).send().await.expect("answers").json().await.expect("JSON");
    assert_eq!(health["status"], "degraded", "{health}");
    for part in ["stt", "llm", "vad"] {
        let parts = health["parts"].as_array().expect("parts");
        let shown = parts.iter().find(|shown| shown["part"] == part).expect("every part");
        assert_eq!(shown["state"], "unavailable", "{shown}");
        assert!(
            shown["reason"].as_str().is_some_and(|reason| reason.contains("duologue models pull")),
            "{shown}"
        );
    }
    let said = json!({"content": "안녕하세요", "persona_id": "seoa"});
    let reply = client.post(format!("{url}/chat")).json(&said).send().await.expect("answers");
    assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = reply.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "engine_unavailable", "{body}");
    let _ = stop.send(());
    tokio::time::timeout(Duration::from_secs(30), running)
        .await
        .expect("stops")
        .expect("ends")
        .expect("well");
}
