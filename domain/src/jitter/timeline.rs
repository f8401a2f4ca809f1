//! Sequence numbers and timestamps that do not wrap, and how long a packet of Opus sounds.

use super::Packet;

/// Packets that may be missing before another timeline is more likely: 60 s (RFC 3550 A.1 has the same).
const DROPOUT: i64 = 3_000;

/// The newest packet of one sender, on a timeline that does not wrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    ssrc: u32,
    sequence: i64,
    at: i64,
}

impl Timeline {
    /// Begins with this packet.
    pub(super) fn begin(packet: &Packet) -> Self {
        Self { ssrc: packet.ssrc, sequence: i64::from(packet.sequence), at: i64::from(packet.timestamp) }
    }

    /// Sequence number and timestamp, taken for the ones nearest to the newest.
    pub(super) fn unwrap(&self, packet: &Packet) -> (i64, i64) {
        let sequence = packet.sequence.wrapping_sub(self.sequence as u16) as i16;
        let at = packet.timestamp.wrapping_sub(self.at as u32) as i32;
        (self.sequence + i64::from(sequence), self.at + i64::from(at))
    }

    /// Whether it can be of this timeline.
    pub(super) fn fits(&self, packet: &Packet, sequence: i64) -> bool {
        packet.ssrc == self.ssrc && (sequence - self.sequence).abs() <= DROPOUT
    }

    /// A packet that fits came.
    pub(super) fn advance(&mut self, sequence: i64, at: i64) {
        if sequence > self.sequence {
            (self.sequence, self.at) = (sequence, at);
        }
    }
}

/// How long a packet of Opus sounds, in units of 48 kHz, by its first bytes (RFC 6716 §3.1 and §3.2); `None` for what
/// cannot be one: empty, or longer than 120 ms.
pub fn span(payload: &[u8]) -> Option<u32> {
    let first = *payload.first()?;
    let frame = match first >> 3 {
        // SILK: 10, 20, 40, 60 ms. Hybrid: 10, 20 ms. CELT: 2.5, 5, 10, 20 ms.
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*payload.get(1)? & 0x3f),
    };
    let span = frame * frames;
    (1..=5_760).contains(&span).then_some(span)
}
