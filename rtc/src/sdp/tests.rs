//! Offers as browsers and players send them, and as strangers do.

use super::*;

const FINGERPRINT: &str =
    "sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

const SESSION: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n";

fn section(media: &str, rest: &str) -> String {
    format!(
        "m={media}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
         a=fingerprint:{FINGERPRINT}\r\na=setup:actpass\r\n{rest}"
    )
}

fn audio(rest: &str) -> String {
    section("audio 9 UDP/TLS/RTP/SAVPF 111 63", &format!("a=rtpmap:111 opus/48000/2\r\n{rest}"))
}

fn offer(sections: &[String]) -> String {
    format!("{SESSION}{}", sections.concat())
}

fn code(text: &str) -> &'static str {
    Offer::read(text).expect_err("it is refused").code()
}

const CANDIDATE: &str = "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\n";

#[test]
fn an_offer_of_a_browser_is_read_and_made_plain() {
    let video = section("video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n");
    let data = section("application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2\r\na=sctp-port:5000\r\n");
    let rest =
        format!("a=mid:0\r\na=sendrecv\r\n{CANDIDATE}a=candidate:2 1 udp 1 4f2a.local 50000 typ host\r\n");
    let read = Offer::read(&offer(&[audio(&rest), video, data])).expect("an offer");
    assert_eq!((read.opus, read.audio, read.has_data, read.videos), (111, Direction::Both, true, 1));
    assert_eq!((read.candidates, read.ufrag.as_str()), (2, "abcd"));
    assert!(read.sdp().contains("192.0.2.7"), "a candidate with an address stays");
    assert!(!read.sdp().contains(".local"), "a name that hides an address does not");
    assert!(!format!("{read:?}").contains("192.0.2.7"), "addresses are not printed");
}

#[test]
fn a_camera_can_be_looked_at_when_it_sends_one_stream_of_vp8() {
    let film = |rest: &str| {
        let formats = "a=rtpmap:100 H264/90000\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n";
        section("video 9 UDP/TLS/RTP/SAVPF 100 96 97", &format!("{formats}a=fmtp:97 apt=96\r\n{rest}"))
    };
    let sends =
        "a=sendonly\r\na=msid:a b\r\na=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\na=ssrc-group:FID 7 8\r\n";
    let read = |video: String| Offer::read(&offer(&[audio("a=mid:0\r\n"), video])).expect("an offer");
    let plain = read(film(sends));
    assert_eq!((plain.vp8(), plain.videos), (None, 1));
    let seen = plain.clone().with_camera().expect("a camera");
    assert_eq!(seen.vp8(), Some(96));
    assert!(seen.sdp().contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"), "{}", seen.sdp());
    for gone in ["H264", "rtx", "ssrc:8", "ssrc-group", "msid:a b"] {
        assert!(plain.sdp().contains(gone) && !seen.sdp().contains(gone), "{gone}: {}", seen.sdp());
    }
    assert!(seen.sdp().contains("opus/48000") && seen.sdp().contains("a=ssrc:7 "), "{}", seen.sdp());
    assert!(Offer::read(seen.sdp()).is_ok());
    let fragment = "a=ice-ufrag:efgh\r\na=ice-pwd:9999999999999999999999\r\n";
    let again = seen.restarted(&Fragment::read(fragment).expect("a fragment")).expect("a restart");
    assert_eq!(again.vp8(), Some(96), "it stays with another way through the network");
    for (video, code, words) in [
        (film(&sends.replace("sendonly", "recvonly")), "sdp_no_video", "sends"),
        (film(sends).replace("video 9", "video 0"), "sdp_no_video", "sends"),
        (film(sends).replace("VP8", "VP9"), "codec_not_supported", "VP8"),
        (film("a=sendonly\r\na=rid:h send\r\na=simulcast:send h\r\n"), "sdp_no_video", "simulcast"),
    ] {
        let error = read(video).with_camera().expect_err("refused");
        assert!(error.code() == code && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn what_simple_players_leave_out_is_filled_in() {
    let read = Offer::read(&offer(&[audio("")])).expect("an offer");
    assert_eq!(read.audio, Direction::Both);
    assert!(read.sdp().contains("a=mid:0\r\n") && read.sdp().ends_with("a=sendrecv\r\n"), "{}", read.sdp());
    let sends = Offer::read(&offer(&[audio("a=sendonly\r\n")])).expect("an offer");
    assert!(sends.audio.sends() && !sends.audio.receives());
    assert!(!sends.sdp().contains("sendrecv"));
    // Without carriage returns, and with what holds for all sections said once.
    let once = format!(
        "{SESSION}a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=fingerprint:{FINGERPRINT}\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 109\na=rtpmap:109 OPUS/48000/2\na=recvonly\n"
    );
    assert_eq!(Offer::read(&once).expect("an offer").opus, 109);
}

#[test]
fn what_is_no_offer_is_refused_with_a_code() {
    for text in ["", "hello", "v=0", "v=0\r\nm=audio", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "\u{0}", "v=0\r\nx"]
    {
        assert!(matches!(code(text), "sdp_malformed" | "sdp_no_audio"), "{text:?}");
    }
    assert_eq!(code(&"a".repeat(MAX_OFFER_BYTES + 1)), "sdp_too_large");
    assert_eq!(code(SESSION), "sdp_no_audio");
    let data = section("application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:0\r\n");
    assert_eq!(code(&offer(&[data])), "sdp_no_audio");
    let refused = audio("").replace("audio 9", "audio 0");
    assert_eq!(code(&offer(&[refused])), "sdp_no_audio");
    assert_eq!(code(&offer(&[audio("").replace("opus", "PCMU")])), "codec_not_supported");
    assert_eq!(code(&offer(&[audio("").replace("SAVPF 111 63", "SAVPF 63")])), "codec_not_supported");
    let thousand = CANDIDATE.repeat(1_000).chars().take(MAX_OFFER_BYTES - 2_000).collect::<String>();
    assert_eq!(code(&offer(&[audio(&thousand)])), "sdp_too_many_candidates");
}

#[test]
fn what_makes_a_call_private_is_never_left_out() {
    let whole = offer(&[audio("a=mid:0\r\n")]);
    assert!(Offer::read(&whole).is_ok());
    for (what, with) in [
        (FINGERPRINT, "sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33"),
        (FINGERPRINT, "sha-256 00:11"),
        (FINGERPRINT, "sha-256"),
        ("a=fingerprint:", "a=finger:"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:a b"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:"),
        ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:short"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("audio 9", "audio nine"),
        ("a=mid:0", "a=mid:a b"),
        ("a=setup:actpass", "a=setup:act\tpass"),
    ] {
        assert_eq!(code(&whole.replace(what, with)), "sdp_malformed", "{with}");
    }
    let twice = offer(&[audio("a=mid:0\r\n"), audio("a=mid:0\r\n")]);
    assert_eq!(code(&twice), "sdp_malformed");
    let many = (0..17).map(|idx| audio(&format!("a=mid:{idx}\r\n"))).collect::<Vec<_>>();
    assert_eq!(code(&offer(&many)), "sdp_malformed");
}

#[test]
fn candidates_that_nobody_could_use_are_left_out() {
    let usable = |text: &str| fragment::is_usable(text);
    assert!(usable("candidate:1 1 UDP 2113937151 192.0.2.7 50000 typ host generation 0 ufrag abcd"));
    assert!(usable("candidate:1 1 udp 1 2001:db8::1 50000 typ srflx raddr 0.0.0.0 rport 0"));
    for text in [
        "candidate:1 1 tcp 1 192.0.2.7 9 typ host tcptype active",
        "candidate:1 2 udp 1 192.0.2.7 50000 typ host",
        "candidate:1 1 udp 1 224.0.0.1 50000 typ host",
        "candidate:1 1 udp 1 255.255.255.255 50000 typ host",
        "candidate:1 1 udp 1 0.0.0.0 50000 typ host",
        "candidate:1 1 udp 1 ff02::1 50000 typ host",
        "candidate:1 1 udp 1 192.0.2.7 0 typ host",
        "candidate:1 1 udp 1 192.0.2.7 70000 typ host",
        "candidate:1 1 udp 99999999999 192.0.2.7 50000 typ host",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ other",
        "candidate:1 1 udp 1 abc.local 50000 typ host",
        "candidate:",
        "",
    ] {
        assert!(!usable(text), "{text}");
    }
}

#[test]
fn fragments_bring_candidates_and_restarts() {
    let plain = format!(
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n{CANDIDATE}a=end-of-candidates\r\n"
    );
    let read = Fragment::read(&plain).expect("a fragment");
    assert_eq!((read.candidates.len(), read.counted), (1, 1));
    assert!(!read.restarts("abcd"), "the same credentials");
    assert!(read.restarts("efgh"));
    assert_eq!(Fragment::read("").expect("no more").counted, 0);
    let error = |text: &str| Fragment::read(text).expect_err("refused").code();
    assert_eq!(error(&CANDIDATE.repeat(MAX_CANDIDATES + 1)), "sdp_too_many_candidates");
    assert_eq!(error(&"a".repeat(MAX_FRAGMENT_BYTES + 1)), "sdp_too_large");
    assert_eq!(error("nonsense"), "sdp_malformed");
    assert_eq!(error("a=ice-ufrag:a"), "sdp_malformed");
    assert_eq!(error("a=ice-pwd:0123\u{1}"), "sdp_malformed");
    let first = Offer::read(&offer(&[audio(&format!("a=mid:0\r\n{CANDIDATE}"))])).expect("an offer");
    let new = CANDIDATE.replace("192.0.2.7", "192.0.2.8");
    let text = format!("a=ice-ufrag:efgh\r\na=ice-pwd:9999999999999999999999\r\n{new}");
    let again = first.restarted(&Fragment::read(&text).expect("a fragment")).expect("a restart");
    assert!(again.sdp().contains("192.0.2.8") && !again.sdp().contains("192.0.2.7"), "{}", again.sdp());
    assert!(again.sdp().contains("a=ice-pwd:9999") && !again.sdp().contains("a=ice-ufrag:abcd"));
    assert_eq!(again.ufrag, "efgh");
    assert!(Offer::read(again.sdp()).is_ok());
    assert!(first.restarted(&Fragment::default()).is_none());
    assert!(again.is_late(&read), "what came before the restart");
    assert!(!again.is_late(&Fragment::default()) && !first.is_late(&read));
    let named = |idx: usize| Fragment { ufrag: Some(format!("name{idx}")), ..read.clone() };
    let often = (0..1_000).fold(again, |offer, idx| offer.restarted(&named(idx)).expect("a restart"));
    assert!(
        often.is_late(&named(998)) && !often.is_late(&named(999)),
        "the last but one, and the one of now"
    );
    assert_eq!(often.earlier.len(), EARLIER, "and no more than can matter");
}

#[test]
fn answers_tell_where_this_machine_is_reached_from_outside() {
    let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:1 1 udp 7 10.0.0.5 5000 typ host ufrag abcd\r\n\
        a=candidate:2 1 udp 7 fd00::2 5001 typ host\r\na=candidate:3 1 udp 7 :: 5002 typ host\r\n\
        a=candidate:4 1 udp 6 198.51.100.9 5000 typ srflx raddr 10.0.0.5 rport 5000\r\na=end-of-candidates\r\n";
    let told = from_outside(answer, &["203.0.113.7".parse().expect("an address")]);
    let expected = answer
        .replace("7 10.0.0.5", "7 203.0.113.7")
        .replace("a=candidate:3 1 udp 7 :: 5002 typ host\r\n", "");
    assert_eq!(told, expected, "of another family, and what STUN has told, stays as it is");
}
