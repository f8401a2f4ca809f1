//! The integration tests: one binary, one module per scenario.

mod admission;
pub(crate) mod http;
mod landmarks;
mod network;
mod outage;
mod process;
mod resume;
mod sigkill;
pub(crate) mod store;
pub(crate) mod ws;
