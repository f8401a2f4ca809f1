//! A caller who comes to another network: ICE begins anew under the same call, and nothing of the session is lost.

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use duologue_rtc::client::{Dial, patch};
use serde_json::json;

use super::{Caller, LONG, barge_in::voice, no_peers};
use crate::http::House;

fn value<'a>(fragment: &'a str, key: &str) -> &'a str {
    fragment.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{key}: {fragment}"))
}

/// Twice in one call, in the middle of a reply, from sockets that the server has never heard of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_moves_and_the_reply_goes_on() {
    let said = [LONG; 2].join(" ");
    // No sign of listening: on a busy machine the reply may count as audible for a moment longer.
    let house = House::scripted(&[], &["집에 가고 싶어"], &[&said, "네."]).await;
    let mut dial = Dial::default();
    dial.peer.moves = true;
    let mut caller = Caller::dialling(dial, &house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    caller.write("뭐 했어?").await;
    caller.event("output_audio_buffer.started").await;
    let mut ufrags = Vec::new();
    for _ in 0..2 {
        let enough = caller.sounding + 18_000;
        caller.until("speech", |caller| caller.sounding > enough).await;
        let url = format!("{}{}", house.url, caller.location);
        let secret = caller.secret.clone();
        let told = caller.call.restart(&url, secret.as_deref()).await.expect("restarted");
        assert_eq!(told.header("content-type"), Some("application/trickle-ice-sdpfrag"));
        assert!(value(&told.body, "a=ice-pwd:").len() >= 22 && told.body.contains("a=candidate:"));
        ufrags.push(value(&told.body, "a=ice-ufrag:").to_owned());
    }
    assert_ne!(ufrags[0], ufrags[1], "credentials of its own each time");
    caller.event("output_audio_buffer.stopped").await;
    let done = caller.event("response.done").await;
    assert_eq!(done["response"]["status"], "completed");
    assert_eq!(done["response"]["output"][0]["content"][0]["transcript"], said.as_str());
    let whole = said.chars().count() * 50 * 24 * 7 / 8;
    assert!(caller.sounding * 10 > whole * 8, "{} of {whole} samples", caller.sounding);
    // Every event once and in order, in the same session.
    let numbers = caller
        .events
        .iter()
        .filter_map(|event| event["event_id"].as_str()?.strip_prefix("event_")?.parse::<u64>().ok());
    let numbers = numbers.collect::<Vec<_>>();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    assert!(!caller.has("duologue.resumed") && !caller.has("error"));
    // And the other way.
    caller.call.say(&voice(1_500));
    let heard = caller.event("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(heard["transcript"], "집에 가고 싶어");
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_that_cannot_be_is_refused_and_the_call_goes_on() {
    let keys = [("auth.api_keys", "0123456789abcdef")];
    let house = House::saying(&keys, Arc::new(MemoryStore::default()), &["네."]).await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    let url = format!("{}{}", house.url, caller.location);
    let secret = caller.secret.clone();
    let password = "a=ice-pwd:abcdefghijklmnopqrstuvwx";
    let fragments = [
        (format!("a=ice-ufrag:abcd\r\n{password}\r\n"), None, 403),
        (format!("a=ice-ufrag:abcd\r\n{password}\r\n"), Some("wrong"), 403),
        (format!("a=ice-ufrag:a\r\n{password}\r\n"), secret.as_deref(), 400),
        ("a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n".to_owned(), secret.as_deref(), 400),
        // Without a password it begins nothing.
        ("a=ice-ufrag:abcd\r\n".to_owned(), secret.as_deref(), 204),
        ("a=candidate:1 1 udp 1 127.0.0.1 50000 typ host\r\n".repeat(129), secret.as_deref(), 400),
        ("a=x\r\n".repeat(10_000), secret.as_deref(), 413),
    ];
    for (fragment, secret, status) in fragments {
        let told = patch(&url, secret, &fragment).await.expect("an answer");
        let shown = fragment.chars().take(60).collect::<String>();
        assert_eq!(told.status, status, "{shown}: {}", told.body);
    }
    caller.say(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    caller.event("session.updated").await;
    caller.listen(Duration::from_millis(100)).await;
    caller.call.close().await;
    no_peers(&house).await;
    let gone = patch(&url, secret.as_deref(), "a=end-of-candidates\r\n").await.expect("an answer");
    assert!([404, 410].contains(&gone.status), "{}", gone.body);
}
