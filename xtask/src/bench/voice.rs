//! Voice to voice: where the time of a turn goes.

use std::process::Command;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    client::{Client, Turn},
    clip::{self, Clip},
    score::{ErrorRate, quantile},
};

/// Flags of `bench voice`.
#[derive(Args)]
pub(crate) struct VoiceArgs {
    /// Where the server listens
    #[arg(long, default_value = "ws://127.0.0.1:8000")]
    url: String,
    /// English: five human clips. Korean: five synthetic ones
    #[arg(long, value_enum, default_value = "english")]
    language: Speech,
    /// How often each clip is played
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Whom to talk to, instead of the language's own
    #[arg(long)]
    persona: Option<String>,
    /// The program that transcribes offline for comparison
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Speech {
    English,
    Korean,
}

/// One stage in the server's report, in milliseconds since the end of speech.
fn stage(report: &Value, name: &str) -> f64 {
    let stages = report["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    stages
        .iter()
        .find(|stage| stage["name"] == name)
        .and_then(|stage| stage["at_ms"].as_f64())
        .unwrap_or(f64::NAN)
}

fn models(report: &Value) -> f64 {
    let models = report["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    models.iter().filter_map(|model| model["ms"].as_f64()).sum()
}

/// Plays every clip `rounds` times, each in a fresh session, and prints the figures.
pub(crate) async fn run(args: &VoiceArgs) -> anyhow::Result<()> {
    let korean = args.language == Speech::Korean;
    let clips = if korean { clip::korean(&args.program)? } else { clip::english()? };
    let persona = args.persona.as_deref().unwrap_or(if korean { "seoa" } else { "maya" });
    say(
        "clip            turn decided  transcript  first token  first clause  first audio   wait  models  outside | at the client",
    );
    let mut turns = Vec::new();
    let mut rate = ErrorRate::default();
    for round in 0..args.rounds {
        for clip in &clips {
            let mut client = Client::connect(&args.url, persona, if korean { "ko" } else { "en" }).await?;
            let turn =
                client.turn(clip).await.with_context(|| format!("clip {} in round {round}", clip.name))?;
            rate.add(&clip.words, &turn.heard, korean);
            print_turn(clip, &turn);
            turns.push(turn);
        }
    }
    print_summary(&turns);
    let unit = if korean { "CER" } else { "WER" };
    say(&format!("{unit} through the live path: {:.1} %", rate.percent()));
    match offline(&args.program, &clips, korean) {
        Ok(offline) => say(&format!("{unit} offline, the same model on the whole file: {offline:.1} %")),
        Err(error) => say(&format!("offline comparison skipped: {error:#}")),
    }
    Ok(())
}

fn print_turn(clip: &Clip, turn: &Turn) {
    let report = &turn.report;
    let at = |name| stage(report, name);
    say(&format!(
        "{:<16}{:>12.0}{:>12.0}{:>13.0}{:>14.0}{:>13.0}{:>7.0}{:>8.0}{:>9.0} | {:>6.0}  «{}» → «{}»",
        clip.name,
        at("turn_decided"),
        at("transcript"),
        at("first_token"),
        at("first_clause"),
        at("first_audio"),
        report["wait_ms"].as_f64().unwrap_or(f64::NAN),
        models(report),
        report["outside_ms"].as_f64().unwrap_or(f64::NAN),
        turn.first_audio,
        turn.heard.trim(),
        turn.answered.trim(),
    ));
}

/// One figure of a turn.
type Figure = Box<dyn Fn(&Turn) -> f64>;

fn print_summary(turns: &[Turn]) {
    let figures: [(&str, Figure); 10] = [
        ("voice to voice at the client", Box::new(|turn| turn.first_audio)),
        ("end of speech → turn decided", Box::new(|turn| stage(&turn.report, "turn_decided"))),
        ("             … → transcript", Box::new(|turn| stage(&turn.report, "transcript"))),
        ("             … → first token", Box::new(|turn| stage(&turn.report, "first_token"))),
        ("             … → first clause", Box::new(|turn| stage(&turn.report, "first_clause"))),
        ("             … → first audio", Box::new(|turn| stage(&turn.report, "first_audio"))),
        ("waited on purpose", Box::new(|turn| turn.report["wait_ms"].as_f64().unwrap_or(f64::NAN))),
        ("in the models", Box::new(|turn| models(&turn.report))),
        ("outside the models", Box::new(|turn| turn.report["outside_ms"].as_f64().unwrap_or(f64::NAN))),
        ("waterfall against the client's clock", Box::new(waterfall_error)),
    ];
    say(&format!("\n{} turns{:>46}{:>10}", turns.len(), "p50 ms", "p95 ms"));
    for (name, figure) in figures {
        let values = turns.iter().map(&figure).filter(|value| value.is_finite()).collect::<Vec<_>>();
        say(&format!("{name:<42}{:>10.0}{:>10.0}", quantile(&values, 0.5), quantile(&values, 0.95)));
    }
}

/// How far the server's waterfall is from what a client sees between the same two events, in milliseconds. Both ends
/// are events, so that the guess where speech ends in a clip plays no part.
fn waterfall_error(turn: &Turn) -> f64 {
    let told = stage(&turn.report, "first_audio") - stage(&turn.report, "turn_decided");
    (told - turn.decided_to_audio).abs()
}

/// The same recogniser on the whole files, outside the server.
fn offline(program: &str, clips: &[Clip], korean: bool) -> anyhow::Result<f64> {
    let mut rate = ErrorRate::default();
    for clip in clips {
        let output =
            Command::new(program).arg("transcribe").arg(&clip.path).output().context("cannot be run")?;
        let heard: Value = serde_json::from_slice(&output.stdout).context("gave no JSON")?;
        rate.add(&clip.words, heard["text"].as_str().unwrap_or_default(), korean);
    }
    Ok(rate.percent())
}

/// Figures go to stdout: they are the result.
fn say(line: &str) {
    use std::io::Write;
    // Whoever closed the pipe wants no more of it.
    let _ = writeln!(std::io::stdout(), "{line}");
}
