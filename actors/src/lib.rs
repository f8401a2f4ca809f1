//! The supervised tree of a session.

pub mod store;
