//! Runs what was typed.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::signal;

use super::{BAD_CONFIG, Cli, Command, logs::log_to_stderr, print, print_personas, print_voices};
use crate::{
    config::{self, Config, Loaded, LogConfig},
    engines, measure,
    models::cli as models,
    personas::PersonaLibrary,
    server::Server,
    talk,
};

/// The program: reads the command line and the configuration, does it, and says how it ended: 0 well, 64 with a
/// configuration that cannot be used, 1 with anything else.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::LandmarkerWorker { model }) = &cli.command {
        // A worker needs no configuration, and its pipes carry nothing else.
        let done = duologue_engines::face::worker::run(model, std::io::stdin(), std::io::stdout());
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // One TLS provider for the process; that it is installed already can only mean the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let loaded = match config::load(cli.sources()) {
        Ok(loaded) => loaded,
        Err(error) => {
            complain("the configuration cannot be used:", &error.to_string());
            return ExitCode::from(BAD_CONFIG);
        }
    };
    match run(cli.command(), loaded).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain("duologue stopped:", &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, loaded: Loaded) -> anyhow::Result<()> {
    let config = loaded.config;
    match command {
        Command::CheckConfig { .. } => {
            let notes: String = loaded.notes.iter().map(|note| format!("# note: {note}\n")).collect();
            print(&format!(
                "# The configuration is valid. In effect, secrets hidden:\n{notes}{}",
                loaded.effective
            ));
            Ok(())
        }
        Command::Serve(_) => serve(config, &loaded.notes).await,
        Command::Talk(args) => {
            log_to_stderr(&quiet(&config.log))?;
            talk::talk(&args, &config).await
        }
        Command::Transcribe(args) => {
            log_to_stderr(&quiet(&config.log))?;
            talk::transcribe(&args.input, args.language, &config).await
        }
        Command::Analyze(args) => {
            log_to_stderr(&quiet(&config.log))?;
            talk::analyze(&args, &config).await
        }
        Command::Say(args) => {
            log_to_stderr(&quiet(&config.log))?;
            talk::speak(&args, &config).await
        }
        Command::Measure => {
            log_to_stderr(&quiet(&config.log))?;
            measure::measure(&config).await
        }
        Command::Midi(args) => {
            let soundfont = config.duet.soundfont;
            tokio::task::spawn_blocking(move || super::midi::run(&args, &soundfont))
                .await
                .context("the command broke")?
        }
        Command::LandmarkerWorker { .. } => anyhow::bail!("it runs before the configuration is read"),
        Command::Personas => list_personas(&config),
        Command::Voices => {
            log_to_stderr(&quiet(&config.log))?;
            print_voices(engines::open(&config)?.tts.voices());
            Ok(())
        }
        Command::Models(args) => {
            let home = config.home;
            tokio::task::spawn_blocking(move || models::run(&args, &home))
                .await
                .context("the command broke")?
        }
    }
}

async fn serve(config: Config, notes: &[String]) -> anyhow::Result<()> {
    log_to_stderr(&config.log)?;
    for note in notes {
        tracing::warn!(note, "configuration");
    }
    let server = Server::bind(config).await?;
    let address = server.address()?;
    tracing::info!(%address, "listening");
    print(&format!("Duologue is at http://{address}\n"));
    server.run(asked_to_stop()).await
}

/// Control-C, or the signal of service managers and containers.
async fn asked_to_stop() {
    let mut terminated = match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(terminated) => terminated,
        Err(error) => {
            tracing::warn!(%error, "the signal to terminate is not heard");
            let _ = signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn list_personas(config: &Config) -> anyhow::Result<()> {
    let folder = &config.server.personas_dir;
    let (library, broken) = PersonaLibrary::load(folder);
    print_personas(library.iter().map(AsRef::as_ref));
    anyhow::ensure!(
        broken.is_empty(),
        "{}",
        broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// Commands that answer on the terminal only log what goes wrong, unless more was asked for.
fn quiet(log: &LogConfig) -> LogConfig {
    let level = if log.level == "info" { "warn".to_owned() } else { log.level.clone() };
    LogConfig { level, ..log.clone() }
}

fn complain(what: &str, why: &str) {
    eprintln!("{what}\n{why}");
}
