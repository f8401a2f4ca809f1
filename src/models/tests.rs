//! Tests of the manifest, the shelf, and both ways of fetching against stand-ins on this machine.

mod conversion;
mod fetching;
mod support;

use std::fs;

use super::{
    manifest::{Manifest, Set, Source},
    pull::{free_bytes, missing, verify, wire_bytes},
    shelf::{Shelf, State},
};
use support::{Scratch, manifest_of, sha256};

#[test]
fn the_shipped_manifest_is_whole() {
    let manifest = Manifest::embedded().expect("config/models.toml");
    for set in [Set::Default, Set::Small, Set::Test] {
        let ids: Vec<&str> = manifest.set(set).iter().map(|model| model.id.as_str()).collect();
        for needed in ["silero-vad", "smart-turn", "whisper-base", "hibari", "kokoro"] {
            assert!(ids.contains(&needed), "{set:?} lacks {needed}");
        }
    }
    for model in manifest.models() {
        for file in &model.files {
            let inputs = file.inputs.iter().map(|input| &input.sources);
            for sources in std::iter::once(&file.sources).filter(|sources| !sources.is_empty()).chain(inputs)
            {
                // Machines without a hub must be able to get everything.
                let is_package = |source: &Source| matches!(source, Source::Package(_) | Source::Debian(_));
                assert!(sources.iter().any(is_package), "{}", file.path);
                let first_package = sources.iter().position(is_package);
                let last_hub = sources.iter().rposition(|source| matches!(source, Source::Hub(_)));
                assert!(last_hub < first_package || last_hub.is_none(), "{}: hubs come first", file.path);
            }
        }
    }
}

#[test]
fn the_sets_weigh_what_is_promised() {
    let manifest = Manifest::embedded().expect("config/models.toml");
    let nowhere = Shelf::new("/nonexistent");
    let weigh = |set| wire_bytes(&missing(&nowhere, &manifest.set(set)));
    // A package that two files share is counted once: whisper's tokenizer rides in its first part.
    let (default, small) = (weigh(Set::Default), weigh(Set::Small));
    assert!((1_430_000_000..1_470_000_000).contains(&default), "{default}");
    assert!((755_000_000..795_000_000).contains(&small), "{small}");
}

#[test]
fn a_bad_manifest_is_refused() {
    let sum = "0".repeat(64);
    let entry = |path: &str, sum: &str, source: &str| {
        format!(
            "version = 1\n[[model]]\nid = \"a\"\nrole = \"stt\"\nabout = \"\"\nlicence = \"MIT\"\nlicence_source = \"x\"\nsets = []\n\
             [[model.file]]\npath = \"{path}\"\nbytes = 1\nsha256 = \"{sum}\"\nsources = [{source}]\n"
        )
    };
    let hub = "{ hub = \"https://example.org/f\" }";
    assert!(Manifest::parse(&entry("models/a", &sum, hub)).is_ok());
    let twice = format!("{}{}", entry("a", &sum, hub), &entry("b", &sum, hub)["version = 1\n".len()..]);
    let bad = [
        (entry("../outside", &sum, hub), "relative and plain"),
        (entry("/etc/passwd", &sum, hub), "relative and plain"),
        (entry("a", "beef", hub), "sha256"),
        (entry("a", &sum, ""), "no source"),
        (entry("a", &sum, "{ hub = \"http://example.org/f\" }"), "https"),
        (
            entry("a", &sum, "{ package = \"--index\", version = \"1\", member = \"m\", wheel_bytes = 1 }"),
            "odd package",
        ),
        (
            entry(
                "a",
                &sum,
                "{ package = \"p\", version = \"1\", member = \"m\", parts = 2, wheel_bytes = 1 }",
            ),
            "{n}",
        ),
        (entry("a", &sum, hub).replace("version = 1", "version = 2"), "version 2"),
        (entry("a", &sum, hub).replace("bytes", "size"), "size"),
        (twice, "twice"),
    ];
    for (text, reason) in bad {
        let error = Manifest::parse(&text).expect_err(reason);
        assert!(format!("{error:#}").contains(reason), "{error:#} does not say {reason}");
    }
}

#[test]
fn ids_and_paths_resolve() {
    let manifest = Manifest::embedded().expect("config/models.toml");
    let shelf = Shelf::new("/home-of-models");
    let resolve = |name: &str| shelf.resolve(&manifest, name);
    let voice = resolve("hibari").expect("an id");
    assert_eq!(voice, std::path::Path::new("/home-of-models/models/hibari.onnx"));
    assert_eq!(resolve("./my.gguf").expect("a path"), std::path::Path::new("./my.gguf"));
    let error = resolve("whisper-bass").expect_err("a typing error").to_string();
    assert!(error.contains("whisper-base"), "{error}");
}

#[test]
fn a_changed_file_is_not_believed() {
    let scratch = Scratch::new("changed");
    let manifest = manifest_of("models/m.bin", b"weights", "{ hub = \"https://example.org/f\" }");
    let (shelf, file) = (Shelf::new(scratch.path()), &manifest.models()[0].files[0]);
    assert_eq!(shelf.state(file), State::Missing);
    fs::create_dir_all(scratch.path().join("models")).expect("folder");
    fs::write(shelf.path(file), b"weights").expect("file");
    assert_eq!(shelf.state(file), State::Unverified);
    shelf.remember(file).expect("record");
    assert_eq!(shelf.state(file), State::Verified);
    fs::write(shelf.path(file), b"weightS").expect("file");
    assert_eq!(shelf.state(file), State::Unverified);
    let models: Vec<_> = manifest.models().iter().collect();
    assert_eq!(verify(&shelf, &models).expect("readable"), ["models/m.bin (m) has the wrong sha256"]);
    fs::write(shelf.path(file), b"short").expect("file");
    assert_eq!(verify(&shelf, &models).expect("readable"), ["models/m.bin (m) has the wrong size"]);
}

#[test]
fn free_room_is_read_from_df() {
    let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 252 19 73 21% /\n";
    assert_eq!(free_bytes(df), Some(73 * 1024));
    assert_eq!(free_bytes("df: no such thing"), None);
}

#[test]
fn sums_are_sha256() {
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
