//! What a file is by its first bytes, and whether its end is missing, as far as containers tell.

/// WAV of unknown length says about this much, as is customary for streams.
const UNKNOWN_LENGTH: usize = 0xFFFF_FF00;

/// The name of the container; none when it is not one of ours.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("wav"),
        [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
        [b'f', b'L', b'a', b'C', ..] => Some("flac"),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Some("webm"),
        [b'I', b'D', b'3', ..] => Some("mp3"),
        // A frame of MPEG audio, layer III.
        [0xFF, second, ..] if second & 0xE6 == 0xE2 => Some("mp3"),
        _ => None,
    }
}

/// Whether a WAV file holds less than it says, or the last page of an Ogg file is missing or incomplete. The others do
/// not tell here: MP3 and WebM may say how long they are, and that is compared with what was decoded.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    match name(bytes) {
        Some("wav") => wav_is_cut_off(bytes).unwrap_or(true),
        Some("ogg") => !ogg_has_end(bytes).unwrap_or(false),
        _ => false,
    }
}

/// How long a WAV file says that it is, in seconds, whatever of it is there; none when it does not know.
pub(super) fn wav_seconds(bytes: &[u8]) -> Option<f64> {
    let (at, _) = chunk(bytes, *b"fmt ")?;
    let rate = bytes.get(at + 8..at + 12)?;
    let bytes_a_second = u32::from_le_bytes([rate[0], rate[1], rate[2], rate[3]]);
    let (_, length) = chunk(bytes, *b"data")?;
    (bytes_a_second > 0 && length < UNKNOWN_LENGTH).then(|| length as f64 / f64::from(bytes_a_second))
}

fn wav_is_cut_off(bytes: &[u8]) -> Option<bool> {
    let (at, length) = chunk(bytes, *b"data")?;
    Some(length < UNKNOWN_LENGTH && bytes.len() - at < length)
}

/// Where the contents of a RIFF chunk begin, and how long they are said to be.
fn chunk(bytes: &[u8], name: [u8; 4]) -> Option<(usize, usize)> {
    let mut at = 12;
    loop {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head[..4] == name {
            return Some((at + 8, length));
        }
        // Chunks have even lengths.
        at = at.checked_add(8 + length + length % 2)?;
    }
}

/// RFC 3533: a page has its flags in byte 5 (4 is the end of a stream) and the lengths of its segments from byte 27.
fn ogg_has_end(bytes: &[u8]) -> Option<bool> {
    // The last page is no further from the end than a page can be long.
    let from = bytes.len().saturating_sub(27 + 255 + 255 * 255);
    let last = bytes[from..].windows(4).rposition(|window| window == b"OggS")? + from;
    let flags = *bytes.get(last + 5)?;
    let segments = usize::from(*bytes.get(last + 26)?);
    let table = bytes.get(last + 27..last + 27 + segments)?;
    let length = table.iter().map(|length| usize::from(*length)).sum::<usize>();
    Some(flags & 4 != 0 && bytes.len() >= last + 27 + segments + length)
}
