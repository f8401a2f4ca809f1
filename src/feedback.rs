//! The JSON of scores, feedback and report: on the wire, in the store and in the answers.
//!
//! The feedback document is that of the earlier systems, `{session_id, user_id, feedback: {…}, created_at}`, with
//! `details` inside `feedback` and, beside it, the `report` that its page is drawn from.

use duologue_actors::store::{FeedbackBody, FeedbackRecord, StoreError, StoreErrorKind, StoreResult};
use duologue_domain::{
    coach::{Card, EXPRESSIONS, Feedback, Line, Moment, Report, ScoreName, Tip},
    lang::Language,
};
use serde_json::{Map, Value, json};

use crate::ws::score_json;

/// The body of `duologue.scores`.
pub(crate) fn scores_json(card: &Card) -> Value {
    let mut body = json!({"at_ms": card.at_ms, "turn": card.turn.0});
    merge(&mut body, feedback_json(card));
    body
}

/// The body of `duologue.tip`.
pub(crate) fn tip_json(tip: &Tip) -> Value {
    json!({"at_ms": tip.at_ms, "code": tip.code, "score": tip.score.name(), "text": tip.text})
}

/// What stands in the field `feedback`: the ten fields of the earlier systems, and `details`.
fn feedback_json(card: &Card) -> Value {
    let mut fields = Map::new();
    let mut details = Map::new();
    for (name, score) in ScoreName::ALL.into_iter().zip(&card.scores) {
        let value = match name {
            ScoreName::Expression => json!(card.mood.map(|mood| mood.label(card.language))),
            _ => json!(score.value()),
        };
        fields.insert(name.name().into(), value);
        details.insert(name.name().into(), score_json(score, card.language));
    }
    let shares = EXPRESSIONS.iter().zip(card.shares).map(|(name, share)| ((*name).to_owned(), short(share)));
    let shares = Value::Object(shares.collect());
    if let Some(expression) = details.get_mut(ScoreName::Expression.name()) {
        merge(expression, json!({"shares": shares}));
    }
    details.insert("total_score".into(), score_json(&card.total, card.language));
    fields.insert("total_score".into(), json!(card.total.value()));
    fields.insert("summary".into(), json!(card.summary));
    fields.insert("details".into(), Value::Object(details));
    Value::Object(fields)
}

/// What a scene's record says as JSON: `feedback` and `report`.
///
/// # Errors
/// What was written cannot be read.
pub(crate) fn body_json(record: &FeedbackRecord) -> StoreResult<Value> {
    match &record.body {
        FeedbackBody::Live(feedback) => Ok(live_json(feedback)),
        // Without serde's words, which could quote the document.
        FeedbackBody::Written(text) => serde_json::from_str(text).map_err(|_| {
            StoreError::new(StoreErrorKind::Broken, "the database holds a feedback that cannot be read")
        }),
    }
}

fn live_json(feedback: &Feedback) -> Value {
    let language = feedback.card.language;
    json!({"feedback": feedback_json(&feedback.card), "report": report_json(&feedback.report, language)})
}

/// How much the persona liked the person, by a stored feedback.
pub(crate) fn likability(record: &FeedbackRecord) -> Option<u8> {
    let value = body_json(record).ok()?["feedback"]["likability"].as_u64()?;
    u8::try_from(value).ok().filter(|value| *value <= 100)
}

/// Seconds since the epoch with their fraction, as the earlier systems wrote it.
pub(crate) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn report_json(report: &Report, language: Language) -> Value {
    let pitch = report.pitch.iter().map(|pitch| {
        let hz = pitch.hz.iter().map(|hz| hz.map(|hz| (hz * 10.0).round() as u32 as f64 / 10.0));
        json!({"from_ms": pitch.from_ms, "step_ms": pitch.step_ms, "hz": hz.collect::<Vec<_>>()})
    });
    let grid = report.gaze.iter().map(|row| row.map(short));
    let likability = report.likability.iter().map(|change| {
        json!({
            "turn": change.turn.0, "at_ms": change.span.from_ms, "delta": change.delta, "to": change.to,
            "why": change.why.name(), "text": change.why.label(language),
        })
    });
    let facts = report.facts;
    json!({
        "language": language.code(),
        "timeline": report.timeline.iter().map(moment_json).collect::<Vec<_>>(),
        "pitch": pitch.collect::<Vec<_>>(),
        "gaze": {"grid": grid.collect::<Vec<_>>(), "on_target": report.on_target.map(short)},
        "talk": report.talk.iter().map(line_json).collect::<Vec<_>>(),
        "facts": {
            "turns": facts.turns, "talk_share": facts.talk_share.map(short),
            "questions_per_minute": short(facts.questions_per_minute), "latency_ms": facts.latency_ms,
            "interruptions": facts.interruptions,
        },
        "tips": report.tips.iter().map(tip_json).collect::<Vec<_>>(),
        "likability": likability.collect::<Vec<_>>(),
    })
}

fn moment_json(moment: &Moment) -> Value {
    let mut body = json!({"at_ms": moment.at_ms, "total_score": moment.total});
    for (name, value) in ScoreName::ALL.into_iter().zip(moment.scores) {
        body[name.name()] = json!(value);
    }
    body
}

fn line_json(line: &Line) -> Value {
    json!({
        "from_ms": line.span.from_ms, "to_ms": line.span.to_ms, "who": line.who.name(), "turn": line.turn.0,
        "item": &*line.item,
    })
}

/// Three places: more is noise, and twice as long. What is no number is null.
fn short(value: f32) -> Value {
    if value.is_finite() { json!((f64::from(value) * 1_000.0).round() / 1_000.0) } else { Value::Null }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

#[cfg(test)]
pub(crate) mod tests;
