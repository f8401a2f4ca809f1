//! `config/models.toml`: every file with its size, sha256, licence and the places it can come from.

use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The manifest that this program was built with.
const EMBEDDED: &str = include_str!("../../config/models.toml");

/// Every model that Duologue knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    #[serde(rename = "model")]
    models: Vec<Model>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each name is its own explanation")]
pub enum Role {
    Stt,
    Vad,
    Turn,
    Llm,
    Tts,
    Face,
    Embed,
    Soundfont,
    Runtime,
    Test,
}

/// A named selection of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// What `make run` fetches.
    Default,
    /// The same scene with the smaller language model.
    Small,
    /// What the tests use.
    Test,
}

/// One model: a few files under one id and one licence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that configuration uses.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// One line for people.
    pub about: String,
    /// SPDX name, or names with what each covers.
    pub licence: String,
    /// Where the licence is stated.
    pub licence_source: String,
    /// The sets that it belongs to.
    pub sets: Vec<Set>,
    /// `os-architecture` for native libraries; absent: every machine.
    #[serde(default)]
    pub platform: Option<String>,
    /// Its files; the id stands for the first.
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// One file as it lies under the home folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Relative to the home folder.
    pub path: String,
    /// Exact size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Where its bytes come from; empty when it is converted.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// How it is made from `inputs`, when nobody offers it ready-made.
    #[serde(default)]
    pub convert: Option<Conversion>,
    /// What the conversion reads.
    #[serde(default, rename = "input")]
    pub inputs: Vec<Input>,
}

/// A conversion that this program can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Conversion {
    /// A CTranslate2 whisper becomes ggml with 8-bit blocks.
    #[serde(rename = "ct2-ggml-q8_0")]
    WhisperQ8,
}

/// A file that is only needed while another is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name for the conversion.
    pub path: String,
    /// Exact size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Where its bytes come from.
    pub sources: Vec<Source>,
}

/// A place that offers a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// The author's own place.
    Hub(Hub),
    /// Python packages that carry the bytes.
    Package(Package),
    /// A Debian package that carries the file.
    Debian(Debian),
}

/// A plain download.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// The address.
    #[serde(rename = "hub")]
    pub url: String,
}

/// Members of one or more wheels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Name; `{n}` is the part's number.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path inside the wheel; `{n}` and `{nn}` (two digits) are the part's number.
    pub member: String,
    /// How many packages follow each other.
    #[serde(default = "one")]
    pub parts: u32,
    /// What all parts weigh on the wire.
    pub wheel_bytes: u64,
    /// The Python that the wheel is tagged for, when it is native.
    #[serde(default)]
    pub python: Option<String>,
    /// The platform that the wheel is tagged for, when it is native.
    #[serde(default)]
    pub wheel_platform: Option<String>,
}

/// A file of a Debian package.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// The package's name; the version that this machine's sources offer, the sum decides.
    #[serde(rename = "debian")]
    pub package: String,
    /// Where it puts the file, without the leading slash.
    pub member: String,
    /// What it weighs on the wire.
    pub wheel_bytes: u64,
}

fn one() -> u32 {
    1
}

impl Package {
    /// The name of part `number`, counted from 1.
    pub fn name(&self, number: u32) -> String {
        numbered(&self.package, number)
    }

    /// The member of part `number`, counted from 1.
    pub fn member(&self, number: u32) -> String {
        numbered(&self.member, number)
    }

    /// The names of all parts.
    pub fn names(&self) -> BTreeSet<String> {
        (1..=self.parts).map(|number| self.name(number)).collect()
    }
}

fn numbered(pattern: &str, number: u32) -> String {
    pattern.replace("{nn}", &format!("{number:02}")).replace("{n}", &number.to_string())
}

impl Manifest {
    /// The manifest that was compiled in, for this machine.
    pub fn embedded() -> anyhow::Result<Self> {
        Self::parse(EMBEDDED).context("the compiled-in config/models.toml is wrong")
    }

    /// Reads a manifest from a file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a model manifest", path.display()))
    }

    /// Parses and checks; models for other platforms are checked, then left out.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut manifest: Self = toml::from_str(text)?;
        ensure!(manifest.version == 1, "version {} is not known, this program reads 1", manifest.version);
        for model in &manifest.models {
            model.check().with_context(|| format!("model {}", model.id))?;
        }
        let here = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        manifest.models.retain(|model| model.platform.as_ref().is_none_or(|platform| *platform == here));
        manifest.check_unique()?;
        Ok(manifest)
    }

    /// Every model for this machine.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of that id.
    pub fn find(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// The models of a set.
    pub fn set(&self, set: Set) -> Vec<&Model> {
        self.models.iter().filter(|model| model.sets.contains(&set)).collect()
    }

    fn check_unique(&self) -> anyhow::Result<()> {
        let mut ids = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for model in &self.models {
            ensure!(ids.insert(&model.id), "the id {} is there twice", model.id);
            for file in &model.files {
                ensure!(paths.insert(&file.path), "the path {} is there twice", file.path);
            }
        }
        Ok(())
    }
}

impl Model {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.files.is_empty(), "it has no file");
        ensure!(!self.licence.is_empty() && !self.licence_source.is_empty(), "it states no licence");
        for file in &self.files {
            check_blob(&file.path, &file.sha256, file.bytes)?;
            match file.convert {
                None => check_sources(&file.path, &file.sources)?,
                Some(_) => ensure!(
                    file.sources.is_empty() && !file.inputs.is_empty(),
                    "{}: a converted file has inputs and no sources",
                    file.path
                ),
            }
            for input in &file.inputs {
                check_blob(&input.path, &input.sha256, input.bytes)?;
                check_sources(&input.path, &input.sources)?;
            }
        }
        Ok(())
    }
}

fn check_blob(path: &str, sha256: &str, bytes: u64) -> anyhow::Result<()> {
    // A manifest may come from elsewhere: it must not be able to write outside the home folder.
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(plain && !path.is_empty(), "{path}: a path must be relative and plain");
    let hexadecimal =
        sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    ensure!(hexadecimal, "{path}: sha256 must be 64 lower-case hexadecimal digits");
    ensure!(bytes > 0, "{path}: bytes must be the exact size");
    Ok(())
}

fn check_sources(path: &str, sources: &[Source]) -> anyhow::Result<()> {
    ensure!(!sources.is_empty(), "{path}: it has no source");
    for source in sources {
        match source {
            Source::Hub(hub) => {
                let https = hub.url.starts_with("https://");
                let loopback = hub.url.starts_with("http://127.0.0.1:");
                ensure!(https || loopback, "{path}: a hub address is https");
            }
            Source::Package(package) => {
                // These become arguments of a program: a leading dash would be read as an option.
                let words = [&package.package, &package.version];
                let sane = |word: &str| word.starts_with(|first: char| first.is_ascii_alphanumeric());
                ensure!(words.iter().all(|word| sane(word)), "{path}: odd package name or version");
                ensure!(package.parts >= 1, "{path}: parts counts from 1");
                ensure!(
                    package.parts == 1 || package.package.contains("{n}"),
                    "{path}: several parts need {{n}} in the package's name"
                );
            }
            Source::Debian(debian) => {
                let sane = debian.package.starts_with(|first: char| first.is_ascii_alphanumeric());
                let plain =
                    Path::new(&debian.member).components().all(|part| matches!(part, Component::Normal(_)));
                ensure!(sane && plain, "{path}: odd package name or member");
            }
        }
    }
    Ok(())
}
