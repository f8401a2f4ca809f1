//! Ports to models and their adapters: hearing, thinking, speaking. One model, one owner.

pub mod config;
pub mod port;
pub mod thread;
