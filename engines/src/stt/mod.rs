//! Speech to text.

mod decode;
mod gate;
mod ggml;
#[cfg(test)]
mod tests;
mod whisper;
mod words;

pub use whisper::WhisperStt;
