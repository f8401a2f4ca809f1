//! `/api/midi`: MIDI files that people keep. What comes is read within limits, analysed once, and stored with its analysis.
//!
//! Files belong to users. Where nobody can be known (a server for this machine alone) they belong to its one owner; where
//! users are known, who is not is told to say who they are.

pub(crate) mod generate;
pub(crate) mod sound;
mod view;

use std::time::{Duration, SystemTime};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartError},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use duologue_actors::store::{MidiDocument, MidiRecord, StoreError, StoreErrorKind};
use duologue_music::{
    analysis::analyze,
    score::Score,
    smf::{self, Limits},
};
use serde_json::Value;

pub use self::view::{MidiFileView, MidiForm, MidiList, MidiQuery, MidiView};
use super::extract::{ApiPath, ApiQuery, Caller};
use crate::{
    auth::new_session_id,
    error::{ApiError, Code, ErrorBody},
    midi,
    state::AppState,
};

/// What a file that is kept may be at most: an hour of dense piano, and what fits into a document with its analysis.
const LIMITS: Limits =
    Limits { bytes: 2 << 20, notes: 50_000, tracks: 512, quarters: 20_000.0, changes: 50_000 };
/// The form around a file.
const FORM_BYTES: usize = 64 * 1024;
/// Files of one user.
const MAX_FILES: u32 = 200;
/// Bytes of all files of one user.
const MAX_BYTES: u64 = 64 << 20;
/// Files of one answer, unless the client asks for fewer or more, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;
/// Longest title and genre, in characters.
const MAX_NAME: usize = 200;
/// How long a file waits for its turn to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes.
pub(super) fn router(max_upload_bytes: usize) -> Router<AppState> {
    let limit = (LIMITS.bytes + FORM_BYTES).min(max_upload_bytes);
    let uploads = Router::new().route("/api/midi/upload", post(upload)).layer(DefaultBodyLimit::max(limit));
    Router::new()
        .route("/api/midi", get(list))
        .route("/api/midi/generate", post(generate::generate))
        .route("/api/midi/{midi_id}", get(show).delete(remove))
        .route("/api/midi/{midi_id}/file", get(file))
        .route("/api/midi/{midi_id}/render.wav", get(sound::render))
        .route("/soundfonts/gm.sf2", get(sound::soundfont))
        .merge(uploads)
}

/// Keeps a MIDI file, and answers what is in it.
#[utoipa::path(post, path = "/api/midi/upload", tag = "midi",
    request_body(content = MidiForm, content_type = "multipart/form-data"), responses(
    (status = 201, body = MidiFileView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub(crate) async fn upload(
    State(state): State<AppState>,
    caller: Caller,
    form: Multipart,
) -> Result<(StatusCode, Json<MidiFileView>), ApiError> {
    let user_id = owner(&state, &caller)?;
    let form = receive(form).await?;
    let score = working(&state, {
        let data = form.data.clone();
        move || smf::read(&data, &LIMITS)
    });
    let new = New { title: form.title, genre: form.genre, made: None, data: form.data };
    let document = keep(&state, user_id, score.await??, new).await?;
    Ok((StatusCode::CREATED, Json(MidiFileView::try_from(document)?)))
}

/// The caller's files, newest first.
#[utoipa::path(get, path = "/api/midi", tag = "midi", params(MidiQuery), responses(
    (status = 200, body = MidiList), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<MidiQuery>,
) -> Result<Json<MidiList>, ApiError> {
    let user_id = owner(&state, &caller)?;
    let (limit, offset) = (query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE), query.offset.unwrap_or(0));
    // One more than asked for tells whether there is another page.
    let mut found = state.store.midis(user_id.as_deref(), limit + 1, offset).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let files = found.into_iter().map(MidiView::try_from).collect::<Result<_, _>>()?;
    Ok(Json(MidiList { files, next_offset: more.then(|| offset.saturating_add(limit)) }))
}

/// What is in a file: its key, chords, cadences, tempo, instruments, and where it comes from.
#[utoipa::path(get, path = "/api/midi/{midi_id}", tag = "midi", responses(
    (status = 200, body = MidiFileView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(midi_id): ApiPath<String>,
) -> Result<Json<MidiFileView>, ApiError> {
    Ok(Json(find(&state, &caller, &midi_id).await?.try_into()?))
}

/// The file itself.
#[utoipa::path(get, path = "/api/midi/{midi_id}/file", tag = "midi", responses(
    (status = 200, content_type = "audio/midi", body = [u8]), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn file(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(midi_id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let document = find(&state, &caller, &midi_id).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("audio/midi")),
        (header::CONTENT_DISPOSITION, attachment(&document.record.title, "mid")),
    ];
    Ok((headers, document.data).into_response())
}

/// Forgets a file.
#[utoipa::path(delete, path = "/api/midi/{midi_id}", tag = "midi", responses(
    (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(midi_id): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    find(&state, &caller, &midi_id).await?;
    state.store.delete_midi(&midi_id).await.map_err(unknown)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A file, if the caller may have it.
async fn find(state: &AppState, caller: &Caller, midi_id: &str) -> Result<MidiDocument, ApiError> {
    let user_id = owner(state, caller)?;
    let document = state.store.midi(midi_id).await.map_err(unknown)?;
    if user_id.is_some() && document.record.user_id != user_id {
        return Err(ApiError::new(Code::Forbidden, "this file belongs to somebody else"));
    }
    Ok(document)
}

/// Whose files the caller's are; none where everything belongs to one person.
fn owner(state: &AppState, caller: &Caller) -> Result<Option<String>, ApiError> {
    let user_id = caller.principal.user_id.clone();
    if user_id.is_none() && !state.auth.is_private() {
        return Err(ApiError::new(Code::Unauthorized, "only known users keep files"));
    }
    Ok(user_id)
}

fn unknown(error: StoreError) -> ApiError {
    match error.kind {
        StoreErrorKind::NotFound => ApiError::new(Code::MidiNotFound, "there is no such MIDI file"),
        _ => error.into(),
    }
}

/// A file that is to be kept.
struct New {
    title: String,
    genre: String,
    /// As what it was made, and from which file.
    made: Option<(&'static str, Option<String>)>,
    data: Vec<u8>,
}

/// Analyses and stores.
async fn keep(
    state: &AppState,
    user_id: Option<String>,
    score: Score,
    new: New,
) -> Result<MidiDocument, ApiError> {
    check_room(state, user_id.as_deref(), new.data.len() as u64).await?;
    let analysis = working(state, move || midi::document(&score, &analyze(&score))).await?;
    let (generation_type, source_id) = new.made.map_or((None, None), |(kind, source)| (Some(kind), source));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let record = MidiRecord {
        id: new_session_id(),
        user_id,
        title: new.title,
        genre: new.genre,
        generation_type: generation_type.map(str::to_owned),
        source_id,
        size: new.data.len() as u64,
        summary: midi::summary(&analysis).to_string(),
        created_at: now.map_or(0, |since| since.as_millis() as u64),
    };
    let document = MidiDocument { record, analysis: analysis.to_string(), data: new.data };
    state.store.put_midi(document.clone()).await?;
    Ok(document)
}

/// Refuses what is more than a user may keep.
async fn check_room(state: &AppState, user_id: Option<&str>, bytes: u64) -> Result<(), ApiError> {
    let kept = state.store.midis(user_id, MAX_FILES, 0).await?;
    let all = kept.iter().map(|record| record.size).sum::<u64>() + bytes;
    if kept.len() >= MAX_FILES as usize || all > MAX_BYTES {
        let message = format!("{MAX_FILES} files of {} MiB together are kept at most", MAX_BYTES >> 20);
        return Err(ApiError::new(Code::MidiLimit, message));
    }
    Ok(())
}

/// Does what takes a core, two at a time, on a thread that may block.
async fn working<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let busy = || ApiError::new(Code::EngineOverloaded, "other files are being read").retry_after(2);
    let turn = tokio::time::timeout(PATIENCE, state.scores.clone().acquire_owned()).await;
    let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|_| ApiError::new(Code::Internal, "the file could not be worked on"))
}

/// A form, read.
struct Received {
    data: Vec<u8>,
    title: String,
    genre: String,
}

async fn receive(mut form: Multipart) -> Result<Received, ApiError> {
    let (mut data, mut title, mut genre, mut name) = (None, None, None, None);
    while let Some(field) = form.next_field().await.map_err(refused_form)? {
        match field.name() {
            Some("file" | "midi") => {
                name = field.file_name().map(stem);
                data = Some(field.bytes().await.map_err(refused_form)?.to_vec());
            }
            Some("title") => title = Some(short("title", &field.text().await.map_err(refused_form)?)?),
            Some("genre") => genre = Some(short("genre", &field.text().await.map_err(refused_form)?)?),
            // A field that nobody asked for is read over.
            _ => {}
        }
    }
    let missing =
        || ApiError::new(Code::BadRequest, "send the MIDI file as the field `file`").with_param("file");
    let title = title.filter(|title| !title.is_empty()).or(name).unwrap_or_else(|| "MIDI".to_owned());
    Ok(Received { data: data.ok_or_else(missing)?, title, genre: genre.unwrap_or_default() })
}

/// The name of a file without its ending.
fn stem(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.chars().filter(|character| !character.is_control()).take(MAX_NAME).collect()
}

/// A name that a page can show.
fn short(param: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        let message = format!("{param} has at most {MAX_NAME} characters, all of them to be shown");
        return Err(ApiError::new(Code::BadRequest, message).with_param(param));
    }
    Ok(text.to_owned())
}

fn refused_form(error: MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::from(smf::SmfError::TooLarge);
    }
    ApiError::new(Code::BadRequest, format!("the form cannot be read: {}", error.body_text()))
}

/// A header that names a download. Titles are people's: only what cannot break out is said plainly.
fn attachment(title: &str, ending: &str) -> HeaderValue {
    let mut encoded = String::new();
    for byte in title.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let text = format!("attachment; filename=\"duologue.{ending}\"; filename*=UTF-8''{encoded}.{ending}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// A stored text that is JSON; it was written by us.
fn stored(text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|_| ApiError::new(Code::StoreBroken, "the stored analysis is damaged"))
}
