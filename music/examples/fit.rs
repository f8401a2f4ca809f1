//! Finds the weights of chord recognition on annotated pieces, and prints `src/harmony/weights.rs`.
//!
//! ```text
//! python3 music/tools/compose.py target/pieces
//! cargo run --release -p duologue-music --example fit -- target/pieces > weights.rs
//! ```
//! The folder is as for `cargo xtask bench theory`. The same pieces give the same weights.

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

/// Few passes and a strong pull to 0: chosen on pieces that are not learned from (`docs/music.md`).
const COURSE: Course = Course { epochs: 6, rate: 0.01, decay: 0.04, pull: 0.15 };

#[expect(clippy::print_stdout, reason = "the answer of a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: fit FOLDER")?;
    let pieces = pieces(Path::new(&folder))?;
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

type Piece = (Lattice, Vec<Keys>, Vec<Label>);

/// Every piece with chords. Those of one kind may stand together in the folder: here they are spread.
fn pieces(folder: &Path) -> Result<Vec<Piece>, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(folder.join("truth.jsonl"))?;
    let mut pieces = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        let labels = labels(&row["chords"]).ok_or("a row with a broken chord")?;
        let bytes = fs::read(folder.join(row["file"].as_str().ok_or("a row without a file")?))?;
        let score = smf::read(&bytes, &smf::Limits::default())?;
        let lattice = Lattice::new(&score, &Grid::new(&score));
        let keys = likely_keys(&lattice);
        pieces.push((lattice, keys, labels));
    }
    // Any order would do that is the same every time: multiples of a prime that does not divide the count.
    let count = pieces.len();
    let step = [7919, 7907].into_iter().find(|prime| !count.is_multiple_of(*prime)).unwrap_or(1);
    let mut places: Vec<(usize, Piece)> =
        pieces.into_iter().enumerate().map(|(idx, piece)| (idx * step % count, piece)).collect();
    places.sort_by_key(|(place, _)| *place);
    Ok(places.into_iter().map(|(_, piece)| piece).collect())
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
