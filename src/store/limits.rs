//! What no store takes, whichever it is.

use duologue_actors::store::{
    Entry, FactRecord, FeedbackBody, FeedbackRecord, MessageRecord, MidiDocument, SessionRecord, StoreError,
    StoreErrorKind, StoreResult, UserRecord,
};

/// Largest message: minutes of speech; more is a mistake or an attack.
const MAX_CONTENT: usize = 64 * 1024;
/// Longest id: room for any scheme of other systems, short enough for an index.
const MAX_ID: usize = 200;
/// Longest name.
const MAX_NAME: usize = 1000;
/// Largest feedback with its report: ten times what a scene of four hours makes.
const MAX_FEEDBACK: usize = 2 * 1024 * 1024;
/// Largest MIDI file, and largest analysis of one: together they fit into one document of MongoDB (16 MB).
const MAX_MIDI: usize = 2 * 1024 * 1024;
const MAX_ANALYSIS: usize = 12 * 1024 * 1024;
/// Most facts of one session.
const MAX_FACTS: usize = 1000;

/// The same for whatever is written: what passes here is not refused later for what it is.
pub(super) fn check_entry(entry: &Entry) -> StoreResult<()> {
    match entry {
        Entry::Message(record) => check_message(record),
        Entry::Session(record) => check_session(record),
        Entry::Facts { session_id, facts } => check_facts(session_id, facts),
        Entry::Feedback(record) => check_feedback(record),
    }
}

pub(super) fn check_session(record: &SessionRecord) -> StoreResult<()> {
    check_id("session id", &record.id)?;
    check_optional_id("user id", record.user_id.as_deref())?;
    check_id("persona id", &record.persona_id)?;
    check_length("session_name", &record.session_name, MAX_NAME)?;
    check_length("persona_name", &record.persona_name, MAX_NAME)?;
    check_number("created_at", record.created_at)?;
    check_number("updated_at", record.updated_at)
}

pub(super) fn check_message(record: &MessageRecord) -> StoreResult<()> {
    check_id("message id", &record.id)?;
    check_id("session id", &record.session_id)?;
    check_optional_id("user id", record.user_id.as_deref())?;
    check_length("content", &record.content, MAX_CONTENT)?;
    check_number("seq", record.seq)?;
    check_number("turn", record.turn)?;
    check_number("timestamp", record.timestamp)
}

pub(super) fn check_user(record: &UserRecord) -> StoreResult<()> {
    check_id("user id", &record.id)?;
    check_length("email", &record.email, MAX_NAME)?;
    check_length("name", &record.name, MAX_NAME)?;
    check_number("created_at", record.created_at)?;
    check_number("updated_at", record.updated_at)
}

pub(super) fn check_facts(session_id: &str, facts: &[FactRecord]) -> StoreResult<()> {
    check_id("session id", session_id)?;
    if facts.len() > MAX_FACTS {
        return Err(bad(format!(
            "{} facts are more than the {MAX_FACTS} that a session may have",
            facts.len()
        )));
    }
    for fact in facts {
        check_id("fact id", &fact.id)?;
        check_length("kind", &fact.kind, MAX_NAME)?;
        check_length("text", &fact.text, MAX_CONTENT)?;
        check_number("turn", fact.turn)?;
    }
    Ok(())
}

pub(super) fn check_feedback(record: &FeedbackRecord) -> StoreResult<()> {
    check_id("feedback id", &record.id)?;
    check_id("session id", &record.session_id)?;
    check_optional_id("user id", record.user_id.as_deref())?;
    check_number("created_at", record.created_at)?;
    match &record.body {
        // What a scene holds is bounded by itself.
        FeedbackBody::Live(_) => Ok(()),
        FeedbackBody::Written(text) => check_length("feedback", text, MAX_FEEDBACK),
    }
}

pub(super) fn check_midi(document: &MidiDocument) -> StoreResult<()> {
    let record = &document.record;
    check_id("midi id", &record.id)?;
    check_optional_id("user id", record.user_id.as_deref())?;
    check_optional_id("source id", record.source_id.as_deref())?;
    check_optional_id("generation type", record.generation_type.as_deref())?;
    check_length("title", &record.title, MAX_NAME)?;
    check_length("genre", &record.genre, MAX_NAME)?;
    check_length("summary", &record.summary, MAX_CONTENT)?;
    check_length("analysis", &document.analysis, MAX_ANALYSIS)?;
    check_number("created_at", record.created_at)?;
    if document.data.len() > MAX_MIDI {
        return Err(bad(format!("the file has {} bytes, at most {MAX_MIDI} are kept", document.data.len())));
    }
    Ok(())
}

fn check_id(what: &str, id: &str) -> StoreResult<()> {
    if id.is_empty() || id.contains('\0') {
        return Err(bad(format!("{what} must not be empty or contain a zero byte")));
    }
    check_length(what, id, MAX_ID)
}

fn check_optional_id(what: &str, id: Option<&str>) -> StoreResult<()> {
    id.map_or(Ok(()), |id| check_id(what, id))
}

fn check_length(what: &str, text: &str, most: usize) -> StoreResult<()> {
    if text.len() > most {
        return Err(bad(format!("{what} has {} bytes, at most {most} are kept", text.len())));
    }
    Ok(())
}

/// Both databases count in signed 64 bits.
fn check_number(what: &str, number: u64) -> StoreResult<()> {
    i64::try_from(number).map(drop).map_err(|_| bad(format!("{what} is larger than any database can count")))
}

fn bad(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::BadInput, message)
}
