//! MIDI files that people keep: uploaded, or made from one that was.

/// What is told of a file without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MidiRecord {
    /// Unguessable.
    pub id: String,
    /// Whose it is; none where everything belongs to one person.
    pub user_id: Option<String>,
    /// For people.
    pub title: String,
    /// For people; empty when unknown.
    pub genre: String,
    /// What it was made as (`improvisation` …); none when it was uploaded.
    pub generation_type: Option<String>,
    /// From which file it was made.
    pub source_id: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// A JSON object: what a list tells of the music.
    pub summary: String,
    /// When it came.
    pub created_at: u64,
}

/// A file with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MidiDocument {
    /// What is told of it in a list.
    pub record: MidiRecord,
    /// A JSON object: the analysis.
    pub analysis: String,
    /// The file, byte for byte.
    pub data: Vec<u8>,
}
