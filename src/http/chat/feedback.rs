//! How the person came across: the feedback document and the report of a session.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{
        header::{ACCEPT, ACCEPT_LANGUAGE},
        request::Parts,
    },
    response::{Html, IntoResponse, Response},
};
use duologue_actors::store::{FeedbackBody, FeedbackRecord, SessionRecord};
use duologue_domain::{
    coach::{Coach, CoachConfig},
    lang::Language,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::{
    error::{ApiError, ErrorBody},
    feedback,
    http::extract::{ApiPath, ApiQuery, Caller},
    report,
    state::AppState,
};

/// Lines of a report, at most: hours of talk.
const MOST_LINES: u32 = 1000;

/// The feedback document, as clients of the earlier systems read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedbackView {
    /// Of which session.
    pub session_id: String,
    /// Who made it, when known.
    pub user_id: Option<String>,
    /// `likability`, `initiative`, `tone`, `concentration`, `gaze_stability`, `blinking`, `posture` and `total_score` from
    /// 0 to 100 or null, `expression` and `summary` in words, and `details`: for each what was measured, its band, its
    /// evidence, or why there is none.
    pub feedback: Value,
    /// Seconds since the epoch.
    pub created_at: f64,
}

/// How a report is wanted.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ReportQuery {
    /// `html` for a printable page, `json` for data; by default as `Accept` says, else JSON.
    pub format: Option<String>,
}

/// Whether the report is wanted as a page, and in which language.
#[derive(Debug)]
pub(crate) struct Wanted {
    page: bool,
    language: Option<Language>,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ApiQuery(query) = ApiQuery::<ReportQuery>::from_request_parts(parts, state).await?;
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let page = match query.format.as_deref() {
            Some(format) => format == "html",
            None => header(ACCEPT).contains("text/html"),
        };
        Ok(Self { page, language: report::accepted(header(ACCEPT_LANGUAGE)) })
    }
}

/// How the person came across in the newest scene of a session, also while it runs.
#[utoipa::path(get, path = "/chat/sessions/{session_id}/feedback", tag = "chat", responses(
    (status = 200, body = FeedbackView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn show_feedback(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
) -> Result<Json<FeedbackView>, ApiError> {
    let session = find(&state, &caller, &session_id).await?;
    let record = newest(&state, &session).await?;
    let mut body = feedback::body_json(&record)?;
    Ok(Json(FeedbackView {
        session_id: record.session_id,
        user_id: record.user_id,
        feedback: body["feedback"].take(),
        created_at: feedback::seconds(record.created_at),
    }))
}

/// The report of the newest scene: scores over time, pitch, gaze, who spoke when, what was said.
#[utoipa::path(get, path = "/chat/sessions/{session_id}/report", tag = "chat", params(ReportQuery), responses(
    (status = 200, body = Value, description = "JSON, or a page for `Accept: text/html`"),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn show_report(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let session = find(&state, &caller, &session_id).await?;
    let record = newest(&state, &session).await?;
    let messages = state.store.messages(&session_id, MOST_LINES, None).await?;
    let parts = report::Parts {
        session: &session,
        feedback: &record,
        messages: &messages,
        accepted: wanted.language,
    };
    let report = report::assemble(&parts)?;
    Ok(if wanted.page { Html(report::page(&report)).into_response() } else { Json(report).into_response() })
}

/// Of the scene when it is open, else what was kept; of a session in which nothing was measured, that.
async fn newest(state: &AppState, session: &SessionRecord) -> Result<FeedbackRecord, ApiError> {
    if let Some(handle) = state.sessions.find(&session.id).await
        && let Some(record) = handle.feedback().await
    {
        return Ok(record);
    }
    if let Some(record) = state.store.feedback(&session.id).await? {
        return Ok(record);
    }
    let persona = crate::http::personas::find(state, Some(&session.persona_id))?;
    let language = session.language.as_deref().and_then(|code| code.parse().ok()).unwrap_or(persona.language);
    let mut nothing = Coach::new(CoachConfig::default(), language, None);
    nothing.look(0);
    let body = nothing.feedback().map(|feedback| FeedbackBody::Live(feedback.into()));
    Ok(FeedbackRecord {
        id: session.id.clone(),
        session_id: session.id.clone(),
        user_id: session.user_id.clone(),
        created_at: session.created_at,
        body: body.unwrap_or_else(|| FeedbackBody::Written("{}".into())),
    })
}
