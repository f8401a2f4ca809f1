//! The JSON of a score: its value, and everything that a person may ask about it.

use duologue_domain::{coach, face::FaceScores, lang::Language, score::Score};
use serde_json::{Map, Value, json};

use super::shapes::merge;

/// Moments of one score in one event: enough for a drawer, and small once a second.
const MOMENTS: usize = 16;

/// One entry of `details`. What lies outside every number, as an open end of a band, is null.
pub(crate) fn score_json(score: &Score, language: Language) -> Value {
    let why_not = score.value.err().map(|why| {
        json!({
            "code": why.code, "needs": why.needs, "has": why.has, "text": coach::why_not(&why, language),
        })
    });
    let skipped = score.evidence.len().saturating_sub(MOMENTS);
    let evidence = score.evidence.iter().skip(skipped).map(|moment| {
        let (from_ms, to_ms) = (moment.span.from_ms, moment.span.to_ms);
        let mut body =
            json!({"from_ms": from_ms, "to_ms": to_ms, "what": moment.what, "value": short(moment.value)});
        if let Some(turn) = moment.turn {
            body["turn"] = json!(turn.0);
        }
        body
    });
    json!({
        "value": score.value(), "measure": score.measure.map(short), "unit": score.unit,
        "band": score.band.map(|band| band.points().map(short)), "n": score.n, "coverage": short(score.coverage),
        "quality": short(score.quality), "source": score.source.name(), "why_not": why_not,
        "evidence": evidence.collect::<Vec<_>>(),
    })
}

/// The shares of the eight expressions by name.
pub(super) fn shares_json(scores: &FaceScores) -> Value {
    let shares =
        scores.shares.iter().map(|(expression, share)| (expression.name().to_owned(), short(*share)));
    Value::Object(shares.collect::<Map<_, _>>())
}

/// Three places: more is noise, and twice as long.
fn short(value: f32) -> Value {
    if value.is_finite() { json!((f64::from(value) * 1_000.0).round() / 1_000.0) } else { Value::Null }
}

/// `duologue.scores` of a face alone: what the voice and the words would tell is not there.
pub(super) fn face_event(scores: &FaceScores, at_ms: u64, language: Language) -> Value {
    let parts = [
        ("blinking", &scores.blinking),
        ("gaze_stability", &scores.gaze_stability),
        ("concentration", &scores.concentration),
        ("posture", &scores.posture),
    ];
    let mut event = json!({"type": "duologue.scores", "at_ms": at_ms});
    let mut details = json!({});
    for (name, score) in parts {
        event[name] = json!(score.value());
        details[name] = score_json(score, language);
    }
    let mut expression = score_json(&scores.expression, language);
    merge(&mut expression, json!({"shares": shares_json(scores)}));
    details["expression"] = expression;
    event["expression"] = json!(tendency(scores, language));
    event["details"] = details;
    event
}

/// Beyond this share of the time smiling less frowning an expression leans one way.
const LEANS: f32 = 0.1;

/// The expression in a word; none while there is too little.
fn tendency(scores: &FaceScores, language: Language) -> Option<&'static str> {
    scores.expression.value()?;
    let measure = scores.expression.measure?;
    Some(match (language, measure) {
        (Language::Korean, measure) if measure > LEANS => "긍정적",
        (Language::Korean, measure) if measure < -LEANS => "부정적",
        (Language::Korean, _) => "중립적",
        (Language::English, measure) if measure > LEANS => "positive",
        (Language::English, measure) if measure < -LEANS => "negative",
        (Language::English, _) => "neutral",
    })
}

#[cfg(test)]
mod tests {
    use duologue_domain::{
        face::{Face, FaceConfig},
        score::{Band, Evidence, Source, Span},
    };

    use super::*;

    #[test]
    fn an_empty_face_says_what_is_missing() {
        let scores = Face::new(FaceConfig::default()).scores(0);
        let event = face_event(&scores, 1_000, Language::English);
        assert_eq!(event["blinking"], Value::Null);
        assert_eq!(event["expression"], Value::Null);
        let why = &event["details"]["blinking"]["why_not"];
        assert_eq!(why["code"], "needs_face");
        assert_eq!(why["text"], "needs 60 s of face, has 0 s");
        let korean = face_event(&scores, 1_000, Language::Korean);
        assert_eq!(
            korean["details"]["blinking"]["why_not"]["text"],
            "얼굴이 60초 보여야 해요. 지금까지 0초 보였어요."
        );
        assert_eq!(event["details"]["expression"]["shares"]["joy"], 0.0);
    }

    #[test]
    fn a_score_is_short_and_its_open_ends_are_null() {
        let moment = |at: u64| Evidence {
            span: Span { from_ms: at, to_ms: at + 9 },
            what: "blink",
            value: 1.0 / 3.0,
            turn: None,
        };
        let score = Score {
            value: Ok(64),
            measure: Some(2.0 / 3.0),
            unit: "share",
            band: Some(Band::new([0.2, 0.5, f32::INFINITY, f32::INFINITY])),
            n: 40,
            coverage: 0.123_456,
            quality: 1.0,
            source: Source::Face,
            evidence: (0..40).map(moment).collect(),
        };
        let json = score_json(&score, Language::Korean);
        assert_eq!(
            (&json["value"], &json["measure"], &json["coverage"]),
            (&json!(64), &json!(0.667), &json!(0.123))
        );
        assert_eq!(json["band"], json!([0.2, 0.5, null, null]));
        assert_eq!(json["why_not"], Value::Null);
        let evidence = json["evidence"].as_array().expect("a list");
        assert_eq!(
            (evidence.len(), &evidence[0]["from_ms"], &evidence[0]["value"]),
            (16, &json!(24), &json!(0.333))
        );
    }
}
