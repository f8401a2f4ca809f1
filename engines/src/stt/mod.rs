//! Speech to text.

mod decode;
mod gate;
mod ggml;
#[cfg(test)]
mod tests;
mod whisper;

pub use whisper::WhisperStt;
