//! The Python environment of the tests: a document database that speaks MongoDB's protocol, and a stock client.

use std::{fs, process::Command};

use anyhow::Context;

use crate::{places::Places, step};

/// Pinned: newer ones have not been tried. Name, what of it besides the core, version.
const PACKAGES: [(&str, &str, &str); 2] = [("secantusdb", "", "0.7.0b3"), ("openai", "[realtime]", "3.54.0")];

/// Makes the environment in the data folder, once.
pub(super) fn prepare(places: &Places) -> anyhow::Result<()> {
    let folder = places.home.join("venv");
    let python = folder.join("bin/python");
    if python.exists() && is_installed(&folder) {
        return Ok(());
    }
    let wanted = PACKAGES.map(|(name, extra, version)| format!("{name}{extra}=={version}"));
    eprintln!("setup: Python environment with {} in {}", wanted.join(", "), folder.display());
    fs::create_dir_all(&places.home).with_context(|| format!("cannot create {}", places.home.display()))?;
    // `--clear`: an environment whose Python is gone, or that was cut while it was made, is made anew.
    step::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("What to do: install python3-venv")?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    install.args(wanted);
    step::run(&mut install)
        .context("What to do: check the network, then run again; wheels exist for CPython 3.9 and later")
}

fn is_installed(folder: &std::path::Path) -> bool {
    let versions: Vec<_> = fs::read_dir(folder.join("lib")).into_iter().flatten().flatten().collect();
    PACKAGES.iter().all(|(name, _, version)| {
        let info = format!("site-packages/{name}-{version}.dist-info/RECORD");
        versions.iter().any(|entry| entry.path().join(&info).exists())
    })
}
