//! Ports to models and their adapters: hearing, thinking, speaking. One model, one owner.

pub mod absent;
pub mod config;
pub mod cores;
#[cfg(feature = "embed")]
pub mod embed;
pub mod environment;
#[cfg(feature = "face")]
pub mod face;
pub mod fair;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(test)]
mod models_for_tests;
#[cfg(any(feature = "tts", feature = "embed"))]
mod npz;
#[cfg(any(feature = "vad", feature = "tts"))]
pub mod onnx;
pub mod port;
pub mod registry;
#[cfg(feature = "stt")]
pub mod stt;
pub mod thread;
#[cfg(feature = "tts")]
pub mod tts;
#[cfg(feature = "vad")]
pub mod turn;
#[cfg(feature = "vad")]
pub mod vad;
