//! How a client comes to a session, whatever carries what they say: it is made or found, opened, and seen.

use std::{sync::Arc, time::SystemTime};

use duologue_actors::{
    event::{ClientCommand, ConfigPatch},
    sessions::SessionHandle,
    store::SessionRecord,
};

use super::{
    encode::{About, Encoder},
    landmarks::pictures::Pictures,
};
use crate::{
    error::{ApiError, Code},
    http::{
        chat::{self, NewSession},
        extract::Caller,
        openai::client_secrets::ClientSecret,
    },
    scene,
    state::AppState,
};

/// A session that a client joins.
pub(crate) struct Joining {
    pub(crate) record: SessionRecord,
    /// Told to who made it.
    pub(crate) secret: Option<String>,
    /// Whose share of the machine the scene uses.
    client: Option<Arc<str>>,
    /// What is changed before anything is said.
    pub(crate) patch: Option<Box<ConfigPatch>>,
}

/// An open session, and what its client needs.
pub(crate) struct Arrival {
    pub(crate) session: SessionHandle,
    pub(crate) encoder: Encoder,
    pub(crate) pictures: Pictures,
    /// Samples a second that the session takes.
    pub(crate) input_rate: u32,
}

/// Makes a session.
///
/// # Errors
/// No room, or no such persona, or the store is away.
pub(crate) async fn make(
    state: &AppState,
    caller: &Caller,
    mut wanted: NewSession,
    secret: Option<ClientSecret>,
) -> Result<Joining, ApiError> {
    let patch = secret.as_ref().map(ClientSecret::patch).transpose()?.flatten();
    // A secret that names a persona is for that one.
    wanted.persona_id = secret.and_then(|secret| secret.persona).or(wanted.persona_id);
    // Before anything is stored for a scene that has no room.
    scene::admit(state, caller.client()).await?;
    let (record, secret) = chat::create_record(state, caller, wanted).await?;
    Ok(Joining { record, secret: Some(secret), client: caller.client(), patch })
}

/// Finds a session. On a private server an unknown id makes one, as the earlier system did.
///
/// # Errors
/// It is somebody else's, or there is none.
pub(crate) async fn find(
    state: &AppState,
    caller: &Caller,
    session_id: String,
    wanted: NewSession,
) -> Result<Joining, ApiError> {
    let client = caller.client();
    match scene::record(state, &session_id).await {
        Err(error)
            if error.code == Code::SessionNotFound && state.auth.is_private() && caller.secret.is_none() =>
        {
            let (record, secret) = adopt(state, caller, session_id, wanted).await?;
            Ok(Joining { record, secret: Some(secret), client, patch: None })
        }
        found => {
            let record = found?;
            chat::check_access(state, caller, &record)?;
            Ok(Joining { record, secret: None, client, patch: None })
        }
    }
}

/// A session under an id that the client chose.
async fn adopt(
    state: &AppState,
    caller: &Caller,
    session_id: String,
    wanted: NewSession,
) -> Result<(SessionRecord, String), ApiError> {
    let plain =
        session_id.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if !plain || !(1..=64).contains(&session_id.len()) {
        let message = "a session id may have 1 to 64 letters, digits, _ and -";
        return Err(ApiError::new(Code::BadRequest, message).with_param("session_id"));
    }
    scene::admit(state, caller.client()).await?;
    chat::create_record_as(state, caller, wanted, Some(session_id)).await
}

/// Opens it.
///
/// # Errors
/// No room, or the scene has just ended.
pub(crate) async fn arrive(state: &AppState, mut joining: Joining) -> Result<Arrival, ApiError> {
    let session = open(state, &joining).await?;
    if let Some(patch) = joining.patch.take() {
        // Before the view that `session.created` shows.
        session.command(ClientCommand::Configure(patch));
    }
    let view =
        session.view().await.ok_or_else(|| ApiError::new(Code::SessionLimit, "the scene has just ended"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let input_rate = view.config.input_rate;
    let encoder = Encoder::new(About {
        view,
        expires_at: now + state.config.sessions.max_duration_s,
        secret: joining.secret,
        durable: state.store.is_durable(),
    });
    let pictures = Pictures::new(state, Some(&session.landmarks()));
    Ok(Arrival { session, encoder, pictures, input_rate })
}

async fn open(state: &AppState, joining: &Joining) -> Result<SessionHandle, ApiError> {
    let opened = scene::open_for(state, joining.record.clone(), joining.client.clone()).await;
    if opened.is_err() && joining.secret.is_some() {
        // It was made for this connection, and nobody will ever come to it.
        let _ = state.store.delete_session(&joining.record.id).await;
    }
    opened
}
