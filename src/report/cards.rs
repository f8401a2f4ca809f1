//! The total and the eight scores of the printed report: value, band, and what was measured in a sentence.

use std::fmt::Write as _;

use duologue_domain::{coach::ScoreName, lang::Language};
use serde_json::Value;

use super::{
    page::escape,
    plots,
    words::{Words, about, measured, name_of},
};

/// The class of a value: three tones, as on the page.
pub(super) fn tone(value: Option<f64>) -> &'static str {
    match value {
        Some(value) if value >= 67.0 => "high",
        Some(value) if value >= 40.0 => "middle",
        Some(_) => "low",
        None => "none",
    }
}

/// The dial of the total, and what stood out.
pub(super) fn hero(report: &Value, language: Language) -> String {
    let (words, feedback) = (Words::of(language), &report["feedback"]);
    let total = feedback["total_score"].as_f64();
    let why = feedback["details"]["total_score"]["why_not"]["text"].as_str().filter(|_| total.is_none());
    format!(
        "<div class=\"hero\"><div class=\"{}\">{}</div><div><p class=\"summary\">{}</p><p class=\"soft\">{}</p></div></div>",
        tone(total),
        plots::dial(total, words.total),
        escape(feedback["summary"].as_str().unwrap_or_default()),
        why.map_or(words.total_about.into(), escape)
    )
}

/// The eight, in two columns.
pub(super) fn scores(report: &Value, language: Language) -> String {
    let cards = ScoreName::ALL.map(|name| card(report, name, language)).concat();
    format!("<div class=\"scores\">{cards}</div>")
}

fn card(report: &Value, name: ScoreName, language: Language) -> String {
    let (words, feedback) = (Words::of(language), &report["feedback"]);
    let detail = &feedback["details"][name.name()];
    let value = detail["value"].as_f64().or_else(|| feedback[name.name()].as_f64());
    let word = feedback[name.name()].as_str().map(escape);
    let shown = match (word, value) {
        (Some(word), Some(value)) => format!("<b><small>{word}</small> {value:.0}</b>"),
        (Some(word), None) => format!("<b>{word}</b>"),
        (None, Some(value)) => format!("<b>{value:.0}</b>"),
        (None, None) => "<b>–</b>".into(),
    };
    let known = value.is_some() || !feedback[name.name()].is_null();
    let mut html = format!(
        "<div class=\"score {}\"><h3><span>{}</span>{shown}</h3>",
        tone(value.or(known.then_some(50.0))),
        name_of(name.name(), language)
    );
    if known {
        html += &plots::band(detail);
        if let Some(sentence) = measured(detail, language) {
            let _ = write!(html, "<p>{sentence}</p>");
        }
    } else {
        let why = detail["why_not"]["text"].as_str().unwrap_or(words.nothing);
        let _ = write!(html, "<div class=\"empty\"></div><p>{}</p>", escape(why));
    }
    let observed = detail["coverage"].as_f64().filter(|_| known && name.is_of_face());
    let observed = observed
        .map_or(String::new(), |share| format!(" {} {:.0}{}.", words.observed, share * 100.0, words.percent));
    let _ = write!(html, "<p class=\"soft\">{}{observed}</p></div>", about(name, language));
    html
}
