//! The printable page: HTML without a script, every word of it escaped.

use std::fmt::Write as _;

use duologue_domain::{coach::ScoreName, lang::Language};
use serde_json::Value;

use super::{
    plots,
    words::{Words, label},
};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:46rem;margin:2rem auto;padding:0 1rem}\
    h1{font-size:1.5rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}table{border-collapse:collapse;width:100%}\
    td,th{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #e5e5e5;vertical-align:top}\
    svg{width:100%;height:auto;overflow:visible}svg.gaze{max-width:22rem}.axis{font-size:10px;fill:#666}\
    .big{font-size:2rem;font-weight:600}.soft{color:#666;font-size:.9rem}mark{background:#ffe08a}\
    .key{display:inline-block;margin-right:.9rem;white-space:nowrap;font-size:.85rem}.key svg{width:26px}\
    li{margin:.15rem 0}section{break-inside:avoid}@media print{body{margin:0}}";

/// The whole page of a report that [`super::assemble`] made.
pub(crate) fn page(report: &Value) -> String {
    let code = report["language"].as_str().unwrap_or("ko");
    let language = code.parse().unwrap_or(Language::Korean);
    let words = Words::of(language);
    let name = escape(report["persona"]["name"].as_str().unwrap_or_default());
    let mut html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{} – {name}</title><style>{STYLE}</style></head><body>",
        language.code(),
        words.title
    );
    let session = &report["session"];
    let _ = write!(
        html,
        "<h1>{}</h1><p class=\"soft\">{} {name} · {} · {}</p>",
        words.title,
        words.with,
        escape(session["session_name"].as_str().unwrap_or_default()),
        escape(session["created_at"].as_str().unwrap_or_default())
    );
    html += &scores(report, language);
    html += &section(words.over_time, &over_time(report, language));
    html += &section(words.talk, &talk(report, words, &name));
    html += &section(words.pitch, &plots::pitch(report, words.pitch));
    html += &section(words.gaze, &gaze(report, words));
    html += &section(words.likability, &likability(report, words));
    html += &section(words.tips, &tips(report, words));
    html += &section(words.transcript, &transcript(report, words, &name));
    let _ = write!(html, "<p class=\"soft\">{}</p></body></html>", words.note);
    html
}

fn section(title: &str, body: &str) -> String {
    format!("<section><h2>{title}</h2>{body}</section>")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `1:05`.
fn clock(value: &Value) -> String {
    let Some(ms) = value.as_f64() else { return "–".into() };
    let seconds = (ms.max(0.0) / 1000.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("–".into(), |share| format!("{:.0} %", share * 100.0))
}

fn scores(report: &Value, language: Language) -> String {
    let (words, feedback) = (Words::of(language), &report["feedback"]);
    let shown = |value: &Value| match value {
        Value::Null => "–".into(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    };
    let mut html = format!(
        "<section><p class=\"big\">{}: {}</p><p>{}</p><table><tr><th>{}</th><th></th><th>{}</th><th>{}</th><th>{}</th></tr>",
        words.total,
        shown(&feedback["total_score"]),
        escape(feedback["summary"].as_str().unwrap_or_default()),
        words.scores,
        words.measured,
        words.samples,
        words.observed
    );
    for name in ScoreName::ALL {
        let detail = &feedback["details"][name.name()];
        let value = match feedback[name.name()].is_null() {
            true => escape(detail["why_not"]["text"].as_str().unwrap_or("–")),
            false => shown(&feedback[name.name()]),
        };
        let measure = match detail["measure"].as_f64() {
            Some(measure) => {
                format!(
                    "{measure:.2} {}",
                    escape(&detail["unit"].as_str().unwrap_or_default().replace('_', " "))
                )
            }
            None => "–".into(),
        };
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{value}</td><td>{measure}</td><td>{}</td><td>{}</td></tr>",
            name.label(language),
            shown(&detail["n"]),
            percent(&detail["coverage"])
        );
    }
    html + "</table></section>"
}

fn over_time(report: &Value, language: Language) -> String {
    let names = ScoreName::ALL.into_iter().map(ScoreName::name).chain(["total_score"]).collect::<Vec<_>>();
    let mut html = plots::timeline(report, &names, Words::of(language).over_time);
    for (index, name) in names.iter().enumerate() {
        let _ = write!(
            html,
            "<span class=\"key\"><svg viewBox=\"0 0 26 8\"><line x1=\"0\" y1=\"4\" x2=\"26\" y2=\"4\" stroke=\"{}\" \
             stroke-width=\"2\" stroke-dasharray=\"{}\"/></svg> {}</span>",
            plots::COLOURS[index],
            plots::DASHES[index],
            label(name, language)
        );
    }
    html
}

fn talk(report: &Value, words: &Words, name: &str) -> String {
    let facts = &report["facts"];
    let number = |value: &Value| value.as_f64().map_or("–".into(), |number| format!("{number:.1}"));
    let latency = facts["latency_ms"].as_f64().map_or("–".into(), |ms| format!("{:.1} s", ms / 1000.0));
    format!(
        "{}<p class=\"soft\">{}: {} · {}: {latency} · {}: {} · {}: {}</p>",
        plots::talk(report, words.talk, [words.you, name]),
        words.share,
        percent(&facts["talk_share"]),
        words.latency,
        words.questions,
        number(&facts["questions_per_minute"]),
        words.interruptions,
        facts["interruptions"].as_u64().map_or("–".into(), |count| count.to_string())
    )
}

fn gaze(report: &Value, words: &Words) -> String {
    let share = percent(&report["gaze"]["on_target"]);
    format!("{}<p class=\"soft\">{}: {share}</p>", plots::gaze(report, words.gaze), words.on_target)
}

fn likability(report: &Value, words: &Words) -> String {
    let changes = list(&report["likability"]).iter().map(|change| {
        let delta = change["delta"].as_i64().unwrap_or(0);
        format!(
            "<li>{} · {} {} · <b>{delta:+}</b> → {} · {}</li>",
            clock(&change["at_ms"]),
            words.turn,
            change["turn"].as_u64().unwrap_or(0),
            change["to"].as_u64().unwrap_or(0),
            escape(change["text"].as_str().unwrap_or_default())
        )
    });
    items(changes, words)
}

fn tips(report: &Value, words: &Words) -> String {
    let tips = list(&report["tips"]).iter().map(|tip| {
        format!("<li>{} · {}</li>", clock(&tip["at_ms"]), escape(tip["text"].as_str().unwrap_or_default()))
    });
    items(tips, words)
}

fn transcript(report: &Value, words: &Words, name: &str) -> String {
    let lines = list(&report["transcript"]).iter().map(|line| {
        let who = if line["who"] == "user" { words.you } else { name };
        format!("<li>{} · <b>{who}</b>: {}</li>", clock(&line["from_ms"]), marked(line))
    });
    items(lines, words)
}

fn items(lines: impl Iterator<Item = String>, words: &Words) -> String {
    let lines = lines.collect::<String>();
    if lines.is_empty() {
        format!("<p class=\"soft\">{}</p>", words.nothing)
    } else {
        format!("<ul>{lines}</ul>")
    }
}

/// The words of a line, its fillers marked.
fn marked(line: &Value) -> String {
    let text = line["text"].as_str().unwrap_or_default().chars().collect::<Vec<_>>();
    let part =
        |from: usize, to: usize| escape(&text.get(from..to).unwrap_or_default().iter().collect::<String>());
    let (mut html, mut at) = (String::new(), 0);
    for filler in list(&line["fillers"]) {
        let place = |index: usize| filler[index].as_u64().map(|place| place as usize);
        let (Some(from), Some(to)) = (place(0), place(1)) else { continue };
        if from < at || to < from || to > text.len() {
            continue;
        }
        let _ = write!(html, "{}<mark>{}</mark>", part(at, from), part(from, to));
        at = to;
    }
    html + &part(at, text.len())
}

/// For text and for attributes in double quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(character),
        }
    }
    escaped
}
