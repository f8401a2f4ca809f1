//! The project's own tool: `cargo xtask setup|ci|tidy|bench|train-improv`.
//!
//! It knows none of Duologue's crates: it prepares what they need, and judges them from outside.

#![expect(clippy::disallowed_methods, reason = "a developer's tool speaks with its environment directly")]

#[cfg(feature = "bench")]
mod bench;
mod ci;
mod places;
mod setup;
mod step;
mod tidy;
#[cfg(feature = "train")]
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set-up, checks and benchmarks of Duologue")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring everything that running (or testing) needs: system packages, Python and npm parts, the build, models
    Setup(setup::SetupArgs),
    /// Run every check and every test, as continuous integration does
    Ci(ci::CiArgs),
    /// Check the house rules that no compiler knows
    Tidy,
    /// Measure the running server
    #[cfg(feature = "bench")]
    Bench(bench::BenchArgs),
    /// Measure the running server
    #[cfg(not(feature = "bench"))]
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Train the small model of melodies and compare it with counting
    #[cfg(feature = "train")]
    TrainImprov(train::TrainArgs),
    /// Train the small model of melodies and compare it with counting
    #[cfg(not(feature = "train"))]
    #[command(disable_help_flag = true)]
    TrainImprov {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// Benchmarks and training need more of this program than set-up and checks do: builds that, and hands over.
#[cfg(not(all(feature = "bench", feature = "train")))]
fn build_and_run(feature: &str, task: &str, words: &[String]) -> anyhow::Result<()> {
    let build = ["run", "--quiet", "--release", "--package", "xtask", "--features", feature, "--", task];
    let status = step::cargo().args(build).args(words).status()?;
    anyhow::ensure!(status.success(), "{task} did not finish");
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a backtrace, whatever the environment says: what failed is another program.
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Setup(args) => setup::run(&args),
        Task::Ci(args) => ci::check(&args),
        Task::Tidy => tidy::run(),
        #[cfg(feature = "bench")]
        Task::Bench(args) => bench::run(&args),
        #[cfg(not(feature = "bench"))]
        Task::Bench { words } => build_and_run("bench", "bench", &words),
        #[cfg(feature = "train")]
        Task::TrainImprov(args) => train::run(&args),
        #[cfg(not(feature = "train"))]
        Task::TrainImprov { words } => build_and_run("train", "train-improv", &words),
    }
}
