//! Models that compute at the same time share the cores of a small machine.
//!
//! The recogniser and the language model compute with several threads each, which wait for each other hundreds of times a
//! second. Where four of them have two cores, most of the time is spent waiting for one that has none: with one thread
//! each, both are faster (`docs/benchmarks.md`, "Several people"). While a voice makes the sound that somebody waits for
//! in silence, the language model rests: what it says next is not wanted before that has been heard. So each says when it
//! computes, and asks how many threads it had better take.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

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
}
