//! Pictures over the sockets of a whole server whose landmarker is a fake: looked at, limited, refused.

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use duologue_testkit::{
    FakeFace,
    face::{Frame, track::Script},
};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    http::House,
    landmarks::{error, png},
    ws::{Socket, connect},
};

/// A calm face.
pub(crate) fn face() -> Frame {
    Script { seconds: 0.1, ..Script::default() }.play().frames.swap_remove(0).1
}

/// The binary frame of a picture.
fn framed(sent_ms: u64, file: &[u8]) -> Message {
    let mut bytes = vec![0x44, 1, 3, 0, 0, 0, 0, 0];
    bytes.extend((sent_ms * 1_000).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(file);
    Message::Binary(bytes.into())
}

/// Sends a picture every `every_ms`, so many of them.
async fn film(socket: &mut Socket, pictures: u64, every_ms: u64) {
    let file = png(64, 64);
    for index in 0..pictures {
        socket.0.send(framed(index * every_ms, &file)).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(every_ms)).await;
    }
}

fn of_a_face(event: &Value) -> bool {
    event["details"]["expression"]["shares"]["neutral"].as_f64().is_some_and(|share| share > 0.3)
}

#[tokio::test]
async fn pictures_are_scored_as_landmarks_are() {
    let fake = FakeFace::seeing(face());
    let house = House::looking(fake.clone()).await;
    let mut socket = connect(&house, "/ws/landmarks?language=en", &[]).await.expect("connected");
    film(&mut socket, 12, 200).await;
    let (mut events, _) = socket.until("duologue.scores").await;
    events.extend(socket.until("duologue.scores").await.0);
    assert!(events.last().is_some_and(of_a_face), "{events:?}");
    assert!(events.iter().all(|event| event["type"] != "error"), "{events:?}");
    assert!((8..=12).contains(&fake.gate.uses()), "{}", fake.gate.uses());
}

#[tokio::test]
async fn of_too_many_only_five_a_second_are_looked_at() {
    let fake = FakeFace::seeing(face());
    let house = House::looking(fake.clone()).await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    film(&mut socket, 100, 20).await;
    socket.until("duologue.scores").await;
    // Two seconds and a little, on a machine that may be busy.
    assert!((3..=20).contains(&fake.gate.uses()), "{}", fake.gate.uses());
    // One in flight: a landmarker that takes half a second is asked twice a second.
    let slow = FakeFace { per_picture: Duration::from_millis(500), ..FakeFace::seeing(face()) };
    let house = House::looking(slow.clone()).await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    film(&mut socket, 30, 50).await;
    assert!((1..=4).contains(&slow.gate.uses()), "{}", slow.gate.uses());
}

#[tokio::test]
async fn a_scene_takes_them_in_its_own_socket_until_faces_are_switched_off() {
    let fake = FakeFace::seeing(face());
    let house = House::looking(fake.clone()).await;
    let mut socket = connect(&house, "/v1/realtime?model=seoa&language=en", &[]).await.expect("connected");
    socket.until("conversation.created").await;
    film(&mut socket, 10, 200).await;
    let (events, _) = socket.until("duologue.scores").await;
    assert_eq!(events.last().expect("scores")["details"]["expression"]["source"], "face", "{events:?}");
    assert!(fake.gate.uses() >= 5, "{}", fake.gate.uses());
    socket
        .say(json!({"type": "session.update", "session": {"duologue": {"expression_analysis": false}}}))
        .await;
    socket.until("session.updated").await;
    // What was being looked at may still end.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = fake.gate.uses();
    film(&mut socket, 5, 200).await;
    assert_eq!(fake.gate.uses(), before, "nobody looks any more");
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_ends_nothing() {
    let house = House::looking(FakeFace::seeing(face())).await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    let mut flagged = framed(0, &png(64, 64)).into_data().to_vec();
    flagged[20] = 2;
    for (message, code) in [
        (Message::Binary(flagged.into()), "picture_bad_header"),
        (framed(0, &vec![0; 512 * 1024 + 1]), "picture_too_large"),
        (framed(0, b"GIF89a"), "image_unsupported"),
        (framed(0, &png(64, 64)[..60]), "image_damaged"),
        (framed(0, &png(5_000, 40)), "image_too_large"),
    ] {
        socket.0.send(message).await.expect("sent");
        assert_eq!(error(&mut socket).await["code"], code);
        // Refusals are said once a second.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
    film(&mut socket, 3, 200).await;
    socket.until("duologue.scores").await;
}

#[tokio::test]
async fn a_landmarker_that_is_off_is_said_once_for_each_socket() {
    let house = House::with(&[], Arc::new(MemoryStore::default())).await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    film(&mut socket, 6, 250).await;
    let refusal = error(&mut socket).await;
    assert_eq!(refusal["code"], "landmarker_off");
    assert!(refusal["message"].as_str().expect("words").contains("[landmarker] enabled = true"), "{refusal}");
    // The next one is about something else: the first was the only one of its kind.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    socket.say(json!({"type": "response.create"})).await;
    assert_eq!(error(&mut socket).await["code"], "unknown_event");
    let mut scene = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
    scene.until("conversation.created").await;
    film(&mut scene, 2, 20).await;
    assert_eq!(error(&mut scene).await["code"], "landmarker_off");
}

#[tokio::test]
async fn a_landmarker_that_breaks_says_so_and_goes_on() {
    let fake = FakeFace::seeing(face());
    fake.gate.break_down();
    let house = House::looking(fake.clone()).await;
    let mut socket = connect(&house, "/ws/landmarks", &[]).await.expect("connected");
    film(&mut socket, 1, 20).await;
    let code = error(&mut socket).await["code"].as_str().expect("a code").to_owned();
    assert!(code.starts_with("engine_") || code == "landmarker_off", "{code}");
    fake.gate.repair();
    tokio::time::sleep(Duration::from_secs(5)).await;
    film(&mut socket, 2, 200).await;
    socket.until("duologue.scores").await;
}
