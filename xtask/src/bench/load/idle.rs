//! Sessions in which nobody says anything.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::{LoadArgs, guest::Guest, house::House};
use crate::bench::{score::quantile, voice::say};

/// Connections that are made at the same time.
const BATCH: usize = 50;
/// Most that an idle session may cost, in KB.
const BAR_KB: f64 = 100.0;
/// Most of one core that all of them may cost.
const BAR_CPU: f64 = 0.5;

/// Holds them, weighs them, and asks some of them for something. Answers the bars that were missed.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<Vec<String>> {
    let settings = ["store.kind=memory", "llm.enabled=false", "tts.enabled=false", "stt.enabled=false"];
    let house = House::start(&args.program, &settings.map(str::to_owned)).await?;
    let url = house.url();
    let open = |count: usize| {
        let url = url.clone();
        async move {
            let guests = join_all((0..count).map(|_| Guest::come(&url, "model=maya"))).await;
            guests.into_iter().collect::<anyhow::Result<Vec<_>>>()
        }
    };
    // The first sessions load what all later ones share.
    for guest in open(BATCH).await? {
        guest.leave().await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let empty = house.stock().await?;
    let began = Instant::now();
    let mut guests = Vec::new();
    while guests.len() < args.idle {
        guests.extend(open(BATCH.min(args.idle - guests.len())).await?);
    }
    let opened = began.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = house.stock().await?;
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let after = house.stock().await?;
    let each = (before.memory_kb - empty.memory_kb) / args.idle.max(1) as f64;
    let cpu = (after.cpu_s - before.cpu_s) / args.seconds.max(1) as f64;
    let mut waits = Vec::new();
    for guest in guests.iter_mut().step_by(args.idle.div_ceil(50).max(1)) {
        let asked = Instant::now();
        guest.say(json!({"type": "session.update", "session": {"type": "realtime"}})).await?;
        guest.until("session.updated").await?;
        waits.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    say(&format!(
        "{} idle sessions, opened in {opened:.1} s ({} held): {each:.1} KB each, {:.1} % of a core together, an event answered in {:.1} ms p50, {:.1} ms p95",
        args.idle,
        after.metrics.value("sessions_open"),
        100.0 * cpu,
        quantile(&waits, 0.5),
        quantile(&waits, 0.95),
    ));
    for batch in guests.chunks_mut(BATCH) {
        batch.iter().for_each(Guest::freeze);
    }
    let mut missed = Vec::new();
    if each > BAR_KB {
        missed.push(format!("an idle session costs {each:.1} KB, more than {BAR_KB} KB"));
    }
    if cpu > BAR_CPU {
        missed.push(format!("idle sessions cost {:.0} % of a core", 100.0 * cpu));
    }
    if after.metrics.value("sessions_open") < args.idle as f64 {
        missed.push(format!("{} of {} are left", after.metrics.value("sessions_open"), args.idle));
    }
    Ok(missed)
}
