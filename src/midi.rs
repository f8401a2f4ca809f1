//! MIDI files outside the pure core: what is told of them, and how they sound.

pub mod compose;
mod document;
pub mod sound;

pub use self::document::{document, summary};
