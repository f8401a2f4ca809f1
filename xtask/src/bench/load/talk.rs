//! People in conversation at once with the real models: the curve of voice to voice.

use std::time::Duration;

use super::{
    LoadArgs,
    house::{House, Stock},
};
use crate::bench::{
    clip,
    people::{self, Crowd},
    score::quantile,
    voice::say,
};

/// What the 95th percentile is held below, in milliseconds.
const BAR_MS: f64 = 3000.0;

/// More and more people; prints the curve and how many keep below the bar.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for &people in &args.people {
        let settings = ["store.kind=memory".to_owned(), format!("llm.model={}", args.llm)];
        // A fresh server: what it gave up for the crowd before must not count.
        let fixed = ["sessions.admission=fixed".to_owned()];
        let house = House::start(&args.program, &[&settings[..], &fixed[..]].concat()).await?;
        let crowd =
            Crowd { url: house.url(), persona: "maya".into(), language: "en", people, turns: args.turns };
        say(&format!("\n{people} at once"));
        let before = house.stock().await?;
        let mut most = before.clone();
        let waits = tokio::select! {
            waits = people::run(crowd, clip::english()?) => waits?,
            error = watch(&house, &mut most) => return Err(error),
        };
        let each = |before: f64, most: f64| (most - before) / 1024.0 / people as f64;
        let memory = [each(before.memory_kb, most.memory_kb), each(before.children_kb, most.children_kb)];
        rows.push((people, waits, memory));
    }
    say(&format!(
        "\n{:<10}{:>8}{:>14}{:>14}{:>16}{:>16}",
        "people", "turns", "p50, ms", "p95, ms", "MB each, server", "MB each, model"
    ));
    let mut carried = 0;
    for (people, waits, [server, model]) in &rows {
        let p95 = quantile(waits, 0.95);
        let p50 = quantile(waits, 0.5);
        say(&format!("{people:<10}{:>8}{p50:>14.0}{p95:>14.0}{server:>16.1}{model:>16.1}", waits.len()));
        if p95 <= BAR_MS {
            carried = carried.max(*people);
        }
    }
    say(&format!("as many as keep the 95th percentile below {BAR_MS:.0} ms: {carried}"));
    Ok(())
}

/// Looks once a second, for ever, and keeps the most memory that was seen.
async fn watch(house: &House, most: &mut Stock) -> anyhow::Error {
    loop {
        match house.stock().await {
            Ok(now) => {
                most.memory_kb = most.memory_kb.max(now.memory_kb);
                most.children_kb = most.children_kb.max(now.children_kb);
            }
            Err(error) => return error,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
