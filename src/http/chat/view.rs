//! What `/chat` takes and gives.

use std::fmt;

use duologue_actors::store::{MessageRecord, SessionRecord};
use duologue_rtc::config::IceServer;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{config::RtcConfig, store::iso8601};

/// What a new session is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewSession {
    /// Whom to talk to, by id; the active persona when neither this nor the name is given.
    pub persona_id: Option<String>,
    /// Whom to talk to, by name.
    pub persona_name: Option<String>,
    /// For people.
    #[schema(example = "새로운 대화")]
    pub session_name: Option<String>,
    /// `ko` or `en`; by default the person's language is detected.
    pub language: Option<String>,
    /// Who talks. Counts only while the server does not know its users; a token or key says it otherwise.
    pub user_id: Option<String>,
}

/// A session as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Unguessable.
    pub id: String,
    /// The same, where clients of the earlier systems look for it.
    pub session_id: String,
    /// Opens the session; only in the answer to its creation, so keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// STUN and TURN servers for calls over WebRTC, when some are configured; only for who may open the session.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServerView>,
    /// Who made it.
    pub user_id: Option<String>,
    /// For people.
    pub session_name: String,
    /// Who answers.
    pub persona_id: String,
    /// Their name.
    pub persona_name: String,
    /// `ko` or `en`, when fixed.
    pub language: Option<String>,
    /// How close the two have become, 0 to 100.
    pub intimacy: u8,
    /// False once it has ended.
    pub is_active: bool,
    /// `active`, `paused` (the connection is lost, the scene waits) or `ended`.
    pub status: &'static str,
    /// When.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<SessionRecord> for SessionView {
    fn from(record: SessionRecord) -> Self {
        Self {
            session_id: record.id.clone(),
            id: record.id,
            secret: None,
            ice_servers: Vec::new(),
            user_id: record.user_id,
            session_name: record.session_name,
            persona_id: record.persona_id,
            persona_name: record.persona_name,
            language: record.language,
            intimacy: record.intimacy,
            is_active: record.is_active,
            status: record.status.name(),
            created_at: iso8601(record.created_at),
            updated_at: iso8601(record.updated_at),
        }
    }
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(Serialize, ToSchema)]
pub struct IceServerView {
    /// `stun:…` or `turn:…`.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

impl fmt::Debug for IceServerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServerView").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl IceServerView {
    /// As configured; none where no calls are taken.
    pub(super) fn all(config: &RtcConfig) -> Vec<Self> {
        let servers = config.servers().into_iter().filter(|_| config.enabled);
        let view = |IceServer { urls, username, credential }| Self { urls, username, credential };
        servers.map(view).collect()
    }
}

/// Several sessions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionList {
    /// The page.
    pub sessions: Vec<SessionView>,
    /// Where the next page begins; absent after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u32>,
}

/// One message.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// Of which session.
    pub session_id: String,
    /// Who made the session.
    pub user_id: Option<String>,
    /// `user` or `assistant`.
    pub role: &'static str,
    /// What was said and, of a reply, heard.
    pub content: String,
    /// When.
    pub timestamp: String,
    /// Which turn of the session.
    pub turn: u64,
    /// Its place in the session.
    pub seq: u64,
}

impl From<MessageRecord> for MessageView {
    fn from(record: MessageRecord) -> Self {
        Self {
            id: record.id,
            session_id: record.session_id,
            user_id: record.user_id,
            role: record.role.name(),
            content: record.content,
            timestamp: iso8601(record.timestamp),
            turn: record.turn,
            seq: record.seq,
        }
    }
}

/// The last messages of a session, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageList {
    /// The page.
    pub messages: Vec<MessageView>,
    /// Whether there are older ones: ask again with `before` = the first `seq`.
    pub has_more: bool,
}

/// Something to say.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatRequest {
    /// The words.
    #[schema(example = "안녕하세요!")]
    pub content: String,
    /// Only `user`.
    #[serde(default)]
    pub role: Option<String>,
    /// In which session; a new one by default.
    #[serde(default)]
    pub session_id: Option<String>,
    /// As in a new session.
    #[serde(default)]
    pub persona_id: Option<String>,
    /// As in a new session.
    #[serde(default)]
    pub persona_name: Option<String>,
    /// As in a new session.
    #[serde(default)]
    pub user_id: Option<String>,
    /// As in a new session.
    #[serde(default)]
    pub language: Option<String>,
}

/// The reply.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatReply {
    /// Of which session.
    pub session_id: String,
    /// Only when this request created the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The persona's id.
    pub persona_id: String,
    /// The persona's name.
    pub persona_name: String,
    /// Always `assistant`.
    pub role: &'static str,
    /// The persona's words.
    pub content: String,
    /// The same, under the other name that clients use.
    pub response: String,
    /// Whether both messages survive whatever crashes; false when the store is one that forgets.
    pub durable: bool,
}

/// Which page of sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Only of this user.
    pub(super) user_id: Option<String>,
    /// At most so many, up to 200.
    pub(super) limit: Option<u32>,
    /// How many to skip.
    pub(super) offset: Option<u32>,
}

/// Which page of messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// At most so many, up to 200.
    pub(super) limit: Option<u32>,
    /// Only those with a smaller `seq`.
    pub(super) before: Option<u64>,
}
