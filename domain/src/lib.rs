//! The pure core of Duologue. No clock, no task, no socket, no serde: input and time go in, effects come out.

pub mod agreement;
pub mod candor;
pub mod clause;
pub mod conversation;
pub mod echo;
pub mod endpoint;
pub mod hangul;
pub mod heard;
pub mod interrupt;
pub mod intimacy;
pub mod ipa;
pub mod ladder;
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
pub mod thrift;
pub mod turn;
pub mod viseme;
pub mod waterfall;
