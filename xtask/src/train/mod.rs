//! `cargo xtask train-improv`: a small sequence model of melodies over chords, and how it compares with counting.
//!
//! The corpus is what may be used freely (`xtask/tools/melodies.py`: sopranos of Bach's chorales, Ryan's Mammoth Collection,
//! Joplin); keys and chords are those that `duologue midi analyze` finds. One piece in ten is held out. What is learned: from
//! everything so far, how long the note lasts, then the step to the next. What it is measured against: variable-order
//! Markov models that know the same things, without and with learning while they listen, and the rule engine. `docs/benchmarks-log.md` has the figures.

mod corpus;
mod markov;
mod model;
mod play;
mod rules;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use self::{
    corpus::{Piece, Step},
    markov::Markov,
    model::{Network, Recipe},
};
use crate::{places::Places, step};

/// The package that brings the scores, exactly.
const MUSIC21: &str = "music21==10.5.1";

/// `cargo xtask train-improv …`
#[derive(Clone, Debug, Args)]
pub(crate) struct TrainArgs {
    /// Where the corpus is, or is to be made
    #[arg(long, default_value = "target/improv-corpus")]
    corpus: PathBuf,
    /// Where the weights and the figures go
    #[arg(long, default_value = "target/improv")]
    out: PathBuf,
    /// Rounds over the corpus
    #[arg(long, default_value_t = 24)]
    epochs: usize,
    /// Numbers that the model keeps in mind
    #[arg(long, default_value_t = 192)]
    hidden: usize,
    /// The same seed draws the same batches and dice; the first weights are drawn anew each time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure these weights instead of training
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// One that guesses what comes next.
pub(crate) trait Guesser {
    /// Chances of each length of note `at` of a piece, from what came before it.
    fn lengths(&mut self, steps: &[Step], at: usize) -> Vec<f32>;
    /// Chances of each step from note `at` to the next, whose place and chord are known by then.
    fn intervals(&mut self, steps: &[Step], at: usize) -> Vec<f32>;
    /// A piece begins.
    fn begin(&mut self) {}
    /// Note `at` has been heard whole, with the step to the next.
    fn learn(&mut self, _steps: &[Step], _at: usize) {}
}

/// How well somebody guesses.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    notes: usize,
    length_nats: f64,
    interval_nats: f64,
    hits: usize,
}

impl Score {
    fn json(self) -> serde_json::Value {
        let notes = self.notes.max(1) as f64;
        json!({
            "notes": self.notes,
            "perplexity": round(((self.length_nats + self.interval_nats) / notes).exp()),
            "length_perplexity": round((self.length_nats / notes).exp()),
            "interval_perplexity": round((self.interval_nats / notes).exp()),
            "interval_hits": round(self.hits as f64 / notes),
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Trains, measures, writes.
pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    prepare(&args.corpus)?;
    let pieces = corpus::read(&args.corpus)?;
    let (held, learned): (Vec<Piece>, Vec<Piece>) = pieces.into_iter().partition(Piece::is_held_out);
    ensure!(!held.is_empty() && !learned.is_empty(), "{}: too few pieces", args.corpus.display());
    let notes = |pieces: &[Piece]| pieces.iter().map(|piece| piece.steps.len()).sum::<usize>();
    eprintln!(
        "{} pieces to learn from ({} notes), {} held out ({} notes)",
        learned.len(),
        notes(&learned),
        held.len(),
        notes(&held)
    );
    let recipe = Recipe { epochs: args.epochs, hidden: args.hidden, seed: args.seed };
    let started = Instant::now();
    let mut network = match &args.weights {
        Some(weights) => Network::load(weights, args.hidden)?,
        None => model::train(&learned, &held, &recipe)?,
    };
    let seconds = started.elapsed().as_secs_f64();
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let weights = args.out.join("improv.safetensors");
    network.save(&weights)?;
    let mut fixed = Markov::new(&learned, false);
    let mut listening = Markov::new(&learned, true);
    let report = json!({
        "corpus": {"learned": {"pieces": learned.len(), "notes": notes(&learned)}, "held_out": {"pieces": held.len(), "notes": notes(&held)}},
        "training": args.weights.is_none().then(|| json!({"seconds": seconds.round(), "epochs": args.epochs, "hidden": args.hidden})),
        "weights_bytes": fs::metadata(&weights)?.len(),
        "markov": figures(&mut fixed, &held),
        "markov_listening": figures(&mut listening, &held),
        "network": figures(&mut network, &held),
        "both": figures(&mut Both { network: network.clone(), markov: Markov::new(&learned, true) }, &held),
        "playing": {
            "people": play::of_people(&held),
            "markov_listening": play::of_guesser(&mut listening, &held, args.seed),
            "network": play::of_guesser(&mut network, &held, args.seed),
            "rules": by_rules(&args.corpus, &held)?,
        },
        "network_us_per_note": network.micros_per_note(&held[0].steps),
    });
    let text = serde_json::to_string_pretty(&report)?;
    fs::write(args.out.join("improv.json"), &text)?;
    eprintln!("{text}");
    Ok(())
}

/// The means of both: the chances are averaged.
struct Both {
    network: Network,
    markov: Markov,
}

impl Guesser for Both {
    fn lengths(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        mean(self.network.lengths(steps, at), &self.markov.lengths(steps, at))
    }

    fn intervals(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        mean(self.network.intervals(steps, at), &self.markov.intervals(steps, at))
    }

    fn begin(&mut self) {
        self.network.begin();
        self.markov.begin();
    }

    fn learn(&mut self, steps: &[Step], at: usize) {
        self.markov.learn(steps, at);
    }
}

fn mean(mut left: Vec<f32>, right: &[f32]) -> Vec<f32> {
    for (left, right) in left.iter_mut().zip(right) {
        *left = (*left + right) / 2.0;
    }
    left
}

/// The rule engine over the same pieces.
fn by_rules(corpus: &Path, held: &[Piece]) -> anyhow::Result<serde_json::Value> {
    let program = rules::program(&Places::find()?)?;
    let melodies = play::chosen(held).map(|piece| rules::lead(&program, corpus, piece));
    Ok(play::of_melodies(&melodies.collect::<anyhow::Result<Vec<_>>>()?))
}

/// Guesses every note of every piece, in all and by group.
fn figures(guesser: &mut dyn Guesser, pieces: &[Piece]) -> serde_json::Value {
    let mut groups: std::collections::BTreeMap<&str, Score> = std::collections::BTreeMap::new();
    let mut all = Score::default();
    for piece in pieces {
        let found = judge(guesser, piece);
        for score in [&mut all, groups.entry(&piece.group).or_default()] {
            score.notes += found.notes;
            score.length_nats += found.length_nats;
            score.interval_nats += found.interval_nats;
            score.hits += found.hits;
        }
    }
    let groups: serde_json::Map<_, _> =
        groups.into_iter().map(|(name, score)| (name.to_owned(), score.json())).collect();
    json!({"all": all.json(), "groups": groups})
}

fn judge(guesser: &mut dyn Guesser, piece: &Piece) -> Score {
    let mut score = Score::default();
    guesser.begin();
    for at in 0..piece.steps.len() - 1 {
        let step = &piece.steps[at];
        let lengths = guesser.lengths(&piece.steps, at);
        let intervals = guesser.intervals(&piece.steps, at);
        let likeliest = (0..intervals.len()).max_by(|a, b| intervals[*a].total_cmp(&intervals[*b]));
        score.notes += 1;
        score.length_nats -= f64::from(lengths[step.length].max(1e-9)).ln();
        score.interval_nats -= f64::from(intervals[step.interval].max(1e-9)).ln();
        score.hits += usize::from(likeliest == Some(step.interval));
        guesser.learn(&piece.steps, at);
    }
    score
}

/// Makes the corpus, once.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    let places = Places::find()?;
    if !folder.join("melodies.jsonl").exists() {
        let venv = places.home.join("train-venv");
        step::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            .context("What to do: install python3-venv")?;
        let python = venv.join("bin/python");
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", MUSIC21];
        step::run(Command::new(&python).args(install))
            .context("What to do: check the network, then run again")?;
        step::run(Command::new(&python).arg(places.root.join("xtask/tools/melodies.py")).arg(folder))?;
    }
    if !folder.join("analysis").exists() {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder.join("midi"))?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let mut analyze = Command::new(rules::program(&places)?);
        analyze.args(["midi", "analyze"]);
        let folder = fs::canonicalize(folder)?;
        let files = files.iter().filter_map(|file| fs::canonicalize(file).ok());
        step::run(analyze.arg("--out").arg(folder.join("analysis")).args(files))?;
    }
    Ok(())
}
