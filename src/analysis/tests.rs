//! A recording made of tones and a speech engine that says what was asked of it.

use duologue_testkit::FakeStt;

use super::*;

/// A voice that hums with a melody for `spans` of seconds, in a recording of `seconds`.
fn recording(seconds: f32, spans: &[(f32, f32)]) -> Sound {
    let mut phase = 0.0f32;
    let sample = |index: usize| {
        let at = index as f32 / HEARING_RATE as f32;
        phase = (phase + 150.0 * f32::exp2(0.3 * (at * 3.0).sin()) / HEARING_RATE as f32).fract();
        let speaks = spans.iter().any(|(from, to)| (*from..*to).contains(&at));
        let sum = (1..20).map(|number| (std::f32::consts::TAU * phase * number as f32).sin() / number as f32);
        if speaks { 0.2 * sum.sum::<f32>() } else { 0.0 }
    };
    let samples = (0..(seconds * HEARING_RATE as f32) as usize).map(sample).collect();
    Sound { samples, format: Format { container: "wav", codec: "pcm", rate: 16_000, channels: 1 } }
}

async fn analysed(sound: Sound, texts: &[&str], language: Option<Language>) -> serde_json::Value {
    let engine = FakeStt::hearing(texts);
    let request = Request { sound, language, key: 1, patience: Duration::from_secs(5) };
    serde_json::to_value(analyse(&engine, request).await.expect("an analysis")).expect("plain data")
}

/// From and to.
type Seconds = &'static [(f32, f32)];

#[test]
fn pieces_are_cut_where_nobody_speaks() {
    let of = |seconds: f32, spans: &[(f32, f32)]| {
        let pieces = pieces(&listen(&recording(seconds, spans).samples));
        pieces
            .iter()
            .map(|piece| (piece.from_ms as f32 / 1000.0, piece.to_ms as f32 / 1000.0))
            .collect::<Vec<_>>()
    };
    let close = |found: &[(f32, f32)], expected: &[(f32, f32)]| {
        found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(one, other)| (one.0 - other.0).abs() < 0.06 && (one.1 - other.1).abs() < 0.06)
    };
    assert_eq!(of(3.0, &[]), []);
    let cases: [(f32, Seconds, Seconds); 4] = [
        (6.0, &[(0.5, 2.0), (2.5, 5.0)], &[(0.5, 5.0)]),
        (9.0, &[(0.5, 2.0), (5.0, 8.0)], &[(0.5, 2.0), (5.0, 8.0)]),
        (40.0, &[(0.5, 15.0), (15.5, 29.0), (29.5, 39.0)], &[(0.5, 15.0), (15.5, 39.0)]),
        (60.0, &[(1.0, 59.0)], &[(1.0, 26.0), (26.0, 51.0), (51.0, 59.0)]),
    ];
    for (seconds, spans, expected) in cases {
        let found = of(seconds, spans);
        assert!(close(&found, expected), "{spans:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_recording_is_scored_with_everything_that_made_it() {
    let words = "Thank you, um, that was wonderful. How are you feeling today?";
    let analysis =
        analysed(recording(7.0, &[(0.5, 3.0), (3.6, 6.0)]), &[words], Some(Language::English)).await;
    for name in [
        "total_score",
        "voice_tone_score",
        "word_choice_score",
        "enthusiasm",
        "politeness",
        "confidence",
        "warmth",
    ] {
        let value = analysis[name].as_u64().unwrap_or_else(|| panic!("{name}: {analysis:#}"));
        assert!(value <= 100);
    }
    let shares = analysis["emotions"].as_object().expect("eight");
    assert_eq!(shares.len(), 8);
    assert!((shares.values().map(|share| share.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 0.01);
    assert_eq!((&analysis["transcript"], &analysis["language"]), (&words.into(), &"en".into()));
    let speech = &analysis["details"]["speech"];
    // Eleven words from 0.5 s to 6 s.
    let rate = speech["speaking_rate"].as_f64().unwrap();
    assert!((rate - 11.0 * 60.0 / 5.5).abs() < 6.0, "{rate}");
    assert_eq!(speech["pauses"], 1);
    assert_eq!(
        analysis["details"]["words"]["fillers"][0],
        serde_json::json!({"from": 11, "to": 13, "what": "um"})
    );
    assert_eq!(analysis["details"]["words"]["questions"], 1);
    assert_eq!(analysis["pitch"]["hz"].as_array().expect("a track").len(), 70);
    assert!(analysis["pitch"]["hz"][0].is_null() && analysis["pitch"]["hz"][10].is_number());
    assert!(analysis["details"]["voice_tone"]["why_not"].is_null());
}

#[tokio::test]
async fn what_was_not_measured_is_not_scored() {
    let silent = analysed(recording(2.0, &[]), &[], None).await;
    for name in [
        "total_score",
        "voice_tone_score",
        "word_choice_score",
        "warmth",
        "enthusiasm",
        "politeness",
        "confidence",
    ] {
        assert!(silent[name].is_null(), "{name}");
    }
    assert_eq!((&silent["transcript"], &silent["emotion"]), (&"".into(), &"neutral".into()));
    assert_eq!(silent["details"]["voice_tone"]["why_not"]["code"], "needs_speech");
    assert_eq!(silent["details"]["word_choice"]["why_not"]["has"], 0);
}

#[tokio::test]
async fn silence_between_turns_is_no_pause_and_korean_counts_syllables() {
    let sound = recording(12.0, &[(0.5, 3.5), (8.0, 11.0)]);
    let texts = ["안녕하세요, 반갑습니다.", "오늘 정말 즐거웠어요."];
    let analysis = analysed(sound, &texts, Some(Language::Korean)).await;
    let speech = &analysis["details"]["speech"];
    assert_eq!((&speech["pauses"], &speech["rate_unit"]), (&0.into(), &"syllables_per_second".into()));
    let rate = speech["speaking_rate"].as_f64().unwrap();
    assert!((rate - 19.0 / 6.0).abs() < 0.15, "{rate}");
    assert_eq!(analysis["politeness"], 100);
    assert_eq!(analysis["details"]["voice_tone"]["n"], 2);
}

#[tokio::test]
async fn the_table_speaks_the_language_of_the_recording() {
    let engine = FakeStt::hearing(&["안녕하세요. 만나서 정말 반갑습니다."]);
    let request = Request {
        sound: recording(5.0, &[(0.2, 4.5)]),
        language: Some(Language::Korean),
        key: 1,
        patience: Duration::from_secs(5),
    };
    let text = table(&analyse(&engine, request).await.expect("an analysis"));
    assert!(text.contains("총점") && text.contains("정중함") && text.contains("음절/초"), "{text}");
    assert!(text.ends_with("반갑습니다.\n"));
}
