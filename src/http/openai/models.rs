//! `GET /v1/models`: personas, and the models that hear and speak.

use std::collections::HashSet;

use axum::{Json, Router, extract::State, routing::get};
use serde::Serialize;
use utoipa::ToSchema;

use super::text::unix_seconds;
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::extract::{ApiPath, Caller},
    state::AppState,
};

/// Names by which clients ask for the speech engine, out of habit.
pub(super) const HEARING: [&str; 4] = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper"];

/// Names by which clients ask for a voice, out of habit.
pub(super) const SPEAKING: [&str; 4] = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "tts"];

/// Something that can be named as `model`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Model {
    /// What to name.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When this server started, in seconds since 1970: nothing is older here.
    created: u64,
    /// `duologue` for personas, else the engine.
    owned_by: String,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// Personas first.
    data: Vec<Model>,
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/models", get(list)).route("/v1/models/{*model}", get(show))
}

/// What can be named as `model`: personas for talking, the speech engine for recordings, voices for speech.
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses((status = 200, body = ModelList)))]
pub(crate) async fn list(State(state): State<AppState>, _: Caller) -> Json<ModelList> {
    Json(ModelList { object: "list", data: models(&state) })
}

/// One of them.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "openai", params(("model" = String, Path, description = "Its id")),
    responses((status = 200, body = Model), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    _: Caller,
    ApiPath(model): ApiPath<String>,
) -> Result<Json<Model>, ApiError> {
    let found = models(&state).into_iter().find(|known| known.id == model);
    found.map(Json).ok_or_else(|| unknown(&model))
}

/// A model that is not there.
pub(crate) fn unknown(model: &str) -> ApiError {
    let short: String = model.chars().take(80).collect();
    ApiError::new(Code::ModelNotFound, format!("there is no model {short:?}")).with_param("model")
}

/// Whether recordings may be sent to `model`.
pub(super) fn hears(state: &AppState, model: &str) -> bool {
    HEARING.contains(&model) || state.engines.stt.info().model == model
}

fn models(state: &AppState) -> Vec<Model> {
    let created = unix_seconds().saturating_sub(state.started.elapsed().as_secs());
    let model = |id: String, owner: &str| Model { id, object: "model", created, owned_by: owner.to_owned() };
    let hearing = state.engines.stt.info();
    let embedding = state.engines.embed.info();
    let thinking = [Some(&state.engines.llm), state.engines.small_llm.as_ref()];
    let thinking = thinking.into_iter().flatten().map(|llm| llm.info());
    let personas = state.library.iter().map(|persona| model(persona.id.clone(), "duologue"));
    let voices = state.engines.tts.voices();
    let voices = voices.into_iter().map(|voice| model(voice.id, voice.engine));
    let engines =
        [hearing].into_iter().chain(thinking).chain([embedding]).filter(|engine| !engine.model.is_empty());
    let all = personas.chain(engines.map(|engine| model(engine.model, engine.engine))).chain(voices);
    let mut all: Vec<Model> = all.collect();
    // An id names one thing; who comes first has it.
    let mut seen = HashSet::new();
    all.retain(|model| seen.insert(model.id.clone()));
    all
}
