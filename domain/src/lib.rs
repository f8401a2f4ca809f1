//! The pure core of Duologue. No clock, no task, no socket, no serde: input and time go in, effects come out.

pub mod conversation;
pub mod lang;
pub mod pcm;
pub mod ring;
pub mod turn;
pub mod viseme;
pub mod candor;
pub mod intimacy;
pub mod memory;
pub mod persona;
pub mod prompt;
