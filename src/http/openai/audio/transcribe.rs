//! `POST /v1/audio/transcriptions` and `/translations`: recordings as text. Nothing is kept.

use std::{collections::VecDeque, ops::Range, sync::Arc, time::Duration};

use axum::{
    extract::{State, multipart::Field},
    response::Response,
};
use duologue_domain::{lang::Language, pcm};
use duologue_engines::{
    fair::{Haste, Urgency},
    port::{SessionKey, SttEngine, SttRequest, SttTask},
};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::{
    super::{error::V1Form, models},
    render::{Format, Granularity, Heard, Piece, TranscriptionView},
};
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::{
        analyze::{next_key, refused_file, refused_form},
        extract::Caller,
    },
    sound::{self, PIECE_S, Sound, pieces},
    state::AppState,
};

/// Longest recording. Ten minutes take a laptop about one, and a hundred megabytes for a moment.
const LONGEST: Duration = Duration::from_secs(600);

/// The same where each piece is told at once.
const STREAMED_S: usize = 12;

/// How long a recording may wait for others. Three of a minute's length are done by then.
const TURN: Duration = Duration::from_secs(30);

/// How long a piece may wait for the speech engine: those who talk are heard first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Characters of a prompt that are read, from its end: more than the engine takes.
const MAX_PROMPT: usize = 1_000;

/// Bytes of one field that is not the file.
const MAX_FIELD: usize = 16 * 1024;

/// A recording, as a form with a file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "described for OpenAPI; the form is read field by field")]
pub(crate) struct TranscriptionForm {
    /// WAV, MP3, FLAC, Ogg (Opus, Vorbis) or WebM (Opus, Vorbis); at most ten minutes and `server.max_upload_bytes`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `whisper-1`, or the id of the speech engine's model in `GET /v1/models`.
    model: String,
    /// `ko` or `en`; detected by default. Not of translations.
    language: Option<String>,
    /// Words that are likely to occur.
    prompt: Option<String>,
    /// `json` (default), `text`, `srt`, `vtt` or `verbose_json`.
    response_format: Option<String>,
    /// 0 to 1; read over: the likeliest words are always taken.
    temperature: Option<f32>,
    /// `segment` (default) and `word`; only with `verbose_json`. Not of translations.
    #[schema(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<String>>,
    /// True sends events with the words while they are heard; with `json` or `text`.
    stream: Option<bool>,
}

/// Writes down what is said in a recording.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "openai",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = TranscriptionView),
    (status = 400, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn transcriptions(
    State(state): State<AppState>,
    caller: Caller,
    form: V1Form,
) -> Result<Response, ApiError> {
    answer(&state, &caller, form, SttTask::Transcribe).await
}

/// Writes down in English what is said in a recording.
#[utoipa::path(post, path = "/v1/audio/translations", tag = "openai",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = TranscriptionView),
    (status = 400, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn translations(
    State(state): State<AppState>,
    caller: Caller,
    form: V1Form,
) -> Result<Response, ApiError> {
    answer(&state, &caller, form, SttTask::Translate).await
}

async fn answer(
    state: &AppState,
    caller: &Caller,
    form: V1Form,
    task: SttTask,
) -> Result<Response, ApiError> {
    let (wanted, file) = Wanted::read(state, form, task).await?;
    // One recording takes a decoder and the speech engine for seconds: two at once, the others wait a little.
    let turn = tokio::time::timeout(TURN, state.analyses.clone().acquire_owned()).await;
    let busy = || ApiError::new(Code::EngineOverloaded, "other recordings are being heard").retry_after(5);
    let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let sound = sound::decode_within(file, LONGEST).await.map_err(|refusal| refused_file(&refusal))?;
    let mut hearing = Hearing::new((state, caller), &wanted, sound, turn);
    if wanted.stream {
        return Ok(super::events(events(hearing, task)));
    }
    let mut pieces = Vec::new();
    while let Some(piece) = hearing.next().await {
        pieces.push(piece?);
    }
    let heard = Heard { pieces, task, seconds: hearing.seconds };
    Ok(heard.respond(wanted.format, wanted.granularity))
}

/// What is asked, without the file.
struct Wanted {
    task: SttTask,
    language: Option<Language>,
    prompt: Option<String>,
    format: Format,
    granularity: Granularity,
    stream: bool,
}

/// The fields of a form as they came.
#[derive(Default)]
struct Fields {
    file: Option<Vec<u8>>,
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    format: Option<String>,
    temperature: Option<String>,
    granularities: Vec<String>,
    stream: Option<String>,
}

impl Fields {
    async fn read(V1Form(mut form): V1Form, limit: usize) -> Result<Self, ApiError> {
        let mut fields = Self::default();
        while let Some(field) = form.next_field().await.map_err(|error| refused_form(&error, limit))? {
            let name = field.name().unwrap_or_default().to_owned();
            let place = match name.as_str() {
                "file" => {
                    let bytes = field.bytes().await.map_err(|error| refused_form(&error, limit))?;
                    fields.file = Some(bytes.into());
                    continue;
                }
                "timestamp_granularities[]" | "timestamp_granularities" => {
                    let asked = text(field, &name, limit).await?;
                    let names = asked.split(',').map(|name| name.trim().to_owned());
                    // The two that there are, and what is wrong.
                    fields.granularities.extend(names.take(3));
                    fields.granularities.truncate(3);
                    continue;
                }
                "model" => &mut fields.model,
                "language" => &mut fields.language,
                "prompt" => &mut fields.prompt,
                "response_format" => &mut fields.format,
                "temperature" => &mut fields.temperature,
                "stream" => &mut fields.stream,
                // A field that has no meaning here is read over.
                _ => continue,
            };
            *place = Some(text(field, &name, limit).await?).filter(|text| !text.is_empty());
        }
        Ok(fields)
    }
}

/// A field that is no file.
async fn text(mut field: Field<'_>, name: &str, limit: usize) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| refused_form(&error, limit))? {
        if bytes.len() + piece.len() > MAX_FIELD {
            return Err(blame(name, format!("{name} is longer than {MAX_FIELD} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| blame(name, format!("{name} is not UTF-8")))
}

fn blame(param: &str, message: String) -> ApiError {
    ApiError::new(Code::BadRequest, message).with_param(param)
}

impl Wanted {
    async fn read(state: &AppState, form: V1Form, task: SttTask) -> Result<(Self, Vec<u8>), ApiError> {
        let mut fields = Fields::read(form, state.config.server.max_upload_bytes).await?;
        let file = fields.file.take();
        let file = file.ok_or_else(|| blame("file", "send the recording as the field `file`".into()))?;
        if let Some(model) = fields.model.as_deref().filter(|model| !models::hears(state, model)) {
            return Err(models::unknown(model));
        }
        Ok((Self::check(fields, task)?, file))
    }

    fn check(fields: Fields, task: SttTask) -> Result<Self, ApiError> {
        let format = fields.format.as_deref().map_or(Some(Format::Json), Format::by_name);
        let format = format.ok_or_else(|| {
            ApiError::new(Code::UnsupportedFormat, format!("response_format can be {}", Format::NAMES))
                .with_param("response_format")
        })?;
        let language = fields.language.as_deref().map(str::trim).filter(|_| task == SttTask::Transcribe);
        let language = language.map(str::parse::<Language>).transpose();
        let language = language.map_err(|error| blame("language", error.to_string()))?;
        if let Some(asked) = &fields.temperature
            && !asked.trim().parse::<f32>().is_ok_and(|asked| (0.0..=1.0).contains(&asked))
        {
            return Err(blame("temperature", "temperature must be a number from 0 to 1".into()));
        }
        let stream = match fields.stream.as_deref().map(str::trim) {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return Err(blame("stream", "stream must be true or false".into())),
        };
        if stream && format.has_times() {
            return Err(blame("stream", "with stream, response_format can be json or text".into()));
        }
        let granularity = granularity(&fields.granularities, format)?;
        let prompt = fields.prompt.map(|prompt| {
            let skipped = prompt.chars().count().saturating_sub(MAX_PROMPT);
            prompt.chars().skip(skipped).collect()
        });
        Ok(Self { task, language, prompt, format, granularity, stream })
    }
}

fn granularity(asked: &[String], format: Format) -> Result<Granularity, ApiError> {
    const PARAM: &str = "timestamp_granularities";
    if let Some(other) = asked.iter().find(|name| !["word", "segment"].contains(&name.as_str())) {
        let short: String = other.chars().take(40).collect();
        return Err(blame(PARAM, format!("timestamp_granularities can be word and segment, not {short:?}")));
    }
    if !asked.is_empty() && format != Format::Verbose {
        return Err(blame(PARAM, "timestamp_granularities need response_format=verbose_json".into()));
    }
    let has = |name: &str| asked.iter().any(|asked| asked == name);
    Ok(Granularity { words: has("word"), segments: has("segment") || asked.is_empty() })
}

/// A recording that is being heard, piece by piece.
struct Hearing {
    engine: Arc<dyn SttEngine>,
    samples: Arc<[f32]>,
    pieces: VecDeque<Range<usize>>,
    key: SessionKey,
    language: Option<Language>,
    prompt: Option<String>,
    task: SttTask,
    times: bool,
    seconds: f64,
    /// Held until all of it is heard.
    _turn: OwnedSemaphorePermit,
}

impl Hearing {
    fn new(
        (state, caller): (&AppState, &Caller),
        wanted: &Wanted,
        sound: Sound,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        let longest = if wanted.stream { STREAMED_S } else { PIECE_S };
        Self {
            engine: state.engines.stt.clone(),
            pieces: pieces(&sound.samples, longest).into(),
            seconds: sound.seconds(),
            samples: sound.samples.into(),
            key: next_key(caller),
            language: wanted.language,
            prompt: wanted.prompt.clone(),
            task: wanted.task,
            times: wanted.format.has_times(),
            _turn: turn,
        }
    }

    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Option<Result<Piece, ApiError>> {
        let range = self.pieces.pop_front()?;
        let ms = |samples: usize| pcm::ms(samples as u64, pcm::HEARING_RATE);
        let span = (ms(range.start), ms(range.end));
        let request = SttRequest {
            session: self.key,
            audio: self.samples[range].into(),
            language: self.language,
            prompt: self.prompt.clone(),
            interjection: false,
            partial: false,
            deadline: PATIENCE,
            task: self.task,
            times: self.times,
            // Those who talk go first.
            haste: Haste::new(Urgency::Ahead),
        };
        let mut transcript = match self.engine.transcribe(request).await {
            Ok(transcript) => transcript,
            Err(error) => return Some(Err(error.into())),
        };
        // Who began in one language goes on in it: short pieces are easily mistaken for another.
        if !transcript.text.is_empty() {
            self.language = self.language.or(transcript.language);
        }
        for word in &mut transcript.words {
            (word.from_ms, word.to_ms) = (word.from_ms + span.0, word.to_ms + span.0);
        }
        Some(Ok(Piece { span, transcript }))
    }
}

/// The words of each piece as they are heard, and then all of them.
fn events(hearing: Hearing, task: SttTask) -> impl Stream<Item = Result<serde_json::Value, ApiError>> + Send {
    struct Telling {
        hearing: Hearing,
        heard: Heard,
        ended: bool,
    }
    let heard = Heard { pieces: Vec::new(), task, seconds: hearing.seconds };
    stream::unfold(Telling { hearing, heard, ended: false }, |mut telling| async {
        while !telling.ended {
            match telling.hearing.next().await {
                Some(Ok(piece)) => {
                    let text = piece.transcript.text.trim().to_owned();
                    let space = if telling.heard.text().is_empty() { "" } else { " " };
                    telling.heard.pieces.push(piece);
                    if !text.is_empty() {
                        let delta =
                            json!({"type": "transcript.text.delta", "delta": format!("{space}{text}")});
                        return Some((Ok(delta), telling));
                    }
                }
                Some(Err(error)) => {
                    telling.ended = true;
                    return Some((Err(error), telling));
                }
                None => {
                    telling.ended = true;
                    let (text, usage) = (telling.heard.text(), telling.heard.usage());
                    let done = json!({"type": "transcript.text.done", "text": text, "usage": usage});
                    return Some((Ok(done), telling));
                }
            }
        }
        None
    })
}
