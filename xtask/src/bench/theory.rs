//! `cargo xtask bench theory FOLDER`: keys and chords against scores that people have analysed.
//!
//! The folder holds `truth.jsonl`, one piece a line: `id`, `file` (a MIDI file, from the folder), `set`, `key`
//! (`tonic`, `mode`, or null) and `chords` (`start` and `end` in quarter notes, `root_pc`, `quality`, `aug6`, or null). Keys are
//! scored as mir_eval weighs them, chords by the share of annotated time; figures are means over pieces.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

/// Flags of `bench theory`.
#[derive(Args)]
pub(crate) struct TheoryArgs {
    /// Where truth.jsonl and the MIDI files are
    folder: PathBuf,
    /// The program; that of the build in use when not given
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the analyses go
    #[arg(long, default_value = "target/bench-theory")]
    out: PathBuf,
    /// Print each piece
    #[arg(long)]
    pieces: bool,
    /// Use the development build
    #[arg(long)]
    dev: bool,
}

#[derive(Deserialize)]
struct Truth {
    id: String,
    file: PathBuf,
    #[serde(default)]
    set: String,
    key: Option<Key>,
    chords: Option<Vec<TrueChord>>,
}

#[derive(Deserialize)]
struct Key {
    tonic: String,
    mode: String,
}

#[derive(Deserialize)]
struct TrueChord {
    start: f64,
    end: f64,
    root_pc: u8,
    quality: String,
    #[serde(default)]
    aug6: bool,
}

#[derive(Default, Deserialize)]
struct Guess {
    key: Option<Key>,
    #[serde(default)]
    chords: Vec<Chord>,
}

#[derive(Deserialize)]
struct Chord {
    start: f64,
    end: f64,
    root: String,
    quality: String,
}

/// Sums and counts of key, root, major/minor and full quality.
#[derive(Clone, Copy, Default)]
struct Tally([(f64, usize); 4]);

const NAMES: [&str; 4] = ["key", "root", "maj-min", "full"];

/// Analyses every piece and prints the table.
pub(crate) fn run(args: &TheoryArgs) -> anyhow::Result<()> {
    let truth = args.folder.join("truth.jsonl");
    let text = fs::read_to_string(&truth).with_context(|| format!("cannot read {}", truth.display()))?;
    let pieces: Vec<Truth> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("truth.jsonl")?;
    let seconds = analyze(args, &pieces)?;
    let mut sets: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut all = Tally::default();
    for piece in &pieces {
        let name = piece.file.file_stem().unwrap_or_default();
        let guess = read_guess(&args.out.join(name).with_extension("json"));
        let figures = judge(piece, &guess);
        if args.pieces {
            println_row(&piece.id, &Tally::of(figures));
        }
        sets.entry(&piece.set).or_default().add(figures);
        all.add(figures);
    }
    for (set, tally) in &sets {
        println_row(set, tally);
    }
    println_row("all", &all);
    say(&format!(
        "{} files in {seconds:.2} s with the start of the program: {:.1} ms a file",
        pieces.len(),
        1000.0 * seconds / pieces.len().max(1) as f64
    ));
    Ok(())
}

fn analyze(args: &TheoryArgs, pieces: &[Truth]) -> anyhow::Result<f64> {
    let built = if args.dev { "target/debug/duologue" } else { "target/release/duologue" };
    let program = args.program.clone().unwrap_or_else(|| built.into());
    if args.out.is_dir() {
        // An old analysis must not stand in for one that failed.
        fs::remove_dir_all(&args.out)?;
    }
    let mut command = Command::new(&program);
    command.args(["midi", "analyze", "--out"]).arg(&args.out);
    command.args(pieces.iter().map(|piece| args.folder.join(&piece.file)));
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    if !status.success() {
        bail!("`duologue midi analyze` failed: {status}");
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// A missing analysis is a wrong one.
fn read_guess(path: &Path) -> Guess {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

impl Tally {
    fn of(figures: [Option<f64>; 4]) -> Self {
        let mut tally = Self::default();
        tally.add(figures);
        tally
    }

    fn add(&mut self, figures: [Option<f64>; 4]) {
        for ((sum, count), figure) in self.0.iter_mut().zip(figures) {
            if let Some(figure) = figure {
                (*sum, *count) = (*sum + figure, *count + 1);
            }
        }
    }
}

fn println_row(name: &str, tally: &Tally) {
    let mut row = format!("{name:<44}");
    for ((sum, count), what) in tally.0.iter().zip(NAMES) {
        if *count > 0 {
            row.push_str(&format!("  {what} {:.3} ({count})", sum / *count as f64));
        }
    }
    say(&row);
}

#[expect(clippy::print_stdout, reason = "a benchmark answers on the terminal")]
fn say(text: &str) {
    println!("{text}");
}

fn judge(piece: &Truth, guess: &Guess) -> [Option<f64>; 4] {
    let key = piece.key.as_ref().map(|truth| guess.key.as_ref().map_or(0.0, |guess| key_score(truth, guess)));
    let [root, thirds, full] = chord_scores(piece.chords.as_deref().unwrap_or_default(), &guess.chords);
    [key, root, thirds, full]
}

/// mir_eval's weights: 1 exact, 0.5 a fifth too high, 0.3 relative, 0.2 parallel.
fn key_score(truth: &Key, guess: &Key) -> f64 {
    let (Some(tonic), Some(guessed)) = (pitch_class(&truth.tonic), pitch_class(&guess.tonic)) else {
        return 0.0;
    };
    let (up, same) = ((guessed + 12 - tonic) % 12, truth.mode == guess.mode);
    let relative = if truth.mode == "major" { 9 } else { 3 };
    match (up, same) {
        (0, true) => 1.0,
        (7, true) => 0.5,
        (up, false) if up == relative => 0.3,
        (0, false) => 0.2,
        _ => 0.0,
    }
}

/// Shares of annotated time with the right root, the right major or minor on it, and the right quality.
fn chord_scores(truth: &[TrueChord], guesses: &[Chord]) -> [Option<f64>; 3] {
    let mut sums = [(0.0, 0.0); 3];
    for chord in truth {
        let thirds = thirds(&chord.quality);
        let is_full = !matches!(chord.quality.as_str(), "sus" | "other");
        let counts = [!chord.aug6, thirds.is_some(), is_full];
        for (sum, _) in sums.iter_mut().zip(counts).filter(|(_, counts)| *counts) {
            sum.1 += chord.end - chord.start;
        }
        for guess in guesses.iter().filter(|guess| pitch_class(&guess.root) == Some(chord.root_pc)) {
            let overlap = (guess.end.min(chord.end) - guess.start.max(chord.start)).max(0.0);
            let hits = [true, self::thirds(&guess.quality) == thirds, guess.quality == chord.quality];
            for (idx, sum) in sums.iter_mut().enumerate() {
                sum.0 += if counts[idx] && hits[idx] { overlap } else { 0.0 };
            }
        }
    }
    sums.map(|(hit, all)| (all > 0.0).then(|| hit / all))
}

/// Which third a quality has, of those that are compared by thirds.
fn thirds(quality: &str) -> Option<bool> {
    match quality {
        "maj" | "7" | "maj7" => Some(true),
        "min" | "min7" => Some(false),
        _ => None,
    }
}

fn pitch_class(name: &str) -> Option<u8> {
    let mut letters = name.chars();
    let natural = "C D EF G A B".find(letters.next()?)?;
    let moved: i32 = letters.map(|letter| if letter == '#' { 1 } else { -1 }).sum();
    u8::try_from((i32::try_from(natural).ok()? + moved).rem_euclid(12)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Chord, Key, TrueChord, chord_scores, key_score, pitch_class};

    fn key(tonic: &str, mode: &str) -> Key {
        Key { tonic: tonic.into(), mode: mode.into() }
    }

    #[test]
    fn keys_are_weighed_as_mir_eval_does() {
        let truth = key("C", "major");
        let cases = [
            ("C", "major", 1.0),
            ("G", "major", 0.5),
            ("F", "major", 0.0),
            ("A", "minor", 0.3),
            ("C", "minor", 0.2),
        ];
        for (tonic, mode, score) in cases {
            assert!((key_score(&truth, &key(tonic, mode)) - score).abs() < 1e-9, "{tonic} {mode}");
        }
        assert!((key_score(&key("A", "minor"), &key("C", "major")) - 0.3).abs() < 1e-9);
        assert_eq!((pitch_class("Cb"), pitch_class("B#"), pitch_class("F##")), (Some(11), Some(0), Some(7)));
    }

    #[test]
    fn chords_are_shares_of_time() {
        let truth = [
            TrueChord { start: 0.0, end: 2.0, root_pc: 0, quality: "7".into(), aug6: false },
            TrueChord { start: 2.0, end: 4.0, root_pc: 7, quality: "dim".into(), aug6: false },
        ];
        let guess = [
            Chord { start: 0.0, end: 3.0, root: "C".into(), quality: "maj".into() },
            Chord { start: 3.0, end: 4.0, root: "G".into(), quality: "dim".into() },
        ];
        let scores = chord_scores(&truth, &guess).map(|score| score.unwrap_or(-1.0));
        assert_eq!(scores, [0.75, 1.0, 0.25]);
    }
}
