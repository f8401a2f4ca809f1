//! Persona files: `personas/<id>.json`, read into [`Persona`]s and validated.
//!
//! One broken file never keeps the others or the server from working: it is reported with its file, field and
//! remedy, and left out. The format is described in `docs/personas.md`. This module stands alone (no `crate::`),
//! because the fuzz target compiles it by itself.

// The explicit paths also hold where the fuzz target includes this file.
#[path = "personas/fields.rs"]
mod fields;
#[path = "personas/place.rs"]
mod place;
#[cfg(test)]
mod tests;

use std::{fmt, fs, io::Read, path::Path, sync::Arc};

use duologue_domain::persona::Persona;
use fields::FileFields;
use place::Place;

/// Largest file; ours take 4 KiB.
const MAX_BYTES: u64 = 256 * 1024;

/// Why a persona is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonaFileError {
    /// The file's name, or the folder's path.
    pub file: String,
    /// Path of the field, for example `profiles.ko.voice.speed`; empty when the whole file is meant.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for PersonaFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for PersonaFileError {}

/// Everybody who can answer, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct PersonaLibrary {
    personas: Vec<Arc<Persona>>,
}

impl PersonaLibrary {
    /// Reads every `*.json` of `dir`. What is broken is reported and left out.
    pub fn load(dir: &Path) -> (Self, Vec<PersonaFileError>) {
        let (mut personas, mut errors) = (Vec::new(), Vec::new());
        let listed = fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<_> = listed.unwrap_or_else(|error: std::io::Error| {
            errors.push(PersonaFileError {
                file: dir.display().to_string(),
                field: String::new(),
                problem: format!("the folder cannot be read ({error})"),
                remedy: "set server.personas_dir to a folder of persona files".into(),
            });
            Vec::new()
        });
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.ends_with(".json") || name.starts_with('.') {
                continue;
            }
            match read(&path, &name).and_then(|bytes| parse(&name, &bytes)) {
                Ok(persona) => personas.push(Arc::new(persona)),
                Err(error) => errors.push(error),
            }
        }
        personas.sort_by(|left: &Arc<Persona>, right| left.id.cmp(&right.id));
        (Self { personas }, errors)
    }

    /// The persona of that id.
    pub fn get(&self, id: &str) -> Option<Arc<Persona>> {
        self.personas.iter().find(|persona| persona.id == id).cloned()
    }

    /// The first persona that is called so in any of its languages.
    pub fn by_name(&self, name: &str) -> Option<Arc<Persona>> {
        let called = |own: &str| own.to_lowercase() == name.trim().to_lowercase();
        self.personas.iter().find(|persona| persona.names().any(called)).cloned()
    }

    /// Everybody, in the order of their ids.
    pub fn list(&self) -> &[Arc<Persona>] {
        &self.personas
    }

    /// The same, to walk over.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Persona>> {
        self.personas.iter()
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, PersonaFileError> {
    let in_file = Place { file: name, field: String::new() };
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(
        |error| in_file.error(format!("it cannot be read ({error})"), "check that it is a readable file"),
    )?;
    Ok(bytes)
}

/// Reads one persona from the bytes of `file`, whose stem has to be its id.
///
/// # Errors
/// Says which field is wrong and what to write instead.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Persona, PersonaFileError> {
    let place = Place { file, field: String::new() };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(place.error(format!("it is larger than {} KiB", MAX_BYTES / 1024), "shorten it"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read: FileFields =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| refused(&place, &error))?;
    reader.end().map_err(|error| {
        place.error(format!("something follows the persona ({error})"), "one file holds one object")
    })?;
    read.into_persona(&place)
}

/// serde's complaint in our words.
fn refused(place: &Place<'_>, error: &serde_path_to_error::Error<serde_json::Error>) -> PersonaFileError {
    let inner = error.inner();
    let path = error.path().to_string();
    let place = if path == "." { place.clone() } else { place.field(&path) };
    let remedy = match inner.classify() {
        serde_json::error::Category::Data if inner.to_string().starts_with("unknown field") => {
            "correct its spelling or remove it (docs/personas.md lists the fields)"
        }
        serde_json::error::Category::Data => "docs/personas.md shows each field and an example",
        _ => "it has to be valid JSON in UTF-8",
    };
    place.error(inner.to_string(), remedy)
}
