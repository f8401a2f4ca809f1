//! Times of words, and translation.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    models_for_tests::runtime,
    port::{SpokenWord, SttTask, TtsEngine, TtsRequest},
    tts::{Neural, dsp, kokoro},
};

/// A request of somebody who asks nothing else: nobody's partial gives way to it.
fn alone(audio: Vec<f32>) -> SttRequest {
    static SESSIONS: AtomicU64 = AtomicU64::new(1_000);
    SttRequest { session: SESSIONS.fetch_add(1, Ordering::Relaxed), ..request(audio) }
}

/// A Korean sentence as a voice says it that whisper understands well, at 16 kHz.
async fn korean(text: &str) -> Vec<f32> {
    let folder = test_model("kokoro-int8.onnx").parent().map(std::path::Path::to_path_buf).expect("a folder");
    let neural = Neural { runtime: runtime(), models: folder, threads: 2, cores: Arc::default() };
    let voices = kokoro::start(&neural);
    let request = TtsRequest {
        session: 1,
        text: text.into(),
        language: Language::Korean,
        voice: "kokoro-nezumi".into(),
        speed: 1.0,
        first_audio_deadline: PATIENT,
    };
    let mut stream = voices.synthesize(request).expect("a voice");
    let mut audio = Vec::new();
    while let Some(chunk) = stream.next().await {
        audio.extend(chunk.expect("sound").audio);
    }
    // 24 kHz taken for 36 and brought to 24 are 16.
    dsp::resample(&audio, 36_000)
}

/// These words one after another with half a second of silence between them, and where each begins and ends, in ms.
fn spaced(voice: &str, said: &[&str]) -> (Vec<f32>, Vec<(u64, u64)>) {
    let (mut audio, mut spans) = (vec![0.0; 4_800], Vec::new());
    for word in said {
        let sound = synthetic(voice, word);
        let is_loud = |sample: &f32| sample.abs() > 0.01;
        let first = sound.iter().position(is_loud).expect("a sound");
        let last = sound.iter().rposition(is_loud).expect("a sound");
        let from = audio.len() as u64 / 16;
        audio.extend(&sound[first..=last]);
        spans.push((from, audio.len() as u64 / 16));
        audio.extend([0.0; 8_000]);
    }
    (audio, spans)
}

async fn timed(audio: Vec<f32>, language: Option<Language>) -> Transcript {
    let heard = hear(SttRequest { language, times: true, ..alone(audio) }).await;
    let text = heard.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(text, heard.text, "the words are the text");
    heard
}

/// How far a boundary of a word is from where it should be.
fn distance(word: &SpokenWord, (from, to): (u64, u64)) -> u64 {
    word.from_ms.abs_diff(from).max(word.to_ms.abs_diff(to))
}

#[tokio::test]
async fn words_are_where_they_were_said() {
    for (voice, said, language) in [
        ("en", ["Monday", "yellow", "seven", "mother", "window"], Language::English),
        ("ko", ["학교", "친구", "어머니", "사람", "나무"], Language::Korean),
    ] {
        let (audio, spans) = spaced(voice, &said);
        let heard = timed(audio, Some(language)).await;
        eprintln!("{:?} {spans:?}", heard.words);
        // What is recognised of single synthetic words is not the point; that each has its place is.
        let placed =
            spans.iter().filter(|span| heard.words.iter().any(|word| distance(word, **span) <= 150)).count();
        assert!(placed >= 4, "{placed} of {}: {:?}", spans.len(), heard.words);
    }
}

#[tokio::test]
async fn what_was_said_after_a_pause_is_after_it() {
    let mut clips = human_clips();
    let (second, first) = (clips.swap_remove(1), clips.swap_remove(0));
    let ends = first.1.len() as u64 / 16;
    let audio = [first.1, vec![0.0; 24_000], second.1].concat();
    let heard = timed(audio, Some(Language::English)).await;
    let count = heard.words.iter().filter(|word| word.to_ms < ends + 300).count();
    let begins = heard.words.get(count).expect("words of the second");
    eprintln!("{count} words before {ends}, then {begins:?}");
    assert!(count.abs_diff(words(&first.0).len()) <= 2, "{count} of {}", first.0);
    assert!(begins.from_ms + 300 >= ends + 1_500, "{begins:?} after {ends}");
}

#[tokio::test]
async fn times_do_not_change_what_is_heard() {
    let (mut wrong, mut count) = (0, 0);
    for (said, audio) in human_clips() {
        let length = audio.len() as u64 / 16;
        let heard = timed(audio.clone(), None).await;
        eprintln!("{} ms: {:?}", heard.compute.as_millis(), heard.words);
        let mut before = 0;
        for word in &heard.words {
            assert!(before <= word.from_ms && word.from_ms <= word.to_ms && word.to_ms <= length, "{word:?}");
            assert!(
                word.to_ms - word.from_ms <= 2_000 && (0.0..=1.0).contains(&word.probability),
                "{word:?}"
            );
            before = word.to_ms;
        }
        assert_eq!(heard.language, Some(Language::English));
        let (said, got) = (words(&said), words(&heard.text));
        wrong += edits(&said, &got);
        count += said.len();
    }
    eprintln!("{wrong} of {count} words wrong");
    assert!(wrong * 100 <= count * 6, "{wrong} of {count} words");
}

#[tokio::test]
async fn silence_and_noise_have_no_words() {
    for (what, audio) in no_speech() {
        let heard = timed(audio, None).await;
        assert!(heard.words.is_empty() && heard.text.is_empty(), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn korean_is_translated_into_english() {
    let audio = korean("저는 학교에 가서 친구를 만났어요.").await;
    for times in [false, true] {
        let task = SttTask::Translate;
        let heard = hear(SttRequest { task, times, ..alone(audio.clone()) }).await;
        eprintln!("{heard:?}");
        let got = words(&heard.text);
        assert!(!heard.text.chars().any(is_hangul), "{}", heard.text);
        assert!(got.iter().any(|word| ["school", "friend", "friends"].contains(&word.as_str())), "{got:?}");
        assert_eq!(heard.language, Some(Language::Korean), "what was said, not what was made of it");
        assert_eq!(heard.words.is_empty(), !times);
    }
    let (_, english) = human_clips().swap_remove(1);
    let heard = hear(SttRequest { task: SttTask::Translate, ..alone(english) }).await;
    assert!(words(&heard.text).contains(&"young".to_owned()), "{}", heard.text);
}

#[tokio::test]
async fn a_model_of_english_alone_translates_nothing() {
    let whisper = WhisperStt::new(test_model("whisper-tiny.en-q8_0.bin"), 2);
    let (_, audio) = human_clips().swap_remove(1);
    let refused = whisper.transcribe(SttRequest { task: SttTask::Translate, ..request(audio.clone()) }).await;
    assert_eq!(refused.expect_err("not multilingual").kind, ErrorKind::BadInput);
    let heard = whisper.transcribe(SttRequest { times: true, ..request(audio) }).await.expect("a transcript");
    // How well so small a model hears the rest is not the point.
    let words: Vec<_> = heard.words.iter().map(|word| word.text.as_str()).collect();
    assert!(words.starts_with(&["He", "was", "not", "an"]), "{heard:?}");
}
