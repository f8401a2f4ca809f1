//! Players that speak WHIP: an encoder that sends sound and pictures, and one that has sound alone and listens.

use duologue_rtc::client::Dial;
use reqwest::{Method, StatusCode};

use super::{Caller, barge_in::voice, no_peers};
use crate::http::House;

const SAID: &str = "집에 가고 싶어";

/// What an encoder for broadcasting offers: credentials for the whole session, sound and pictures that it only sends, no
/// candidates and no channel.
const ENCODER: &str = "v=0\r\no=rtc 2890844526 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
a=msid-semantic:WMS *\r\na=setup:actpass\r\na=ice-ufrag:Xy7z\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=ice-options:ice2,trickle\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=ssrc:1001 cname:sound\r\n\
a=ssrc:1001 msid:encoder sound\r\na=msid:encoder sound\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=ssrc:1002 cname:pictures\r\n\
a=ssrc:1002 msid:encoder pictures\r\na=msid:encoder pictures\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n\
a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n\
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n";

/// The section of an answer that begins so.
fn section<'a>(answer: &'a str, begin: &str) -> &'a str {
    let at = answer.find(begin).unwrap_or_else(|| panic!("{begin}: {answer}"));
    let rest = &answer[at..];
    rest.get(2..).and_then(|behind| behind.find("\r\nm=")).map_or(rest, |end| &rest[..end + 2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoders_sound_is_taken_and_its_pictures_are_not() {
    let house = House::plain().await;
    for way in ["a=sendonly", "a=sendrecv"] {
        let offer = ENCODER.replacen("a=sendonly", way, 1);
        let request =
            house.request(Method::POST, "/whip?model=seoa").header("content-type", "application/sdp");
        let response = request.body(offer).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED, "{way}");
        let location = response.headers()["location"].to_str().expect("text").to_owned();
        let answer = response.text().await.expect("text");
        let (sound, pictures) = (section(&answer, "m=audio "), section(&answer, "m=video "));
        assert!(sound.contains("opus/48000") && !sound.starts_with("m=audio 0 "), "{answer}");
        assert_eq!(sound.contains("a=sendrecv"), way == "a=sendrecv", "{answer}");
        assert!(pictures.starts_with("m=video 0 "), "refused: {answer}");
        assert!(!answer.contains("m=application"), "{answer}");
        let gone = house.request(Method::DELETE, &location).send().await.expect("an answer");
        assert_eq!(gone.status(), StatusCode::OK);
    }
    no_peers(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_sound_alone_is_heard_and_hears_the_reply() {
    let house = House::scripted(&[], &[SAID], &["같이 걸어가요. 저도 지금 나가려던 참이에요."]).await;
    let dial = Dial { sound_alone: true, ..Dial::default() };
    let mut caller = Caller::dialling(dial, &house, "/whip?model=seoa").await;
    assert!(caller.location.starts_with("/whip/"), "{}", caller.location);
    caller.call.say(&voice(1_500));
    caller.until("the reply's sound", |caller| caller.sounding > 12_000).await;
    assert!(caller.events.is_empty(), "there is nothing that could carry one");
    let gone = house.request(Method::DELETE, &caller.location).send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::OK);
    caller.call.close().await;
    no_peers(&house).await;
}
