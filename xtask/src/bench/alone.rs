//! The models alone, measured by another process on the same inputs after the scene: a check on what the engines
//! report of themselves.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{
    client::Turn,
    clip::Clip,
    score::quantile,
    voice::{models, say, stage},
};

/// One turn's work for the models, and what they took for it alone, in milliseconds.
struct Times {
    stt: f64,
    llm: f64,
    tts: f64,
}

/// With whom, in which language.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) persona: &'a str,
    pub(super) language: &'a str,
}

/// Gives every clip and the first clause of its reply to `program measure` and prints what the models took there
/// beside what the engines said during the scene.
pub(super) fn compare(program: &str, scene: Scene<'_>, turns: &[(&Clip, &Turn)]) -> anyhow::Result<()> {
    let times = measure(program, scene, turns)?;
    say(&format!(
        "\n{:<42}{:>22}{:>22}",
        "the models, p50 / p95 ms", "as the engines say", "alone, measured"
    ));
    let own = |name: &str| turns.iter().map(|(_, turn)| model(&turn.report, name)).collect::<Vec<_>>();
    let alone = |figure: fn(&Times) -> f64| times.iter().map(figure).collect::<Vec<_>>();
    line("hearing, the whole clip", &own("stt"), &alone(|times| times.stt));
    line("thinking, to the first clause", &own("llm"), &alone(|times| times.llm));
    line("the voice, to the first sound", &own("tts"), &alone(|times| times.tts));
    let said = turns.iter().map(|(_, turn)| models(&turn.report)).collect::<Vec<_>>();
    line("one after another", &said, &alone(|times| times.stt + times.llm + times.tts));
    let outside = turns.iter().map(|(_, turn)| turn.report["outside_ms"].as_f64().unwrap_or(f64::NAN));
    let beside = turns.iter().zip(&times).map(|((_, turn), times)| outside_of(&turn.report, times));
    line("outside the models, by each", &outside.collect::<Vec<_>>(), &beside.collect::<Vec<_>>());
    Ok(())
}

fn measure(program: &str, scene: Scene<'_>, turns: &[(&Clip, &Turn)]) -> anyhow::Result<Vec<Times>> {
    let mut child = Command::new(program)
        .arg("measure")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("{program} cannot be run"))?;
    let mut requests = String::new();
    for (clip, turn) in turns {
        let work = json!({
            "audio": clip.path, "language": scene.language, "persona": scene.persona,
            "clause": (!turn.first_clause.is_empty()).then_some(&turn.first_clause),
        });
        requests += &format!("{work}\n");
    }
    let mut stdin = child.stdin.take().context("no stdin")?;
    // Beside the reading, so that two full pipes cannot wait for each other; a program that ends early says why itself.
    let writing = std::thread::spawn(move || stdin.write_all(requests.as_bytes()));
    let output = child.wait_with_output()?;
    let _ = writing.join();
    ensure!(output.status.success(), "`{program} measure` failed");
    let answers = String::from_utf8(output.stdout)?;
    let times = answers.lines().map(|line| {
        let answer: Value = serde_json::from_str(line)?;
        let ms = |name: &str| answer[name].as_f64().context("an answer lacks a time");
        Ok(Times { stt: ms("stt_ms")?, llm: ms("llm_ms")?, tts: ms("tts_ms")? })
    });
    let times = times.collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(times.len() == turns.len(), "{} answers to {} requests", times.len(), turns.len());
    Ok(times)
}

/// What one model reported, in milliseconds.
fn model(report: &Value, name: &str) -> f64 {
    let models = report["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = models.iter().find(|model| model["name"] == name).and_then(|model| model["ms"].as_f64());
    found.unwrap_or(f64::NAN)
}

/// What is left of the intervals in which each model was waited for, when it takes as long as it does alone.
fn outside_of(report: &Value, times: &Times) -> f64 {
    let intervals = [
        ("turn_decided", "transcript", times.stt),
        ("transcript", "first_clause", times.llm),
        ("first_clause", "first_audio", times.tts),
    ];
    intervals.iter().map(|(from, to, alone)| (stage(report, to) - stage(report, from) - alone).max(0.0)).sum()
}

fn line(name: &str, said: &[f64], alone: &[f64]) {
    let both = |figures: &[f64]| {
        let finite = figures.iter().copied().filter(|figure| figure.is_finite()).collect::<Vec<_>>();
        format!("{:>10.0} /{:>10.0}", quantile(&finite, 0.5), quantile(&finite, 0.95))
    };
    say(&format!("{name:<42}{:>22}{:>22}", both(said), both(alone)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_models_alone_do_not_explain_is_outside() {
        let report = json!({"stages": [
            {"name": "turn_decided", "at_ms": 300}, {"name": "transcript", "at_ms": 420},
            {"name": "first_clause", "at_ms": 700}, {"name": "first_audio", "at_ms": 1000},
        ], "models": [{"name": "stt", "ms": 900}]});
        // The transcript was begun in the pause: its whole time is longer than what was waited for.
        let times = Times { stt: 900.0, llm: 260.0, tts: 290.0 };
        assert_eq!(outside_of(&report, &times), 30.0);
        assert_eq!(model(&report, "stt"), 900.0);
        assert!(model(&report, "tts").is_nan());
    }
}
