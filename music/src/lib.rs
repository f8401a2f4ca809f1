//! Music as pure functions: no IO, no clock, no randomness that is not seeded.
//!
//! [`smf`] turns bytes into a [`score::Score`] and back. [`analysis::analyze`] says what a score is: [`metre`] where
//! bars and beats are, [`key`] and [`harmony`] in which keys and over which chords it goes, [`roman`] and [`cadence`]
//! what they do there, [`groove`] and [`style`] how it moves. [`metrics`] judge a part against another, [`motif`]
//! remembers what a player likes. [`improv`] is the partner of a duet: it hears, plans and promises notes.

pub mod analysis;
pub mod cadence;
pub mod chord;
pub mod gm;
pub mod groove;
pub mod harmony;
pub mod improv;
pub mod key;
pub mod metre;
pub mod metrics;
pub mod motif;
pub mod roman;
pub mod score;
pub mod smf;
pub mod style;
#[cfg(test)]
mod tests;
