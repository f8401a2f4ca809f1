//! Packets to samples.

use std::fmt;

use duologue_domain::jitter;
use opus::Channels;

use super::{CodecError, RATE, SAMPLES, UNITS};

/// Samples of 120 ms: no packet is longer (RFC 6716 §3.2).
const MAX_SAMPLES: usize = 6 * SAMPLES;

/// Samples of 2.5 ms: libopus conceals multiples of it.
const GRAIN: usize = 60;

/// A decoder of one voice.
pub struct Decoder(opus::Decoder);

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decoder").finish()
    }
}

impl Decoder {
    /// A decoder to [`RATE`], mono.
    ///
    /// # Errors
    /// libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(opus::Decoder::new(RATE, Channels::Mono)?))
    }

    /// The samples of a packet: [`SAMPLES`] of one of 20 ms.
    ///
    /// # Errors
    /// It is no packet of Opus; the decoder can go on.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<i16>, CodecError> {
        self.run(checked(packet)?, MAX_SAMPLES, false)
    }

    /// What was lost before this packet, from the coarse copy in it: `samples`, at most 120 ms. Without a copy it is
    /// what [`Self::conceal`] gives. The packet itself is to be decoded next.
    ///
    /// # Errors
    /// It is no packet of Opus.
    pub fn recover(&mut self, next: &[u8], samples: usize) -> Result<Vec<i16>, CodecError> {
        let whole = grains(samples);
        let mut recovered = self.run(checked(next)?, whole, true)?;
        recovered.resize(samples.min(whole), 0);
        Ok(recovered)
    }

    /// Goes on for so many samples, at most 120 ms, without knowing: the last sound, fading, or comfort noise.
    pub fn conceal(&mut self, samples: usize) -> Vec<i16> {
        let whole = grains(samples);
        let mut concealed = self.run(&[], whole, false).unwrap_or_default();
        concealed.resize(samples.min(whole), 0);
        concealed
    }

    fn run(&mut self, packet: &[u8], samples: usize, copy: bool) -> Result<Vec<i16>, CodecError> {
        let mut output = vec![0; samples];
        let decoded = self.0.decode(packet, &mut output, copy)?;
        output.truncate(decoded);
        Ok(output)
    }
}

/// Lengths that cannot be are kept from libopus: an empty packet would mean a loss to it.
fn checked(packet: &[u8]) -> Result<&[u8], CodecError> {
    let span = jitter::span(packet).filter(|_| packet.len() <= jitter::MAX_PAYLOAD);
    let samples = span.map(|span| (span / UNITS) as usize).filter(|samples| *samples <= MAX_SAMPLES);
    samples.map(|_| packet).ok_or(CodecError::Garbage)
}

/// The next multiple of what libopus conceals, at least one and at most 120 ms.
fn grains(samples: usize) -> usize {
    samples.clamp(1, MAX_SAMPLES).div_ceil(GRAIN) * GRAIN
}
