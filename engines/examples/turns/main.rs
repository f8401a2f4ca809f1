//! When is somebody's turn over? Voice activity alone, smart-turn alone and our combination, in one run on
//! the same sound: how long each waits at the ends of turns, and how often it cuts into a pause inside one.
//!
//! `cargo xtask bench turns` prepares the Korean clips and starts this; by itself:
//! `cargo run -p duologue-engines --example turns -- --korean FOLDER` (`NN-M.wav`: phrase M of sentence NN).
//!
//! The audio is the only clock: models take the fixed times of [`play`], so that a busy machine gives the
//! same figures as an idle one. `--cache FILE` keeps what the models said, `--explain` prints every pause.

mod models;
mod play;
mod sound;
mod table;

use std::path::PathBuf;

use duologue_domain::lang::Language;

use self::models::{Models, Paths};

#[derive(Debug, Default)]
struct Options {
    korean: Option<PathBuf>,
    cache: Option<PathBuf>,
    explain: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = options();
    let mut models = Models::open(Paths::of_this_user(), options.cache.clone());
    let english = sound::english();
    let mut sets = vec![
        ("English, human, the clips' own pauses", Language::English, vec![sound::session(&english, None)]),
        (
            "English, human: four sessions with silences of 200–1500 ms put into word gaps, one as spoken",
            Language::English,
            [None, Some(1), Some(2), Some(3), Some(4)].map(|seed| sound::session(&english, seed)).into(),
        ),
    ];
    if let Some(folder) = &options.korean {
        let korean = sound::korean(folder);
        sets.push((
            "Korean, synthetic: three sessions with silences of 200–1500 ms between phrases, one without",
            Language::Korean,
            [None, Some(1), Some(2), Some(3)].map(|seed| sound::session(&korean, seed)).into(),
        ));
    }
    for (title, language, sessions) in &sets {
        let heard = models.listen(sessions, *language).await;
        if options.explain {
            table::explain(&mut models, &heard).await;
            models.save();
        }
        table::compare(title, &mut models, &heard).await;
        models.save();
    }
}

fn options() -> Options {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || PathBuf::from(words.next().unwrap_or_else(|| panic!("{word} takes a value")));
        match word.as_str() {
            "--korean" => options.korean = Some(value()),
            "--cache" => options.cache = Some(value()),
            "--explain" => options.explain = true,
            _ => panic!("{word} is not known: --korean, --cache, --explain"),
        }
    }
    options
}
