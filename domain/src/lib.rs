//! The pure core of Duologue. No clock, no task, no socket, no serde: input and time go in, effects come out.

pub mod candor;
pub mod clause;
pub mod conversation;
pub mod endpoint;
pub mod hangul;
pub mod heard;
pub mod intimacy;
pub mod ipa;
pub mod lang;
pub mod memory;
pub mod numbers;
pub mod pcm;
pub mod persona;
pub mod prompt;
pub mod repetition;
pub mod ring;
pub mod spoken;
pub mod text;
pub mod turn;
pub mod viseme;
pub mod waterfall;
