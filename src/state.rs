//! What every handler can reach.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use duologue_actors::{sessions::SessionsHandle, store::Store, tools::ServerTools};
use duologue_engines::registry::Engines;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::{
    auth::{Authenticator, OriginPolicy},
    config::Config,
    documents::Library,
    engines::offers_abilities,
    http::{
        client::Proxies,
        health::StoreWatch,
        limit::RateLimiter,
        openai::{Completions, Kept, client_secrets::ClientSecrets},
        share::Shares,
    },
    mcp::McpServers,
    midi::sound::SoundBank,
    personas::PersonaLibrary,
    rtc::Switchboard,
};

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// What is in effect.
    pub config: Arc<Config>,
    /// Who can answer.
    pub library: Arc<PersonaLibrary>,
    /// The models.
    pub engines: Arc<Engines>,
    /// Where scenes are kept.
    pub store: Arc<dyn Store>,
    /// The scenes that are open.
    pub sessions: SessionsHandle,
    /// Who may come in.
    pub auth: Arc<Authenticator>,
    /// Which pages may call.
    pub origins: Arc<OriginPolicy>,
    /// Who is believed about where a request comes from.
    pub proxies: Arc<Proxies>,
    /// What each client may have at work.
    pub shares: Arc<Shares>,
    /// How often one address may create a session.
    pub creations: Arc<RateLimiter>,
    /// Whether the store answers.
    pub store_watch: Arc<StoreWatch>,
    /// Behind `/metrics`.
    pub metrics: PrometheusHandle,
    /// The persona that was activated last.
    pub active: Arc<RwLock<String>>,
    /// Recordings that are decoded at once: each takes up to a hundred megabytes for a moment. More are refused.
    pub decodings: Arc<Semaphore>,
    /// Recordings that are analysed at once: more would keep the speech engine from those who talk. More are refused.
    pub analyses: Arc<Semaphore>,
    /// Pictures out of sockets that are unpacked and looked at at once. The others wait for the next of their kind.
    pub looks: Arc<Semaphore>,
    /// MIDI files that are analysed or made at once: a large one takes a core for a second. The others wait a little.
    pub scores: Arc<Semaphore>,
    /// WAV files that are rendered at once: each takes a core. More are refused.
    pub renderings: Arc<Semaphore>,
    /// Replies that are written at once over HTTP.
    pub(crate) completions: Arc<Completions>,
    /// Conversations that responses can go on from.
    pub(crate) responses: Arc<Kept>,
    /// What pages open realtime sessions with.
    pub client_secrets: Arc<ClientSecrets>,
    /// Calls over WebRTC.
    pub(crate) calls: Arc<Switchboard>,
    /// The sounds of General MIDI.
    pub sounds: Arc<SoundBank>,
    /// Functions of other programs.
    pub mcp: Arc<McpServers>,
    /// What personas may look into.
    pub documents: Arc<Library>,
    /// Whether personas may use their abilities.
    pub abilities: bool,
    /// When the server started.
    pub started: Instant,
}

/// What an [`AppState`] is made from.
pub struct Parts {
    /// What is in effect.
    pub config: Config,
    /// Who can answer.
    pub library: PersonaLibrary,
    /// The models.
    pub engines: Arc<Engines>,
    /// Where scenes are kept.
    pub store: Arc<dyn Store>,
    /// The scenes that are open.
    pub sessions: SessionsHandle,
    /// Behind `/metrics`.
    pub metrics: PrometheusHandle,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("config", &self.config).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("config", &self.config).finish_non_exhaustive()
    }
}

impl AppState {
    /// What the server can do for a persona.
    pub fn server_tools(&self) -> ServerTools {
        ServerTools { sources: self.mcp.tools().sources, ..self.own_tools() }
    }

    /// Of these, what needs no other program.
    pub fn own_tools(&self) -> ServerTools {
        ServerTools { abilities: self.abilities, documents: self.documents.clone(), ..ServerTools::default() }
    }

    /// Everything derived from the configuration is made here.
    pub fn new(parts: Parts) -> Self {
        let config = parts.config;
        Self {
            auth: Arc::new(Authenticator::new(&config)),
            origins: Arc::new(OriginPolicy::new(&config.server)),
            // Checked with the configuration.
            proxies: Arc::new(
                Proxies::parse(&config.server.trusted_proxies, config.server.client_header)
                    .unwrap_or_default(),
            ),
            shares: Arc::new(Shares::new(
                config.server.requests_per_client,
                config.server.model_requests_per_client,
            )),
            creations: Arc::new(RateLimiter::per_minute(config.sessions.created_per_minute)),
            store_watch: Arc::new(StoreWatch::new(parts.store.clone())),
            active: Arc::new(RwLock::new(config.sessions.default_persona.clone())),
            sounds: Arc::new(SoundBank::new(config.duet.soundfont.clone())),
            mcp: Arc::new(McpServers::start(&config.mcp)),
            documents: Arc::new(Library::load(&config.server.documents_dir)),
            abilities: offers_abilities(&config),
            calls: Arc::new(Switchboard::new(&config)),
            config: Arc::new(config),
            library: Arc::new(parts.library),
            engines: parts.engines,
            store: parts.store,
            sessions: parts.sessions,
            metrics: parts.metrics,
            decodings: Arc::new(Semaphore::new(4)),
            analyses: Arc::new(Semaphore::new(2)),
            looks: Arc::new(Semaphore::new(2)),
            scores: Arc::new(Semaphore::new(2)),
            renderings: Arc::new(Semaphore::new(2)),
            completions: Arc::default(),
            responses: Arc::default(),
            client_secrets: Arc::default(),
            started: Instant::now(),
        }
    }

    /// Id or name of the persona that answers when a client names nobody.
    pub fn active_persona(&self) -> String {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it.
    pub fn activate_persona(&self, id: &str) {
        id.clone_into(&mut self.active.write().unwrap_or_else(PoisonError::into_inner));
    }
}
