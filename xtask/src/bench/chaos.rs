//! Chaos: builds the server's own example, which kills children and engines under talking scenes, and runs it.
//!
//! It is an example of the server's package and not a part of this one, because it must reach into the supervision
//! tree, and this program knows none of the server's crates.

use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;

/// Flags of `bench chaos`.
#[derive(Args)]
pub(crate) struct ChaosArgs {
    /// How many kills
    #[arg(long, default_value_t = 500)]
    kills: usize,
    /// Without optimisation, for a quick look
    #[arg(long)]
    debug: bool,
    /// Passed on; `-- --help` lists them
    #[arg(last = true)]
    words: Vec<String>,
}

/// Builds what runs, the model's worker too, and waits for it.
pub(crate) fn run(args: &ChaosArgs) -> anyhow::Result<()> {
    let profile = if args.debug { &[][..] } else { &["--release"] };
    cargo(["build", "--quiet", "--package", "duologue-llm"].iter().chain(profile), &[])?;
    let kills = args.kills.to_string();
    let mut words = vec!["--".to_owned(), "--kills".to_owned(), kills];
    words.extend(args.words.iter().cloned());
    cargo(["run", "--quiet", "--package", "duologue", "--example", "chaos"].iter().chain(profile), &words)
}

fn cargo<'a>(parts: impl Iterator<Item = &'a &'static str>, words: &[String]) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo).args(parts).args(words).status().context("cargo cannot be run")?;
    ensure!(status.success(), "it did not end well");
    Ok(())
}
