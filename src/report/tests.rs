use duologue_actors::store::{FeedbackBody, MessageRole};
use duologue_testkit::record as session_record;

use super::*;
use crate::feedback::tests::record;

fn message(item: &str, role: MessageRole, content: &str, seq: u64) -> MessageRecord {
    MessageRecord {
        id: format!("s1/{item}"),
        session_id: "s1".into(),
        user_id: None,
        role,
        content: content.into(),
        turn: seq,
        seq,
        timestamp: 0,
    }
}

fn report(language: Language) -> Value {
    let session = SessionRecord { persona_name: "<b>나래</b>".into(), ..session_record("s1") };
    let said = match language {
        Language::Korean => "음, 책을 <script>alert(1)</script> 찾고 있어요.",
        Language::English => "Um, I am looking for a <script>alert(1)</script> book.",
    };
    let messages = [
        message("item_r1", MessageRole::Assistant, "\"&'", 0),
        message("item_p1", MessageRole::User, said, 1),
        message("item_x", MessageRole::User, "?", 2),
    ];
    let feedback = record(language);
    assemble(&Parts { session: &session, feedback: &feedback, messages: &messages, accepted: None })
        .expect("readable")
}

#[test]
fn the_parts_are_put_together() {
    for (language, filler) in [(Language::Korean, json!([[0, 1]])), (Language::English, json!([[0, 2]]))] {
        let report = report(language);
        assert_eq!(report["language"], language.code());
        for name in
            ["session", "persona", "feedback", "timeline", "pitch", "gaze", "talk", "tips", "likability"]
        {
            assert!(report.get(name).is_some_and(|value| !value.is_null()), "{name}");
        }
        let lines = report["transcript"].as_array().expect("lines");
        assert_eq!((lines[0]["who"].as_str(), lines[1]["who"].as_str()), (Some("assistant"), Some("user")));
        assert_eq!((&lines[0]["from_ms"], &lines[1]["to_ms"]), (&json!(10_000), &json!(14_500)));
        assert_eq!((&lines[0]["fillers"], &lines[1]["fillers"]), (&json!([]), &filler));
        assert_eq!(lines[2]["from_ms"], Value::Null, "a line whose time is not known");
    }
}

#[test]
fn the_page_is_whole_escaped_and_without_a_script() {
    for language in Language::ALL {
        let html = page(&report(language));
        assert!(!html.contains("<script") && !html.contains("<b>나래"), "{html}");
        assert!(
            !html.contains("onload=")
                && !html.contains("http://")
                && !html.contains("https://")
                && !html.contains("url(")
        );
        assert!(
            html.contains("&lt;script&gt;")
                && html.contains("&lt;b&gt;나래")
                && html.contains("&quot;&amp;&#39;")
        );
        assert!(html.contains(&format!("<html lang=\"{}\">", language.code())));
        let filler = if language == Language::Korean { "<mark>음</mark>" } else { "<mark>Um</mark>" };
        assert!(html.contains(filler), "{html}");
        assert!(
            html.matches("<svg").count() >= 2 + 8 + 2,
            "the mark, the dial, eight small plots, the total and the talk"
        );
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        assert!(html.contains("aria-label") && !html.contains("NaN") && !html.contains("inf"));
    }
    let (korean, english) = (page(&report(Language::Korean)), page(&report(Language::English)));
    assert!(korean.contains("상대에게 관심을 보였어요") && korean.contains("목소리 높낮이"));
    assert!(korean.contains("&lt;b&gt;나래&lt;/b&gt; 님과 나눈 대화") && korean.contains("여덟 가지 점수"));
    assert!(english.contains("showed interest") && english.contains("Pitch of your voice"));
    assert!(english.contains("A scene with &lt;b&gt;나래") && english.contains("Likability"));
}

#[test]
fn a_feedback_of_an_earlier_system_has_a_report_too() {
    let text = r#"{"feedback": {"likability": 0, "tone": 0, "expression": "긍정적", "summary": "<i>"}, "report": null}"#;
    let feedback = FeedbackRecord { body: FeedbackBody::Written(text.into()), ..record(Language::Korean) };
    let session = session_record("s1");
    let report = assemble(&Parts { session: &session, feedback: &feedback, messages: &[], accepted: None })
        .expect("readable");
    assert_eq!(report["timeline"], json!([]));
    let html = page(&report);
    assert!(html.contains("긍정적") && html.contains("&lt;i&gt;") && html.contains("아직 기록이 없습니다."));
}

#[test]
fn dates_lengths_and_measures_read_as_people_say_them() {
    use super::words::{date, length, measured};
    let iso = "2025-08-19T13:05:17.338Z";
    assert_eq!(date(iso, Language::English).as_deref(), Some("Tuesday, 19 August 2025, 13:05 UTC"));
    assert_eq!(date(iso, Language::Korean).as_deref(), Some("2025년 8월 19일 화요일 오후 1:05 (세계시)"));
    assert_eq!(date("2025-13-19T13:05", Language::English).or(date("<i>", Language::Korean)), None);
    assert_eq!(
        (length(272_900.0, Language::English), length(9_000.0, Language::Korean)),
        ("4 min 32 s".into(), "9초".into())
    );
    let gaze = json!({"measure": 0.87, "unit": "share_on_target", "band": [0.2, 0.45, 0.85, 1.05]});
    assert_eq!(measured(&gaze, Language::English).as_deref(), Some("On target 87 % · full marks 45–85 %"));
    assert_eq!(
        measured(&gaze, Language::Korean).as_deref(),
        Some("카메라를 바라본 시간 87% · 만점은 45–85%")
    );
    let other = json!({"measure": 2.0, "unit": "<b>", "band": null});
    assert_eq!(measured(&other, Language::English).as_deref(), Some("2 &lt;b&gt;"));
}

#[test]
fn the_reader_s_language_counts_where_the_session_has_none() {
    assert_eq!(accepted("fr, en;q=0.4, ko-KR;q=0.9"), Some(Language::Korean));
    assert_eq!(
        (accepted("en-GB,ko"), accepted("fr"), accepted("ko;q=0")),
        (Some(Language::English), None, None)
    );
    let session = SessionRecord { language: None, ..session_record("s1") };
    let feedback = record(Language::Korean);
    let parts =
        Parts { session: &session, feedback: &feedback, messages: &[], accepted: Some(Language::English) };
    assert_eq!(assemble(&parts).expect("readable")["language"], "en");
}

/// A scene with everything in it, as the page of a long talk has it.
fn full(language: Language) -> Value {
    let mut full = report(language);
    let wave = |at: usize, base: f64, phase: f64| (base + 9.0 * (at as f64 / 21.0 + phase).sin()).round();
    let timeline = (0..210).map(|at| {
        let mut moment = json!({"at_ms": at * 1_000, "total_score": if at < 40 { Value::Null } else { json!(wave(at, 68.0, 0.0)) }});
        for (index, name) in duologue_domain::coach::ScoreName::ALL.into_iter().enumerate() {
            moment[name.name()] = json!(wave(at, 42.0 + 6.0 * index as f64, index as f64));
        }
        moment
    });
    full["timeline"] = timeline.collect();
    full["talk"] = (0..14).map(|turn| json!({"who": if turn % 2 == 0 { "assistant" } else { "user" }, "from_ms": turn * 15_000, "to_ms": turn * 15_000 + 9_000})).collect();
    full["pitch"] = (0..7).map(|turn| json!({"from_ms": 15_000 + turn * 30_000, "step_ms": 100, "hz": (0..90).map(|at| if at % 23 < 4 { Value::Null } else { json!(180.0 + 40.0 * (f64::from(at) / 9.0).sin()) }).collect::<Vec<_>>()})).collect();
    full["gaze"] = json!({"on_target": 0.87, "grid": (0..9).map(|y| (0..16).map(|x| (-(f64::from(x) - 7.6).powi(2) / 5.0 - (f64::from(y) - 4.2).powi(2) / 3.0).exp()).collect::<Vec<_>>()).collect::<Vec<_>>()});
    full["facts"] = json!({"turns": 7, "talk_share": 0.48, "questions_per_minute": 1.7, "latency_ms": 640, "interruptions": 1});
    full["tips"] = json!([{"at_ms": 61_000, "text": if language == Language::Korean { "가끔 카메라를 바라봐 주세요." } else { "Look at the camera now and then." }}]);
    let measures = [
        ("likability", 58, "points", 58.0, Value::Null),
        ("initiative", 72, "talk_share", 0.48, json!([0.15, 0.35, 0.65, 0.9])),
        ("tone", 64, "semitones", 2.9, json!([0.5, 2.0, 4.5, 8.0])),
        ("concentration", 91, "share_attentive", 0.91, json!([0.3, 0.85, null, null])),
        ("gaze_stability", 96, "share_on_target", 0.87, json!([0.2, 0.45, 0.85, 1.05])),
        ("blinking", 34, "per_minute", 38.1, json!([5.0, 10.5, 32.5, 45.0])),
        ("posture", 90, "share_head_upright", 0.94, json!([0.4, 0.9, null, null])),
    ];
    for (name, value, unit, measure, band) in measures {
        full["feedback"][name] = json!(value);
        full["feedback"]["details"][name] =
            json!({"value": value, "unit": unit, "measure": measure, "band": band, "coverage": 0.93});
    }
    full["feedback"]["total_score"] = json!(71);
    full["feedback"]["details"]["expression"]["shares"] =
        json!({"joy": 0.31, "neutral": 0.61, "surprise": 0.06, "sadness": 0.02});
    full
}

#[test]
fn a_long_scene_fills_every_part() {
    for language in Language::ALL {
        let html = page(&full(language));
        assert_eq!(
            html.matches("<svg").count(),
            2 + 7 + 1 + 8 + 3,
            "mark, dial, bands, total, small ones, talk, pitch, gaze"
        );
        assert!(!html.contains("NaN") && !html.contains("share_on_target") && !html.contains("talk share"));
        let gaze =
            if language == Language::Korean { "카메라를 바라본 시간 87%" } else { "On target 87 %" };
        assert!(html.contains(gaze) && html.contains("71</text>"), "{html}");
    }
}
