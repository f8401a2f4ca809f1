//! Where the checkout, the build and the data lie.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::step;

/// The three folders that everything here works in.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Models, native libraries, the Python environment: outside the checkout, shared by all of them.
    pub(crate) home: PathBuf,
}

impl Places {
    /// The same rules as the server's: `DUOLOGUE_HOME`, else a folder in the user's data folder.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own.parent().context("xtask lies in the checkout")?.to_path_buf();
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = || set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
        let home = set("DUOLOGUE_HOME").or_else(|| Some(data()?.join("duologue")));
        let home = home.context("neither DUOLOGUE_HOME nor HOME is set: say where models may lie")?;
        Ok(Self { root, home })
    }

    /// Where cargo puts what it builds, whatever the user has configured.
    pub(crate) fn target(&self) -> anyhow::Result<PathBuf> {
        let mut command = step::cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(&self.root);
        let output = command.output().context("cannot run cargo metadata")?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
        Ok(PathBuf::from(folder))
    }
}
