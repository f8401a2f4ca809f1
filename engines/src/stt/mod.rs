//! Speech to text.

mod decode;
mod gate;
mod ggml;
mod whisper;
#[cfg(test)]
mod tests;

pub use whisper::WhisperStt;
