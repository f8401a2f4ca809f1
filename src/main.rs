//! The `duologue` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    duologue::cli::main().await
}
