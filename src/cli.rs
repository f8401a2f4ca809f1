//! What can be typed: commands and flags; `cli/run.rs` does it.

mod logs;
pub mod midi;
mod run;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand};
use duologue_domain::{lang::Language, persona::Persona};
use duologue_engines::port::Voice;

pub use self::run::main;
use crate::{config::Sources, models::cli::ModelsArgs};

/// Exit status of a configuration that cannot be used (EX_USAGE).
pub const BAD_CONFIG: u8 = 64;

/// Live scenes between a person and an AI partner: talk by voice, self-hosted, offline.
#[derive(Clone, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// A configuration file; later ones win. By default config/duologue.toml when it exists
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Sets one key, for example --set turn.silence_ms=700
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// The folder of models and data
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// What to do; `serve` by default
    #[command(subcommand)]
    command: Option<Command>,
}

impl std::fmt::Debug for Cli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // `set` may hold secrets.
        f.debug_struct("Cli")
            .field("config", &self.config)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// One command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the page and the interfaces
    Serve(ServeArgs),
    /// Talk to a persona from a file, or live over stdin and stdout
    Talk(TalkArgs),
    /// Print what is said in a recording
    Transcribe(TranscribeArgs),
    /// Score a recording: the voice, the words, and what both show
    Analyze(AnalyzeArgs),
    /// Speak a text into a WAV file
    Say(SayArgs),
    /// Time the models alone: requests as JSON lines on stdin, times on stdout
    Measure,
    /// Find faces in pictures for a server: its own worker, not for people
    #[command(hide = true, name = crate::engines::FACE_WORKER)]
    LandmarkerWorker {
        /// The landmarker
        model: PathBuf,
    },
    /// List who can answer
    Personas,
    /// List the voices
    Voices,
    /// Fetch, list and verify models
    Models(ModelsArgs),
    /// Look into MIDI files, make new ones, render them
    Midi(midi::MidiArgs),
    /// Check the configuration and print what is in effect, without secrets
    CheckConfig {
        /// Configuration files, as with --config
        files: Vec<PathBuf>,
    },
}

/// Flags of `serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// The address to listen on
    #[arg(long)]
    pub host: Option<String>,
    /// The port to listen on; 0 lets the system choose
    #[arg(long)]
    pub port: Option<u16>,
}

/// Flags of `say`.
#[derive(Clone, Debug, Args)]
pub struct SayArgs {
    /// What to say
    pub text: String,
    /// ko or en; by the script of the text when not given
    #[arg(long)]
    pub language: Option<Language>,
    /// Which voice; `duologue voices` lists them
    #[arg(long, default_value = "")]
    pub voice: String,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Flags of `talk`.
#[derive(Clone, Debug, Args)]
pub struct TalkArgs {
    /// A WAV file with what to say; `-` talks live: PCM16 mono comes from stdin and goes to stdout
    pub input: PathBuf,
    /// Whom to talk to, by id or name
    #[arg(long)]
    pub persona: Option<String>,
    /// Where to write the reply as WAV
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// ko or en; detected by default
    #[arg(long)]
    pub language: Option<Language>,
    /// Samples a second of live PCM, both ways: 16000, 24000 or 48000
    #[arg(long, default_value_t = 24_000, value_parser = sample_rate)]
    pub rate: u32,
}

/// Flags of `transcribe`.
#[derive(Clone, Debug, Args)]
pub struct TranscribeArgs {
    /// A WAV file
    pub input: PathBuf,
    /// ko or en; detected by default
    #[arg(long)]
    pub language: Option<Language>,
}

/// Flags of `analyze`.
#[derive(Clone, Debug, Args)]
pub struct AnalyzeArgs {
    /// A recording of one speaker: WAV, MP3, Ogg or WebM, at most five minutes
    pub input: PathBuf,
    /// ko or en; detected by default
    #[arg(long)]
    pub language: Option<Language>,
    /// Print everything as JSON, as `POST /voice/analyze` answers
    #[arg(long)]
    pub json: bool,
}

fn sample_rate(text: &str) -> Result<u32, String> {
    match text {
        "16000" => Ok(16_000),
        "24000" => Ok(24_000),
        "48000" => Ok(48_000),
        other => Err(format!("{other} is not one of 16000, 24000, 48000")),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as section.key=value".into()),
    }
}

impl Cli {
    /// Takes the command out; `serve` without any.
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve(ServeArgs::default()))
    }

    /// Files, environment and flags, in this order.
    pub fn sources(&self) -> Sources {
        let mut files = self.config.clone();
        let mut flags = self.set.clone();
        let mut flag =
            |key: &str, value: Option<String>| flags.extend(value.map(|value| (key.to_owned(), value)));
        flag("home", self.home.as_ref().map(|home| home.to_string_lossy().into_owned()));
        flag("log.level", self.log_level.clone());
        match &self.command {
            Some(Command::Serve(serve)) => {
                flag("server.host", serve.host.clone());
                flag("server.port", serve.port.map(|port| port.to_string()));
            }
            Some(Command::CheckConfig { files: more }) => files.extend(more.iter().cloned()),
            _ => {}
        }
        Sources::from_process(files, flags)
    }
}

/// `duologue personas`.
pub fn print_personas<'a>(personas: impl Iterator<Item = &'a Persona>) {
    let rows = personas.map(|persona| {
        let languages: Vec<_> = persona.languages.iter().map(|language| language.code()).collect();
        vec![persona.id.clone(), persona.name.clone(), languages.join(" "), persona.description.clone()]
    });
    print(&table(&["ID", "NAME", "LANGUAGES", "DESCRIPTION"], rows.collect()));
}

/// `duologue voices`.
pub fn print_voices(voices: Vec<Voice>) {
    let rows = voices.into_iter().map(|voice| {
        let languages: Vec<_> = voice.languages.iter().map(|language| language.code()).collect();
        let place = if voice.online { "online" } else { "this machine" };
        vec![
            voice.id,
            voice.name,
            languages.join(" "),
            voice.gender.into(),
            voice.engine.into(),
            place.into(),
        ]
    });
    print(&table(&["ID", "NAME", "LANGUAGES", "GENDER", "ENGINE", "WHERE"], rows.collect()));
}

/// Columns as wide as their widest cell; Hangul takes two places of a terminal.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| places(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - places(cell))));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn places(text: &str) -> usize {
    text.chars().map(|character| if duologue_domain::lang::is_hangul(character) { 2 } else { 1 }).sum()
}

/// To standard output, which belongs to commands; the server's logs go to standard error.
pub(crate) fn print(text: &str) {
    // Whoever closed the pipe wants no more of it.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn cli(words: &[&str]) -> Cli {
        Cli::try_parse_from(std::iter::once(&"duologue").chain(words))
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    #[test]
    fn the_grammar_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_flags_become_keys() {
        assert!(matches!(cli(&[]).command(), Command::Serve(_)));
        let flags =
            cli(&["serve", "--port", "9000", "--set", "turn.silence_ms=700", "--home", "/d"]).sources().flags;
        let expected = [("turn.silence_ms", "700"), ("home", "/d"), ("server.port", "9000")];
        assert_eq!(flags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(Cli::try_parse_from(["duologue", "serve", "--set", "nonsense"]).is_err());
    }

    #[test]
    fn talking_takes_a_file_or_a_pipe() {
        let Command::Talk(talk) =
            cli(&["talk", "in.wav", "--persona", "이서아", "--language", "ko-KR", "--out", "o.wav"])
                .command()
        else {
            panic!("not talk");
        };
        assert_eq!(
            (talk.persona.as_deref(), talk.language, talk.rate),
            (Some("이서아"), Some(Language::Korean), 24_000)
        );
        let Command::Talk(live) = cli(&["talk", "-", "--rate", "16000"]).command() else {
            panic!("not talk")
        };
        assert_eq!((live.input, live.rate), (PathBuf::from("-"), 16_000));
        assert!(Cli::try_parse_from(["duologue", "talk", "-", "--rate", "44100"]).is_err());
    }

    #[test]
    fn columns_line_up_in_korean() {
        let text = table(&["ID", "X"], vec![vec!["서아".into(), "a".into()], vec!["kim".into(), "b".into()]]);
        assert_eq!(text, "ID    X\n서아  a\nkim   b\n");
    }
}
