//! The report of a scene: one JSON object, and a printable page that is drawn from it.
//!
//! Both come from the same stored feedback and messages, so that a report reads the same while the scene runs, after it,
//! and after a restart of the server.

mod cards;
mod page;
mod plots;
mod words;

use duologue_actors::store::{FeedbackRecord, MessageRecord, SessionRecord, StoreResult};
use duologue_domain::{lang::Language, words as reader};
use serde_json::{Map, Value, json};

use crate::{feedback, store::iso8601};

pub(crate) use self::page::page;

/// The parts of a report as they are kept.
pub(crate) struct Parts<'a> {
    pub(crate) session: &'a SessionRecord,
    pub(crate) feedback: &'a FeedbackRecord,
    /// Oldest first.
    pub(crate) messages: &'a [MessageRecord],
    /// What the reader would like best, where the session does not say.
    pub(crate) accepted: Option<Language>,
}

/// The whole report. Its language is that of the session when that is fixed, else the reader's, else that of the scene.
///
/// # Errors
/// What was kept cannot be read.
pub(crate) fn assemble(parts: &Parts<'_>) -> StoreResult<Value> {
    let mut body = feedback::body_json(parts.feedback)?;
    let kept = body["report"].take();
    let text = |value: &Value| value.as_str().and_then(|code| code.parse::<Language>().ok());
    let fixed = parts.session.language.as_deref().and_then(|code| code.parse().ok());
    let language = fixed.or(parts.accepted).or_else(|| text(&kept["language"])).unwrap_or(Language::Korean);
    let transcript = transcript(parts.messages, &kept["talk"]);
    let mut report = match kept {
        Value::Object(fields) => fields,
        // Of an earlier system, which kept none.
        _ => Map::new(),
    };
    for (name, empty) in [
        ("timeline", json!([])),
        ("pitch", json!([])),
        ("gaze", json!({"grid": [], "on_target": null})),
        ("talk", json!([])),
        ("facts", json!({})),
        ("tips", json!([])),
        ("likability", json!([])),
    ] {
        report.entry(name).or_insert(empty);
    }
    let session = parts.session;
    report.insert("language".into(), language.code().into());
    report.insert("feedback".into(), body["feedback"].take());
    report.insert("transcript".into(), transcript);
    report.insert("created_at".into(), feedback::seconds(parts.feedback.created_at).into());
    report.insert("persona".into(), json!({"id": session.persona_id, "name": session.persona_name}));
    report.insert(
        "session".into(),
        json!({
            "id": session.id, "session_name": session.session_name, "language": session.language,
            "intimacy": session.intimacy, "status": session.status.name(),
            "created_at": iso8601(session.created_at), "updated_at": iso8601(session.updated_at),
        }),
    );
    Ok(Value::Object(report))
}

/// The first language of ours in an `Accept-Language`, by its weights.
pub(crate) fn accepted(header: &str) -> Option<Language> {
    let known = header.split(',').filter_map(|wish| {
        let (code, weight) = wish.split_once(';').unwrap_or((wish, ""));
        let weight =
            weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
        Some((code.trim().parse::<Language>().ok()?, weight))
    });
    // Of equal weights the first.
    let best = known
        .filter(|(_, weight)| *weight > 0.0)
        .reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(language, _)| language)
}

/// What was said, with its time where it is known and the person's fillers: characters from and to.
fn transcript(messages: &[MessageRecord], talk: &Value) -> Value {
    let lines = talk.as_array().map_or(&[][..], Vec::as_slice);
    let said = messages.iter().map(|message| {
        let item = message.id.rsplit('/').next().unwrap_or_default();
        let line = lines.iter().find(|line| line["item"] == item);
        let time = |name: &str| line.map_or(Value::Null, |line| line[name].clone());
        let is_person = message.role.name() == "user";
        let language = Language::of_text(&message.content).unwrap_or(Language::English);
        let fillers = match is_person {
            true => reader::read(&message.content, language).fillers,
            false => Vec::new(),
        };
        let fillers = fillers.iter().map(|filler| json!([filler.from, filler.to])).collect::<Vec<_>>();
        json!({
            "who": message.role.name(), "text": message.content, "turn": message.turn,
            "from_ms": time("from_ms"), "to_ms": time("to_ms"), "fillers": fillers,
        })
    });
    Value::Array(said.collect())
}

#[cfg(test)]
mod tests;
