//! How somebody came across: the document and the report, while a scene runs, after it, and after a restart.

use std::sync::Arc;

use duologue::store::SqliteStore;
use duologue_actors::store::Store;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{House, answer, header, ok, refused};
use crate::store::Folder;

async fn talk(house: &House, content: &str, session: Option<&str>, language: &str) -> String {
    let body = match session {
        Some(session) => json!({"content": content, "session_id": session}),
        None => json!({"content": content, "language": language, "user_id": "user123"}),
    };
    let said = ok(house.post("/chat", &body)).await;
    said["session_id"].as_str().expect("an id").to_owned()
}

/// The feedback once it has counted `turns`.
async fn counted(house: &House, path: &str, turns: u64) -> Value {
    for _ in 0..200 {
        let document = ok(house.get(&format!("{path}/feedback"))).await;
        if document["feedback"]["details"]["likability"]["n"] == turns {
            return document;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{}", ok(house.get(&format!("{path}/feedback"))).await);
}

#[tokio::test]
async fn feedback_is_there_live_and_after_a_restart() {
    let folder = Folder::new("feedback");
    let file = folder.0.join("duologue.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file, 0).await.expect("opens"));
    let mut house = House::with(&[], store).await;
    let session = talk(&house, "산책을 좋아하세요? 음, 저는 걷는 게 좋아요.", None, "ko").await;
    talk(&house, "주말에는 뭐 하세요?", Some(&session), "ko").await;
    let path = format!("/chat/sessions/{session}");
    let live = counted(&house, &path, 2).await;
    assert_eq!((&live["session_id"], &live["user_id"]), (&json!(session), &json!("user123")));
    assert!(live["created_at"].as_f64().is_some_and(|seconds| seconds > 1.7e9));
    let fields = live["feedback"].as_object().expect("an object");
    assert_eq!(fields.len(), 11, "the ten of the earlier systems, and details");
    assert!(fields["likability"].as_u64().is_some_and(|value| value > 50));
    assert!(fields["concentration"].is_null(), "no camera");
    assert!(fields["summary"].as_str().is_some_and(|text| text.starts_with("실시간 꿀팁!")));
    house.stop().await.expect("no panic").expect("stops");

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file, 0).await.expect("opens"));
    let house = House::with(&[], store).await;
    let kept = ok(house.get(&format!("{path}/feedback"))).await;
    assert_eq!(kept["feedback"]["likability"], live["feedback"]["likability"]);
    let report = ok(house.get(&format!("{path}/report"))).await;
    for name in [
        "session",
        "persona",
        "feedback",
        "timeline",
        "pitch",
        "gaze",
        "talk",
        "transcript",
        "tips",
        "likability",
    ] {
        assert!(!report[name].is_null(), "{name} in {report}");
    }
    let lines = report["transcript"].as_array().expect("lines");
    assert_eq!((lines.len(), &lines[0]["fillers"]), (4, &json!([[11, 12]])), "{report}");
    assert!(lines.iter().all(|line| line["from_ms"].is_u64()), "every line has its time: {report}");
    let page = house.get(&format!("{path}/report")).header("accept", "text/html,*/*").send().await;
    let page = page.expect("an answer");
    assert!(header(&page, "content-type").starts_with("text/html"));
    let html = page.text().await.expect("text");
    assert!(html.contains("<html lang=\"ko\">") && html.contains("<svg") && !html.contains("<script"));
    assert!(html.contains("<mark>음</mark>"));

    let again = talk(&house, "다시 왔어요. 오늘은 어때요?", Some(&session), "ko").await;
    assert_eq!(again, session);
    let newest = counted(&house, &path, 1).await;
    let (before, now) = (&live["feedback"]["likability"], &newest["feedback"]["likability"]);
    let change = now.as_u64().zip(before.as_u64()).map(|(now, before)| now.abs_diff(before));
    assert!(change.is_some_and(|change| change <= 6), "likability goes on from where it was: {before} {now}");
    answer(house.request(Method::DELETE, &path), StatusCode::NO_CONTENT).await;
    refused(house.get(&format!("{path}/feedback")), "session_not_found").await;
    refused(house.get(&format!("{path}/report")), "session_not_found").await;
}

#[tokio::test]
async fn a_session_without_a_word_says_what_is_missing() {
    let house = House::plain().await;
    let session = answer(house.post("/chat/sessions", &json!({"language": "en"})), StatusCode::CREATED).await;
    let path = format!("/chat/sessions/{}", session["id"].as_str().expect("an id"));
    let document = ok(house.get(&format!("{path}/feedback"))).await;
    assert!(document["feedback"]["likability"].is_null() && document["feedback"]["total_score"].is_null());
    assert_eq!(document["feedback"]["details"]["total_score"]["why_not"]["code"], "needs_turns");
    assert!(document["feedback"]["summary"].as_str().is_some_and(|text| text.starts_with("Live tip")));
    let html = house.get(&format!("{path}/report?format=html")).send().await.expect("an answer");
    assert!(html.text().await.expect("text").contains("Report of your scene"));
}
