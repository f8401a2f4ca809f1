//! Landmarks over the sockets of a whole server: scored alone, fed to a session, and everything that may be wrong.

use std::{sync::Arc, time::Duration};

use duologue::{
    store::MemoryStore,
    ws::codec::{Landmarks, encode},
};
use duologue_testkit::face::track::Script;
use futures_util::SinkExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    http::{House, answer, refused},
    ws::{Socket, connect},
};

/// Frames of a track, shrunk in time so that a minute of a face takes two seconds: the sender's clock is what counts
/// only within what has passed here, so the rate stays that of a camera.
async fn play(socket: &mut Socket, seconds: f32) {
    let track = Script { seconds, fps: 30.0, ..Script::default() }.play();
    for (sequence, (at_ms, frame)) in track.frames.into_iter().enumerate() {
        let bytes = encode(&Landmarks { sent_us: at_ms * 1_000, frame }, sequence as u32);
        socket.0.send(Message::Binary(bytes.into())).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(33)).await;
    }
}

pub(crate) async fn error(socket: &mut Socket) -> Value {
    socket.until("error").await.0.pop().expect("the error")["error"].clone()
}

#[tokio::test]
async fn a_face_without_a_session_is_scored_once_a_second() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/ws/landmarks?language=en", &[]).await.expect("connected");
    play(&mut socket, 2.2).await;
    let (events, _) = socket.until("duologue.scores").await;
    let event = events.last().expect("scores");
    assert_eq!(event["blinking"], Value::Null);
    let details = &event["details"];
    for name in ["blinking", "gaze_stability", "concentration", "posture", "expression"] {
        assert_eq!(details[name]["source"], "face", "{name} in {event}");
        assert!(details[name]["why_not"]["text"].as_str().expect("words").contains("of face"), "{event}");
    }
    let (events, _) = socket.until("duologue.scores").await;
    let shares = &events.last().expect("scores")["details"]["expression"]["shares"];
    assert!(shares["neutral"].as_f64().expect("a share") > 0.5, "{shares}");
}

#[tokio::test]
async fn nonsense_is_refused_with_stable_codes_and_ends_nothing() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    let nan = json!({"type": "duologue.landmarks", "width": 9, "height": 9, "matrix": vec!["NaN"; 16]});
    let few = json!({"type": "duologue.landmarks", "width": 9, "height": 9, "landmarks": [[0, 0, 0]]});
    for (event, code) in [
        (nan, "landmarks_not_a_number"),
        (few, "landmarks_wrong_count"),
        (json!({"type": "response.create"}), "unknown_event"),
        (json!({"type": "duologue.calibrate", "action": "dance"}), "invalid_value"),
    ] {
        socket.say(event).await;
        assert_eq!(error(&mut socket).await["code"], code);
        // Refusals are said once a second.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
    socket.0.send(Message::Binary(vec![0x44, 1, 2].into())).await.expect("sent");
    assert_eq!(error(&mut socket).await["code"], "landmarks_bad_header");
    socket.say(json!({"type": "duologue.calibrate", "action": "begin"})).await;
    socket.say(json!({"type": "duologue.landmarks", "faces": 0})).await;
    socket.until("duologue.scores").await;
}

#[tokio::test]
async fn a_thousand_frames_a_second_are_dropped_and_said() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    let (_, frame) = Script { seconds: 0.1, ..Script::default() }.play().frames.swap_remove(0);
    for index in 0..1_000_u64 {
        let bytes = encode(&Landmarks { sent_us: index * 1_000, frame: frame.clone() }, index as u32);
        socket.0.send(Message::Binary(bytes.into())).await.expect("sent");
    }
    assert_eq!(error(&mut socket).await["code"], "landmarks_too_fast");
    let (events, _) = socket.until("duologue.scores").await;
    assert!(events.iter().filter(|event| event["type"] == "error").count() <= 2, "{events:?}");
}

#[tokio::test]
async fn a_session_is_fed_with_its_secret_and_only_while_it_is_open() {
    let house = House::with(&[("auth.api_keys", "0123456789abcdef")], Arc::new(MemoryStore::default())).await;
    let made =
        answer(house.post("/chat/sessions", &json!({"persona_id": "seoa"})), StatusCode::CREATED).await;
    let (id, secret) = (made["id"].as_str().expect("id"), made["secret"].as_str().expect("secret"));
    let path = format!("/ws/landmarks?session_id={id}");
    let right = format!("realtime, duologue-secret.{secret}");
    let status = |result: Result<Socket, StatusCode>| result.map(|_| ());
    assert_eq!(status(connect(&house, &path, &[]).await), Err(StatusCode::FORBIDDEN));
    let early = connect(&house, &path, &[("sec-websocket-protocol", &right)]).await;
    assert_eq!(status(early), Err(StatusCode::NOT_FOUND), "nobody is in the scene yet");
    let scene = format!("/ws/voice/{id}");
    let mut voice = connect(&house, &scene, &[("sec-websocket-protocol", &right)]).await.expect("joined");
    voice.until("session.created").await;
    let mut camera = connect(&house, &path, &[("sec-websocket-protocol", &right)]).await.expect("fed");
    play(&mut camera, 2.5).await;
    let (events, _) = voice.until("duologue.scores").await;
    let expression = &events.last().expect("scores")["details"]["expression"];
    assert_eq!(expression["source"], "face", "{expression}");
    camera.say(json!({"type": "duologue.calibrate", "action": "begin"})).await;
    assert_eq!(error(&mut camera).await["code"], "unknown_event");
}

#[tokio::test]
async fn landmarks_come_through_the_scene_s_own_socket_too() {
    let house = House::plain().await;
    let mut socket = connect(&house, "/v1/realtime?model=seoa&language=en", &[]).await.expect("connected");
    socket.until("conversation.created").await;
    socket.say(json!({"type": "duologue.landmarks", "faces": 99})).await;
    assert_eq!(error(&mut socket).await["code"], "landmarks_out_of_range");
    play(&mut socket, 2.5).await;
    let (events, _) = socket.until("duologue.scores").await;
    let event = events.last().expect("scores");
    assert_eq!(event["details"]["blinking"]["why_not"]["code"], "needs_face", "{event}");
}

#[tokio::test]
async fn pictures_that_are_none_are_refused_and_the_landmarker_says_that_it_is_off() {
    let house = House::plain().await;
    let upload = |body: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(body).file_name("face.png");
        let form = reqwest::multipart::Form::new().part("file", part);
        house.request(Method::POST, "/upload/image").multipart(form)
    };
    refused(upload(b"GIF89a".to_vec()), "image_unsupported").await;
    refused(upload(png(1, 1)), "image_too_small").await;
    refused(upload(png(5_000, 40)), "image_too_large").await;
    refused(upload(png(64, 64)[..60].to_vec()), "image_damaged").await;
    refused(upload(vec![0; 13 * 1024 * 1024]), "payload_too_large").await;
    refused(upload(png(64, 64)), "engine_unavailable").await;
    let raw =
        house.request(Method::POST, "/upload/image").header("content-type", "image/png").body(png(1, 1));
    refused(raw, "image_too_small").await;
    let health = answer(house.get("/health"), StatusCode::OK).await;
    let parts = health["parts"].as_array().expect("parts");
    let landmarker = parts.iter().find(|part| part["part"] == "landmarker").expect("named");
    assert_eq!(landmarker["state"], "off", "{landmarker}");
}

#[tokio::test]
async fn a_server_that_looks_at_no_faces_says_so() {
    let house = House::with(&[("face.enabled", "false")], Arc::new(MemoryStore::default())).await;
    let refusal = connect(&house, "/ws/landmarks", &[]).await.map(|_| ());
    assert_eq!(refusal, Err(StatusCode::SERVICE_UNAVAILABLE));
    let picture =
        house.request(Method::POST, "/upload/image").header("content-type", "image/png").body(png(64, 64));
    refused(picture, "engine_unavailable").await;
}

/// A grey PNG, stored without compression.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..height {
        rows.push(0);
        rows.extend(std::iter::repeat_n(128, width as usize));
    }
    let mut packed = vec![0x78, 1];
    let mut pieces = rows.chunks(60_000).peekable();
    while let Some(piece) = pieces.next() {
        packed.push(u8::from(pieces.peek().is_none()));
        let length = piece.len() as u16;
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(piece);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in &rows {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    packed.extend(((high << 16) | low).to_be_bytes());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = width.to_be_bytes().to_vec();
    head.extend(height.to_be_bytes());
    head.extend([8, 0, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", &head), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        file.extend((data.len() as u32).to_be_bytes());
        let start = file.len();
        file.extend(kind);
        file.extend(data);
        let sum = crc(&file[start..]);
        file.extend(sum.to_be_bytes());
    }
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
            },
        )
    })
}
