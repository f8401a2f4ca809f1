//! The documents that personas may look into: text files of one folder, read at the start, searched by their words.
//!
//! Everybody who may talk to the server may ask about them, so they are not the place for secrets. Nothing of them, and
//! nothing that is looked up, reaches a log.

mod passages;
#[cfg(test)]
mod tests;
mod words;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use bm25::{Document, SearchEngine, SearchEngineBuilder};
use duologue_actors::tools::{Documents, ToolFailure};
use duologue_engines::port::Health;
use futures_util::future::BoxFuture;
use serde_json::json;

use self::{passages::Passage, words::Words};

/// Largest file; a long novel takes one megabyte.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Most files, and most bytes of all of them: what is read in a fraction of a second, and searched in milliseconds.
const MAX_FILES: usize = 500;
const MAX_TOTAL: usize = 32 * 1024 * 1024;

/// Endings of the files that are read.
const ENDINGS: [&str; 3] = ["txt", "md", "markdown"];

/// Passages that are answered: a prompt of a small model has no room for more.
const FOUND: usize = 3;

/// The documents of one folder.
#[derive(Debug, Default)]
pub struct Library {
    files: usize,
    passages: Vec<Passage>,
    /// Passages by their places in the list.
    index: Option<SearchEngine<u32, u32, Words>>,
    /// What was left out and why, for `/health`.
    left_out: Vec<String>,
}

impl Library {
    /// Reads every text file of `folder` and the folders in it. A folder that does not exist has none; what cannot be
    /// read is left out and told by [`Library::health`].
    pub fn load(folder: &Path) -> Self {
        let mut library = Self::default();
        let mut total = 0;
        for path in files(folder) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            match read(&path).and_then(|text| library.room_for(&text, &mut total).map(|()| text)) {
                Ok(text) => {
                    library.files += 1;
                    library.passages.extend(passages::of(&name, &text));
                }
                Err(why) => library.left_out.push(format!("{name}: {why}")),
            }
        }
        let known = (0..).zip(&library.passages).map(|(at, passage)| Document::new(at, passage.searched()));
        let known = known.collect::<Vec<Document<u32>>>();
        library.index = (!known.is_empty())
            .then(|| SearchEngineBuilder::with_tokenizer_and_documents(Words, known).build());
        library
    }

    fn room_for(&self, text: &str, total: &mut usize) -> Result<(), String> {
        if self.files >= MAX_FILES {
            return Err(format!("there are more than {MAX_FILES} files"));
        }
        if *total + text.len() > MAX_TOTAL {
            return Err(format!("all files together have more than {} MB", MAX_TOTAL >> 20));
        }
        *total += text.len();
        Ok(())
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Whether all that lies in the folder can be asked about.
    pub fn health(&self) -> Health {
        match &self.left_out[..] {
            [] => Health::Ready,
            [first] => Health::Degraded(format!("left out: {first}")),
            [first, others @ ..] => Health::Degraded(format!("left out: {first}; and {} more", others.len())),
        }
    }

    /// The passages that have most of the words, the best first.
    fn search(&self, query: &str) -> Vec<&Passage> {
        let Some(index) = &self.index else { return Vec::new() };
        let found = index.search(query, FOUND).into_iter();
        found.filter_map(|found| self.passages.get(found.document.id as usize)).collect()
    }
}

impl Documents for Library {
    fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    fn look_up(&self, query: String) -> BoxFuture<'static, Result<String, ToolFailure>> {
        let found = self.search(&query);
        let passages = found.iter().map(|passage| json!({"where": passage.place(), "text": passage.text()}));
        let result = match found.is_empty() {
            true => json!({"found": [], "note": "The documents say nothing about this. Do not invent it."}),
            false => json!({"found": passages.collect::<Vec<_>>()}),
        };
        Box::pin(async move { Ok(result.to_string()) })
    }
}

/// The files of a folder and of the folders in it, in the order of their names. Hidden ones are nobody's documents, and
/// links may lead anywhere.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut found = Vec::new();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

fn read(path: &Path) -> Result<String, String> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !ENDINGS.contains(&ending.as_str()) {
        return Err(format!(
            "only {} are read; save it as text",
            ENDINGS.map(|end| format!(".{end}")).join(", ")
        ));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than {} MB", MAX_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8; save it as UTF-8".to_owned())
}
