//! Several people who talk at once, each to a persona of their own.

use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    client::Client,
    clip::Clip,
    score::{quantile, unfairness},
    voice::say,
};

/// Where, with whom, how often.
#[derive(Clone)]
pub(super) struct Crowd {
    pub(super) url: String,
    pub(super) persona: String,
    pub(super) language: &'static str,
    pub(super) people: usize,
    /// Turns of each.
    pub(super) turns: usize,
}

/// Everyone has one conversation and begins every turn of it at the same moment, with a clip of their own. Prints what each waited, and how much
/// longer the unluckiest than the luckiest. Answers all waits, in milliseconds, cut-offs left out.
pub(super) async fn run(crowd: Crowd, clips: Vec<Clip>) -> anyhow::Result<Vec<f64>> {
    let clips = Arc::new(clips);
    let together = Arc::new(Barrier::new(crowd.people));
    let mut talking = JoinSet::new();
    for person in 0..crowd.people {
        talking.spawn(talk(person, crowd.clone(), clips.clone(), together.clone()));
    }
    let mut waits = vec![Vec::new(); crowd.people];
    let mut cut_off = 0;
    while let Some(talked) = talking.join_next().await {
        let (person, first_audio) = talked.context("a person broke")??;
        cut_off += first_audio.iter().filter(|wait| **wait < 0.0).count();
        waits[person] = first_audio.into_iter().filter(|wait| *wait >= 0.0).collect();
    }
    report(&waits, cut_off);
    Ok(waits.concat())
}

async fn talk(
    person: usize,
    crowd: Crowd,
    clips: Arc<Vec<Clip>>,
    together: Arc<Barrier>,
) -> anyhow::Result<(usize, Vec<f64>)> {
    let mut waits = Vec::new();
    let mut client = Client::connect(&crowd.url, &crowd.persona, crowd.language).await?;
    for turn in 0..crowd.turns {
        let clip = &clips[(person + turn) % clips.len()];
        // Everybody hears the answer out before they speak again.
        client.listen(std::future::ready(())).await?;
        client.listen(together.wait().map(|_| ())).await?;
        let turn = client.turn(clip).await.with_context(|| format!("person {person}, clip {}", clip.name))?;
        say(&format!(
            "person {}  {:<16}{:>6.0} ms  «{}»",
            person + 1,
            clip.name,
            turn.first_audio,
            turn.heard.trim()
        ));
        waits.push(turn.first_audio);
    }
    Ok((person, waits))
}

fn report(waits: &[Vec<f64>], cut_off: usize) {
    say(&format!("\n{:<24}{:>8}{:>10}{:>10}", "voice to voice, ms", "turns", "p50", "p95"));
    let row = |name: &str, waits: &[f64]| {
        let (p50, p95) = (quantile(waits, 0.5), quantile(waits, 0.95));
        say(&format!("{name:<24}{:>8}{p50:>10.0}{p95:>10.0}", waits.len()));
        p50
    };
    let medians =
        waits.iter().enumerate().map(|(person, waits)| row(&format!("person {}", person + 1), waits));
    let medians = medians.collect::<Vec<_>>();
    row("everyone", &waits.concat());
    say(&format!("the longest median against the shortest: {:.2}", unfairness(&medians)));
    if cut_off > 0 {
        say(&format!("{cut_off} replies began before the person had ended; they are not counted above"));
    }
}
