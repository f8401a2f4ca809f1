//! What may not be written: reads of the environment away from the configuration, addresses of machines.

use super::{Findings, Source, mask};

/// Where the environment may be read. The ONNX Runtime reads a switch of its own there, which is checked before it is
/// loaded.
const READERS: [&str; 5] =
    ["src/config.rs", "src/config/", "xtask/", "build.rs", "engines/src/environment.rs"];

/// Places of package registries. Put together here, so that this file does not hold them either.
const REGISTRIES: [&str; 5] = [
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("static.", "crates.io"),
    concat!("deb.", "debian.org"),
];

/// Roots of paths that exist on one machine only.
const MACHINE_ROOTS: [&str; 3] = ["/home/", "/root/", "/Users/"];

pub(super) fn check(sources: &[Source], findings: &mut Findings) {
    for source in sources {
        if source.is_rust() {
            check_environment(source, findings);
        }
        // The lock file of cargo names its registry by design; this file names what it looks for.
        if source.path != "Cargo.lock" && source.path != "xtask/src/tidy/words.rs" {
            check_addresses(source, findings);
        }
    }
}

fn check_environment(source: &Source, findings: &mut Findings) {
    let reader = READERS.iter().any(|place| source.path.starts_with(place) || source.path.ends_with(place));
    if reader || source.is_test() {
        return;
    }
    let code = mask::code(&source.text);
    let tests = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    for (number, line) in code[..tests].lines().enumerate() {
        if ["env::var(", "env::var_os(", "env::vars("].iter().any(|call| line.contains(call)) {
            let place = format!("{}:{}", source.path, number + 1);
            findings.errors.push(format!("{place}: the environment is read in src/config.rs alone"));
        }
    }
}

fn check_addresses(source: &Source, findings: &mut Findings) {
    for (number, line) in source.text.lines().enumerate() {
        let place = format!("{}:{}", source.path, number + 1);
        if let Some(host) = REGISTRIES.iter().find(|host| line.contains(*host)) {
            findings
                .errors
                .push(format!("{place}: names the registry {host}; packages are named, not addresses"));
        }
        // A test may make up any path.
        if let Some(root) = MACHINE_ROOTS.iter().find(|root| !source.is_test() && begins_a_path(line, root)) {
            findings.errors.push(format!("{place}: a path under {root} exists on one machine only"));
        }
    }
}

/// Whether `root` stands where a path begins, not inside an address or a longer path.
fn begins_a_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| letter.is_whitespace() || "\"'`(=:,<[".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_ROOTS, REGISTRIES, check};
    use crate::tidy::{Findings, Source};

    fn complaints(path: &str, text: &str) -> usize {
        let mut findings = Findings::default();
        check(&[Source { path: path.into(), text: text.into() }], &mut findings);
        findings.errors.len()
    }

    #[test]
    fn the_environment_has_one_reader() {
        let read = "let a = std::env::var(\"A\");";
        assert_eq!(complaints("src/server.rs", read), 1);
        assert_eq!(complaints("src/config.rs", read), 0);
        assert_eq!(complaints("src/config/layers.rs", read), 0);
        assert_eq!(complaints("engines/src/tts/tests.rs", read), 0);
        assert_eq!(complaints("src/server.rs", "// env::var( is read elsewhere"), 0);
    }

    #[test]
    fn machine_paths_and_registries_are_found() {
        assert_eq!(complaints("docs/a.md", &format!("see `{}me/model`", MACHINE_ROOTS[1])), 1);
        assert_eq!(complaints("docs/a.md", "https://example.org/home/page"), 0);
        assert_eq!(complaints("docs/a.md", &format!("from https://{}/x", REGISTRIES[0])), 1);
        assert_eq!(complaints("Cargo.lock", &format!("https://{}/x", REGISTRIES[3])), 0);
    }
}
