//! The sound of a voice: its pitch, how much the pitch moves, how fast and how evenly somebody speaks.
//!
//! [`Prosody`] listens at 16 kHz and yields a [`Track`], a frame every 10 ms. [`measure`] puts a track together with
//! the words that were said in it, and [`tone`] makes one score of the turns. Nothing here depends on how loud the
//! microphone is or how high the voice: pitch counts in semitones around the speaker's own median, loudness in dB
//! around the speaker's own mean.

mod cycles;
mod decimate;
mod level;
mod path;
mod period;
mod prosody;
#[cfg(test)]
mod tests;
mod tone;
mod track;
mod turn;

pub use self::{
    prosody::{Prosody, VoiceConfig},
    tone::{ToneBands, TonePart, ToneParts, VoiceBaseline, parts, tone},
    track::{FRAME_MS, Frame, Perturbation, Track},
    turn::{F0_PLOT_MS, Said, VoiceTurn, measure},
};
