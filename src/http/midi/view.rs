//! What `/api/midi` takes and gives.

use duologue_actors::store::{MidiDocument, MidiRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::stored;
use crate::{error::ApiError, store::iso8601};

/// A MIDI file, as a form.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "described for OpenAPI; the form is read field by field")]
pub struct MidiForm {
    /// A Standard MIDI File of at most 2 MiB and 50,000 notes.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// For people; the name of the file by default.
    title: Option<String>,
    /// For people.
    genre: Option<String>,
}

/// Which files.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MidiQuery {
    /// At most so many, 1 to 200; 50 by default.
    pub limit: Option<u32>,
    /// So many are left out.
    pub offset: Option<u32>,
}

/// A file in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct MidiView {
    /// Unguessable.
    pub id: String,
    /// For people.
    pub title: String,
    /// For people; may be empty.
    pub genre: String,
    /// `improvisation`, `accompaniment`, `variation` or `continuation`; null when it was uploaded.
    pub generation_type: Option<String>,
    /// From which file it was made.
    pub source_midi_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When it came.
    pub created_at: String,
    /// `key`, `tempo`, `seconds`, `notes`, `instruments`, `style`, as in the analysis.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub summary: Value,
}

/// Files, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MidiList {
    /// Of the caller.
    pub files: Vec<MidiView>,
    /// Ask for these next, if there are more.
    pub next_offset: Option<u32>,
}

/// A file with its analysis.
#[derive(Debug, Serialize, ToSchema)]
pub struct MidiFileView {
    /// Unguessable.
    pub id: String,
    /// For people.
    pub title: String,
    /// For people; may be empty.
    pub genre: String,
    /// `improvisation`, `accompaniment`, `variation` or `continuation`; null when it was uploaded.
    pub generation_type: Option<String>,
    /// From which file it was made.
    pub source_midi_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When it came.
    pub created_at: String,
    /// The analysis, as `duologue midi analyze --json` writes it: `key`, `chords`, `tracks`, `instruments`, `tempo`,
    /// `time_signatures` and more.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub analysis: Value,
}

impl TryFrom<MidiRecord> for MidiView {
    type Error = ApiError;

    fn try_from(record: MidiRecord) -> Result<Self, ApiError> {
        Ok(Self {
            summary: stored(&record.summary)?,
            id: record.id,
            title: record.title,
            genre: record.genre,
            generation_type: record.generation_type,
            source_midi_id: record.source_id,
            size: record.size,
            created_at: iso8601(record.created_at),
        })
    }
}

impl TryFrom<MidiDocument> for MidiFileView {
    type Error = ApiError;

    fn try_from(document: MidiDocument) -> Result<Self, ApiError> {
        let record = document.record;
        Ok(Self {
            analysis: stored(&document.analysis)?,
            id: record.id,
            title: record.title,
            genre: record.genre,
            generation_type: record.generation_type,
            source_midi_id: record.source_id,
            size: record.size,
            created_at: iso8601(record.created_at),
        })
    }
}
