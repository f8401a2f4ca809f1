//! `/personas`: who can answer, and who answers when nobody is named.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use duologue_domain::{
    lang::Language,
    persona::{Persona, Portrait},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{ApiPath, Caller};
use crate::{
    error::{ApiError, Code, ErrorBody},
    state::AppState,
};

/// How the page draws a persona. Colours are `#rrggbb`.
#[derive(Debug, Serialize, ToSchema)]
pub struct PortraitView {
    /// Skin.
    pub skin: String,
    /// Which hair.
    pub hair_style: String,
    /// Hair.
    pub hair_color: String,
    /// Eyes.
    pub eye_color: String,
    /// Lips.
    pub lip_color: String,
    /// Which clothes.
    pub outfit_style: String,
    /// Clothes.
    pub outfit_color: String,
    /// Behind the persona.
    pub backdrop: String,
    /// Small things.
    pub extras: Vec<String>,
}

/// What a persona is called and says in one of its languages.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView {
    /// `ko` or `en`.
    pub language: &'static str,
    /// Its name.
    pub name: String,
    /// Its work.
    pub job: String,
    /// Its first words.
    pub greeting: String,
    /// Its voice, when it has chosen one.
    pub voice: Option<String>,
}

/// A persona as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonaView {
    /// Stable.
    pub id: String,
    /// In its main language.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// Myers-Briggs type.
    #[schema(example = "ENFP")]
    pub mbti: String,
    /// In years.
    pub age: u8,
    /// In its main language.
    pub job: String,
    /// Its main language.
    pub language: &'static str,
    /// What it speaks.
    pub languages: Vec<&'static str>,
    /// Its first words in its main language.
    pub greeting: String,
    /// How the page draws it.
    pub portrait: Option<PortraitView>,
    /// Its voice in its main language, when it has chosen one.
    pub voice: Option<String>,
    /// For search and filters.
    pub tags: Vec<String>,
    /// Its words in each of its languages.
    pub profiles: Vec<ProfileView>,
}

/// Everybody.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonaList {
    /// In the order of their ids.
    pub personas: Vec<PersonaView>,
    /// Who answers when a client names nobody.
    pub active: String,
}

/// Who answers from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activated {
    /// Its id.
    pub active: String,
    /// Itself.
    pub persona: PersonaView,
}

impl From<&Persona> for PersonaView {
    fn from(persona: &Persona) -> Self {
        let voice = |language| persona.voice(language).map(|choice| choice.voice.clone());
        let profiles = persona.profiles.iter().map(|profile| ProfileView {
            language: profile.language.code(),
            name: profile.name.clone(),
            job: profile.job.clone(),
            greeting: profile.greeting.clone(),
            voice: voice(profile.language),
        });
        Self {
            id: persona.id.clone(),
            name: persona.name.clone(),
            description: persona.description.clone(),
            mbti: persona.mbti.clone(),
            age: persona.age,
            job: persona.job.clone(),
            language: persona.language.code(),
            languages: persona.languages.iter().copied().map(Language::code).collect(),
            greeting: persona.profile(persona.language).greeting.clone(),
            portrait: persona.portrait.as_ref().map(PortraitView::from),
            voice: voice(persona.language),
            tags: persona.tags.clone(),
            profiles: profiles.collect(),
        }
    }
}

impl From<&Portrait> for PortraitView {
    fn from(portrait: &Portrait) -> Self {
        Self {
            skin: portrait.skin.clone(),
            hair_style: portrait.hair_style.clone(),
            hair_color: portrait.hair_color.clone(),
            eye_color: portrait.eye_color.clone(),
            lip_color: portrait.lip_color.clone(),
            outfit_style: portrait.outfit_style.clone(),
            outfit_color: portrait.outfit_color.clone(),
            backdrop: portrait.backdrop.clone(),
            extras: portrait.extras.clone(),
        }
    }
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/personas", get(list))
        .route("/personas/{persona_id}", get(show))
        .route("/personas/{persona_id}/activate", post(activate))
}

/// Who can answer.
#[utoipa::path(get, path = "/personas", tag = "personas", responses((status = 200, body = PersonaList)))]
pub(crate) async fn list(State(state): State<AppState>, _: Caller) -> Json<PersonaList> {
    let personas = state.library.iter().map(|persona| PersonaView::from(&**persona)).collect();
    let active = find(&state, None).map_or_else(|_| String::new(), |persona| persona.id.clone());
    Json(PersonaList { personas, active })
}

/// One of them, by id or name.
#[utoipa::path(get, path = "/personas/{persona_id}", tag = "personas", responses(
    (status = 200, body = PersonaView), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    _: Caller,
    ApiPath(persona_id): ApiPath<String>,
) -> Result<Json<PersonaView>, ApiError> {
    find(&state, Some(&persona_id)).map(|persona| Json(PersonaView::from(&*persona)))
}

/// Makes a persona the one that answers when a client names nobody. Scenes that are open keep theirs.
#[utoipa::path(post, path = "/personas/{persona_id}/activate", tag = "personas", responses(
    (status = 200, body = Activated), (status = 404, body = ErrorBody)))]
pub(crate) async fn activate(
    State(state): State<AppState>,
    _: Caller,
    ApiPath(persona_id): ApiPath<String>,
) -> Result<Json<Activated>, ApiError> {
    let persona = find(&state, Some(&persona_id))?;
    state.activate_persona(&persona.id);
    Ok(Json(Activated { active: persona.id.clone(), persona: PersonaView::from(&*persona) }))
}

/// The persona of that id or name; without either, the active one, or the first when that has gone.
pub fn find(state: &AppState, asked: Option<&str>) -> Result<Arc<Persona>, ApiError> {
    let by_name = |wanted: &str| {
        let by_id = state.library.iter().find(|persona| persona.id == wanted);
        by_id
            .or_else(|| {
                state
                    .library
                    .iter()
                    .find(|persona| persona.names().any(|name| name.eq_ignore_ascii_case(wanted)))
            })
            .cloned()
    };
    match asked.map(str::trim).filter(|asked| !asked.is_empty()) {
        Some(asked) => by_name(asked).ok_or_else(|| {
            let short: String = asked.chars().take(80).collect();
            ApiError::new(Code::PersonaNotFound, format!("there is no persona {short:?}"))
                .with_param("persona_id")
        }),
        None => by_name(&state.active_persona()).or_else(|| state.library.iter().next().cloned()).ok_or_else(
            || {
                ApiError::new(
                    Code::PersonaNotFound,
                    "there is no persona at all: server.personas_dir holds no valid file",
                )
            },
        ),
    }
}
