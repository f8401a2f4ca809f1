//! How many scenes in conversation a machine carries, learnt from what its turns took. No clock: times come in.
//!
//! An idle scene costs next to nothing; one in conversation costs what its models compute. Nothing is known before
//! the first turns, so nothing is limited. Then the quickest of them tell what a turn costs by itself, and how many
//! such turns fit one after another below the bar, which is the worst that several people can do: all stop talking at
//! once. From there on the waits themselves decide: above the bar one place less, well below it with all places taken
//! one more. The gap between the two, and a fresh set of turns after every change, keep the number from swinging.

mod drain;
mod line;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use self::{
    drain::Drain,
    line::{Entry, Line, Wait},
};

/// Turns before anything is concluded: fewer would be one person's accident.
const FIRST: usize = 5;
/// Turns that are remembered to tell what one costs by itself.
const REMEMBERED: usize = 32;
/// Turns after a change before the next one.
const LEAST: usize = 8;
/// Turns of which the 95th percentile is taken.
const WINDOW: usize = 20;
/// A place less above the bar times this: what is measured on a shared machine is fair within a fifth.
const TOO_LATE: f64 = 1.2;
/// A place more below the bar times this.
const EASY: f64 = 0.8;
/// No place more while the models already fill this share of the cores.
const FULL: f64 = 0.9;
/// The time over which that share is taken.
const SHARE_MS: u64 = 60_000;
/// The event loop is late when it runs so much behind.
const LAG_MS: u64 = 250;
/// And in time again below this.
const CALM_MS: u64 = 100;
/// Looks in a row that make the machine strained, or calm again.
const LOOKS: u32 = 3;

/// What an operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// So many may always talk.
    pub floor: usize,
    /// More never do.
    pub ceiling: usize,
    /// The 95th percentile of voice to voice stays below this.
    pub bar_ms: u64,
    /// Cores of the machine.
    pub cores: usize,
}

/// One turn that was answered aloud, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// When it was answered, on any clock.
    pub at_ms: u64,
    /// From the end of speech to the first sound.
    pub total_ms: u64,
    /// Of it or beside it: what the models computed.
    pub models_ms: u64,
    /// Scenes in conversation at that moment, this one included.
    pub talking: usize,
}

/// Why it is as many as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The operator has fixed it.
    Fixed,
    /// Too few turns so far: nothing is limited.
    Unmeasured,
    /// From what a turn costs by itself.
    Predicted {
        /// What the models compute for a turn.
        models_ms: u64,
    },
    /// Answers came too late.
    Late {
        /// 95th percentile of the last turns.
        p95_ms: u64,
    },
    /// Answers came early with all places taken.
    Early {
        /// 95th percentile of the last turns.
        p95_ms: u64,
    },
    /// The event loop runs late: nobody else for now.
    Strained,
}

impl Why {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Unmeasured => "unmeasured",
            Self::Predicted { .. } => "predicted",
            Self::Late { .. } => "late",
            Self::Early { .. } => "early",
            Self::Strained => "strained",
        }
    }
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Capacity {
    bounds: Bounds,
    /// `None` until the first turns.
    learned: Option<usize>,
    why: Why,
    /// What a turn costs.
    recent: VecDeque<Turn>,
    /// Turns since the last change.
    window: VecDeque<Turn>,
    /// When the models computed how much.
    computed: VecDeque<(u64, u64)>,
    late_looks: u32,
    calm_looks: u32,
    strained: bool,
}

impl Capacity {
    /// Knows nothing.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            learned: None,
            why: Why::Unmeasured,
            recent: VecDeque::new(),
            window: VecDeque::new(),
            computed: VecDeque::new(),
            late_looks: 0,
            calm_looks: 0,
            strained: false,
        }
    }

    /// How many scenes may be in conversation while `talking` are.
    pub fn places(&self, talking: usize) -> usize {
        let Bounds { floor, ceiling, .. } = self.bounds;
        let learned = self.learned.unwrap_or(ceiling);
        let now = if self.strained { learned.min(talking) } else { learned };
        now.max(floor).min(ceiling)
    }

    /// Whether anything is known.
    pub fn is_measured(&self) -> bool {
        self.learned.is_some()
    }

    /// Why it is as many.
    pub fn why(&self) -> Why {
        if self.strained { Why::Strained } else { self.why }
    }

    /// The 95th percentile of voice to voice of the last turns.
    pub fn p95_ms(&self) -> Option<u64> {
        let turns = if self.window.is_empty() { &self.recent } else { &self.window };
        p95(turns.iter().map(|turn| turn.total_ms))
    }

    /// The share of the cores' time that models computed in the last minute.
    pub fn share(&self, now_ms: u64) -> f64 {
        let since = now_ms.saturating_sub(SHARE_MS);
        let computed = self.computed.iter().filter(|(at, _)| *at >= since).map(|(_, ms)| ms).sum::<u64>();
        computed as f64 / (SHARE_MS * self.bounds.cores.max(1) as u64) as f64
    }

    /// A turn was answered. True when the number of places has changed.
    pub fn handle_turn(&mut self, turn: Turn) -> bool {
        keep(&mut self.recent, turn, REMEMBERED);
        keep(&mut self.window, turn, WINDOW);
        // As many as a busy minute of sixty people has.
        keep(&mut self.computed, (turn.at_ms, turn.models_ms), 512);
        match self.learned {
            None if self.recent.len() < FIRST => false,
            None => {
                let (places, models_ms) = self.predict();
                self.change(places, Why::Predicted { models_ms })
            }
            Some(places) => self.judge(places, turn.at_ms),
        }
    }

    /// The event loop was so late. True when the machine has become strained or calm.
    pub fn handle_lag(&mut self, lag_ms: u64) -> bool {
        self.late_looks = if lag_ms > LAG_MS { self.late_looks + 1 } else { 0 };
        self.calm_looks = if lag_ms < CALM_MS { self.calm_looks + 1 } else { 0 };
        let before = self.strained;
        match self.strained {
            false => self.strained = self.late_looks >= LOOKS,
            true => self.strained = self.calm_looks < LOOKS,
        }
        before != self.strained
    }

    /// How many turns fit one after another, by the quickest quarter of those remembered: what a turn costs when
    /// nobody is in its way.
    fn predict(&self) -> (usize, u64) {
        let mut quickest = self.recent.iter().collect::<Vec<_>>();
        quickest.sort_by_key(|turn| turn.total_ms);
        quickest.truncate(self.recent.len().div_ceil(4));
        let mean = |of: fn(&Turn) -> u64| {
            quickest.iter().map(|turn| of(turn)).sum::<u64>() / quickest.len().max(1) as u64
        };
        let models = mean(|turn| turn.models_ms);
        let fixed = mean(|turn| turn.total_ms.saturating_sub(turn.models_ms));
        let fit = self.bounds.bar_ms.saturating_sub(fixed).checked_div(models);
        let places = fit.map_or(self.bounds.ceiling, |fit| usize::try_from(fit).unwrap_or(usize::MAX));
        (places.max(1), models)
    }

    fn judge(&mut self, places: usize, now_ms: u64) -> bool {
        if self.window.len() < LEAST {
            return false;
        }
        let Some(p95_ms) = self.p95_ms() else { return false };
        let share_of_bar = p95_ms as f64 / self.bounds.bar_ms.max(1) as f64;
        let most = self.window.iter().map(|turn| turn.talking).max().unwrap_or(0);
        if share_of_bar > TOO_LATE && most > 1 {
            let fewer = places.min(most) - 1;
            // Twice as late as it should be is not mended by one place.
            let fewer = if share_of_bar > 2.0 { (fewer * 3).div_ceil(4) } else { fewer };
            return self.change(fewer, Why::Late { p95_ms });
        }
        if share_of_bar < EASY && most >= places && self.share(now_ms) < FULL {
            return self.change(places + 1, Why::Early { p95_ms });
        }
        false
    }

    fn change(&mut self, places: usize, why: Why) -> bool {
        let places = Some(places.max(self.bounds.floor).min(self.bounds.ceiling));
        if self.learned == places {
            return false;
        }
        self.learned = places;
        self.why = why;
        // The next change is judged by turns under this one.
        self.window.clear();
        true
    }
}

fn keep<T>(all: &mut VecDeque<T>, one: T, most: usize) {
    if all.len() >= most {
        all.pop_front();
    }
    all.push_back(one);
}

/// The nearest rank.
fn p95(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values = values.collect::<Vec<_>>();
    values.sort_unstable();
    let rank = (values.len() * 95).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}
