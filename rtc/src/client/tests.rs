//! A call to an end of the server's own kind, in this process, on a good network and on a bad one.

use std::net::{IpAddr, SocketAddr};

use tokio::{
    net::UdpSocket,
    time::{MissedTickBehavior, interval},
};
use turn::{
    auth::{AuthHandler, generate_auth_key},
    relay::relay_static::RelayAddressGeneratorStatic,
    server::{
        Server,
        config::{ConnConfig, ServerConfig},
    },
};
use webrtc_util::vnet::net::Net;

use super::*;
use crate::{
    codec::{RATE, SAMPLES},
    config::IceServer,
    peer::{Answered, Peer},
    sdp::Offer,
};

/// Two tones in turns, of which nothing is silent, so that gaps show.
fn tones(samples: usize) -> Vec<i16> {
    let tone = |idx: usize| {
        let pitch = if (idx / 6_000).is_multiple_of(2) { 220.0 } else { 330.0 };
        let phase = idx as f64 * pitch * std::f64::consts::TAU / f64::from(RATE);
        (phase.sin() * 6_000.0 + (phase * 2.0).sin() * 3_000.0) as i16
    };
    (0..samples).map(tone).collect()
}

/// What both ends heard, the caller first, and what came of the packets.
struct Both {
    heard: [Vec<i16>; 2],
    statistics: [EarStatistics; 2],
}

/// Both ends say `said` at once.
async fn talk(network: Option<Network>, said: &[i16]) -> Both {
    let dial = Dial { network, ..Dial::default() };
    let calling = dial.prepare().await.unwrap();
    let offer = Offer::read(calling.offer()).unwrap();
    let answered = Peer::answer(&PeerConfig::default(), offer).await.unwrap();
    let call = calling.accept(&answered.sdp).await.unwrap();
    talk_over(call, answered, said).await
}

/// The same over a connection that has come about.
async fn talk_over(mut call: Call, mut answered: Answered, said: &[i16]) -> Both {
    let mut line = Line::new(EncoderConfig::default()).unwrap();
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut heard = [Vec::new(), Vec::new()];
    for frame in said.chunks(SAMPLES).chain(std::iter::repeat_n([].as_slice(), 25)) {
        ticks.tick().await;
        while let Ok(event) = answered.events.try_recv() {
            if let PeerEvent::Hears(hearing) = event {
                line.hear(hearing);
            }
        }
        call.say(frame);
        line.say(frame);
        heard[0].extend(call.tick().await.unwrap().into_iter().flatten());
        let (spoken, other) = line.tick().unwrap();
        heard[1].extend(other.into_iter().flatten());
        if let Some(spoken) = spoken {
            answered.peer.send(spoken).await.unwrap();
        }
    }
    let statistics = [call.statistics(), line.statistics()];
    call.close().await;
    answered.peer.close().await;
    Both { heard, statistics }
}

/// Milliseconds that sound.
fn sounding(heard: &[i16]) -> usize {
    heard.chunks(SAMPLES).filter(|frame| frame.iter().any(|sample| sample.unsigned_abs() > 500)).count() * 20
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_hear_each_other() {
    let said = tones(3 * RATE as usize);
    let both = talk(None, &said).await;
    for (heard, statistics) in both.heard.iter().zip(both.statistics) {
        // The first packets are on their way while the far end learns that there is a stream.
        assert!(sounding(heard) >= 2_500, "{} ms: {statistics:?}", sounding(heard));
        assert_eq!((statistics.garbled, statistics.buffer.resets, statistics.buffer.refused), (0, 0, 0));
        assert!(statistics.buffer.received > 120, "{statistics:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_comes_about_and_sounds_on_a_bad_network() {
    let (delay, jitter) = (Duration::from_millis(60), Duration::from_millis(30));
    let said = tones(6 * RATE as usize);
    let both = talk(Some(Network { loss: 5.0, delay, jitter, seed: 5 }), &said).await;
    for (heard, statistics) in both.heard.iter().zip(both.statistics) {
        let buffer = statistics.buffer;
        assert!(sounding(heard) >= 5_000, "{} ms: {statistics:?}", sounding(heard));
        assert!(buffer.jitter_us > 5_000, "{statistics:?}");
    }
    let recovered = both.statistics.map(|statistics| statistics.buffer.recovered);
    assert!(recovered.iter().sum::<u64>() > 0, "no copy of a lost packet was of use: {:?}", both.statistics);
}

/// From where the relay's packets come: nothing else has this address.
const RELAYED: &str = "127.0.0.3";

/// Knows one guest.
struct Guests;

impl AuthHandler for Guests {
    fn auth_handle(&self, username: &str, realm: &str, _: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        Ok(generate_auth_key(username, realm, "only for tests"))
    }
}

/// A TURN server, and how it is reached.
async fn relay() -> (Server, IceServer) {
    let conn = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let urls = vec![format!("turn:{}", conn.local_addr().unwrap())];
    let relay_addr_generator = Box::new(RelayAddressGeneratorStatic {
        relay_address: RELAYED.parse().unwrap(),
        address: RELAYED.into(),
        net: Arc::new(Net::new(None)),
    });
    let config = ServerConfig {
        conn_configs: vec![ConnConfig { conn, relay_addr_generator }],
        realm: "duologue".into(),
        auth_handler: Arc::new(Guests),
        channel_bind_timeout: Duration::ZERO,
        alloc_close_notify: None,
    };
    let guest = IceServer { urls, username: "guest".into(), credential: "only for tests".into() };
    (Server::new(config).await.unwrap(), guest)
}

/// A description that tells no way but the relay.
fn relayed(sdp: &str) -> String {
    let lines =
        sdp.split("\r\n").filter(|line| !line.starts_with("a=candidate:") || line.contains(" typ relay "));
    lines.collect::<Vec<_>>().join("\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_through_the_relay_where_there_is_no_other_way() {
    let (relay, guest) = relay().await;
    // Whom a relay was not told of it lets through from no address, so nothing goes past the other end's.
    let at = |ip: [u8; 4]| PeerConfig {
        bind: IpAddr::from(ip),
        ice_servers: vec![guest.clone()],
        ..PeerConfig::default()
    };
    let calling = Dial { peer: at([127, 0, 0, 4]), ..Dial::default() }.prepare().await.unwrap();
    let offer = relayed(calling.offer());
    assert!(offer.contains(RELAYED), "{}", calling.offer());
    let answered = Peer::answer(&at([127, 0, 0, 2]), Offer::read(&offer).unwrap()).await.unwrap();
    let answer = relayed(&answered.sdp);
    assert!(answer.contains(RELAYED), "{}", answered.sdp);
    let call = calling.accept(&answer).await.unwrap();
    let both = talk_over(call, answered, &tones(3 * RATE as usize)).await;
    for (heard, statistics) in both.heard.iter().zip(both.statistics) {
        assert!(sounding(heard) >= 2_500, "{} ms: {statistics:?}", sounding(heard));
    }
    relay.close().await.unwrap();
}

#[tokio::test]
async fn nobody_answers_where_nobody_is() {
    // Port 9 is that of a service which nobody runs any more.
    let called = Dial::default().call("http://127.0.0.1:9", "/v1/realtime/calls").await;
    assert!(matches!(called, Err(CallError::Socket(_))));
}
