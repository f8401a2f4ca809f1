//! The integration tests: one binary, one module per scenario.

pub(crate) mod store;
mod http;
