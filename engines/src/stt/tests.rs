//! Whisper against human English, synthetic Korean, silence and noise, and against trouble.

mod times;

use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use duologue_domain::{
    interrupt::{self, Reading},
    lang::{Language, is_hangul},
};

use super::*;
use crate::{
    models_for_tests::{human_clips, scratch_file, test_model},
    port::{ErrorKind, Health, SttEngine, SttRequest, Transcript},
};

const PATIENT: Duration = Duration::from_secs(120);

/// One model for all tests of this file: they share two cores anyway.
fn whisper() -> &'static WhisperStt {
    static WHISPER: OnceLock<WhisperStt> = OnceLock::new();
    WHISPER.get_or_init(|| WhisperStt::new(test_model("whisper-base-q8_0.bin"), 2))
}

fn request(audio: impl Into<Arc<[f32]>>) -> SttRequest {
    SttRequest {
        session: 1,
        audio: audio.into(),
        language: None,
        prompt: None,
        partial: false,
        deadline: PATIENT,
        ..SttRequest::default()
    }
}

async fn hear(request: SttRequest) -> Transcript {
    whisper().transcribe(request).await.expect("a transcript")
}

/// A sentence as espeak-ng says it, at 16 kHz: synthetic speech, for want of free Korean recordings.
fn synthetic(voice: &str, text: &str) -> Vec<f32> {
    let raw = scratch_file("raw.wav", b"");
    let said =
        Command::new("espeak-ng").args(["-v", voice, "-s", "140", "-w"]).arg(raw.path()).arg(text).status();
    assert!(said.expect("espeak-ng is installed").success());
    let mut reader = hound::WavReader::open(raw.path()).expect("a WAV file");
    let rate = reader.spec().sample_rate as f32;
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|sample| f32::from(sample.expect("whole")) / 32_768.0).collect();
    let step = rate / 16_000.0;
    let count = (samples.len() as f32 / step) as usize;
    let at = |index: usize| samples.get(index).copied().unwrap_or(0.0);
    (0..count)
        .map(|i| {
            let position = i as f32 * step;
            let (whole, part) = (position as usize, position.fract());
            at(whole) * (1.0 - part) + at(whole + 1) * part
        })
        .collect()
}

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    let plain: String = text
        .to_lowercase()
        .replace("mr.", "mister")
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' })
        .collect();
    plain.split_whitespace().map(str::to_owned).collect()
}

/// Edits (insertions, deletions, substitutions) between two lists of words.
fn edits(left: &[String], right: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, word) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in right.iter().enumerate() {
            let cost = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// Reproducible white noise of the given amplitude.
fn noise(seconds: f32, amplitude: f32) -> Vec<f32> {
    let mut seed = 0x1234_5678_u32;
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 8) as f32 / 8_388_608.0 - 1.0) * amplitude
    })
    .take((seconds * 16_000.0) as usize)
    .collect()
}

fn hum(seconds: f32, hertz: f32, amplitude: f32) -> Vec<f32> {
    let count = (seconds * 16_000.0) as usize;
    (0..count).map(|i| (std::f32::consts::TAU * hertz * i as f32 / 16_000.0).sin() * amplitude).collect()
}

#[tokio::test]
async fn human_english_is_understood() {
    let (mut wrong, mut count) = (0, 0);
    for (said, audio) in human_clips() {
        let length = audio.len() as f32 / 16_000.0;
        let heard = hear(request(audio)).await;
        let (said, got) = (words(&said), words(&heard.text));
        eprintln!(
            "{length:.1} s, {} ms, no speech {:.2}, confidence {:.2}: {}",
            heard.compute.as_millis(),
            heard.no_speech,
            heard.confidence,
            heard.text
        );
        assert_eq!(heard.language, Some(Language::English), "{got:?}");
        wrong += edits(&said, &got);
        count += said.len();
    }
    let rate = wrong as f32 / count as f32;
    eprintln!("word error rate {:.1} % ({wrong} of {count})", rate * 100.0);
    assert!(rate <= 0.06, "{wrong} of {count} words");
}

#[tokio::test]
async fn korean_is_detected_and_written_in_hangul() {
    let audio = synthetic("ko", "저는 학교에 가서 친구를 만났어요.");
    let heard = hear(request(audio.clone())).await;
    eprintln!("{heard:?}");
    assert_eq!(heard.language, Some(Language::Korean));
    let (hangul, letters) = heard
        .text
        .chars()
        .filter(|c| c.is_alphabetic())
        .fold((0, 0), |(hangul, all), c| (hangul + usize::from(is_hangul(c)), all + 1));
    assert!(hangul >= 8 && hangul * 10 >= letters * 9, "{}", heard.text);
    assert!(heard.text.contains("학교"), "{}", heard.text);
    let fixed = hear(SttRequest { language: Some(Language::Korean), ..request(audio) }).await;
    assert_eq!(fixed.text, heard.text, "detected or told, the same words");
}

/// Sounds that hold no words.
fn no_speech() -> Vec<(&'static str, Vec<f32>)> {
    let mut knocks = vec![0.0; 32_000];
    for knock in [4_000, 12_000, 20_000] {
        for (i, sample) in noise(0.05, 0.5).into_iter().enumerate() {
            knocks[knock + i] = sample * (1.0 - i as f32 / 800.0);
        }
    }
    vec![
        ("zeros", vec![0.0; 48_000]),
        ("a moment of zeros", vec![0.0; 800]),
        ("faint noise", noise(3.0, 0.003)),
        ("noise", noise(3.0, 0.05)),
        ("loud noise", noise(6.0, 0.4)),
        ("low hum", hum(4.0, 50.0, 0.1)),
        ("tone", hum(2.0, 440.0, 0.2)),
        ("knocks", knocks),
    ]
}

/// Hot words are a hint about what may be said, not something to be heard where nobody spoke.
#[tokio::test]
async fn a_prompt_does_not_leak_into_silence_and_noise() {
    let partials = [false, true].into_iter().cycle();
    // Silence never reaches the decoder; these do, or nearly.
    let sounds = no_speech().into_iter().filter(|(what, _)| ["loud noise", "tone", "knocks"].contains(what));
    for ((what, audio), partial) in sounds.zip(partials) {
        for prompt in ["이서아, 지우, 민수", "Maya, Dashwood, Austen"] {
            let prompt = Some(prompt.to_owned());
            let heard = hear(SttRequest { prompt, partial, ..request(audio.clone()) }).await;
            assert_eq!(heard.text, "", "{what}, partial {partial}: {heard:?}");
        }
    }
}

/// The words that interrupt are no more than that either: what a noise is taken for would stop the reply.
#[tokio::test]
async fn no_noise_is_heard_as_an_interruption() {
    for (what, audio) in no_speech() {
        for language in [Language::Korean, Language::English] {
            let asked = SttRequest { language: Some(language), interjection: true, ..request(audio.clone()) };
            let heard = hear(asked).await;
            let text =
                if heard.text.is_empty() { interrupt::despite_doubt(&heard.doubted) } else { &heard.text };
            let reading = interrupt::read(text).reading;
            // Knocks may be a "yeah", which lets the reply go on.
            assert!(
                matches!(reading, Reading::Nothing | Reading::Backchannel),
                "{what} {language:?}: {heard:?}"
            );
        }
    }
}

/// Half a second of a robot's voice, which is "2만" and "him" to a recogniser that expects anything.
#[tokio::test]
async fn interjections_are_heard_better_when_they_are_likely() {
    let words = [
        (Language::Korean, "ko", ["그만", "아니요", "응", "그래요"]),
        (Language::English, "en-us", ["stop", "no", "mm hmm", "really"]),
    ];
    for (language, voice, words) in words {
        let mut right = [0, 0];
        for (variant, word) in
            ["", "+m3", "+f2", "+m7"].iter().flat_map(|variant| words.map(|word| (variant, word)))
        {
            let audio = synthetic(&format!("{voice}{variant}"), word);
            for interjection in [false, true] {
                let language = Some(language);
                let heard = hear(SttRequest { language, interjection, ..request(audio.clone()) }).await;
                let is_ours = |letter: char| letter.is_ascii_alphabetic() || is_hangul(letter);
                let mut letters = heard.text.chars().filter(|character| character.is_alphabetic());
                assert!(letters.all(is_ours), "{word}: {}", heard.text);
                let same = interrupt::read(&heard.text).reading == interrupt::read(word).reading;
                right[usize::from(interjection)] += usize::from(same);
            }
        }
        eprintln!("{language:?}: {right:?} of 16");
        assert!(right[1] > right[0] && right[1] >= 11, "{language:?}: {right:?} of 16");
    }
}

#[tokio::test]
async fn silence_and_noise_are_nothing() {
    for (what, audio) in no_speech() {
        for language in [None, Some(Language::Korean)] {
            let heard = hear(SttRequest { language, ..request(audio.clone()) }).await;
            eprintln!("{what} {language:?}: {heard:?}");
            assert_eq!(heard.text, "", "{what} {language:?}: {heard:?}");
        }
    }
}

#[tokio::test]
async fn speech_in_noise_survives_the_gate() {
    let (said, audio) = human_clips().swap_remove(2);
    let noisy: Vec<f32> =
        audio.iter().zip(noise(audio.len() as f32 / 16_000.0, 0.01)).map(|(a, b)| a + b).collect();
    let heard = hear(request(noisy)).await;
    let (said, got) = (words(&said), words(&heard.text));
    assert!(edits(&said, &got) * 4 <= said.len(), "{got:?}");
}

#[tokio::test]
async fn a_prompt_biases_and_odd_prompts_do_no_harm() {
    let (_, audio) = human_clips().swap_remove(1);
    for prompt in ["Dashwood, Austen", "지우, 민수", "", "a\0b", &"이름 ".repeat(500)] {
        let heard = hear(SttRequest { prompt: Some(prompt.to_owned()), ..request(audio.clone()) }).await;
        assert!(words(&heard.text).contains(&"young".to_owned()), "{}", heard.text);
    }
}

#[tokio::test]
async fn bad_audio_is_refused() {
    for audio in [vec![], vec![f32::NAN; 16_000], vec![0.1; 30 * 16_000 + 1]] {
        let error = whisper().transcribe(request(audio)).await.expect_err("bad audio");
        assert_eq!(error.kind, ErrorKind::BadInput);
    }
}

#[tokio::test]
async fn a_passed_deadline_a_full_queue_and_a_dropped_request() {
    let stt = WhisperStt::new(test_model("whisper-tiny.en-q8_0.bin"), 2);
    let (_, audio) = human_clips().swap_remove(0);
    let late = SttRequest { deadline: Duration::ZERO, ..request(audio.clone()) };
    assert_eq!(stt.transcribe(late).await.expect_err("too late").kind, ErrorKind::Timeout);

    let asked: Vec<_> = (0..8).map(|_| tokio::spawn(stt.transcribe(request(audio.clone())))).collect();
    let mut overloaded = 0;
    let mut heard = 0;
    for answer in asked {
        match answer.await.expect("no panic") {
            Ok(transcript) => {
                assert!(words(&transcript.text).contains(&"dashwood".to_owned()), "{transcript:?}");
                assert_eq!(transcript.language, Some(Language::English));
                heard += 1;
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Overloaded, "{error}");
                overloaded += 1;
            }
        }
    }
    assert!(heard >= 3 && overloaded >= 3, "{heard} heard, {overloaded} refused");

    let korean = SttRequest { language: Some(Language::Korean), ..request(audio.clone()) };
    let error = stt.transcribe(korean).await.expect_err("an English model");
    assert_eq!(error.kind, ErrorKind::BadInput, "{error}");

    let began = Instant::now();
    let dropped = tokio::spawn(stt.transcribe(request(vec![0.1; 30 * 16_000])));
    tokio::time::sleep(Duration::from_millis(20)).await;
    dropped.abort();
    let after = stt.transcribe(request(audio)).await.expect("the next one is served");
    assert!(!after.text.is_empty());
    assert!(began.elapsed() < PATIENT);
    assert_eq!(stt.health(), Health::Ready);
}

#[tokio::test]
async fn a_newer_partial_replaces_the_waiting_one() {
    let stt = WhisperStt::new(test_model("whisper-tiny.en-q8_0.bin"), 2);
    let (_, audio) = human_clips().swap_remove(1);
    let partial = |audio: Vec<f32>| SttRequest { partial: true, ..request(audio) };
    let first = tokio::spawn(stt.transcribe(request(audio.clone())));
    tokio::task::yield_now().await;
    let older = tokio::spawn(stt.transcribe(partial(audio.clone())));
    tokio::task::yield_now().await;
    let newer = tokio::spawn(stt.transcribe(request(audio)));
    assert!(first.await.expect("no panic").is_ok());
    assert_eq!(older.await.expect("no panic").expect_err("out of date").kind, ErrorKind::Overloaded);
    assert!(newer.await.expect("no panic").is_ok());
}

/// The first `share` of a model file, with `patch` applied.
fn damaged(share: f64, patch: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = std::fs::read(test_model("whisper-tiny.en-q8_0.bin")).expect("a model");
    bytes.truncate((bytes.len() as f64 * share) as usize);
    patch(&mut bytes);
    bytes
}

#[tokio::test]
async fn a_missing_or_damaged_model_is_unavailable_and_says_what_to_do() {
    let stt = WhisperStt::new(PathBuf::from("/nowhere/whisper.bin"), 2);
    let Health::Unavailable(reason) = stt.health() else { panic!("{:?}", stt.health()) };
    assert!(reason.contains("/nowhere/whisper.bin") && reason.contains("models pull"), "{reason}");

    let files = [
        ("nothing", Vec::new()),
        ("text", b"This is no model. ".repeat(100)),
        ("a header", damaged(0.0001, |_| {})),
        ("a half", damaged(0.5, |_| {})),
        ("almost all", damaged(0.999_99, |_| {})),
        ("a huge vocabulary", damaged(1.0, |bytes| bytes[4..8].fill(0x7F))),
        ("huge filters", damaged(1.0, |bytes| bytes[48..56].fill(0x7F))),
        ("a negative length", damaged(1.0, |bytes| bytes[56 + 80 * 201 * 4..][..8].fill(0xFF))),
    ];
    for (what, bytes) in files {
        let file = scratch_file("whisper.bin", &bytes);
        let stt = WhisperStt::new(file.path().to_owned(), 2);
        let error = stt.transcribe(request(vec![0.1; 16_000])).await.expect_err("no model");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{what}: {error}");
        assert!(error.message.contains("models pull"), "{what}: {error}");
        assert!(matches!(stt.health(), Health::Unavailable(_)), "{what}");
    }
}

#[test]
fn the_file_says_which_languages_it_knows() {
    let languages = |path: PathBuf| WhisperStt::new(path, 1).info().languages;
    assert_eq!(languages(test_model("whisper-base-q8_0.bin")), Language::ALL);
    assert_eq!(languages(test_model("whisper-tiny.en-q8_0.bin")), [Language::English]);
}
