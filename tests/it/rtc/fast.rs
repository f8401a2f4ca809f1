//! The channel of what is of no use when it is late, and what is not understood on either channel.

use std::{sync::Arc, time::Duration};

use duologue::{
    store::MemoryStore,
    ws::codec::{Landmarks, encode},
};
use duologue_rtc::{Channel, Message};
use duologue_testkit::face::track::Script;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Caller, SOON, no_peers, relayed};
use crate::http::House;

/// The next event of the channel that is one of these.
async fn next(channel: &Channel, kind: &str) -> Value {
    let wait = async {
        loop {
            match channel.next().await.expect("open") {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    if event["type"] == kind {
                        return event;
                    }
                }
                Message::Binary(bytes) => assert_eq!(bytes[..3], [0x44, 1, 5], "promises of notes"),
            }
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("no {kind}"))
}

async fn send(channel: &Channel, event: Value) {
    channel.send_text(&event.to_string()).await.expect("sent");
}

/// MIDI as bytes: one note that begins.
fn note(pitch: u8) -> Vec<u8> {
    let mut frame = vec![0x44, 1, 4, 1, 0, 0, 0, 0];
    frame.extend(0_u64.to_le_bytes());
    frame.extend([0x90, pitch, 80, 0]);
    frame
}

/// A tenth of all packets is lost, and nothing of this channel is sent twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duet_is_played_over_the_fast_channel_although_some_of_it_is_lost() {
    let house = House::plain().await;
    let mut caller = Caller::dialling(relayed(10.0), &house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let fast = caller.call.open("duologue-fast", true).await.expect("open");
    // As players do: asked until it is answered.
    let asked = async {
        loop {
            send(&fast, json!({"type": "duet.sync", "t0": 5})).await;
            if let Ok(synced) = timeout(Duration::from_millis(500), next(&fast, "duet.synced")).await {
                return synced;
            }
        }
    };
    let synced = timeout(SOON, asked).await.expect("a time");
    assert_eq!(synced["t0"], 5.0);
    let played = async {
        let start = json!({"type": "duet.start", "bpm": 200, "follow": false, "style": "jazz_swing"});
        loop {
            send(&fast, start.clone()).await;
            for pitch in 60..70 {
                fast.send_binary(&note(pitch)).await.expect("sent");
            }
            let notes = async {
                loop {
                    match fast.next().await.expect("open") {
                        Message::Binary(bytes) => return bytes,
                        Message::Text(text) => assert!(!text.contains("duet.notes"), "{text}"),
                    }
                }
            };
            if let Ok(notes) = timeout(Duration::from_secs(2), notes).await {
                return notes;
            }
        }
    };
    let notes = timeout(SOON, played).await.expect("notes");
    assert_eq!(notes[..3], [0x44, 1, 5]);
    // What is not understood is told there too.
    let refused = async {
        loop {
            fast.send_text("{\"type\": \"duet.midi\", \"events\": [[0, 60, 80, 1]]}").await.expect("sent");
            if let Ok(refused) = timeout(Duration::from_millis(500), next(&fast, "duet.error")).await {
                return refused;
            }
        }
    };
    assert_eq!(timeout(SOON, refused).await.expect("told")["code"], "duet_running_status");
    // The conversation goes on beside it, over the channel on which nothing is lost.
    caller.write("안녕").await;
    caller.event("response.done").await;
    assert!(
        !caller.events.iter().any(|event| event["type"].as_str().is_some_and(|it| it.starts_with("duet.")))
    );
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn landmarks_come_over_the_fast_channel() {
    let house = House::plain().await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let fast = caller.call.open("duologue-fast", true).await.expect("open");
    let track = Script { seconds: 10.0, fps: 30.0, ..Script::default() }.play();
    for (sequence, (at_ms, frame)) in track.frames.into_iter().enumerate() {
        let bytes = encode(&Landmarks { sent_us: at_ms * 1_000, frame }, sequence as u32);
        fast.send_binary(&bytes).await.expect("sent");
        caller.listen(Duration::from_millis(33)).await;
        if caller.has("duologue.scores") {
            break;
        }
    }
    let scores = caller.event("duologue.scores").await;
    assert_eq!(scores["details"]["posture"]["source"], "face", "{scores}");
    assert!(!caller.has("error"), "{:?}", caller.events);
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_channels_are_closed_and_the_caller_is_told() {
    let house = House::plain().await;
    for (label, is_fast) in [("duologue-fast", true), ("oai-events", false), ("something-else", false)] {
        // A call for each: this caller's library numbers a new channel like the one that is just being closed.
        let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
        caller.event("session.created").await;
        let first = match label {
            // The first one is welcome, the second is not.
            "duologue-fast" => Some(caller.call.open(label, is_fast).await.expect("open")),
            _ => None,
        };
        // It may be closed before it was open.
        let refused = timeout(SOON, caller.call.open(label, is_fast)).await.expect("opened or closed");
        caller.until("an error", |caller| caller.has("error")).await;
        if let Ok(channel) = refused {
            assert_eq!(timeout(SOON, channel.next()).await.expect("closed"), None, "{label}");
        }
        drop(first);
        let error = &caller.event("error").await["error"];
        assert_eq!(
            (&error["code"], &error["type"]),
            (&"unknown_channel".into(), &"invalid_request_error".into())
        );
        caller.write("안녕").await;
        caller.event("response.done").await;
        caller.call.close().await;
    }
    no_peers(&house).await;
}

/// Up to what was agreed; this caller's library sends no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_of_any_size_on_either_channel_ends_nothing() {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &["네."]).await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let fast = caller.call.open("duologue-fast", true).await.expect("open");
    let events = caller.call.channel().cloned().expect("a channel");
    let large = format!("{{\"type\": \"x\", \"y\": \"{}\"}}", "y".repeat(200_000));
    for text in ["", "{", "null", "[[[[", "{\"type\": 5}", "{\"type\": \"teleport\"}", "\u{0}\u{7f}", &large]
    {
        for channel in [&events, &fast] {
            let sent = channel.send_text(text).await;
            assert!(sent.is_ok(), "{} bytes: {sent:?}", text.len());
        }
    }
    for bytes in [vec![], vec![0x44], vec![0x44, 1, 4], vec![0x44, 1, 2, 9], vec![7; 40], vec![0xff; 200_001]]
    {
        for channel in [&events, &fast] {
            channel.send_binary(&bytes).await.expect("sent");
        }
    }
    for code in ["invalid_json", "unknown_event"] {
        let has = |caller: &Caller| caller.events.iter().any(|event| event["error"]["code"] == code);
        caller.until(code, has).await;
    }
    caller.write("안녕").await;
    caller.event("response.done").await;
    caller.call.close().await;
    no_peers(&house).await;
}
