//! Is the voice measured rightly? The pitch against signals whose pitch is known, the speed of speech against words and
//! syllables that were counted, and what it costs. Needs no server; the words are heard by the program's own engine.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::Value;

use super::{
    clip::{self, Clip, RATE},
    score::quantile,
    voice::say,
};

/// Flags of `bench voice-analysis`.
#[derive(Args)]
pub(crate) struct VoiceAnalysisArgs {
    /// The program that hears the clips and speaks the Korean ones
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Where recordings lie while they are measured
    #[arg(long, default_value = "target/bench-voice-analysis")]
    folder: std::path::PathBuf,
    /// Korean sentences, at most 12
    #[arg(long, default_value_t = 12)]
    korean: usize,
    /// The pitch alone: needs no models
    #[arg(long)]
    pitch_only: bool,
    /// Use the development build of the analysis
    #[arg(long)]
    dev: bool,
}

/// Frames whose pitch is off by more than a fifth, and how far the others are off in the middle, in semitones.
const MOST_GROSS: f64 = 0.03;
const MOST_FINE: f64 = 0.2;
/// How far a rate may be off, all clips of a language together.
const MOST_RATE: f64 = 0.10;
/// Milliseconds of computing for a second of speech: a fifth of a percent of a core, of the half that face, voice and
/// scores may take together.
const MOST_COST: f64 = 2.0;

/// Runs it; fails when a bar is missed.
pub(crate) fn run(args: &VoiceAnalysisArgs) -> anyhow::Result<()> {
    fs::create_dir_all(&args.folder)?;
    let english = clip::english()?;
    let mut missed = pitch(args, &english)?;
    if !args.pitch_only {
        missed += rates("English, human (words/min)", &english, args, Counted::Words)?;
        let korean = clip::korean(&args.program, args.korean)?;
        missed += rates("Korean, synthetic (syllables/s)", &korean, args, Counted::Syllables)?;
        for clip in &korean {
            fs::remove_file(&clip.path).ok();
        }
    }
    ensure!(missed == 0, "{missed} bars are missed");
    Ok(())
}

/// The pitch and its cost, by `domain/examples/pitch`.
fn pitch(args: &VoiceAnalysisArgs, clips: &[Clip]) -> anyhow::Result<usize> {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet"]);
    if !args.dev {
        command.arg("--release");
    }
    command.args(["--package", "duologue-domain", "--example", "pitch", "--"]);
    for clip in clips {
        let path = args.folder.join(format!("{}.pcm", clip.name));
        fs::write(&path, clip.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>())?;
        command.arg(path);
    }
    let output = command.output().context("cargo cannot be run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).context("the measurement is not JSON")?;
    say(&format!(
        "{:<42} {:>5} {:>7} {:>8} {:>10} {:>8} {:>9}",
        "pitch of", "SNR", "frames", "gross %", "fine (st)", "missed %", "invented %"
    ));
    let mut missed = 0;
    for row in found["rows"].as_array().context("rows")? {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        let (gross, fine) = (number("gross_error"), number("fine_error_semitones"));
        let bad = !(gross <= MOST_GROSS && fine <= MOST_FINE);
        missed += usize::from(bad);
        say(&format!(
            "{:<42} {:>5} {:>7} {:>8.2} {:>10.3} {:>8.1} {:>9.1}{}",
            row["signals"].as_str().unwrap_or_default(),
            row["snr_db"].as_f64().map_or_else(|| "clean".into(), |db| format!("{db} dB")),
            number("voiced_frames"),
            gross * 100.0,
            fine,
            number("missed_voice") * 100.0,
            number("invented_voice") * 100.0,
            mark(bad),
        ));
    }
    let cost = found["cost"]["ms_per_second"].as_f64().context("cost")?;
    let bad = cost > MOST_COST;
    say(&format!("cost: {cost:.3} ms of a core for a second of sound (bar {MOST_COST}){}\n", mark(bad)));
    Ok(missed + usize::from(bad))
}

fn mark(bad: bool) -> &'static str {
    if bad { "  MISSED" } else { "" }
}

/// What a rate counts.
#[derive(Clone, Copy)]
enum Counted {
    Words,
    Syllables,
}

impl Counted {
    /// In what is known to be said.
    fn of(self, words: &str) -> usize {
        match self {
            Self::Words => words.split_whitespace().count(),
            Self::Syllables => words.chars().filter(|character| ('가'..='힣').contains(character)).count(),
        }
    }

    fn language(self) -> &'static str {
        match self {
            Self::Words => "en",
            Self::Syllables => "ko",
        }
    }

    /// Units a second in the unit that is shown.
    fn times(self) -> f64 {
        match self {
            Self::Words => 60.0,
            Self::Syllables => 1.0,
        }
    }
}

/// The rate of every clip as `duologue analyze` says it, beside what was counted over the time that the clip's own
/// energy tells. A bar for all clips together; single short ones may be off by a word that was not understood.
fn rates(title: &str, clips: &[Clip], args: &VoiceAnalysisArgs, counted: Counted) -> anyhow::Result<usize> {
    say(&format!("{title:<34} {:>8} {:>8} {:>7} {:>10}", "counted", "measured", "off %", "time off %"));
    let (mut units, mut seconds, mut heard_units, mut heard_seconds) = (0.0, 0.0, 0.0, 0.0);
    let mut offs = Vec::new();
    for clip in clips {
        let analysis = analyze(&args.program, &clip.path, counted.language())?;
        let speech = &analysis["details"]["speech"];
        let Some(rate) = speech["speaking_rate"].as_f64() else {
            bail!("nothing was heard in {}", clip.name)
        };
        let ms = |name: &str| speech[name].as_f64().unwrap_or(0.0);
        let time = (ms("speech_ms") + ms("pause_ms")) / 1000.0;
        let (truth, spoken) = (counted.of(&clip.words) as f64, spoken_s(&clip.samples));
        let expected = truth / spoken * counted.times();
        offs.push((rate / expected - 1.0).abs());
        say(&format!(
            "{:<34} {expected:>8.2} {rate:>8.2} {:>7.1} {:>10.1}",
            clip.name,
            (rate / expected - 1.0) * 100.0,
            (time / spoken - 1.0) * 100.0
        ));
        units += truth;
        seconds += spoken;
        heard_units += rate / counted.times() * time;
        heard_seconds += time;
    }
    let (expected, rate) = (units / seconds * counted.times(), heard_units / heard_seconds * counted.times());
    let off = rate / expected - 1.0;
    let bad = off.abs() > MOST_RATE;
    say(&format!(
        "{:<34} {expected:>8.2} {rate:>8.2} {:>7.1}   median of the clips {:.1} %{}\n",
        "all",
        off * 100.0,
        quantile(&offs, 0.5) * 100.0,
        mark(bad)
    ));
    Ok(usize::from(bad))
}

fn analyze(program: &str, path: &Path, language: &str) -> anyhow::Result<Value> {
    let output = Command::new(program).args(["analyze", "--json", "--language", language]).arg(path).output();
    let output = output.with_context(|| format!("{program} cannot be run: build it with `make setup`"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the analysis is not JSON")
}

/// From the first to the last sound of at least 50 ms that stands 6 dB above the clip's background and not more than
/// 35 dB below its loudest: another way than the one that is measured. Shorter ones are breath and clicks.
fn spoken_s(samples: &[i16]) -> f64 {
    const SHORTEST: usize = 5;
    let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let frames = samples.chunks(RATE as usize / 100).map(energy).collect::<Vec<_>>();
    let loudest = frames.iter().copied().fold(0.0, f64::max);
    let threshold = (loudest * 10f64.powf(-3.5)).max(quantile(&frames, 0.1) * 10f64.powf(0.6));
    let loud = |frames: &[f64]| frames.iter().all(|energy| *energy > threshold);
    let first = frames.windows(SHORTEST).position(loud).unwrap_or(0);
    let last = frames.windows(SHORTEST).rposition(loud).unwrap_or(0) + SHORTEST;
    (last - first) as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_time_are_counted() {
        assert_eq!(Counted::Words.of("he was not an ill disposed young man"), 8);
        assert_eq!(Counted::Syllables.of("안녕하세요, 오늘 기분이 어때요?"), 13);
        let tone = |at: i32| {
            if (8_000..24_000).contains(&at) { if at % 20 < 10 { 9_000 } else { -9_000 } } else { 0 }
        };
        let samples = (0..32_000).map(|at| tone(at) as i16).collect::<Vec<_>>();
        assert!((spoken_s(&samples) - 1.0).abs() < 0.02);
    }
}
