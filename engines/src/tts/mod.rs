//! Speaking: local neural voices, espeak as the last resort, online voices, and the chain over all.
//!
//! A local voice is a [`Synth`] on its own engine thread: it turns a clause into short pieces of
//! phonemes and a piece into sound. What is common to all (limits, cancelling between pieces, trimming,
//! loudness, fades, mouth shapes, chunks) is in [`speak`].

pub mod chain;
mod cover;
pub mod dsp;
pub mod edge;
pub mod espeak;
pub mod hibari;
pub mod kokoro;
pub mod piper;
mod program;
mod speak;
#[cfg(test)]
mod tests;
mod text;
mod vocabulary;

pub(crate) use self::speak::{Synth, check};
pub use self::{
    chain::VoiceChain,
    edge::EdgeTts,
    speak::{LocalTts, Neural},
};
