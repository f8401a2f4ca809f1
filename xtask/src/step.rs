//! Running programs so that a failure names its step and its remedy.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, IsTerminal},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// Cargo as a person starts it. What `cargo run` tells this program of itself would reach the build scripts below: ring's
/// runs again when it changes, and a fifth of everything is built anew.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a program to its end, its output shown.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Lines of a failed program's output that are told again with its failure.
const LAST_LINES: usize = 15;

/// Runs a program to its end, its output shown; when it fails, the last lines are told again in the error, for who reads
/// only the end of a long log.
pub(crate) fn run_told(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
    }
    let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
    // The writing ends live on in the command: reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = VecDeque::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        eprintln!("{line}");
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    let status = child.wait()?;
    if !status.success() {
        let last: Vec<String> = last.into_iter().collect();
        bail!("`{shown}` failed ({status}); its last words:\n{}", last.join("\n"));
    }
    Ok(())
}

/// Runs one named step and says how long it took; `remedy` is what a person does when it fails.
pub(crate) fn step(
    name: &str,
    remedy: &str,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Duration> {
    eprintln!("\n== {name}");
    let started = Instant::now();
    work().with_context(|| format!("step '{name}' failed. What to do: {remedy}"))?;
    let took = started.elapsed();
    eprintln!("== {name}: done in {:.1} s", took.as_secs_f64());
    Ok(took)
}

/// Whether a program of that name can be run.
pub(crate) fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
}

/// Whether a program ends well; it shows nothing.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
