//! The integration tests: one binary, one module per scenario.

pub(crate) mod http;
pub(crate) mod store;
mod ws;
