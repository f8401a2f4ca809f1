//! `duologue midi improvise` and `duologue midi render`.

use std::{
    fs,
    io::{BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use duologue_music::{
    analysis::analyze,
    improv::{Complexity, Kind, Style},
    smf,
};

use super::read;
use crate::midi::{
    compose::{SECONDS, Wish, compose, parse_style},
    sound::{self, Rendering},
};

/// Flags of `midi improvise`.
#[derive(Clone, Debug, Args)]
pub(super) struct ImproviseArgs {
    /// The MIDI file that it is made from; without one, an improvisation over the style's own harmony
    file: Option<PathBuf>,
    /// improvisation, accompaniment, variation or continuation
    #[arg(long, default_value = "improvisation", value_parser = kind)]
    mode: Kind,
    /// jazz_swing, bossa, blues, pop_ballad, classical, ragtime, korean_ballad, or a word such as jazz; the file's own by default
    #[arg(long, value_parser = style)]
    style: Option<Style>,
    /// simple, medium or complex
    #[arg(long, default_value = "medium", value_parser = complexity)]
    complexity: Complexity,
    /// How long, 4 to 600
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    seconds: f64,
    /// The same seed makes the same music
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write it; by default here, named after the file and the mode
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Flags of `midi render`.
#[derive(Clone, Debug, Args)]
pub(super) struct RenderArgs {
    /// A MIDI file
    file: PathBuf,
    /// Where to write the WAV file (stereo, 16 bits, 44.1 kHz); by default here, named after the file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Another soundfont (.sf2) than the configured one
    #[arg(long, value_name = "FILE")]
    soundfont: Option<PathBuf>,
}

fn kind(word: &str) -> Result<Kind, String> {
    let codes = Kind::ALL.map(Kind::code).join(", ");
    Kind::parse(word).ok_or_else(|| format!("one of {codes}"))
}

fn style(words: &str) -> Result<Style, String> {
    let codes = Style::ALL.map(Style::code).join(", ");
    parse_style(words).ok_or_else(|| format!("one of {codes}"))
}

fn complexity(word: &str) -> Result<Complexity, String> {
    Complexity::parse(word).ok_or_else(|| "one of simple, medium, complex".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    let fits = (SECONDS.0..=SECONDS.1).contains(&seconds);
    if fits { Ok(seconds) } else { Err(format!("{} to {} seconds", SECONDS.0, SECONDS.1)) }
}

/// Makes new music and writes it.
pub(super) fn improvise(args: &ImproviseArgs) -> anyhow::Result<()> {
    let source = args.file.as_deref().map(read).transpose()?;
    if source.is_none() && args.mode != Kind::Improvisation {
        bail!("a {} needs the MIDI file that it is made from", args.mode.code());
    }
    let score = source.as_ref().map(|(_, score)| score);
    if let (Some(score), Some(file)) = (score, &args.file) {
        ensure!(score.pitched().next().is_some(), "{}: there is no note that has a pitch", file.display());
    }
    let wish = Wish {
        kind: args.mode,
        style: args.style,
        complexity: args.complexity,
        seconds: args.seconds,
        seed: args.seed,
    };
    let made = compose(score.map(|score| (score, analyze(score).style.class)), &wish);
    let out = args.out.clone().unwrap_or_else(|| {
        let name = args.file.as_deref().map(|file| format!("{}-", stem(file))).unwrap_or_default();
        PathBuf::from(format!("{name}{}.mid", args.mode.code()))
    });
    fs::write(&out, smf::write(&made)).with_context(|| format!("cannot write {}", out.display()))?;
    eprintln!(
        "{}: {} notes, {:.1} s, {} tracks",
        out.display(),
        made.notes.len(),
        made.seconds(made.length),
        made.tracks.iter().filter(|track| track.notes > 0).count()
    );
    Ok(())
}

/// Renders a file and writes it, with progress where somebody looks.
pub(super) fn render(args: &RenderArgs, configured: &Path) -> anyhow::Result<()> {
    let (bytes, _) = read(&args.file)?;
    let font = sound::open(args.soundfont.as_deref().unwrap_or(configured))?;
    let rendering = sound::begin(&font, &bytes).with_context(|| args.file.display().to_string())?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.wav", stem(&args.file))));
    let context = || format!("cannot write {}", out.display());
    let mut file = BufWriter::new(fs::File::create(&out).with_context(context)?);
    file.write_all(&rendering.wav_header()).with_context(context)?;
    pour(rendering, &mut file).and_then(|()| file.flush()).with_context(context)
}

/// A file's name without its folder and its ending.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn pour(mut rendering: Rendering, file: &mut impl Write) -> std::io::Result<()> {
    let watched = std::io::stderr().is_terminal();
    while let Some(piece) = rendering.next() {
        file.write_all(&piece)?;
        if watched {
            eprint!("\r{:3.0} %", rendering.progress() * 100.0);
        }
    }
    if watched {
        eprintln!();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use duologue_music::{
        improv::{Complexity, Kind},
        score::{Note, Score},
        smf,
    };

    use super::{ImproviseArgs, RenderArgs, improvise, render, seconds, style};

    #[test]
    fn words_on_the_command_line_are_checked() {
        assert!(style("재즈").is_ok() && style("polka").is_err());
        assert!(seconds("30").is_ok() && seconds("3").is_err() && seconds("NaN").is_err());
    }

    #[test]
    fn a_file_is_rendered_and_what_cannot_be_is_said() {
        let folder = std::env::temp_dir().join(format!("duologue-make-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let note =
            Note { onset: 0.0, duration: 1.0, pitch: 60, velocity: 90, channel: 0, program: 0, track: 0 };
        std::fs::write(folder.join("a.mid"), smf::write(&Score::from_notes(vec![note]))).expect("a file");
        std::fs::write(folder.join("font.sf2"), duologue_testkit::soundfont()).expect("a file");
        let args =
            RenderArgs { file: folder.join("a.mid"), out: Some(folder.join("a.wav")), soundfont: None };
        render(&args, &folder.join("font.sf2")).expect("rendered");
        let reader = hound::WavReader::open(folder.join("a.wav")).expect("a WAV file");
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 44_100));
        let missing = render(&args, &folder.join("none.sf2")).expect_err("no soundfont").to_string();
        assert!(missing.contains("models pull gm-soundfont"), "{missing}");
        let wish = ImproviseArgs {
            file: None,
            mode: Kind::Variation,
            style: None,
            complexity: Complexity::Medium,
            seconds: 8.0,
            seed: 1,
            out: Some(folder.join("b.mid")),
        };
        assert!(improvise(&wish).expect_err("of nothing").to_string().contains("needs the MIDI file"));
        std::fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
