//! `cargo xtask bench load`: how much the server carries. Idle sessions, sessions that stream with voice activity and
//! end of turn alone, people in conversation with the real models; and a soak in which sessions come and go.

mod guest;
mod house;
mod idle;
mod soak;
mod stream;
mod talk;
mod trend;

use clap::{Args, ValueEnum};

/// Flags of `bench load`.
#[derive(Args)]
pub(crate) struct LoadArgs {
    /// The server's program
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Idle sessions at once
    #[arg(long, default_value_t = 2_000)]
    idle: usize,
    /// Streaming sessions at once
    #[arg(long, default_value_t = 60)]
    streams: usize,
    /// Seconds of streaming, and of watching idle sessions
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// People in conversation at once, one row each
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4,6")]
    people: Vec<usize>,
    /// Turns of each person
    #[arg(long, default_value_t = 8)]
    turns: usize,
    /// Language model of the conversations
    #[arg(long, default_value = "qwen2.5-0.5b")]
    llm: String,
    /// A soak of so many seconds instead
    #[arg(long, num_args = 0..=1, default_missing_value = "3600")]
    soak: Option<u64>,
    /// Sessions that come in a second of the soak
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
    /// Seconds of the soak before growth counts
    #[arg(long, default_value_t = 600)]
    warm_up: u64,
    /// The soak without language model, voices and recogniser
    #[arg(long)]
    bare: bool,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Idle,
    Stream,
    Talk,
}

/// Measures and prints; an error when a bar is missed.
pub(crate) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    if let Some(seconds) = args.soak {
        return soak::run(args, seconds).await;
    }
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let mut missed = Vec::new();
    if wanted(Part::Idle) {
        missed.extend(idle::run(args).await?);
    }
    if wanted(Part::Stream) {
        missed.extend(stream::run(args).await?);
    }
    if wanted(Part::Talk) {
        talk::run(args).await?;
    }
    anyhow::ensure!(missed.is_empty(), "{}", missed.join("; "));
    Ok(())
}
