//! Finds the weights of chord recognition on annotated scores, and prints `src/harmony/weights.rs`.
//!
//! `cargo run --release -p duologue-music --example fit -- FOLDER [even|odd|all] > weights.rs`
//! The folder is as for `cargo xtask bench theory`. With `even` or `odd`, only every other piece is learned from, so
//! that the others can check.

use std::{fs, path::Path};

use duologue_music::{
    analysis::likely_keys,
    chord::{Chord, Quality},
    harmony::{
        Lattice,
        decode::{Keys, Problem},
        learn::{Course, Example, Label, learn, naive},
    },
    metre::Grid,
    smf,
};
use serde_json::Value;

/// Small steps and a small margin: with larger ones the weights run away from what they begin with.
const COURSE: Course = Course { epochs: 20, rate: 0.01, decay: 0.003, margin: 0.5 };

#[expect(clippy::print_stdout, reason = "the answer of a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let folder = Path::new(words.get(1).ok_or("usage: fit FOLDER [even|odd|all]")?);
    let half = words.get(2).map_or("all", String::as_str);
    let mut pieces: Vec<(Lattice, Vec<Keys>, Vec<Label>)> = Vec::new();
    let text = fs::read_to_string(folder.join("truth.jsonl"))?;
    let rows = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let with_chords =
        rows.iter().filter(|row| row["chords"].as_array().is_some_and(|chords| !chords.is_empty()));
    for (idx, row) in with_chords.enumerate() {
        if (half == "even" && idx % 2 == 1) || (half == "odd" && idx % 2 == 0) {
            continue;
        }
        let bytes = fs::read(folder.join(row["file"].as_str().ok_or("a row without a file")?))?;
        let score = smf::read(&bytes, &smf::Limits::default())?;
        let lattice = Lattice::new(&score, &Grid::new(&score));
        let keys = likely_keys(&lattice);
        pieces.push((lattice, keys, labels(&row["chords"]).ok_or("a row with a broken chord")?));
    }
    let examples: Vec<Example<'_>> = pieces
        .iter()
        .map(|(lattice, keys, labels)| Example::new(Problem { lattice, keys }, labels))
        .collect();
    let weights = learn(&examples, &naive(), COURSE);
    println!("//! How much each feature matters, as `learn` found it (`examples/fit.rs`).\n");
    println!("use super::features::COUNT;\n");
    println!("/// One weight a feature, in the order of `features`.\n#[rustfmt::skip]");
    println!("pub const WEIGHTS: [f32; COUNT] = [");
    for row in weights.chunks(16) {
        let cells: Vec<String> = row.iter().map(|weight| format!("{weight:.3}")).collect();
        println!("    {},", cells.join(", "));
    }
    println!("];");
    Ok(())
}

fn labels(chords: &Value) -> Option<Vec<Label>> {
    let label = |chord: &Value| {
        let root = u8::try_from(chord["root_pc"].as_u64()?).ok()?;
        let quality = Quality::parse(chord["quality"].as_str()?)?;
        Some(Label {
            start: chord["start"].as_f64()?,
            end: chord["end"].as_f64()?,
            chord: Chord::new(root, quality),
        })
    };
    chords.as_array()?.iter().map(label).collect()
}
