//! `cargo xtask bench …`: what the running server does for a person, measured from outside.

mod alone;
mod bargein;
mod chaos;
mod client;
mod clip;
mod duet;
mod face;
mod load;
mod loudspeaker;
mod people;
mod rtc;
mod score;
mod sessions;
mod theory;
mod turns;
mod voice;
mod voice_analysis;

use clap::{Args, Subcommand};

/// Flags of `bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Lay interruptions, signs of listening, noises and the persona's own voice over replies, in real time
    Bargein(bargein::BargeinArgs),
    /// Kill children and engines at random moments of talking scenes, and count what is lost
    Chaos(chaos::ChaosArgs),
    /// Play duets: the partner's answer in time, late notes over a bad network, how well it plays
    Duet(duet::DuetArgs),
    /// Measure blinks, gaze and expressions against what is known, and what faces cost; needs no server
    Face(face::FaceArgs),
    /// What the server carries: idle, streaming, talking; and a soak
    Load(load::LoadArgs),
    /// Compare calls over WebRTC with WebSocket, and hear over a bad network
    Rtc(rtc::RtcArgs),
    /// Weigh sessions: idle, exchanged, closed, many at once
    Sessions(sessions::SessionsArgs),
    /// Compare keys and chords with human analyses; needs no server
    Theory(theory::TheoryArgs),
    /// Compare when a turn is taken for over: by voice activity, by smart-turn, by ours; needs no server
    Turns(turns::TurnsArgs),
    /// Play human clips into the running server in real time, and print the waterfall of every turn
    Voice(voice::VoiceArgs),
    /// Measure the pitch, the speed of speech and their cost against what is known; needs no server
    VoiceAnalysis(voice_analysis::VoiceAnalysisArgs),
}

/// Runs a benchmark.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &args.bench {
        Bench::Bargein(args) => runtime.block_on(bargein::run(args)),
        Bench::Chaos(args) => chaos::run(args),
        Bench::Duet(args) => runtime.block_on(duet::run(args)),
        Bench::Face(args) => runtime.block_on(face::run(args)),
        Bench::Load(args) => runtime.block_on(load::run(args)),
        Bench::Rtc(args) => runtime.block_on(rtc::run(args)),
        Bench::Sessions(args) => runtime.block_on(sessions::run(args)),
        Bench::Theory(args) => theory::run(args),
        Bench::Turns(args) => turns::run(args),
        Bench::Voice(args) => runtime.block_on(voice::run(args)),
        Bench::VoiceAnalysis(args) => voice_analysis::run(args),
    }
}
