//! The pure core of Duologue. No clock, no task, no socket, no serde: input and time go in, effects come out.

pub mod lang;
pub mod viseme;
