//! A camera's video in a call: its key frames are looked at when the client asks for it and the landmarker is on; else it
//! is refused, with the reason.

use std::time::Duration;

use duologue_rtc::client::Dial;
use duologue_testkit::FakeFace;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{process::Command, time::Instant};

use super::{Caller, SOON, no_peers, offer, refusal};
use crate::{http::House, pictures::face};

const PATH: &str = "/v1/realtime/calls?model=seoa&language=en";

fn with_camera() -> Dial {
    Dial { camera: true, ..Dial::default() }
}

/// Two frames of a moving picture as an encoder makes them: the first needs no other, the second needs the first.
async fn film() -> [Vec<u8>; 2] {
    let words = "-loglevel error -f lavfi -i testsrc=size=320x180:rate=10 -frames:v 2 -c:v libvpx -deadline realtime \
                 -lag-in-frames 0 -f ivf -";
    let made = Command::new("ffmpeg").args(words.split_ascii_whitespace()).output().await;
    let made = made.expect("ffmpeg: `make test` installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (mut rest, mut frames) = (&made.stdout[32..], Vec::new());
    while let Some((head, behind)) = rest.split_at_checked(12) {
        let length = u32::from_le_bytes(head[..4].try_into().expect("four")) as usize;
        frames.push(behind[..length].to_vec());
        rest = &behind[length..];
    }
    frames.try_into().expect("two frames")
}

/// A camera at 25 frames a second, which makes a key frame when it is asked for one.
struct Camera {
    film: [Vec<u8>; 2],
    shown: u32,
    answered: u32,
}

impl Camera {
    /// Films until it is enough.
    async fn until(&mut self, what: &str, caller: &mut Caller, is_enough: impl Fn(&Caller) -> bool) {
        let deadline = Instant::now() + SOON;
        while !is_enough(caller) {
            assert!(Instant::now() < deadline, "no {what} in time: {:?}", caller.events);
            let asked = caller.call.asked_for_key_frames();
            let is_key = self.shown == 0 || asked > self.answered;
            self.answered = asked;
            let frame = &self.film[usize::from(!is_key)];
            caller.call.show(frame, self.shown.wrapping_mul(3_600)).await.expect("a connection");
            self.shown += 1;
            caller.listen(Duration::from_millis(40)).await;
        }
    }
}

fn sees_a_face(caller: &Caller) -> bool {
    let scores = caller.events.iter().rfind(|event| event["type"] == "duologue.scores");
    scores.is_some_and(|scores| scores["details"]["expression"]["source"] == "face")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_face_is_found_in_key_frames_until_faces_are_switched_off() {
    let fake = FakeFace::seeing(face());
    let house = House::looking(fake.clone()).await;
    let mut caller = Caller::dialling(with_camera(), &house, &format!("{PATH}&video=true")).await;
    caller.event("session.created").await;
    let mut camera = Camera { film: film().await, shown: 0, answered: 0 };
    camera.until("scores of a face", &mut caller, sees_a_face).await;
    let enough = fake.gate.uses() + 4;
    camera.until("four more looks", &mut caller, |_| fake.gate.uses() >= enough).await;
    assert!(camera.answered >= 4, "key frames are asked for: {}", camera.answered);
    assert!(fake.gate.uses() as u32 <= camera.answered + 1, "others are not looked at");
    // Another way through the network: the camera goes on.
    let url = format!("{}{}", house.url, caller.location);
    let secret = caller.secret.clone();
    caller.call.restart(&url, secret.as_deref()).await.expect("restarted");
    let enough = fake.gate.uses() + 2;
    camera.until("two looks after a restart", &mut caller, |_| fake.gate.uses() >= enough).await;
    assert!(!caller.has("duologue.notice") && !caller.has("error"), "{:?}", caller.events);
    caller
        .say(json!({"type": "session.update", "session": {"duologue": {"expression_analysis": false}}}))
        .await;
    caller.event("session.updated").await;
    // What is on its way may still arrive.
    caller.listen(Duration::from_millis(500)).await;
    let (uses, asked) = (fake.gate.uses(), caller.call.asked_for_key_frames());
    let later = Instant::now() + Duration::from_millis(1_500);
    camera.until("time", &mut caller, |_| Instant::now() >= later).await;
    assert_eq!(
        (fake.gate.uses(), caller.call.asked_for_key_frames()),
        (uses, asked),
        "nobody looks any more"
    );
    caller.call.close().await;
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_cannot_be_looked_at_is_refused_with_the_reason() {
    let (off, on) = (House::plain().await, House::looking(FakeFace::seeing(face())).await);
    let (asks, sdp) = (format!("{PATH}&video=true"), "application/sdp");
    let film = with_camera().prepare().await.expect("an offer").offer().to_owned();
    let request = off.request(Method::POST, &asks).header("content-type", sdp).body(film.clone());
    let refused: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(refused["error"]["code"], "video_not_needed");
    let message = refused["error"]["message"].as_str().expect("words");
    assert!(message.contains("[landmarker] enabled = false"), "{message}");
    for (body, code) in [
        (film.replace("VP8", "H264"), "codec_not_supported"),
        (film.replace("m=video 9", "m=video 0"), "sdp_no_video"),
        (offer().await, "sdp_no_video"),
    ] {
        assert_eq!(refusal(&on, &asks, sdp, body).await, (StatusCode::BAD_REQUEST, code.into()));
    }
    // Nobody asked for it: a call without it, and the client is told.
    let mut caller = Caller::dialling(with_camera(), &on, PATH).await;
    let notice = caller.event("duologue.notice").await;
    assert_eq!(notice["code"], "video_not_needed");
    caller.call.close().await;
    no_peers(&off).await;
    no_peers(&on).await;
}
