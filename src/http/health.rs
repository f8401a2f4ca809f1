//! `/health`, `/api/health/` and `/metrics`: what works, what does not, and why.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use duologue_actors::store::Store;
use duologue_engines::port::{EngineInfo, Health};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{metrics::TASKS_ALIVE, state::AppState};

/// What the whole is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that is switched on works.
    Ok,
    /// Something does not work as configured.
    Degraded,
    /// Models are being loaded.
    Starting,
}

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// Loaded at the first request.
    Idle,
    /// Being loaded.
    Loading,
    /// Works.
    Ready,
    /// Works, but not as configured.
    Degraded,
    /// Does not work.
    Unavailable,
    /// Switched off.
    Off,
}

/// One part of the server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Part {
    /// `stt`, `llm`, `tts`, `landmarker`, `vad`, `turn`, `store`, `soundfont` or `rtc`.
    pub part: &'static str,
    /// Adapter.
    pub engine: String,
    /// Model file or name.
    pub model: String,
    /// How it is.
    pub state: PartState,
    /// Why, when it is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How many scenes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SessionCount {
    /// Open now.
    pub open: usize,
    /// How many may be.
    pub limit: usize,
    /// In conversation now.
    pub talking: usize,
    /// How many may be in conversation.
    pub places: usize,
    /// Whose turn waits for a place.
    pub waiting: usize,
    /// Why there are as many places: `fixed`, `unmeasured`, `predicted`, `late`, `early` or `strained`.
    pub why: &'static str,
    /// 95th percentile of voice to voice of the last turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u64>,
    /// Share of the cores' time that the models computed in the last minute, 0 to 1.
    pub busy: f64,
    /// Seconds until there is a place in conversation, when none is free and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_place_s: Option<u64>,
}

/// The answer of `/health`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// The whole.
    pub status: Status,
    /// Of the server.
    pub version: &'static str,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Each part.
    pub parts: Vec<Part>,
    /// Scenes.
    pub sessions: SessionCount,
}

/// The answer of `/api/health/`: the same, and what clients of the earlier system look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EarlierHealthReport {
    /// As in `/health`.
    #[serde(flatten)]
    pub report: HealthReport,
    /// `connected` or `disconnected`.
    pub database: &'static str,
    /// There is none.
    pub vector_db: &'static str,
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/health", get(health))
        .route("/api/health/", get(earlier_health))
        .route("/api/health", get(earlier_health))
        .route("/metrics", get(metrics))
}

/// What is loaded, degraded, missing, and why.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = HealthReport)))]
pub(crate) async fn health(State(state): State<AppState>) -> Json<HealthReport> {
    Json(report(&state).await)
}

/// The same, with the fields of the earlier voice system.
#[utoipa::path(get, path = "/api/health/", tag = "health", responses((status = 200, body = EarlierHealthReport)))]
pub(crate) async fn earlier_health(State(state): State<AppState>) -> Json<EarlierHealthReport> {
    let report = report(&state).await;
    let connected = report.parts.iter().any(|part| part.part == "store" && part.state == PartState::Ready);
    Json(EarlierHealthReport {
        report,
        database: if connected { "connected" } else { "disconnected" },
        vector_db: "disabled",
    })
}

/// All metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(state): State<AppState>) -> Response {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    metrics::gauge!(TASKS_ALIVE).set(tasks as f64);
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, text)], state.metrics.render()).into_response()
}

/// Looks at every part.
pub async fn report(state: &AppState) -> HealthReport {
    let (census, crowd) = (state.sessions.census().await, state.sessions.crowd());
    let mut parts = engine_parts(state);
    parts.push(state.store_watch.part().await);
    parts.push(soundfont(state));
    parts.push(crate::rtc::part(state));
    parts.extend(mcp(state));
    parts.extend(documents(state));
    HealthReport {
        status: overall(&parts),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: state.started.elapsed().as_secs(),
        parts,
        sessions: SessionCount {
            open: census.open,
            limit: census.limit,
            talking: crowd.talking,
            places: crowd.places,
            waiting: crowd.waiting,
            why: crowd.why.name(),
            p95_ms: crowd.p95_ms,
            busy: (crowd.busy * 100.0).round() / 100.0,
            next_place_s: crowd.next_free.map(|about| about.as_millis().div_ceil(1000) as u64),
        },
    }
}

/// The sounds of duets and of WAV files; everything else works without.
fn soundfont(state: &AppState) -> Part {
    let missing = state.sounds.check().err().map(|error| error.to_string());
    Part {
        part: "soundfont",
        engine: "rustysynth".into(),
        model: state.sounds.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        state: if missing.is_none() { PartState::Ready } else { PartState::Unavailable },
        reason: missing,
    }
}

/// The MCP servers, where there are any.
fn mcp(state: &AppState) -> Option<Part> {
    let info = EngineInfo { engine: "rmcp", model: state.mcp.names(), languages: Vec::new() };
    (!state.mcp.is_empty()).then(|| part("mcp", true, info, state.mcp.health()))
}

/// The documents, where there are any or some were left out.
fn documents(state: &AppState) -> Option<Part> {
    let library = &state.documents;
    let model = format!("{} files", library.files());
    let info = EngineInfo { engine: "bm25", model, languages: Vec::new() };
    let health = library.health();
    (library.files() > 0 || health != Health::Ready).then(|| part("documents", true, info, health))
}

fn engine_parts(state: &AppState) -> Vec<Part> {
    let (engines, config) = (&state.engines, &state.config);
    vec![
        part("stt", config.stt.enabled, engines.stt.info(), engines.stt.health()),
        part("llm", config.llm.enabled, engines.llm.info(), engines.llm.health()),
        part("tts", config.tts.enabled, engines.tts.info(), engines.tts.health()),
        part("landmarker", config.landmarker.enabled, engines.face.info(), engines.face.health()),
        part("embed", config.embed.enabled, engines.embed.info(), engines.embed.health()),
        // Both serve the recogniser: without it nobody listens.
        part("vad", config.stt.enabled, engines.vad.info(), engines.vad.health()),
        part("turn", config.stt.enabled && config.vad.smart_turn, engines.turn.info(), engines.turn.health()),
    ]
}

fn part(part: &'static str, enabled: bool, info: EngineInfo, health: Health) -> Part {
    let (state, reason) = match health {
        _ if !enabled => (PartState::Off, Some("switched off in the configuration".to_owned())),
        Health::Idle => (PartState::Idle, None),
        Health::Loading => (PartState::Loading, None),
        Health::Ready => (PartState::Ready, None),
        Health::Degraded(reason) => (PartState::Degraded, Some(reason)),
        Health::Unavailable(reason) => (PartState::Unavailable, Some(reason)),
    };
    Part { part, engine: info.engine.to_owned(), model: info.model, state, reason }
}

fn overall(parts: &[Part]) -> Status {
    let any = |wanted: &[PartState]| parts.iter().any(|part| wanted.contains(&part.state));
    if any(&[PartState::Degraded, PartState::Unavailable]) {
        Status::Degraded
    } else if any(&[PartState::Loading]) {
        Status::Starting
    } else {
        Status::Ok
    }
}

/// How long an answer of the store counts: monitors ask often, the database should not notice.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// `/health` must answer while the database hangs.
const STORE_ANSWERS: Duration = Duration::from_millis(1500);

/// Asks the store whether it works, not too often.
pub struct StoreWatch {
    store: Arc<dyn Store>,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl std::fmt::Debug for StoreWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreWatch").field("store", &self.store.kind()).finish_non_exhaustive()
    }
}

impl StoreWatch {
    /// Watches `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    async fn part(&self) -> Part {
        let mut last = self.last.lock().await;
        let failure = match &*last {
            Some((when, failure)) if when.elapsed() < ASK_AGAIN => failure.clone(),
            _ => {
                let failure = self.ask().await;
                *last = Some((Instant::now(), failure.clone()));
                failure
            }
        };
        let state = if failure.is_none() { PartState::Ready } else { PartState::Unavailable };
        Part { part: "store", engine: self.store.kind().into(), model: String::new(), state, reason: failure }
    }

    async fn ask(&self) -> Option<String> {
        match tokio::time::timeout(STORE_ANSWERS, self.store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.message),
            Err(_) => Some("the database does not answer".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(states: &[Health]) -> Vec<Part> {
        let info = EngineInfo { engine: "x", model: "y".into(), languages: Vec::new() };
        states.iter().map(|health| part("stt", true, info.clone(), health.clone())).collect()
    }

    #[test]
    fn the_whole_is_as_its_worst_part() {
        let cases = [
            (vec![Health::Ready, Health::Idle], Status::Ok),
            (vec![Health::Ready, Health::Loading], Status::Starting),
            (vec![Health::Loading, Health::Unavailable("no file".into())], Status::Degraded),
            (vec![Health::Degraded("slow".into())], Status::Degraded),
        ];
        for (states, expected) in cases {
            assert_eq!(overall(&parts(&states)), expected, "{states:?}");
        }
    }

    #[test]
    fn what_is_switched_off_is_not_broken() {
        let info = EngineInfo { engine: "x", model: "y".into(), languages: Vec::new() };
        let off = part("llm", false, info, Health::Unavailable("switched off".into()));
        assert_eq!(off.state, PartState::Off);
        assert_eq!(overall(&[off]), Status::Ok);
    }
}
