//! `POST /api/midi/generate`: a new file out of one that is kept.

use axum::{Json, extract::State, http::StatusCode};
use duologue_music::{
    analysis::analyze,
    improv::{Complexity, Kind},
    smf,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{LIMITS, MidiFileView, New, find, keep, owner, working};
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::extract::{ApiJson, Caller},
    midi::compose::{SECONDS, Wish, compose, parse_style},
    state::AppState,
};

/// How long a piece is when nobody says, in seconds.
const USUAL_SECONDS: f64 = 30.0;

/// An id: a text, or, as clients of the earlier system send it, a number.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum MidiId {
    /// As our answers have it.
    Text(String),
    /// As the earlier system's had it.
    Number(u64),
}

impl MidiId {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// What is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct GenerateRequest {
    /// `improvisation` over the source's harmony, `accompaniment` under it, a `variation` of it, or its `continuation`.
    #[schema(example = "improvisation")]
    pub generation_type: String,
    /// The file that it is made from; only an improvisation can do without.
    pub source_midi_id: Option<MidiId>,
    /// `jazz_swing`, `bossa`, `blues`, `pop_ballad`, `classical`, `ragtime`, `korean_ballad`, or a plain word such as `jazz`
    /// or `발라드`; by default the source's own.
    #[schema(example = "jazz")]
    pub style: Option<String>,
    /// Seconds, 4 to 600; 30 by default. An accompaniment or a variation is as long as its source at most.
    pub duration: Option<f64>,
    /// `simple`, `medium` or `complex`; `medium` by default.
    pub complexity: Option<String>,
    /// The same seed makes the same music; any by default.
    pub seed: Option<u64>,
    /// For people; made from the source's by default.
    pub title: Option<String>,
}

/// Makes a new file, keeps it, and answers what is in it.
#[utoipa::path(post, path = "/api/midi/generate", tag = "midi", request_body = GenerateRequest, responses(
    (status = 201, body = MidiFileView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub(crate) async fn generate(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(request): ApiJson<GenerateRequest>,
) -> Result<(StatusCode, Json<MidiFileView>), ApiError> {
    let user_id = owner(&state, &caller)?;
    let wish = wish(&request)?;
    let source = match &request.source_midi_id {
        Some(id) => Some(find(&state, &caller, &id.text()).await?),
        None if wish.kind == Kind::Improvisation => None,
        None => return Err(blame("source_midi_id", "say which file it is to be made from".into())),
    };
    let title = match &request.title {
        Some(title) => super::short("title", title)?,
        None => title_of(wish.kind, source.as_ref().map(|source| source.record.title.as_str())),
    };
    let genre = wish.style.map_or_else(String::new, |style| style.code().to_owned());
    let made = (wish.kind.code(), source.as_ref().map(|source| source.record.id.clone()));
    let score = working(&state, move || {
        let Some(source) = source else { return Ok(compose(None, &wish)) };
        let score = smf::read(&source.data, &LIMITS)?;
        if score.pitched().next().is_none() {
            return Err(ApiError::new(Code::MidiEmpty, "there is no note in the source that has a pitch"));
        }
        let class = analyze(&score).style.class;
        Ok(compose(Some((&score, class)), &wish))
    });
    let score = score.await??;
    if score.notes.is_empty() {
        return Err(ApiError::new(Code::Internal, "nothing came to the Improviser's mind"));
    }
    let new = New { title, genre, made: Some(made), data: smf::write(&score) };
    let document = keep(&state, user_id, score, new).await?;
    Ok((StatusCode::CREATED, Json(document.try_into()?)))
}

fn blame(field: &str, message: String) -> ApiError {
    ApiError::new(Code::BadRequest, message).with_param(field)
}

/// What the request means.
fn wish(request: &GenerateRequest) -> Result<Wish, ApiError> {
    let known = |codes: Vec<&str>| codes.join(", ");
    let kind = Kind::parse(request.generation_type.trim()).ok_or_else(|| {
        let kinds = known(Kind::ALL.iter().map(|kind| kind.code()).collect());
        blame("generation_type", format!("generation_type is one of {kinds}"))
    })?;
    let style = request.style.as_deref().filter(|words| !words.trim().is_empty());
    let style = style.map(|words| {
        parse_style(words).ok_or_else(|| {
            let styles = known(duologue_music::improv::Style::ALL.iter().map(|style| style.code()).collect());
            blame("style", format!("style is one of {styles}"))
        })
    });
    let complexity = request.complexity.as_deref().map_or(Ok(Complexity::Medium), |word| {
        Complexity::parse(&word.trim().to_lowercase())
            .ok_or_else(|| blame("complexity", "complexity is one of simple, medium, complex".into()))
    })?;
    let seconds = request.duration.unwrap_or(USUAL_SECONDS);
    if !(SECONDS.0..=SECONDS.1).contains(&seconds) {
        let message = format!("duration is {} to {} seconds", SECONDS.0, SECONDS.1);
        return Err(blame("duration", message));
    }
    let seed = request.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    Ok(Wish { kind, style: style.transpose()?, complexity, seconds, seed })
}

/// A name that tells where it comes from, within what a title may have.
fn title_of(kind: Kind, source: Option<&str>) -> String {
    match source {
        Some(source) => {
            let short: String = source.chars().take(super::MAX_NAME - 20).collect();
            format!("{short} ({})", kind.code())
        }
        None => kind.code().to_owned(),
    }
}
