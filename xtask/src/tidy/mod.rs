//! `cargo xtask tidy`: the house rules that no compiler knows, checked on every file that git knows.
//!
//! `layers`: who may depend on whom. `size`: files that can be held in mind. `logs`: how a log line reads.
//! `words`: what may not be written at all. `papers`: documents that must keep up with the code.
//! Each check takes text and gives complaints, so that each is tested on small texts of its own.

mod layers;
mod logs;
mod mask;
mod papers;
mod size;
mod words;

use std::{fs, process::Command};

use anyhow::{Context, bail};

use crate::places::Places;

/// One file of the checkout.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code, or an example: nothing of it is in the server.
    fn is_test(&self) -> bool {
        let path = format!("/{}", self.path);
        let folders = ["/tests/", "/examples/", "/benches/"];
        let ends = ["/tests.rs", "_for_tests.rs"];
        folders.iter().any(|folder| path.contains(folder))
            || ends.iter().any(|end| path.ends_with(end))
            || path.starts_with("/testkit/")
    }
}

/// What the checks found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// These fail the run.
    pub(crate) errors: Vec<String>,
    /// These are said.
    pub(crate) warnings: Vec<String>,
}

/// Runs every check.
pub(crate) fn run() -> anyhow::Result<()> {
    let places = Places::find()?;
    let sources = sources(&places)?;
    let mut findings = Findings::default();
    layers::check(&sources, &mut findings);
    size::check(&sources, &mut findings);
    logs::check(&sources, &mut findings);
    words::check(&sources, &mut findings);
    papers::check(&sources, &mut findings);
    for warning in &findings.warnings {
        eprintln!("tidy: warning: {warning}");
    }
    for error in &findings.errors {
        eprintln!("tidy: {error}");
    }
    if !findings.errors.is_empty() {
        bail!("{} rules are broken in {} files looked at", findings.errors.len(), sources.len());
    }
    eprintln!("tidy: {} files are in order", sources.len());
    Ok(())
}

/// Every text file that is tracked or about to be.
fn sources(places: &Places) -> anyhow::Result<Vec<Source>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(&places.root);
    let output = command.output().context("cannot run git")?;
    if !output.status.success() {
        bail!("`git ls-files` failed: tidy looks at what git knows, so it needs a git checkout");
    }
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    // What is no text (pictures, audio) has no rules; what is listed but deleted is gone.
    let read = |path: &str| {
        Some(Source { path: path.to_owned(), text: fs::read_to_string(places.root.join(path)).ok()? })
    };
    Ok(names.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect())
}
