use duologue_domain::{
    coach::{Coach, CoachConfig, FaceReading, NoFace, PersonTurn, PersonaTurn, Said},
    persona::SpeechLevel,
    score::Span,
    turn::TurnId,
};

use super::*;

/// A scene of two turns.
pub(crate) fn record(language: Language) -> FeedbackRecord {
    let mut coach = Coach::new(CoachConfig::default(), language, None);
    let lines = match language {
        Language::Korean => ["오늘은 무슨 일로 오셨어요?", "책을 찾고 있어요. 추천해 주실래요?"],
        Language::English => ["What brings you here?", "I am looking for a book. Would you help me?"],
    };
    for turn in 1..=2 {
        let span = |from_ms| Span { from_ms, to_ms: from_ms + 2_000 };
        let start = turn * 10_000;
        let text = lines[0].to_owned();
        let (item, stopped) = (format!("item_r{turn}").into(), false);
        let turn = TurnId(turn);
        coach.handle_persona(&PersonaTurn { turn, item, span: span(start), text, language, stopped });
        let text = lines[1].to_owned();
        let (item, level) = (format!("item_p{}", turn.0).into(), SpeechLevel::Polite);
        let said = Said { words: 5, questions: 1, ..Said::default() };
        let span = span(start + 2_500);
        coach.handle_person(&PersonTurn { turn, item, span, text, language, said, level, spoken: true });
        coach.handle_face(FaceReading::none(start, NoFace::SwitchedOff));
        coach.look(start + 5_000);
    }
    FeedbackRecord {
        id: "s1/1".into(),
        session_id: "s1".into(),
        user_id: Some("user123".into()),
        created_at: 1_755_611_717_338,
        body: FeedbackBody::Live(coach.feedback().expect("looked").into()),
    }
}

#[test]
fn the_document_is_that_of_the_earlier_systems_and_its_details() {
    let document = body_json(&record(Language::Korean)).expect("live");
    assert_eq!(seconds(1_755_611_717_338), 1_755_611_717.338);
    let feedback = document["feedback"].as_object().expect("an object");
    let names = feedback.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>();
    let wanted = [
        "likability",
        "initiative",
        "tone",
        "concentration",
        "gaze_stability",
        "blinking",
        "posture",
        "expression",
        "total_score",
        "summary",
        "details",
    ];
    assert_eq!(names, wanted.into());
    assert_eq!(feedback["likability"], json!(52));
    assert!(
        feedback["initiative"].is_u64() && feedback["tone"].is_null() && feedback["expression"].is_null()
    );
    assert_eq!(feedback["summary"], "실시간 꿀팁! AI와 대화를 2회 이상 나누면 자동으로 분석이 시작됩니다.");
    let details = &feedback["details"];
    assert_eq!(details["posture"]["why_not"]["code"], "switched_off");
    assert_eq!(details["posture"]["why_not"]["text"], "표정 분석이 꺼져 있어요.");
    assert_eq!(details["total_score"]["why_not"]["code"], "needs_time");
    assert_eq!(details["likability"]["evidence"][0]["what"], "asked");
    assert_eq!(details["likability"]["evidence"][0]["turn"], 1);
    assert_eq!(details["expression"]["shares"]["joy"], json!(0.0));
}

#[test]
fn what_was_written_reads_as_what_was_live() {
    for language in Language::ALL {
        let live = record(language);
        let body = body_json(&live).expect("live");
        let written = FeedbackRecord { body: FeedbackBody::Written(body.to_string().into()), ..live.clone() };
        assert_eq!(body_json(&written).expect("written"), body);
        assert_eq!((likability(&live), likability(&written)), (Some(52), Some(52)));
    }
    let broken = FeedbackRecord { body: FeedbackBody::Written("{".into()), ..record(Language::Korean) };
    assert!(body_json(&broken).is_err());
    assert_eq!(likability(&broken), None);
    let of_others = FeedbackBody::Written(r#"{"feedback": {"likability": 1000}}"#.into());
    assert_eq!(likability(&FeedbackRecord { body: of_others, ..broken }), None);
}

#[test]
fn the_report_has_its_parts() {
    let body = body_json(&record(Language::English)).expect("live");
    let report = &body["report"];
    assert_eq!(report["language"], "en");
    assert_eq!(report["timeline"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["talk"][1]["who"], "user");
    assert_eq!(report["talk"][1]["item"], "item_p1");
    assert_eq!(
        (report["facts"]["turns"].as_u64(), report["facts"]["latency_ms"].as_i64()),
        (Some(2), Some(500))
    );
    assert_eq!(report["likability"][0]["why"], "asked");
    let grid = report["gaze"]["grid"].as_array().expect("rows");
    assert_eq!((grid.len(), grid[0].as_array().map(Vec::len)), (9, Some(16)));
}
