//! A model's alphabet: which number stands for which phoneme.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;

use crate::port::{EngineError, ErrorKind};

/// Phoneme letters and their numbers.
#[derive(Debug)]
pub(super) struct Vocabulary(HashMap<char, i64>);

impl Vocabulary {
    /// Reads a JSON object of letters; `key` names the object inside the file where it is not the whole.
    pub(super) fn read(engine: &'static str, path: &Path, key: Option<&str>) -> Result<Self, EngineError> {
        let value = json(engine, path)?;
        let object = key.map_or(Some(&value), |key| value.get(key)).and_then(Value::as_object);
        let number = |value: &Value| value.as_i64().or_else(|| value.get(0)?.as_i64());
        let letters: HashMap<char, i64> = object
            .into_iter()
            .flatten()
            .filter_map(|(letter, value)| Some((letter.chars().next()?, number(value)?)))
            .collect();
        if letters.is_empty() {
            return Err(unusable(engine, path, "it holds no alphabet"));
        }
        Ok(Self(letters))
    }

    /// The number of one letter.
    pub(super) fn id(&self, letter: char) -> Option<i64> {
        self.0.get(&letter).copied()
    }

    /// The numbers of all letters that the model knows.
    pub(super) fn ids(&self, letters: &str) -> Vec<i64> {
        letters.chars().filter_map(|letter| self.id(letter)).collect()
    }
}

/// The JSON file at `path`.
pub(super) fn json(engine: &'static str, path: &Path) -> Result<Value, EngineError> {
    let text = fs::read_to_string(path).map_err(|error| unusable(engine, path, &error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unusable(engine, path, &error.to_string()))
}

fn unusable(engine: &'static str, path: &Path, why: &str) -> EngineError {
    let message = format!("{} cannot be used ({why}); run `duologue models pull`", path.display());
    EngineError::new(ErrorKind::Unavailable, engine, message)
}
