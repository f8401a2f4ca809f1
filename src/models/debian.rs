//! A file of a Debian package: as it is installed here, or out of the package, which is fetched but never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::manifest::Debian;

/// Lines of apt's own words that an error repeats.
const LAST_WORDS: usize = 3;

/// Copies the package's file to `part`. `scratch` is made and removed.
pub(super) fn bring(package: &Debian, scratch: &Path, part: &Path) -> anyhow::Result<()> {
    let installed = Path::new("/").join(&package.member);
    if installed.is_file() {
        return copy(&installed, part);
    }
    let _ = fs::remove_dir_all(scratch);
    fs::create_dir_all(scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let brought = unpack(package, scratch).and_then(|file| copy(&file, part));
    let _ = fs::remove_dir_all(scratch);
    brought
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// Fetches the package into `scratch` and says where the file lies after unpacking.
fn unpack(package: &Debian, scratch: &Path) -> anyhow::Result<PathBuf> {
    let name = &package.package;
    if let Err(first) = run("apt-get", &["--quiet", "download", name], scratch) {
        // A fresh container has no lists of packages; whoever may not fetch them is refused at once.
        let lists = run("apt-get", &["--quiet", "update"], scratch);
        let again = lists.and_then(|()| run("apt-get", &["--quiet", "download", name], scratch));
        if again.is_err() {
            bail!("{first:#}; install {name} (`apt-get install {name}`) and run again");
        }
    }
    let entries = fs::read_dir(scratch).with_context(|| format!("cannot read {}", scratch.display()))?;
    let file = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .with_context(|| format!("apt-get brought no package {name}"))?;
    let folder = scratch.join("unpacked");
    run("dpkg-deb", &["--extract", &file.to_string_lossy(), &folder.to_string_lossy()], scratch)?;
    let found = folder.join(&package.member);
    // A link could lead anywhere on this machine.
    let is_plain = fs::symlink_metadata(&found).is_ok_and(|found| found.is_file());
    if is_plain { Ok(found) } else { bail!("{name} holds no {}", package.member) }
}

/// Runs a program in a folder; its last words are the error.
fn run(program: &str, arguments: &[&str], folder: &Path) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}: this system brings no Debian packages"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    bail!(
        "{program} {}: {}",
        arguments.join(" "),
        lines[lines.len().saturating_sub(LAST_WORDS)..].join(" / ")
    )
}
