//! `cargo xtask setup`: everything between a fresh clone and a running server, each part skipped when it is there.
//!
//! It says what it will fetch before it fetches; a second run takes about a second. What it brings: system packages
//! (`system`), a Python environment and pictures of faces for tests (`python`, `media`), npm packages (`npm`), the build, and models (`models`).

mod media;
mod models;
mod npm;
mod python;
mod system;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::{places::Places, step};

/// `cargo xtask setup …`
#[derive(Clone, Debug, Args)]
pub(crate) struct SetupArgs {
    /// Which models
    #[arg(long, value_enum, default_value = "default")]
    set: Set,
    /// Prepare for tests instead of for running
    #[arg(long)]
    for_tests: bool,
    /// Leave out the build and the models
    #[arg(long)]
    parts_only: bool,
}

/// A selection of models, by the name that the manifest uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// The whole scene.
    Default,
    /// The whole scene with a smaller language model.
    Small,
}

/// Runs every part.
pub(crate) fn run(args: &SetupArgs) -> anyhow::Result<()> {
    let places = Places::find()?;
    let set = match (args.for_tests, args.set) {
        (true, _) => "test",
        (false, Set::Default) => "default",
        (false, Set::Small) => "small",
    };
    models::announce(&places, set)?;
    system::prepare(args.for_tests)?;
    if args.for_tests {
        python::prepare(&places)?;
        media::prepare(&places)?;
    }
    npm::prepare(&places, args.for_tests)?;
    if args.parts_only {
        return Ok(());
    }
    build(&places, args.for_tests)?;
    models::pull(&places, set, args.for_tests)
}

/// The server and its language-model worker. For tests the whole workspace, so that the tests' own build finds
/// every dependency already made with the same features.
fn build(places: &Places, for_tests: bool) -> anyhow::Result<()> {
    let mut command = step::cargo();
    command.arg("build").current_dir(&places.root);
    if for_tests {
        command.arg("--workspace");
    } else {
        command.args(["--release", "--package", "duologue", "--package", "duologue-llm"]);
    }
    eprintln!("setup: building (the first time takes minutes: every dependency is compiled here)");
    let built = step::run(&mut command);
    ensure!(
        built.is_ok(),
        "the build failed, see above. What to do: a missing tool or header is a system package (cmake, g++, \
         libclang-dev); anything else is a defect of this version"
    );
    Ok(())
}
