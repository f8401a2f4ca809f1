//! The engine: inputs in, promises out.

use super::types::{Input, Plan, Settings, Transport, Update};

/// A partner. See the module.
#[derive(Clone, Debug)]
pub struct Improviser {
    settings: Settings,
    plan: Plan,
}

impl Improviser {
    /// A partner that is silent until it is started or asked for something.
    pub fn new(settings: Settings) -> Self {
        Self { settings, plan: Plan::default() }
    }

    /// Takes note of something that happened. Cheap: what follows from it is worked out by [`Self::advance`].
    pub fn handle(&mut self, input: Input) {
        if let Input::Set { settings, .. } = input {
            self.settings = *settings;
        }
    }

    /// What is new at this time, which never goes back: to be called after inputs, and at least every 50 ms.
    pub fn advance(&mut self, _now_us: u64) -> Update {
        Update::default()
    }

    /// The settings that hold.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The plan that holds.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the beats are; none before the start.
    pub fn transport(&self) -> Option<Transport> {
        None
    }
}
