//! The project's own tool: `cargo xtask setup|ci|tidy|bench`.
//!
//! It knows none of Duologue's crates: it prepares what they need, and judges them from outside.

#![expect(clippy::disallowed_methods, reason = "a developer's tool speaks with its environment directly")]

mod ci;
mod places;
mod setup;
mod step;
mod tidy;

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
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Setup(args) => setup::run(&args),
        Task::Ci(args) => ci::check(&args),
        Task::Tidy => tidy::run(),
    }
}
