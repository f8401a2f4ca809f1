//! Live duets: how soon after a note the revised plan is on its way, whether a note ever comes too late over a bad
//! network, and how well the partner plays with scripted players in every style and mode.

mod crowd;
mod house;
mod network;

use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;

use super::voice::say;

/// Flags of `bench duet`.
#[derive(Args)]
pub(crate) struct DuetArgs {
    /// The server's program
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Sessions that play at once
    #[arg(long, default_value_t = 500)]
    sessions: usize,
    /// How long they play, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long one plays over the simulated network, in seconds of real time
    #[arg(long, default_value_t = 60)]
    network: u64,
    /// Leave out how well the partner plays
    #[arg(long)]
    no_table: bool,
    /// Use the development build for what is built here
    #[arg(long)]
    dev: bool,
}

/// Measures and prints; an error when a bar was missed.
pub(crate) async fn run(args: &DuetArgs) -> anyhow::Result<()> {
    let mut kept = true;
    if !args.no_table {
        kept &= build_and_run(args, &["run", "--package", "duologue-music", "--example", "duet"], &[])?;
        let accelerated = ["test", "--package", "duologue-actors", "--test", "duet"];
        let fine = build_and_run(
            args,
            &accelerated,
            &["--exact", "ten_minutes_over_a_bad_network_and_no_note_is_late"],
        )?;
        report(fine, "ten minutes over 40 ± 20 ms in accelerated time: no late note", "");
        kept &= fine;
    }
    let house = house::House::start(&args.program, args.sessions).await?;
    for (sessions, bar_ms) in [(1, 1.0), (args.sessions, 5.0)] {
        let plan = crowd::play(&house, sessions, args.seconds).await?;
        let fine = plan.quantile_ms(0.99) <= bar_ms;
        let what = format!("{sessions} sessions, note to plan sent, {} plans", plan.count());
        let figures = format!(
            "{:.2} ms p50, {:.2} ms p99 (≤ {bar_ms} ms)",
            plan.quantile_ms(0.5),
            plan.quantile_ms(0.99)
        );
        report(fine, &what, &figures);
        kept &= fine;
    }
    let heard = network::play(&house, args.network).await?;
    let fine = heard.late == 0 && heard.notes > 0;
    let what = format!("{} s of real time over 40 ± 20 ms, {} notes", args.network, heard.notes);
    let figures = format!("{} late, the tightest with {:.0} ms to spare", heard.late, heard.spare_ms);
    report(fine, &what, &figures);
    ensure!(kept && fine, "a bar was not kept");
    Ok(())
}

fn report(fine: bool, what: &str, figures: &str) {
    let mark = if fine { "ok  " } else { "MISS" };
    say(&format!("{mark} {what}: {figures}"));
}

/// Runs something of the server's crates, which this program knows nothing of.
fn build_and_run(args: &DuetArgs, parts: &[&str], words: &[&str]) -> anyhow::Result<bool> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg(parts[0]).arg("--quiet").args(&parts[1..]);
    if !args.dev {
        command.arg("--release");
    }
    let status = command.arg("--").args(words).status().context("cargo cannot be run")?;
    Ok(status.success())
}
