//! Two ends in one process, over sockets of 127.0.0.1.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit},
    media_stream::track_remote::{TrackRemote, TrackRemoteEvent},
    peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState},
};

use rtc::peer_connection::configuration::RTCOfferOptions;

use super::*;
use crate::channel::{Channel, Message};

/// Nothing here takes long; a deadlock is to be a failure and not a wait.
const SOON: Duration = Duration::from_secs(20);

/// What the calling end sees.
#[derive(Debug)]
enum Seen {
    Gathered,
    Rtp(rtp::Packet),
}

struct Eyes(mpsc::Sender<Seen>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Eyes {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.try_send(Seen::Gathered);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let told = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = told.try_send(Seen::Rtp(packet));
                }
            }
        });
    }
}

struct Caller {
    connection: Arc<dyn PeerConnection>,
    voice: Arc<TrackLocalStaticRTP>,
    events: Arc<dyn DataChannel>,
    seen: mpsc::Receiver<Seen>,
}

impl Caller {
    async fn new(payload_type: u8) -> Self {
        let (told, seen) = mpsc::channel(1_024);
        let mut media = MediaEngine::default();
        let opus = RTCRtpCodecParameters { rtp_codec: opus(), payload_type };
        media.register_codec(opus, RtpCodecKind::Audio).expect("a codec");
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
            .with_handler(Arc::new(Eyes(told)))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await
            .expect("a connection");
        let voice = Arc::new(voice(7));
        connection.add_track(voice.clone() as Arc<dyn TrackLocal>).await.expect("a track");
        let events = connection.create_data_channel("oai-events", None).await.expect("a channel");
        Self { connection: Arc::new(connection), voice, events, seen }
    }

    async fn offer(&mut self, restarts: bool) -> String {
        let options = restarts.then_some(RTCOfferOptions { ice_restart: true });
        let offer = self.connection.create_offer(options).await.expect("an offer");
        self.connection.set_local_description(offer).await.expect("applied");
        self.until(|seen| matches!(seen, Seen::Gathered)).await;
        self.connection.local_description().await.expect("an offer").sdp
    }

    async fn accept(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        self.connection.set_remote_description(answer).await.expect("accepted");
    }

    async fn until(&mut self, is_it: impl Fn(&Seen) -> bool) -> Seen {
        let wait = async {
            loop {
                let seen = self.seen.recv().await.expect("still there");
                if is_it(&seen) {
                    return seen;
                }
            }
        };
        timeout(SOON, wait).await.expect("soon")
    }

    async fn say(&self, sequence: u16) {
        let header = rtp::Header {
            version: 2,
            payload_type: 111,
            sequence_number: sequence,
            timestamp: u32::from(sequence) * 960,
            ssrc: 7,
            ..Default::default()
        };
        let payload = Bytes::from_static(&[0xf8, 0xff, 0xfe]);
        let _ = self.voice.write_rtp(rtp::Packet { header, payload }).await;
    }

    async fn hears(&self) -> String {
        let wait = async {
            loop {
                if let DataChannelEvent::OnMessage(message) = self.events.poll().await.expect("open") {
                    return String::from_utf8(message.data.to_vec()).expect("text");
                }
            }
        };
        timeout(SOON, wait).await.expect("soon")
    }
}

async fn next(events: &mut mpsc::Receiver<PeerEvent>) -> PeerEvent {
    timeout(SOON, events.recv()).await.expect("soon").expect("an event")
}

async fn connected(caller: &mut Caller) -> (Answered, Channel) {
    let offer = Offer::read(&caller.offer(false).await).expect("an offer");
    let mut answered = Peer::answer(&PeerConfig::default(), offer).await.expect("an answer");
    caller.accept(answered.sdp.clone()).await;
    let (mut channel, mut is_connected) = (None, false);
    while channel.is_none() || !is_connected {
        match next(&mut answered.events).await {
            PeerEvent::Channel(opened) => channel = Some(opened),
            PeerEvent::Connected => is_connected = true,
            other => panic!("{other:?}"),
        }
    }
    (answered, channel.expect("a channel"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_messages_go_both_ways_and_reports_come_back() {
    let mut caller = Caller::new(111).await;
    let (mut answered, channel) = connected(&mut caller).await;
    let peer = &answered.peer;
    assert!(peer.is_connected() && peer.speaks());
    assert_eq!(channel.label(), "oai-events");
    channel.send_text("안녕").await.expect("sent");
    assert_eq!(caller.hears().await, "안녕");
    caller.events.send_text("hello").await.expect("sent");
    assert_eq!(channel.next().await, Some(Message::Text("hello".into())));
    for sequence in 0..10 {
        caller.say(sequence).await;
        let payload = vec![0xf8, 0xff, 0xfe];
        let packet = RtpPacket {
            ssrc: 0,
            sequence: 100 + sequence,
            timestamp: u32::from(sequence) * 960,
            payload_type: 111,
            marker: sequence == 0,
            payload,
        };
        peer.send(packet).await.expect("sent");
    }
    let PeerEvent::Hears(hearing) = next(&mut answered.events).await else { panic!("no sound") };
    let first = timeout(SOON, hearing.next()).await.expect("soon").expect("a packet");
    assert_eq!((first.ssrc, first.payload_type, first.payload.len()), (7, 111, 3));
    let Seen::Rtp(packet) = caller.until(|seen| matches!(seen, Seen::Rtp(_))).await else { panic!() };
    assert_eq!((packet.header.ssrc, packet.header.payload_type), (peer.ssrc(), 111));
    // The library reports once a second.
    let reported = async {
        while peer.report().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        peer.report().expect("just seen")
    };
    assert_eq!(timeout(SOON, reported).await.expect("soon").highest & 0xffff, 109);
    assert!(peer.last_packet().is_some());
    let arrived = async {
        while channel.outstanding().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, arrived).await.expect("acknowledged");
    answered.peer.close().await;
    assert_eq!(timeout(SOON, channel.next()).await.expect("soon"), None, "closed");
    assert_eq!(channel.send_text("late").await, Err(crate::channel::Unsent::Closed));
    caller.connection.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_certificate_than_the_offers_is_refused() {
    let mut caller = Caller::new(111).await;
    let text = caller.offer(false).await;
    let sum =
        text.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 ")).expect("a sum").to_owned();
    let forged = text.replace(&sum, &["00"; 32].join(":"));
    let second = Duration::from_secs(1);
    let config = PeerConfig { disconnected_after: second, failed_after: second, ..PeerConfig::default() };
    let mut answered =
        Peer::answer(&config, Offer::read(&forged).expect("an offer")).await.expect("an answer");
    caller.accept(answered.sdp.clone()).await;
    let failure = loop {
        match next(&mut answered.events).await {
            PeerEvent::Failed(failure) => break failure,
            PeerEvent::Disconnected => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failure, Failure::Dtls);
    answered.peer.close().await;
    caller.connection.close().await.expect("closed");
}

/// On one thread all of them look for a port before the first one is bound.
#[tokio::test]
async fn calls_at_the_same_moment_share_a_small_range_of_ports_to_its_last() {
    let offer = Offer::read(&Caller::new(111).await.offer(false).await).expect("an offer");
    let held = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let last = held.local_addr().expect("bound").port();
    // Others may have some of these as well.
    let ports = last.saturating_sub(12).max(1_024)..=last;
    let config = PeerConfig { ports: Some(ports.clone()), ..PeerConfig::default() };
    let free = ports.filter(|port| UdpSocket::bind(("127.0.0.1", *port)).is_ok()).count();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..free.min(8) {
        let (config, offer) = (config.clone(), offer.clone());
        calls.spawn(async move { Peer::answer(&config, offer).await });
    }
    for answered in calls.join_all().await {
        answered.expect("a port for each").peer.close().await;
    }
    let config = PeerConfig { ports: Some(last..=last), ..config };
    let none = Peer::answer(&config, offer).await.expect_err("it is taken");
    assert_eq!((&none, none.code()), (&PeerError::NoPort, "rtc_unavailable"));
}

/// The addresses in the candidates of an answer to an offer, under this configuration.
async fn addresses_of(config: &PeerConfig, offer: &Offer) -> Vec<IpAddr> {
    let answered = Peer::answer(config, offer.clone()).await.expect("an answer");
    answered.peer.close().await;
    let candidates = answered.sdp.lines().filter(|line| line.starts_with("a=candidate:"));
    candidates.filter_map(|line| line.split(' ').nth(4)?.parse().ok()).collect()
}

#[tokio::test]
async fn calls_are_reached_where_the_server_is_and_where_it_is_said_to_be() {
    let offer = Offer::read(&Caller::new(111).await.offer(false).await).expect("an offer");
    let on = |bind: &str| PeerConfig { bind: bind.parse().expect("an address"), ..PeerConfig::default() };
    let of_ipv4 = addresses_of(&on("0.0.0.0"), &offer).await;
    let of_both = addresses_of(&on("::"), &offer).await;
    assert!(of_ipv4.iter().all(|ip| ip.is_ipv4() && !ip.is_unspecified()), "{of_ipv4:?}");
    assert!(of_ipv4.iter().all(|ip| of_both.contains(ip)), "{of_ipv4:?}, and of both {of_both:?}");
    assert!(of_both.iter().all(|ip| !ip.is_unspecified()), "{of_both:?}");
    let public = PeerConfig { public_ips: vec!["203.0.113.7".into()], ..PeerConfig::default() };
    let told = addresses_of(&public, &offer).await;
    assert!(!told.is_empty() && told.iter().all(|ip| *ip == IpAddr::from([203, 0, 113, 7])), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ice_restarts_with_a_fragment() {
    let mut caller = Caller::new(96).await;
    let (answered, channel) = connected(&mut caller).await;
    let before = caller.connection.local_description().await.expect("an offer").sdp;
    let again = caller.offer(true).await;
    let kept = ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"];
    let mut text = String::new();
    for line in again.lines().filter(|line| kept.iter().any(|kept| line.starts_with(kept))) {
        text += &format!("{line}\r\n");
    }
    let fragment = Fragment::read(&text).expect("a fragment");
    let ours = answered.peer.told(&fragment).await.expect("restarted").expect("what is ours");
    let first =
        |key: &str, text: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    let (old, new) = (first("a=ice-ufrag:", &answered.sdp), first("a=ice-ufrag:", &ours));
    assert!(new.is_some() && new != old, "{ours}");
    assert!(ours.contains("a=candidate:"), "{ours}");
    assert_eq!(answered.peer.told(&fragment).await, Ok(None), "once");
    // A candidate of before, which the restart has overtaken on its way, begins nothing either.
    let late = Fragment::read(&ice_of(&before)).expect("a fragment");
    assert!(late.ufrag.is_some() && late.ufrag != fragment.ufrag);
    assert_eq!(answered.peer.told(&late).await, Ok(None));
    // The caller takes the fragment into the answer that it has.
    let password = first("a=ice-pwd:", &ours).expect("a password");
    let candidates = ours.lines().filter(|line| line.starts_with("a=candidate:")).collect::<Vec<_>>();
    let mut answer = String::new();
    for line in answered.sdp.lines().filter(|line| !line.starts_with("a=candidate:")) {
        let line = match line {
            _ if line.starts_with("a=ice-ufrag:") => format!("a=ice-ufrag:{}", new.as_deref().expect("new")),
            _ if line.starts_with("a=ice-pwd:") => format!("a=ice-pwd:{password}"),
            other => other.to_owned(),
        };
        answer += &format!("{line}\r\n");
        if line == "a=mid:0" {
            candidates.iter().for_each(|candidate| answer += &format!("{candidate}\r\n"));
        }
    }
    caller.accept(answer).await;
    channel.send_text("after").await.expect("sent");
    assert_eq!(caller.hears().await, "after");
    answered.peer.close().await;
    caller.connection.close().await.expect("closed");
}

fn sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").expect("Linux").filter_map(Result::ok);
    let is_socket = |link: &std::fs::DirEntry| {
        std::fs::read_link(link.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    links.filter(is_socket).count()
}

/// The others in this process have sockets of their own, so this one counts in a process of its own.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the test knows that it is alone")]
fn nothing_is_left_of_a_peer_that_is_dropped_or_closed() {
    const ALONE: &str = "DUOLOGUE_RTC_ALONE";
    let me = std::env::current_exe().expect("a program");
    if std::env::var_os(ALONE).is_none() {
        let name = "peer::tests::nothing_is_left_of_a_peer_that_is_dropped_or_closed";
        let run = std::process::Command::new(me).args([name, "--exact"]).env(ALONE, "1").status();
        assert!(run.expect("runs").success());
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let before = sockets();
        for closes in [true, false] {
            let mut caller = Caller::new(111).await;
            let (answered, channel) = connected(&mut caller).await;
            open_many(&caller.connection).await;
            if closes {
                answered.peer.close().await;
            }
            drop((answered, channel));
            caller.connection.close().await.expect("closed");
        }
        let gone = async {
            while sockets() > before || tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, gone).await.expect("nothing is left");
    });
}

async fn open_many(connection: &Arc<dyn PeerConnection>) {
    for idx in 0..40 {
        let options = RTCDataChannelInit { ordered: false, max_retransmits: Some(0), ..Default::default() };
        let _ = connection.create_data_channel(&format!("channel {idx}"), Some(options)).await;
    }
}

/// A key frame as far as its header goes, 64 by 48 pixels.
fn key_frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 64, 0, 48, 0];
    frame.extend((frame.len()..bytes).map(|idx| idx as u8));
    frame
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_is_seen_when_it_is_wanted_and_asked_for_key_frames() {
    let dial = crate::client::Dial { camera: true, ..Default::default() };
    let calling = dial.prepare().await.expect("an offer");
    let offer = Offer::read(calling.offer()).expect("an offer").with_camera().expect("a camera");
    assert_eq!((offer.vp8(), offer.videos), (Some(VP8), 1));
    let mut answered = Peer::answer(&PeerConfig::default(), offer).await.expect("an answer");
    let video = answered.sdp.split("m=").find(|section| section.starts_with("video 9 ")).expect("accepted");
    for line in ["b=AS:600", "a=rtcp-fb:96 nack pli", "a=recvonly"] {
        assert_eq!(video.lines().filter(|said| *said == line).count(), 1, "{line}: {video}");
    }
    let mut call = calling.accept(&answered.sdp).await.expect("a call");
    let frame = key_frame(3_000);
    let mut assembler = crate::video::Assembler::default();
    let (mut seeing, mut hears) = (None, false);
    while seeing.is_none() || !hears {
        call.tick().await.expect("connected");
        call.show(&frame, 0).await.expect("connected");
        if let Ok(event) = answered.events.try_recv() {
            match event {
                PeerEvent::Sees(seen) => seeing = Some(seen),
                PeerEvent::Hears(hearing) => {
                    let packet = timeout(SOON, hearing.next()).await.expect("soon").expect("a packet");
                    assert_eq!(packet.payload_type, 111, "sound is sound");
                    hears = true;
                }
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seeing = seeing.expect("just seen");
    let picture = async {
        loop {
            let packet = seeing.next().await.expect("a packet");
            assert_eq!(packet.payload_type, VP8);
            if let crate::video::Brought::Picture(picture) = assembler.push(&packet) {
                return (picture, packet.ssrc);
            }
        }
    };
    let (picture, ssrc) = timeout(SOON, picture).await.expect("soon");
    assert_eq!(picture.file[20..], frame);
    let asked = async {
        while call.asked_for_key_frames() == 0 {
            seeing.ask_key_frame(ssrc).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, asked).await.expect("it is told");
    answered.peer.close().await;
    call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_nobody_asked_to_look_at_is_refused() {
    let dial = crate::client::Dial { camera: true, ..Default::default() };
    let calling = dial.prepare().await.expect("an offer");
    let offer = Offer::read(calling.offer()).expect("an offer");
    assert_eq!((offer.vp8(), offer.videos), (None, 1));
    let answered = Peer::answer(&PeerConfig::default(), offer).await.expect("an answer");
    assert!(answered.sdp.contains("m=video 0 "), "{}", answered.sdp);
    let call = calling.accept(&answered.sdp).await.expect("a call");
    call.close().await;
    answered.peer.close().await;
}

/// Sections of video before and behind the one that is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_cameras_one_is_taken() {
    let dial = crate::client::Dial { camera: true, ..Default::default() };
    let calling = dial.prepare().await.expect("an offer");
    let (head, video) = calling.offer().split_once("m=video").expect("a camera");
    let (video, rest) = video.split_once("m=application").expect("a channel");
    let mid = |name: &str| format!("a=mid:{name}\r\n");
    let named = mid(video.split("a=mid:").nth(1).and_then(|rest| rest.lines().next()).expect("a name"));
    let receives =
        video.replace(&named, &mid("x")).replace("a=sendrecv", "a=recvonly").replace("VP8", "H264");
    let other = video.replace(&named, &mid("y"));
    let many = format!("{head}m=video{receives}m=video{video}m=video{other}m=application{rest}");
    let offer = Offer::read(&many).expect("an offer").with_camera().expect("a camera");
    let answered = Peer::answer(&PeerConfig::default(), offer).await.expect("an answer");
    let lines = answered.sdp.lines().filter(|line| line.starts_with("m=")).collect::<Vec<_>>();
    let starts = ["m=audio 9 ", "m=video 0 ", "m=video 9 ", "m=video 0 ", "m=application 9 "];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:?}");
    let bundle = answered.sdp.lines().find(|line| line.starts_with("a=group:BUNDLE")).expect("a bundle");
    assert!(!bundle.contains('x') && !bundle.contains('y'), "{bundle}");
    answered.peer.close().await;
}
