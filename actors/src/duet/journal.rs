//! From where a new Improviser goes on: a copy of the engine that is a second old at most, and what has happened since.
//!
//! The engine is a function of what it is told and when it is asked, so that doing the same again leads to the same
//! state, with the same promises, which were published when they were made and are not published twice. What was being
//! worked out when an Improviser died is left out: it may be what killed it. Two that died so in a row, and the third
//! begins anew.

use duologue_music::improv::{Improviser as Engine, Input};

/// Steps after which a new copy is made: more than a second of ticks.
const STEPS: usize = 64;

/// Time after which a new copy is made.
const COPY_EVERY_US: u64 = 1_000_000;

/// Deaths in a row over work after which nothing of the old engine is used.
const FAILURES: u32 = 2;

/// What the engine was told, and when it was asked.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) inputs: Vec<Input>,
    pub(super) now_us: u64,
}

/// The copy, and the steps since.
#[derive(Debug)]
pub(super) struct Journal {
    copy: Box<Engine>,
    copied_us: u64,
    steps: Vec<Step>,
    in_flight: bool,
    failures: u32,
}

impl Journal {
    /// Of an engine that nobody has told anything.
    pub(super) fn new(engine: Engine) -> Self {
        Self { copy: Box::new(engine), copied_us: 0, steps: Vec::new(), in_flight: false, failures: 0 }
    }

    /// A step is being worked out.
    pub(super) fn begin(&mut self) {
        self.in_flight = true;
    }

    /// It was, and what came of it was published.
    pub(super) fn done(&mut self, step: Step, engine: &Engine) {
        (self.in_flight, self.failures) = (false, 0);
        if self.steps.len() >= STEPS || step.now_us >= self.copied_us + COPY_EVERY_US {
            self.copied_us = step.now_us;
            *self.copy = engine.clone();
            self.steps.clear();
        } else {
            self.steps.push(step);
        }
    }

    /// What a new Improviser begins with; none when it had better begin anew.
    pub(super) fn restore(&mut self) -> Option<Restored> {
        if std::mem::take(&mut self.in_flight) {
            self.failures += 1;
        }
        (self.failures < FAILURES).then(|| {
            // Until it has come to where it was.
            self.in_flight = true;
            Restored { engine: Engine::clone(&self.copy), steps: self.steps.clone() }
        })
    }

    /// It has.
    pub(super) fn restored(&mut self) {
        self.in_flight = false;
    }

    /// A new engine takes the place of the old one.
    pub(super) fn anew(&mut self, engine: &Engine) {
        *self = Self::new(engine.clone());
    }
}

/// A copy of an engine that has yet to do what was done since.
#[derive(Debug)]
pub(super) struct Restored {
    engine: Engine,
    steps: Vec<Step>,
}

impl Restored {
    /// The engine as it was.
    pub(super) fn replay(self) -> Engine {
        let Self { mut engine, steps } = self;
        for step in steps {
            for input in step.inputs {
                engine.handle(input);
            }
            // Published long ago.
            let _known = engine.advance(step.now_us);
        }
        engine
    }
}
