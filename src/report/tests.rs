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
    assemble(&Parts { session: &session, feedback: &feedback, messages: &messages }).expect("readable")
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
        assert!(!html.contains("<script") && !html.contains("<b>나래") && !html.contains(" on"), "{html}");
        assert!(
            html.contains("&lt;script&gt;")
                && html.contains("&lt;b&gt;나래")
                && html.contains("&quot;&amp;&#39;")
        );
        assert!(html.contains(&format!("<html lang=\"{}\">", language.code())));
        let filler = if language == Language::Korean { "<mark>음</mark>" } else { "<mark>Um</mark>" };
        assert!(html.contains(filler), "{html}");
        assert_eq!(html.matches("<svg").count(), 4 + 9, "four plots and the key of one");
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        assert!(html.contains("aria-label") && !html.contains("NaN") && !html.contains("inf"));
    }
    let (korean, english) = (page(&report(Language::Korean)), page(&report(Language::English)));
    assert!(korean.contains("상대에게 관심을 보였어요") && korean.contains("목소리 높낮이"));
    assert!(english.contains("showed interest") && english.contains("Pitch of your voice"));
}

#[test]
fn a_feedback_of_an_earlier_system_has_a_report_too() {
    let text = r#"{"feedback": {"likability": 0, "tone": 0, "expression": "긍정적", "summary": "<i>"}, "report": null}"#;
    let feedback = FeedbackRecord { body: FeedbackBody::Written(text.into()), ..record(Language::Korean) };
    let session = session_record("s1");
    let report =
        assemble(&Parts { session: &session, feedback: &feedback, messages: &[] }).expect("readable");
    assert_eq!(report["timeline"], json!([]));
    let html = page(&report);
    assert!(html.contains("긍정적") && html.contains("&lt;i&gt;") && html.contains("아직 기록이 없습니다."));
}
