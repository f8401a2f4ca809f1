//! The integration tests: one binary, one module per scenario.

mod admission;
mod duet;
mod fairness;
pub(crate) mod http;
mod landmarks;
mod network;
mod outage;
mod pictures;
mod private;
mod process;
mod resume;
mod rtc;
mod sigkill;
pub(crate) mod store;
mod tools;
pub(crate) mod ws;
