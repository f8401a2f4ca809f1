//! Two models that compute at the same time share the cores of a small machine.
//!
//! The recogniser and the language model compute with several threads each, which wait for each other hundreds of times a
//! second. Where four of them have two cores, most of the time is spent waiting for one that has none: with one thread
//! each, both are faster (`docs/benchmarks.md`, "Several people"). So each says when it computes, and looks at whether the
//! other does.

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
}

/// Who computes just now. The default is a machine on which both find room.
#[derive(Debug, Default)]
pub struct Cores {
    are_few: bool,
    hearing: AtomicUsize,
    thinking: AtomicUsize,
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

    /// Whether `model` had better compute with one thread, since the other needs cores as well.
    pub fn are_shared(&self, model: Model) -> bool {
        let other = match model {
            Model::Hearing => Model::Thinking,
            Model::Thinking => Model::Hearing,
        };
        self.are_few && self.count(other).load(Ordering::Acquire) > 0
    }

    fn count(&self, model: Model) -> &AtomicUsize {
        match model {
            Model::Hearing => &self.hearing,
            Model::Thinking => &self.thinking,
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

    #[test]
    fn on_few_cores_each_sees_whether_the_other_computes() {
        let cores = Cores::new(2, 2, 2);
        assert!(!cores.are_shared(Model::Hearing) && !cores.are_shared(Model::Thinking));
        let hearing = cores.enter(Model::Hearing);
        assert!(cores.are_shared(Model::Thinking));
        assert!(!cores.are_shared(Model::Hearing), "nobody makes room for himself");
        let again = cores.enter(Model::Hearing);
        drop(hearing);
        assert!(cores.are_shared(Model::Thinking), "one of two");
        drop(again);
        assert!(!cores.are_shared(Model::Thinking));
    }

    #[test]
    fn with_a_core_for_every_thread_nobody_makes_room() {
        let cores = Cores::new(4, 2, 2);
        let _both = (cores.enter(Model::Hearing), cores.enter(Model::Thinking));
        assert!(!cores.are_shared(Model::Hearing) && !cores.are_shared(Model::Thinking));
    }
}
