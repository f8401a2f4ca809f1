//! People in conversation at once with the real models: the curve of voice to voice.

use super::{LoadArgs, house::House};
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
        let waits = people::run(crowd, clip::english()?).await?;
        rows.push((people, waits));
    }
    say(&format!("\n{:<10}{:>8}{:>14}{:>14}", "people", "turns", "p50, ms", "p95, ms"));
    let mut carried = 0;
    for (people, waits) in &rows {
        let p95 = quantile(waits, 0.95);
        say(&format!("{people:<10}{:>8}{:>14.0}{p95:>14.0}", waits.len(), quantile(waits, 0.5)));
        if p95 <= BAR_MS {
            carried = carried.max(*people);
        }
    }
    say(&format!("as many as keep the 95th percentile below {BAR_MS:.0} ms: {carried}"));
    Ok(())
}
