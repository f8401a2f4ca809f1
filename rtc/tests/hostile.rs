//! What strangers may send: good offers and fragments, changed in a thousand ways, and packets of any kind. The fuzz targets
//! look for what these do not find.

use duologue_rtc::{
    RtpPacket,
    codec::{Ear, RATE},
    sdp::{Fragment, MAX_CANDIDATES, MAX_OFFER_BYTES, Offer},
    video::{Assembler, Brought, MAX_FILE},
};
use webrtc::peer_connection::RTCSessionDescription;

/// What Chromium offers for a call, in the main.
const CHROMIUM: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
a=extmap-allow-mixed\r\na=msid-semantic: WMS 1\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
a=candidate:1 1 udp 2113937151 6e1c.local 54321 typ host generation 0 network-cost 999\r\n\
a=candidate:2 1 udp 1677729535 192.0.2.1 54321 typ srflx raddr 0.0.0.0 rport 0\r\n\
a=ice-ufrag:Xy7z\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:1 2\r\n\
a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
a=ssrc:1001 cname:x\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Xy7z\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
a=setup:actpass\r\na=mid:2\r\na=sendonly\r\na=msid:1 3\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n\
a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\n\
a=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:x\r\na=ssrc:2002 cname:x\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Xy7z\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
a=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

/// A candidate that came later.
const FRAGMENT: &str = "a=ice-ufrag:Xy7z\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
a=candidate:3 1 udp 2113937151 192.0.2.9 50000 typ host\r\na=end-of-candidates\r\n";

/// A small generator of the same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

/// The text with a few lines, words or bytes changed.
fn changed(text: &str, dice: &mut Dice) -> String {
    let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
    for _ in 0..=dice.below(4) {
        let at = dice.below(lines.len());
        match dice.below(9) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[dice.below(lines.len())].clone()),
            2 => {
                let to = dice.below(lines.len());
                lines.swap(at, to);
            }
            3 => lines[at] = lines[at].replace(' ', ["", "  ", "\t", "\0"][dice.below(4)]),
            4 => {
                let digits = ["99999999999999999999", "-1", "0", "65536", ""][dice.below(5)];
                lines[at] =
                    lines[at].replacen(|letter: char| letter.is_ascii_digit(), digits, 1 + dice.below(3));
            }
            5 => lines[at] = lines[at].chars().take(dice.below(60)).collect(),
            6 => lines[at].push_str(["é한글", "\u{202e}", "a=b=c", ";;;;", ":"][dice.below(5)]),
            7 => lines[at] = lines[at].repeat(1 + dice.below(2_000)),
            _ => {
                let odd = [
                    "=",
                    "a=",
                    "m=",
                    "m=audio",
                    "m=audio 9 x 111",
                    "a=rtpmap:111",
                    "a=candidate:",
                    "a=fmtp:111",
                    "\u{7f}",
                ];
                lines[at] = odd[dice.below(odd.len())].to_owned();
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    let end = ["\r\n", "\n", "\r\n", "\r\n\r\n"][dice.below(4)];
    let mut text = lines.join(end);
    text.push_str(end);
    text
}

#[test]
fn offers_of_any_kind_are_read_or_refused() {
    let good = Offer::read(CHROMIUM).expect("an offer");
    RTCSessionDescription::offer(good.sdp().to_owned()).expect("the library reads it too");
    let mut dice = Dice(1);
    let (mut read, mut refused, mut cameras) = (0, 0, 0);
    for _ in 0..6_000 {
        let text = changed(CHROMIUM, &mut dice);
        match Offer::read(&text) {
            Ok(offer) => {
                read += 1;
                assert!(text.len() <= MAX_OFFER_BYTES && offer.candidates <= MAX_CANDIDATES);
                let again =
                    Offer::read(offer.sdp()).unwrap_or_else(|error| panic!("{error}: {}", offer.sdp()));
                assert_eq!(
                    (again.opus, again.audio, again.has_data),
                    (offer.opus, offer.audio, offer.has_data)
                );
                // An error at worst.
                let _ = RTCSessionDescription::offer(offer.sdp().to_owned());
                if let Ok(seen) = offer.with_camera() {
                    cameras += 1;
                    let again = Offer::read(seen.sdp()).and_then(Offer::with_camera).map(|again| again.vp8());
                    assert_eq!(again, Ok(seen.vp8()), "{}", seen.sdp());
                    let _ = RTCSessionDescription::offer(seen.sdp().to_owned());
                }
            }
            Err(error) => {
                refused += 1;
                assert!(error.code().starts_with("sdp_") || error.code() == "codec_not_supported", "{error}");
                assert!(error.to_string().len() < 200, "{error}");
            }
        }
    }
    assert!(
        read > 500 && refused > 500 && cameras > 300,
        "{read} read, {refused} refused, {cameras} cameras"
    );
}

#[test]
fn fragments_of_any_kind_are_read_or_refused() {
    assert_eq!(Fragment::read(FRAGMENT).expect("a fragment").candidates.len(), 1);
    let mut dice = Dice(2);
    let mut read = 0;
    for _ in 0..6_000 {
        match Fragment::read(&changed(FRAGMENT, &mut dice)) {
            Ok(fragment) => {
                read += 1;
                assert!(fragment.candidates.len() <= MAX_CANDIDATES);
            }
            Err(error) => assert!(error.code().starts_with("sdp_"), "{error}"),
        }
    }
    assert!(read > 500, "{read}");
}

#[test]
fn a_thousand_candidates_are_too_many() {
    let many = CHROMIUM.replacen(
        "a=candidate:1 ",
        &format!("{}a=candidate:1 ", "a=candidate:9 1 udp 1 192.0.2.3 5000 typ host\r\n".repeat(1_000)),
        1,
    );
    assert_eq!(Offer::read(&many).expect_err("refused").code(), "sdp_too_many_candidates");
    let huge = CHROMIUM.replacen("s=-", &format!("s={}", "x".repeat(MAX_OFFER_BYTES)), 1);
    assert_eq!(Offer::read(&huge).expect_err("refused").code(), "sdp_too_large");
}

/// How VP8 begins a key frame: the payload's descriptor, tag, start code, size.
const KEY_FRAME: [u8; 11] = [0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];

/// As the server hears and sees: packets that are nearly in order, whose times jump as far as they are believed.
#[test]
fn packets_of_any_kind_are_heard_and_seen_within_bounds() {
    let mut dice = Dice(3);
    let (mut ear, mut camera) = (Ear::new().expect("an ear"), Assembler::default());
    let (mut now, mut timestamp, mut heard, mut pictures) = (0, 0u32, 0, 0);
    for number in 0..6_000u16 {
        timestamp = timestamp.wrapping_add([960, 960, 960, 95_040, u32::MAX][dice.below(5)]);
        let mut payload = (0..dice.below(40)).map(|_| dice.below(256) as u8).collect::<Vec<_>>();
        if dice.below(3) == 0 {
            payload.splice(..0, KEY_FRAME);
        }
        let packet = RtpPacket {
            ssrc: u32::from(dice.below(200) == 0),
            sequence: number.wrapping_mul(1 + (dice.below(20) == 0) as u16),
            timestamp,
            payload_type: 96,
            marker: dice.below(2) == 0,
            payload,
        };
        if let Brought::Picture(picture) = camera.push(&packet) {
            pictures += 1;
            assert!(picture.file.len() <= MAX_FILE);
        }
        ear.push(packet.into(), now);
        now += dice.below(60_000) as u64;
        let sound = ear.hear(now).len();
        // The packets that can wait, each two seconds ahead of the one before.
        assert!(sound < 150 * RATE as usize, "{sound} samples at once");
        heard += sound;
    }
    assert!(heard > 0 && pictures > 100, "{heard} samples, {pictures} pictures");
}
