use duologue_domain::{
    echo::EchoGate,
    pcm::{HEARING_RATE, from_float},
};

use super::*;

/// A tone in the item's second second, silence around it.
fn item() -> Vec<i16> {
    (0..3 * SPEECH_RATE)
        .map(|index| {
            let phase = std::f32::consts::TAU * 600.0 * index as f32 / SPEECH_RATE as f32;
            let sounding = (SPEECH_RATE..2 * SPEECH_RATE).contains(&index);
            if sounding { from_float(0.3 * phase.sin()) } else { 0 }
        })
        .collect()
}

fn pushed(turn: u64) -> PlayedAudio {
    let played = PlayedAudio::default();
    for (index, frame) in item().chunks(960).enumerate() {
        played.push(TurnId(turn), index as u64 * 960, frame);
    }
    played
}

fn sounds(played: &PlayedAudio, at: Instant) -> bool {
    played.at(at).iter().sum::<f32>() > 1e-4
}

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn follows_the_clients_clock() {
    let played = pushed(1);
    let start = Instant::now();
    assert!(!sounds(&played, after(start, 1_500)), "nobody said that it plays");
    played.set_clock(TurnId(1), 0, start);
    let heard = [500, 900, 1_100, 1_500, 1_900, 2_100, 5_000].map(|ms| sounds(&played, after(start, ms)));
    assert_eq!(heard, [false, false, true, true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_jitters_is_blended_and_a_jump_is_believed() {
    let played = pushed(1);
    let start = Instant::now();
    played.set_clock(TurnId(1), 0, start);
    // 80 ms late by the network: hardly moves.
    played.set_clock(TurnId(1), 200 * 24, after(start, 280));
    assert!(sounds(&played, after(start, 1_040)));
    // Two seconds of stalling are no jitter.
    played.set_clock(TurnId(1), 300 * 24, after(start, 2_300));
    assert!(!sounds(&played, after(start, 2_400)));
    assert!(sounds(&played, after(start, 3_200)));
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_silence_and_goes_on_from_the_same_sample() {
    let played = pushed(1);
    let start = Instant::now();
    played.set_clock(TurnId(1), 0, start);
    played.hold(after(start, 1_200));
    assert!(sounds(&played, after(start, 1_100)) && !sounds(&played, after(start, 1_300)));
    // The client's own report of where it stopped, and a second order to hold, change nothing.
    played.set_clock(TurnId(1), 1_210 * 24, after(start, 1_400));
    played.hold(after(start, 1_500));
    assert!(!sounds(&played, after(start, 1_600)));
    played.restore(after(start, 3_000));
    assert!(sounds(&played, after(start, 3_700)));
    assert!(!sounds(&played, after(start, 3_900)), "800 ms of the tone were left");
}

#[tokio::test(start_paused = true)]
async fn ducking_makes_it_quieter() {
    let played = pushed(1);
    let start = Instant::now();
    played.set_clock(TurnId(1), 0, start);
    let loud = played.at(after(start, 1_500))[1];
    played.duck(0.25);
    let quiet = played.at(after(start, 1_520))[1];
    assert!((loud / quiet / 16.0 - 1.0).abs() < 0.2, "{loud} {quiet}");
    played.restore(after(start, 1_530));
    assert!(played.at(after(start, 1_550))[1] > quiet * 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_newer_turn_replaces_and_an_older_one_is_ignored() {
    let played = pushed(4);
    let start = Instant::now();
    played.set_clock(TurnId(4), 0, start);
    played.push(TurnId(3), 0, &[1; 960]);
    played.set_clock(TurnId(3), 0, after(start, 1_000));
    assert!(sounds(&played, after(start, 1_500)));
    played.push(TurnId(6), 0, &[0; 960]);
    assert!(!sounds(&played, after(start, 1_500)));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_given_back() {
    let played = PlayedAudio::default();
    assert!(played.lock().is_none());
    for second in 0..60 {
        played.push(TurnId(1), second * 24_000, &vec![100; 24_000]);
    }
    assert!(played.lock().as_ref().unwrap().hops.len() <= HOPS);
    let start = Instant::now();
    // A clock that no reply has is no reason to panic.
    played.set_clock(TurnId(1), u64::MAX, start);
    assert!(!sounds(&played, after(start, 10)));
    played.stop();
    assert!(played.lock().is_none());
    played.duck(0.25);
    played.hold(start);
    played.restore(start);
    assert!(!sounds(&played, start));
}

/// Speech of a person from a recording, or, where there is none, a voice of arithmetic: the gate must do with both.
fn speech(clip: &str) -> Vec<f32> {
    let path = format!("/usr/share/pocketsphinx/test/data/librivox/{clip}.wav");
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() > 200_000 => {
            let samples = bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            samples.map(to_float).take(6 * HEARING_RATE as usize).collect()
        }
        _ => {
            let mut seed = clip.len() as u32 + clip.bytes().map(u32::from).sum::<u32>();
            let mut next = move || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 24) as f32
            };
            let (mut sound, mut low) = (Vec::new(), 0.0);
            while sound.len() < 6 * HEARING_RATE as usize {
                let (length, loud, dark) = (1_500 + (next() * 3_000.0) as usize, 0.1 + 0.4 * next(), next());
                for index in 0..length {
                    let envelope = (std::f32::consts::PI * index as f32 / length as f32).sin();
                    low += (next() - 0.5 - low) * (0.1 + 0.8 * dark);
                    sound.push(loud * envelope * low);
                }
                sound.extend(std::iter::repeat_n(0.0, (next() * 2_000.0) as usize));
            }
            sound
        }
    }
}

/// 24 kHz from 16 kHz.
fn as_played(heard: &[f32]) -> Vec<i16> {
    (0..heard.len() * 3 / 2)
        .map(|index| {
            let place = index as f32 / 1.5;
            let (before, share) = (place as usize, place.fract());
            let at = |index: usize| heard.get(index).copied().unwrap_or(0.0);
            from_float(at(before) * (1.0 - share) + at(before + 1) * share)
        })
        .collect()
}

/// The whole way: the persona's sound as Speaker pushes it, a clock with jitter as clients report it, the microphone
/// 120 ms later and 12 dB quieter; then a person over it.
#[tokio::test(start_paused = true)]
async fn the_personas_own_voice_is_told_from_a_person() {
    let base = "sense_and_sensibility_01_austen_64kb-";
    let (persona, person) = (speech(&format!("{base}0880")), speech(&format!("{base}0930")));
    let played = PlayedAudio::default();
    for (index, frame) in as_played(&persona).chunks(960).enumerate() {
        played.push(TurnId(1), index as u64 * 960, frame);
    }
    let start = Instant::now();
    played.set_clock(TurnId(1), 0, start);
    let lag = HEARING_RATE as usize * 120 / 1000;
    let from = HEARING_RATE as usize * 7 / 2;
    let heard = (0..persona.len())
        .map(|index| {
            let echo = index.checked_sub(lag).map_or(0.0, |at| 0.25 * persona[at]);
            let person =
                index.checked_sub(from).and_then(|at| person.get(at + 6_000)).copied().unwrap_or(0.0);
            echo + person
        })
        .collect::<Vec<_>>();
    let mut meter = BandMeter::new(HEARING_RATE);
    let mut gate = EchoGate::new();
    let (mut explained, mut echo_frames, mut foreign, mut person_frames) = (0, 0, 0, 0);
    for (index, hop) in meter.handle_samples(heard.iter().copied()).into_iter().enumerate() {
        let ms = index as u64 * 16;
        if ms.is_multiple_of(192) {
            let jitter = ms / 192 % 5 * 15;
            played.set_clock(TurnId(1), ms * 24, after(start, ms + jitter));
        }
        let score = gate.handle_hop(hop, played.at(after(start, ms)));
        let frame = |sound: &[f32], index: usize| {
            let samples = sound.get(index * 256..(index + 1) * 256).unwrap_or_default();
            duologue_domain::pcm::level_db(samples)
        };
        if (1_500..3_500).contains(&ms) && frame(&heard, index) > -50.0 {
            echo_frames += 1;
            explained += u32::from(score >= 0.6);
        }
        let said = (index * 256).checked_sub(from).map(|at| (at + 6_000) / 256);
        if ms >= 3_500 && said.is_some_and(|said| frame(&person, said) > -35.0) {
            person_frames += 1;
            foreign += u32::from(score < 0.6);
        }
    }
    let (explained, foreign) = (explained as f32 / echo_frames as f32, foreign as f32 / person_frames as f32);
    assert!(echo_frames > 40 && person_frames > 40, "{echo_frames} {person_frames}");
    assert!(explained > 0.9, "explained {explained}");
    assert!(foreign > 0.7, "foreign {foreign}");
}
