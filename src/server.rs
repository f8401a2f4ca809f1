//! The composition root: everything is opened and bound here, announced when all of it stands, and stopped by one
//! path with a deadline.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use duologue_actors::{
    places::cores,
    sessions::{SessionLimits, SessionsArgs, SessionsHandle},
    store::Store,
    tools::of_persona,
};
use duologue_domain::{capacity::Bounds, prompt::Prompt};
use duologue_engines::{config::Load, registry::Engines};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{
    config::{Admission, Config},
    door::{Door, DoorLimits, Peer},
    http::{self, client::Proxies},
    metrics,
    personas::PersonaLibrary,
    rtc,
    state::{AppState, Parts},
    store, ws,
};

/// Personas whose prompts are read at the start; each takes some ten seconds of the CPU with the default model.
const PREFILLED: usize = 3;

/// What the journal gets to reach its store when the server stops.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// Read while nobody speaks yet: the first reply of each persona then begins at once. The one who answers by default
/// is asked for last, and so read first.
fn read_ahead(state: &AppState) {
    let by_default = state.config.sessions.default_persona.as_str();
    let mut personas = state.library.iter().collect::<Vec<_>>();
    personas.sort_by_key(|persona| persona.id != by_default && persona.name != by_default);
    let ahead = if state.config.llm.load == Load::Start { PREFILLED } else { 0 };
    let llm = &state.engines.llm;
    for persona in personas.into_iter().take(ahead).rev() {
        let tools = match llm.has_tools() {
            true => of_persona(persona, persona.language, &state.own_tools()),
            false => Vec::new(),
        };
        llm.prefill_tools(Prompt::shared_messages(persona, persona.language), tools.into());
    }
}

/// A server that is bound but does not serve yet.
pub struct Server {
    listener: TcpListener,
    state: AppState,
    drain: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens what the configuration names, and binds. Models load in the background; a missing one does not stop
    /// the server, `/health` says so.
    ///
    /// # Errors
    /// The address is taken, or the store's files cannot be opened.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let engines = Arc::new(crate::engines::open(&config)?);
        let store = store::open(&config.store).await.context("the store could not be opened")?;
        Self::bind_with(config, engines, store).await
    }

    /// The same with given engines and store, for tests.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn bind_with(
        config: Config,
        engines: Arc<Engines>,
        store: Arc<dyn Store>,
    ) -> anyhow::Result<Self> {
        let (library, broken) = PersonaLibrary::load(&config.server.personas_dir);
        for error in &broken {
            warn!(%error, "persona file skipped");
        }
        let limits = SessionLimits {
            max: config.sessions.max,
            per_user: config.sessions.per_user,
            per_client: config.sessions.per_client,
            admission: bounds(&config),
            idle_timeout: Duration::from_secs(config.sessions.idle_timeout_s),
            max_duration: Duration::from_secs(config.sessions.max_duration_s),
        };
        let args = SessionsArgs { engines: engines.clone(), store: store.clone(), limits };
        let sessions = SessionsHandle::start(args).await.context("the census of sessions did not start")?;
        let address = format!("{}:{}", config.server.host, config.server.port);
        let listener = TcpListener::bind(&address).await.with_context(|| {
            format!("{address} cannot be listened on; is another server running? Set PORT to move")
        })?;
        let metrics = metrics::install()?;
        let drain = Duration::from_secs(config.server.drain_s);
        let state = AppState::new(Parts { config, library, engines, store, sessions, metrics });
        read_ahead(&state);
        Ok(Self { listener, state, drain })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket has no address, which the system does not let happen.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The scenes that are open, for who starts the server in its own process.
    pub fn sessions(&self) -> SessionsHandle {
        self.state.sessions.clone()
    }

    /// Serves until `stop` resolves, then refuses, drains and cuts.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { listener, state, drain } = self;
        let upkeep = tokio::spawn(metrics::upkeep(state.metrics.clone()));
        let (sessions, store) = (state.sessions.clone(), state.store.clone());
        let door = Door::new(listener, door_limits(&state));
        let app =
            http::app(state, ws::router().merge(rtc::router())).into_make_service_with_connect_info::<Peer>();
        let (stopped, stopping) = tokio::sync::watch::channel(false);
        let draining = tokio::spawn(async move {
            stop.await;
            info!("stopping");
            let _ = stopped.send(true);
            sessions.drain(drain).await;
        });
        let graceful = {
            let mut stopping = stopping.clone();
            async move {
                let _ = stopping.wait_for(|stopping| *stopping).await;
            }
        };
        let mut cut = stopping;
        let deadline = async move {
            let _ = cut.wait_for(|stopping| *stopping).await;
            // Scenes drain first; what is still connected a second after that is cut.
            tokio::time::sleep(drain + Duration::from_secs(1)).await;
        };
        tokio::select! {
            served = axum::serve(door, app).with_graceful_shutdown(graceful) => served.context("serving failed")?,
            () = deadline => warn!("connections cut off at the deadline"),
        }
        let _ = draining.await;
        // What cannot be flushed now is in the journal's file, and goes into the store at the next start.
        if tokio::time::timeout(FLUSH_WITHIN, store.flush()).await.is_err() {
            warn!("the store is away; the journal keeps what waits for it");
        }
        upkeep.abort();
        info!("stopped");
        Ok(())
    }
}

/// Within what the number of scenes in conversation is measured.
fn bounds(config: &Config) -> Option<Bounds> {
    let sessions = &config.sessions;
    (sessions.admission == Admission::Measured).then(|| Bounds {
        floor: sessions.least_talking.min(sessions.max),
        ceiling: sessions.max,
        bar_ms: sessions.max_voice_to_voice_ms,
        cores: cores(),
    })
}

/// Beyond what any request may take to begin its answer.
const BEYOND_REQUESTS: Duration = Duration::from_secs(30);

fn door_limits(state: &AppState) -> DoorLimits {
    let server = &state.config.server;
    DoorLimits {
        per_client: server.connections_per_client,
        total: server.max_connections,
        idle: http::layers::longest_wait(server) + BEYOND_REQUESTS,
        proxies: Proxies::clone(&state.proxies),
    }
}
