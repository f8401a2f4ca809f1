//! Speech to text.

mod decode;
mod gate;
mod ggml;
mod pace;
#[cfg(test)]
mod tests;
mod whisper;

pub use whisper::WhisperStt;
