//! What lies on this machine: the home folder, and what has been checked there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::manifest::{File, Manifest, Model};

/// Where a checked file's size, time and sum are remembered, so that a later run need not read gigabytes again.
const RECORD: &str = "models/.verified.json";

/// The home folder of models and native libraries.
#[derive(Clone, Debug)]
pub struct Shelf {
    home: PathBuf,
}

/// How a file is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Checked before and unchanged since.
    Verified,
    /// The right size, never checked here.
    Unverified,
    /// There, but of the wrong size.
    Wrong,
    /// Not there.
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    sha256: String,
    bytes: u64,
    modified_ns: u64,
}

impl Shelf {
    /// Looks at `home`; creates nothing.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The folder itself.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where a file of the manifest lies or will lie.
    pub fn path(&self, file: &File) -> PathBuf {
        self.home.join(&file.path)
    }

    /// Turns what an operator wrote — a manifest id or a path — into the path of the model's first file. The file
    /// need not exist: who opens it says so.
    pub fn resolve(&self, manifest: &Manifest, id_or_path: &str) -> anyhow::Result<PathBuf> {
        if let Some(model) = manifest.find(id_or_path) {
            return Ok(self.path(&model.files[0]));
        }
        if id_or_path.contains(['/', '\\']) || Path::new(id_or_path).exists() {
            return Ok(PathBuf::from(id_or_path));
        }
        let known: Vec<&str> = manifest.models().iter().map(|model| model.id.as_str()).collect();
        bail!("there is no model {id_or_path:?}: name one of {} or the path of a file", known.join(", "))
    }

    /// Whether every file of a model is there with the right size.
    pub fn has(&self, model: &Model) -> bool {
        model.files.iter().all(|file| self.size(file) == Some(file.bytes))
    }

    /// How a file is found, without reading it.
    pub(super) fn state(&self, file: &File) -> State {
        match self.size(file) {
            None => State::Missing,
            Some(bytes) if bytes != file.bytes => State::Wrong,
            Some(_) => match self.mark(file) {
                Some(mark) if self.marks().get(&file.path) == Some(&mark) => State::Verified,
                _ => State::Unverified,
            },
        }
    }

    /// Remembers that a file's sum was right.
    pub(super) fn remember(&self, file: &File) -> anyhow::Result<()> {
        let mut marks = self.marks();
        let mark = self.mark(file).with_context(|| format!("{} vanished", self.path(file).display()))?;
        marks.insert(file.path.clone(), mark);
        let text = serde_json::to_string_pretty(&marks)?;
        let target = self.home.join(RECORD);
        let part = target.with_extension("part");
        fs::create_dir_all(self.home.join("models"))?;
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &target))
            .context("cannot write the record of checked files")
    }

    fn size(&self, file: &File) -> Option<u64> {
        fs::metadata(self.path(file)).ok().filter(fs::Metadata::is_file).map(|found| found.len())
    }

    /// What the record would say of the file as it lies there now.
    fn mark(&self, file: &File) -> Option<Mark> {
        let found = fs::metadata(self.path(file)).ok()?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let modified_ns = u64::try_from(modified.as_nanos()).ok()?;
        Some(Mark { sha256: file.sha256.clone(), bytes: found.len(), modified_ns })
    }

    /// A record that cannot be read is no record: the files are read once more.
    fn marks(&self) -> BTreeMap<String, Mark> {
        let text = fs::read_to_string(self.home.join(RECORD)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}
