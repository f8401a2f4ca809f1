//! Signals whose pitch is known.

use super::*;
use crate::{
    lang::Language,
    score::{Band, Span},
    turn::TurnId,
};

const RATE: f32 = 16_000.0;

/// A pseudo-random sequence that is the same everywhere (SplitMix64).
struct Noise(u64);

impl Noise {
    /// Even in [-1, 1).
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A voice of many harmonics, each weaker than the one before; `hz` gives its pitch at a second, 0 for silence.
fn voice(seconds: f32, hz: impl Fn(f32) -> f32) -> Vec<f32> {
    let mut phase = 0.0f32;
    let tone = |index: usize| {
        let pitch = hz(index as f32 / RATE);
        phase = (phase + pitch / RATE).fract();
        if pitch == 0.0 {
            return 0.0;
        }
        let harmonics = ((4_000.0 / pitch) as usize).clamp(1, 30);
        let sum = (1..=harmonics)
            .map(|number| (std::f32::consts::TAU * phase * number as f32).sin() / number as f32)
            .sum::<f32>();
        0.2 * sum
    };
    (0..(seconds * RATE) as usize).map(tone).collect()
}

/// The same with white noise `snr_db` below it.
fn noisy(mut samples: Vec<f32>, snr_db: f32) -> Vec<f32> {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    // Even noise in [-a, a] has a power of a²/3.
    let height = (3.0 * power / 10f32.powf(snr_db / 10.0)).sqrt();
    let mut noise = Noise(7);
    samples.iter_mut().for_each(|sample| *sample += height * noise.next());
    samples
}

fn track(samples: &[f32]) -> Track {
    let mut prosody = Prosody::new(VoiceConfig::default());
    prosody.handle(samples);
    prosody.finish()
}

/// Share of gross errors (over 20 %) among frames that should be voiced, the median of the fine errors in semitones,
/// and the share that was taken for unvoiced.
fn errors(track: &Track, hz: impl Fn(f32) -> f32) -> (f32, f32, f32) {
    let (mut fine, mut gross, mut missed, mut all) = (Vec::new(), 0.0, 0.0, 0.0);
    for (index, frame) in track.frames().iter().enumerate() {
        let at = (index as f32 + 0.5) / 100.0;
        let edge = [at - 0.03, at, at + 0.03].iter().any(|at| *at < 0.0 || hz(*at) == 0.0);
        if edge || (index + 4) * 10 > track.ms() as usize {
            continue;
        }
        all += 1.0;
        match frame.f0_hz {
            None => missed += 1.0,
            Some(found) if (found / hz(at) - 1.0).abs() > 0.2 => gross += 1.0,
            Some(found) => fine.push((12.0 * (found / hz(at)).log2()).abs()),
        }
    }
    fine.sort_by(f32::total_cmp);
    let median = fine.get(fine.len() / 2).copied().unwrap_or(99.0);
    (gross / f32::max(all - missed, 1.0), median, missed / f32::max(all, 1.0))
}

fn near(one: f32, other: f32, within: f32) -> bool {
    (one - other).abs() <= within
}

#[test]
fn the_pitch_of_steady_voices_is_found() {
    for hz in [62.0, 75.0, 98.0, 120.0, 155.5, 210.0, 263.0, 330.0, 415.0, 490.0] {
        for (snr, gross_at_most) in [(f32::INFINITY, 0.0), (10.0, 0.01)] {
            let clean = voice(1.5, |_| hz);
            let found = track(&if snr.is_finite() { noisy(clean, snr) } else { clean });
            let (gross, fine, missed) = errors(&found, |_| hz);
            assert!(gross <= gross_at_most, "{hz} Hz at {snr} dB: gross {gross}");
            assert!(fine <= 0.1, "{hz} Hz at {snr} dB: fine {fine} semitones");
            assert!(missed <= 0.02, "{hz} Hz at {snr} dB: missed {missed}");
        }
    }
}

#[test]
fn pure_tones_have_a_pitch_too() {
    for hz in [90.0, 220.0, 440.0] {
        let tone = (0..16_000).map(|index| 0.3 * (std::f32::consts::TAU * hz * index as f32 / RATE).sin());
        let (gross, fine, missed) = errors(&track(&tone.collect::<Vec<_>>()), |_| hz);
        assert!(gross == 0.0 && fine <= 0.1 && missed <= 0.02, "{hz} Hz: {gross} {fine} {missed}");
    }
}

#[test]
fn glides_are_followed_in_time() {
    // An octave up in a second, and down again: no frame may lag behind.
    let glide = |at: f32| 110.0 * f32::exp2(if at < 1.0 { at } else { 2.0 - at });
    for snr in [40.0, 10.0] {
        let (gross, fine, missed) = errors(&track(&noisy(voice(2.0, glide), snr)), glide);
        assert!(gross == 0.0, "{gross}");
        assert!(fine <= 0.15, "{fine}");
        assert!(missed <= 0.02, "{missed}");
    }
}

#[test]
fn noise_and_silence_have_no_pitch() {
    let mut noise = Noise(3);
    let hiss = (0..48_000).map(|_| 0.3 * noise.next()).collect::<Vec<_>>();
    assert!(track(&hiss).voiced_ms() <= 30, "{}", track(&hiss).voiced_ms());
    let nothing = track(&[0.0; 16_000]);
    assert_eq!((nothing.ms(), nothing.voiced_ms(), nothing.spoken()), (1_000, 0, None));
    assert_eq!((nothing.median_f0(), nothing.semitone_sd(), nothing.loudness_sd_db()), (None, None, None));
    assert_eq!(track(&[]).frames(), []);
    let offset = track(&[0.4; 16_000]);
    assert_eq!(offset.voiced_ms(), 0);
}

#[test]
fn hostile_numbers_are_survived() {
    let mut samples = voice(1.0, |_| 150.0);
    for (index, wrong) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30].into_iter().enumerate() {
        samples[3_000 + index * 2_000] = wrong;
    }
    let track = track(&samples);
    assert!(track.frames().iter().all(|frame| frame.dbfs.is_finite()));
    assert!(near(track.median_f0().unwrap(), 150.0, 1.0));
}

#[test]
fn pieces_make_the_same_track_as_the_whole() {
    let samples = noisy(voice(1.2, |at| if at < 0.6 { 180.0 } else { 0.0 }), 20.0);
    let whole = track(&samples);
    for size in [1, 7, 160, 1_001] {
        let mut prosody = Prosody::new(VoiceConfig::default());
        samples.chunks(size).for_each(|piece| prosody.handle(piece));
        assert_eq!(prosody.finish(), whole, "{size}");
    }
}

#[test]
fn what_is_too_long_is_left_out() {
    let mut prosody = Prosody::new(VoiceConfig { longest_ms: 500 });
    for _ in 0..10 {
        prosody.handle(&[0.1; 16_000]);
    }
    assert_eq!(prosody.heard_ms(), 500);
    assert_eq!(prosody.finish().ms(), 500);
}

#[test]
fn loudness_does_not_change_what_is_measured() {
    let samples = noisy(voice(3.0, |at| 130.0 + 30.0 * (at * 5.0).sin()), 25.0);
    let loud = track(&samples);
    for gain in [0.01f32, 0.1, 2.0] {
        let quiet = track(&samples.iter().map(|sample| sample * gain).collect::<Vec<_>>());
        assert!(near(quiet.semitone_sd().unwrap(), loud.semitone_sd().unwrap(), 0.02));
        assert!(near(quiet.loudness_sd_db().unwrap(), loud.loudness_sd_db().unwrap(), 0.05));
        let louder = quiet.level_db().unwrap() - loud.level_db().unwrap();
        assert!(near(louder, 20.0 * gain.log10(), 0.1), "{louder}");
        assert!(quiet.speech_ms().abs_diff(loud.speech_ms()) <= 20);
    }
}

#[test]
fn the_height_of_the_voice_does_not_change_its_range() {
    // ±3 semitones as a sine: a standard deviation of 3/√2 when nothing is trimmed.
    let melody = |base: f32| move |at: f32| base * f32::exp2(0.25 * (at * 4.0).sin());
    let ranges =
        [90.0, 140.0, 240.0, 350.0].map(|base| track(&voice(4.0, melody(base))).semitone_sd().unwrap());
    assert!(ranges.iter().all(|range| near(*range, ranges[0], 0.08)), "{ranges:?}");
    assert!(near(ranges[0], 3.0 / 2f32.sqrt(), 0.25), "{ranges:?}");
    let flat = track(&voice(3.0, |_| 200.0)).semitone_sd().unwrap();
    assert!(flat < 0.05, "{flat}");
}

#[test]
fn a_wider_melody_has_a_wider_range() {
    let range =
        |octaves: f32| track(&voice(3.0, |at| 160.0 * f32::exp2(octaves * (at * 4.0).sin()))).semitone_sd();
    let ranges = [0.05, 0.1, 0.2, 0.3, 0.4].map(|octaves| range(octaves).unwrap());
    assert!(ranges.is_sorted(), "{ranges:?}");
}

#[test]
fn pauses_are_where_they_are() {
    // Speech from 0.5 to 1.5, from 2.0 to 3.0 with a gap of 100 ms that is a consonant.
    let hz = |at: f32| match at {
        _ if (0.5..1.5).contains(&at) || (2.0..2.4).contains(&at) || (2.5..3.0).contains(&at) => 140.0,
        _ => 0.0,
    };
    for snr in [60.0, 15.0] {
        let track = track(&noisy(voice(3.5, hz), snr));
        let spoken = track.spoken().unwrap();
        assert!(spoken.from_ms.abs_diff(500) <= 40 && spoken.to_ms.abs_diff(3_000) <= 40, "{spoken:?}");
        let pauses = track.pauses();
        assert_eq!(pauses.len(), 1, "{pauses:?}");
        assert!(
            pauses[0].from_ms.abs_diff(1_500) <= 40 && pauses[0].to_ms.abs_diff(2_000) <= 40,
            "{pauses:?}"
        );
        assert!(track.speech_ms().abs_diff(2_000) <= 80, "{}", track.speech_ms());
        let part = track.part(Span { from_ms: 0, to_ms: 1_800 });
        assert!(part.speech_ms().abs_diff(1_000) <= 60 && part.pauses().is_empty());
        assert_eq!(track.part(Span { from_ms: 9_000, to_ms: 20 }).frames(), []);
    }
}

#[test]
fn steady_periods_have_no_jitter_and_shaken_ones_have() {
    let steady = track(&voice(1.5, |_| 125.0)).perturbation().unwrap();
    assert!(steady.jitter < 0.002 && steady.shimmer_db < 0.1 && steady.cycles > 100, "{steady:?}");
    // Lengths of 132 and 124 samples in turn: from top to top, three quarters of one and a quarter of the other, there
    // are 130 and 126 in turn, a change of 4 in 128.
    let mut shaken = Vec::new();
    for cycle in 0..200 {
        let (length, height) = if cycle % 2 == 0 { (132, 0.5) } else { (124, 0.4) };
        shaken
            .extend((0..length).map(|at| height * (std::f32::consts::TAU * at as f32 / length as f32).sin()));
    }
    let shaken = track(&shaken).perturbation().unwrap();
    assert!(near(shaken.jitter, 4.0 / 128.0, 0.005), "{shaken:?}");
    assert!(near(shaken.shimmer_db, 20.0 * (0.5f32 / 0.4).log10(), 0.5), "{shaken:?}");
}

#[test]
fn the_plot_has_a_value_every_tenth_of_a_second() {
    let plot = track(&voice(1.0, |at| if at < 0.5 { 200.0 } else { 0.0 })).plot(F0_PLOT_MS);
    assert_eq!(plot.len(), 10);
    assert!(plot[..5].iter().all(|hz| near(hz.unwrap(), 200.0, 2.0)));
    assert!(plot[6..].iter().all(Option::is_none));
}

// ---------------------------------------------------------------- turns and tone

fn turn(lang: Language, words: &str, seconds: f32) -> VoiceTurn {
    let melody = |at: f32| if at < seconds { 150.0 * f32::exp2(0.3 * (at * 3.0).sin()) } else { 0.0 };
    let span = Span { from_ms: 0, to_ms: (seconds * 1000.0) as u64 };
    let said = Said { turn: TurnId(1), span, words, lang };
    measure(&track(&voice(seconds + 0.2, melody)), &said)
}

#[test]
fn words_and_time_make_a_rate() {
    let english = turn(Language::English, "this is a very long sentence of ten short words", 4.0);
    assert_eq!(english.units, 10);
    assert!(near(english.speaking_rate().unwrap() * 60.0, 150.0, 5.0), "{:?}", english.speaking_rate());
    let korean = turn(Language::Korean, "오늘은 3시에 만나기로 했어요.", 3.0);
    assert_eq!(korean.units, 13, "3시 is read 세 시");
    assert!(near(korean.speaking_rate().unwrap(), 13.0 / 3.0, 0.15));
    assert_eq!(english.pause_share(), Some(0.0));
    let silent = measure(
        &Track::default(),
        &Said { turn: TurnId(1), span: Span::default(), words: "hi", lang: Language::English },
    );
    assert_eq!((silent.speaking_rate(), silent.pause_share(), silent.pitch_sd_st), (None, None, None));
}

fn spoken(pitch_sd_st: f32, units: u32, loudness_sd_db: f32) -> VoiceTurn {
    VoiceTurn {
        pitch_sd_st: Some(pitch_sd_st),
        loudness_sd_db: Some(loudness_sd_db),
        units,
        speech_ms: 50_000,
        pause_ms: 10_000,
        voiced_ms: 30_000,
        above_noise_db: Some(30.0),
        ..turn(Language::English, "hello", 1.0)
    }
}

#[test]
fn the_tone_is_within_its_bounds_and_falls_outside_the_bands() {
    let (bands, baseline) = (ToneBands::default(), VoiceBaseline::default());
    let tone = |turn: VoiceTurn| super::tone(&[turn], Language::English, &bands, &baseline);
    let best = tone(spoken(3.0, 130, 6.0));
    assert_eq!((best.value(), best.coverage, best.quality, best.n), (Some(100), 1.0, 1.0, 1));
    assert_eq!(best.measure, Some(3.0));
    assert_eq!(
        best.evidence.iter().map(|evidence| evidence.what).collect::<Vec<_>>(),
        ["pitch_range", "speed", "volume_range"]
    );
    let falling = [2.0, 1.5, 1.0, 0.6, 0.0].map(|st| tone(spoken(st, 130, 6.0)).value().unwrap());
    assert!(
        falling.is_sorted_by(|one, other| one >= other) && falling[0] == 100 && falling[4] == 60,
        "{falling:?}"
    );
    let slower = [100, 80, 60, 20].map(|words| tone(spoken(3.0, words, 6.0)).value().unwrap());
    assert!(slower.is_sorted_by(|one, other| one > other), "{slower:?}");
    for (st, units, db) in [(0.0, 1, 0.0), (99.0, 100_000, 99.0), (f32::NAN, 5, f32::NAN)] {
        assert!(tone(spoken(st, units, db)).value().is_some_and(|value| value <= 100));
    }
}

#[test]
fn with_too_little_voice_there_is_no_tone() {
    let (bands, baseline) = (ToneBands::default(), VoiceBaseline::default());
    let short = turn(Language::Korean, "네", 1.0);
    let why =
        super::tone(std::slice::from_ref(&short), Language::Korean, &bands, &baseline).value.unwrap_err();
    assert_eq!((why.code, why.needs), ("needs_speech", 3_000));
    assert!(why.has >= 900);
    let other = super::tone(&[short], Language::English, &bands, &baseline).value.unwrap_err();
    assert_eq!(other.has, 0);
    assert!(super::tone(&[], Language::Korean, &bands, &baseline).value.is_err());
}

#[test]
fn koreans_are_judged_by_their_own_speed() {
    let bands = ToneBands::default();
    let slow = VoiceTurn { lang: Language::Korean, ..spoken(3.0, 140, 6.0) };
    let mut baseline = VoiceBaseline::default();
    let at_first = parts(std::slice::from_ref(&slow), Language::Korean, &bands, &baseline).speed.unwrap();
    assert!(at_first.score < 50.0, "{at_first:?}");
    for _ in 0..60 {
        baseline.follow(&slow);
    }
    let later = parts(&[slow], Language::Korean, &bands, &baseline).speed.unwrap();
    assert!(later.score == 100.0 && near(later.measure, 1.0, 0.01), "{later:?}");
}

#[test]
fn parts_that_are_not_known_do_not_count() {
    let bands = ToneBands { weights: [1.0, 1.0, 2.0], ..ToneBands::default() };
    let part = |score| Some(TonePart { measure: 1.0, unit: "semitones", band: Band::new([0.0; 4]), score });
    let parts = ToneParts { pitch: part(100.0), speed: part(50.0), volume: None };
    assert_eq!(parts.score(&bands), Some((75.0, 0.5)));
    assert_eq!(ToneParts::default().score(&bands), None);
}
