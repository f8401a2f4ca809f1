//! Samples as numbers: 16-bit PCM and floats, levels, durations.

/// Sample rate of everything that is heard after Ingest, in Hz.
pub const HEARING_RATE: u32 = 16_000;

/// Turns little-endian PCM16 bytes into samples; an odd last byte is an error, since it means that the client
/// and the server disagree about the format.
pub fn from_le_bytes(bytes: &[u8]) -> Result<Vec<i16>, OddLength> {
    if !bytes.len().is_multiple_of(2) {
        return Err(OddLength);
    }
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// PCM16 with an odd number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OddLength;

/// Samples as little-endian PCM16 bytes.
pub fn to_le_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// [-1, 1] from PCM16.
pub fn to_float(sample: i16) -> f32 {
    f32::from(sample) / 32768.0
}

/// PCM16 from [-1, 1]; what is outside is clipped, what is not a number becomes silence.
pub fn from_float(sample: f32) -> i16 {
    if sample.is_nan() { 0 } else { (sample * 32767.0).round().clamp(-32768.0, 32767.0) as i16 }
}

/// Root mean square of `samples` in dB relative to full scale; -120 for silence.
pub fn level_db(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return -120.0;
    }
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
    (10.0 * power.max(1e-12).log10()) as f32
}

/// Milliseconds that `samples` last at `rate` Hz.
pub fn ms(samples: u64, rate: u32) -> u64 {
    samples * 1000 / u64::from(rate.max(1))
}

/// Samples in `ms` milliseconds at `rate` Hz.
pub fn samples(ms: u64, rate: u32) -> u64 {
    ms * u64::from(rate) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        assert_eq!(from_le_bytes(&to_le_bytes(&samples)), Ok(samples.to_vec()));
        assert_eq!(from_le_bytes(&[1, 2, 3]), Err(OddLength));
    }

    #[test]
    fn floats_are_clipped_and_never_nan() {
        assert_eq!(from_float(2.0), 32767);
        assert_eq!(from_float(-2.0), -32768);
        assert_eq!(from_float(f32::NAN), 0);
        assert_eq!(to_float(i16::MIN), -1.0);
    }

    #[test]
    fn levels() {
        assert_eq!(level_db(&[]), -120.0);
        assert!((level_db(&[1.0, -1.0]) - 0.0).abs() < 0.01);
        assert!((level_db(&[0.1; 100]) + 20.0).abs() < 0.01);
    }
}
