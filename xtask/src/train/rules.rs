//! The rule engine over the same chords: `duologue midi improvise` on the held-out pieces, its lead read again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::corpus::{LENGTHS, Piece, Step, interval, place_of};
use crate::{places::Places, step};

/// Seconds that the engine plays over a piece.
const SECONDS: &str = "40";
/// The style nearest to chorales and fiddle tunes.
const STYLE: &str = "classical";
/// Ticks of a quarter note in what the program writes.
const TICKS: f64 = 480.0;

/// The program: the one that was built last for running, for testing, or built now.
pub(super) fn program(places: &Places) -> anyhow::Result<PathBuf> {
    let built = ["release", "debug"]
        .map(|profile| places.target().map(|target| target.join(profile).join("duologue")));
    for path in built {
        let path = path?;
        if path.is_file() {
            return Ok(path);
        }
    }
    let mut build = step::cargo();
    step::run(build.current_dir(&places.root).args(["build", "--quiet", "--package", "duologue"]))?;
    Ok(places.target()?.join("debug/duologue"))
}

/// What the engine plays over a piece of the corpus, as steps over the piece's own chords.
pub(super) fn lead(program: &Path, corpus: &Path, piece: &Piece) -> anyhow::Result<Vec<Step>> {
    let out = corpus.join("rules.mid");
    let mut improvise = Command::new(program);
    improvise.args(["midi", "improvise", "--style", STYLE, "--seconds", SECONDS]);
    improvise.arg("--out").arg(&out).arg(corpus.join("midi").join(format!("{}.mid", piece.id)));
    let output = improvise.output().context("cannot run duologue")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let notes = lead_notes(&fs::read(&out)?).context("the file that was made cannot be read")?;
    let _ = fs::remove_file(&out);
    let bar = piece.steps[0].bar;
    let steps = notes.iter().enumerate().filter_map(|(idx, (onset, pitch))| {
        let next = notes.get(idx + 1)?;
        // The engine begins with the first full bar.
        let at = onset + piece.upbeat;
        let near = piece.steps.iter().rev().find(|step| step.onset <= at + 1e-6).or(piece.steps.first())?;
        let (root, kind) = piece.chord(at);
        let degree = (near.degree as i32 + pitch - near.pitch).rem_euclid(12) as usize;
        let length = super::corpus::length(next.0 - onset).min(LENGTHS.len() - 1);
        let (interval, place) = (interval(next.1 - pitch), place_of(*onset, bar));
        Some(Step { pitch: *pitch, onset: at, length, interval, place, degree, root, kind, ..*near })
    });
    Ok(steps.collect())
}

/// Onsets in quarter notes and keys of the track that is called `lead`, of which only the highest of a moment count.
fn lead_notes(bytes: &[u8]) -> Option<Vec<(f64, i32)>> {
    let mut at = 14;
    while at + 8 <= bytes.len() {
        let length = u32::from_be_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let chunk = bytes.get(at + 8..at + 8 + length)?;
        // The name is the first event: its time, FF 03, its length.
        if chunk.get(1..4) == Some(&[0xff, 3, 4]) && chunk.get(4..8) == Some(b"lead") {
            return notes(chunk);
        }
        at += 8 + length;
    }
    None
}

fn notes(chunk: &[u8]) -> Option<Vec<(f64, i32)>> {
    let (mut at, mut tick, mut status) = (0, 0_u64, 0);
    let mut found: Vec<(f64, i32)> = Vec::new();
    while at < chunk.len() {
        tick += number(chunk, &mut at)?;
        if *chunk.get(at)? >= 0x80 {
            status = chunk[at];
            at += 1;
        }
        match status {
            0xff => {
                at += 1;
                at += number(chunk, &mut at)? as usize;
            }
            0xc0..=0xdf => at += 1,
            0x80..=0xef => {
                let (key, velocity) = (i32::from(*chunk.get(at)?), *chunk.get(at + 1)?);
                at += 2;
                if status & 0xf0 == 0x90 && velocity > 0 {
                    let onset = tick as f64 / TICKS;
                    match found.last_mut() {
                        Some(last) if onset - last.0 < 0.03 => last.1 = last.1.max(key),
                        _ => found.push((onset, key)),
                    }
                }
            }
            _ => return None,
        }
    }
    Some(found)
}

/// A variable-length number.
fn number(chunk: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    loop {
        let byte = *chunk.get(*at)?;
        *at += 1;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lead_notes;

    #[test]
    fn the_lead_is_found_and_read() {
        let track = |name: &[u8; 4], events: &[u8]| {
            let body = [&[0, 0xff, 3, 4], name.as_slice(), events, &[0, 0xff, 0x2f, 0]].concat();
            [b"MTrk".as_slice(), &(body.len() as u32).to_be_bytes(), &body].concat()
        };
        let header = b"MThd\0\0\0\x06\0\x01\0\x02\x01\xe0";
        // Running status, a chord of which the upper note counts, an end as a beginning of no strength.
        let lead = [0x83, 0x60, 0x91, 60, 80, 0, 67, 80, 0x83, 0x60, 60, 0, 0, 72, 70];
        let file = [header.as_slice(), &track(b"bass", &[0, 0x92, 40, 80]), &track(b"lead", &lead)].concat();
        assert_eq!(lead_notes(&file), Some(vec![(1.0, 67), (2.0, 72)]));
        assert_eq!(lead_notes(b"MThd"), None);
    }
}
