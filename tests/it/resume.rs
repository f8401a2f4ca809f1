//! Lost connections: what was missed comes again, once, in its order, to the sample.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use duologue::store::MemoryStore;
use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    http::{House, answer},
    network::Network,
    ws::{Socket, connect, dial},
};

const KOREAN: &str = "오늘은 아침에 회사에 갔어요. 점심에는 친구와 김치찌개를 먹었고, 저녁에는 한강을 오래 걸었어요. \
                      바람이 조금 불었지만 기분이 아주 좋았어요. 다음에는 같이 가요!";
const ENGLISH: &str = "This morning I went to the office. At noon I had lunch with an old friend, and in the evening we walked along \
     the river. It was a little windy. Next time you should come along!";

/// A client that counts.
#[derive(Default)]
struct Listener {
    binary: bool,
    id: String,
    secret: String,
    last: u64,
    samples: u64,
    words: String,
    events: Vec<Value>,
}

impl Listener {
    fn path(&self) -> String {
        let audio = if self.binary { "binary" } else { "json" };
        format!("/ws/voice/{}?audio={audio}&resume={}", self.id, self.last)
    }

    /// Checks and notes one message; true at the end of the reply.
    fn hear(&mut self, message: Message) -> bool {
        match message {
            Message::Binary(bytes) => {
                self.last += 1;
                let offset = u64::from_le_bytes(bytes[8..16].try_into().expect("a header"));
                assert_eq!(offset, self.samples, "every sample once, after {}", self.last);
                self.samples += (bytes.len() as u64 - 16) / 2;
                false
            }
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).expect("JSON");
                self.last += 1;
                assert_eq!(
                    event["event_id"],
                    format!("event_{}", self.last),
                    "no gap, nothing twice: {event}"
                );
                self.note(&event);
                let is_done = event["type"] == "response.done";
                self.events.push(event);
                is_done
            }
            _ => false,
        }
    }

    fn note(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("session.created") => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                self.id = text(&event["session"]["id"]);
                self.secret = text(&event["session"]["duologue"]["secret"]);
            }
            Some("response.output_audio_transcript.delta") => {
                self.words.push_str(event["delta"].as_str().expect("words"));
            }
            Some("response.output_audio.delta") => {
                let bytes = BASE64.decode(event["delta"].as_str().expect("audio")).expect("base64");
                self.samples += bytes.len() as u64 / 2;
            }
            _ => {}
        }
    }

    /// Listens until the reply is done (true) or the connection is lost.
    async fn listen(&mut self, socket: &mut Socket) -> bool {
        let listening = async {
            while let Some(Ok(message)) = socket.0.next().await {
                if self.hear(message) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(60), listening).await.expect("within a minute")
    }

    fn count(&self, kind: &str) -> usize {
        self.events.iter().filter(|event| event["type"] == kind).count()
    }

    async fn begin(&mut self, url: &str) -> Socket {
        let audio = if self.binary { "&audio=binary" } else { "" };
        let mut socket = dial(url, &format!("/v1/realtime?model=seoa{audio}"), &[]).await.expect("connected");
        while self.count("conversation.created") == 0 {
            let message = socket.next().await.expect("a greeting");
            self.hear(message);
        }
        assert!(self.secret.len() >= 16, "who made the session is told its secret");
        socket
    }
}

/// Reproducible chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (self.0 >> 33) % (high - low)
    }
}

/// One reply over a network that is cut at random points, in the middle of frames as well.
async fn over_a_bad_network(reply: &'static str, binary: bool, seed: u64) {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[reply]).await;
    let network = Network::to(&house.url).await;
    let mut dice = Dice(seed);
    let mut listener = Listener { binary, ..Listener::default() };
    let mut socket = listener.begin(&network.url).await;
    socket.write("어떻게 지냈어요?").await;
    // What a client has sent and the server has not taken yet is lost with the connection, and nobody resends it here.
    while listener.count("response.created") == 0 {
        let message = socket.next().await.expect("the reply begins");
        listener.hear(message);
    }
    let mut cuts = 0;
    loop {
        network.cut_after(dice.roll(1, 60_000) as i64);
        if listener.listen(&mut socket).await {
            break;
        }
        cuts += 1;
        assert!(cuts < 500, "it goes on");
        tokio::time::sleep(Duration::from_millis(dice.roll(0, 200))).await;
        let protocols = format!("realtime, duologue-secret.{}", listener.secret);
        socket = loop {
            network.cut_after(dice.roll(400, 60_000) as i64);
            match dial(&network.url, &listener.path(), &[("sec-websocket-protocol", &protocols)]).await {
                Ok(socket) => break socket,
                // Cut while it connected.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
    }
    assert!(cuts >= 3, "only {cuts} cuts");
    assert!(listener.count("duologue.resumed") >= 1);
    assert_eq!(listener.count("session.created"), 1, "there was no gap");
    let done = &listener.events.last().expect("done")["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"][0]["transcript"], reply);
    assert_eq!(listener.words.trim(), reply, "every word once");
    // The fake voice takes 50 ms for a character.
    let spoken = reply.chars().filter(|character| !character.is_whitespace()).count() as u64 * 1_200;
    assert!(listener.samples >= spoken, "{} of at least {spoken} samples", listener.samples);
}

#[tokio::test]
async fn over_a_bad_network_nothing_is_missed_and_nothing_comes_twice() {
    tokio::join!(
        over_a_bad_network(KOREAN, true, 1),
        over_a_bad_network(KOREAN, false, 2),
        over_a_bad_network(ENGLISH, true, 3),
        over_a_bad_network(ENGLISH, false, 4),
    );
}

#[tokio::test]
async fn from_a_network_that_has_fallen_silent_to_another_one() {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[ENGLISH]).await;
    let network = Network::to(&house.url).await;
    let mut listener = Listener { binary: true, ..Listener::default() };
    let mut silent = listener.begin(&network.url).await;
    silent.write("How was your day?").await;
    while listener.samples < 12_000 {
        let message = silent.next().await.expect("speech");
        listener.hear(message);
    }
    network.freeze();
    // The server speaks on until two seconds are on their way, and then waits for somebody to hear it.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (before, back) = (listener.samples, std::time::Instant::now());
    let protocols = format!("realtime, duologue-secret.{}", listener.secret);
    let mut other = dial(&house.url, &listener.path(), &[("sec-websocket-protocol", &protocols)])
        .await
        .expect("from elsewhere");
    assert!(listener.listen(&mut other).await, "the rest of it");
    assert!(listener.samples > before + 48_000);
    // Two seconds were lost on their way and 1.5 s are sent ahead; the rest is said at its pace.
    let ahead = Duration::from_millis((listener.samples - before) / 24).saturating_sub(back.elapsed());
    assert!(ahead < Duration::from_millis(4_300), "{ahead:?} ahead: it came at once");
    assert_eq!(listener.words.trim(), ENGLISH);
}

#[tokio::test]
async fn only_with_the_secret_and_only_from_a_number_that_exists() {
    let house = House::with(&[("auth.api_keys", "0123456789abcdef")], Arc::new(MemoryStore::default())).await;
    let mut listener = Listener::default();
    let mut socket = listener.begin(&house.url).await;
    socket.write("안녕").await;
    assert!(listener.listen(&mut socket).await);
    let path = listener.path();
    for protocols in ["realtime", "realtime, duologue-secret.wrong"] {
        let refused = connect(&house, &path, &[("sec-websocket-protocol", protocols)]).await.map(|_| ());
        assert_eq!(refused, Err(StatusCode::FORBIDDEN));
    }
    let nonsense = connect(&house, &format!("/ws/voice/{}?resume=soon", listener.id), &[]).await.map(|_| ());
    assert_eq!(nonsense, Err(StatusCode::BAD_REQUEST));
    let elsewhere = connect(&house, "/v1/realtime?model=seoa&resume=1", &[]).await.map(|_| ());
    assert_eq!(elsewhere, Err(StatusCode::BAD_REQUEST), "a new session has nothing to resume");
    let right = format!("realtime, duologue-secret.{}", listener.secret);
    let mut again = connect(&house, &path, &[("sec-websocket-protocol", &right)]).await.expect("back");
    let (events, _) = again.until("duologue.resumed").await;
    assert_eq!(events.last().expect("resumed")["session"]["id"], listener.id);
    let beyond = format!("/ws/voice/{}?resume=999999", listener.id);
    let mut lost = connect(&house, &beyond, &[("sec-websocket-protocol", &right)]).await.expect("joined");
    let (events, _) = lost.until("error").await;
    assert_eq!(events[0]["type"], "session.created");
    assert_eq!(events.last().expect("told")["error"]["code"], "resume_gap");
    let mut roles = Vec::new();
    while roles.len() < 2 {
        let item = lost.until("conversation.item.done").await.0.pop().expect("an item")["item"].clone();
        roles.push((item["role"].clone(), item["content"][0].clone()));
    }
    assert_eq!(roles[0], (json!("user"), json!({"type": "input_text", "text": "안녕"})));
    assert_eq!(roles[1].0, "assistant");
    lost.write("다시 만났네요").await;
    lost.until("response.done").await;
}

#[tokio::test]
async fn a_scene_without_its_client_is_paused_and_then_over() {
    let flags = [("sessions.idle_timeout_s", "2")];
    let house = House::saying(&flags, Arc::new(MemoryStore::default()), &["Hello again."]).await;
    let mut listener = Listener::default();
    let mut socket = listener.begin(&house.url).await;
    socket.write("Remember this").await;
    assert!(listener.listen(&mut socket).await);
    let path = format!("/chat/sessions/{}", listener.id);
    let status = async |wanted: &str| {
        for _ in 0..200 {
            let shown = answer(house.get(&path), StatusCode::OK).await;
            if shown["status"] == wanted {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {wanted}");
    };
    status("active").await;
    drop(socket);
    assert_eq!(status("paused").await["is_active"], true);
    let listed = answer(house.get("/chat/sessions"), StatusCode::OK).await;
    assert_eq!(listed["sessions"][0]["status"], "paused");
    let mut back = connect(&house, &listener.path(), &[]).await.expect("in time");
    back.until("duologue.resumed").await;
    status("active").await;
    drop(back);
    assert_eq!(status("ended").await["is_active"], false);
    // Too late: the scene is opened again from the store, and says so.
    let mut late = connect(&house, &listener.path(), &[]).await.expect("opened again");
    let (events, _) = late.until("error").await;
    assert_eq!(events.last().expect("told")["error"]["code"], "resume_gap");
    let item = late.until("conversation.item.done").await.0.pop().expect("what was said");
    assert_eq!(item["item"]["content"][0]["text"], "Remember this");
    status("active").await;
}

/// Takes some twenty seconds: so long a client gets to answer.
#[tokio::test]
async fn who_never_reads_is_cut_off_and_may_come_back() {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[KOREAN]).await;
    let mut listener = Listener { binary: true, ..Listener::default() };
    let mut socket = listener.begin(&house.url).await;
    socket.write("이야기해 주세요").await;
    let path = format!("/chat/sessions/{}", listener.id);
    let mut paused = false;
    for _ in 0..900 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if answer(house.get(&path), StatusCode::OK).await["status"] == "paused" {
            paused = true;
            break;
        }
    }
    assert!(paused, "cut off within 90 s");
    let protocols = format!("realtime, duologue-secret.{}", listener.secret);
    let mut back =
        connect(&house, &listener.path(), &[("sec-websocket-protocol", &protocols)]).await.expect("back");
    assert!(listener.listen(&mut back).await);
    assert_eq!(listener.words.trim(), KOREAN, "nothing was lost meanwhile");
    drop(socket);
}
