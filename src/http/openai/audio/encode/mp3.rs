//! MPEG-2 layer III at 24 kHz.

use rusty_mp3::{Error, Mp3Encoder, Mp3EncoderConfig};

use super::{EncodeError, RATE};

/// Mono speech at 24 kHz is indistinguishable from here on.
const KBPS: u32 = 64;

/// One stream.
pub(super) struct Mp3 {
    encoder: Mp3Encoder,
    /// The first packet is a summary of the whole, which is not known while it is sent.
    skipped: bool,
}

impl Mp3 {
    pub(super) fn new() -> Self {
        let config = Mp3EncoderConfig { bitrate_kbps: KBPS, vbr_quality: None };
        Self { encoder: Mp3Encoder::new(config), skipped: false }
    }

    pub(super) fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, EncodeError> {
        self.encoder.push_pcm_s16(samples, 1, RATE).map_err(broken)?;
        self.drain()
    }

    pub(super) fn finish(&mut self) -> Result<Vec<u8>, EncodeError> {
        self.encoder.finish();
        self.drain()
    }

    fn drain(&mut self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        loop {
            match self.encoder.next_packet() {
                Ok(_) if !self.skipped => self.skipped = true,
                Ok(packet) => out.extend(packet),
                Err(Error::Again | Error::Eof) => return Ok(out),
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

fn broken(error: Error) -> EncodeError {
    EncodeError(error.to_string())
}
