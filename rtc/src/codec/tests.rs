//! Human speech through the codec, on good and bad networks, and what nobody should send.

use duologue_domain::jitter::{FRAME, Packet};

use super::*;

/// Read speech at [`RATE`], from Debian's `pocketsphinx-testdata`.
fn speech() -> Vec<i16> {
    let path = "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav";
    let mut reader = hound::WavReader::open(path)
        .unwrap_or_else(|error| panic!("{path}: {error}; run the set-up for tests"));
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(reader.spec().sample_rate, 16_000);
    // Two thirds of a sample a step; between samples on a straight line.
    let length = (samples.len() - 1) * 3 / 2;
    let samples = (0..length).map(|idx| {
        let (before, third) = (idx * 2 / 3, (idx * 2 % 3) as i32);
        let (one, next) = (i32::from(samples[before]), i32::from(samples[before + 1]));
        ((one * (3 - third) + next * third) / 3) as i16
    });
    samples.collect()
}

fn frames(samples: &[i16]) -> impl Iterator<Item = &[i16]> {
    samples.chunks_exact(SAMPLES)
}

/// Every packet, also of silence.
fn packets(samples: &[i16], config: EncoderConfig) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(config).unwrap();
    frames(samples).map(|frame| encoder.encode(frame).unwrap()).collect()
}

fn energy(samples: impl IntoIterator<Item = f64>) -> f64 {
    samples.into_iter().map(|sample| sample * sample).sum()
}

/// What carries speech, about 300 to 3,000 Hz: below, libopus takes rumble away and turns phases; above, it only keeps the
/// spectrum.
fn band(samples: &[i16]) -> Vec<f64> {
    let (mut low, mut smooth) = ([0.0f64; 2], [0.0f64; 2]);
    let filtered = samples.iter().map(|sample| {
        let mut sample = f64::from(*sample);
        for low in &mut low {
            *low += (sample - *low) * 0.075;
            sample -= *low;
        }
        for smooth in &mut smooth {
            *smooth += (sample - *smooth) * 0.54;
            sample = *smooth;
        }
        sample
    });
    filtered.collect()
}

/// Signal to noise in dB of `heard` against `said`, at the delay at which it is greatest.
fn snr(said: &[i16], heard: &[i16]) -> f64 {
    let (said, heard) = (band(said), band(heard));
    let at = |lag: usize| {
        let pairs = said.iter().zip(&heard[lag..]);
        let noise = energy(pairs.map(|(said, heard)| said - heard));
        let length = said.len().min(heard.len() - lag);
        10.0 * (energy(said[..length].iter().copied()) / noise.max(1.0)).log10()
    };
    (0..400).map(at).fold(f64::MIN, f64::max)
}

const PLAIN: EncoderConfig = EncoderConfig { bitrate: 32_000, fec: false, dtx: false, expected_loss: 0 };

#[test]
fn speech_comes_back() {
    let said = speech();
    for (bitrate, least) in [(16_000, 8.0), (32_000, 10.0), (64_000, 10.5)] {
        let packets = packets(&said, EncoderConfig { bitrate, ..PLAIN });
        let mut decoder = Decoder::new().unwrap();
        let heard = packets.iter().flat_map(|packet| {
            let frame = decoder.decode(packet).unwrap();
            assert_eq!(frame.len(), SAMPLES);
            frame
        });
        let snr = snr(&said, &heard.collect::<Vec<_>>());
        assert!(snr > least, "{bitrate} bit/s: {snr:.1} dB");
        let bits = packets.iter().map(|packet| packet.len() * 8).sum::<usize>();
        let rate = bits as f64 / (packets.len() as f64 * 0.02);
        assert!(rate < f64::from(bitrate) * 1.3, "{bitrate}: {rate}");
    }
}

/// Decodes with every tenth packet missing; `recover` decides what is played for it. Answers those frames.
fn lost(packets: &[Vec<u8>], mut recover: impl FnMut(&mut Decoder, &[u8]) -> Vec<i16>) -> Vec<i16> {
    let mut decoder = Decoder::new().unwrap();
    let mut lost = Vec::new();
    for (idx, packet) in packets.iter().enumerate() {
        if idx % 10 != 7 {
            decoder.decode(packet).unwrap();
        } else if let Some(next) = packets.get(idx + 1) {
            lost.extend(recover(&mut decoder, next));
        }
    }
    lost
}

/// The same frames of an undisturbed decoder.
fn whole(packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::new().unwrap();
    let decoded = packets.iter().map(|packet| decoder.decode(packet).unwrap()).collect::<Vec<_>>();
    let missing = decoded.iter().enumerate().take(packets.len() - 1).filter(|(idx, _)| idx % 10 == 7);
    missing.flat_map(|(_, frame)| frame.clone()).collect()
}

#[test]
fn a_lost_packet_comes_back_from_the_next() {
    let said = speech();
    let with_copies = packets(&said, EncoderConfig { fec: true, expected_loss: 10, ..PLAIN });
    let true_sound = whole(&with_copies);
    let recovered = lost(&with_copies, |decoder, next| decoder.recover(next, SAMPLES).unwrap());
    let concealed = lost(&with_copies, |decoder, _| decoder.conceal(SAMPLES));
    assert_eq!((recovered.len(), concealed.len()), (true_sound.len(), true_sound.len()));
    let error = |heard: &[i16]| {
        energy(true_sound.iter().zip(heard).map(|(one, other)| f64::from(*one) - f64::from(*other)))
    };
    let (copies, guesses) = (error(&recovered), error(&concealed));
    assert!(copies < guesses * 0.5, "{copies} of {guesses}");

    // Without copies, recovering is concealing.
    let without = packets(&said, PLAIN);
    let recovered = lost(&without, |decoder, next| decoder.recover(next, SAMPLES).unwrap());
    let concealed = lost(&without, |decoder, _| decoder.conceal(SAMPLES));
    let difference =
        energy(recovered.iter().zip(&concealed).map(|(one, other)| f64::from(*one) - f64::from(*other)));
    let loudness = energy(concealed.iter().map(|sample| f64::from(*sample)));
    assert!(difference <= loudness * 0.01, "{difference} of {loudness}");
}

#[test]
fn silence_is_not_sent_and_sounds_silent() {
    let mut said = speech();
    let spoken = said.len() / SAMPLES;
    said.truncate(spoken * SAMPLES);
    said.extend(vec![0; 5 * RATE as usize]);
    let packets = packets(&said, EncoderConfig { dtx: true, ..PLAIN });
    let silent = &packets[spoken + 25..];
    let sent = silent.iter().filter(|packet| !packet.is_empty()).count();
    assert!((5..=30).contains(&sent), "{sent} of {}", silent.len());
    let mut decoder = Decoder::new().unwrap();
    let heard = packets.iter().map(|packet| match packet.as_slice() {
        [] => decoder.conceal(SAMPLES),
        packet => decoder.decode(packet).unwrap(),
    });
    let heard = heard.collect::<Vec<_>>();
    let loudest = heard[spoken + 50..].iter().flatten().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest < Some(100), "{loudest:?}");
}

#[test]
fn frames_have_one_length() {
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    for length in [0, 1, 479, 481, 960] {
        assert_eq!(encoder.encode(&vec![0; length]), Err(CodecError::Length(length)));
    }
    assert!(encoder.lookahead().unwrap() < SAMPLES);
    encoder.set_expected_loss(255).unwrap();
}

/// A small generator of the same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn garbage_is_an_error_at_worst() {
    let good = packets(&speech(), EncoderConfig::default());
    let mut dice = Dice(1);
    let mut decoder = Decoder::new().unwrap();
    for bad in [vec![], vec![3, 0], vec![0xff; 1], vec![0; 3_000]] {
        assert_eq!(decoder.decode(&bad), Err(CodecError::Garbage));
        assert_eq!(decoder.recover(&bad, SAMPLES), Err(CodecError::Garbage));
    }
    for round in 0..4_000usize {
        let mut packet = good[round % good.len()].clone();
        for _ in 0..dice.below(6) {
            let at = dice.below(packet.len().max(1) as u64) as usize;
            if let Some(byte) = packet.get_mut(at) {
                *byte = dice.below(256) as u8;
            }
        }
        packet.truncate(dice.below(packet.len() as u64 + 20) as usize);
        if round % 5 == 0 {
            packet = (0..dice.below(200)).map(|_| dice.below(256) as u8).collect();
        }
        if let Ok(sound) = decoder.decode(&packet) {
            assert!(sound.len() <= 6 * SAMPLES);
        }
        let samples = dice.below(4_000) as usize;
        if let Ok(sound) = decoder.recover(&packet, samples) {
            assert_eq!(sound.len(), samples.min(6 * SAMPLES));
        }
        assert_eq!(decoder.conceal(samples).len(), samples.min(6 * SAMPLES));
    }
    // It goes on well.
    let mut heard = Vec::new();
    good.iter()
        .filter(|packet| !packet.is_empty())
        .for_each(|packet| heard.extend(decoder.decode(packet).unwrap()));
    let snr = snr(&speech(), &heard);
    assert!(snr > 9.0, "{snr:.1} dB");
}

#[test]
fn pieces_of_any_length_become_packets_in_time() {
    let said = speech();
    let mut mouth = Mouth::new(EncoderConfig { dtx: true, ..PLAIN }, 65_530, u32::MAX - 1_000).unwrap();
    let mut dice = Dice(3);
    let (mut at, mut spoken, mut ticks) = (0, Vec::new(), 0u32);
    while at < said.len() || mouth.waiting() > 0 {
        let piece = (dice.below(1_000) as usize).min(said.len() - at);
        at += mouth.push(&said[at..at + piece]);
        spoken.extend(mouth.tick().unwrap());
        ticks += 1;
    }
    // Pauses in the speech are said, and not sent.
    let sent = spoken.iter().map(|packet| packet.samples).sum::<usize>();
    assert!(sent > said.len() * 9 / 10 && sent <= said.len(), "{sent}");
    assert_eq!(mouth.said(), said.len() as u64);
    assert!(spoken[0].marker && !spoken[1].marker);
    for pair in spoken.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) % FRAME, 0);
    }
    // Silence takes time and sends little; the first packet after it says so.
    let quiet = (0..100).filter_map(|_| mouth.tick().unwrap()).collect::<Vec<_>>();
    assert!(quiet.len() < 30 && quiet.iter().all(|packet| packet.samples == 0), "{}", quiet.len());
    mouth.push(&said);
    let again = mouth.tick().unwrap().unwrap();
    let place = (u32::MAX - 1_000).wrapping_add((ticks + 100) * FRAME);
    assert_eq!((again.timestamp, again.samples), (place, SAMPLES));
}

#[test]
fn a_mouth_holds_two_seconds() {
    let mut mouth = Mouth::new(EncoderConfig::default(), 0, 0).unwrap();
    assert_eq!(mouth.push(&vec![1; 100_000]), 48_000);
    assert_eq!((mouth.push(&[1]), mouth.room(), mouth.clear()), (0, 0, 48_000));
    assert_eq!(mouth.waiting(), 0);
}

/// What an ear hears of `spoken`, each packet with the time of its arrival.
fn hear(mut arrivals: Vec<(u64, Packet)>, ticks: u64) -> (Vec<i16>, EarStatistics) {
    arrivals.sort_by_key(|(at, _)| *at);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut ear = Ear::new().unwrap();
    let mut heard = Vec::new();
    for tick in 0..ticks {
        let now = tick * 20_000;
        while let Some((at, packet)) = arrivals.next_if(|(at, _)| *at <= now) {
            ear.push(packet, at);
        }
        let Some(frame) = ear.pull(now) else {
            assert!(heard.is_empty(), "it fell silent");
            continue;
        };
        assert_eq!(frame.len(), SAMPLES);
        heard.extend(frame);
    }
    (heard, ear.statistics())
}

/// Packets of speech with the tick at which each was sent.
fn sent(said: &[i16], config: EncoderConfig) -> Vec<(u64, Packet)> {
    let mut mouth = Mouth::new(config, 100, 5_000).unwrap();
    let mut sent = Vec::new();
    for (tick, frame) in frames(said).enumerate() {
        assert_eq!(mouth.push(frame), SAMPLES);
        if let Some(spoken) = mouth.tick().unwrap() {
            let Spoken { sequence, timestamp, payload, .. } = spoken;
            sent.push((tick as u64 * 20_000, Packet { ssrc: 1, sequence, timestamp, payload }));
        }
    }
    sent
}

#[test]
fn an_ear_hears_what_a_mouth_says() {
    let said = speech();
    let arrivals =
        sent(&said, PLAIN).into_iter().map(|(at, packet)| (at + 10_000, packet)).collect::<Vec<_>>();
    let ticks = arrivals.len() as u64;
    let (heard, statistics) = hear(arrivals, ticks);
    let snr = (0..8).map(|frame| snr(&said[frame * SAMPLES..], &heard)).fold(f64::MIN, f64::max);
    assert!(snr > 9.0, "{snr:.1} dB");
    assert_eq!((statistics.buffer.concealed, statistics.garbled), (0, 0));
    // What has not been heard at the end is the delay: three frames at most.
    assert!(ticks as usize * SAMPLES - heard.len() <= 3 * SAMPLES);
}

#[test]
fn an_ear_on_a_bad_network_hears_nearly_as_well() {
    let said = speech().into_iter().cycle().take(20 * RATE as usize).collect::<Vec<_>>();
    let config = EncoderConfig { expected_loss: 5, ..EncoderConfig::default() };
    let mut dice = Dice(9);
    let arrivals = sent(&said, config).into_iter().filter_map(|(at, packet)| {
        let way = 30_000 + dice.below(60_000);
        (dice.below(100) >= 5).then_some((at + way, packet))
    });
    let (heard, statistics) = hear(arrivals.collect(), 1_000);
    let buffer = statistics.buffer;
    assert!(buffer.longest_gap_us <= 200_000, "{buffer:?}");
    assert!(buffer.recovered > 25, "{buffer:?}");
    assert!(buffer.concealed < 60, "{buffer:?}");
    // It sounds all the time: no 200 ms of what was speech are silent.
    let silent = |samples: &[i16]| samples.iter().all(|sample| sample.unsigned_abs() < 5);
    assert!(!heard.chunks_exact(RATE as usize / 5).skip(1).any(silent));
}

#[test]
fn an_ear_survives_what_nobody_should_send() {
    let good = sent(&speech(), EncoderConfig::default());
    let mut dice = Dice(4);
    let mut ear = Ear::new().unwrap();
    for round in 0..6_000u64 {
        let (_, mut packet) = good[round as usize % good.len()].clone();
        if dice.below(4) == 0 {
            packet.sequence = dice.below(65_536) as u16;
        }
        if dice.below(4) == 0 {
            packet.timestamp = dice.below(1 << 32) as u32;
        }
        if dice.below(3) == 0 {
            packet.payload = (0..dice.below(60)).map(|_| dice.below(256) as u8).collect();
        }
        packet.ssrc = u32::from(dice.below(20) == 0);
        ear.push(packet, round * 10_000);
        if let Some(frame) = ear.pull(round * 10_000 + dice.below(30_000)) {
            assert_eq!(frame.len(), SAMPLES);
        }
    }
    let statistics = ear.statistics();
    assert!(statistics.buffer.resets > 0 && statistics.buffer.refused > 0);
}
