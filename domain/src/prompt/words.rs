//! The sentences of a prompt, Korean and English. Short: a small model on a laptop reads 33 to 90 tokens a second.

use super::PromptInput;
use crate::{
    candor::AiQuestion,
    lang::Language,
    memory,
    persona::{IntimacyStep, Persona, Profile, SpeechLevel},
};

const KOREAN_RULES: &str = "지금 소리 내어 대화 중입니다. 한국어로 짧게 한두 문장만 말하세요. \
    목록, 기호, 이모지, 괄호 속 행동은 쓰지 마세요. 상대의 말에 먼저 반응하고, 모르면 지어내지 말고 물으세요.";
const ENGLISH_RULES: &str = "you are speaking aloud. Answer in English, in one or two short sentences. No lists, symbols, \
    emoji or actions in brackets. React to what was said first; if you do not know, ask instead of inventing.";

/// What a persona is told when nobody has said anything for a while.
pub fn carry_on(language: Language) -> &'static str {
    match language {
        Language::Korean => "상대가 한동안 말이 없습니다. 짧은 질문으로 먼저 말을 거세요.",
        Language::English => "They have been silent for a while. Carry the talk on with a short question.",
    }
}

/// What must not be said aloud: the rules, and how to speak.
pub(super) fn unspoken(language: Language, step: Option<&IntimacyStep>) -> String {
    let rules = match language {
        Language::Korean => KOREAN_RULES,
        Language::English => ENGLISH_RULES,
    };
    format!("{rules} {}", direction(language, step))
}

/// The persona's part, the same in every session.
pub(super) fn system(persona: &Persona, language: Language) -> String {
    let profile = persona.profile(language);
    match language {
        Language::Korean => system_korean(persona, profile),
        Language::English => system_english(persona, profile),
    }
}

fn system_korean(persona: &Persona, profile: &Profile) -> String {
    let mut text =
        format!("당신은 {}입니다. {}세, {}, {}.\n", profile.name, persona.age, persona.mbti, profile.job);
    line(&mut text, "성격", &profile.personality);
    line(&mut text, "배경", &profile.background);
    line(&mut text, "취미", &profile.hobbies.join(", "));
    line(&mut text, "좋아함", &profile.likes.join(", "));
    line(&mut text, "싫어함", &profile.dislikes.join(", "));
    line(&mut text, "말투", &profile.speaking_style);
    line(&mut text, "규칙", KOREAN_RULES);
    for example in &profile.examples {
        text.push_str(&format!("예) 상대: {} / {}: {}\n", example.user, profile.name, example.persona));
    }
    text.trim_end().to_owned()
}

fn system_english(persona: &Persona, profile: &Profile) -> String {
    let mut text =
        format!("You are {}, {} years old, {}, {}.\n", profile.name, persona.age, persona.mbti, profile.job);
    line(&mut text, "Character", &profile.personality);
    line(&mut text, "Background", &profile.background);
    line(&mut text, "Hobbies", &profile.hobbies.join(", "));
    line(&mut text, "Likes", &profile.likes.join(", "));
    line(&mut text, "Dislikes", &profile.dislikes.join(", "));
    line(&mut text, "Way of talking", &profile.speaking_style);
    line(&mut text, "Rules", ENGLISH_RULES);
    for example in &profile.examples {
        text.push_str(&format!("Example) Them: {} / {}: {}\n", example.user, profile.name, example.persona));
    }
    text.trim_end().to_owned()
}

fn line(text: &mut String, label: &str, value: &str) {
    if !value.is_empty() {
        text.push_str(&format!("{label}: {value}\n"));
    }
}

/// What differs between sessions and turns.
pub(super) fn note(input: &PromptInput<'_>) -> String {
    let mut parts = vec![direction(input.language, input.step)];
    parts.push(memory::render(input.facts, input.language));
    parts.push(input.instructions.trim().to_owned());
    parts.push(candor(input));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// How to speak, now that the two are so close.
fn direction(language: Language, step: Option<&IntimacyStep>) -> String {
    let level = step.map_or(SpeechLevel::Polite, |step| step.level);
    let note = step.map_or("", |step| step.note(language));
    let manner = manner(language, level);
    // Small models say a polite Korean direction aloud less often, and keep to it better, when it comes last; the one for
    // 반말 does not gain by it (docs/benchmarks-log.md, "What small models make of their directions").
    let parts = match (language, level) {
        (Language::Korean, SpeechLevel::Formal | SpeechLevel::Polite) => [note, manner],
        _ => [manner, note],
    };
    parts.join(" ").trim().to_owned()
}

fn manner(language: Language, level: SpeechLevel) -> &'static str {
    match (language, level) {
        (Language::Korean, SpeechLevel::Formal) => "정중한 합쇼체로 말하세요.",
        (Language::Korean, SpeechLevel::Polite) => "해요체로 부드럽게 말하세요.",
        (Language::Korean, SpeechLevel::Close) => "친한 친구처럼 반말로 말하세요. '-요'를 붙이지 마세요.",
        (Language::English, SpeechLevel::Formal) => "Speak politely and formally.",
        (Language::English, SpeechLevel::Polite) => "Speak in a relaxed, friendly way.",
        (Language::English, SpeechLevel::Close) => "Speak casually, like a close friend.",
    }
}

fn candor(input: &PromptInput<'_>) -> String {
    match (input.candor, input.language) {
        (AiQuestion::None, _) => String::new(),
        (AiQuestion::Sincere, Language::Korean) => {
            "상대가 진심으로 AI인지 묻고 있습니다. AI가 맞다고 짧고 솔직하게 인정하고, 따뜻하게 대화를 이어 가세요.".into()
        }
        (AiQuestion::Sincere, Language::English) => {
            "They sincerely ask whether you are an AI. Admit briefly and honestly that you are, and stay warm.".into()
        }
        (AiQuestion::Casual, Language::Korean) => {
            let base = "상대가 장난스럽게 AI인지 묻습니다. 사람이라고 우기거나 AI가 아니라고 하지 말고 재치 있게 넘기세요.";
            with_example(base, "예", input)
        }
        (AiQuestion::Casual, Language::English) => {
            let base = "They casually ask whether you are an AI. Deflect with a light touch; do not claim to be human \
                        or deny being an AI.";
            with_example(base, "For example", input)
        }
    }
}

/// A deflection of the persona's own; a different one as the scene goes on.
fn with_example(base: &str, label: &str, input: &PromptInput<'_>) -> String {
    let deflections = &input.persona.profile(input.language).deflections;
    match deflections.len() {
        0 => base.to_owned(),
        count => format!("{base} {label}: {}", deflections[input.history.len() / 2 % count]),
    }
}
