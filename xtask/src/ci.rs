//! `cargo xtask ci`: every check and every test, cheapest first, each under its name.

use std::{process::Command, time::Instant};

use anyhow::ensure;
use clap::Args;

use crate::{
    places::Places,
    step::{self, has_program, run_told as run, step, succeeds},
    tidy,
};

/// `cargo xtask ci …`
#[derive(Clone, Debug, Args)]
pub(crate) struct CiArgs {
    /// Only the steps of these names
    steps: Vec<String>,
}

/// One step.
struct Check {
    name: &'static str,
    remedy: &'static str,
    work: fn(&Places) -> anyhow::Result<()>,
}

const CHECKS: [Check; 9] = [
    Check { name: "fmt", remedy: "run `cargo fmt --all`", work: fmt },
    Check { name: "tidy", remedy: "mend the lines named above", work: |_| tidy::run() },
    Check { name: "types", remedy: "mend the page's types named above", work: types },
    Check { name: "clippy", remedy: "mend the warnings named above", work: clippy },
    Check { name: "test", remedy: "run the failed test alone: `cargo test NAME`", work: test },
    Check { name: "doctest", remedy: "mend the example named above", work: doctest },
    Check { name: "doc", remedy: "mend the documentation named above", work: doc },
    Check { name: "browser", remedy: "run `npm test` in tests/browser", work: browser },
    Check { name: "deny", remedy: "see deny.toml: a licence or a crate is not wanted", work: deny },
];

/// Only when it is named: spoken conversations with real models against the clock, which a busy machine does not pass
/// every time.
const BY_NAME: [Check; 1] = [Check { name: "sdk", remedy: "run `npm test` in tests/sdk", work: sdk }];

/// Runs the steps that were asked for, or all. A step that fails does not hide what the later ones have to say: the end
/// names every failed one, with the last words of its output.
pub(crate) fn check(args: &CiArgs) -> anyhow::Result<()> {
    let places = Places::find()?;
    let known: Vec<&str> = CHECKS.iter().chain(&BY_NAME).map(|check| check.name).collect();
    for name in &args.steps {
        ensure!(known.contains(&name.as_str()), "there is no step {name}: name some of {}", known.join(", "));
    }
    let mut times: Vec<String> = Vec::new();
    let mut failures: Vec<String> = Vec::new();
    let started = Instant::now();
    let named = |check: &&Check| args.steps.iter().any(|step| step == check.name);
    let wanted: Vec<&Check> = match args.steps.is_empty() {
        true => CHECKS.iter().collect(),
        false => CHECKS.iter().chain(&BY_NAME).filter(named).collect(),
    };
    for check in wanted {
        match step(check.name, check.remedy, || (check.work)(&places)) {
            Ok(took) => times.push(format!("{} {:.0} s", check.name, took.as_secs_f64())),
            Err(error) => {
                eprintln!("== {}: FAILED", check.name);
                failures.push(format!("{error:#}"));
            }
        }
    }
    ensure!(failures.is_empty(), "{} of the steps failed\n\n{}", failures.len(), failures.join("\n\n"));
    eprintln!("\nall steps passed in {:.0} s: {}", started.elapsed().as_secs_f64(), times.join(", "));
    Ok(())
}

fn cargo(places: &Places, arguments: &[&str]) -> Command {
    let mut command = step::cargo();
    // Tests find models where the set-up has put them.
    command.args(arguments).current_dir(&places.root).env("DUOLOGUE_HOME", &places.home);
    command
}

fn fmt(places: &Places) -> anyhow::Result<()> {
    run(&mut cargo(places, &["fmt", "--all", "--check"]))
}

fn clippy(places: &Places) -> anyhow::Result<()> {
    run(&mut cargo(
        places,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "xtask/bench,xtask/train",
            "--",
            "-D",
            "warnings",
        ],
    ))
}

fn test(places: &Places) -> anyhow::Result<()> {
    if has_program("cargo-nextest") {
        return run(&mut cargo(
            places,
            &["nextest", "run", "--workspace", "--features", "xtask/bench,xtask/train"],
        ));
    }
    run(&mut cargo(
        places,
        &["test", "--workspace", "--features", "xtask/bench,xtask/train", "--bins", "--lib", "--tests"],
    ))
}

fn doctest(places: &Places) -> anyhow::Result<()> {
    run(&mut cargo(places, &["test", "--workspace", "--doc"]))
}

fn doc(places: &Places) -> anyhow::Result<()> {
    let mut command = cargo(places, &["doc", "--workspace", "--no-deps"]);
    // Module pages are read beside the code, so that they may point at what is private.
    run(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"))
}

fn types(places: &Places) -> anyhow::Result<()> {
    npm(places, "static", &["run", "--silent", "check"])
}

fn browser(places: &Places) -> anyhow::Result<()> {
    npm(places, "tests/browser", &["test"])
}

fn sdk(places: &Places) -> anyhow::Result<()> {
    npm(places, "tests/sdk", &["test"])
}

fn npm(places: &Places, folder: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    run(command.args(arguments).current_dir(places.root.join(folder)).env("DUOLOGUE_HOME", &places.home))
}

fn deny(places: &Places) -> anyhow::Result<()> {
    if !succeeds("cargo", &["deny", "--version"]) {
        eprintln!("cargo-deny is not installed: licences are not checked in this run");
        return Ok(());
    }
    run(&mut cargo(places, &["deny", "--offline", "check", "bans", "licenses", "sources"]))
}
