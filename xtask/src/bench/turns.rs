//! When is a turn over? Voice activity alone, smart-turn alone and ours, on the same sound: prepares the clips and
//! starts `engines/examples/turns`, which plays them through the models without a server.
//!
//! The clips lie in two halves, `development` and `held-out`, in `LANGUAGE/SOURCE/NN-M.wav`: phrase M of turn NN.
//! Human clips are one file and keep their own pauses.

mod human;
mod sentences;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use clap::Args;

/// Flags of `bench turns`.
#[derive(Args)]
pub(crate) struct TurnsArgs {
    /// The program that speaks the phrases; that of the build in use when not given
    #[arg(long)]
    program: Option<String>,
    /// Where clips and answers are kept; those that are there are not made again
    #[arg(long, default_value = "target/bench-turns")]
    folder: PathBuf,
    /// Print what each model says in each pause
    #[arg(long)]
    explain: bool,
    /// Only the development half: for tuning
    #[arg(long)]
    development: bool,
    /// Ask the models again instead of using what they said in an earlier run
    #[arg(long)]
    fresh: bool,
    /// Use the development build
    #[arg(long)]
    dev: bool,
}

/// The halves: even clips and odd clips.
const HALVES: [&str; 2] = ["development", "held-out"];

const KOREAN_VOICES: [&str; 3] = ["kokoro-kumo", "kokoro-nezumi", "kokoro-alpha"];
const ENGLISH_VOICES: [&str; 3] = ["hibari-heart", "piper-joe", "espeak-en"];

/// Prepares the clips and runs the comparison.
pub(crate) fn run(args: &TurnsArgs) -> anyhow::Result<()> {
    let built = if args.dev { "target/debug/duologue" } else { "target/release/duologue" };
    let program = args.program.as_deref().unwrap_or(built);
    let clips = args.folder.join("clips");
    speak(program, &clips, ("ko", KOREAN_VOICES), sentences::KOREAN)?;
    speak(program, &clips, ("en", ENGLISH_VOICES), sentences::ENGLISH)?;
    human::prepare(&args.folder, &clips)?;
    let cache = args.folder.join("answers.json");
    if args.fresh && cache.is_file() {
        fs::remove_file(&cache)?;
    }
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet"]);
    if !args.dev {
        command.arg("--release");
    }
    command.args(["--package", "duologue-engines", "--example", "turns", "--", "--clips"]).arg(&clips);
    command.arg("--cache").arg(&cache);
    for (flag, given) in [("--explain", args.explain), ("--development", args.development)] {
        if given {
            command.arg(flag);
        }
    }
    match command.status().context("cargo cannot be run")?.success() {
        true => Ok(()),
        false => bail!("the comparison failed"),
    }
}

/// Every phrase as a file, spoken by the program's own voices in turn. A phrase that goes on ends with a comma, so that
/// the voice does not fall as at the end of a sentence.
fn speak(
    program: &str,
    clips: &Path,
    (language, voices): (&str, [&str; 3]),
    turns: &[&[&str]],
) -> anyhow::Result<()> {
    for (index, phrases) in turns.iter().enumerate() {
        // Each voice is in both halves.
        let voice = voices[index / 2 % voices.len()];
        let folder = clips.join(HALVES[index % 2]).join(language).join(voice);
        fs::create_dir_all(&folder)?;
        for (part, phrase) in phrases.iter().enumerate() {
            let path = folder.join(format!("{index:02}-{part}.wav"));
            if path.is_file() {
                continue;
            }
            let text = if phrase.ends_with(['.', '?']) { (*phrase).to_owned() } else { format!("{phrase},") };
            let mut command = Command::new(program);
            command.args(["say", &text, "--language", language, "--voice", voice, "--out"]).arg(&path);
            let spoken = command
                .status()
                .with_context(|| format!("{program} cannot be run: build it with `make setup`"))?;
            if !spoken.success() {
                bail!("{program} could not speak");
            }
        }
    }
    Ok(())
}
