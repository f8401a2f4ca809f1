//! When is somebody's turn over? Voice activity alone, smart-turn alone and our combination, in one run on
//! the same sound: how long each waits at the ends of turns, and how often it cuts into a pause inside one.
//!
//! `cargo xtask bench turns` prepares the clips and starts this; by itself:
//! `cargo run -p duologue-engines --example turns -- --clips FOLDER`, where the folder holds
//! `development|held-out/ko|en/SOURCE/NN-M.wav` (phrase M of turn NN). What is tuned is tuned on the development
//! half alone.
//!
//! The audio is the only clock: models take the fixed times of [`play`], so that a busy machine gives the
//! same figures as an idle one. `--cache FILE` keeps what the models said, `--explain` prints every pause,
//! `--development` leaves the held-out half alone, `--facts FILE` only writes what is known in each pause, for tuning.

mod facts;
mod models;
mod play;
mod sound;
mod table;

use std::path::PathBuf;

use duologue_domain::lang::Language;

use self::{
    models::{Models, Paths},
    sound::{Pauses, Session, Source},
};

#[derive(Debug, Default)]
struct Options {
    clips: PathBuf,
    cache: Option<PathBuf>,
    facts: Option<PathBuf>,
    explain: bool,
    development: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = options();
    let mut models = Models::open(Paths::of_this_user(), options.cache.clone());
    let mut facts = String::new();
    for half in ["development", "held-out"].iter().take(if options.development { 1 } else { 2 }) {
        for language in [Language::English, Language::Korean] {
            let folder = options.clips.join(half).join(language.code());
            if !folder.is_dir() {
                continue;
            }
            let sources = sound::sources(&folder);
            let sessions: Vec<(&str, Session)> = sources.iter().flat_map(sessions).collect();
            let heard = models.listen(&sessions, language).await;
            if options.explain {
                table::explain(&mut models, &heard).await;
            }
            if options.facts.is_some() {
                facts += &facts::of(&mut models, &heard, half).await;
                models.save();
                continue;
            }
            table::compare(&format!("{language:?}, {half}"), &mut models, &heard).await;
            models.save();
        }
    }
    if let Some(path) = &options.facts {
        std::fs::write(path, facts).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Each clip with pauses of different lengths, people once more as they spoke: synthetic voices do not pause by
/// themselves.
fn sessions(source: &Source) -> Vec<(&str, Session)> {
    let as_spoken = source.is_human().then_some(Pauses::AsSpoken);
    let seeds = if source.is_human() { 1..=3 } else { 1..=2 };
    let pauses = seeds.map(|seed| Pauses::Stretched { seed });
    as_spoken.into_iter().chain(pauses).map(|pauses| (source.name.as_str(), source.session(pauses))).collect()
}

fn options() -> Options {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || PathBuf::from(words.next().unwrap_or_else(|| panic!("{word} takes a value")));
        match word.as_str() {
            "--clips" => options.clips = value(),
            "--cache" => options.cache = Some(value()),
            "--facts" => options.facts = Some(value()),
            "--explain" => options.explain = true,
            "--development" => options.development = true,
            _ => panic!("{word} is not known: --clips, --cache, --facts, --explain, --development"),
        }
    }
    assert!(options.clips.is_dir(), "--clips FOLDER is needed");
    options
}
