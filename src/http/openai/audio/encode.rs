//! Speech as a file that is sent while it is being made.

mod flac;
mod mp3;
mod ogg;
#[cfg(test)]
mod tests;

use duologue_domain::pcm;
use duologue_engines::port::SPEECH_RATE;

use self::{flac::Flac, mp3::Mp3, ogg::OggOpus};
use crate::http::voice::wav_header;

/// What speech can be sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    Pcm,
    Opus,
    Mp3,
    Flac,
}

impl Format {
    /// For people who asked for another one.
    pub(super) const NAMES: &'static str = "mp3, opus, flac, wav or pcm";

    /// By OpenAI's name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "wav" => Self::Wav,
            "pcm" => Self::Pcm,
            "opus" => Self::Opus,
            "mp3" => Self::Mp3,
            "flac" => Self::Flac,
            _ => return None,
        })
    }

    /// `Content-Type`.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm;rate=24000;channels=1",
            Self::Opus => "audio/ogg; codecs=opus",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
        }
    }
}

/// An encoder cannot go on. Nothing that a client sends leads here.
#[derive(Debug, thiserror::Error)]
#[error("the sound cannot be encoded: {0}")]
pub(super) struct EncodeError(String);

/// One file.
pub(super) struct Encoder(Kind);

enum Kind {
    Wav { begun: bool },
    Pcm,
    Opus(Box<OggOpus>),
    Mp3(Box<Mp3>),
    Flac(Box<Flac>),
}

impl Encoder {
    /// For 24 kHz mono.
    ///
    /// # Errors
    /// The encoder could not be made.
    pub(super) fn new(format: Format) -> Result<Self, EncodeError> {
        Ok(Self(match format {
            Format::Wav => Kind::Wav { begun: false },
            Format::Pcm => Kind::Pcm,
            Format::Opus => Kind::Opus(Box::new(OggOpus::new(rand::random())?)),
            Format::Mp3 => Kind::Mp3(Box::new(Mp3::new())),
            Format::Flac => Kind::Flac(Box::default()),
        }))
    }

    /// More sound in [-1, 1]; what is ready of the file, which may be nothing yet.
    ///
    /// # Errors
    /// The encoder broke.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, EncodeError> {
        let samples: Vec<i16> = samples.iter().copied().map(pcm::from_float).collect();
        match &mut self.0 {
            Kind::Pcm => Ok(pcm::to_le_bytes(&samples)),
            Kind::Wav { begun } => {
                let header =
                    if std::mem::replace(begun, true) { Vec::new() } else { wav_header(None).to_vec() };
                Ok([header, pcm::to_le_bytes(&samples)].concat())
            }
            Kind::Opus(opus) => opus.push(&samples),
            Kind::Mp3(mp3) => mp3.push(&samples),
            Kind::Flac(flac) => Ok(flac.push(&samples)),
        }
    }

    /// The rest of the file.
    ///
    /// # Errors
    /// The encoder broke.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, EncodeError> {
        match &mut self.0 {
            Kind::Pcm | Kind::Wav { .. } => Ok(Vec::new()),
            Kind::Opus(opus) => opus.finish(),
            Kind::Mp3(mp3) => mp3.finish(),
            Kind::Flac(flac) => Ok(flac.finish()),
        }
    }
}

/// Samples a second of every file.
const RATE: u32 = SPEECH_RATE;
