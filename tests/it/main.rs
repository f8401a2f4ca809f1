//! The integration tests: one binary, one module per scenario.

mod store;
