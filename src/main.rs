//! The `duologue` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = duologue_engines::environment::prepare() {
        // The engines that need a library without telemetry will be missing and say why; everything else works.
        eprintln!("the program could not be started again with the environment of its libraries: {error}");
    }
    start()
}

#[tokio::main]
async fn start() -> ExitCode {
    duologue::cli::main().await
}
