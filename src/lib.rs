//! The server: edge and composition root.

pub mod config;
pub mod error;
pub mod models;
pub mod store;
