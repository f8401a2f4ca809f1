//! The server: edge and composition root.

pub mod config;
pub mod error;
pub mod models;
pub mod store;
pub mod auth;
pub mod cli;
pub mod metrics;
pub mod personas;
