//! The words of the printed report.

use duologue_domain::{coach::ScoreName, lang::Language};
use serde_json::Value;

use super::page::escape;

/// What stands on the page.
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) total: &'static str,
    pub(super) total_about: &'static str,
    pub(super) scores: &'static str,
    pub(super) observed: &'static str,
    pub(super) percent: &'static str,
    pub(super) over_time: &'static str,
    pub(super) pitch: &'static str,
    pub(super) median: &'static str,
    pub(super) gaze: &'static str,
    pub(super) on_target: &'static str,
    pub(super) gaze_help: &'static str,
    pub(super) shown: &'static str,
    pub(super) talk: &'static str,
    pub(super) you: &'static str,
    pub(super) latency: &'static str,
    pub(super) seconds: &'static str,
    pub(super) questions: &'static str,
    pub(super) interruptions: &'static str,
    pub(super) turns: &'static str,
    pub(super) transcript: &'static str,
    pub(super) fillers: &'static str,
    pub(super) tips: &'static str,
    pub(super) likability: &'static str,
    pub(super) nothing: &'static str,
    pub(super) note: &'static str,
}

const KOREAN: Words = Words {
    title: "대화 리포트",
    total: "종합 점수",
    total_about: "여덟 점수를 얼마나 잘 관찰되었는지에 따라 합한 점수예요.",
    scores: "여덟 가지 점수",
    observed: "관찰된 시간",
    percent: "%",
    over_time: "시간에 따른 점수",
    pitch: "목소리 높낮이",
    median: "가운데 높이",
    gaze: "시선이 머문 곳",
    on_target: "카메라를 바라본 시간",
    gaze_help: "동그라미가 카메라예요. 진할수록 오래 보았고, 한 칸은 3도예요.",
    shown: "겉으로 보인 표정",
    talk: "말하기와 듣기",
    you: "나",
    latency: "대답까지 걸린 시간",
    seconds: "초",
    questions: "1분에 한 질문",
    interruptions: "말을 끊은 횟수",
    turns: "주고받은 대화",
    transcript: "나눈 이야기",
    fillers: "표시된 말은 군말이에요.",
    tips: "대화 중의 조언",
    likability: "호감도가 바뀐 까닭",
    nothing: "아직 기록이 없습니다.",
    note: "표정은 겉으로 드러난 모습일 뿐, 느낀 감정을 뜻하지 않습니다.",
};

const ENGLISH: Words = Words {
    title: "Report of your scene",
    total: "Total",
    total_about: "The eight scores together, each counted by how well it could be observed.",
    scores: "The eight scores",
    observed: "Observed",
    percent: " %",
    over_time: "Scores over time",
    pitch: "Pitch of your voice",
    median: "Median",
    gaze: "Where you looked",
    on_target: "On target",
    gaze_help: "The ring is the camera. Darker is longer; a square is three degrees wide.",
    shown: "What your face showed",
    talk: "Talking and listening",
    you: "You",
    latency: "Time to your answer",
    seconds: " s",
    questions: "Questions a minute",
    interruptions: "Interruptions",
    turns: "Turns",
    transcript: "What was said",
    fillers: "Fillers are marked.",
    tips: "Tips on the way",
    likability: "Why likability changed",
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

/// The heading with the persona's name, which is escaped already.
pub(super) fn heading(name: &str, language: Language) -> String {
    match language {
        Language::Korean => format!("{name} 님과 나눈 대화"),
        Language::English => format!("A scene with {name}"),
    }
}

/// What people call a score by its name on the wire.
pub(super) fn name_of(name: &str, language: Language) -> String {
    let known = ScoreName::ALL.into_iter().find(|score| score.name() == name);
    let label = known.map_or(Words::of(language).total, |score| score.label(language));
    let mut characters = label.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// What an expression is called.
pub(super) fn expression(name: &str, language: Language) -> &str {
    match (language, name) {
        (Language::English, _) => name,
        (_, "joy") => "기쁨",
        (_, "sadness") => "슬픔",
        (_, "anger") => "화남",
        (_, "surprise") => "놀람",
        (_, "fear") => "두려움",
        (_, "disgust") => "싫음",
        (_, "neutral") => "무표정",
        (_, "contempt") => "비웃음",
        _ => name,
    }
}

/// What a score tells, in one sentence.
pub(super) fn about(name: ScoreName, language: Language) -> &'static str {
    match (language, name) {
        (Language::Korean, ScoreName::Likability) => "상대가 나에게 느낀 호감이에요.",
        (Language::Korean, ScoreName::Initiative) => "대화를 얼마나 이끌었는지 보여 줘요.",
        (Language::Korean, ScoreName::Tone) => "목소리의 생기와 빠르기, 고른 정도예요.",
        (Language::Korean, ScoreName::Concentration) => "눈을 뜨고 화면을 마주한 시간이에요.",
        (Language::Korean, ScoreName::GazeStability) => "카메라를 차분히 바라본 시간이에요.",
        (Language::Korean, ScoreName::Blinking) => "눈을 얼마나 자주 깜빡였는지예요.",
        (Language::Korean, ScoreName::Posture) => "고개를 바르게 둔 시간이에요.",
        (Language::Korean, ScoreName::Expression) => "내 무표정에 비해 드러난 표정이에요.",
        (Language::English, ScoreName::Likability) => "How much your partner liked you.",
        (Language::English, ScoreName::Initiative) => "How much of the talk you led.",
        (Language::English, ScoreName::Tone) => "How lively, quick and steady your voice was.",
        (Language::English, ScoreName::Concentration) => "Facing the screen with open eyes.",
        (Language::English, ScoreName::GazeStability) => "Looking calmly at the camera.",
        (Language::English, ScoreName::Blinking) => "How often you blinked.",
        (Language::English, ScoreName::Posture) => "How upright your head was.",
        (Language::English, ScoreName::Expression) => "What showed, against your neutral face.",
    }
}

/// What was measured and where it earns full marks, as people say it; escaped.
pub(super) fn measured(detail: &Value, language: Language) -> Option<String> {
    let (measure, unit) = (detail["measure"].as_f64()?, detail["unit"].as_str()?);
    // The value says it already.
    if unit == "points" {
        return None;
    }
    let is_share = matches!(
        unit,
        "share"
            | "share_on_target"
            | "share_attentive"
            | "share_head_upright"
            | "smiling_less_frowning"
            | "talk_share"
    );
    let number = |value: f64| match is_share {
        true => format!("{:.0}", value * 100.0),
        false if value.fract().abs() < 0.05 => format!("{value:.0}"),
        false => format!("{value:.1}"),
    };
    let (shown, percent) = (number(measure), Words::of(language).percent);
    let said = match (language, unit) {
        (Language::Korean, "share_on_target") => format!("카메라를 바라본 시간 {shown}%"),
        (Language::Korean, "share_attentive") => format!("화면을 마주한 시간 {shown}%"),
        (Language::Korean, "share_head_upright") => format!("고개를 바르게 둔 시간 {shown}%"),
        (Language::Korean, "smiling_less_frowning") => format!("웃은 시간에서 찡그린 시간을 빼면 {shown}%"),
        (Language::Korean, "talk_share") => format!("이야기의 {shown}%가 내 말"),
        (Language::Korean, "per_minute") => format!("1분에 {shown}번"),
        (Language::Korean, "semitones") => format!("높낮이 폭 {shown}반음"),
        (_, "share_on_target") => format!("On target {shown} %"),
        (_, "share_attentive") => format!("Facing the screen {shown} %"),
        (_, "share_head_upright") => format!("Head upright {shown} %"),
        (_, "smiling_less_frowning") => format!("Smiling less frowning {shown} %"),
        (_, "talk_share") => format!("{shown} % of the talk was yours"),
        (_, "per_minute") => format!("{shown} a minute"),
        (_, "semitones") => format!("Pitch moved by {shown} semitones"),
        (_, other) => {
            format!("{shown}{} {}", if is_share { percent } else { "" }, escape(&other.replace('_', " ")))
        }
    };
    let edge = |index: usize| detail["band"][index].as_f64();
    // More than all of the time is no end.
    let ends = (edge(1), edge(2).filter(|to| !is_share || *to < 1.0));
    let unit = if is_share { percent } else { "" };
    let full = match (language, ends) {
        (_, (None, None)) => String::new(),
        (Language::Korean, (Some(from), Some(to))) => {
            format!(" · 만점은 {}–{}{unit}", number(from), number(to))
        }
        (Language::Korean, (Some(from), None)) => format!(" · 만점은 {}{unit}부터", number(from)),
        (Language::Korean, (None, Some(to))) => format!(" · 만점은 {}{unit}까지", number(to)),
        (_, (Some(from), Some(to))) => format!(" · full marks {}–{}{unit}", number(from), number(to)),
        (_, (Some(from), None)) => format!(" · full marks from {}{unit}", number(from)),
        (_, (None, Some(to))) => format!(" · full marks up to {}{unit}", number(to)),
    };
    Some(said + &full)
}

/// A time of the form `2025-08-19T13:55:17Z` as people say it; none of another form.
pub(super) fn date(iso: &str, language: Language) -> Option<String> {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let part = |from: usize, to: usize| iso.get(from..to)?.parse::<usize>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute) = (part(11, 13)?, part(14, 16)?);
    let name = MONTHS.get(month.checked_sub(1)?)?;
    // Sakamoto's day of the week: the year begins in March.
    let shifted = if month < 3 { year.checked_sub(1)? } else { year };
    let months = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let weekday = (shifted + shifted / 4 - shifted / 100 + shifted / 400 + months[month - 1] + day) % 7;
    Some(match language {
        Language::English => format!("{}, {day} {name} {year}, {hour}:{minute:02} UTC", DAYS[weekday]),
        Language::Korean => {
            let name = ["일", "월", "화", "수", "목", "금", "토"][weekday];
            let (half, hour) = (if hour < 12 { "오전" } else { "오후" }, (hour + 11) % 12 + 1);
            format!("{year}년 {month}월 {day}일 {name}요일 {half} {hour}:{minute:02} (세계시)")
        }
    })
}

/// How long something was.
pub(super) fn length(ms: f64, language: Language) -> String {
    let seconds = (ms.max(0.0) / 1000.0) as u64;
    match (language, seconds / 60, seconds % 60) {
        (Language::Korean, 0, seconds) => format!("{seconds}초"),
        (Language::Korean, minutes, seconds) => format!("{minutes}분 {seconds}초"),
        (Language::English, 0, seconds) => format!("{seconds} s"),
        (Language::English, minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
