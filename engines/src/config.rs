//! What an operator may say about the engines; one struct per table of `config/duologue.toml`.

use std::path::PathBuf;

use serde::Deserialize;

/// When a model is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// At the first request that needs it.
    Lazy,
    /// While the server starts, in the background.
    #[default]
    Start,
}

/// Whether personas may use what the server can do for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Abilities {
    /// Where the model tells requests from small talk: all but local files smaller than [`Abilities::SMALL`].
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Abilities {
    /// Bytes of a model with about a billion parameters at four bits.
    pub const SMALL: u64 = 700_000_000;
}

/// `[stt]`: speech to text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SttConfig {
    /// Off: the server still takes text.
    pub enabled: bool,
    /// Manifest id (`whisper-base`) or the path of a ggml file.
    pub model: String,
    /// When to load.
    pub load: Load,
    /// CPU threads of one decode.
    pub threads: u16,
}

impl Default for SttConfig {
    fn default() -> Self {
        Self { enabled: true, model: "whisper-base".into(), load: Load::Start, threads: 2 }
    }
}

/// `[vad]`: voice activity, end of turn, noise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VadConfig {
    /// Manifest id or path of Silero's model.
    pub model: String,
    /// Whether smart-turn judges pauses; without it silence alone ends a turn.
    pub smart_turn: bool,
    /// Manifest id or path of smart-turn's model.
    pub smart_turn_model: String,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self { model: "silero-vad".into(), smart_turn: true, smart_turn_model: "smart-turn".into() }
    }
}

/// `[landmarker]`: faces in pictures that clients send. Pages run their own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LandmarkerConfig {
    /// Off by default: the library has to be fetched first (`duologue models pull mediapipe`).
    pub enabled: bool,
    /// Manifest id or path of MediaPipe's library.
    pub library: String,
    /// Manifest id or path of the face landmarker.
    pub model: String,
}

impl Default for LandmarkerConfig {
    fn default() -> Self {
        Self { enabled: false, library: "mediapipe".into(), model: "face-landmarker".into() }
    }
}

/// `[embed]`: texts by what they mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbedConfig {
    /// Off: nothing is found by meaning; everything else works.
    pub enabled: bool,
    /// Manifest id, or the path of the weights with their vocabulary beside them.
    pub model: String,
    /// When to load.
    pub load: Load,
}

impl Default for EmbedConfig {
    fn default() -> Self {
        Self { enabled: true, model: "use-multilingual-v3".into(), load: Load::Lazy }
    }
}

/// Which adapter thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmKind {
    /// llama.cpp in a worker process.
    #[default]
    Llama,
    /// candle, in this process, pure Rust.
    Candle,
    /// Any server that speaks OpenAI's chat completions.
    Openai,
}

/// `[llm]`: the language model.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// Off: personas cannot answer; everything else works.
    pub enabled: bool,
    /// Which adapter.
    pub engine: LlmKind,
    /// Manifest id, path of a GGUF file, or the name of a remote model.
    pub model: String,
    /// A smaller one that answers while the large one is too slow for a session's budget; empty for none.
    pub small_model: String,
    /// Whether it is offered the personas' own functions.
    pub abilities: Abilities,
    /// When to load.
    pub load: Load,
    /// CPU threads.
    pub threads: u16,
    /// Context in tokens for one session.
    pub context_tokens: usize,
    /// Sessions decoded together.
    pub parallel: usize,
    /// For `openai`: base URL up to and including `/v1`.
    pub base_url: String,
    /// For `openai`: bearer key. Never logged.
    pub api_key: String,
    /// For `openai`: seconds until the first token; then one retry.
    pub timeout_s: u64,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            engine: LlmKind::Llama,
            model: "qwen2.5-1.5b".into(),
            small_model: String::new(),
            abilities: Abilities::Auto,
            load: Load::Start,
            threads: 2,
            context_tokens: 4096,
            parallel: 4,
            base_url: "http://127.0.0.1:11434/v1".into(),
            api_key: String::new(),
            timeout_s: 20,
        }
    }
}

impl std::fmt::Debug for LlmConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LlmConfig")
            .field("enabled", &self.enabled)
            .field("engine", &self.engine)
            .field("model", &self.model)
            .field("small_model", &self.small_model)
            .field("abilities", &self.abilities)
            .field("load", &self.load)
            .field("threads", &self.threads)
            .field("context_tokens", &self.context_tokens)
            .field("parallel", &self.parallel)
            .field("base_url", &self.base_url)
            .field("api_key", &if self.api_key.is_empty() { "" } else { "(set)" })
            .field("timeout_s", &self.timeout_s)
            .finish()
    }
}

/// `[tts]`: text to speech.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TtsConfig {
    /// Off: replies are text only.
    pub enabled: bool,
    /// When to load.
    pub load: Load,
    /// CPU threads of the neural voices.
    pub threads: u16,
    /// English voices in the order in which they are tried.
    pub english: Vec<String>,
    /// Korean voices in the order in which they are tried.
    pub korean: Vec<String>,
    /// The espeak-ng program.
    pub espeak: PathBuf,
    /// Online Edge voices: off by default, text leaves this machine when on.
    pub edge: bool,
    /// WebSocket address of the Edge service.
    pub edge_url: String,
}

impl Default for TtsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            load: Load::Start,
            threads: 2,
            english: vec!["hibari-heart".into(), "piper-joe".into(), "espeak-en".into()],
            korean: vec!["kokoro-kumo".into(), "espeak-ko".into()],
            espeak: "espeak-ng".into(),
            edge: false,
            edge_url: "wss://speech.platform.bing.com/consumer/speech/synthesize/readaloud/edge/v1".into(),
        }
    }
}
