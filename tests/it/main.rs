//! The integration tests: one binary, one module per scenario.

mod http;
pub(crate) mod store;
