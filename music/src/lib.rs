//! Music as pure functions: no IO, no clock, no randomness that is not seeded.
//!
//! [`smf`] turns bytes into a [`score::Score`] and back. [`metre`] says where bars and beats are, [`key`] and
//! [`harmony`] what is played.

pub mod chord;
pub mod harmony;
pub mod key;
pub mod metre;
pub mod score;
pub mod smf;
