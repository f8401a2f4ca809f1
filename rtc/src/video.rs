//! Key frames of VP8 out of RTP packets (RFC 7741), each as a still picture; all else of a video is let go.
//!
//! A key frame needs no other frame, and is what a lossy WebP file holds (RFC 6386 §9.1, RFC 9649): put into such a file
//! it can be read by whoever reads pictures. Nothing is decoded here.

use crate::track::RtpPacket;

/// Largest file that is made: what a picture in a socket may have.
pub const MAX_FILE: usize = 512 * 1024;

/// Bytes of a WebP file around its frame, and one that makes an odd number even.
const AROUND: usize = 20 + 1;

/// Bytes that every key frame begins with: tag, start code, size.
const HEADER: usize = 10;

/// Ticks of the clock that a video's timestamps count (RFC 7741 §4.1), per hundredth of a millisecond.
const TICKS: (u64, u64) = (9, 100);

/// A key frame that has come whole.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFrame {
    /// Microseconds of the sender's clock; where it begins means nothing.
    pub at_us: u64,
    /// A WebP file.
    pub file: Vec<u8>,
}

impl std::fmt::Debug for KeyFrame {
    // Never the file: it may be a person's face.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFrame").field("bytes", &self.file.len()).finish_non_exhaustive()
    }
}

/// What a packet brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// The next piece of a key frame, or what is of no use.
    Nothing,
    /// The last piece of a key frame.
    Picture(KeyFrame),
    /// A key frame that had begun will not become whole: a packet is missing, or it is too large.
    Loss,
}

/// A key frame of which the first packets are there.
#[derive(Debug)]
struct Begun {
    ssrc: u32,
    timestamp: u32,
    first: u16,
    packets: u16,
    frame: Vec<u8>,
}

impl Begun {
    /// How far behind its first packet one is, in packets.
    fn place(&self, packet: &RtpPacket) -> u16 {
        packet.sequence.wrapping_sub(self.first)
    }
}

/// Puts key frames together. Packets have to come in order: what the network mixed up is a loss, and the next key frame
/// is not far.
#[derive(Debug, Default)]
pub struct Assembler {
    begun: Option<Begun>,
    clock: Clock,
}

impl Assembler {
    /// Takes the next packet of the track.
    pub fn push(&mut self, packet: &RtpPacket) -> Brought {
        let again = self
            .begun
            .as_ref()
            .is_some_and(|begun| packet.ssrc == begun.ssrc && begun.place(packet) < begun.packets);
        if again {
            return Brought::Nothing;
        }
        let piece = piece(&packet.payload);
        if let (Some(begun), Some(piece)) = (&mut self.begun, piece)
            && (begun.ssrc, begun.timestamp) == (packet.ssrc, packet.timestamp)
            && begun.place(packet) == begun.packets
            && begun.packets < u16::MAX
            && begun.frame.len() + piece.bytes.len() <= MAX_FILE - AROUND
        {
            begun.packets += 1;
            begun.frame.extend_from_slice(piece.bytes);
            return if packet.marker { self.finish() } else { Brought::Nothing };
        }
        let lost = self.begun.take().is_some();
        if let Some(piece) = piece.filter(Piece::begins_key_frame) {
            self.begin(packet, piece.bytes);
            if packet.marker {
                return self.finish();
            }
        }
        if lost { Brought::Loss } else { Brought::Nothing }
    }

    fn begin(&mut self, packet: &RtpPacket, bytes: &[u8]) {
        // A packet of UDP is far smaller than the largest file.
        self.begun = Some(Begun {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            first: packet.sequence,
            packets: 1,
            frame: bytes.to_vec(),
        });
    }

    fn finish(&mut self) -> Brought {
        match self.begun.take() {
            Some(begun) => {
                let at_us = self.clock.micros(begun.timestamp);
                Brought::Picture(KeyFrame { at_us, file: webp(&begun.frame) })
            }
            None => Brought::Nothing,
        }
    }

    /// Forgets what has begun: nobody looks now.
    pub fn rest(&mut self) {
        self.begun = None;
    }
}

/// Timestamps of 32 bits that go round, made one that does not.
#[derive(Debug, Default)]
struct Clock {
    last: Option<u32>,
    ticks: u64,
}

impl Clock {
    fn micros(&mut self, timestamp: u32) -> u64 {
        // Up to half of its round ahead, or behind: 6.6 hours.
        let step = self.last.map_or(0, |last| timestamp.wrapping_sub(last) as i32);
        self.ticks = self.ticks.saturating_add_signed(step.into());
        self.last = Some(timestamp);
        let (ticks, tens) = TICKS;
        (self.ticks / ticks).saturating_mul(tens) + self.ticks % ticks * tens / ticks
    }
}

/// What a packet carries behind its payload descriptor.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    /// The first one of a frame.
    begins: bool,
    bytes: &'a [u8],
}

impl Piece<'_> {
    /// Whether a frame begins here that needs no other: the lowest bit of its tag says so, and only such a frame has a
    /// start code.
    fn begins_key_frame(&self) -> bool {
        self.begins
            && self.bytes.len() >= HEADER
            && self.bytes[0] & 1 == 0
            && self.bytes[3..6] == [0x9d, 0x01, 0x2a]
    }
}

/// Reads over the payload descriptor (RFC 7741 §4.2); nothing when it breaks off, or nothing is behind it.
fn piece(payload: &[u8]) -> Option<Piece<'_>> {
    let (&required, mut rest) = payload.split_first()?;
    if required & 0x80 != 0 {
        let (&optional, behind) = rest.split_first()?;
        rest = behind;
        if optional & 0x80 != 0 {
            // A picture's number of one byte, or of two.
            let length = if rest.first()? & 0x80 == 0 { 1 } else { 2 };
            rest = rest.get(length..)?;
        }
        if optional & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if optional & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    // The start of a partition, and of the first one.
    let begins = required & 0x17 == 0x10;
    (!rest.is_empty()).then_some(Piece { begins, bytes: rest })
}

/// A lossy WebP file of one frame.
fn webp(frame: &[u8]) -> Vec<u8> {
    let odd = frame.len() % 2;
    let mut file = Vec::with_capacity(frame.len() + AROUND);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&((4 + 8 + frame.len() + odd) as u32).to_le_bytes());
    file.extend_from_slice(b"WEBPVP8 ");
    file.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    file.extend_from_slice(frame);
    file.resize(file.len() + odd, 0);
    file
}

#[cfg(test)]
mod tests;
