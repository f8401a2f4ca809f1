//! Every engine that a session may use, opened from the configuration. One line a thing.

use std::sync::Arc;

use crate::port::{EmbedEngine, FaceEngine, LlmEngine, SttEngine, TtsEngine, TurnEngine, VadEngine};

#[cfg(all(
    feature = "vad",
    feature = "stt",
    feature = "tts",
    feature = "llm",
    feature = "face",
    feature = "embed"
))]
mod open;

#[cfg(all(
    feature = "vad",
    feature = "stt",
    feature = "tts",
    feature = "llm",
    feature = "face",
    feature = "embed"
))]
pub use self::open::{EngineConfigs, Places};

/// The engines of this process. None is optional: one that is switched off or missing is an
/// [`Absent`](crate::absent::Absent) that says why.
#[derive(Clone)]
pub struct Engines {
    /// Voice activity.
    pub vad: Arc<dyn VadEngine>,
    /// Whether an utterance sounds complete.
    pub turn: Arc<dyn TurnEngine>,
    /// Speech to text.
    pub stt: Arc<dyn SttEngine>,
    /// The language model.
    pub llm: Arc<dyn LlmEngine>,
    /// A smaller one, for when answers come too late; only where it is configured.
    pub small_llm: Option<Arc<dyn LlmEngine>>,
    /// Text to speech.
    pub tts: Arc<dyn TtsEngine>,
    /// Faces in pictures, for clients without a landmarker.
    pub face: Arc<dyn FaceEngine>,
    /// Texts by what they mean.
    pub embed: Arc<dyn EmbedEngine>,
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engines").finish_non_exhaustive()
    }
}
