//! The server: edge and composition root.
//!
//! A request reads straight down: `main` → `cli` → [`server`] → [`http`] or [`ws`] → [`scene`] → the session tree of
//! `duologue_actors` → the engines of `duologue_engines`.

pub mod analysis;
pub mod auth;
pub mod cli;
pub mod config;
pub mod documents;
mod door;
pub mod engines;
pub mod error;
mod feedback;
pub mod http;
pub mod mcp;
pub mod measure;
pub mod metrics;
pub mod midi;
pub mod models;
pub mod openapi;
pub mod personas;
mod report;
mod rtc;
pub mod scene;
pub mod server;
pub mod sound;
pub mod state;
pub mod store;
pub mod talk;
pub mod wav;
pub mod ws;
