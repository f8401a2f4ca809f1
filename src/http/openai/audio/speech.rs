//! `POST /v1/audio/speech`: text as sound, sent while it is being made.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    super::{V1Json, models},
    encode::{Encoder, Format},
};
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::{
        extract::Caller,
        voice::{Speech, SpeechRequest},
    },
    state::AppState,
};

/// Voices of OpenAI, which their clients name out of habit.
const HABITS: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// Which voice speaks.
const VOICE_HEADER: HeaderName = HeaderName::from_static("x-duologue-voice");
/// What was asked for and is done differently.
const NOTE_HEADER: HeaderName = HeaderName::from_static("x-duologue-note");

/// The fastest that voices can be understood at.
const FASTEST: f32 = 1.5;

/// Something to speak.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SpeechBody {
    /// The text, at most 4096 characters.
    #[schema(example = "안녕하세요! 반갑습니다.")]
    input: String,
    /// `tts-1`, `tts-1-hd`, `gpt-4o-mini-tts`, or a voice's id.
    #[serde(default)]
    model: Option<String>,
    /// A voice's id. Names of OpenAI's voices mean the first voice of the language.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    voice: Option<VoiceChoice>,
    /// `mp3` (default), `opus`, `flac`, `wav` or `pcm`.
    #[serde(default)]
    response_format: Option<String>,
    /// 0.25 to 4; above 1.5 it stays 1.5.
    #[serde(default)]
    speed: Option<f32>,
    /// `audio` (default) or `sse`.
    #[serde(default)]
    stream_format: Option<String>,
    /// `ko` or `en`; by default what the text looks like.
    #[serde(default)]
    language: Option<String>,
}

/// A voice by its id, in either of the two ways.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum VoiceChoice {
    Id(String),
    Object { id: String },
}

impl VoiceChoice {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// A request that was found good.
struct Wanted {
    request: SpeechRequest,
    format: Format,
    events: bool,
    notes: Vec<String>,
}

/// Speaks a text: a file in the format that is asked for, or events with its pieces, sent while it is being made.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "openai", request_body = SpeechBody, responses(
    (status = 200, content_type = "audio/mpeg", body = Vec<u8>), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn speak(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(body): V1Json<SpeechBody>,
) -> Result<Response, ApiError> {
    let wanted = check(&state, body)?;
    let speech = Speech::begin(&state, &caller, &wanted.request).map_err(renamed)?;
    let headers = headers(speech.voice(), &wanted.notes);
    let encoder = Encoder::new(wanted.format).map_err(|error| broken(&error))?;
    let mut making = Making { speech, encoder, ended: false };
    // The first sound decides between an answer and an error.
    let first = making.next().await.transpose()?.unwrap_or_default();
    let pieces = stream::once(async { Ok(first) }).chain(stream::unfold(making, |mut making| async {
        let piece = making.next().await?;
        Some((piece, making))
    }));
    if wanted.events {
        return Ok((headers, super::events(events(pieces))).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(wanted.format.media_type()))];
    Ok((headers, kind, Body::from_stream(pieces)).into_response())
}

fn check(state: &AppState, body: SpeechBody) -> Result<Wanted, ApiError> {
    let blame = |param: &str, message: String| ApiError::new(Code::BadRequest, message).with_param(param);
    let format = format(body.response_format.as_deref())?;
    let events = match body.stream_format.as_deref() {
        None | Some("audio") => false,
        Some("sse") => true,
        Some(_) => return Err(blame("stream_format", "stream_format must be audio or sse".into())),
    };
    let mut notes = Vec::new();
    let speed = body.speed.unwrap_or(1.0);
    if !(0.25..=4.0).contains(&speed) {
        return Err(blame("speed", "speed must be between 0.25 and 4".into()));
    }
    if speed > FASTEST {
        notes.push(format!("speed {FASTEST} instead of {speed}"));
    }
    let voices = state.engines.tts.voices();
    let is_ours = |id: &str| voices.iter().any(|voice| voice.id == id);
    let model = body.model.as_deref().unwrap_or_default();
    if !models::SPEAKING.contains(&model) && !is_ours(model) && !model.is_empty() {
        return Err(models::unknown(model));
    }
    let voice = match body.voice.as_ref().map(VoiceChoice::id) {
        Some(id) if is_ours(id) => Some(id.to_owned()),
        Some(id) if HABITS.contains(&id) => {
            notes.push(format!("there is no voice {id}; the first of the language speaks"));
            None
        }
        Some(id) => {
            let short: String = id.chars().take(80).collect();
            return Err(blame("voice", format!("there is no voice {short:?}; GET /voice/voices lists them")));
        }
        None => is_ours(model).then(|| model.to_owned()),
    };
    let request = SpeechRequest {
        text: body.input,
        voice,
        language: body.language,
        speed: Some(speed.min(FASTEST)),
        stream: None,
    };
    Ok(Wanted { request, format, events, notes })
}

fn format(name: Option<&str>) -> Result<Format, ApiError> {
    let Some(name) = name else { return Ok(Format::Mp3) };
    Format::by_name(name).ok_or_else(|| {
        let what = if name == "aac" { "AAC is not made here" } else { "this format is not known" };
        let message = format!("{what}: response_format can be {}", Format::NAMES);
        ApiError::new(Code::UnsupportedFormat, message).with_param("response_format")
    })
}

/// The text has another name here.
fn renamed(error: ApiError) -> ApiError {
    if error.param.as_deref() != Some("text") {
        return error;
    }
    let message = error.message.replacen("text", "input", 1);
    ApiError { message, param: Some("input".into()), ..error }
}

/// Who speaks, and what is different from what was asked for.
fn headers(voice: &str, notes: &[String]) -> HeaderMap {
    let pairs = [(VOICE_HEADER, voice.to_owned()), (NOTE_HEADER, notes.join("; "))];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?))).collect()
}

fn broken(error: &super::encode::EncodeError) -> ApiError {
    ApiError::new(Code::Internal, error.to_string())
}

/// A file in the making.
struct Making {
    speech: Speech,
    encoder: Encoder,
    ended: bool,
}

impl Making {
    /// The next bytes; `None` after the last. An error is the last.
    async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        while !self.ended {
            let bytes = match self.speech.next().await {
                Some(Ok(samples)) => self.encoder.push(&samples).map_err(|error| broken(&error)),
                Some(Err(error)) => Err(error.into()),
                None => {
                    self.ended = true;
                    self.encoder.finish().map_err(|error| broken(&error))
                }
            };
            self.ended |= bytes.is_err();
            match bytes {
                Ok(bytes) if bytes.is_empty() => {}
                other => return Some(other.map(Bytes::from)),
            }
        }
        None
    }
}

/// The pieces as events, and a last one.
fn events(
    pieces: impl Stream<Item = Result<Bytes, ApiError>> + Send,
) -> impl Stream<Item = Result<serde_json::Value, ApiError>> + Send {
    let deltas = pieces.map(|piece| {
        let audio = BASE64_STANDARD.encode(piece?);
        Ok(json!({"type": "speech.audio.delta", "audio": audio}))
    });
    let usage = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0});
    let done = json!({"type": "speech.audio.done", "usage": usage});
    // An error ends the stream; nothing is done then.
    let mut failed = false;
    deltas.chain(stream::once(async { Ok(done) })).take_while(move |event| {
        let goes_on = !failed;
        failed |= event.is_err();
        std::future::ready(goes_on)
    })
}
