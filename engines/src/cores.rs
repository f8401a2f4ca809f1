//! Models that compute at the same time share the cores of a small machine.
//!
//! The recogniser and the language model compute with several threads each, which wait for each other hundreds of times a
//! second. Where four of them have two cores, most of the time is spent waiting for one that has none: with one thread
//! each, both are faster (`docs/benchmarks-log.md`, "Several people"). While a voice makes the sound that somebody waits for
//! in silence, the language model rests: what it says next is not wanted before that has been heard. So each says when it
//! computes, and asks how many threads it had better take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A rest takes so long at most: a voice that hangs keeps nobody from thinking, and a clause that takes longer is no short
/// one.
const REST: Duration = Duration::from_secs(1);

/// Who computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The recogniser.
    Hearing,
    /// The language model.
    Thinking,
    /// A voice, for somebody who hears nothing yet.
    Speaking,
}

/// Who computes just now. The default is a machine on which all find room.
#[derive(Debug, Default)]
pub struct Cores {
    are_few: bool,
    hearing: AtomicUsize,
    thinking: AtomicUsize,
    speaking: AtomicUsize,
}

impl Cores {
    /// Of a machine with so many, for models that use so many threads each when they are alone.
    pub fn new(cores: usize, hearing: u16, thinking: u16) -> Arc<Self> {
        let are_few = usize::from(hearing) + usize::from(thinking) > cores;
        Arc::new(Self { are_few, ..Self::default() })
    }

    /// Says that a model computes, until what is answered is dropped.
    pub fn enter(self: &Arc<Self>, model: Model) -> Computing {
        self.count(model).fetch_add(1, Ordering::AcqRel);
        Computing(Arc::clone(self), model)
    }

    /// How many threads `model` had better take at most, since others need cores as well; with 0 it rests.
    pub fn threads(&self, model: Model) -> u16 {
        let computes = |model| self.count(model).load(Ordering::Acquire) > 0;
        match model {
            _ if !self.are_few => u16::MAX,
            Model::Thinking if computes(Model::Speaking) => 0,
            Model::Thinking if computes(Model::Hearing) => 1,
            Model::Hearing if computes(Model::Thinking) || computes(Model::Speaking) => 1,
            _ => u16::MAX,
        }
    }

    fn count(&self, model: Model) -> &AtomicUsize {
        match model {
            Model::Hearing => &self.hearing,
            Model::Thinking => &self.thinking,
            Model::Speaking => &self.speaking,
        }
    }
}

/// A model computes while this lives.
#[derive(Debug)]
pub struct Computing(Arc<Cores>, Model);

impl Drop for Computing {
    fn drop(&mut self) {
        self.0.count(self.1).fetch_sub(1, Ordering::AcqRel);
    }
}

/// When a model rests: for [`REST`] at most, and not again before as long has passed as it last rested. So it has half of
/// the time at least, however many short texts somebody has spoken one after the other.
#[derive(Debug)]
pub struct Rests {
    /// Since when others want it to rest, until none does.
    wanted_since: Option<Instant>,
    not_before: Instant,
}

impl Rests {
    /// Of a model that may rest from now on.
    pub fn new(now: Instant) -> Self {
        Self { wanted_since: None, not_before: now }
    }

    /// Whether it rests, if others want it to or do not; asked whenever that may have changed.
    pub fn rests(&mut self, wanted: bool, now: Instant) -> bool {
        if wanted {
            let since = *self.wanted_since.get_or_insert(now);
            return self.not_before <= now && now < since + REST;
        }
        if let Some(since) = self.wanted_since.take() {
            let rested = now.min(since + REST).saturating_duration_since(since.max(self.not_before));
            self.not_before = self.not_before.max(now + rested);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u16 = u16::MAX;

    #[test]
    fn on_few_cores_each_sees_whether_the_other_computes() {
        let cores = Cores::new(2, 2, 2);
        assert_eq!([cores.threads(Model::Hearing), cores.threads(Model::Thinking)], [ALL, ALL]);
        let hearing = cores.enter(Model::Hearing);
        assert_eq!(cores.threads(Model::Thinking), 1);
        assert_eq!(cores.threads(Model::Hearing), ALL, "nobody makes room for himself");
        let again = cores.enter(Model::Hearing);
        drop(hearing);
        assert_eq!(cores.threads(Model::Thinking), 1, "one of two");
        drop(again);
        assert_eq!(cores.threads(Model::Thinking), ALL);
    }

    #[test]
    fn while_somebody_waits_for_a_voice_the_language_model_rests() {
        let cores = Cores::new(2, 2, 2);
        let hearing = cores.enter(Model::Hearing);
        let speaking = cores.enter(Model::Speaking);
        assert_eq!(cores.threads(Model::Thinking), 0);
        assert_eq!([cores.threads(Model::Hearing), cores.threads(Model::Speaking)], [1, ALL]);
        drop(speaking);
        assert_eq!(cores.threads(Model::Thinking), 1);
        drop(hearing);
        assert_eq!(cores.threads(Model::Thinking), ALL);
    }

    #[test]
    fn with_a_core_for_every_thread_nobody_makes_room() {
        let cores = Cores::new(4, 2, 2);
        let _all = [Model::Hearing, Model::Thinking, Model::Speaking].map(|model| cores.enter(model));
        assert_eq!([cores.threads(Model::Hearing), cores.threads(Model::Thinking)], [ALL, ALL]);
    }
    fn at(start: Instant) -> impl Fn(u64) -> Instant {
        move |ms| start + Duration::from_millis(ms)
    }

    #[test]
    fn beside_a_voice_that_hangs_a_model_rests_once_for_a_second() {
        let at = at(Instant::now());
        let mut model = Rests::new(at(0));
        let rested: Vec<u64> = (0..5_000).step_by(20).filter(|ms| model.rests(true, at(*ms))).collect();
        assert_eq!((rested.first(), rested.last(), rested.len()), (Some(&0), Some(&980), 50));
        assert!(!model.rests(false, at(5_000)));
        assert!(!model.rests(true, at(5_020)), "it has just rested for a second");
    }

    #[test]
    fn it_rests_again_when_as_long_has_passed_as_it_rested() {
        let at = at(Instant::now());
        let mut model = Rests::new(at(0));
        assert!(model.rests(true, at(0)));
        assert!(!model.rests(false, at(300)));
        assert!(!model.rests(true, at(599)));
        assert!(model.rests(true, at(600)), "the same want, later");
        assert!(!model.rests(false, at(700)), "100 ms of it were a rest");
        assert!(!model.rests(true, at(799)));
        assert!(model.rests(true, at(800)));
    }

    #[test]
    fn whoever_has_text_after_text_spoken_leaves_it_half_of_the_time() {
        for (spoken, pause) in [(20, 20), (100, 20), (300, 20), (980, 20), (1_500, 20), (300, 200)] {
            let at = at(Instant::now());
            let mut model = Rests::new(at(0));
            let times: Vec<u64> = (0..60_000).step_by(20).collect();
            let rested =
                times.iter().filter(|ms| model.rests(**ms % (spoken + pause) < spoken, at(**ms))).count();
            assert!(
                rested * 2 <= times.len() + 50,
                "{rested} of {} with {spoken} and {pause} ms",
                times.len()
            );
            assert!(rested * 10 > times.len(), "{rested} of {} with {spoken} and {pause} ms", times.len());
        }
    }
}
