//! `/chat`: sessions and what was said in them.

pub(crate) mod feedback;
mod view;

use std::time::{Duration, Instant, SystemTime};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use duologue_actors::store::{SessionRecord, SessionStatus, StoreErrorKind, UserRecord};
use duologue_domain::lang::Language;

pub use self::view::{
    ChatReply, ChatRequest, IceServerView, MessageList, MessageQuery, MessageView, NewSession, SessionList,
    SessionQuery, SessionView,
};
use super::extract::{ApiJson, ApiPath, ApiQuery, Caller};
use crate::{
    auth::{new_secret, new_session_id, secret_digest},
    error::{ApiError, Code, ErrorBody},
    metrics::HTTP_RATE_LIMITED_TOTAL,
    scene,
    state::AppState,
};

/// Sessions or messages of one answer, unless the client asks for fewer or more.
const PAGE: u32 = 50;
/// Most of one answer: some megabytes at the very worst.
const MAX_PAGE: u32 = 200;
/// Longest name that the page can still show.
const MAX_NAME: usize = 200;
/// Longest message of a person: minutes of speech.
const MAX_MESSAGE: usize = 16 * 1024;
/// How long a scene gets to end before its record is deleted, so that it does not write afterwards.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/chat", post(chat))
        .route("/chat/sessions", get(list).post(create))
        .route("/chat/sessions/{session_id}", get(show).delete(remove))
        .route("/chat/sessions/{session_id}/messages", get(messages))
        .route("/chat/sessions/{session_id}/feedback", get(feedback::show_feedback))
        .route("/chat/sessions/{session_id}/report", get(feedback::show_report))
}

/// Makes a session. The answer holds its secret, which opens `WS /ws/voice/{id}`.
#[utoipa::path(post, path = "/chat/sessions", tag = "chat", request_body = NewSession, responses(
    (status = 201, body = SessionView), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(wanted): ApiJson<NewSession>,
) -> Result<(StatusCode, Json<SessionView>), ApiError> {
    let (record, secret) = create_record(&state, &caller, wanted).await?;
    let ice_servers = IceServerView::all(&state.config.rtc);
    Ok((StatusCode::CREATED, Json(SessionView { secret: Some(secret), ice_servers, ..record.into() })))
}

/// Stores a new session and returns it with its secret. Also how a realtime connection without one begins.
pub async fn create_record(
    state: &AppState,
    caller: &Caller,
    wanted: NewSession,
) -> Result<(SessionRecord, String), ApiError> {
    create_record_as(state, caller, wanted, None).await
}

/// The same under an id that the client chose, which only a private server allows.
pub async fn create_record_as(
    state: &AppState,
    caller: &Caller,
    wanted: NewSession,
    id: Option<String>,
) -> Result<(SessionRecord, String), ApiError> {
    if let Err(seconds) = state.creations.take(caller.address, Instant::now()) {
        metrics::counter!(HTTP_RATE_LIMITED_TOTAL).increment(1);
        return Err(
            ApiError::new(Code::RateLimited, "too many new sessions from this address").retry_after(seconds)
        );
    }
    let persona =
        super::personas::find(state, wanted.persona_id.as_deref().or(wanted.persona_name.as_deref()))?;
    let language = wanted.language.filter(|code| !code.is_empty() && code != "auto");
    let language = language.map(|code| code.parse::<Language>()).transpose();
    let language = language
        .map_err(|error| ApiError::new(Code::BadRequest, error.to_string()).with_param("language"))?;
    let session_name = wanted.session_name.unwrap_or_else(|| default_name(language).into());
    if session_name.chars().count() > MAX_NAME {
        return Err(ApiError::new(
            Code::BadRequest,
            format!("a session's name has at most {MAX_NAME} characters"),
        )
        .with_param("session_name"));
    }
    let (secret, now) = (new_secret(), now_ms());
    let record = SessionRecord {
        id: id.unwrap_or_else(new_session_id),
        secret_sha256: secret_digest(&secret),
        user_id: owner(state, caller, wanted.user_id),
        session_name,
        persona_id: persona.id.clone(),
        persona_name: persona.name.clone(),
        language: language.map(|language| language.code().to_owned()),
        is_active: true,
        status: SessionStatus::Active,
        intimacy: 0,
        created_at: now,
        updated_at: now,
    };
    state.store.create_session(record.clone()).await?;
    remember_user(state, caller, now).await?;
    Ok((record, secret))
}

/// A proven user, or, where nothing could be proven anyway, who the client says it is.
fn owner(state: &AppState, caller: &Caller, claimed: Option<String>) -> Option<String> {
    let claimed = claimed.filter(|claimed| !claimed.is_empty() && !state.config.auth.is_configured());
    caller.principal.user_id.clone().or(claimed)
}

async fn remember_user(state: &AppState, caller: &Caller, now: u64) -> Result<(), ApiError> {
    let Some(id) = caller.principal.user_id.clone() else { return Ok(()) };
    let email = caller.principal.email.clone().unwrap_or_default();
    let user = UserRecord { id, email, name: String::new(), created_at: now, updated_at: now };
    Ok(state.store.upsert_user(user).await?)
}

fn default_name(language: Option<Language>) -> &'static str {
    match language {
        Some(Language::English) => "New conversation",
        // The name that the earlier system gives.
        _ => "새로운 대화",
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Sessions of the caller, newest first.
#[utoipa::path(get, path = "/chat/sessions", tag = "chat", params(SessionQuery), responses(
    (status = 200, body = SessionList), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<SessionQuery>,
) -> Result<Json<SessionList>, ApiError> {
    let user = match (&caller.principal.user_id, query.user_id) {
        (Some(user), Some(asked)) if *user != asked => {
            return Err(ApiError::new(Code::Forbidden, "these are the sessions of somebody else")
                .with_param("user_id"));
        }
        (Some(user), _) => Some(user.clone()),
        (None, asked) if state.auth.is_private() => asked,
        (None, _) => {
            return Err(ApiError::new(Code::Unauthorized, "only known users have a list of sessions"));
        }
    };
    let (limit, offset) = (page_size(query.limit), query.offset.unwrap_or(0));
    // One more than asked for tells whether there is another page.
    let mut found = state.store.sessions(user.as_deref(), limit + 1, offset).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_offset = more.then(|| offset.saturating_add(limit));
    Ok(Json(SessionList { sessions: found.into_iter().map(SessionView::from).collect(), next_offset }))
}

fn page_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE).clamp(1, MAX_PAGE)
}

/// One session.
#[utoipa::path(get, path = "/chat/sessions/{session_id}", tag = "chat", responses(
    (status = 200, body = SessionView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
) -> Result<Json<SessionView>, ApiError> {
    let record = find(&state, &caller, &session_id).await?;
    Ok(Json(SessionView { ice_servers: IceServerView::all(&state.config.rtc), ..record.into() }))
}

/// The session, if the caller may have it.
pub async fn find(state: &AppState, caller: &Caller, session_id: &str) -> Result<SessionRecord, ApiError> {
    let record = state.store.session(session_id).await?;
    check_access(state, caller, &record)?;
    Ok(record)
}

/// Whether the caller may have this session.
pub fn check_access(state: &AppState, caller: &Caller, record: &SessionRecord) -> Result<(), ApiError> {
    if state.auth.may_access(&caller.principal, caller.secret.as_deref(), record) {
        return Ok(());
    }
    Err(ApiError::new(Code::Forbidden, "this session belongs to somebody else"))
}

/// What was said, oldest first; the last messages, or those before a given one.
#[utoipa::path(get, path = "/chat/sessions/{session_id}/messages", tag = "chat", params(MessageQuery), responses(
    (status = 200, body = MessageList), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn messages(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
    ApiQuery(query): ApiQuery<MessageQuery>,
) -> Result<Json<MessageList>, ApiError> {
    find(&state, &caller, &session_id).await?;
    let limit = page_size(query.limit);
    let mut found = state.store.messages(&session_id, limit + 1, query.before).await?;
    let has_more = found.len() > limit as usize;
    let newest = found.split_off(usize::from(has_more));
    Ok(Json(MessageList { messages: newest.into_iter().map(MessageView::from).collect(), has_more }))
}

/// Ends a session and forgets it with all that was said.
#[utoipa::path(delete, path = "/chat/sessions/{session_id}", tag = "chat", responses(
    (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(session_id): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    find(&state, &caller, &session_id).await?;
    state.sessions.close(&session_id);
    let deadline = Instant::now() + CLOSE_WITHIN;
    while state.sessions.find(&session_id).await.is_some() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match state.store.delete_session(&session_id).await {
        // Somebody else was faster; it is gone, which is what was asked.
        Err(error) if error.kind != StoreErrorKind::NotFound => Err(error.into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Text in, text out: says something to a persona and waits for the whole reply.
#[utoipa::path(post, path = "/chat", tag = "chat", request_body = ChatRequest, responses(
    (status = 200, body = ChatReply), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn chat(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(request): ApiJson<ChatRequest>,
) -> Result<Json<ChatReply>, ApiError> {
    let content = checked_content(&request)?;
    if request.session_id.is_none() {
        scene::admit_to_talk(&state, caller.client()).await?;
    }
    let (record, secret) = match &request.session_id {
        Some(session_id) => {
            let record = scene::record(&state, session_id).await?;
            check_access(&state, &caller, &record)?;
            (record, None)
        }
        None => {
            let wanted = NewSession {
                persona_id: request.persona_id,
                persona_name: request.persona_name,
                language: request.language,
                user_id: request.user_id,
                session_name: None,
            };
            let (record, secret) = create_record(&state, &caller, wanted).await?;
            (record, Some(secret))
        }
    };
    let words = state.reply(&record, content).await?;
    Ok(Json(ChatReply {
        session_id: record.id,
        secret,
        persona_id: record.persona_id,
        persona_name: record.persona_name,
        role: "assistant",
        durable: state.store.is_durable(),
        content: words.clone(),
        response: words,
    }))
}

fn checked_content(request: &ChatRequest) -> Result<String, ApiError> {
    let blame =
        |field: &str, message: String| Err(ApiError::new(Code::BadRequest, message).with_param(field));
    let content = request.content.trim();
    match request.role.as_deref() {
        None | Some("user") => {}
        Some(_) => {
            return blame("role", "only a user can say something to a persona: role must be \"user\"".into());
        }
    }
    if content.is_empty() {
        return blame("content", "there is nothing in content".into());
    }
    if content.len() > MAX_MESSAGE {
        return blame(
            "content",
            format!("content has {} bytes, at most {MAX_MESSAGE} are read", content.len()),
        );
    }
    Ok(content.to_owned())
}
