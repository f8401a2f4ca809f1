//! The printable page: HTML without a script, every word of it escaped.

use std::fmt::Write as _;

use duologue_domain::{coach::ScoreName, lang::Language};
use serde_json::Value;

use super::{
    cards, plots,
    words::{Words, date, expression, heading, length, name_of},
};

const STYLE: &str = include_str!("style.css");
/// The two of the mark of the page.
const MARK: &str = "<svg viewBox=\"0 0 40 34\" aria-hidden=\"true\"><path d=\"M5 32V16a10 10 0 0 1 20 0v16Z\" fill=\"#0b6964\"/>\
    <path d=\"M15 32V16a10 10 0 0 1 20 0v16Z\" fill=\"#a8324b\" fill-opacity=\".86\"/></svg>";

/// The whole page of a report that [`super::assemble`] made.
pub(crate) fn page(report: &Value) -> String {
    let code = report["language"].as_str().unwrap_or("ko");
    let language = code.parse().unwrap_or(Language::Korean);
    let words = Words::of(language);
    let name = escape(report["persona"]["name"].as_str().unwrap_or_default());
    let title = heading(&name, language);
    let mut html = format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>\
         <main class=\"sheet\" lang=\"{code}\"><p class=\"kicker\">{MARK}Duologue · {}</p><h1>{title}</h1><p class=\"when\">{}</p>",
        words.title,
        when(report, language),
        code = language.code(),
    );
    html += &cards::hero(report, language);
    html += &section(words.scores, "", &cards::scores(report, language));
    html += &section(words.over_time, "whole", &over_time(report, language));
    html += &section(words.talk, "whole", &talk(report, words, &name));
    html += &section(words.pitch, "whole", &pitch(report, words));
    let (gaze, shown) = (gaze(report, words), shown(report, language));
    let _ = write!(
        html,
        "<div class=\"pair whole\">{}{}</div>",
        section(words.gaze, "", &gaze),
        section(words.shown, "", &shown)
    );
    html += &section(words.likability, "", &likability(report, words));
    html += &section(words.tips, "", &tips(report, words));
    html += &section(words.transcript, "", &transcript(report, words, &name));
    let _ = write!(html, "<p class=\"soft note\">{}</p></main></body></html>", words.note);
    html
}

fn section(title: &str, class: &str, body: &str) -> String {
    format!("<section class=\"{class}\"><h2>{title}</h2>{body}</section>")
}

fn nothing(words: &Words) -> String {
    format!("<p class=\"soft\">{}</p>", words.nothing)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// When it was and how long; the element lets a page say it in the reader's own time zone.
fn when(report: &Value, language: Language) -> String {
    let iso = report["session"]["created_at"].as_str().unwrap_or_default();
    let shown = date(iso, language)
        .map_or(String::new(), |shown| format!("<time datetime=\"{}\">{shown}</time>", escape(iso)));
    let lasted = match list(&report["timeline"]).is_empty() && list(&report["talk"]).is_empty() {
        true => String::new(),
        false => length(plots::end_ms(report), language),
    };
    [shown, lasted].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// `1:05`.
fn clock(value: &Value) -> String {
    let Some(ms) = value.as_f64() else { return "–".into() };
    let seconds = (ms.max(0.0) / 1000.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn percent(value: &Value, words: &Words) -> String {
    value.as_f64().map_or("–".into(), |share| format!("{:.0}{}", share * 100.0, words.percent))
}

fn over_time(report: &Value, language: Language) -> String {
    let words = Words::of(language);
    if list(&report["timeline"]).is_empty() {
        return nothing(words);
    }
    let smalls = ScoreName::ALL.map(|name| {
        let values = list(&report["timeline"]).iter().rev().find_map(|moment| moment[name.name()].as_f64());
        let last = values.map_or("–".into(), |value| format!("{value:.0}"));
        format!(
            "<figure class=\"{}\"><figcaption>{}<b>{last}</b></figcaption>{}</figure>",
            cards::tone(values),
            name_of(name.name(), language),
            plots::small(report, name.name())
        )
    });
    let total = format!("<p class=\"soft\">{}</p>{}", words.total, plots::total(report, words.over_time));
    total + "<div class=\"smalls\">" + &smalls.concat() + "</div>"
}

fn talk(report: &Value, words: &Words, name: &str) -> String {
    let facts = &report["facts"];
    if list(&report["talk"]).is_empty() {
        return nothing(words);
    }
    let share = facts["talk_share"].as_f64().map_or(String::new(), |share| {
        let own = (share * 100.0).clamp(0.0, 100.0).round();
        format!(
            "<div class=\"share\"><span style=\"width:{own}%\">{} {own}{p}</span><span>{name} {}{p}</span></div>",
            words.you,
            100.0 - own,
            p = words.percent
        )
    });
    let count = |name: &str| facts[name].as_u64().map_or("–".into(), |count| count.to_string());
    let seconds = facts["latency_ms"].as_f64().map(|ms| format!("{:.1}{}", ms / 1000.0, words.seconds));
    let questions = facts["questions_per_minute"].as_f64().map(|number| format!("{number:.1}"));
    let facts = [
        (words.turns, count("turns")),
        (words.latency, seconds.unwrap_or("–".into())),
        (words.questions, questions.unwrap_or("–".into())),
        (words.interruptions, count("interruptions")),
    ];
    let facts = facts.map(|(what, value)| format!("<div><dt>{what}</dt><dd>{value}</dd></div>")).concat();
    format!("{share}{}<dl class=\"facts\">{facts}</dl>", plots::talk(report, words.talk))
}

fn pitch(report: &Value, words: &Words) -> String {
    let mut heard = plots::voiced(report);
    heard.sort_unstable_by(f64::total_cmp);
    let Some(median) = heard.get(heard.len() / 2) else { return nothing(words) };
    format!(
        "{}<p class=\"soft under\">{} {median:.0} Hz</p>",
        plots::pitch(report, words.pitch),
        words.median
    )
}

fn gaze(report: &Value, words: &Words) -> String {
    let cells = list(&report["gaze"]["grid"]).iter().flat_map(list);
    if !cells.filter_map(Value::as_f64).any(|cell| cell > 0.0) {
        return nothing(words);
    }
    format!(
        "{}<p class=\"under\">{} {}</p><p class=\"soft\">{}</p>",
        plots::gaze(report, words.gaze),
        words.on_target,
        percent(&report["gaze"]["on_target"], words),
        words.gaze_help
    )
}

fn shown(report: &Value, language: Language) -> String {
    let words = Words::of(language);
    let shares = report["feedback"]["details"]["expression"]["shares"].as_object();
    let mut shares = shares.into_iter().flatten().filter_map(|(name, share)| Some((name, share.as_f64()?)));
    let mut shares = shares.by_ref().filter(|(_, share)| *share >= 0.005).collect::<Vec<_>>();
    shares.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
    if shares.is_empty() {
        return nothing(words);
    }
    let rows = shares.iter().map(|(name, share)| {
        let share = (share * 100.0).clamp(0.0, 100.0).round();
        format!(
            "<li><span>{}</span><i><i style=\"width:{share}%\"></i></i><b>{share}{}</b></li>",
            escape(expression(name, language)),
            words.percent
        )
    });
    format!("<ul class=\"shares\">{}</ul>", rows.collect::<String>())
}

fn likability(report: &Value, words: &Words) -> String {
    let changes = list(&report["likability"]).iter().map(|change| {
        let delta = change["delta"].as_i64().unwrap_or(0);
        format!(
            "<li><time>{}</time><span class=\"{}\">{}</span><span>{}</span><span class=\"soft\">→ {}</span></li>",
            clock(&change["at_ms"]),
            if delta < 0 { "minus" } else { "plus" },
            format!("{delta:+}").replace('-', "−"),
            escape(change["text"].as_str().unwrap_or_default()),
            change["to"].as_u64().unwrap_or(0)
        )
    });
    items("moments ledger", changes, words)
}

fn tips(report: &Value, words: &Words) -> String {
    let tips = list(&report["tips"]).iter().map(|tip| {
        let text = escape(tip["text"].as_str().unwrap_or_default());
        format!("<li><time>{}</time><span>{text}</span></li>", clock(&tip["at_ms"]))
    });
    items("moments", tips, words)
}

fn transcript(report: &Value, words: &Words, name: &str) -> String {
    let lines = list(&report["transcript"]).iter().map(|line| {
        let (class, who) = if line["who"] == "user" { ("mine", words.you) } else { ("", name) };
        let time = clock(&line["from_ms"]);
        format!("<li class=\"{class}\"><time>{time}</time><b>{who}</b><p>{}</p></li>", marked(line))
    });
    let is_marked = list(&report["transcript"]).iter().any(|line| !list(&line["fillers"]).is_empty());
    let help =
        if is_marked { format!("<p class=\"soft under\">{}</p>", words.fillers) } else { String::new() };
    items("lines", lines, words) + &help
}

fn items(class: &str, lines: impl Iterator<Item = String>, words: &Words) -> String {
    let lines = lines.collect::<String>();
    if lines.is_empty() { nothing(words) } else { format!("<ul class=\"{class}\">{lines}</ul>") }
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
