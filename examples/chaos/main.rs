//! Chaos: scenes that go on while their children and the language model's process are killed at random moments.
//!
//! `cargo xtask bench chaos --kills 500` builds and runs this. The whole server runs in this process with real
//! models, the scenes talk to it through their WebSockets (human clips, synthetic Korean, text), and a killer in the
//! same process ends children by their supervision cells and the worker by its process id. No child is killed more
//! often than the policy allows, since what happens then is another promise, which tests keep.

mod killer;
mod report;
mod scene;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use duologue::{
    config::{Config, Sources},
    server::Server,
    store::SqliteStore,
};
use duologue_actors::store::Store;

use self::{
    killer::Killer,
    report::Report,
    scene::{Outcome, Script},
};

/// Kills children and engines under talking scenes, and counts what is lost.
#[derive(Parser)]
struct Args {
    /// How many kills
    #[arg(long, default_value_t = 500)]
    kills: usize,
    /// Scenes that talk at once
    #[arg(long, default_value_t = 4)]
    scenes: usize,
    /// Mean time between two kills, in milliseconds
    #[arg(long, default_value_t = 1_200)]
    every_ms: u64,
    /// A turn without an end after this many seconds is frozen
    #[arg(long, default_value_t = 90)]
    bound_s: u64,
    /// Language model
    #[arg(long, default_value = "smollm2-135m")]
    llm: String,
    /// Recogniser
    #[arg(long, default_value = "whisper-base")]
    stt: String,
    /// Korean voices, the first is the fastest by default
    #[arg(long, default_value = "espeak-ko")]
    korean: String,
}

fn config(args: &Args) -> anyhow::Result<Config> {
    let flags = [
        ("server.port", "0".to_owned()),
        ("stt.model", args.stt.clone()),
        ("llm.model", args.llm.clone()),
        ("tts.korean", format!("[{:?}]", args.korean)),
        ("sessions.created_per_minute", "10000".to_owned()),
    ];
    let flags = flags.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Ok(Config::load(Sources::from_process(Vec::new(), flags))?)
}

/// A database that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("duologue-chaos-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is left behind in the system's temporary one is no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Started without cargo, it lacks what the libraries want to find.
    duologue_engines::environment::prepare()?;
    let args = Args::parse();
    let config = config(&args)?;
    let folder = Folder::new()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.0.join("chaos.db"), 0).await?);
    let engines = Arc::new(duologue::engines::open(&config)?);
    let server = Server::bind_with(config, engines.clone(), store.clone()).await?;
    let (address, sessions) = (server.address()?, server.sessions());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    let clips = scene::clips(&engines).await.context("nothing to say")?;
    let over = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let scenes = (0..args.scenes)
        .map(|index| {
            let script = Script {
                url: format!("ws://{address}/ws/voice/chaos_{index}"),
                korean: index % 2 == 1,
                clips: clips.clone(),
                bound: Duration::from_secs(args.bound_s),
                over: over.clone(),
            };
            tokio::spawn(scene::play(script))
        })
        .collect::<Vec<_>>();
    let ids = (0..args.scenes).map(|index| format!("chaos_{index}")).collect();
    let killer = Killer::new(sessions, ids, Duration::from_millis(args.every_ms));
    let kills = killer.run(args.kills).await;
    over.store(true, Ordering::Release);
    let mut report = Report::new(kills, began.elapsed());
    for (index, scene) in scenes.into_iter().enumerate() {
        let outcome = scene.await.context("a scene's script broke")?;
        // What was said last may still be on its way to the disk, but what was acknowledged is there.
        lost(&*store, &format!("chaos_{index}"), &outcome, &mut report).await?;
        report.add(outcome);
    }
    let _ = stop.send(());
    serving.await??;
    report.print();
    anyhow::ensure!(report.is_good(), "something was lost");
    Ok(())
}

/// Compares what was acknowledged with what is stored.
async fn lost(
    store: &dyn Store,
    session: &str,
    outcome: &Outcome,
    report: &mut Report,
) -> anyhow::Result<()> {
    let stored = store.messages(session, u32::MAX, None).await?;
    report.stored += stored.len();
    for item in &outcome.durable {
        let id = format!("{session}/{item}");
        if !stored.iter().any(|message| message.id == id) {
            report.messages_lost.push(id);
        }
    }
    for (item, text) in &outcome.written {
        let same = stored.iter().filter(|message| message.content == *text).count();
        if outcome.durable.contains(item) && same != 1 {
            report.messages_lost.push(format!("{session}/{item} is there {same} times"));
        }
    }
    Ok(())
}
