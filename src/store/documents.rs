//! The documents: field names are those that clients of the earlier systems read, plus ours.
//!
//! As JSON, ids are texts and times RFC 3339; MongoDB turns the fields in [`ID_FIELDS`] and [`TIME_FIELDS`] into
//! its own types.

use duologue_actors::store::{
    FactRecord, FeedbackBody, FeedbackRecord, MessageRecord, MessageRole, MidiRecord, SessionRecord,
    SessionStatus, StoreError, StoreErrorKind, StoreResult, UserRecord,
};
use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::feedback;

/// Fields that hold an object id in MongoDB when they look like one.
pub(super) const ID_FIELDS: [&str; 3] = ["_id", "session_id", "user_id"];
/// Fields that hold a date in MongoDB.
pub(super) const TIME_FIELDS: [&str; 3] = ["created_at", "updated_at", "timestamp"];

/// One of `chat_sessions`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionDocument {
    #[serde(rename = "_id")]
    id: String,
    user_id: Option<String>,
    session_name: String,
    persona_name: String,
    is_active: bool,
    created_at: String,
    updated_at: String,
    // Ours from here; absent in documents of the earlier systems.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    persona_id: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    intimacy: u8,
    #[serde(default)]
    secret_sha256: String,
}

/// One of `chat_messages`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageDocument {
    session_id: String,
    user_id: Option<String>,
    content: String,
    role: String,
    timestamp: String,
    // Ours from here; absent in documents of the earlier systems.
    #[serde(default)]
    message_id: Option<String>,
    #[serde(default)]
    turn: u64,
    #[serde(default)]
    seq: u64,
    #[serde(rename = "_id", default, skip_serializing)]
    id: Option<String>,
}

/// One of `users`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UserDocument {
    #[serde(rename = "_id")]
    id: String,
    email: String,
    name: String,
    created_at: String,
    updated_at: String,
}

/// What is remembered in one session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FactsDocument {
    #[serde(rename = "_id")]
    session_id: String,
    facts: Vec<FactDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FactDocument {
    id: String,
    kind: String,
    text: String,
    turn: u64,
}

/// One of `feedback`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FeedbackDocument {
    #[serde(rename = "_id")]
    id: String,
    session_id: String,
    user_id: Option<String>,
    feedback: Value,
    /// Seconds since the epoch, as a number.
    created_at: f64,
    // Ours from here; absent in documents of the earlier systems.
    #[serde(default)]
    report: Value,
}

/// One of `midi_files`, without its bytes and its analysis.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MidiFields {
    #[serde(rename = "_id")]
    id: String,
    user_id: Option<String>,
    title: String,
    genre: String,
    generation_type: Option<String>,
    source_midi_id: Option<String>,
    size: i64,
    summary: String,
    created_at: String,
}

impl From<MidiRecord> for MidiFields {
    fn from(record: MidiRecord) -> Self {
        Self {
            id: record.id,
            user_id: record.user_id,
            title: record.title,
            genre: record.genre,
            generation_type: record.generation_type,
            source_midi_id: record.source_id,
            size: i64::try_from(record.size).unwrap_or(i64::MAX),
            summary: record.summary,
            created_at: iso8601(record.created_at),
        }
    }
}

impl MidiFields {
    pub(super) fn into_record(self) -> StoreResult<MidiRecord> {
        Ok(MidiRecord {
            id: self.id,
            user_id: self.user_id,
            title: self.title,
            genre: self.genre,
            generation_type: self.generation_type,
            source_id: self.source_midi_id,
            size: u64::try_from(self.size).unwrap_or(0),
            summary: self.summary,
            created_at: millis(&self.created_at)?,
        })
    }
}

impl FeedbackDocument {
    pub(super) fn new(record: &FeedbackRecord) -> StoreResult<Self> {
        let mut body = feedback::body_json(record)?;
        Ok(Self {
            id: record.id.clone(),
            session_id: record.session_id.clone(),
            user_id: record.user_id.clone(),
            feedback: body["feedback"].take(),
            created_at: feedback::seconds(record.created_at),
            report: body["report"].take(),
        })
    }

    pub(super) fn into_record(self) -> FeedbackRecord {
        let body = json!({"feedback": self.feedback, "report": self.report});
        FeedbackRecord {
            id: self.id,
            session_id: self.session_id,
            user_id: self.user_id,
            created_at: (self.created_at.clamp(0.0, 9e12) * 1000.0).round() as u64,
            body: FeedbackBody::Written(body.to_string().into()),
        }
    }
}

impl From<SessionRecord> for SessionDocument {
    fn from(record: SessionRecord) -> Self {
        Self {
            id: record.id,
            user_id: record.user_id,
            session_name: record.session_name,
            persona_name: record.persona_name,
            is_active: record.is_active,
            status: Some(record.status.name().into()),
            created_at: iso8601(record.created_at),
            updated_at: iso8601(record.updated_at),
            persona_id: Some(record.persona_id),
            language: record.language,
            intimacy: record.intimacy,
            secret_sha256: record.secret_sha256,
        }
    }
}

impl SessionDocument {
    /// The stored status; an earlier system knew only whether a session was active.
    fn status(&self) -> SessionStatus {
        let stored = self.status.as_deref().and_then(SessionStatus::from_name);
        stored.unwrap_or(if self.is_active { SessionStatus::Active } else { SessionStatus::Ended })
    }

    pub(super) fn into_record(self) -> StoreResult<SessionRecord> {
        let status = self.status();
        Ok(SessionRecord {
            id: self.id,
            secret_sha256: self.secret_sha256,
            user_id: self.user_id,
            session_name: self.session_name,
            persona_id: self.persona_id.unwrap_or_else(|| self.persona_name.clone()),
            persona_name: self.persona_name,
            language: self.language,
            is_active: self.is_active,
            status,
            intimacy: self.intimacy,
            created_at: millis(&self.created_at)?,
            updated_at: millis(&self.updated_at)?,
        })
    }
}

impl From<MessageRecord> for MessageDocument {
    fn from(record: MessageRecord) -> Self {
        Self {
            session_id: record.session_id,
            user_id: record.user_id,
            content: record.content,
            role: record.role.name().into(),
            timestamp: iso8601(record.timestamp),
            message_id: Some(record.id),
            turn: record.turn,
            seq: record.seq,
            id: None,
        }
    }
}

impl MessageDocument {
    pub(super) fn into_record(self) -> StoreResult<MessageRecord> {
        Ok(MessageRecord {
            id: self.message_id.or(self.id).ok_or_else(|| broken("a message without an id"))?,
            session_id: self.session_id,
            user_id: self.user_id,
            role: if self.role == MessageRole::User.name() {
                MessageRole::User
            } else {
                MessageRole::Assistant
            },
            content: self.content,
            turn: self.turn,
            seq: self.seq,
            timestamp: millis(&self.timestamp)?,
        })
    }
}

impl From<UserRecord> for UserDocument {
    fn from(record: UserRecord) -> Self {
        Self {
            id: record.id,
            email: record.email,
            name: record.name,
            created_at: iso8601(record.created_at),
            updated_at: iso8601(record.updated_at),
        }
    }
}

impl FactsDocument {
    pub(super) fn new(session_id: &str, facts: Vec<FactRecord>) -> Self {
        let facts = facts.into_iter().map(|fact| FactDocument {
            id: fact.id,
            kind: fact.kind,
            text: fact.text,
            turn: fact.turn,
        });
        Self { session_id: session_id.to_owned(), facts: facts.collect() }
    }

    pub(super) fn session_id(&self) -> &str {
        &self.session_id
    }

    pub(super) fn into_records(self) -> Vec<FactRecord> {
        let session_id = self.session_id;
        let facts = self.facts.into_iter();
        facts
            .map(|fact| FactRecord {
                id: fact.id,
                session_id: session_id.clone(),
                kind: fact.kind,
                text: fact.text,
                turn: fact.turn,
            })
            .collect()
    }
}

/// Milliseconds since the epoch as `2024-01-01T00:00:00Z`, with a fraction when there is one.
pub fn iso8601(millis: u64) -> String {
    let date = DateTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    // Only years beyond 9999 cannot be written.
    date.try_to_rfc3339_string().unwrap_or_else(|_| "9999-12-31T23:59:59Z".into())
}

fn millis(text: &str) -> StoreResult<u64> {
    let date =
        DateTime::parse_rfc3339_str(text).map_err(|_| broken("a document with a time that is none"))?;
    Ok(u64::try_from(date.timestamp_millis()).unwrap_or(0))
}

pub(super) fn broken(message: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Broken, format!("the database holds {message}"))
}
