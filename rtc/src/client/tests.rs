//! A call to an end of the server's own kind, in this process, on a good network and on a bad one.

use tokio::time::{MissedTickBehavior, interval};

use super::*;
use crate::{
    codec::{RATE, SAMPLES},
    peer::Peer,
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
    let mut answered = Peer::answer(&PeerConfig::default(), offer).await.unwrap();
    let mut call = calling.accept(&answered.sdp).await.unwrap();
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

#[tokio::test]
async fn nobody_answers_where_nobody_is() {
    // Port 9 is that of a service which nobody runs any more.
    let called = Dial::default().call("http://127.0.0.1:9", "/v1/realtime/calls").await;
    assert!(matches!(called, Err(CallError::Socket(_))));
}
