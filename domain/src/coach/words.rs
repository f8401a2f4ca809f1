//! What the coach says, in Korean and in English.

use super::ScoreName;
use crate::{lang::Language, score::WhyNot};

/// What is missing, in one line.
pub fn why_not(why: &WhyNot, language: Language) -> String {
    let WhyNot { code, needs, has } = *why;
    let (needs_s, has_s) = (needs.div_ceil(1000), has / 1000);
    match (language, code) {
        (Language::Korean, "needs_turns") => format!("대화가 {needs}번 필요해요. 지금까지 {has}번 했어요."),
        (Language::Korean, "needs_time") => format!("{needs_s}초가 필요해요. 지금까지 {has_s}초예요."),
        (Language::Korean, "needs_coverage") => {
            format!("관찰된 시간이 {needs}% 필요해요. 지금은 {has}%예요.")
        }
        (Language::Korean, "needs_face") => {
            format!("얼굴이 {needs_s}초 보여야 해요. 지금까지 {has_s}초 보였어요.")
        }
        (Language::Korean, "needs_speech") => {
            format!("목소리가 {needs_s}초 필요해요. 지금까지 {has_s}초 들렸어요.")
        }
        (Language::Korean, "switched_off") => "표정 분석이 꺼져 있어요.".into(),
        (Language::Korean, "part_failed") => "이 부분이 지금 작동하지 않아요.".into(),
        (Language::Korean, _) => format!("아직 모자라요: {needs} 중 {has}."),
        (Language::English, "needs_turns") => format!("needs {needs} turns, has {has}"),
        (Language::English, "needs_time") => format!("needs {needs_s} s, has {has_s} s"),
        (Language::English, "needs_coverage") => format!("needs {needs} % observed, has {has} %"),
        (Language::English, "needs_face") => format!("needs {needs_s} s of face, has {has_s} s"),
        (Language::English, "needs_speech") => format!("needs {needs_s} s of voice, has {has_s} s"),
        (Language::English, "switched_off") => "expression analysis is switched off".into(),
        (Language::English, "part_failed") => "this part does not work now".into(),
        (Language::English, _) => format!("needs {needs}, has {has}"),
    }
}

/// The hint that stands for a summary while there is too little; the Korean one is that of the earlier system.
pub(super) fn hint(language: Language) -> &'static str {
    match language {
        Language::Korean => "실시간 꿀팁! AI와 대화를 2회 이상 나누면 자동으로 분석이 시작됩니다.",
        Language::English => {
            "Live tip: exchange two turns or more with the AI and the analysis begins by itself."
        }
    }
}

/// One sentence that names the strongest and the weakest score.
pub(super) fn summary(best: (ScoreName, u8), worst: (ScoreName, u8), language: Language) -> String {
    let ((best, best_value), (worst, worst_value)) = (best, worst);
    let (best_label, worst_label) = (best.label(language), worst.label(language));
    match language {
        Language::Korean if best == worst => format!("지금은 {best_label}({best_value}점)만 볼 수 있어요."),
        Language::Korean => format!(
            "가장 돋보인 것은 {best_label}({best_value}점), 더 다듬을 것은 {worst_label}({worst_value}점)입니다."
        ),
        Language::English if best == worst => format!("So far only your {best_label} ({best_value}) shows."),
        Language::English => format!(
            "Your {best_label} ({best_value}) stood out most; your {worst_label} ({worst_value}) has the most room to grow."
        ),
    }
}
