//! Odd packets: whoever knows the port of a call can send it anything, and nothing of that fills the log or ends the call.

use std::{fs::File, process::Stdio, time::Duration};

use duologue_rtc::client::{Answer, post};
use serde_json::json;
use tokio::net::UdpSocket;

use super::{Caller, relayed};
use crate::{
    process::{Model, Program},
    store::Folder,
};

/// Of each kind.
const MANY: usize = 300;

/// Datagrams that are nothing, or nearly something: STUN (RFC 5389), DTLS (RFC 6347), RTP and RTCP (RFC 7983 tells them
/// apart by their first byte).
fn odd() -> Vec<Vec<u8>> {
    let with = |first: &[u8], length: usize| {
        let mut bytes = first.to_vec();
        bytes.resize(length.max(first.len()), 0xa5);
        bytes
    };
    vec![
        Vec::new(),
        vec![0xff],
        with(&[0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42], 28),
        with(&[0x00, 0x01, 0xff, 0xff, 0x21, 0x12, 0xa4, 0x42], 24),
        with(&[0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x00], 200),
        with(&[0x17, 0xfe, 0xfd], 60),
        with(&[0x80, 0x6f], 12),
        with(&[0x80, 0x6f, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9], 120),
        with(&[0x90, 0xef, 0, 1], 1_200),
        with(&[0x80, 0xc8, 0, 6], 28),
        with(&[0x81, 0xc9, 0xff, 0xff], 64),
        with(&[0xc8], 1_400),
    ]
}

/// Where the server listens for this call.
fn port(answer: &Answer) -> u16 {
    let line = answer.body.lines().find(|line| line.starts_with("a=candidate:")).expect("a candidate");
    line.split(' ').nth(5).and_then(|port| port.parse().ok()).expect("a port")
}

/// What the server logged while a stranger, and a caller who is one, sent it odd packets.
async fn flooded(level: &str) -> (String, String) {
    let folder = Folder::new("flood");
    let model = Model::start().await;
    let log = folder.0.join("log");
    let stderr = Stdio::from(File::create(&log).expect("a file"));
    let program = Program::start_with(&folder.0, &model, &[("log.level", level)], stderr).await;
    let calling = relayed(0.0).prepare().await.expect("an offer");
    let url = format!("{}/v1/realtime/calls?model=seoa", program.url);
    // The stream that the caller sends is not the one that it names here.
    let ssrc = calling.offer().lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next());
    let ssrc = ssrc.expect("a stream").to_owned();
    let offer = calling.offer().replace(&format!("a=ssrc:{ssrc} "), "a=ssrc:12345 ");
    let answer = post(&url, None, &offer).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.body);
    let port = port(&answer);
    let mut caller = Caller::of(calling.accept(&answer.body).await.expect("a call"), &answer);
    caller.event("session.created").await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    for datagram in odd() {
        for idx in 0..MANY {
            stranger.send_to(&datagram, ("127.0.0.1", port)).await.expect("sent");
            caller.call.forge(&datagram).await.expect("sent");
            if idx % 50 == 0 {
                caller.listen(Duration::from_millis(20)).await;
            }
        }
    }
    // The call goes on: it is heard and answers.
    caller.say(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    caller.event("session.updated").await;
    let metrics = reqwest::get(format!("{}/metrics", program.url)).await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    caller.call.close().await;
    program.kill();
    (std::fs::read_to_string(&log).expect("a log"), metrics)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_packets_are_counted_and_not_logged() {
    let (log, metrics) = flooded("warn").await;
    let of_calls =
        log.lines().filter(|line| line.contains("rtc::") || line.contains("rtc_")).collect::<Vec<_>>();
    assert!(of_calls.is_empty(), "{} lines, first {:?}", of_calls.len(), of_calls.first());
    assert!(log.lines().count() < 50, "{log}");
    let counted = metrics.lines().filter_map(|line| {
        line.strip_prefix("rtc_library_complaints_total{")?.rsplit(' ').next()?.parse::<u64>().ok()
    });
    assert!(counted.sum::<u64>() > 100, "{metrics}");
}

/// Who looks for a fault can read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_packets_are_logged_for_who_asks() {
    let (log, _) = flooded("warn,webrtc=warn,rtc=warn").await;
    assert!(
        log.lines().filter(|line| line.contains("rtc::") || line.contains("rtc_")).count() > 100,
        "{log}"
    );
}
