//! Duets over the sockets of a whole server: the clock, players who hear each other, both forms, and what is refused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use duologue::store::MemoryStore;
use duologue_music::smf::{self, Limits};
use futures_util::SinkExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    http::{House, answer},
    ws::{Socket, connect},
};

/// A session, and the way into its duet.
struct Hall {
    house: House,
    id: String,
    secret: String,
}

impl Hall {
    async fn new() -> Self {
        let flags = [("auth.api_keys", "0123456789abcdef")];
        let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
        let made = house.post("/chat/sessions", &json!({"persona_id": "seoa"}));
        let made = answer(made, StatusCode::CREATED).await;
        let text = |key: &str| made[key].as_str().expect("a text").to_owned();
        Self { id: text("id"), secret: text("secret"), house }
    }

    fn right(&self) -> String {
        format!("realtime, duologue-secret.{}", self.secret)
    }

    async fn try_join(&self, query: &str) -> Result<Socket, StatusCode> {
        let path = format!("/ws/duet/{}{query}", self.id);
        connect(&self.house, &path, &[("sec-websocket-protocol", &self.right())]).await
    }

    /// A player, and the welcome.
    async fn join(&self, query: &str) -> (Socket, Value) {
        let mut socket = self.try_join(query).await.expect("joined");
        let (events, _) = socket.until("duet.welcome").await;
        let welcome = events.into_iter().next_back().expect("welcome");
        (socket, welcome)
    }
}

async fn last(socket: &mut Socket, kind: &str) -> Value {
    socket.until(kind).await.0.pop().expect("the event")
}

/// The duet's time, by one question.
async fn clock(socket: &mut Socket) -> u64 {
    socket.say(json!({"type": "duet.sync", "t0": 0})).await;
    last(socket, "duet.synced").await["t2"].as_u64().expect("a time")
}

#[tokio::test]
async fn the_clock_answers_and_a_start_brings_notes() {
    let hall = Hall::new().await;
    let (mut socket, welcome) = hall.join("?name=Mina").await;
    assert_eq!(
        (&welcome["player"], &welcome["channel"], &welcome["playing"]),
        (&json!(0), &json!(0), &json!(false))
    );
    assert_eq!(welcome["players"], json!([{"player": 0, "name": "Mina"}]));
    assert_eq!(welcome["settings"]["mode"], "accompany");
    let asked = Instant::now();
    socket.say(json!({"type": "duet.sync", "t0": 123.5})).await;
    let synced = last(&mut socket, "duet.synced").await;
    let (t1, t2) = (synced["t1"].as_u64().expect("t1"), synced["t2"].as_u64().expect("t2"));
    assert_eq!(synced["t0"], 123.5);
    assert!(t1 >= welcome["now_us"].as_u64().expect("now") && t1 <= t2);
    assert!(u128::from(t2 - t1) <= asked.elapsed().as_micros(), "{synced}");

    socket
        .say(
            json!({"type": "duet.start", "mode": "accompany", "style": "bossa", "bpm": 140, "follow": false}),
        )
        .await;
    let settings = last(&mut socket, "duet.settings").await;
    assert_eq!(
        (&settings["settings"]["bpm"], &settings["settings"]["follow"]),
        (&json!(140.0), &json!(false))
    );
    assert_eq!(last(&mut socket, "duet.playing").await["playing"], true);
    let transport = last(&mut socket, "duet.transport").await;
    let beat = transport["us_per_beat"].as_f64().expect("a length");
    assert!((beat - 60e6 / 140.0).abs() < 1.0, "{transport}");
    let notes = last(&mut socket, "duet.notes").await;
    let now = clock(&mut socket).await;
    for note in notes["notes"].as_array().expect("a list") {
        assert!(note[1].as_u64().expect("a time") + 2_000_000 > now, "{note} at {now}");
        assert!(["lead", "chords", "bass", "drums"].contains(&note[3].as_str().expect("a part")));
    }
    let plan = last(&mut socket, "duet.plan").await;
    assert!(plan["chords"][0]["symbol"].is_string(), "{plan}");
    socket.say(json!({"type": "duet.stop"})).await;
    let stopped = last(&mut socket, "duet.playing").await;
    assert_eq!((&stopped["playing"], &stopped["ended"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn two_players_hear_each_other_in_both_forms_and_who_goes_lets_go() {
    let hall = Hall::new().await;
    let (mut mina, _) = hall.join("?name=Mina").await;
    let (mut tom, welcome) = hall.join("").await;
    assert_eq!((&welcome["player"], &welcome["channel"]), (&json!(1), &json!(4)));
    let players = last(&mut mina, "duet.players").await;
    assert_eq!(players["players"][1]["name"], "2");
    let now = clock(&mut mina).await;
    mina.say(json!({"type": "duet.midi", "events": [[now, 0x90, 60, 80], [now, 0x90, 64, 70]]})).await;
    let played = last(&mut tom, "duet.played").await;
    assert_eq!(played["player"], 0);
    assert_eq!(played["events"], json!([[now, 0x90, 60, 80], [now, 0x90, 64, 70]]));
    let mut frame = vec![0x44, 1, 4, 1, 0, 0, 0, 0];
    frame.extend(now.to_le_bytes());
    frame.extend([0x90, 67, 90, 0]);
    tom.0.send(Message::Binary(frame.into())).await.expect("sent");
    let played = last(&mut mina, "duet.played").await;
    assert_eq!((&played["player"], &played["events"]), (&json!(1), &json!([[now, 0x94, 67, 90]])));
    tom.say(json!({"type": "duet.name", "name": "Tom"})).await;
    assert_eq!(last(&mut mina, "duet.players").await["players"][1]["name"], "Tom");
    drop(mina);
    let played = last(&mut tom, "duet.played").await;
    let ends = played["events"].as_array().expect("a list").iter().map(|event| (&event[1], &event[2]));
    assert_eq!(ends.collect::<Vec<_>>(), [(&json!(0x80), &json!(60)), (&json!(0x80), &json!(64))]);
    assert_eq!(last(&mut tom, "duet.players").await["players"].as_array().map(Vec::len), Some(1));

    let path = format!("/api/duet/{}/recording.mid", hall.id);
    let request = hall.house.request(Method::GET, &path);
    assert_eq!(request.send().await.expect("answered").status(), StatusCode::FORBIDDEN);
    let request = hall.house.request(Method::GET, &path).header("x-duologue-secret", &hall.secret);
    let answer = request.send().await.expect("answered");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "audio/midi");
    let bytes = answer.bytes().await.expect("bytes");
    let score = smf::read(&bytes, &Limits::default()).expect("a MIDI file");
    assert_eq!(score.notes.len(), 3);
    let sound = path.replace(".mid", ".wav");
    assert_eq!(
        hall.house.request(Method::GET, &sound).send().await.expect("answered").status(),
        StatusCode::FORBIDDEN
    );
    let request = hall.house.request(Method::GET, &sound).header("x-duologue-secret", &hall.secret);
    let answer = request.send().await.expect("answered");
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"audio/wav".parse().expect("a value"))
    );
    assert!(answer.bytes().await.expect("bytes").starts_with(b"RIFF"));
}

#[tokio::test]
async fn promises_come_as_binary_frames_where_they_are_asked_for() {
    let hall = Hall::new().await;
    let (mut socket, _) = hall.join("?binary=1").await;
    socket.say(json!({"type": "duet.start", "bpm": 200, "follow": false, "style": "jazz_swing"})).await;
    let frame = loop {
        match socket.next().await {
            Some(Message::Binary(frame)) => break frame,
            Some(Message::Text(text)) => assert!(!text.contains("duet.notes"), "{text}"),
            Some(_) => {}
            None => panic!("closed"),
        }
    };
    assert_eq!(frame[..3], [0x44, 1, 5]);
    assert_eq!(frame.len(), 8 + usize::from(frame[3]) * 20);
    assert!(frame[3] > 0 && frame[8 + 19] > 0, "a velocity");
}

#[tokio::test]
async fn nonsense_is_refused_with_stable_codes_and_ends_nothing() {
    let hall = Hall::new().await;
    let (mut socket, _) = hall.join("").await;
    for (event, code) in [
        (json!({"type": "duet.start", "bpm": 5}), "duet_bad_value"),
        (json!({"type": "duet.midi", "events": [[0, 60, 80, 1]]}), "duet_running_status"),
        (json!({"type": "duet.midi", "events": [[0, 0xF0, 1, 2]]}), "duet_not_channel_voice"),
        (json!({"type": "duet.ask", "text": "the weather is nice"}), "duet_not_understood"),
        (json!({"type": "session.update"}), "duet_unknown_event"),
        (json!([1, 2]), "duet_unknown_event"),
    ] {
        socket.say(event).await;
        assert_eq!(last(&mut socket, "duet.error").await["code"], code);
    }
    for message in [
        Message::Text("{".into()),
        Message::Text(format!("{{\"x\":\"{}\"}}", "y".repeat(100_000)).into()),
        Message::Binary(vec![7; 40].into()),
        Message::Binary(vec![0x44, 1, 4, 9, 0, 0, 0, 0].into()),
    ] {
        socket.0.send(message).await.expect("sent");
        let code = last(&mut socket, "duet.error").await["code"].clone();
        let known = ["duet_bad_json", "duet_too_large", "duet_bad_header", "duet_wrong_length"];
        assert!(known.contains(&code.as_str().expect("a code")), "{code}");
    }
    clock(&mut socket).await;
}

#[tokio::test]
async fn ten_thousand_notes_a_second_are_dropped_and_said() {
    let hall = Hall::new().await;
    let (mut socket, _) = hall.join("").await;
    for round in 0..60_u64 {
        let events = (0..100).map(|count| json!([round * count, 0x90, (round + count) % 128, 80]));
        socket.say(json!({"type": "duet.midi", "events": events.collect::<Vec<_>>()})).await;
    }
    assert_eq!(last(&mut socket, "duet.error").await["code"], "duet_midi_too_fast");
    clock(&mut socket).await;
}

#[tokio::test]
async fn only_who_has_the_secret_comes_in_and_only_eight() {
    let hall = Hall::new().await;
    let path = format!("/ws/duet/{}", hall.id);
    let wrong = [("sec-websocket-protocol", "realtime, duologue-secret.wrong")];
    for headers in [&wrong[..], &[]] {
        let refused = connect(&hall.house, &path, headers).await.map(|_| ());
        assert_eq!(refused, Err(StatusCode::FORBIDDEN));
    }
    let nowhere = connect(&hall.house, "/ws/duet/none", &[]).await.map(|_| ());
    assert_eq!(nowhere, Err(StatusCode::NOT_FOUND));
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(hall.join("").await.0);
    }
    let ninth = hall.try_join("").await.map(|_| ());
    assert_eq!(ninth, Err(StatusCode::SERVICE_UNAVAILABLE));
    drop(sockets.pop());
    let again = async {
        while hall.try_join("").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("the place is free again");
}

#[tokio::test]
async fn the_scene_s_own_socket_plays_too() {
    let house = House::plain().await;
    let mut scene = connect(&house, "/v1/realtime?model=seoa&language=en", &[]).await.expect("connected");
    let (events, _) = scene.until("conversation.created").await;
    let id = events[0]["session"]["id"].as_str().expect("an id").to_owned();
    let secret = events[0]["session"]["duologue"]["secret"].as_str().expect("a secret").to_owned();
    scene.say(json!({"type": "duet.sync", "t0": 5})).await;
    let welcome = last(&mut scene, "duet.welcome").await;
    assert_eq!((&welcome["player"], &welcome["event_id"]), (&json!(0), &Value::Null));
    assert_eq!(last(&mut scene, "duet.synced").await["t0"], 5);
    let right = format!("realtime, duologue-secret.{secret}");
    let path = format!("/ws/duet/{id}");
    let mut other = connect(&house, &path, &[("sec-websocket-protocol", &right)]).await.expect("joined");
    other.until("duet.welcome").await;
    scene.say(json!({"type": "duet.midi", "events": [[0, 0x90, 60, 80]]})).await;
    assert_eq!(last(&mut other, "duet.played").await["player"], 0);
    scene.say(json!({"type": "duet.midi", "events": [[0, 0x90, 200, 80]]})).await;
    assert_eq!(last(&mut scene, "duet.error").await["code"], "duet_bad_data");
    // The conversation goes on beside it.
    scene.write("hello").await;
    scene.until("response.done").await;
    drop(scene);
    let played = last(&mut other, "duet.played").await;
    assert_eq!(played["events"][0][1], 0x80, "{played}");
}
