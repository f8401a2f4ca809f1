//! `duologue midi …`: what a MIDI file is, as JSON or as a page of text; what can be made of it (`midi/make.rs`).

mod make;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use duologue_music::{
    analysis::{Analysis, analyze},
    gm,
    score::Score,
    smf::{self, Limits},
};

use super::print;
use crate::midi::document;

/// Flags of `midi`.
#[derive(Clone, Debug, Args)]
pub struct MidiArgs {
    #[command(subcommand)]
    command: MidiCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum MidiCommand {
    /// Tell the key, the chords, the metre and the instruments of MIDI files
    Analyze(AnalyzeArgs),
    /// Make new music over a MIDI file's harmony, or alone
    Improvise(make::ImproviseArgs),
    /// Render a MIDI file as WAV
    Render(make::RenderArgs),
}

/// Flags of `midi analyze`.
#[derive(Clone, Debug, Args)]
struct AnalyzeArgs {
    /// MIDI files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write one JSON file for each into this folder instead of printing
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Does it; `soundfont` is the configured one.
pub(super) fn run(args: &MidiArgs, soundfont: &Path) -> anyhow::Result<()> {
    match &args.command {
        MidiCommand::Analyze(args) => analyze_files(args),
        MidiCommand::Improvise(args) => make::improvise(args),
        MidiCommand::Render(args) => make::render(args, soundfont),
    }
}

/// With several files, those that cannot be read are named at the end, after all others were done.
fn analyze_files(args: &AnalyzeArgs) -> anyhow::Result<()> {
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut broken = Vec::new();
    for file in &args.files {
        if let Err(error) = analyze_file(file, args) {
            broken.push(format!("{error:#}"));
        }
    }
    anyhow::ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

fn analyze_file(file: &Path, args: &AnalyzeArgs) -> anyhow::Result<()> {
    let (_, score) = read(file)?;
    let analysis = analyze(&score);
    if let Some(folder) = &args.out {
        // A dot in the name is no ending: bwv10.7.mid becomes bwv10.7.json.
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string(&document(&score, &analysis))?;
        return fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()));
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&document(&score, &analysis))?));
    } else {
        print(&page(file, &score, &analysis));
    }
    Ok(())
}

/// A file's bytes and what they say.
fn read(file: &Path) -> anyhow::Result<(Vec<u8>, Score)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let score = smf::read(&bytes, &Limits::default())
        .map_err(|error| anyhow::anyhow!("{}: {error} ({})", file.display(), error.code()))?;
    Ok((bytes, score))
}

fn page(file: &Path, score: &Score, analysis: &Analysis) -> String {
    let mut text = format!("{}\n", file.display());
    // Writing into a String cannot fail.
    if let Some(found) = analysis.key {
        let _ = writeln!(text, "key          {} {}", found.key.tonic_name(), found.key.mode.code());
    }
    let metre = score.metres[0];
    let _ =
        writeln!(text, "metre        {}/{}, {:.0} quarters a minute", metre.num, metre.den, score.main_bpm());
    let _ = writeln!(
        text,
        "length       {:.1} quarters, {:.0} s, {} notes",
        score.length,
        score.seconds(score.length),
        score.notes.len()
    );
    let _ = writeln!(text, "style        {}", analysis.style.class.code());
    for track in score.tracks.iter().filter(|track| track.notes > 0) {
        let _ = writeln!(
            text,
            "track        {} {} ({} notes)",
            track.name,
            gm::instrument(track.channel, track.program),
            track.notes
        );
    }
    for span in &analysis.chords {
        let symbol = span.chord.symbol(span.key.with_flats());
        let _ = writeln!(text, "{:>8.2}     {symbol:<8} {}", span.start, span.roman);
    }
    for cadence in &analysis.cadences {
        let _ = writeln!(text, "{:>8.2}     {} cadence", cadence.at, cadence.kind.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use duologue_music::{
        analysis::analyze,
        score::{Note, Score},
        smf,
    };

    use super::{AnalyzeArgs, analyze_file, document};

    fn cadence() -> Score {
        let chords: [&[u8]; 4] = [&[50, 65, 69, 74], &[43, 65, 71, 74], &[48, 64, 67, 72], &[48, 64, 67, 72]];
        let notes = chords.iter().zip(0_u8..).flat_map(|(pitches, idx)| {
            pitches.iter().map(move |pitch| Note {
                onset: 2.0 * f64::from(idx),
                duration: 2.0,
                pitch: *pitch,
                velocity: 80,
                channel: 0,
                program: 0,
                track: 0,
            })
        });
        Score::from_notes(notes.collect())
    }

    #[test]
    fn the_document_holds_what_it_promises() {
        let score = cadence();
        let document = document(&score, &analyze(&score));
        assert_eq!((&document["key"]["tonic"], &document["key"]["mode"]), (&"C".into(), &"major".into()));
        let numerals: Vec<_> = document["chords"]
            .as_array()
            .expect("chords")
            .iter()
            .map(|chord| chord["roman"].clone())
            .collect();
        assert_eq!(numerals, ["ii", "V7", "I"]);
        assert_eq!(document["two_five_ones"][0]["key"]["tonic"], "C");
        assert_eq!(document["instruments"][0], "Acoustic Grand Piano");
        for field in ["tracks", "tempo", "time_signatures", "cadences", "swing", "density", "range", "style"]
        {
            assert!(document.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn files_are_written_and_broken_ones_named() {
        let folder = std::env::temp_dir().join(format!("duologue-midi-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (good, bad) = (folder.join("op.9 good.mid"), folder.join("bad.mid"));
        std::fs::write(&good, smf::write(&cadence())).expect("a file");
        std::fs::write(&bad, b"MThd").expect("a file");
        let args = AnalyzeArgs { files: Vec::new(), json: false, out: Some(folder.clone()) };
        analyze_file(&good, &args).expect("a MIDI file");
        let text = std::fs::read_to_string(folder.join("op.9 good.json")).expect("an analysis");
        assert!(text.contains("\"two_five_ones\""));
        let error = analyze_file(&bad, &args).expect_err("no MIDI file").to_string();
        assert!(error.contains("(midi_truncated)"), "{error}");
        std::fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
