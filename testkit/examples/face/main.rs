//! The scores of a face against what is known, and what they cost; `cargo xtask bench face` builds and runs this.
//!
//! Synthetic tracks (the test kit's) tell how many blinks there were and where the eyes looked; a hundred faces at once
//! through their actors, and in whole scenes, tell the latency and the CPU. Photos need the server's landmarker and a folder of them.

mod load;
mod photos;
mod scenes;
mod tracks;

use std::{path::PathBuf, process::ExitCode};

/// What is asked for.
#[derive(Default)]
struct Args {
    /// Sessions at once.
    sessions: usize,
    /// How long they send.
    seconds: u64,
    /// Neither tracks nor photos.
    only_load: bool,
    /// Photos by label, one folder of files named `label*.jpg`, and a folder of each clip's pictures.
    photos: Option<PathBuf>,
    library: PathBuf,
    model: PathBuf,
}

fn args() -> Args {
    let mut args = Args { sessions: 100, seconds: 20, ..Args::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        match word.as_str() {
            "--sessions" => args.sessions = value.parse().unwrap_or(args.sessions),
            "--seconds" => args.seconds = value.parse().unwrap_or(args.seconds),
            "--only-load" => args.only_load = value == "yes",
            "--photos" => args.photos = Some(value.into()),
            "--library" => args.library = value.into(),
            "--model" => args.model = value.into(),
            _ => {}
        }
    }
    args
}

/// A line of the report.
#[expect(clippy::print_stdout, reason = "the report of a benchmark")]
fn say(line: &str) {
    println!("{line}");
}

/// Says a figure with its bar; true when it is kept.
fn figure(name: &str, value: &str, kept: bool) -> bool {
    say(&format!("{} {name}: {value}", if kept { "ok  " } else { "MISS" }));
    kept
}

fn done(kept: bool) -> ExitCode {
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, worker, model] = words.as_slice()
        && worker == "worker"
    {
        let done = duologue_engines::face::worker::run(model.as_ref(), std::io::stdin(), std::io::stdout());
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let args = args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    if args.only_load {
        let kept = runtime.block_on(load::run(args.sessions, args.seconds));
        return done(runtime.block_on(scenes::run(args.sessions, args.seconds)) && kept);
    }
    let mut kept = tracks::run();
    if let Some(photos) = &args.photos {
        kept &= runtime.block_on(photos::run(photos, &args));
    }
    kept &= runtime.block_on(load::run(args.sessions, args.seconds));
    kept &= runtime.block_on(scenes::run(args.sessions, args.seconds));
    done(kept)
}
