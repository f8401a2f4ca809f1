//! Looks through a whisper ggml file before whisper.cpp reads it: that reader trusts sizes it finds in
//! the file and takes a truncated one for whole, so a bad download would crash or babble.
//!
//! Layout, little endian: magic `ggml`; eleven i32 (n_vocab, n_audio_ctx, n_audio_state, n_audio_head,
//! n_audio_layer, n_text_ctx, n_text_state, n_text_head, n_text_layer, n_mels, ftype); mel filters (two
//! i32, then their product in f32); vocabulary (i32, then each a u32 length and bytes); tensors until the
//! end (i32 dimensions, name length, type; the dimensions; the name; the data).

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

const MAGIC: i32 = 0x6767_6d6c;

/// The first vocabulary size with more than English in it.
const MULTILINGUAL: i32 = 51_865;

/// What is known of a model before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) multilingual: bool,
    pub(super) audio_layers: i32,
    pub(super) text_layers: i32,
    /// Bands of the spectrogram: 80, or 128 since large-v3.
    pub(super) mels: i32,
}

/// Reads the first numbers only.
pub(super) fn header(path: &Path) -> Result<Header, String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    read_header(&mut file)
}

/// Walks the whole file, without reading the weights.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let mut file = BufReader::new(file);
    read_header(&mut file)?;
    walk(&mut file, size).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file ends early".to_owned(),
        _ => error.to_string(),
    })
}

fn read_header(file: &mut impl Read) -> Result<Header, String> {
    let mut numbers = [0; 12];
    for number in &mut numbers {
        *number = int(file).map_err(|_| "too short for a whisper model".to_owned())?;
    }
    let [magic, vocab, audio_ctx, audio_state, _, audio_layers, text_ctx, _, _, text_layers, mels, _] =
        numbers;
    if magic != MAGIC {
        return Err("not a ggml file".into());
    }
    let plausible = (51_000..60_000).contains(&vocab)
        && audio_ctx == 1500
        && (64..=4096).contains(&audio_state)
        && (1..=64).contains(&audio_layers)
        && (64..=2048).contains(&text_ctx)
        && [80, 128].contains(&mels);
    if plausible {
        Ok(Header { multilingual: vocab >= MULTILINGUAL, audio_layers, text_layers, mels })
    } else {
        Err("no whisper model".into())
    }
}

/// From behind the header to the end.
fn walk(file: &mut (impl Read + Seek), size: u64) -> io::Result<()> {
    let filters = length(int(file)?)? * length(int(file)?)?;
    skip(file, filters * 4, size)?;
    for _ in 0..length(int(file)?)? {
        let bytes = length(int(file)?)?;
        skip(file, bytes, size)?;
    }
    let mut tensors = 0;
    while file.stream_position()? < size {
        let (dimensions, name, kind) = (int(file)?, length(int(file)?)?, int(file)?);
        if !(1..=4).contains(&dimensions) || name > 256 {
            return Err(io::Error::other("a tensor that is none"));
        }
        let mut elements = 1_u64;
        for _ in 0..dimensions {
            elements = elements.saturating_mul(length(int(file)?)?);
        }
        skip(file, name, size)?;
        let (bytes, block) = layout(kind).ok_or_else(|| io::Error::other("a tensor of an unknown type"))?;
        skip(file, (elements / block).saturating_mul(bytes), size)?;
        tensors += 1;
    }
    if tensors == 0 { Err(io::Error::other("a model without weights")) } else { Ok(()) }
}

/// Bytes of a block of values, and values in it, by ggml's type number.
fn layout(kind: i32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (4, 1),
        1 => (2, 1),
        2 => (18, 32),
        3 => (20, 32),
        6 => (22, 32),
        7 => (24, 32),
        8 => (34, 32),
        10 => (84, 256),
        11 => (110, 256),
        12 => (144, 256),
        13 => (176, 256),
        14 => (210, 256),
        _ => return None,
    })
}

fn skip(file: &mut impl Seek, bytes: u64, size: u64) -> io::Result<()> {
    if file.stream_position()?.saturating_add(bytes) > size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)
}

fn length(number: i32) -> io::Result<u64> {
    u64::try_from(number).map_err(|_| io::Error::other("a negative length"))
}

fn int(file: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(i32::from_le_bytes(bytes))
}
