//! `bench rtc`: what calls over WebRTC add to voice to voice, and what a bad network takes from what is heard.
//!
//! Two parts. *Turns* are held with the running server, one over WebSocket and one over WebRTC with the same clip. The
//! *wire* needs no server: two programs speak clips to each other through the same codec, buffer and connection as the
//! server's, and the recogniser reads what each heard.

mod end;
mod figures;
mod namespaces;
mod talk;
mod wire;

use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use duologue_rtc::client::Network;

use self::figures::Figures;
use super::{
    client::Client,
    clip::{self, Clip},
    voice::{Speech, say},
};

/// Before each turn, so that what the one before has left is over.
const REST: Duration = Duration::from_secs(1);

/// Flags of `bench rtc`.
#[derive(Args)]
pub(crate) struct RtcArgs {
    #[command(subcommand)]
    end: Option<End>,
    /// Where the server listens
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// English: five human clips. Korean: twelve synthetic ones
    #[arg(long, value_enum, default_value = "english")]
    language: Speech,
    /// How many turns over each; the clips are played in rounds
    #[arg(long, default_value_t = 10)]
    turns: usize,
    /// Whom to talk to, instead of the language's own
    #[arg(long)]
    persona: Option<String>,
    /// The program that transcribes, and speaks the Korean clips
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Percent of packets that are lost, each way
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Milliseconds that a packet takes, each way
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Milliseconds more or less
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// What is lost is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each clip goes over the bad wire
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Leaves out the turns: no server is needed
    #[arg(long)]
    wire_only: bool,
    /// Leaves out the wire
    #[arg(long)]
    turns_only: bool,
}

/// The two programs of the wire; started by the benchmark itself.
#[derive(Subcommand)]
enum End {
    /// One end of the wire
    #[command(hide = true)]
    End(end::EndArgs),
}

impl RtcArgs {
    /// The bad network that was asked for.
    fn network(&self) -> Option<Network> {
        let (delay, jitter) = (Duration::from_millis(self.delay), Duration::from_millis(self.jitter));
        let is_bad = self.loss > 0.0 || self.delay > 0 || self.jitter > 0;
        is_bad.then_some(Network { loss: self.loss, delay, jitter, seed: self.seed })
    }

    fn is_korean(&self) -> bool {
        self.language == Speech::Korean
    }
}

/// Runs the parts that were asked for.
pub(crate) async fn run(args: &RtcArgs) -> anyhow::Result<()> {
    if let Some(End::End(end)) = &args.end {
        return end::run(end).await;
    }
    let clips =
        if args.is_korean() { clip::korean(&args.program, args.turns.max(6))? } else { clip::english()? };
    if args.is_korean() {
        say("the input is synthetic: no free Korean human speech is packaged");
    }
    if !args.wire_only {
        turns(args, &clips).await?;
    }
    if args.turns_only { Ok(()) } else { wire::compare(args, &clips) }
}

/// Turns over WebSocket and WebRTC, side by side.
async fn turns(args: &RtcArgs, clips: &[Clip]) -> anyhow::Result<()> {
    let persona = args.persona.as_deref().unwrap_or(if args.is_korean() { "seoa" } else { "maya" });
    let language = args.language.code();
    let socket = args.url.replacen("http", "ws", 1);
    let path = format!("/v1/realtime/calls?model={persona}&language={language}");
    let mut figures = Figures::new(args.language);
    say(
        "turn decided, first token, first clause, first audio, told of it, sound at the ear; longest gap heard, delay",
    );
    let over_socket = async |clip: &Clip| {
        tokio::time::sleep(REST).await;
        let turn = Client::connect(&socket, persona, language).await?.turn(clip).await;
        turn.with_context(|| format!("clip {} over WebSocket", clip.name))
    };
    let over_rtc = async |clip: &Clip| {
        tokio::time::sleep(REST).await;
        let whom = talk::Call { url: &args.url, path: &path, network: args.network() };
        talk::turn(&whom, clip).await.with_context(|| format!("clip {} over WebRTC", clip.name))
    };
    for (index, clip) in clips.iter().cycle().take(args.turns).enumerate() {
        // Each way comes first in turn: the second of two finds the server as the first has left it.
        let (over_socket, call) = if index % 2 == 0 {
            let first = over_socket(clip).await?;
            (first, over_rtc(clip).await?)
        } else {
            let first = over_rtc(clip).await?;
            (over_socket(clip).await?, first)
        };
        figures.add(clip, &over_socket, &call);
    }
    figures.conclude();
    Ok(())
}
