//! `bench rtc`: what calls over WebRTC add to voice to voice, and what a bad network takes from what is heard.
//!
//! Two parts. *Turns* are held with the running server, one over WebSocket and one over WebRTC with the same clip. The
//! *wire* needs no server: two programs speak clips to each other through the same codec, buffer and connection as the
//! server's, and the recogniser reads what each heard.

mod end;
mod namespaces;
mod talk;
mod wire;

use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use duologue_rtc::client::Network;

use super::{
    client::Client,
    clip::{self, Clip},
    score::{ErrorRate, quantile},
    voice::{Speech, say, stage},
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
    let mut waits = [Vec::new(), Vec::new()];
    let (mut rates, mut gaps) = ([ErrorRate::default(), ErrorRate::default()], Vec::new());
    let (mut pairs, mut ways) = (Vec::new(), [Vec::new(), Vec::new()]);
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
        // What is quiet at the beginning of a reply is no sound yet, whichever way it comes.
        let at_ear = over_socket.first_audio + talk::sound(&over_socket.voice).unwrap_or(f64::NAN);
        let times = [
            (&over_socket.report, over_socket.first_audio, at_ear),
            (&call.report, call.told, call.first_audio),
        ];
        rates[0].add(&clip.words, &over_socket.heard, args.is_korean());
        rates[1].add(&clip.words, &call.heard, args.is_korean());
        let buffer = call.statistics.buffer;
        let [socket, rtc] = times.map(|(report, told, at_ear)| {
            let stages = ["turn_decided", "first_token", "first_clause", "first_audio"];
            let stages = stages.map(|name| format!("{:>5.0}", stage(report, name)));
            format!("{}{told:>5.0}{at_ear:>5.0}", stages.concat())
        });
        say(&format!(
            "{:<12}WebSocket{socket}   WebRTC{rtc};{:>5}{:>5}  «{}»",
            clip.name,
            buffer.longest_gap_us / 1_000,
            buffer.delay_us / 1_000,
            call.heard.trim()
        ));
        gaps.push(buffer.longest_gap_us as f64 / 1_000.0);
        pairs.extend(Some(call.first_audio - at_ear).filter(|more| more.is_finite()));
        // From the first sound that the session has made to the ear, the way in included: apart from the models.
        for (ways, (report, _, at_ear)) in ways.iter_mut().zip(times) {
            ways.extend(Some(at_ear - stage(report, "first_audio")).filter(|way| way.is_finite()));
        }
        for (waits, (_, _, at_ear)) in waits.iter_mut().zip(times) {
            // Before the person had ended: a cut-off, not a fast answer.
            waits.extend(Some(at_ear).filter(|at_ear| *at_ear >= 0.0));
        }
    }
    let unit = args.language.unit();
    for ((name, waits), rate) in ["WebSocket", "WebRTC"].into_iter().zip(&waits).zip(&rates) {
        say(&format!(
            "{name:<12}{:>4} turns   voice to voice p50 {:>6.0} ms  p95 {:>6.0} ms   {unit} of what the server heard {:.1} %",
            waits.len(),
            quantile(waits, 0.5),
            quantile(waits, 0.95),
            rate.percent()
        ));
    }
    // Of each pair as well: how fast the machine is changes more slowly than the clips do.
    let more = quantile(&waits[1], 0.5) - quantile(&waits[0], 0.5);
    say(&format!(
        "WebRTC takes {more:.0} ms more (bar: 120), median of the pairs {:.0} ms; on the way {:.0} ms more; longest gap heard {:.0} ms",
        quantile(&pairs, 0.5),
        quantile(&ways[1], 0.5) - quantile(&ways[0], 0.5),
        quantile(&gaps, 1.0)
    ));
    Ok(())
}
