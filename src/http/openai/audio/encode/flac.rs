//! FLAC (RFC 9639), 16 bits, one channel: fixed predictors and Rice codes, frames of 4096 samples. A file whose length
//! is not known when it begins.

use super::RATE;

/// Samples of a frame: 171 ms.
const FRAME: usize = 4096;

/// 2⁴ partitions of a whole frame have a Rice parameter each.
const PARTITIONS: u32 = 4;

/// The largest parameter of the short form.
const MAX_PARAMETER: u32 = 14;

/// One stream.
#[derive(Default)]
pub(super) struct Flac {
    begun: bool,
    frames: u32,
    rest: Vec<i16>,
}

impl Flac {
    pub(super) fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut out = self.begin();
        self.rest.extend_from_slice(samples);
        let whole = self.rest.len() / FRAME * FRAME;
        let rest = self.rest.split_off(whole);
        for samples in std::mem::replace(&mut self.rest, rest).chunks_exact(FRAME) {
            out.extend(self.frame(samples));
        }
        out
    }

    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = self.begin();
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            out.extend(self.frame(&rest));
        }
        out
    }

    /// The mark of the file and its only block of facts, once.
    fn begin(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            return Vec::new();
        }
        let mut out = Bits::default();
        // "fLaC"; the last block, of facts, 34 bytes.
        out.put(0x664C_6143, 32);
        out.put(0x80, 8);
        out.put(34, 24);
        // Smallest and largest frame in samples; their bytes are not known.
        out.put(FRAME as u64, 16);
        out.put(FRAME as u64, 16);
        out.put(0, 48);
        out.put(u64::from(RATE), 20);
        // Channels less one, bits less one.
        out.put(0, 3);
        out.put(15, 5);
        // Samples and MD5: not known.
        out.put(0, 36);
        out.put(0, 64);
        out.put(0, 64);
        out.bytes
    }

    fn frame(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut out = Bits::default();
        // Frames of the same length; 4096 samples, or a length behind the number; 24 kHz; one channel of 16 bits.
        out.put(0xFFF8, 16);
        out.put(if samples.len() == FRAME { 0b1100 } else { 0b0111 }, 4);
        out.put(0b0111, 4);
        out.put(0, 4);
        out.put(0b1000, 4);
        for byte in long_utf8(self.frames) {
            out.put(u64::from(byte), 8);
        }
        if samples.len() != FRAME {
            out.put(samples.len() as u64 - 1, 16);
        }
        let sum = crc8(&out.bytes);
        out.put(u64::from(sum), 8);
        subframe(&mut out, samples);
        out.align();
        let sum = crc16(&out.bytes);
        out.put(u64::from(sum), 16);
        self.frames += 1;
        out.bytes
    }
}

/// The samples: what is left of them after the predictor that leaves least.
fn subframe(out: &mut Bits, samples: &[i16]) {
    let mut left: Vec<i32> = samples.iter().copied().map(i32::from).collect();
    let (mut best, mut order) = (left.clone(), 0);
    let size = |left: &[i32], order: usize| {
        left[order.min(left.len())..].iter().map(|value| u64::from(value.unsigned_abs())).sum::<u64>()
    };
    // The predictors are repeated differences.
    for next in 1..=4.min(samples.len().saturating_sub(1)) {
        for index in (next..left.len()).rev() {
            left[index] -= left[index - 1];
        }
        if size(&left, next) < size(&best, order) {
            (best, order) = (left.clone(), next);
        }
    }
    out.put(0b00_1000 | order as u64, 7);
    // No bits of the samples are unused.
    out.put(0, 1);
    for sample in &samples[..order] {
        out.put(u64::from(*sample as u16), 16);
    }
    residual(out, &best, order);
}

fn residual(out: &mut Bits, left: &[i32], order: usize) {
    let parts = if left.len() == FRAME { PARTITIONS } else { 0 };
    out.put(0, 2);
    out.put(u64::from(parts), 4);
    let length = left.len() >> parts;
    for (number, part) in left.chunks(length.max(1)).enumerate() {
        let part = if number == 0 { &part[order..] } else { part };
        let folded: Vec<u64> = part.iter().map(|value| fold(*value)).collect();
        let cost = |parameter: u32| {
            folded.iter().map(|value| (value >> parameter) + 1 + u64::from(parameter)).sum::<u64>()
        };
        let parameter = (0..=MAX_PARAMETER).min_by_key(|parameter| cost(*parameter)).unwrap_or(0);
        out.put(u64::from(parameter), 4);
        for value in folded {
            out.unary(value >> parameter);
            out.put(value & ((1 << parameter) - 1), parameter);
        }
    }
}

/// Signs into the lowest bit.
fn fold(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)) as u32)
}

/// Bits from the highest to the lowest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 0 is a whole byte.
    used: u32,
}

impl Bits {
    /// The lowest `count` bits of a value.
    fn put(&mut self, value: u64, count: u32) {
        for bit in (0..count).rev() {
            self.bit((value >> bit) & 1 == 1);
        }
    }

    fn unary(&mut self, zeros: u64) {
        for _ in 0..zeros {
            self.bit(false);
        }
        self.bit(true);
    }

    fn bit(&mut self, bit: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }

    fn align(&mut self) {
        self.used = 0;
    }
}

/// As UTF-8 writes characters, but up to 31 bits.
fn long_utf8(number: u32) -> Vec<u8> {
    if number < 0x80 {
        return vec![number as u8];
    }
    // Two bytes hold 11 bits, and each more adds 5.
    let more = (1..=5).find(|more| number >> (6 + 5 * more) == 0).unwrap_or(5);
    let mark = !(0x7F_u8 >> more);
    let mut bytes = vec![mark | (number >> (6 * more)) as u8];
    bytes.extend((0..more).rev().map(|index| 0x80 | ((number >> (6 * index)) & 0x3F) as u8));
    bytes
}

/// Polynomial 0x07 from zero.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum >> 7 == 1 { (sum << 1) ^ 0x07 } else { sum << 1 })
    })
}

/// Polynomial 0x8005 from zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        let sum = sum ^ (u16::from(*byte) << 8);
        (0..8).fold(sum, |sum, _| if sum >> 15 == 1 { (sum << 1) ^ 0x8005 } else { sum << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_utf8_writes_characters() {
        for number in [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xFFFF, 0x1_0000, 0x10_FFFF] {
            let character = char::from_u32(number).expect("a character");
            assert_eq!(long_utf8(number), character.to_string().as_bytes(), "{number:#x}");
        }
        assert_eq!(long_utf8(0x3FF_FFFF).len(), 5);
    }

    #[test]
    fn sums_are_those_of_the_catalogue() {
        // The check values of CRC-8/SMBUS and CRC-16/UMTS.
        assert_eq!(crc8(b"123456789"), 0xF4);
        assert_eq!(crc16(b"123456789"), 0xFEE8);
    }
}
