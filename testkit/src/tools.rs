//! Functions of another program, scripted.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use duologue_actors::tools::{ToolFailure, ToolSource};
use duologue_domain::tool::{Tool, ToolCall};
use futures_util::{FutureExt, future::BoxFuture};

use crate::Gate;

/// A program whose functions all return the same.
#[derive(Clone, Debug)]
pub struct FakeTools {
    /// Its switch: refused is unavailable, hanging never ends, panicking panics.
    pub gate: Gate,
    /// What was called.
    pub calls: Arc<Mutex<Vec<ToolCall>>>,
    /// How long each takes.
    pub per_call: Duration,
    /// What they are called.
    pub names: Vec<String>,
    /// What they return.
    pub returns: String,
}

impl FakeTools {
    /// These functions, each of which returns this after 100 ms.
    pub fn returning(names: &[&str], returns: &str) -> Self {
        Self {
            gate: Gate::default(),
            calls: Arc::default(),
            per_call: Duration::from_millis(100),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            returns: returns.to_owned(),
        }
    }

    /// How many calls have begun.
    pub fn count(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A function without arguments.
pub fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        description: format!("does {name}"),
        parameters: r#"{"type":"object","properties":{}}"#.into(),
    }
}

impl ToolSource for FakeTools {
    fn tools(&self) -> Arc<[Tool]> {
        self.names.iter().map(|name| tool(name)).collect()
    }

    fn within(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, ToolFailure>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        let passed = self.gate.pass("fake-tools");
        let fake = self.clone();
        async move {
            passed.map_err(|error| ToolFailure::new("tool_unavailable", error.message))?;
            fake.gate.step().await;
            tokio::time::sleep(fake.per_call).await;
            Ok(fake.returns)
        }
        .boxed()
    }
}
