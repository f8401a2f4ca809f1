//! One end of the wire, a program of its own: says one file, writes what it hears to another. Offer, answer and figures
//! go over stdin and stdout, one JSON string a line, so that no network is in their way.

use std::{
    io::{BufRead, Write},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use duologue_rtc::{
    Peer, PeerEvent,
    client::{Dial, Line, Network},
    codec::{EarStatistics, EncoderConfig, SAMPLES},
    config::PeerConfig,
    sdp::Offer,
};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::clip;

/// After the last word: what is still on its way.
const AFTERWARDS: usize = 75;

/// Flags of one end.
#[derive(Args)]
pub(crate) struct EndArgs {
    /// Offers; the other one answers
    #[arg(long)]
    offers: bool,
    /// The address of this end
    #[arg(long)]
    bind: IpAddr,
    /// What is said: 24 kHz
    #[arg(long)]
    say: PathBuf,
    /// Where it is written what is heard
    #[arg(long)]
    hear: PathBuf,
    /// Percent that are lost in this process, each way
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Milliseconds
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Milliseconds
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// What is lost is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl EndArgs {
    fn network(&self) -> Option<Network> {
        let (delay, jitter) = (Duration::from_millis(self.delay), Duration::from_millis(self.jitter));
        (self.loss > 0.0 || self.delay > 0).then_some(Network {
            loss: self.loss,
            delay,
            jitter,
            seed: self.seed,
        })
    }

    fn peer(&self) -> PeerConfig {
        PeerConfig { bind: self.bind, ..PeerConfig::default() }
    }
}

/// What is said, frame by frame, and what is heard.
struct Sound {
    said: Vec<i16>,
    heard: Vec<i16>,
    ticks: Interval,
}

impl Sound {
    fn begin(args: &EndArgs) -> anyhow::Result<Self> {
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Ok(Self { said: clip::read_24k(&args.say)?, heard: Vec::new(), ticks })
    }

    /// The frames to be said, and silence after them.
    fn frames(&self) -> Vec<Vec<i16>> {
        let frames = self.said.chunks(SAMPLES).map(<[i16]>::to_vec);
        frames.chain(std::iter::repeat_n(Vec::new(), AFTERWARDS)).collect()
    }
}

/// Runs an end until everything is said.
pub(super) async fn run(args: &EndArgs) -> anyhow::Result<()> {
    let mut sound = Sound::begin(args)?;
    let statistics =
        if args.offers { offer(args, &mut sound).await? } else { answer(args, &mut sound).await? };
    clip::write(&args.hear, &sound.heard)?;
    let buffer = statistics.buffer;
    tell(&json!({
        "received": buffer.received, "concealed": buffer.concealed, "recovered": buffer.recovered, "late": buffer.late,
        "longest_gap_ms": buffer.longest_gap_us / 1_000, "delay_ms": buffer.delay_us / 1_000,
        "target_ms": buffer.target_us / 1_000, "jitter_ms": buffer.jitter_us / 1_000,
    }))
}

async fn offer(args: &EndArgs, sound: &mut Sound) -> anyhow::Result<EarStatistics> {
    let dial = Dial { peer: args.peer(), network: args.network(), ..Dial::default() };
    let calling = dial.prepare().await?;
    tell(&json!(calling.offer()))?;
    let mut call = calling.accept(&told()?).await?;
    sound.ticks.reset();
    for frame in sound.frames() {
        sound.ticks.tick().await;
        call.say(&frame);
        sound.heard.extend(call.tick().await?.into_iter().flatten());
    }
    let statistics = call.statistics();
    call.close().await;
    Ok(statistics)
}

async fn answer(args: &EndArgs, sound: &mut Sound) -> anyhow::Result<EarStatistics> {
    let offer = Offer::read(&told()?)?;
    let mut answered = Peer::answer(&args.peer(), offer).await?;
    tell(&json!(answered.sdp))?;
    loop {
        match answered.events.recv().await.context("the connection ended")? {
            PeerEvent::Connected => break,
            PeerEvent::Failed(failure) => anyhow::bail!("{}", failure.code()),
            _ => {}
        }
    }
    let mut line = Line::new(EncoderConfig::default())?;
    sound.ticks.reset();
    for frame in sound.frames() {
        sound.ticks.tick().await;
        while let Ok(event) = answered.events.try_recv() {
            if let PeerEvent::Hears(hearing) = event {
                line.hear(hearing);
            }
        }
        line.say(&frame);
        let (spoken, heard) = line.tick()?;
        sound.heard.extend(heard.into_iter().flatten());
        if let Some(spoken) = spoken {
            // The other end may be through already.
            let _ = answered.peer.send(spoken).await;
        }
    }
    answered.peer.close().await;
    Ok(line.statistics())
}

/// One line for the benchmark.
fn tell(value: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// One line from it. It blocks, and nothing else happens meanwhile.
fn told() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
