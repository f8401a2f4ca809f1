//! Opus, both ways: what is heard as 24 kHz samples, what is said as packets.
//!
//! WebRTC describes Opus as 48 kHz stereo whatever it carries (RFC 7587 §4.1, §7), so timestamps count 48,000 a second here
//! too. Sound is not resampled, though: libopus takes and gives 24 kHz, the rate of the sessions, by itself. It codes
//! speech below 12 kHz then, which is all that 24 kHz hold, its filters are part of its delay of 6.5 ms anyway, and half
//! of the samples are half of the work. A decoder of one channel mixes what a stereo sender sends.

mod decoder;
mod ear;
mod encoder;
mod mouth;
#[cfg(test)]
mod tests;

pub use self::{
    decoder::Decoder,
    ear::{Ear, EarStatistics},
    encoder::{Encoder, EncoderConfig},
    mouth::{Mouth, Spoken},
};

/// Samples in a second, both ways.
pub const RATE: u32 = 24_000;

/// Samples of a frame of 20 ms.
pub const SAMPLES: usize = 480;

/// Units of the RTP clock, 48 kHz, of a sample.
const UNITS: u32 = duologue_domain::jitter::CLOCK_HZ / RATE;

/// Parameters of Opus for an offer or an answer (RFC 7587 §6.1): what we can decode and want to be sent: a coarse copy
/// of each frame in the next (FEC). Silence is not to be left out (DTX), though it may be: what does not come has to be
/// waited for, and the end of a turn is silence.
pub const PARAMETERS: &str = "minptime=10;useinbandfec=1";

/// Why nothing could be coded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A frame to encode has another length than [`SAMPLES`].
    #[error("a frame has {SAMPLES} samples, not {0}")]
    Length(usize),
    /// What came is no packet of Opus.
    #[error("no packet of Opus")]
    Garbage,
    /// libopus says so.
    #[error("opus: {0}")]
    Library(String),
}

impl From<opus::Error> for CodecError {
    fn from(error: opus::Error) -> Self {
        Self::Library(error.to_string())
    }
}
