//! Fetches wheels by name and version with the machine's own `pip`, whatever index it is set up to use.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};

/// How often the size of the growing download is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Lines of pip's own words that an error repeats.
const LAST_WORDS: usize = 6;

/// The pip of one Python, and the folder that it may fill.
#[derive(Clone, Debug)]
pub(super) struct Pip {
    python: PathBuf,
    folder: PathBuf,
}

/// One wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wheel {
    pub(super) name: String,
    pub(super) version: String,
    /// The Python and the platform that a native wheel is tagged for.
    pub(super) native: Option<(String, String)>,
}

impl Pip {
    /// Wheels lie under `folder` until they are discarded.
    pub(super) fn new(python: PathBuf, folder: PathBuf) -> Self {
        Self { python, folder }
    }

    /// Brings a wheel and says where it lies; one that came whole before is not fetched again.
    pub(super) fn download(&self, wheel: &Wheel, mut on_size: impl FnMut(u64)) -> anyhow::Result<PathBuf> {
        let home = self.home(wheel);
        if let Some(found) = the_wheel_in(&home) {
            return Ok(found);
        }
        let scratch = self.folder.join("incoming");
        remove_folder(&scratch)?;
        let incoming = scratch.join("wheel");
        fs::create_dir_all(&incoming).with_context(|| format!("cannot create {}", incoming.display()))?;
        let log = self.folder.join("pip.log");
        let mut child = self.start(wheel, &scratch, &log)?;
        while child.try_wait().context("cannot wait for pip")?.is_none() {
            on_size(largest_file(&scratch));
            pause();
        }
        let status = child.wait().context("cannot wait for pip")?;
        if !status.success() {
            bail!("pip could not bring {} {}: {}", wheel.name, wheel.version, last_words(&log));
        }
        the_wheel_in(&incoming)
            .with_context(|| format!("pip brought no wheel of {} {}", wheel.name, wheel.version))?;
        // Only a whole download gets its lasting name, so a cut one is never taken for whole.
        remove_folder(&home)?;
        fs::rename(&incoming, &home).with_context(|| format!("cannot move {}", incoming.display()))?;
        the_wheel_in(&home).context("the wheel vanished while it was moved")
    }

    /// Removes a wheel that has served.
    pub(super) fn discard(&self, wheel: &Wheel) -> anyhow::Result<()> {
        remove_folder(&self.home(wheel))
    }

    fn home(&self, wheel: &Wheel) -> PathBuf {
        self.folder.join(format!("{}-{}", wheel.name, wheel.version))
    }

    fn start(&self, wheel: &Wheel, scratch: &Path, log: &Path) -> anyhow::Result<Child> {
        let words = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input", "--quiet"]);
        // A source package would be executed to learn its metadata: wheels only.
        command.args(["--only-binary=:all:", "--disable-pip-version-check", "--progress-bar", "off"]);
        match &wheel.native {
            Some((python, platform)) => {
                command.args(["--implementation", "cp", "--python-version", python, "--platform", platform])
            }
            None => command.arg("--ignore-requires-python"),
        };
        command.arg("--dest").arg(scratch.join("wheel")).arg(format!("{}=={}", wheel.name, wheel.version));
        // pip downloads into TMPDIR first: there its progress can be watched, on the disk that was checked for room.
        command.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        command.spawn().with_context(|| {
            format!("cannot run {}: install Python 3 with pip (Debian: python3-pip)", self.python.display())
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line's own thread, waiting for a program")]
pub(super) fn pause() {
    std::thread::sleep(LOOK);
}

fn the_wheel_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
}

/// pip writes one growing file and then copies it: the largest is the one to watch.
fn largest_file(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => largest_file(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(size).max().unwrap_or(0)
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LAST_WORDS)..].join(" / ")
}

fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
