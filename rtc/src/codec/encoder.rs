//! Samples to packets.

use std::fmt;

use opus::{Application, Bitrate, Channels, Signal};

use super::{CodecError, RATE, SAMPLES};

/// Most bytes of one frame (RFC 6716 §3.4); ours have about 80.
const MAX_FRAME: usize = 1_275;

/// Of 10. Speech of 32 kbit/s gains nothing audible above, and a frame takes half of the time that 10 takes.
const COMPLEXITY: i32 = 6;

/// Frames of up to two bytes say that nobody speaks; libopus documents the number.
const SILENT: usize = 2;

/// How sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Bits a second, without headers; 6,000 to 128,000.
    pub bitrate: u32,
    /// Whether each packet has a coarse copy of the one before it.
    pub fec: bool,
    /// Whether silence is left out.
    pub dtx: bool,
    /// Percent of packets that are taken to be lost until more is known: it decides how good the copies are.
    pub expected_loss: u8,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        // 32 kbit/s is where voices of 24 kHz stop sounding coded, copies included; 5 % keeps copies in every packet.
        Self { bitrate: 32_000, fec: true, dtx: true, expected_loss: 5 }
    }
}

/// An encoder of one voice.
pub struct Encoder {
    inner: opus::Encoder,
    /// The last packet said that silence begins.
    silent: bool,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("silent", &self.silent).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for [`RATE`], mono.
    ///
    /// # Errors
    /// libopus has no memory, or a value is out of its range.
    pub fn new(config: EncoderConfig) -> Result<Self, CodecError> {
        let mut inner = opus::Encoder::new(RATE, Channels::Mono, Application::Voip)?;
        inner.set_bitrate(Bitrate::Bits(config.bitrate.clamp(6_000, 128_000) as i32))?;
        inner.set_complexity(COMPLEXITY)?;
        inner.set_signal(Signal::Voice)?;
        inner.set_inband_fec(config.fec)?;
        inner.set_dtx(config.dtx)?;
        let mut encoder = Self { inner, silent: false };
        encoder.set_expected_loss(config.expected_loss)?;
        Ok(encoder)
    }

    /// Encodes [`SAMPLES`] samples. Of a silence the first packet is to be sent, and then one every 400 ms; the others
    /// are empty: there is nothing to send.
    ///
    /// # Errors
    /// The length is another one.
    pub fn encode(&mut self, samples: &[i16]) -> Result<Vec<u8>, CodecError> {
        if samples.len() != SAMPLES {
            return Err(CodecError::Length(samples.len()));
        }
        let packet = self.inner.encode_vec(samples, MAX_FRAME)?;
        let was_silent = std::mem::replace(&mut self.silent, packet.len() <= SILENT);
        Ok(if was_silent && self.silent { Vec::new() } else { packet })
    }

    /// What the far end reports to miss, in percent: more makes the copies better and the rest coarser.
    ///
    /// # Errors
    /// libopus refuses it, which it does not for 0 to 100.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        Ok(self.inner.set_packet_loss_perc(i32::from(percent.min(100)))?)
    }

    /// Samples by which what is decoded is later than what was encoded.
    ///
    /// # Errors
    /// libopus does not know.
    pub fn lookahead(&mut self) -> Result<usize, CodecError> {
        Ok(self.inner.get_lookahead()?.max(0) as usize)
    }
}
