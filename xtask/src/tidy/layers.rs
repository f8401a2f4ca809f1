//! Who may depend on whom: `domain <- engines <- actors <- server`, told from manifests and from `use`.

use super::{Findings, Source, mask};

/// A crate, its manifest, and which of our crates it may use.
struct Layer {
    folder: &'static str,
    may_use: &'static [&'static str],
    /// Crates from outside that have no business here.
    never: &'static [&'static str],
}

const LAYERS: [Layer; 9] = [
    Layer {
        folder: "domain",
        may_use: &[],
        never: &["tokio", "ractor", "axum", "serde", "serde_json", "sqlx", "reqwest"],
    },
    Layer {
        folder: "music",
        may_use: &[],
        never: &["tokio", "ractor", "axum", "serde", "serde_json", "sqlx", "reqwest"],
    },
    Layer { folder: "engines", may_use: &["duologue-domain"], never: &["axum", "ractor", "sqlx", "mongodb"] },
    Layer { folder: "engines/llama", may_use: &["duologue-domain"], never: &["axum", "ractor", "tokio"] },
    Layer {
        folder: "actors",
        may_use: &["duologue-domain", "duologue-engines", "duologue-music"],
        never: &["axum", "sqlx", "mongodb", "ort", "whisper-rs"],
    },
    Layer { folder: "rtc", may_use: &["duologue-domain"], never: &["axum", "ractor", "sqlx", "reqwest"] },
    Layer {
        folder: "testkit",
        may_use: &["duologue-domain", "duologue-engines", "duologue-actors"],
        never: &["axum"],
    },
    // Benchmarks call the server as a peer of WebRTC does.
    Layer { folder: "xtask", may_use: &["duologue-rtc"], never: &[] },
    Layer {
        folder: ".",
        may_use: &[
            "duologue-domain",
            "duologue-engines",
            "duologue-actors",
            "duologue-music",
            "duologue-rtc",
        ],
        never: &["ort", "whisper-rs", "llama-cpp-2"],
    },
];

/// Adapters are the server's business: actors speak to ports.
const ADAPTERS: [&str; 8] = ["stt", "llm", "tts", "vad", "turn", "face", "embed", "onnx"];

pub(super) fn check(sources: &[Source], findings: &mut Findings) {
    for layer in &LAYERS {
        let path = if layer.folder == "." {
            "Cargo.toml".to_owned()
        } else {
            format!("{}/Cargo.toml", layer.folder)
        };
        match sources.iter().find(|source| source.path == path) {
            Some(manifest) => check_manifest(layer, manifest, findings),
            None => findings
                .errors
                .push(format!("{path} is missing: tell xtask/src/tidy/layers.rs where that layer went")),
        }
    }
    for source in sources.iter().filter(|source| source.is_rust()) {
        check_uses(source, findings);
    }
    for manifest in sources.iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        check_profiles(manifest, findings);
        let known = LAYERS.iter().any(|layer| {
            manifest.path == format!("{}/Cargo.toml", layer.folder) || manifest.path == "Cargo.toml"
        });
        // Fuzz targets are a workspace of their own, by cargo-fuzz's custom.
        if !known && !manifest.path.contains("fuzz/") {
            findings
                .errors
                .push(format!("{}: a crate that no layer of xtask/src/tidy/layers.rs names", manifest.path));
        }
    }
}

fn check_manifest(layer: &Layer, manifest: &Source, findings: &mut Findings) {
    let Ok(parsed) = toml::from_str::<toml::Table>(&manifest.text) else {
        findings.errors.push(format!("{}: not a manifest", manifest.path));
        return;
    };
    for dependency in names(&parsed, "dependencies") {
        if dependency == "duologue-testkit" {
            findings.errors.push(format!("{}: duologue-testkit is for dev-dependencies only", manifest.path));
        } else if dependency.starts_with("duologue") && !layer.may_use.contains(&dependency.as_str()) {
            findings
                .errors
                .push(format!("{}: {} may not depend on {dependency}", manifest.path, layer.folder));
        } else if layer.never.contains(&dependency.as_str()) {
            findings
                .errors
                .push(format!("{}: {dependency} has no business in {}", manifest.path, layer.folder));
        }
    }
    let lints = parsed.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if lints != Some(true) {
        findings.errors.push(format!("{}: `[lints] workspace = true` is missing", manifest.path));
    }
}

fn names(manifest: &toml::Table, table: &str) -> Vec<String> {
    let table = manifest.get(table).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// Supervision stands on unwinding.
fn check_profiles(manifest: &Source, findings: &mut Findings) {
    let parsed = toml::from_str::<toml::Table>(&manifest.text).unwrap_or_default();
    let profiles = parsed.get("profile").and_then(toml::Value::as_table);
    for (name, profile) in profiles.into_iter().flatten() {
        if profile.get("panic").and_then(toml::Value::as_str) == Some("abort") {
            findings.errors.push(format!(
                "{}: profile {name} aborts on panic, which switches supervision off",
                manifest.path
            ));
        }
    }
}

fn check_uses(source: &Source, findings: &mut Findings) {
    let folder = match source.path.split('/').next() {
        _ if source.path.starts_with("engines/llama/") => "engines/llama",
        Some(first @ ("domain" | "music" | "engines" | "actors" | "rtc" | "testkit" | "xtask")) => first,
        _ => ".",
    };
    let Some(layer) = LAYERS.iter().find(|layer| layer.folder == folder) else { return };
    let code = mask::code(&source.text);
    for (number, line) in code.lines().enumerate() {
        let place = format!("{}:{}", source.path, number + 1);
        for krate in
            ["duologue_domain", "duologue_engines", "duologue_actors", "duologue_music", "duologue_rtc"]
        {
            let allowed = layer.may_use.contains(&krate.replace('_', "-").as_str());
            // Tests of a layer may use what its dev-dependencies bring.
            if line.contains(&format!("{krate}::")) && !allowed && !source.is_test() {
                findings.errors.push(format!("{place}: {folder} may not use {krate}"));
            }
        }
        let adapter = ADAPTERS.iter().find(|name| line.contains(&format!("duologue_engines::{name}::")));
        if let Some(adapter) = adapter.filter(|_| folder == "actors" && !source.is_test()) {
            findings.errors.push(format!("{place}: actors speak to ports, not to the adapters of {adapter}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LAYERS, check_manifest, check_profiles, check_uses};
    use crate::tidy::{Findings, Source};

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    fn manifest(folder: &str, text: &str) -> Vec<String> {
        let layer = LAYERS.iter().find(|layer| layer.folder == folder).expect("a layer");
        let mut findings = Findings::default();
        check_manifest(layer, &source("x/Cargo.toml", text), &mut findings);
        findings.errors
    }

    fn uses(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check_uses(&source(path, text), &mut findings);
        findings.errors
    }

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn dependencies_point_down_only() {
        let fine = format!("[dependencies]\nduologue-domain.workspace = true\ntokio = \"1\"\n{LINTS}");
        assert!(manifest("engines", &fine).is_empty());
        let up = format!("[dependencies]\nduologue-actors.workspace = true\n{LINTS}");
        assert!(manifest("engines", &up)[0].contains("may not depend on duologue-actors"));
        assert!(manifest("domain", &fine).len() == 2, "neither domain itself nor tokio");
        let kit = format!("[dependencies]\nduologue-testkit.workspace = true\n{LINTS}");
        assert!(manifest(".", &kit)[0].contains("dev-dependencies"));
        assert!(manifest(".", "[dependencies]\n")[0].contains("lints"));
    }

    #[test]
    fn uses_point_down_only() {
        assert!(uses("actors/src/a.rs", "use duologue_engines::port::SttEngine;").is_empty());
        assert!(
            uses("actors/src/a.rs", "use duologue_engines::stt::whisper::WhisperStt;")[0].contains("ports")
        );
        assert!(uses("engines/src/a.rs", "fn f() {\n    duologue_actors::x();\n}")[0].contains("a.rs:2"));
        assert!(uses("engines/src/a.rs", "// duologue_actors::x is told what happened").is_empty());
        assert!(uses("xtask/src/a.rs", "use duologue_domain::x;").len() == 1);
    }

    #[test]
    fn aborting_is_noticed() {
        let mut findings = Findings::default();
        check_profiles(&source("Cargo.toml", "[profile.release]\npanic = \"abort\"\n"), &mut findings);
        assert_eq!(findings.errors.len(), 1);
    }
}
