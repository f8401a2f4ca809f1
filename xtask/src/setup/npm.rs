//! npm packages: of the page what its camera part and its duets run, for tests also those of its checks, of the browser tests,
//! and stock clients.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::{places::Places, step};

/// Remembers, inside `node_modules`, the package files that it was installed from.
const STAMP: &str = "node_modules/.duologue-stamp";

/// Which packages of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What the page loads.
    Runtime,
    /// That and what checks it.
    All,
}

/// Installs what has changed since the last time.
pub(super) fn prepare(places: &Places, for_tests: bool) -> anyhow::Result<()> {
    let page = places.root.join("static");
    if for_tests {
        install(&page, Kind::All)?;
        install(&places.root.join("tests/browser"), Kind::All)?;
        return install(&places.root.join("tests/sdk"), Kind::All);
    }
    // Only the camera and the instruments of duets need packages; a scene is complete without either.
    if let Err(error) = install(&page, Kind::Runtime) {
        eprintln!(
            "setup: {error:#}\nsetup: going on without it: face scores will be off and duets sound plain, all else works"
        );
    }
    Ok(())
}

fn package(folder: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(folder.join("package.json")).ok()?).ok()
}

fn install(folder: &Path, kind: Kind) -> anyhow::Result<()> {
    let Some(package) = package(folder) else { return Ok(()) };
    let (runtime, all) = (stamp(folder, Kind::Runtime), stamp(folder, Kind::All));
    let found = fs::read_to_string(folder.join(STAMP)).unwrap_or_default();
    if found == all || (kind == Kind::Runtime && found == runtime) {
        return Ok(());
    }
    eprintln!("setup: npm packages in {}", folder.display());
    // Scripts of packages are not run: some would download a browser, and nothing here needs one.
    let action = if folder.join("package-lock.json").exists() { "ci" } else { "install" };
    let mut command = Command::new("npm");
    command
        .args([action, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
        .args((kind == Kind::Runtime).then_some("--omit=dev"))
        .current_dir(folder);
    step::run(&mut command).context("What to do: check the network; `npm` must be version 9 or later")?;
    if package["scripts"]["vendor"].is_string() {
        step::run(Command::new("npm").args(["run", "--silent", "vendor"]).current_dir(folder))?;
    }
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(folder.join(STAMP), stamp(folder, kind)).context("cannot write the stamp of npm's packages")
}

fn stamp(folder: &Path, kind: Kind) -> String {
    let mut hash = Sha256::new();
    hash.update([kind as u8]);
    for name in ["package.json", "package-lock.json", "vendor.mjs"] {
        hash.update(fs::read(folder.join(name)).unwrap_or_default());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
