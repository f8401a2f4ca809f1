//! The partner of a duet: what it hears, what it plans, what it has promised to play.
//!
//! Everything is a function of the settings, the seed and the events: no clock, no task, no randomness that is not
//! seeded. Times are microseconds on the duet's own clock, which its owner shares with every player. Whoever owns an
//! [`Improviser`] hands it what was played, and asks it now and then ([`Improviser::advance`]) what is to be played: it
//! always has a plan, at least a beat and as a rule two bars ahead, and promises what begins within
//! [`Settings::commit_us`]. What it has promised is never taken back except by an end; everything later may change.

pub mod ask;
mod bar;
mod bass;
mod book;
mod clock;
mod comp;
mod counter;
mod dice;
mod drums;
mod ear;
mod ending;
mod engine;
mod follow;
mod forms;
mod harmony;
mod judge;
mod keyfind;
mod lead;
mod ornament;
mod planner;
pub mod players;
mod render;
#[cfg(test)]
mod tests;
mod tracker;
mod types;
mod voicing;
mod wishes;

pub use book::program;
pub use engine::Improviser;
pub use judge::{Performance, Played, Scorecard, judge, perform, scorecard};
pub use render::{Kind, Offline, render};
pub use types::{
    Complexity, Heard, Input, Mode, Part, Plan, Planned, PlannedChord, PlayerId, Request, Settings, Style,
    Tempo, Transport, Update,
};
