//! Bounds, directions, and that every number can be traced to its inputs.

use super::*;
use crate::{
    score::Span,
    turn::TurnId,
    voice::{Said, Track, measure},
    words::read,
};

const OWN: VoiceBaseline = VoiceBaseline {
    syllables_per_s: 4.5,
    words_per_minute: 140.0,
    loudness_sd_db: 6.0,
    pitch_sd_st: 3.0,
    median_f0_hz: Some(150.0),
    level_db: Some(-25.0),
    turns: 5,
};

/// A turn that is as usual in everything.
fn usual() -> VoiceTurn {
    let said = Said { turn: TurnId(1), span: Span::default(), words: "", lang: Language::English };
    VoiceTurn {
        units: 140,
        speech_ms: 54_000,
        pause_ms: 6_000,
        voiced_ms: 30_000,
        median_f0_hz: Some(150.0),
        pitch_sd_st: Some(3.0),
        level_db: Some(-25.0),
        loudness_sd_db: Some(6.0),
        ..measure(&Track::default(), &said)
    }
}

fn shown(voice: Option<&VoiceTurn>, text: &str) -> Guess {
    let lang = Language::of_text(text).unwrap_or(Language::English);
    guess(voice, &read(text, lang), &OWN)
}

fn share(guess: &Guess, emotion: Expression) -> f32 {
    guess.shares[emotion as usize].1
}

#[test]
fn feelings_are_listed_in_the_order_of_expressions() {
    assert_eq!(Expression::ALL.map(Expression::name), crate::words::FEELINGS);
}

#[test]
fn shares_are_shares_whatever_comes_in() {
    let wild = VoiceTurn {
        median_f0_hz: Some(f32::NAN),
        level_db: Some(f32::INFINITY),
        pitch_sd_st: Some(-1e9),
        units: u32::MAX,
        ..usual()
    };
    for voice in [None, Some(&usual()), Some(&wild)] {
        for text in ["", "I hate hate hate this awful terrible thing", "너무 너무 행복해요", "책상"]
        {
            let guess = shown(voice, text);
            let sum = guess.shares.iter().map(|(_, share)| share).sum::<f32>();
            assert!(
                (sum - 1.0).abs() < 1e-5 && guess.shares.iter().all(|(_, share)| (0.0..=1.0).contains(share))
            );
            assert!(
                guess.shares.iter().zip(Expression::ALL).all(|((emotion, _), expected)| *emotion == expected)
            );
            assert!(
                guess.reasons.iter().all(|reason| reason.value.abs() <= 1.0 && reason.weight.is_finite())
            );
        }
    }
}

#[test]
fn nothing_unusual_is_neutral() {
    let guess = shown(Some(&usual()), "The table is in the room.");
    assert_eq!(guess.first(), Expression::Neutral);
    assert!(share(&guess, Expression::Neutral) > 0.65, "{guess:?}");
    assert!(guess.reasons.is_empty());
}

#[test]
fn words_and_voice_point_the_same_way_in_both_languages() {
    let cases = [
        ("I'm so happy!", "정말 행복해요!", Expression::Joy),
        ("I feel so sad and lonely.", "너무 슬프고 외로워요.", Expression::Sadness),
        ("I'm so angry!", "진짜 화나요!", Expression::Anger),
        ("Wow, what a surprise!", "헐, 깜짝 놀랐어요!", Expression::Surprise),
        ("I'm scared.", "무서워요.", Expression::Fear),
        ("That's disgusting.", "너무 역겨워요.", Expression::Disgust),
        ("How pathetic.", "정말 한심하네요.", Expression::Contempt),
    ];
    for (english, korean, emotion) in cases {
        for text in [english, korean] {
            let guess = shown(None, text);
            let best = guess
                .shares
                .iter()
                .filter(|(other, _)| *other != Expression::Neutral)
                .max_by(|a, b| a.1.total_cmp(&b.1));
            assert_eq!(best.unwrap().0, emotion, "{text}: {guess:?}");
            assert!(
                guess.reasons.iter().any(|reason| reason.emotion == emotion && reason.what == "words"),
                "{text}"
            );
        }
    }
    let lively =
        VoiceTurn { median_f0_hz: Some(190.0), pitch_sd_st: Some(5.0), level_db: Some(-21.0), ..usual() };
    let flat = VoiceTurn {
        median_f0_hz: Some(130.0),
        pitch_sd_st: Some(1.5),
        level_db: Some(-31.0),
        units: 90,
        ..usual()
    };
    assert_eq!(shown(Some(&lively), "I'm so happy!").first(), Expression::Joy);
    assert_eq!(shown(Some(&flat), "I feel so sad.").first(), Expression::Sadness);
    assert!(
        share(&shown(Some(&flat), "It rains."), Expression::Sadness)
            > share(&shown(Some(&usual()), "It rains."), Expression::Sadness)
    );
}

#[test]
fn a_louder_voice_shows_more_anger_and_less_sadness() {
    let at = |db: f32| shown(Some(&VoiceTurn { level_db: Some(db), ..usual() }), "Come here now.");
    let levels = [-40.0, -30.0, -25.0, -22.0, -19.0, -5.0].map(at);
    assert!(levels.each_ref().map(|guess| share(guess, Expression::Anger)).is_sorted());
    assert!(
        levels
            .each_ref()
            .map(|guess| share(guess, Expression::Sadness))
            .is_sorted_by(|one, other| one >= other)
    );
}

#[test]
fn gain_and_height_do_not_matter_when_the_baseline_moves_along() {
    let words = read("We went there today.", Language::English);
    let shifted = VoiceTurn { level_db: Some(-45.0), median_f0_hz: Some(300.0), ..usual() };
    let own = VoiceBaseline { level_db: Some(-45.0), median_f0_hz: Some(300.0), ..OWN };
    let (here, there) = (guess(Some(&usual()), &words, &OWN), guess(Some(&shifted), &words, &own));
    assert!(here.shares.iter().zip(there.shares).all(|(one, other)| (one.1 - other.1).abs() < 1e-5));
}

// ---------------------------------------------------------------- manners

fn manner_of(voice: Option<&VoiceTurn>, text: &str, smiling: Option<f32>) -> Manner {
    let lang = Language::of_text(text).unwrap_or(Language::English);
    manner(&Heard { voice, words: &read(text, lang), smiling, baseline: &OWN, lang })
}

#[test]
fn a_gauge_is_the_mean_of_its_inputs() {
    let text = "Thank you, that must have been hard. I'm so sorry to hear that.";
    for gauge in {
        let manner = manner_of(Some(&usual()), text, Some(0.3));
        [manner.warmth, manner.enthusiasm, manner.politeness, manner.confidence]
    } {
        let weight = gauge.inputs.iter().map(|input| input.weight).sum::<f32>();
        let mean = gauge.inputs.iter().map(|input| input.weight * input.worth).sum::<f32>() / weight;
        assert!((f32::from(gauge.value.unwrap()) - 100.0 * mean).abs() <= 0.5, "{gauge:?}");
        assert!(gauge.inputs.iter().all(|input| (0.0..=1.0).contains(&input.worth)));
    }
    assert_eq!(manner_of(None, "", None), Manner::default());
}

#[test]
fn manners_follow_what_they_are_made_of() {
    let value = |gauge: Gauge| gauge.value.unwrap();
    let plain = "I went to the shop and bought some bread.";
    let smiles = [0.0, 0.1, 0.3, 0.5].map(|smile| value(manner_of(None, plain, Some(smile)).warmth));
    assert!(smiles.is_sorted_by(|one, other| one < other), "{smiles:?}");
    let caring = "I'm so sorry to hear that. That must have been hard. How are you feeling now?";
    assert!(value(manner_of(None, caring, None).warmth) > value(manner_of(None, plain, None).warmth));
    let unsure = "Um, maybe I, uh, kind of went to, you know, the shop, I guess.";
    assert!(
        value(manner_of(None, plain, None).confidence) > value(manner_of(None, unsure, None).confidence) + 40
    );
    let korean = ["저는 어제 친구를 만나서 밥을 먹었습니다.", "나는 어제 친구를 만나서 밥을 먹었어."];
    let [polite, close] = korean.map(|text| value(manner_of(None, text, None).politeness));
    assert!(polite > close + 50, "{polite} {close}");
    let flat = VoiceTurn { pitch_sd_st: Some(0.8), loudness_sd_db: Some(3.0), ..usual() };
    assert!(
        value(manner_of(Some(&usual()), plain, None).enthusiasm)
            > value(manner_of(Some(&flat), plain, None).enthusiasm)
    );
    let halting = VoiceTurn { speech_ms: 30_000, pause_ms: 30_000, ..usual() };
    assert!(
        value(manner_of(Some(&usual()), plain, None).confidence)
            > value(manner_of(Some(&halting), plain, None).confidence)
    );
}

#[test]
fn the_words_are_scored_when_there_are_enough() {
    let score = |text: &str| {
        let lang = Language::of_text(text).unwrap_or(Language::English);
        word_choice(&Heard { voice: None, words: &read(text, lang), smiling: None, baseline: &OWN, lang })
    };
    let why = score("네.").value.unwrap_err();
    assert_eq!((why.code, why.needs, why.has), ("needs_words", 5, 1));
    let kind = score("Thank you so much, that was wonderful. How are you feeling today?");
    let unkind = score("Um, that was, like, terrible and stupid, you know, and I hate it.");
    assert!(kind.value().unwrap() > unkind.value().unwrap() + 30, "{kind:?} {unkind:?}");
    assert!((0.0..=1.0).contains(&kind.coverage) && (0.0..=1.0).contains(&kind.quality));
    let korean = score("정말 감사합니다. 많이 힘들었겠어요. 지금은 기분이 어때요?");
    assert!(korean.value().unwrap() >= 80, "{korean:?}");
}
