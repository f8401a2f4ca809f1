//! The `duologue` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = duologue_engines::onnx::refuse_telemetry() {
        // The engines that need the library will be missing and say why; everything else works.
        eprintln!("the program could not be started again with telemetry off: {error}");
    }
    start()
}

#[tokio::main]
async fn start() -> ExitCode {
    duologue::cli::main().await
}
