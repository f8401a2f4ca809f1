//! Voice activity: is somebody speaking in this frame?

mod silero;
#[cfg(test)]
mod tests;

pub use silero::SileroVad;
