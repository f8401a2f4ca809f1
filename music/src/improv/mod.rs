//! The partner of a duet: what it hears, what it plans, what it has promised to play.
//!
//! Everything is a function of the settings, the seed and the events: no clock, no task, no randomness that is not
//! seeded. Times are microseconds on the duet's own clock, which its owner shares with every player. Whoever owns an
//! [`Improviser`] hands it what was played, and asks it now and then ([`Improviser::advance`]) what is to be played: it
//! always has a plan, at least a beat and as a rule two bars ahead, and promises what begins within
//! [`Settings::commit_us`]. What it has promised is never taken back except by an end; everything later may change.

pub mod ask;
mod engine;
mod render;
mod types;

pub use engine::Improviser;
pub use render::{Kind, Offline, render};
pub use types::{
    Complexity, Heard, Input, Mode, Part, Plan, Planned, PlannedChord, PlayerId, Request, Settings, Style,
    Tempo, Transport, Update,
};
