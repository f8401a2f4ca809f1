//! The table at the end.

use std::{collections::BTreeMap, io::Write, time::Duration};

use crate::{killer::Kill, scene::Outcome};

/// Recovery beside the repeated work, at most.
const WITHIN: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Report {
    kills: Vec<Kill>,
    took: Duration,
    pub(crate) stored: usize,
    pub(crate) messages_lost: Vec<String>,
    turns: usize,
    completed: usize,
    early: usize,
    unheard: usize,
    failed: BTreeMap<String, usize>,
    frozen: Vec<String>,
    scenes_lost: Vec<String>,
    durable: usize,
    notices: BTreeMap<String, usize>,
    waits: Vec<Duration>,
}

impl Report {
    pub(crate) fn new(kills: Vec<Kill>, took: Duration) -> Self {
        Self { kills, took, ..Self::default() }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.turns += outcome.turns;
        self.completed += outcome.completed;
        self.early += outcome.early;
        self.unheard += outcome.unheard;
        self.frozen.extend(outcome.frozen);
        self.scenes_lost.extend(outcome.lost);
        self.durable += outcome.durable.len();
        self.waits.extend(outcome.waits);
        for (code, count) in outcome.failed {
            *self.failed.entry(code).or_default() += count;
        }
        for (code, count) in outcome.notices {
            *self.notices.entry(code).or_default() += count;
        }
    }

    /// Whether every promise was kept.
    pub(crate) fn is_good(&self) -> bool {
        let children = self.kills.iter().filter(|kill| !kill.victim.starts_with("worker"));
        self.frozen.is_empty()
            && self.scenes_lost.is_empty()
            && self.messages_lost.is_empty()
            && self.kills.iter().all(|kill| kill.replaced.is_some())
            && children.filter_map(|kill| kill.replaced).all(|replaced| replaced <= WITHIN)
    }

    pub(crate) fn print(&self) {
        say(&format!("{} kills in {:.0} s", self.kills.len(), self.took.as_secs_f64()));
        say(&format!(
            "{:<18}{:>8}{:>10}{:>10}{:>10}{:>14}",
            "victim", "kills", "p50 ms", "p95 ms", "max ms", "not replaced"
        ));
        let mut victims = BTreeMap::<&str, Vec<Option<Duration>>>::new();
        for kill in &self.kills {
            victims.entry(kill.victim).or_default().push(kill.replaced);
        }
        for (victim, replaced) in victims {
            let mut times = replaced.iter().flatten().copied().collect::<Vec<_>>();
            times.sort();
            let missing = replaced.len() - times.len();
            let at = |share: f64| quantile(&times, share).as_secs_f64() * 1_000.0;
            say(&format!(
                "{victim:<18}{:>8}{:>10.0}{:>10.0}{:>10.0}{missing:>14}",
                replaced.len(),
                at(0.5),
                at(0.95),
                at(1.0)
            ));
        }
        let mut waits = self.waits.clone();
        waits.sort();
        say(&format!("\nturns                    {:>8}", self.turns));
        say(&format!("  answered               {:>8}", self.completed));
        say(&format!("  in a pause of theirs   {:>8}", self.early));
        say(&format!("  not understood         {:>8}", self.unheard));
        say(&format!(
            "  failed with a reason   {:>8}  {:?}",
            self.failed.values().sum::<usize>(),
            self.failed
        ));
        say(&format!(
            "  until answered, s      {:>8.1} p50 {:>6.1} p95 {:>6.1} max",
            quantile(&waits, 0.5).as_secs_f64(),
            quantile(&waits, 0.95).as_secs_f64(),
            quantile(&waits, 1.0).as_secs_f64()
        ));
        say(&format!("  frozen                 {:>8}  {:?}", self.frozen.len(), self.frozen));
        say(&format!("scenes lost              {:>8}  {:?}", self.scenes_lost.len(), self.scenes_lost));
        say(&format!("messages acknowledged    {:>8}  of {} stored", self.durable, self.stored));
        say(&format!("  of these lost          {:>8}  {:?}", self.messages_lost.len(), self.messages_lost));
        say(&format!("notices to the person    {:?}", self.notices));
    }
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// Figures go to stdout: they are the result.
pub(crate) fn say(line: &str) {
    // Whoever closed the pipe wants no more of it.
    let _ = writeln!(std::io::stdout(), "{line}");
}
