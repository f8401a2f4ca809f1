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
pub mod clause;
pub mod endpoint;
pub mod heard;
pub mod repetition;
pub mod spoken;
pub mod text;
pub mod waterfall;
