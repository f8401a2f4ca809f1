//! Opus packets, which symphonia finds in their containers and does not decode: `opus-decoder` does, in Rust without
//! `unsafe`.

use duologue_domain::pcm::HEARING_RATE;
use opus_decoder::OpusDecoder;
use symphonia::core::{codecs::audio::AudioCodecParameters, formats::Track};

use super::{Refusal, mix};

/// Opus counts what is to be skipped at 48 kHz.
const OPUS_RATE: u32 = 48_000;

/// A stream of one or two channels, decoded right at 16 kHz.
pub(super) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    /// Samples at the beginning that belong to nobody.
    skip: usize,
    frame: Vec<f32>,
}

impl Opus {
    pub(super) fn new(track: &Track, parameters: &AudioCodecParameters) -> Result<Self, Refusal> {
        // RFC 7845: "OpusHead", version, channels, samples to skip.
        let head = parameters.extra_data.as_deref().filter(|head| head.starts_with(b"OpusHead"));
        let told = parameters.channels.as_ref().map(|channels| channels.count());
        let channels =
            head.and_then(|head| head.get(9)).map_or(told.unwrap_or(1), |count| usize::from(*count));
        let skip = match head {
            Some([_, _, _, _, _, _, _, _, _, _, low, high, ..]) => {
                u32::from(u16::from_le_bytes([*low, *high]))
            }
            _ => track.delay.unwrap_or(0).min(OPUS_RATE),
        };
        if !(1..=2).contains(&channels) {
            return Err(Refusal::Unsupported);
        }
        let decoder = OpusDecoder::new(HEARING_RATE, channels).map_err(|_| Refusal::Unsupported)?;
        let frame = vec![0.0; decoder.max_frame_size_per_channel() * channels];
        Ok(Self {
            decoder,
            channels,
            skip: (skip * (HEARING_RATE / 1000) / (OPUS_RATE / 1000)) as usize,
            frame,
        })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Adds what a packet holds; false when it is no packet of Opus.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut Vec<f32>) -> bool {
        // An empty packet would ask the decoder to invent what was lost.
        if packet.is_empty() {
            return false;
        }
        let Ok(count) = self.decoder.decode_float(packet, &mut self.frame, false) else { return false };
        let skipped = self.skip.min(count);
        self.skip -= skipped;
        let Some(frames) = self.frame.get(skipped * self.channels..count * self.channels) else {
            return false;
        };
        mix(frames, self.channels, samples);
        true
    }
}
