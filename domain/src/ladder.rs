//! The budget of a turn: what is given up, step by step, when answers come later than they should, and taken back
//! when there is time again.

/// What a session does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Nothing.
    Full,
    /// A long first clause: the first sound comes after fewer words.
    ShortFirstClause,
    /// Words while they are spoken: the machine transcribes only at pauses, and reads nothing ahead.
    NarrowHearing,
    /// The persona's own voice: a faster one speaks.
    FastVoice,
    /// The large language model.
    SmallModel,
}

impl Step {
    /// The stable name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ShortFirstClause => "short_first_clause",
            Self::NarrowHearing => "narrow_hearing",
            Self::FastVoice => "fast_voice",
            Self::SmallModel => "small_model",
        }
    }
}

/// Misses among the last turns after which the next step is taken: one slow turn is an accident.
const MISSES: u32 = 2;
/// Turns that count as the last ones.
const RECENT: u32 = 3;
/// Turns in a row with time to spare before a step is taken back: going up costs time, and a machine that was too
/// slow a minute ago is likely to be again.
const EASY: u32 = 4;

/// The machine.
#[derive(Clone, Debug)]
pub struct Ladder {
    target_ms: u64,
    steps: Vec<Step>,
    at: usize,
    /// Bit `n` is set when the turn `n` turns ago was late.
    late: u32,
    easy: u32,
}

impl Ladder {
    /// A ladder for `target_ms` from the end of speech to the first sound; `optional` are the steps beyond those that
    /// cost nothing but comfort, for what is configured.
    pub fn new(target_ms: u64, optional: &[Step]) -> Self {
        let mut steps = vec![Step::Full, Step::ShortFirstClause, Step::NarrowHearing];
        steps.extend(optional.iter().filter(|step| **step > Step::NarrowHearing));
        steps.sort_unstable();
        steps.dedup();
        Self { target_ms, steps, at: 0, late: 0, easy: 0 }
    }

    /// What answers should take.
    pub fn target_ms(&self) -> u64 {
        self.target_ms
    }

    /// The deepest step in force; those before it are in force too.
    pub fn step(&self) -> Step {
        self.steps[self.at]
    }

    /// Whether `step` is in force.
    pub fn gives_up(&self, step: Step) -> bool {
        step != Step::Full && self.steps[..=self.at].contains(&step)
    }

    /// A turn took this long. Answers whether the step changed.
    pub fn handle_turn(&mut self, total_ms: u64) -> bool {
        let late = total_ms > self.target_ms;
        self.late = (self.late << 1 | u32::from(late)) & ((1 << RECENT) - 1);
        self.easy = if total_ms * 4 <= self.target_ms * 3 { self.easy + 1 } else { 0 };
        if self.late.count_ones() >= MISSES && self.at + 1 < self.steps.len() {
            self.at += 1;
        } else if self.easy >= EASY && self.at > 0 {
            self.at -= 1;
        } else {
            return false;
        }
        // The next move is judged by turns under the new step.
        (self.late, self.easy) = (0, 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ladder: &mut Ladder, turns: &[u64]) -> Vec<Step> {
        turns.iter().map(|turn| (ladder.handle_turn(*turn), ladder.step()).1).collect()
    }

    #[test]
    fn steps_down_when_late_and_up_when_easy() {
        use Step::{Full, NarrowHearing, ShortFirstClause};
        let mut ladder = Ladder::new(1000, &[]);
        assert_eq!(after(&mut ladder, &[1500, 900, 900, 1500]), [Full; 4], "one late turn in three");
        assert_eq!(after(&mut ladder, &[1200]), [ShortFirstClause]);
        assert_eq!(after(&mut ladder, &[1200, 1200]), [ShortFirstClause, NarrowHearing]);
        assert_eq!(after(&mut ladder, &[9000; 9]), [NarrowHearing; 9], "there is no further step");
        assert_eq!(
            after(&mut ladder, &[700; 8])[2..],
            [NarrowHearing, ShortFirstClause, ShortFirstClause, ShortFirstClause, ShortFirstClause, Full]
        );
        assert_eq!(after(&mut ladder, &[100; 9]), [Full; 9]);
    }

    #[test]
    fn in_time_but_not_easy_stays() {
        let mut ladder = Ladder::new(1000, &[]);
        ladder.handle_turn(2000);
        ladder.handle_turn(2000);
        assert_eq!(after(&mut ladder, &[900; 50]), [Step::ShortFirstClause; 50]);
    }

    #[test]
    fn deeper_steps_keep_the_ones_before() {
        let mut ladder = Ladder::new(1000, &[Step::SmallModel, Step::FastVoice]);
        for _ in 0..20 {
            ladder.handle_turn(5000);
        }
        assert_eq!(ladder.step(), Step::SmallModel);
        for step in [Step::ShortFirstClause, Step::NarrowHearing, Step::FastVoice, Step::SmallModel] {
            assert!(ladder.gives_up(step), "{step:?}");
        }
        assert!(!Ladder::new(1000, &[]).gives_up(Step::Full));
        let mut short = Ladder::new(1000, &[Step::SmallModel]);
        for _ in 0..20 {
            short.handle_turn(5000);
        }
        assert!(!short.gives_up(Step::FastVoice), "not configured");
    }
}
