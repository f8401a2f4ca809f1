//! The Python environment of the tests: a document database that speaks MongoDB's protocol.

use std::{fs, process::Command};

use anyhow::Context;

use crate::{places::Places, step};

/// Pinned: newer ones have not been tried.
const PACKAGE: &str = "secantusdb";
const VERSION: &str = "0.7.0b3";

/// Makes the environment in the data folder, once.
pub(super) fn prepare(places: &Places) -> anyhow::Result<()> {
    let folder = places.home.join("venv");
    let python = folder.join("bin/python");
    if python.exists() && is_installed(&folder) {
        return Ok(());
    }
    eprintln!("setup: Python environment with {PACKAGE} {VERSION} in {}", folder.display());
    fs::create_dir_all(&places.home).with_context(|| format!("cannot create {}", places.home.display()))?;
    // `--clear`: an environment whose Python is gone, or that was cut while it was made, is made anew.
    step::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("What to do: install python3-venv")?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    install.arg(format!("{PACKAGE}=={VERSION}"));
    step::run(&mut install)
        .context("What to do: check the network, then run again; wheels exist for CPython 3.9 and later")
}

fn is_installed(folder: &std::path::Path) -> bool {
    let versions = fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    let info = format!("site-packages/{PACKAGE}-{VERSION}.dist-info/RECORD");
    versions.map(|entry| entry.path().join(&info)).any(|record| record.exists())
}
