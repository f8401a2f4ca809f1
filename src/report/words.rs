//! The words of the printed report.

use duologue_domain::{coach::ScoreName, lang::Language};

/// What stands on the page.
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) with: &'static str,
    pub(super) scores: &'static str,
    pub(super) total: &'static str,
    pub(super) measured: &'static str,
    pub(super) samples: &'static str,
    pub(super) observed: &'static str,
    pub(super) over_time: &'static str,
    pub(super) pitch: &'static str,
    pub(super) gaze: &'static str,
    pub(super) on_target: &'static str,
    pub(super) talk: &'static str,
    pub(super) you: &'static str,
    pub(super) share: &'static str,
    pub(super) latency: &'static str,
    pub(super) questions: &'static str,
    pub(super) interruptions: &'static str,
    pub(super) transcript: &'static str,
    pub(super) tips: &'static str,
    pub(super) likability: &'static str,
    pub(super) turn: &'static str,
    pub(super) nothing: &'static str,
    pub(super) note: &'static str,
}

const KOREAN: Words = Words {
    title: "대화 리포트",
    with: "상대",
    scores: "점수",
    total: "종합 점수",
    measured: "측정값",
    samples: "횟수",
    observed: "관찰",
    over_time: "시간에 따른 점수",
    pitch: "목소리 높낮이",
    gaze: "시선 지도",
    on_target: "카메라를 본 비율",
    talk: "말하기와 듣기",
    you: "나",
    share: "내가 말한 비율",
    latency: "대답까지 걸린 시간(중앙값)",
    questions: "1분당 질문",
    interruptions: "말을 끊은 횟수",
    transcript: "대화 내용(군말 표시)",
    tips: "실시간 조언",
    likability: "호감도가 바뀐 이유",
    turn: "턴",
    nothing: "아직 기록이 없습니다.",
    note: "표정은 겉으로 드러난 모습일 뿐, 느낀 감정을 뜻하지 않습니다.",
};

const ENGLISH: Words = Words {
    title: "Report of your scene",
    with: "with",
    scores: "Scores",
    total: "total",
    measured: "measured",
    samples: "samples",
    observed: "observed",
    over_time: "Scores over time",
    pitch: "Pitch of your voice",
    gaze: "Where you looked",
    on_target: "on the camera",
    talk: "Talking and listening",
    you: "you",
    share: "your share of the talk",
    latency: "median time to your answer",
    questions: "questions a minute",
    interruptions: "interruptions",
    transcript: "What was said, fillers marked",
    tips: "Live tips",
    likability: "Why likability changed",
    turn: "turn",
    nothing: "Nothing was recorded yet.",
    note: "An expression is what the face showed, not what was felt.",
};

impl Words {
    /// In `language`.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Korean => &KOREAN,
            Language::English => &ENGLISH,
        }
    }
}

/// What people call a score by its name on the wire.
pub(super) fn label(name: &str, language: Language) -> &str {
    let known = ScoreName::ALL.into_iter().find(|score| score.name() == name);
    known.map_or(Words::of(language).total, |score| score.label(language))
}
