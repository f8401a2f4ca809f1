//! Configuration: built-in defaults < files < environment < flags.
//!
//! The built-in defaults are `config/duologue.toml` itself, so the commented file cannot drift from the program:
//! every key exists there, and a key that does not is refused with the nearest one suggested. This file holds
//! what the server's own tables mean and is the only reader of the process environment; `config/layers.rs`
//! merges the layers, `config/legacy.rs` knows the plain names of the earlier systems, `config/check.rs` says
//! what is wrong, `config/report.rs` prints what is in effect.

mod check;
mod layers;
mod legacy;
mod mcp;
mod report;
mod rtc;
mod scoring;
#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, path::PathBuf};

use duologue_engines::config::{EmbedConfig, LandmarkerConfig, LlmConfig, SttConfig, TtsConfig, VadConfig};
use serde::Deserialize;

pub use self::mcp::McpConfig;
pub use self::{
    rtc::RtcConfig,
    scoring::{CoachSection, FaceSection},
};
use crate::http::client::ClientHeader;

/// The complete defaults, commented: also the file that an operator edits.
pub const DEFAULTS: &str = include_str!("../config/duologue.toml");

/// The file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "config/duologue.toml";

/// Everything an operator may say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where models, database and native libraries live; resolved, never empty.
    pub home: PathBuf,
    /// The listening socket and what is served on it.
    pub server: ServerConfig,
    /// Who may come in.
    pub auth: AuthConfig,
    /// Where scenes are kept.
    pub store: StoreConfig,
    /// How many scenes, and for how long.
    pub sessions: SessionsConfig,
    /// When a turn ends, unless the client says otherwise.
    pub turn: TurnConfig,
    /// Speech to text.
    pub stt: SttConfig,
    /// Voice activity and end of turn.
    pub vad: VadConfig,
    /// The language model.
    pub llm: LlmConfig,
    /// Text to speech.
    pub tts: TtsConfig,
    /// Texts by what they mean.
    pub embed: EmbedConfig,
    /// Faces in pictures.
    pub landmarker: LandmarkerConfig,
    /// What a person's talk is judged by.
    pub coach: CoachSection,
    /// What their face is judged by.
    pub face: FaceSection,
    /// Duets and MIDI files.
    pub duet: DuetConfig,
    /// Calls over WebRTC.
    pub rtc: RtcConfig,
    /// Logs.
    pub log: LogConfig,
    /// MCP servers whose functions personas may call.
    pub mcp: Vec<McpConfig>,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Origins let in besides the server's own and those of this machine; `*` is everyone.
    pub allowed_origins: Vec<String>,
    /// Largest upload.
    pub max_upload_bytes: usize,
    /// Folder of persona files.
    pub personas_dir: PathBuf,
    /// Folder of the documents that personas may look into.
    pub documents_dir: PathBuf,
    /// Folder of the page.
    pub static_dir: PathBuf,
    /// Until a request that has not begun to answer is given up.
    pub request_timeout_s: u64,
    /// What running scenes get when the server stops.
    pub drain_s: u64,
    /// Serve other machines without authentication.
    pub open_without_auth: bool,
    /// Addresses and networks of proxies that are believed about where a request comes from.
    pub trusted_proxies: Vec<String>,
    /// In which header they say it.
    pub client_header: ClientHeader,
    /// Connections of one address.
    pub connections_per_client: usize,
    /// Connections of all.
    pub max_connections: usize,
    /// Requests of one client that are at work together.
    pub requests_per_client: usize,
    /// Of these, requests that use models.
    pub model_requests_per_client: usize,
}

impl ServerConfig {
    /// Whether only this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// `[auth]`. Never printed.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Keys that let a client in.
    pub api_keys: Vec<String>,
    /// Secret of HS256 tokens; empty is none.
    pub jwt_secret: String,
    /// Where the public keys of ES256 and RS256 tokens are; empty is none.
    pub jwks_url: String,
    /// What `aud` must be; empty is not checked.
    pub audience: String,
    /// What `iss` must be; empty is not checked.
    pub issuer: String,
    /// Whether this machine must authenticate too.
    pub required: bool,
}

impl AuthConfig {
    /// Whether there is any way to authenticate.
    pub fn is_configured(&self) -> bool {
        !(self.api_keys.is_empty() && self.jwt_secret.is_empty() && self.jwks_url.is_empty())
    }
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("api_keys", &self.api_keys.len())
            .field("jwt_secret", &hidden(&self.jwt_secret))
            .field("jwks_url", &self.jwks_url)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("required", &self.required)
            .finish()
    }
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Embedded, one file.
    Sqlite,
    /// A server.
    Mongodb,
    /// Forgets when the process ends.
    Memory,
}

/// `[store]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Which.
    pub kind: StoreKind,
    /// MongoDB's address; may contain a password.
    pub mongodb_uri: String,
    /// MongoDB's database.
    pub database_name: String,
    /// SQLite's file; resolved, never empty.
    pub path: PathBuf,
    /// Largest size of SQLite's file in MiB; 0 is without limit.
    pub max_size_mb: u32,
    /// The journal's folder; resolved, never empty.
    pub journal_path: PathBuf,
    /// Largest size of the journal in MiB.
    pub journal_max_mb: u32,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("kind", &self.kind)
            .field("mongodb_uri", &hidden(&self.mongodb_uri))
            .field("database_name", &self.database_name)
            .field("path", &self.path)
            .field("max_size_mb", &self.max_size_mb)
            .field("journal_path", &self.journal_path)
            .field("journal_max_mb", &self.journal_max_mb)
            .finish()
    }
}

/// Who decides how many scenes may be in conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// The waits of the last turns.
    Measured,
    /// Nobody: all that are open.
    Fixed,
}

/// `[sessions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// Scenes at once.
    pub max: usize,
    /// Scenes at once of one user.
    pub per_user: usize,
    /// Scenes at once of one client.
    pub per_client: usize,
    /// Who decides how many may be in conversation.
    pub admission: Admission,
    /// What the 95th percentile of voice to voice is held below.
    pub max_voice_to_voice_ms: u64,
    /// So many scenes may be in conversation whatever is measured.
    pub least_talking: usize,
    /// Scenes that one address may create in a minute.
    pub created_per_minute: u32,
    /// Seconds that a scene without a connection waits for its client.
    pub idle_timeout_s: u64,
    /// Seconds until a scene is closed in any case.
    pub max_duration_s: u64,
    /// Id or name of the persona that answers when a client names nobody.
    pub default_persona: String,
}

/// Who decides that a turn has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnMode {
    /// Smart-turn, with silence as the fallback.
    Semantic,
    /// Silence alone.
    Silence,
    /// The client.
    Manual,
}

/// `[turn]`: what a session begins with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnConfig {
    /// Who decides.
    pub mode: TurnMode,
    /// Probability from which a frame counts as speech.
    pub threshold: f32,
    /// Silence that ends a turn in mode `silence`.
    pub silence_ms: u32,
    /// Audio kept from before the first frame of speech.
    pub prefix_padding_ms: u32,
    /// Silence before smart-turn is asked.
    pub ask_after_ms: u32,
    /// Probability from which smart-turn is believed.
    pub complete_at: f32,
    /// Longest wait for somebody who does not sound finished.
    pub max_wait_ms: u32,
    /// Longest turn.
    pub max_turn_ms: u32,
    /// Whether speech stops a reply.
    pub interrupt: bool,
    /// From the end of speech to the first sound, what is aimed at; 0 gives nothing up to get there.
    pub budget_ms: u64,
    /// A voice that may speak English instead of a persona's own when answers come too late; empty for none.
    pub fast_voice_en: String,
    /// The same for Korean.
    pub fast_voice_ko: String,
    /// Whether noise is filtered.
    pub noise_reduction: bool,
}

/// `[duet]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuetConfig {
    /// The sounds of General MIDI; resolved, never empty.
    pub soundfont: PathBuf,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level or a filter.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// Whether people's words may be logged.
    pub words: bool,
}

/// Why the configuration cannot be used: every problem that was found, each with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl From<String> for ConfigError {
    fn from(problem: String) -> Self {
        Self { problems: vec![problem] }
    }
}

/// What the configuration is made from; tests fill it by hand.
#[derive(Clone, Default)]
pub struct Sources {
    /// TOML files, later ones win. All must exist.
    pub files: Vec<PathBuf>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// `section.key` and value, from flags.
    pub flags: Vec<(String, String)>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment and the flags may hold secrets.
        f.debug_struct("Sources").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Sources {
    /// The environment of this process under `files` and `flags`. Without files, [`DEFAULT_FILE`] in the working
    /// directory when it exists.
    pub fn from_process(mut files: Vec<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let default = PathBuf::from(DEFAULT_FILE);
        if files.is_empty() && default.is_file() {
            files.push(default);
        }
        Self { files, env: process_env(), flags }
    }
}

fn process_env() -> Vec<(String, String)> {
    // Values that are not UTF-8 cannot be ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A configuration together with what `check-config` says about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in effect.
    pub config: Config,
    /// The same as TOML, secrets hidden.
    pub effective: String,
    /// Names that were ignored or translated, in words.
    pub notes: Vec<String>,
}

impl Config {
    /// Merges the sources and checks the result.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        load(sources).map(|loaded| loaded.config)
    }

    /// ONNX Runtime's library in `home`.
    pub fn onnx_runtime(&self) -> PathBuf {
        self.home.join("lib").join("libonnxruntime.so")
    }

    /// The folder of model files in `home`.
    pub fn models_dir(&self) -> PathBuf {
        self.home.join("models")
    }

    /// Whether a request must authenticate wherever it comes from.
    pub fn auth_required(&self) -> bool {
        self.auth.is_configured() && (self.auth.required || !self.server.is_loopback())
    }
}

/// Merges the sources, checks the result, and reports on it.
pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let layers = layers::merge(&sources)?;
    let mut config = layers.extract()?;
    check::resolve(&mut config, &sources.env)?;
    check::check(&config)?;
    let effective = report::effective(&layers, &config);
    Ok(Loaded { config, effective, notes: layers.notes })
}

fn hidden(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "(set)" }
}
