//! Calls over WebRTC against a whole server in this process: a conversation, lost connections, and what callers get wrong.

mod barge_in;
mod camera;
mod fast;
mod flood;
mod leaks;
mod restart;
mod resume;
mod whip;

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use duologue_rtc::client::{Answer, Call, Dial, Network};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::{http::House, ws::connect};

/// Nothing here takes long; a deadlock is to be a failure and not a wait.
const SOON: Duration = Duration::from_secs(20);

const LONG: &str = "오늘은 아침에 회사에 갔어요. 점심에는 친구와 김치찌개를 먹었고, 저녁에는 한강을 오래 걸었어요. \
                    바람이 조금 불었지만 기분이 아주 좋았어요. 다음에는 같이 가요!";

/// A caller, and what came to them.
struct Caller {
    call: Call,
    location: String,
    session: String,
    secret: Option<String>,
    events: Vec<Value>,
    /// Samples that were not silence, and whether any came at all.
    sounding: usize,
    last: u64,
}

impl Caller {
    async fn new(house: &House, path: &str) -> Self {
        Self::dialling(Dial::default(), house, path).await
    }

    async fn dialling(dial: Dial, house: &House, path: &str) -> Self {
        let (call, answer) = dial.call(&house.url, path).await.expect("a call");
        Self::of(call, &answer)
    }

    fn of(call: Call, answer: &Answer) -> Self {
        let header = |name: &str| answer.header(name).map(str::to_owned);
        Self {
            call,
            location: header("location").expect("a location"),
            session: header("x-duologue-session").expect("a session"),
            secret: header("x-duologue-secret"),
            events: Vec::new(),
            sounding: 0,
            last: 0,
        }
    }

    /// Listens, in real time, until `is_enough`.
    async fn until(&mut self, what: &str, is_enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + SOON;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !is_enough(self) {
            let kinds = || self.events.iter().map(|event| event["type"].to_string()).collect::<Vec<_>>();
            assert!(Instant::now() < deadline, "no {what} in time, after {:?}", kinds());
            tokio::select! {
                event = self.call.event() => {
                    let event = event.unwrap_or_else(|| panic!("closed before {what}: {:?}", kinds()));
                    let event: Value = serde_json::from_str(&event).expect("JSON");
                    if let Some(number) = event["event_id"].as_str().and_then(|id| id.strip_prefix("event_")) {
                        self.last = number.parse().expect("a number");
                    }
                    self.events.push(event);
                }
                _ = ticks.tick() => {
                    let heard = self.call.tick().await.expect("a connection").unwrap_or_default();
                    self.sounding += heard.iter().filter(|sample| sample.unsigned_abs() > 200).count();
                }
            }
        }
    }

    /// Listens for so long.
    async fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.until("end of listening", |_| Instant::now() >= end).await;
    }

    /// What is played or not any more, in the order in which it was told: `started`, `stopped`, `cleared`, each with its
    /// response.
    fn played(&self) -> Vec<(&str, &str)> {
        let told = self.events.iter().filter_map(|event| {
            let what = event["type"].as_str()?.strip_prefix("output_audio_buffer.")?;
            Some((what, event["response_id"].as_str()?))
        });
        told.collect()
    }

    async fn event(&mut self, kind: &str) -> Value {
        let kind_of = |event: &Value| event["type"] == kind;
        self.until(kind, |caller| caller.events.iter().any(kind_of)).await;
        self.events.iter().rfind(|event| kind_of(event)).cloned().expect("just seen")
    }

    fn has(&self, kind: &str) -> bool {
        self.events.iter().any(|event| event["type"] == kind)
    }

    async fn say(&self, event: Value) {
        self.call.send(&event.to_string()).await.expect("sent");
    }

    async fn write(&self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        self.say(json!({"type": "conversation.item.create", "item": item})).await;
        self.say(json!({"type": "response.create"})).await;
    }
}

/// By way of a network of the test's own, which loses this share of all packets, in percent.
fn relayed(loss: f64) -> Dial {
    let network = Network { loss, delay: Duration::from_millis(1), jitter: Duration::ZERO, seed: 1 };
    Dial { network: Some(network), ..Dial::default() }
}

/// Waits until the server has no peer any more.
async fn no_peers(house: &House) {
    let gone = async {
        loop {
            let health: Value =
                house.get("/health").send().await.expect("health").json().await.expect("JSON");
            let part = health["parts"].as_array().expect("parts").iter().find(|part| part["part"] == "rtc");
            if part.expect("rtc")["model"].as_str().is_some_and(|model| model.starts_with("0 of")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(40), gone).await.expect("all peers are gone");
}

/// An offer that would be answered.
async fn offer() -> String {
    Dial::default().prepare().await.expect("an offer").offer().to_owned()
}

async fn refusal(house: &House, path: &str, kind: &str, body: String) -> (StatusCode, String) {
    let request = house.request(Method::POST, path).header("content-type", kind).body(body);
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    (status, body["error"]["code"].as_str().expect("a code").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_by_call() {
    let house = House::plain().await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa&language=ko").await;
    assert!(caller.location.starts_with("/v1/realtime/calls/rtc_"), "{}", caller.location);
    assert!(caller.secret.is_some());
    let created = caller.event("session.created").await;
    assert_eq!(created["session"]["model"], "seoa");
    assert_eq!(created["session"]["id"], caller.session.as_str());
    assert_eq!(created["event_id"], "event_1", "the server speaks first");
    caller.write("안녕하세요").await;
    caller.event("output_audio_buffer.stopped").await;
    assert!(caller.sounding > 4_800, "{} samples of speech", caller.sounding);
    let started = caller.event("output_audio_buffer.started").await;
    let done = caller.event("response.done").await;
    assert_eq!(done["response"]["status"], "completed");
    assert_eq!(started["response_id"], done["response"]["id"]);
    assert_eq!(done["response"]["output"][0]["content"][0]["transcript"], "반가워요, 저는 서아예요.");
    assert!(!caller.has("response.output_audio.delta"), "sound is no event here");
    assert!(caller.has("response.output_audio.done") && caller.has("duologue.latency"));
    let hang_up =
        house.request(Method::POST, &format!("{}/hangup", caller.location)).send().await.expect("sent");
    assert_eq!(hang_up.status(), StatusCode::OK);
    timeout(SOON, async { while caller.call.event().await.is_some() {} }).await.expect("closed");
    let again = house.request(Method::DELETE, &caller.location).send().await.expect("sent");
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_says_is_heard() {
    let house = House::plain().await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa&language=ko").await;
    caller.event("session.created").await;
    let tone = (0..48_000u32).map(|idx| ((f64::from(idx) * 0.06).sin() * 9_000.0) as i16).collect::<Vec<_>>();
    caller.call.say(&tone);
    // What was said is nothing to the fake ear; that a turn was heard and has ended by itself is the point.
    caller.event("conversation.item.input_audio_transcription.completed").await;
    assert!(caller.has("input_audio_buffer.speech_started") && caller.has("input_audio_buffer.committed"));
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_clears_hears_no_more_and_the_reply_is_cut() {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[LONG, "네, 같이 가요."]).await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    caller.write("뭐 했어?").await;
    caller.event("output_audio_buffer.started").await;
    caller.until("speech", |caller| caller.sounding > 4_800).await;
    caller.say(json!({"type": "output_audio_buffer.clear"})).await;
    caller.event("output_audio_buffer.cleared").await;
    let truncated = |caller: &Caller| {
        caller.has("conversation.item.truncated")
            || caller.events.iter().any(|event| event["response"]["status"] == "cancelled")
    };
    caller.until("the end of the reply", truncated).await;
    caller.events.clear();
    caller.write("그래?").await;
    caller.event("output_audio_buffer.started").await;
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_that_cannot_be_answered_are_refused_with_their_codes() {
    let house = House::plain().await;
    let (good, path) = (offer().await, "/v1/realtime/calls?model=seoa");
    let candidate = "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\n";
    let cases = [
        (String::new(), StatusCode::BAD_REQUEST, "sdp_malformed"),
        ("v=0\r\nnonsense".to_owned(), StatusCode::BAD_REQUEST, "sdp_malformed"),
        (good.replace("a=fingerprint:", "a=nothing:"), StatusCode::BAD_REQUEST, "sdp_malformed"),
        (good.replace("a=ice-pwd:", "a=nothing:"), StatusCode::BAD_REQUEST, "sdp_malformed"),
        (good.replace("opus/48000", "speex/48000"), StatusCode::BAD_REQUEST, "codec_not_supported"),
        (good.replace("m=audio 9", "m=audio 0"), StatusCode::BAD_REQUEST, "sdp_no_audio"),
        (format!("{good}{}", candidate.repeat(1_000)), StatusCode::BAD_REQUEST, "sdp_too_many_candidates"),
        (format!("{good}{}", "a=x\r\n".repeat(20_000)), StatusCode::PAYLOAD_TOO_LARGE, "sdp_too_large"),
        ("a".repeat(900_000), StatusCode::PAYLOAD_TOO_LARGE, "sdp_too_large"),
    ];
    for (body, status, code) in cases {
        let length = body.len();
        assert_eq!(
            refusal(&house, path, "application/sdp", body).await,
            (status, code.into()),
            "{length} bytes"
        );
    }
    let kind = refusal(&house, path, "application/json", "{}".into()).await;
    assert_eq!(kind, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type".into()));
    let nobody = refusal(&house, "/v1/realtime/calls?model=nobody", "application/sdp", good).await;
    assert_eq!(nobody, (StatusCode::NOT_FOUND, "persona_not_found".into()));
    for (method, path) in [
        (Method::DELETE, "/v1/realtime/calls/rtc_nothing"),
        (Method::PATCH, "/whip/rtc_nothing"),
        (Method::POST, "/v1/realtime/calls/rtc_nothing/hangup"),
    ] {
        let answer = house.request(method, path).send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::NOT_FOUND, Some("call_not_found")));
    }
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_name_the_persona_and_players_speak_whip() {
    let house = House::plain().await;
    let session = json!({"type": "realtime", "model": "seoa", "instructions": "짧게 말해요."});
    let form =
        reqwest::multipart::Form::new().text("sdp", offer().await).text("session", session.to_string());
    let answer =
        house.request(Method::POST, "/v1/realtime/calls").multipart(form).send().await.expect("sent");
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["content-type"], "application/sdp");
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    let sdp = answer.text().await.expect("an answer");
    assert!(sdp.starts_with("v=0") && sdp.contains("a=candidate:") && sdp.contains("opus/48000"), "{sdp}");
    let fragment = |text: &'static str| {
        house
            .request(Method::PATCH, &location)
            .header("content-type", "application/trickle-ice-sdpfrag")
            .body(text)
    };
    let taken =
        fragment("a=candidate:1 1 udp 1 127.0.0.1 50000 typ host\r\na=end-of-candidates\r\n").send().await;
    assert_eq!(taken.expect("sent").status(), StatusCode::NO_CONTENT);
    let broken = fragment("nonsense").send().await.expect("sent");
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    assert_eq!(house.request(Method::DELETE, &location).send().await.expect("sent").status(), StatusCode::OK);
    let whip = house.request(Method::POST, "/whip?model=seoa").header("content-type", "application/sdp");
    let answer = whip.body(offer().await).send().await.expect("sent");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert!(location.starts_with("/whip/"), "{location}");
    assert_eq!(house.request(Method::DELETE, &location).send().await.expect("sent").status(), StatusCode::OK);
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_belongs_to_who_may_have_its_session() {
    let house = House::with(&[("auth.api_keys", "0123456789abcdef")], Arc::new(MemoryStore::default())).await;
    let nobody =
        refusal(&house, "/v1/realtime/calls?session=nothing", "application/sdp", offer().await).await;
    assert_eq!(nobody.0, StatusCode::NOT_FOUND);
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let path = format!("/v1/realtime/calls?session={}", caller.session);
    let stranger = refusal(&house, &path, "application/sdp", offer().await).await;
    assert_eq!(stranger, (StatusCode::FORBIDDEN, "forbidden".into()));
    let hang_up = house.request(Method::DELETE, &caller.location).send().await.expect("sent");
    assert_eq!(hang_up.status(), StatusCode::FORBIDDEN);
    let secret = caller.secret.clone().expect("a secret");
    let hang_up = house.request(Method::DELETE, &caller.location).header("x-duologue-secret", secret);
    assert_eq!(hang_up.send().await.expect("sent").status(), StatusCode::OK);
    caller.call.close().await;
    no_peers(&house).await;
}

/// All pages of one backend have their secrets from the same key, and yet each has its own sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_secret_makes_calls_and_comes_into_no_other() {
    const KEY: &str = "0123456789abcdef";
    let flags = [("auth.api_keys", KEY), ("auth.required", "true")];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let session = json!({"type": "realtime", "model": "seoa", "instructions": "짧게 말해요."});
    let secret = async || {
        let made = house.post("/v1/realtime/client_secrets", &json!({"session": session})).bearer_auth(KEY);
        let made: Value = made.send().await.expect("sent").json().await.expect("JSON");
        made["value"].as_str().expect("a secret").to_owned()
    };
    let (own, other) = (secret().await, secret().await);
    let call = async |path: &str, key: &str, form: Value| {
        let form =
            reqwest::multipart::Form::new().text("sdp", offer().await).text("session", form.to_string());
        house.request(Method::POST, path).bearer_auth(key).multipart(form).send().await.expect("sent")
    };
    let calls = "/v1/realtime/calls";
    let made = call(calls, &own, json!({"type": "realtime", "audio": {"output": {"speed": 1.25}}})).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let header = |name: &str| made.headers()[name].to_str().expect("text").to_owned();
    let (location, id, key) = (header("location"), header("x-duologue-session"), header("x-duologue-secret"));
    // What the form leaves open is as the secret says.
    let shown = house.get(&format!("/chat/sessions/{id}")).bearer_auth(KEY).send().await.expect("sent");
    let shown: Value = shown.json().await.expect("JSON");
    assert_eq!(shown["persona_id"], "seoa", "{shown}");
    let mut socket =
        connect(&house, &format!("/ws/voice/{id}"), &[("x-duologue-secret", &key), ("x-api-key", KEY)])
            .await
            .expect("its own secret");
    let (events, _) = socket.until("session.created").await;
    let created = &events.last().expect("an event")["session"];
    assert_eq!(
        (&created["instructions"], &created["audio"]["output"]["speed"]),
        (&"짧게 말해요.".into(), &1.25.into())
    );

    let path = format!("{calls}?session={id}&resume=0");
    for key in [&own, &other] {
        let stranger = call(&path, key, json!({})).await;
        assert_eq!(stranger.status(), StatusCode::FORBIDDEN, "a session is opened by its own secret");
    }
    let hang_up = async |key: &str| {
        house.request(Method::DELETE, &location).bearer_auth(key).send().await.expect("sent").status()
    };
    assert_eq!(hang_up(&other).await, StatusCode::FORBIDDEN);
    assert_eq!(hang_up(&own).await, StatusCode::OK, "who made it may end it");
    let back = house.request(Method::POST, &path).bearer_auth(&other).header("x-duologue-secret", key);
    let back = back.header("content-type", "application/sdp").body(offer().await).send().await.expect("sent");
    assert_eq!(back.status(), StatusCode::CREATED, "with the session's secret it goes on");
}

/// Where a relay has to be used, a page learns of it, and nobody else.
#[tokio::test]
async fn ice_servers_are_told_to_who_may_open_the_session() {
    let flags = [
        ("auth.api_keys", "0123456789abcdef"),
        ("rtc.ice_servers", "stun:127.0.0.1:9,turn:127.0.0.1:9"),
        ("rtc.ice_username", "duologue"),
        ("rtc.ice_credential", "a word"),
    ];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let expected = json!([
        {"urls": ["stun:127.0.0.1:9"]},
        {"urls": ["turn:127.0.0.1:9"], "username": "duologue", "credential": "a word"},
    ]);
    let made = house.post("/chat/sessions", &json!({"persona_id": "seoa"})).send().await.expect("sent");
    let made: Value = made.json().await.expect("JSON");
    assert_eq!(made["ice_servers"], expected, "{made}");
    let path = format!("/chat/sessions/{}", made["id"].as_str().expect("an id"));
    let secret = made["secret"].as_str().expect("a secret");
    let shown = house.get(&path).header("x-duologue-secret", secret).send().await.expect("sent");
    assert_eq!(shown.json::<Value>().await.expect("JSON")["ice_servers"], expected);
    let whip = house.request(Method::POST, "/whip?model=seoa").header("content-type", "application/sdp");
    let answer = whip.body(offer().await).send().await.expect("sent");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let links = answer.headers().get_all("link").iter().map(|link| link.to_str().expect("text"));
    assert_eq!(
        links.collect::<Vec<_>>(),
        [
            r#"<stun:127.0.0.1:9>; rel="ice-server""#,
            r#"<turn:127.0.0.1:9>; rel="ice-server"; username="duologue"; credential="a word"; credential-type="password""#,
        ]
    );
    for request in
        [house.get(&path), house.get("/health"), house.get("/personas"), house.get("/chat/sessions")]
    {
        let text = request.send().await.expect("sent").text().await.expect("text");
        assert!(!text.contains("a word") && !text.contains("turn:"), "{text}");
    }
}

/// A network that is cut: nobody says goodbye.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_vanishes_is_noticed_and_finds_the_session_again() {
    let house = House::plain().await;
    let dial = relayed(0.0);
    let mut first = Caller::dialling(dial, &house, "/v1/realtime/calls?model=seoa").await;
    first.event("session.created").await;
    let (session, last, location) = (first.session.clone(), first.last, first.location.clone());
    // The relay between the two goes with the caller.
    drop(first);
    no_peers(&house).await;
    let gone = house.request(Method::DELETE, &location).send().await.expect("an answer");
    let status = gone.status();
    let body: Value = gone.json().await.expect("JSON");
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::GONE, Some("ice_failed")));
    let path = format!("/v1/realtime/calls?session={session}&resume={last}");
    let mut second = Caller::new(&house, &path).await;
    second.event("duologue.resumed").await;
    second.write("나야").await;
    second.event("output_audio_buffer.stopped").await;
    second.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_free_port_a_caller_is_told_when_to_come_again_and_not_that_the_offer_is_wrong() {
    let held = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("bound").port();
    let range = format!("{port},{port}");
    let house = House::with(&[("rtc.port_range", &range)], Arc::new(MemoryStore::default())).await;
    let request = house.request(Method::POST, "/v1/realtime/calls?model=seoa");
    let request = request.header("content-type", "application/sdp").body(offer().await);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds = response.headers()["retry-after"].to_str().expect("text").parse::<u64>();
    assert!(seconds.is_ok_and(|seconds| seconds > 0));
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "rtc_unavailable");
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_bounded_and_can_be_switched_off() {
    let house = House::with(&[("rtc.max", "1")], Arc::new(MemoryStore::default())).await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let second = refusal(&house, "/v1/realtime/calls?model=seoa", "application/sdp", offer().await).await;
    assert_eq!(second, (StatusCode::SERVICE_UNAVAILABLE, "session_limit".into()));
    caller.call.close().await;
    no_peers(&house).await;
    let house = House::with(&[("rtc.enabled", "false")], Arc::new(MemoryStore::default())).await;
    let off = refusal(&house, "/v1/realtime/calls", "application/sdp", offer().await).await;
    assert_eq!(off, (StatusCode::SERVICE_UNAVAILABLE, "rtc_off".into()));
}
