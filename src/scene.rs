//! From a stored session to a live one.

use std::{sync::Arc, time::Duration};

use duologue_actors::{
    event::{
        ClientCommand, ConfigPatch, Eagerness, NoticeLevel, ResponseRequest, ResponseStatus, SessionConfig,
        SessionEvent, TurnDetection,
    },
    outbox::Outgoing,
    session::SessionSpec,
    sessions::{Refusal, SessionHandle},
    store::SessionRecord,
};
use duologue_domain::{
    conversation::{Content, Item, Speaker},
    endpoint::{EndpointConfig, EndpointMode},
};

use crate::{
    config::{Config, TurnMode},
    error::{ApiError, Code},
    state::AppState,
};

/// What was said before, as far as a prompt can hold it.
const HISTORY: u32 = 60;

/// A written reply takes at most this long on a slow machine.
const REPLY_WITHIN: Duration = Duration::from_secs(90);

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.code {
            "sessions_full_for_client" | "sessions_full_for_user" => Code::ClientLimit,
            _ => Code::SessionLimit,
        };
        Self::new(code, format!("no room for another scene ({})", refusal.code))
            .retry_after(refusal.retry_after.as_millis().div_ceil(1000) as u64)
    }
}

/// What `[turn]` says, as a session's first configuration.
pub(crate) fn first_config(config: &Config, record: &SessionRecord) -> SessionConfig {
    let turn = &config.turn;
    let turn_detection = match turn.mode {
        TurnMode::Manual => TurnDetection::Manual,
        TurnMode::Silence => TurnDetection::ServerVad {
            threshold: turn.threshold,
            prefix_padding_ms: turn.prefix_padding_ms,
            silence_duration_ms: turn.silence_ms,
            idle_timeout_ms: None,
        },
        TurnMode::Semantic => TurnDetection::SemanticVad { eagerness: Eagerness::Auto },
    };
    SessionConfig {
        language: record.language.as_deref().and_then(|code| code.parse().ok()),
        turn_detection,
        interrupt_response: turn.interrupt,
        noise_reduction: turn.noise_reduction,
        tuning: EndpointConfig {
            mode: EndpointMode::Semantic { max_wait_ms: turn.max_wait_ms },
            threshold: turn.threshold,
            prefix_padding_ms: turn.prefix_padding_ms,
            ask_after_ms: turn.ask_after_ms,
            complete_at: turn.complete_at,
            max_turn_ms: turn.max_turn_ms,
            ..EndpointConfig::default()
        },
        speak: config.tts.enabled,
        fast_voices: [&turn.fast_voice_en, &turn.fast_voice_ko].map(|voice| named(voice)),
        coach: Arc::new(config.coach.to_domain()),
        face: config.face.to_domain().map(Arc::new),
        budget_ms: (turn.budget_ms > 0).then_some(turn.budget_ms),
        ..SessionConfig::default()
    }
}

fn named(voice: &str) -> Option<Arc<str>> {
    (!voice.is_empty()).then(|| voice.into())
}

/// The live scene of a stored session: found, or opened with its history.
///
/// # Errors
/// No room, or the persona is gone, or the store is away.
pub async fn open(state: &AppState, record: SessionRecord) -> Result<SessionHandle, ApiError> {
    let client = record.user_id.as_ref().map(|user| format!("user {user}").into());
    open_for(state, record, client).await
}

/// The same for a client: see [`Caller::client`](crate::http::extract::Caller::client).
///
/// # Errors
/// As of [`open`], or the client has as many scenes as it may.
pub async fn open_for(
    state: &AppState,
    record: SessionRecord,
    client: Option<Arc<str>>,
) -> Result<SessionHandle, ApiError> {
    if let Some(handle) = state.sessions.find(&record.id).await {
        return Ok(handle);
    }
    let persona = crate::http::personas::find(state, Some(&record.persona_id))?;
    let history = state.store.messages(&record.id, HISTORY, None).await?;
    let facts = state.store.facts(&record.id).await?;
    let likability =
        state.store.feedback(&record.id).await?.and_then(|kept| crate::feedback::likability(&kept));
    let server_tools = state.server_tools();
    let config = SessionConfig { server_tools, ..first_config(&state.config, &record) };
    let record = SessionRecord { is_active: true, ..record };
    let spec = SessionSpec { record, persona, config, history, facts, likability };
    Ok(state.sessions.open_for(spec, client).await?)
}

/// The record of a session: of the scene when it is open, since the store may be away while somebody comes back.
///
/// # Errors
/// There is none, or the store is away.
pub async fn record(state: &AppState, session_id: &str) -> Result<SessionRecord, ApiError> {
    if let Some(handle) = state.sessions.find(session_id).await
        && let Some(view) = handle.view().await
    {
        return Ok(view.record);
    }
    Ok(state.store.session(session_id).await?)
}

/// Whether there is room for another scene of this client; asked before anything is stored for it.
///
/// # Errors
/// There is none, or the server stops.
pub async fn admit(state: &AppState, client: Option<Arc<str>>) -> Result<(), ApiError> {
    Ok(state.sessions.admit(client).await?)
}

/// The same for a scene that begins by talking: with all places in conversation taken it is told when to come back.
///
/// # Errors
/// There is no room, or no place in conversation, or the server stops.
pub async fn admit_to_talk(state: &AppState, client: Option<Arc<str>>) -> Result<(), ApiError> {
    let crowd = state.sessions.crowd();
    if crowd.is_full() {
        metrics::counter!("sessions_refused_total").increment(1);
        let message =
            format!("{} scenes are in conversation, and this machine carries no more", crowd.talking);
        return Err(busy(message, crowd.next_free));
    }
    admit(state, client).await
}

/// No place in conversation. Where nothing tells when there will be one, half a minute: so long a scene is quiet before
/// its place is another's.
fn busy(message: String, next_free: Option<Duration>) -> ApiError {
    let seconds = next_free.map_or(30, |about| about.as_millis().div_ceil(1000) as u64);
    ApiError::new(Code::CapacityFull, message).retry_after(seconds)
}

impl AppState {
    /// Says `content` in a session and waits for the whole reply, in writing, and until both are kept.
    ///
    /// # Errors
    /// The reply failed, or took too long, or could not be kept.
    pub async fn reply(&self, record: &SessionRecord, content: String) -> Result<String, ApiError> {
        let handle = open(self, record.clone()).await?;
        let attachment = handle.attach();
        let said = Item {
            id: format!("item_{}", crate::auth::new_session_id()),
            speaker: Speaker::User,
            content: Content::InputText(content),
            complete: true,
        };
        let mut exchange = Exchange { waited_for: vec![said.id.clone()], ..Exchange::default() };
        handle.command(ClientCommand::Configure(Box::new(ConfigPatch {
            speak: Some(false),
            ..ConfigPatch::default()
        })));
        handle.command(ClientCommand::CreateItem { item: said, previous: None });
        handle.command(ClientCommand::CreateResponse(ResponseRequest {
            speak: Some(false),
            ..ResponseRequest::default()
        }));
        let reply = async {
            loop {
                match attachment.next().await {
                    Ok(Outgoing::Event(event)) => {
                        if let Some(reply) = exchange.hear(*event) {
                            return reply;
                        }
                    }
                    Ok(Outgoing::Audio(_)) => {}
                    Err(_) => {
                        return Err(ApiError::new(
                            Code::EngineUnavailable,
                            "the scene ended before the reply",
                        ));
                    }
                }
            }
        };
        let timeout = ApiError::new(Code::EngineUnavailable, "the reply took too long");
        match tokio::time::timeout(REPLY_WITHIN, reply).await.unwrap_or(Err(timeout)) {
            Err(full) if full.code == Code::CapacityFull => {
                Err(busy(full.message, self.sessions.crowd().next_free))
            }
            answer => answer,
        }
    }
}

/// One exchange in writing: what is said, what is answered, and what of it is kept.
#[derive(Default)]
struct Exchange {
    /// Messages that are not kept yet.
    waited_for: Vec<String>,
    /// Kept before it was known that they would be waited for.
    kept: Vec<String>,
    words: Option<String>,
}

impl Exchange {
    /// The reply once everything is kept, or why there is none.
    fn hear(&mut self, event: SessionEvent) -> Option<Result<String, ApiError>> {
        match event {
            SessionEvent::Kept { item, .. } => {
                self.waited_for.retain(|waited_for| *waited_for != item);
                self.kept.push(item);
            }
            // Nothing can be written: an answer now would acknowledge what may be lost.
            SessionEvent::Notice { level: NoticeLevel::Error, part: Some("store"), message, .. } => {
                return Some(Err(ApiError::new(Code::StoreUnavailable, message).retry_after(5)));
            }
            other => {
                let reply = match &other {
                    SessionEvent::ResponseDone { item: Some(item), .. } => Some(item.id.clone()),
                    _ => None,
                };
                match finished(other)? {
                    // An empty reply is not stored.
                    Ok(words) if words.is_empty() => self.words = Some(words),
                    Ok(words) => {
                        self.words = Some(words);
                        self.waited_for.extend(reply.filter(|reply| !self.kept.contains(reply)));
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        let done = self.waited_for.is_empty() && self.words.is_some();
        done.then(|| Ok(self.words.take().unwrap_or_default()))
    }
}

/// The words of a finished reply, or why there are none; `None` for any other event.
fn finished(event: SessionEvent) -> Option<Result<String, ApiError>> {
    let broken = |message: String| Some(Err(ApiError::new(Code::EngineUnavailable, message)));
    match event {
        SessionEvent::ResponseDone {
            status: ResponseStatus::Failed { code: "capacity_full", message },
            ..
        } => Some(Err(ApiError::new(Code::CapacityFull, message))),
        SessionEvent::ResponseDone { status: ResponseStatus::Failed { message, .. }, .. } => broken(message),
        SessionEvent::ResponseDone { item: Some(item), .. } => Some(Ok(item.content.text().to_owned())),
        SessionEvent::ResponseDone { item: None, .. } => broken("the persona said nothing".into()),
        SessionEvent::Error { message, code, .. } => broken(format!("{code}: {message}")),
        _ => None,
    }
}
