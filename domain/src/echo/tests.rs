//! Rooms made of arithmetic: two voices with syllables and formants of their own, a lag, a gain, noise.

use super::*;

const MIC: u32 = 16_000;
const VOICE: u32 = 24_000;

struct Random(u64);

impl Random {
    /// In [-1, 1].
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A voice: harmonics of a moving pitch under formants that change with every syllable, with gaps between. The same
/// seed is the same sound at any rate.
fn voice(seed: u64, rate: u32, seconds: f32) -> Vec<f32> {
    let mut random = Random(seed.wrapping_mul(977) + 5);
    let mut samples = Vec::new();
    let mut phases = [0.0f32; 24];
    let base = 110.0 + 60.0 * (random.next() + 1.0);
    let mut left = seconds;
    while left > 0.0 {
        let length = 0.12 + 0.06 * (random.next() + 1.0);
        let gap = 0.03 * (random.next() + 1.0) + if random.next() > 0.6 { 0.15 } else { 0.0 };
        let formants =
            [500.0 + 250.0 * random.next(), 1_600.0 + 600.0 * random.next(), 2_900.0 + 500.0 * random.next()];
        let loud = 0.3 + 0.15 * random.next();
        let pitch = base * (1.0 + 0.15 * random.next());
        let count = (length * rate as f32) as usize;
        for index in 0..count {
            let place = index as f32 / count as f32;
            let envelope = (std::f32::consts::PI * place).sin() * loud;
            let mut sum = 0.0;
            for (number, phase) in phases.iter_mut().enumerate() {
                let frequency = pitch * (number + 1) as f32;
                *phase = (*phase + frequency / rate as f32).fract();
                let shape: f32 =
                    formants.iter().map(|formant| (-((frequency - formant) / 260.0).powi(2)).exp()).sum();
                sum += (std::f32::consts::TAU * *phase).sin() * (0.02 + shape);
            }
            samples.push(0.25 * envelope * sum);
        }
        samples.extend(std::iter::repeat_n(0.0, (gap * rate as f32) as usize));
        left -= length + gap;
    }
    samples
}

/// What the microphone hears: the played sound late and fainter, a person, and a little noise.
fn microphone(echo: &[f32], (lag_ms, gain): (usize, f32), person: &[f32], person_from_ms: usize) -> Vec<f32> {
    let mut random = Random(3);
    let (lag, from) = (lag_ms * MIC as usize / 1000, person_from_ms * MIC as usize / 1000);
    (0..echo.len())
        .map(|index| {
            let late = |by: usize| index.checked_sub(lag + by).map_or(0.0, |at| echo[at]);
            // A direct path and two reflections.
            let echo = late(0) + 0.4 * late(190) + 0.25 * late(610);
            let person = index.checked_sub(from).and_then(|at| person.get(at)).copied().unwrap_or(0.0);
            gain * echo + person + 0.0005 * random.next()
        })
        .collect()
}

/// Scores at the end of each frame of voice activity (two hops).
fn scores(gate: &mut EchoGate, heard: &[f32], played: &[f32]) -> Vec<f32> {
    let heard = BandMeter::new(MIC).handle_samples(heard.iter().copied());
    let played = BandMeter::new(VOICE).handle_samples(played.iter().copied());
    let hops = heard.into_iter().zip(played.into_iter().chain(std::iter::repeat(SILENCE)));
    let scores = hops.map(|(heard, played)| gate.handle_hop(heard, played)).collect::<Vec<_>>();
    scores.chunks_exact(2).map(|pair| pair[1]).collect()
}

/// The share of frames with a level above `floor` whose score is at least 0.6, from `from_ms` on.
fn explained(scores: &[f32], heard: &[f32], from_ms: usize) -> f32 {
    let loud = |frame: usize| crate::pcm::level_db(&heard[frame * 512..(frame + 1) * 512]) > -50.0;
    let frames = (from_ms / 32..scores.len()).filter(|frame| loud(*frame)).collect::<Vec<_>>();
    assert!(frames.len() > 20, "the test needs sound");
    frames.iter().filter(|frame| scores[**frame] >= 0.6).count() as f32 / frames.len() as f32
}

#[test]
fn the_reply_that_comes_back_is_explained_at_any_lag_and_gain() {
    for (seed, lag, gain) in [(1, 0, 0.25), (2, 120, 0.25), (3, 250, 0.1), (4, 60, 0.7), (5, 430, 0.3)] {
        let (near, far) = (voice(seed, MIC, 6.0), voice(seed, VOICE, 6.0));
        let heard = microphone(&near, (lag, gain), &[], 0);
        let mut gate = EchoGate::new();
        let scores = scores(&mut gate, &heard, &far);
        let found = gate.lag_ms().expect("a path is found");
        assert!(found.abs_diff(lag as u64) <= 24, "lag {lag}: {found}");
        let share = explained(&scores, &heard, 1_500);
        assert!(share > 0.93, "lag {lag}, gain {gain}: {share}");
    }
}

#[test]
fn a_person_without_echo_is_never_explained_away() {
    let mut shares = 0.0;
    for seed in 1..=12 {
        let far = voice(seed, VOICE, 6.0);
        let person = voice(seed + 50, MIC, 6.0);
        let heard = microphone(&vec![0.0; person.len()], (0, 0.0), &person, 0);
        let scores = scores(&mut EchoGate::new(), &heard, &far);
        let share = explained(&scores, &heard, 500);
        // Two voices of the same rhythm may look like a path for a second.
        assert!(share < 0.2, "seed {seed}: {share}");
        shares += share;
    }
    assert!(shares / 12.0 < 0.03, "{shares}");
}

#[test]
fn a_person_over_the_echo_is_heard() {
    for (seed, gain) in [(1, 0.25), (2, 0.25), (3, 0.12), (4, 0.3)] {
        let (near, far) = (voice(seed, MIC, 8.0), voice(seed, VOICE, 8.0));
        let person = voice(seed + 90, MIC, 4.0);
        let heard = microphone(&near, (120, gain), &person, 4_000);
        let mut gate = EchoGate::new();
        let scores = scores(&mut gate, &heard, &far);
        assert!(explained(&scores[..120], &heard, 1_500) > 0.93, "alone, the reply is explained");
        let level = |frame: usize| crate::pcm::level_db(&person[(frame - 125) * 512..(frame - 124) * 512]);
        let last = scores.len().min(125 + person.len() / 512);
        let spoken = (125..last).filter(|frame| level(*frame) > -42.0).collect::<Vec<_>>();
        let heard_frames = spoken.iter().filter(|frame| scores[**frame] < 0.6).count();
        let share = heard_frames as f32 / spoken.len() as f32;
        assert!(
            spoken.len() > 50 && share > 0.75,
            "seed {seed}: the person is heard in only {share} of the frames"
        );
        // And soon: five frames within the first 400 ms.
        let soon = scores[125..138].iter().filter(|score| **score < 0.6).count();
        assert!(soon >= 5, "seed {seed}: {soon} of the first frames");
    }
}

#[test]
fn headphones_put_on_later_free_the_person() {
    let (near, far) = (voice(7, MIC, 10.0), voice(7, VOICE, 10.0));
    let mut heard = microphone(&near, (120, 0.4), &[], 0);
    // From the fifth second on nothing comes back; from the eighth on the person speaks, no louder than the echo was.
    let person = voice(70, MIC, 2.0);
    for (index, sample) in heard.iter_mut().enumerate().skip(5 * MIC as usize) {
        let person = index.checked_sub(8 * MIC as usize).and_then(|at| person.get(at)).copied();
        *sample = 0.4 * person.unwrap_or(0.0) + 0.0003;
    }
    let scores = scores(&mut EchoGate::new(), &heard, &far);
    let last = &scores[250..310];
    let share = last.iter().filter(|score| **score < 0.6).count() as f32 / last.len() as f32;
    assert!(share > 0.8, "{share}");
}

#[test]
fn nobody_knows_before_it_was_tried_and_silence_explains_nothing() {
    let mut gate = EchoGate::new();
    let sound = [1e-3; 6];
    for _ in 0..4 {
        gate.handle_hop([1e-8; 6], sound);
    }
    let first = gate.handle_hop([1e-8; 6], sound);
    assert!((0.4..0.6).contains(&first), "{first}");
    let mut gate = EchoGate::new();
    for _ in 0..100 {
        assert_eq!(gate.handle_hop(sound, SILENCE), 0.0, "nothing is played");
    }
}

#[test]
fn what_was_learned_outlives_a_rest() {
    let (near, far) = (voice(2, MIC, 6.0), voice(2, VOICE, 6.0));
    let heard = microphone(&near, (96, 0.3), &[], 0);
    let mut gate = EchoGate::new();
    scores(&mut gate, &heard, &far);
    let lag = gate.lag_ms();
    gate.rest();
    assert_eq!(gate.lag_ms(), lag);
    let scores = scores(&mut gate, &heard, &far);
    assert!(explained(&scores, &heard, 200) > 0.9, "the second reply is known from its beginning");
}

#[test]
fn broken_samples_do_not_stay() {
    let mut meter = BandMeter::new(MIC);
    let mut gate = EchoGate::new();
    for hop in meter.handle_samples([f32::NAN, f32::INFINITY].into_iter().cycle().take(2_560)) {
        assert!(gate.handle_hop(hop, [f32::NAN; 6]).is_finite());
    }
    let tone = (0..2_560).map(|index| (index as f32 * 0.3).sin());
    assert!(meter.handle_samples(tone).last().unwrap().iter().sum::<f32>() > 0.01);
}

#[test]
fn bands_mean_the_same_at_both_rates() {
    for frequency in [300.0f32, 700.0, 1_500.0, 3_000.0] {
        let measure = |rate: u32| {
            let tone = (0..rate).map(move |index| {
                0.3 * (std::f32::consts::TAU * frequency * index as f32 / rate as f32).sin()
            });
            *BandMeter::new(rate).handle_samples(tone).last().unwrap()
        };
        for (one, other) in measure(MIC).into_iter().zip(measure(VOICE)) {
            let apart = 10.0 * (one.max(1e-6) / other.max(1e-6)).log10();
            assert!(apart.abs() < 2.0, "{frequency} Hz: {apart} dB");
        }
    }
}

#[test]
fn somebody_who_begins_under_a_loud_echo_is_a_dip_at_once_and_the_reply_alone_is_none() {
    let played = voice(1, VOICE, 8.0);
    let person = voice(9, MIC, 3.0).into_iter().map(|sample| sample * 0.5).collect::<Vec<_>>();
    let dips = |person: &[f32]| {
        let heard = microphone(&voice(1, MIC, 8.0), (112, 0.25), person, 5_000);
        let heard = BandMeter::new(MIC).handle_samples(heard.iter().copied());
        let hops = BandMeter::new(VOICE).handle_samples(played.iter().copied());
        let mut gate = EchoGate::new();
        let mut dips = Vec::new();
        for (index, (heard, played)) in heard.into_iter().zip(hops).enumerate() {
            gate.handle_hop(heard, played);
            if gate.dips() {
                dips.push(index as u64 * HOP_MS);
            }
        }
        dips
    };
    let alone = dips(&[]);
    assert!(alone.len() < 8, "{alone:?}");
    let first = dips(&person).into_iter().find(|at| *at >= 5_000);
    assert!(first.is_some_and(|at| at < 5_150), "{first:?}");
}
