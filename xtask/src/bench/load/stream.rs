//! Sessions whose microphones stream human speech in real time, heard by voice activity and end of turn alone.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    LoadArgs,
    guest::Guest,
    house::{House, Stock},
};
use crate::bench::{clip, score::quantile, voice::say};

/// A microphone's packet.
const PACKET: Duration = Duration::from_millis(20);
/// Samples in it.
const SAMPLES: usize = clip::RATE as usize / 50;
/// Silence between two clips: a turn ends in it.
const BREATH_S: usize = 2;
/// Voice activity may be this far behind, in milliseconds: three frames.
const BAR_LAG_MS: f64 = 100.0;

/// What one client saw.
#[derive(Default)]
struct Heard {
    started: usize,
    stopped: usize,
    /// From the end of speech, as the server names it, to the arrival of that event.
    decided_ms: Vec<f64>,
}

/// One, then all: what the crowd adds is what the machine lacks. Answers the bars that were missed.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<Vec<String>> {
    // A recogniser that is not there: voice activity and end of turn are all that works.
    let settings = [
        "store.kind=memory",
        "llm.enabled=false",
        "tts.enabled=false",
        "stt.model=/none",
        "sessions.idle_timeout_s=1",
    ];
    let house = House::start(&args.program, &settings.map(str::to_owned)).await?;
    let clips = clip::english()?;
    let samples = Arc::new(loop_of(&clips));
    say(&format!(
        "{:<10}{:>8}{:>12}{:>12}{:>12}{:>10}{:>10}{:>10}{:>12}{:>12}",
        "streaming",
        "s",
        "lag p50",
        "lag p95",
        "lag p99",
        "dropped",
        "CPU",
        "KB each",
        "turns",
        "decided p95"
    ));
    let mut missed = Vec::new();
    for count in [1, args.streams.div_ceil(2), args.streams] {
        missed = row(&house, &samples, (count, args.seconds)).await?;
    }
    Ok(missed)
}

/// All clips with breaths between them.
fn loop_of(clips: &[clip::Clip]) -> Vec<i16> {
    let breath = vec![0; BREATH_S * clip::RATE as usize];
    clips.iter().flat_map(|clip| clip.samples.iter().chain(&breath)).copied().collect()
}

async fn row(
    house: &House,
    samples: &Arc<Vec<i16>>,
    (count, seconds): (usize, u64),
) -> anyhow::Result<Vec<String>> {
    // Those of the row before have ended.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let empty = house.stock().await?;
    let mut streaming = JoinSet::new();
    for index in 0..count {
        let (url, samples) = (house.url(), samples.clone());
        // Not all at the same word.
        let offset = index * samples.len() / count;
        streaming.spawn(async move { stream(&url, &samples, offset, Duration::from_secs(seconds)).await });
    }
    // They have come and the first seconds are over.
    tokio::time::sleep(Duration::from_secs(3.min(seconds / 2))).await;
    let (before, since) = (house.stock().await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds.saturating_sub(4))).await;
    let (after, took) = (house.stock().await?, since.elapsed().as_secs_f64());
    let mut all = Vec::new();
    while let Some(heard) = streaming.join_next().await {
        all.push(heard.context("a client broke")??);
    }
    Ok(print(count, took, (&empty, &before, &after), &all))
}

async fn stream(url: &str, samples: &[i16], offset: usize, during: Duration) -> anyhow::Result<Heard> {
    let mut guest = Guest::come(url, "model=maya&audio=binary").await?;
    let input = json!({
        "format": {"type": "audio/pcm", "rate": clip::RATE}, "transcription": null,
        "turn_detection": {"type": "semantic_vad", "create_response": false, "interrupt_response": false},
    });
    guest
        .say(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": input}}}))
        .await?;
    guest.until("session.updated").await?;
    let mut ticks = interval(PACKET);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut at, mut heard) = (offset, Heard::default());
    let begun = Instant::now();
    while begun.elapsed() < during {
        ticks.tick().await;
        let packet = (0..SAMPLES).map(|index| samples[(at + index) % samples.len()]).collect::<Vec<_>>();
        at += SAMPLES;
        guest.sound(&packet).await?;
        for seen in guest.all_seen() {
            match seen.event["type"].as_str() {
                Some("input_audio_buffer.speech_started") => heard.started += 1,
                Some("input_audio_buffer.speech_stopped") => {
                    heard.stopped += 1;
                    let end = seen.event["audio_end_ms"].as_f64().unwrap_or(f64::NAN);
                    heard.decided_ms.push((seen.at - begun).as_secs_f64() * 1000.0 - end);
                }
                _ => {}
            }
        }
    }
    guest.leave().await;
    Ok(heard)
}

fn print(
    count: usize,
    seconds: f64,
    (empty, before, after): (&Stock, &Stock, &Stock),
    all: &[Heard],
) -> Vec<String> {
    let lag = |share| after.metrics.quantile_ms(&before.metrics, "ingest_lag_seconds", share);
    let dropped = after.metrics.value("ingest_dropped_samples_total")
        - before.metrics.value("ingest_dropped_samples_total");
    let cpu = (after.cpu_s - before.cpu_s) / seconds;
    let each = (after.memory_kb - empty.memory_kb) / count as f64;
    let decided = all.iter().flat_map(|heard| heard.decided_ms.iter().copied()).collect::<Vec<_>>();
    let turns = all.iter().map(|heard| heard.stopped).collect::<Vec<_>>();
    let (least, most) = (turns.iter().min().unwrap_or(&0), turns.iter().max().unwrap_or(&0));
    say(&format!(
        "{count:<10}{seconds:>8.0}{:>12}{:>12}{:>12}{dropped:>10.0}{:>9.0}%{each:>10.0}{:>12}{:>12.0}",
        bound(lag(0.5)),
        bound(lag(0.95)),
        bound(lag(0.99)),
        100.0 * cpu,
        format!("{least}-{most}"),
        quantile(&decided, 0.95),
    ));
    let mut missed = Vec::new();
    if dropped > 0.0 {
        missed.push(format!("{dropped} samples of {count} streaming sessions were dropped"));
    }
    if lag(0.95) > BAR_LAG_MS {
        missed.push(format!("voice activity of {count} streaming sessions is {} behind", bound(lag(0.95))));
    }
    if *least == 0 {
        missed.push(format!("one of {count} streaming sessions found no turn"));
    }
    missed
}

/// A quantile of a histogram is only known to its bucket.
fn bound(ms: f64) -> String {
    format!("<{ms} ms")
}
