//! Ogg Opus (RFC 3533, RFC 7845): one channel, packets of 20 ms, a page each tenth of a second.

use opus::{Application, Bitrate, Channels};

use super::{EncodeError, RATE};

/// Samples of a packet: 20 ms.
const PACKET: usize = RATE as usize / 50;

/// Packets of a page. More would delay the first sound, fewer cost 28 bytes each.
const PER_PAGE: usize = 5;

/// Opus counts at 48 kHz, whatever goes in.
const CLOCK: u64 = 48_000 / RATE as u64;

/// Bits a second: full band speech without audible loss.
const BITS: i32 = 48_000;

/// No packet of 20 ms is longer (RFC 6716, section 3.4).
const MAX_PACKET: usize = 1275;

/// Flags of a page.
const BEGIN: u8 = 2;
const END: u8 = 4;

/// One stream.
pub(super) struct OggOpus {
    encoder: opus::Encoder,
    serial: u32,
    /// Pages so far.
    pages: u32,
    /// Packets of finished pages.
    sent: u64,
    /// Packets of the page to come.
    waiting: Vec<Vec<u8>>,
    /// Samples that do not fill a packet yet.
    rest: Vec<i16>,
    /// Samples that came in.
    total: u64,
    /// Samples that the encoder is late.
    delay: u64,
}

impl OggOpus {
    /// A stream with a number that tells it from others.
    pub(super) fn new(serial: u32) -> Result<Self, EncodeError> {
        let mut encoder = opus::Encoder::new(RATE, Channels::Mono, Application::Audio).map_err(broken)?;
        encoder.set_bitrate(Bitrate::Bits(BITS)).map_err(broken)?;
        let delay = u64::try_from(encoder.get_lookahead().map_err(broken)?).unwrap_or(0);
        let (waiting, rest) = (Vec::new(), Vec::new());
        Ok(Self { encoder, serial, pages: 0, sent: 0, waiting, rest, total: 0, delay })
    }

    pub(super) fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.begin();
        self.total += samples.len() as u64;
        self.encode(samples)?;
        // The last packet waits: the last page must say that it is the last.
        while self.waiting.len() > PER_PAGE {
            let packets = self.waiting.drain(..PER_PAGE).collect::<Vec<_>>();
            self.sent += PER_PAGE as u64;
            let granule = self.sent * PACKET as u64 * CLOCK;
            out.extend(self.page(&packets, granule, 0));
        }
        Ok(out)
    }

    pub(super) fn finish(&mut self) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.begin();
        // What is late must come out, and the last packet must be full; players cut it where the last page says.
        let late = self.rest.len() + self.delay as usize;
        let padding = late.div_ceil(PACKET).max(1) * PACKET - self.rest.len();
        self.encode(&vec![0; padding])?;
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(PER_PAGE);
            let packets = self.waiting.drain(..count).collect::<Vec<_>>();
            self.sent += count as u64;
            let (granule, flags) = match self.waiting.is_empty() {
                true => ((self.delay + self.total) * CLOCK, END),
                false => (self.sent * PACKET as u64 * CLOCK, 0),
            };
            out.extend(self.page(&packets, granule, flags));
        }
        Ok(out)
    }

    fn encode(&mut self, samples: &[i16]) -> Result<(), EncodeError> {
        self.rest.extend_from_slice(samples);
        let whole = self.rest.len() / PACKET * PACKET;
        for packet in self.rest[..whole].chunks_exact(PACKET) {
            self.waiting.push(self.encoder.encode_vec(packet, MAX_PACKET).map_err(broken)?);
        }
        self.rest.drain(..whole);
        Ok(())
    }

    /// The two pages before any sound, once.
    fn begin(&mut self) -> Vec<u8> {
        if self.pages > 0 {
            return Vec::new();
        }
        // Version 1, one channel.
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend(((self.delay * CLOCK) as u16).to_le_bytes());
        head.extend(RATE.to_le_bytes());
        // No gain, and the mapping of mono.
        head.extend([0; 3]);
        let vendor = b"duologue";
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor);
        // No comments.
        tags.extend([0; 4]);
        let head = self.page(&[head], 0, BEGIN);
        [head, self.page(&[tags], 0, 0)].concat()
    }

    fn page(&mut self, packets: &[Vec<u8>], granule: u64, flags: u8) -> Vec<u8> {
        // Lengths as bytes of 255 and a smaller one: five packets have 30 at most, of the 255 that a page may have.
        let lacing = packets.iter().flat_map(|packet| {
            let whole = std::iter::repeat_n(255, packet.len() / 255);
            whole.chain([(packet.len() % 255) as u8])
        });
        let lacing: Vec<u8> = lacing.collect();
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(granule.to_le_bytes());
        page.extend(self.serial.to_le_bytes());
        page.extend(self.pages.to_le_bytes());
        // The sum, over the page with zeros in its place.
        page.extend([0; 4]);
        page.push(lacing.len() as u8);
        page.extend(lacing);
        page.extend(packets.concat());
        let sum = crc(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.pages += 1;
        page
    }
}

fn broken(error: opus::Error) -> EncodeError {
    EncodeError(error.to_string())
}

/// RFC 3533: polynomial 0x04c11db7, from the highest bit, from zero.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        let sum = sum ^ (u32::from(*byte) << 24);
        (0..8).fold(sum, |sum, _| if sum >> 31 == 1 { (sum << 1) ^ 0x04C1_1DB7 } else { sum << 1 })
    })
}
