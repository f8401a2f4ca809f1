//! How often the recogniser is asked before it must be: steps of the words so far, and a budget of
//! transcriptions begun in pauses. Pure; audio is the clock.

use std::time::Duration;

use duologue_domain::pcm::HEARING_RATE;

use super::Utterance;

const MS: u64 = HEARING_RATE as u64 / 1000;

/// The narrowest step. Ingest says when new words are worth their cost (and sooner while they may
/// interrupt); a machine that keeps up is not asked to leave any out.
const STEP: u64 = 200 * MS;

/// The widest step: the words shown are never older than this, a partial's two seconds in the queue and
/// its own decoding. Beyond it nobody would take them for what is being said.
const WIDEST: u64 = 3000 * MS;

/// Transcriptions begun in the pauses of one second of speech. A speaker makes fewer pauses; a noise that
/// comes and goes at the threshold makes more.
const PER_SECOND: usize = 3;

/// When the next partial is due. A partial that takes longer than a step widens the steps, so that the
/// recogniser is not asked for words that are out of date when they come.
#[derive(Debug)]
pub(super) struct Steps {
    step: u64,
    start: u64,
    next: u64,
}

impl Default for Steps {
    fn default() -> Self {
        Self { step: STEP, start: 0, next: 0 }
    }
}

impl Steps {
    /// Whether enough was said since the last one.
    pub(super) fn is_due(&self, utterance: Utterance) -> bool {
        utterance.start != self.start || utterance.end >= self.next
    }

    pub(super) fn asked(&mut self, utterance: Utterance) {
        (self.start, self.next) = (utterance.start, utterance.end + self.step);
    }

    /// The last partial took this long, its time in the queue included.
    pub(super) fn took(&mut self, time: Duration) {
        let spent = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(MS);
        // A quarter of the time is left to others; and a machine that was busy once is trusted again slowly.
        let wanted = spent.saturating_add(spent / 3).max(self.step - self.step / 4);
        self.widen_to(wanted);
    }

    /// The last partial was refused, or came too late to begin.
    pub(super) fn failed(&mut self) {
        self.widen_to(self.step * 2);
    }

    fn widen_to(&mut self, wanted: u64) {
        let step = wanted.clamp(STEP, WIDEST);
        if step > self.step {
            metrics::counter!("transcriber_partial_steps_widened_total").increment(1);
        }
        self.next = (self.next + step).saturating_sub(self.step);
        self.step = step;
    }
}

/// The budget of transcriptions that may turn out to be for nothing.
#[derive(Debug, Default)]
pub(super) struct Budget {
    begun: [Option<u64>; PER_SECOND],
}

impl Budget {
    /// Whether one more may begin in the pause at `position`; if so it is counted.
    pub(super) fn allows(&mut self, position: u64) -> bool {
        let since = position.saturating_sub(u64::from(HEARING_RATE));
        let free = self.begun.iter_mut().find(|begun| begun.is_none_or(|at| at < since || at > position));
        match free {
            Some(free) => {
                *free = Some(position);
                true
            }
            None => {
                metrics::counter!("transcriber_speculations_refused_total").increment(1);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Utterance {
        Utterance { start: 16, end: ms * MS }
    }

    /// Partials asked for in 12 s of speech by an Ingest that offers one every 608 ms, when each takes `ms`.
    fn asked(ms: u64) -> Vec<u64> {
        let mut steps = Steps::default();
        let offered = (1..=20).map(|index| 608 * index);
        let mut asked = Vec::new();
        for end in offered {
            if steps.is_due(at(end)) {
                steps.asked(at(end));
                steps.took(Duration::from_millis(ms));
                asked.push(end);
            }
        }
        asked
    }

    #[test]
    fn steps_widen_when_a_partial_takes_longer() {
        assert_eq!(asked(250).len(), 20, "every one is in time");
        assert_eq!(asked(900)[..3], [608, 1824, 3040]);
        let slow = asked(60_000);
        assert!(slow.len() >= 4, "never wider than three seconds: {slow:?}");
        assert!(slow.windows(2).all(|pair| pair[1] - pair[0] <= 3040), "{slow:?}");
    }

    #[test]
    fn steps_narrow_again_and_a_new_utterance_is_due_at_once() {
        let mut steps = Steps::default();
        steps.asked(at(600));
        (0..4).for_each(|_| steps.failed());
        assert!(!steps.is_due(at(1800)), "refused, and refused again");
        assert!(steps.is_due(Utterance { start: 99, end: 1800 * MS }));
        for round in 1..10 {
            steps.asked(at(3000 * round));
            steps.took(Duration::from_millis(100));
        }
        assert!(steps.is_due(at(27_000 + 608)));
    }

    #[test]
    fn a_second_has_three_speculations() {
        let mut budget = Budget::default();
        let allowed = |budget: &mut Budget, ms: u64| budget.allows(ms * MS);
        assert_eq!([100, 260, 420, 580].map(|ms| allowed(&mut budget, ms)), [true, true, true, false]);
        assert!(allowed(&mut budget, 1200), "the first is more than a second ago");
        assert!(!allowed(&mut budget, 1230));
        assert!(allowed(&mut budget, 40), "another clock: a restarted Ingest");
    }
}
