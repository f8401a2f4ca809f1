//! `cargo xtask bench …`: what the running server does for a person, measured from outside.

mod alone;
mod bargein;
mod chaos;
mod client;
mod clip;
mod loudspeaker;
mod people;
mod score;
mod sessions;
mod turns;
mod voice;

use clap::{Args, Subcommand};

/// Flags of `bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Lay interruptions, signs of listening, noises and the persona's own voice over replies, in real time
    Bargein(bargein::BargeinArgs),
    /// Kill children and engines at random moments of talking scenes, and count what is lost
    Chaos(chaos::ChaosArgs),
    /// Weigh sessions: idle, exchanged, closed, many at once
    Sessions(sessions::SessionsArgs),
    /// Compare when a turn is taken for over: by voice activity, by smart-turn, by ours; needs no server
    Turns(turns::TurnsArgs),
    /// Play human clips into the running server in real time, and print the waterfall of every turn
    Voice(voice::VoiceArgs),
}

/// Runs a benchmark.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &args.bench {
        Bench::Bargein(args) => runtime.block_on(bargein::run(args)),
        Bench::Chaos(args) => chaos::run(args),
        Bench::Sessions(args) => runtime.block_on(sessions::run(args)),
        Bench::Turns(args) => turns::run(args),
        Bench::Voice(args) => runtime.block_on(voice::run(args)),
    }
}
