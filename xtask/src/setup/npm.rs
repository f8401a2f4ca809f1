//! npm packages: of the page when it has any at run time, of its checks and browser tests for tests.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::{places::Places, step};

/// Remembers, inside `node_modules`, the package files that it was installed from.
const STAMP: &str = "node_modules/.duologue-stamp";

/// Installs what has changed since the last time.
pub(super) fn prepare(places: &Places, for_tests: bool) -> anyhow::Result<()> {
    let page = places.root.join("static");
    if for_tests || has_runtime_packages(&page) {
        install(&page)?;
    }
    if for_tests {
        install(&places.root.join("tests/browser"))?;
    }
    Ok(())
}

fn has_runtime_packages(folder: &Path) -> bool {
    package(folder)
        .is_some_and(|package| package["dependencies"].as_object().is_some_and(|some| !some.is_empty()))
}

fn package(folder: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(folder.join("package.json")).ok()?).ok()
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let Some(package) = package(folder) else { return Ok(()) };
    let wanted = stamp(folder);
    if fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    eprintln!("setup: npm packages in {}", folder.display());
    // Scripts of packages are not run: some would download a browser, and nothing here needs one.
    let action = if folder.join("package-lock.json").exists() { "ci" } else { "install" };
    let mut command = Command::new("npm");
    command
        .args([action, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(folder);
    step::run(&mut command).context("What to do: check the network; `npm` must be version 9 or later")?;
    if package["scripts"]["vendor"].is_string() {
        step::run(Command::new("npm").args(["run", "--silent", "vendor"]).current_dir(folder))?;
    }
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(folder.join(STAMP), stamp(folder)).context("cannot write the stamp of npm's packages")
}

fn stamp(folder: &Path) -> String {
    let mut hash = Sha256::new();
    for name in ["package.json", "package-lock.json"] {
        hash.update(fs::read(folder.join(name)).unwrap_or_default());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
