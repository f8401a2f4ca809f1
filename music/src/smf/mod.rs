//! Standard MIDI Files: formats 0, 1 and 2, in ticks a quarter or in SMPTE frames.
//!
//! Files come from strangers: whatever the bytes, reading ends with a score or with an error that has a stable
//! code, in memory that [`Limits`] bound.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::{read::read, write::write};

/// What a file may ask for at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes. The largest orchestral scores are below 1 MiB.
    pub bytes: usize,
    /// Notes. A dense hour of piano has about 40,000.
    pub notes: usize,
    /// Track chunks.
    pub tracks: usize,
    /// Quarter notes: fifteen hours at 110 a minute.
    pub quarters: f64,
    /// Changes of tempo and metre together; a recorded performance has one a beat.
    pub changes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, notes: 200_000, tracks: 512, quarters: 100_000.0, changes: 100_000 }
    }
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmfError {
    /// It does not begin as a MIDI file does.
    NotMidi,
    /// It ends before what it announces.
    Truncated,
    /// Its header says nothing that can be used: an unknown format, no ticks in a quarter.
    BadHeader,
    /// The events of this track, counted from 0, cannot be understood.
    BadEvent {
        /// Which track.
        track: usize,
    },
    /// It is larger than [`Limits::bytes`].
    TooLarge,
    /// It has more notes than [`Limits::notes`].
    TooManyNotes,
    /// It has more tracks than [`Limits::tracks`].
    TooManyTracks,
    /// It has more changes than [`Limits::changes`].
    TooManyChanges,
    /// It lasts longer than [`Limits::quarters`].
    TooLong,
}

impl SmfError {
    /// A name for programs; it never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotMidi => "not_midi",
            Self::Truncated => "midi_truncated",
            Self::BadHeader => "midi_bad_header",
            Self::BadEvent { .. } => "midi_bad_event",
            Self::TooLarge => "midi_too_large",
            Self::TooManyNotes => "midi_too_many_notes",
            Self::TooManyTracks => "midi_too_many_tracks",
            Self::TooManyChanges => "midi_too_many_changes",
            Self::TooLong => "midi_too_long",
        }
    }
}

impl std::fmt::Display for SmfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotMidi => f.write_str("this is not a MIDI file"),
            Self::Truncated => f.write_str("the MIDI file ends before what it announces"),
            Self::BadHeader => f.write_str("the header of the MIDI file cannot be used"),
            Self::BadEvent { track } => write!(f, "track {track} of the MIDI file holds what is no MIDI"),
            Self::TooLarge => f.write_str("the MIDI file is too large"),
            Self::TooManyNotes => f.write_str("the MIDI file has too many notes"),
            Self::TooManyTracks => f.write_str("the MIDI file has too many tracks"),
            Self::TooManyChanges => f.write_str("the MIDI file changes tempo or metre too often"),
            Self::TooLong => f.write_str("the MIDI file lasts too long"),
        }
    }
}

impl std::error::Error for SmfError {}
