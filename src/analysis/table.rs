//! The analysis for a terminal, in the language of the recording.

use std::fmt::Write;

use super::Analysis;

/// A table that a person reads in a glance.
pub fn table(analysis: &Analysis) -> String {
    let korean = analysis.language == "ko";
    let say = |in_korean: &'static str, in_english: &'static str| if korean { in_korean } else { in_english };
    let number = |value: Option<u8>| value.map_or_else(|| "—".to_owned(), |value| value.to_string());
    let measured = |value: Option<f32>, unit: &str| {
        value.map_or_else(|| "—".to_owned(), |value| format!("{value} {unit}"))
    };
    let speech = &analysis.details.speech;
    let words = &analysis.details.words;
    let rate = if korean { "음절/초" } else { "words/min" };
    let rows = [
        (say("총점", "total"), number(analysis.total_score)),
        (say("음성 톤", "voice tone"), number(analysis.voice_tone_score)),
        (say("단어 선택", "word choice"), number(analysis.word_choice_score)),
        (say("드러난 감정", "emotion shown"), emotions(analysis, korean)),
        (say("따뜻함", "warmth"), number(analysis.warmth)),
        (say("열정", "enthusiasm"), number(analysis.enthusiasm)),
        (say("정중함", "politeness"), number(analysis.politeness)),
        (say("자신감", "confidence"), number(analysis.confidence)),
        (say("말하기 속도", "speaking rate"), measured(speech.speaking_rate, rate)),
        (say("쉼 제외 속도", "without pauses"), measured(speech.articulation_rate, rate)),
        (say("음높이", "pitch"), measured(speech.median_f0_hz, "Hz")),
        (say("음높이 변화", "pitch range"), measured(speech.pitch_sd_semitones, say("반음", "semitones"))),
        (say("음량 변화", "loudness range"), measured(speech.loudness_sd_db, "dB")),
        (say("쉼", "pauses"), format!("{} ({:.1} s)", speech.pauses, speech.pause_ms as f64 / 1000.0)),
        (say("군말", "fillers"), words.fillers.len().to_string()),
        (say("질문", "questions"), words.questions.to_string()),
    ];
    let width = rows.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}{}  {value}", " ".repeat(width - columns(name)));
    }
    let missing = [&analysis.details.voice_tone, &analysis.details.word_choice];
    for why in missing.into_iter().filter_map(|score| score.why_not.as_ref()) {
        let _ = writeln!(text, "{}: {} {}/{}", say("부족", "missing"), why.code, why.has, why.needs);
    }
    let _ = writeln!(text, "\n{}", analysis.transcript);
    text
}

/// The emotions that are shown at all, the strongest first.
fn emotions(analysis: &Analysis, korean: bool) -> String {
    let mut shown = analysis.emotions.iter().filter(|(_, share)| **share >= 0.1).collect::<Vec<_>>();
    shown.sort_by(|one, other| other.1.total_cmp(one.1));
    let one = |(name, share): (&&'static str, &f32)| {
        let name = if korean { in_korean(name) } else { name };
        format!("{name} {:.0} %", share * 100.0)
    };
    shown.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

fn in_korean(emotion: &str) -> &str {
    match emotion {
        "joy" => "기쁨",
        "sadness" => "슬픔",
        "anger" => "분노",
        "surprise" => "놀람",
        "fear" => "두려움",
        "disgust" => "혐오",
        "neutral" => "중립",
        "contempt" => "경멸",
        other => other,
    }
}

/// Columns of a terminal: Hangul takes two.
fn columns(text: &str) -> usize {
    text.chars().map(|character| if duologue_domain::lang::is_hangul(character) { 2 } else { 1 }).sum()
}
