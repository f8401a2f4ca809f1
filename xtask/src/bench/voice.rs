//! Voice to voice: where the time of a turn goes.

use std::process::Command;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    alone::{self, Scene},
    client::{Client, Turn},
    clip::{self, Clip},
    people::{self, Crowd},
    score::{ErrorRate, quantile},
};

/// Flags of `bench voice`.
#[derive(Args)]
pub(crate) struct VoiceArgs {
    /// Where the server listens
    #[arg(long, default_value = "ws://127.0.0.1:8000")]
    url: String,
    /// English: five human clips. Korean: twelve synthetic ones
    #[arg(long, value_enum, default_value = "english")]
    language: Speech,
    /// How many turns; the clips are played in rounds
    #[arg(long, default_value_t = 30)]
    turns: usize,
    /// So many people talk at once, each with other clips, and their waits are compared
    #[arg(long, default_value_t = 1)]
    people: usize,
    /// Whom to talk to, instead of the language's own
    #[arg(long)]
    persona: Option<String>,
    /// The program that transcribes offline and measures the models alone; it reads the same configuration and
    /// environment as the server, so start both with the same
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Leaves out what is measured after the scenes: the offline comparison, the voice heard again, the models alone
    #[arg(long)]
    scenes_only: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Speech {
    English,
    Korean,
}

impl Speech {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Korean is compared by character: where words are parted is a matter of taste.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::English => "WER",
            Self::Korean => "CER",
        }
    }
}

/// One stage in the server's report, in milliseconds since the end of speech.
pub(super) fn stage(report: &Value, name: &str) -> f64 {
    let stages = report["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    stages
        .iter()
        .find(|stage| stage["name"] == name)
        .and_then(|stage| stage["at_ms"].as_f64())
        .unwrap_or(f64::NAN)
}

/// What all models together report.
pub(super) fn models(report: &Value) -> f64 {
    let models = report["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    models.iter().filter_map(|model| model["ms"].as_f64()).sum()
}

/// Plays clips until there are enough turns, each in a fresh session, and prints the figures.
pub(crate) async fn run(args: &VoiceArgs) -> anyhow::Result<()> {
    let korean = args.language == Speech::Korean;
    let clips = if korean { clip::korean(&args.program, args.turns)? } else { clip::english()? };
    if korean {
        say("the input is synthetic: no free Korean human speech is packaged");
    }
    let persona = args.persona.as_deref().unwrap_or(if korean { "seoa" } else { "maya" });
    let language = args.language.code();
    if args.people > 1 {
        let (people, turns) = (args.people, args.turns.div_ceil(args.people));
        let (url, persona) = (args.url.clone(), persona.to_owned());
        return people::run(Crowd { url, persona, language, people, turns }, clips).await.map(drop);
    }
    say(
        "clip            turn decided  transcript  first token  first clause  first audio   wait  models  outside | at the client",
    );
    let mut played = Vec::new();
    for clip in clips.iter().cycle().take(args.turns) {
        let mut client = Client::connect(&args.url, persona, language).await?;
        let turn = client.turn(clip).await.with_context(|| format!("clip {}", clip.name))?;
        print_turn(clip, &turn);
        played.push((clip, turn));
    }
    let turns = played.iter().map(|(clip, turn)| (*clip, turn)).collect::<Vec<_>>();
    print_summary(&turns);
    let mut rate = ErrorRate::default();
    for (clip, turn) in &turns {
        rate.add(&clip.words, &turn.heard, korean);
    }
    say(&format!("{} through the live path: {:.1} %", args.language.unit(), rate.percent()));
    if args.scenes_only { Ok(()) } else { afterwards(args, Scene { persona, language }, &clips, &turns) }
}

/// What needs no scene any more.
fn afterwards(
    args: &VoiceArgs,
    scene: Scene<'_>,
    clips: &[Clip],
    turns: &[(&Clip, &Turn)],
) -> anyhow::Result<()> {
    let unit = args.language.unit();
    let korean = args.language == Speech::Korean;
    match offline(&args.program, clips, korean) {
        Ok(offline) => say(&format!("{unit} offline, the same model on the whole file: {offline:.1} %")),
        Err(error) => say(&format!("offline comparison skipped: {error:#}")),
    }
    match heard_again(&args.program, args.language, turns) {
        Ok(rate) => say(&format!("{unit} of the persona's voice, heard again by whisper: {rate:.1} %")),
        Err(error) => say(&format!("the voice was not heard again: {error:#}")),
    }
    let answered = turns.iter().copied().filter(|(_, turn)| counts(turn)).collect::<Vec<_>>();
    alone::compare(&args.program, scene, &answered)
}

/// Whether a turn was answered, after its end.
fn counts(turn: &Turn) -> bool {
    turn.first_audio.is_finite() && !turn.was_cut_off()
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

fn print_summary(turns: &[(&Clip, &Turn)]) {
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
    let counted = turns.iter().map(|(_, turn)| *turn).filter(|turn| counts(turn)).collect::<Vec<_>>();
    say(&format!("\n{} turns{:>46}{:>10}", counted.len(), "p50 ms", "p95 ms"));
    for (name, figure) in figures {
        let values =
            counted.iter().map(|turn| figure(turn)).filter(|value| value.is_finite()).collect::<Vec<_>>();
        say(&format!("{name:<42}{:>10.0}{:>10.0}", quantile(&values, 0.5), quantile(&values, 0.95)));
    }
    let ahead = counted.iter().filter(|turn| turn.report["speculative"] == true).count();
    let cut_off = turns.iter().filter(|(_, turn)| turn.was_cut_off()).count();
    let silent = turns.iter().filter(|(_, turn)| turn.first_audio.is_nan()).count();
    say(&format!(
        "thought ahead: {ahead}; not counted: {cut_off} replies before the person had ended, {silent} turns without one"
    ));
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

/// What the same recogniser understands of the persona's voice, against the words of the reply.
fn heard_again(program: &str, language: Speech, turns: &[(&Clip, &Turn)]) -> anyhow::Result<f64> {
    let path = std::env::temp_dir().join(format!("duologue-bench-{}-reply.wav", std::process::id()));
    let mut rate = ErrorRate::default();
    for (_, turn) in turns.iter().filter(|(_, turn)| !turn.voice.is_empty()) {
        clip::write(&path, &turn.voice)?;
        let mut command = Command::new(program);
        let output = command.args(["transcribe", "--language", language.code()]).arg(&path).output()?;
        let heard: Value = serde_json::from_slice(&output.stdout).context("gave no JSON")?;
        let heard = heard["text"].as_str().unwrap_or_default();
        rate.add(&turn.answered, heard, language == Speech::Korean);
    }
    // What is left in the temporary folder is one short file.
    let _ = std::fs::remove_file(&path);
    Ok(rate.percent())
}

/// Figures go to stdout: they are the result.
pub(super) fn say(line: &str) {
    use std::io::Write;
    // Whoever closed the pipe wants no more of it.
    let _ = writeln!(std::io::stdout(), "{line}");
}
