//! How a MIDI file sounds: rendered by `rustysynth` with a soundfont, in pieces, on a thread that may block.
//!
//! A minute of music takes some two or three seconds. Nothing holds a whole rendering in memory: a [`Rendering`] gives a
//! piece of a third of a second at a time, and whoever does not take the pieces stops it.

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{BufReader, Cursor},
    path::{Path, PathBuf},
    sync::Arc,
};

use duologue_music::{
    score::Score,
    smf::{self, Limits, SmfError},
};
use rustysynth::{MidiFile, MidiFileSequencer, SoundFont, Synthesizer, SynthesizerSettings};
use tokio::sync::OnceCell;

/// Frames a second.
pub const RATE: u32 = 44_100;
/// Bytes of a frame: two channels of 16 bits.
pub const FRAME_BYTES: u64 = 4;
/// Longest piece that is rendered, in seconds: a quarter of an hour is 159 MB.
pub const MAX_SECONDS: f64 = 900.0;
/// What rings on after the last note.
const TAIL_SECONDS: f64 = 2.5;
/// Voices at once; beyond, the quietest give way. An orchestra with its pedal down has fewer.
const VOICES: usize = 128;
/// Of the synthesiser: a piano alone is heard well, a band reaches the knee.
const VOLUME: f32 = 1.0;
/// Above this, loudness is bent so that it never reaches 1.
const KNEE: f32 = 0.7;
/// Frames of a piece.
const PIECE: usize = 16_384;

/// Why there is no sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// The soundfont is not there.
    #[error(
        "the soundfont {0} is missing: `duologue models pull gm-soundfont` brings it, [duet] soundfont names another"
    )]
    Missing(String),
    /// The soundfont is none.
    #[error("the soundfont {0} cannot be read: {1}")]
    Unreadable(String, String),
    /// No MIDI file.
    #[error("{0}")]
    Midi(SmfError),
    /// Longer than [`MAX_SECONDS`].
    #[error("the piece lasts {0} s, at most 900 s are rendered")]
    TooLong(u64),
    /// The synthesiser gave up.
    #[error("the file cannot be rendered")]
    Broken,
}

/// The soundfont of a server: read at the first rendering, then kept.
#[derive(Debug)]
pub struct SoundBank {
    path: PathBuf,
    font: OnceCell<Arc<SoundFont>>,
}

impl SoundBank {
    /// A bank that has read nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, font: OnceCell::new() }
    }

    /// Where the file is to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is there now.
    ///
    /// # Errors
    /// It is not, with what to do.
    pub fn check(&self) -> Result<(), SoundError> {
        if self.path.is_file() { Ok(()) } else { Err(SoundError::Missing(self.path.display().to_string())) }
    }

    /// Begins a rendering.
    ///
    /// # Errors
    /// There is no soundfont, the bytes are no MIDI file, or the piece is too long.
    pub async fn begin(&self, bytes: Vec<u8>) -> Result<Rendering, SoundError> {
        let font = self.font.get_or_try_init(|| self.read()).await?.clone();
        // What panics on a strange file ends here, as an error.
        tokio::task::spawn_blocking(move || begin(&font, &bytes)).await.map_err(|_| SoundError::Broken)?
    }

    async fn read(&self) -> Result<Arc<SoundFont>, SoundError> {
        self.check()?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || open(&path)).await.map_err(|_| {
            SoundError::Unreadable(self.path.display().to_string(), "it is damaged".to_owned())
        })?
    }
}

/// Reads a soundfont.
///
/// # Errors
/// It is missing or none.
pub fn open(path: &Path) -> Result<Arc<SoundFont>, SoundError> {
    let shown = path.display().to_string();
    let Ok(file) = File::open(path) else { return Err(SoundError::Missing(shown)) };
    let font = SoundFont::new(&mut BufReader::new(file));
    font.map(Arc::new).map_err(|error| SoundError::Unreadable(shown, error.to_string()))
}

/// Begins a rendering on this thread.
///
/// # Errors
/// The bytes are no MIDI file, or the piece is too long.
pub fn begin(font: &Arc<SoundFont>, bytes: &[u8]) -> Result<Rendering, SoundError> {
    // Our own reader first: it has limits, and names what is wrong.
    let score = smf::read(bytes, &Limits::default()).map_err(SoundError::Midi)?;
    let seconds = score.seconds(score.length);
    if !seconds.is_finite() || seconds > MAX_SECONDS {
        return Err(SoundError::TooLong(seconds.min(1e9) as u64));
    }
    let midi = playable(bytes, &score)?;
    let length = if score.notes.is_empty() { 0.0 } else { midi.get_length().min(MAX_SECONDS) + TAIL_SECONDS };
    let mut settings = SynthesizerSettings::new(RATE as i32);
    settings.maximum_polyphony = VOICES;
    let mut synthesizer = Synthesizer::new(font, &settings).map_err(|_| SoundError::Broken)?;
    synthesizer.set_master_volume(VOLUME);
    let mut sequencer = MidiFileSequencer::new(synthesizer);
    sequencer.play(&Arc::new(midi), false);
    Ok(Rendering {
        sequencer,
        left: vec![0.0; PIECE],
        right: vec![0.0; PIECE],
        done: 0,
        frames: (length * f64::from(RATE)) as u64,
    })
}

/// The file as the synthesiser takes it. Formats and clocks that it does not know are written anew, by which their
/// pedals and bends are lost.
fn playable(bytes: &[u8], score: &Score) -> Result<MidiFile, SoundError> {
    MidiFile::new(&mut Cursor::new(bytes))
        .or_else(|_| MidiFile::new(&mut Cursor::new(smf::write(score))))
        .map_err(|_| SoundError::Broken)
}

/// A piece of music that is becoming sound: pieces of PCM, little-endian, left and right by turns.
pub struct Rendering {
    sequencer: MidiFileSequencer,
    left: Vec<f32>,
    right: Vec<f32>,
    done: u64,
    frames: u64,
}

impl std::fmt::Debug for Rendering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendering").field("done", &self.done).field("frames", &self.frames).finish()
    }
}

impl Rendering {
    /// The header of a WAV file with everything that will come.
    pub fn wav_header(&self) -> [u8; 44] {
        let bytes = u32::try_from(self.frames * FRAME_BYTES).unwrap_or(u32::MAX - 36);
        let mut header = [0; 44];
        let fields: [(usize, &[u8]); 12] = [
            (0, b"RIFF"),
            (4, &(bytes + 36).to_le_bytes()),
            (8, b"WAVEfmt "),
            (16, &16_u32.to_le_bytes()),
            (20, &1_u16.to_le_bytes()),
            (22, &2_u16.to_le_bytes()),
            (24, &RATE.to_le_bytes()),
            (28, &(RATE * FRAME_BYTES as u32).to_le_bytes()),
            (32, &(FRAME_BYTES as u16).to_le_bytes()),
            (34, &16_u16.to_le_bytes()),
            (36, b"data"),
            (40, &bytes.to_le_bytes()),
        ];
        for (at, field) in fields {
            header[at..at + field.len()].copy_from_slice(field);
        }
        header
    }

    /// Bytes of the whole WAV file.
    pub fn wav_bytes(&self) -> u64 {
        44 + self.frames * FRAME_BYTES
    }

    /// How much is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.frames == 0 { 1.0 } else { self.done as f64 / self.frames as f64 }
    }
}

impl Iterator for Rendering {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let count = usize::try_from(self.frames - self.done).unwrap_or(PIECE).min(PIECE);
        if count == 0 {
            return None;
        }
        self.sequencer.render(&mut self.left[..count], &mut self.right[..count]);
        self.done += count as u64;
        let sample = |value: f32| ((bent(value) * 32_767.0) as i16).to_le_bytes();
        let mut pcm = Vec::with_capacity(count * FRAME_BYTES as usize);
        for (left, right) in self.left[..count].iter().zip(&self.right[..count]) {
            pcm.extend_from_slice(&sample(*left));
            pcm.extend_from_slice(&sample(*right));
        }
        Some(pcm)
    }
}

/// Straight up to the knee, then ever flatter: what is too loud is not cut off, which would crackle.
fn bent(value: f32) -> f32 {
    let over = value.abs() - KNEE;
    if over <= 0.0 { value } else { (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(value) }
}
