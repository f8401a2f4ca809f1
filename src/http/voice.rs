//! `/voice`: what voices there are, and text spoken by one of them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use duologue_domain::{
    clause::{ClauseConfig, ClauseSplitter},
    lang::Language,
};
use duologue_engines::{
    fair::session_key,
    port::{EngineError, SPEECH_RATE, SessionKey, TtsEngine, TtsRequest, TtsStream, Voice},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{ApiJson, Caller};
use crate::{
    error::{ApiError, Code, ErrorBody},
    state::AppState,
};

/// Longest text of one request, in characters: some minutes of speech.
const MAX_TEXT: usize = 4096;
/// Longest clause that a voice takes, in characters.
const MAX_CLAUSE: usize = 500;
/// How long the first sound of a clause may take.
const FIRST_AUDIO: Duration = Duration::from_secs(20);
/// What engines see as the session of a request that has none: from the top, where no number of a session gets.
static NEXT_KEY: AtomicU32 = AtomicU32::new(u32::MAX);

/// A key for a request that has no session: in the lane of its client, or, on this machine, in that of speech.
fn next_key(caller: &Caller) -> SessionKey {
    let number = NEXT_KEY.fetch_sub(1, Ordering::Relaxed);
    session_key(Some(caller.client().as_deref().unwrap_or("speech")), number)
}

/// A voice that can be chosen.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoiceView {
    /// Stable id.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it speaks.
    pub languages: Vec<&'static str>,
    /// `female`, `male` or `neutral`.
    pub gender: &'static str,
    /// Which adapter.
    pub engine: &'static str,
    /// Whether the text leaves this machine.
    pub online: bool,
}

impl From<Voice> for VoiceView {
    fn from(voice: Voice) -> Self {
        Self {
            id: voice.id,
            name: voice.name,
            languages: voice.languages.into_iter().map(Language::code).collect(),
            gender: voice.gender,
            engine: voice.engine,
            online: voice.online,
        }
    }
}

/// All voices.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoiceList {
    /// In the order in which they are tried.
    pub voices: Vec<VoiceView>,
}

/// Something to speak.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SpeechRequest {
    /// The text, at most 4096 characters.
    #[schema(example = "안녕하세요! 반갑습니다.")]
    pub text: String,
    /// Voice id; the first voice of the language by default.
    #[serde(default)]
    pub voice: Option<String>,
    /// `ko` or `en`; by default what the text looks like.
    #[serde(default)]
    pub language: Option<String>,
    /// 0.25 to 1.5; 1 is natural.
    #[serde(default)]
    pub speed: Option<f32>,
    /// False waits for all of it, and the file then knows its own length.
    #[serde(default)]
    pub stream: Option<bool>,
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/voice/voices", get(voices)).route("/voice/tts", post(speak))
}

/// What can be asked for.
#[utoipa::path(get, path = "/voice/voices", tag = "voice", responses((status = 200, body = VoiceList)))]
pub(crate) async fn voices(State(state): State<AppState>, _: Caller) -> Json<VoiceList> {
    Json(VoiceList { voices: state.engines.tts.voices().into_iter().map(VoiceView::from).collect() })
}

/// Speaks a text: a WAV file, 24 kHz mono, sent while it is being made.
#[utoipa::path(post, path = "/voice/tts", tag = "voice", request_body = SpeechRequest, responses(
    (status = 200, content_type = "audio/wav", body = Vec<u8>), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn speak(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(request): ApiJson<SpeechRequest>,
) -> Result<Response, ApiError> {
    let mut speech = Speech::begin(&state, &caller, &request)?;
    // The first sound decides between an answer and an error.
    let first = pcm16(&speech.next().await.transpose()?.unwrap_or_default());
    let wav = [(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"))];
    if request.stream == Some(false) {
        let mut sound = first;
        while let Some(piece) = speech.next().await {
            sound.extend(pcm16(&piece?));
        }
        return Ok((wav, [wav_header(Some(sound.len())).to_vec(), sound].concat()).into_response());
    }
    let begin = [wav_header(None).to_vec(), first].concat();
    let rest = stream::unfold(speech, |mut speech| async {
        let piece = speech.next().await?;
        Some((piece.map(|piece| Bytes::from(pcm16(&piece))).map_err(io::Error::other), speech))
    });
    let first = stream::iter([Ok(Bytes::from(begin))]);
    Ok((wav, Body::from_stream(futures_util::StreamExt::chain(first, rest))).into_response())
}

/// Speech of a whole text, clause by clause.
pub(super) struct Speech {
    engine: Arc<dyn TtsEngine>,
    /// The next is at the end.
    clauses: Vec<String>,
    request: TtsRequest,
    current: Option<TtsStream>,
}

impl Speech {
    /// Checks what is asked for; nothing is spoken yet.
    pub(super) fn begin(
        state: &AppState,
        caller: &Caller,
        request: &SpeechRequest,
    ) -> Result<Self, ApiError> {
        let blame = |field: &str, message: String| ApiError::new(Code::BadRequest, message).with_param(field);
        let text = request.text.trim();
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(blame("text", format!("text must have 1 to {MAX_TEXT} characters")));
        }
        let speed = request.speed.unwrap_or(1.0);
        if !(0.25..=1.5).contains(&speed) {
            return Err(blame("speed", "speed must be between 0.25 and 1.5".into()));
        }
        let asked = request.language.as_deref().map(str::parse::<Language>).transpose();
        let asked = asked.map_err(|error| blame("language", error.to_string()))?;
        let voices = state.engines.tts.voices();
        let voice = match &request.voice {
            None => None,
            Some(id) => {
                let unknown =
                    || blame("voice", format!("there is no voice {id:?}; GET /voice/voices lists them"));
                Some(voices.iter().find(|voice| voice.id == *id).ok_or_else(unknown)?)
            }
        };
        let language =
            asked.or_else(|| Language::of_text(text)).or_else(|| voice?.languages.first().copied());
        let language = language.unwrap_or(Language::Korean);
        let by_order = match language {
            Language::Korean => &state.config.tts.korean,
            Language::English => &state.config.tts.english,
        };
        let is_there = |id: &&String| voices.iter().any(|voice| voice.id == **id);
        let speaks = |voice: &&Voice| voice.languages.contains(&language);
        let first = || by_order.iter().find(is_there).or_else(|| Some(&voices.iter().find(speaks)?.id));
        let voice = voice.map(|voice| &voice.id).or_else(first).or(by_order.first());
        let voice = voice.cloned().unwrap_or_default();
        let request = TtsRequest {
            session: next_key(caller),
            text: String::new(),
            language,
            voice,
            speed,
            first_audio_deadline: FIRST_AUDIO,
        };
        let mut clauses = clauses_of(text);
        clauses.reverse();
        Ok(Self { engine: state.engines.tts.clone(), clauses, request, current: None })
    }

    /// Whose voice it is.
    pub(super) fn voice(&self) -> &str {
        &self.request.voice
    }

    /// The next piece of sound, never an empty one; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<f32>, EngineError>> {
        loop {
            let Some(current) = &mut self.current else {
                let request = TtsRequest { text: self.clauses.pop()?, ..self.request.clone() };
                match self.engine.synthesize(request) {
                    Ok(stream) => self.current = Some(stream),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            match current.next().await {
                Some(Ok(chunk)) if chunk.audio.is_empty() => {}
                Some(Ok(chunk)) => return Some(Ok(chunk.audio)),
                Some(Err(error)) => return Some(Err(error)),
                None => self.current = None,
            }
        }
    }
}

/// The text in pieces that a voice takes.
fn clauses_of(text: &str) -> Vec<String> {
    let mut splitter = ClauseSplitter::new(ClauseConfig::default());
    let mut clauses = splitter.push(text);
    clauses.extend(splitter.finish());
    clauses.iter().flat_map(|clause| cut(clause)).filter(|clause| !clause.trim().is_empty()).collect()
}

/// A clause without any place to breathe is cut where the voice's limit is.
fn cut(clause: &str) -> Vec<String> {
    let characters: Vec<char> = clause.chars().collect();
    characters.chunks(MAX_CLAUSE).map(|piece| piece.iter().collect()).collect()
}

fn pcm16(samples: &[f32]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| ((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16).to_le_bytes())
        .collect()
}

/// The header of a WAV file; one of unknown length says the largest number, as is customary for streams and known to
/// readers (ours and FFmpeg's): any other number is taken at its word.
pub(super) fn wav_header(bytes: Option<usize>) -> [u8; 44] {
    let data = bytes.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(u32::MAX);
    let mut header = [0; 44];
    let mut put = |at: usize, value: &[u8]| header[at..at + value.len()].copy_from_slice(value);
    put(0, b"RIFF");
    put(4, &data.saturating_add(36).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16u32.to_le_bytes());
    // PCM, one channel.
    put(20, &1u16.to_le_bytes());
    put(22, &1u16.to_le_bytes());
    put(24, &SPEECH_RATE.to_le_bytes());
    put(28, &(SPEECH_RATE * 2).to_le_bytes());
    put(32, &2u16.to_le_bytes());
    put(34, &16u16.to_le_bytes());
    put(36, b"data");
    put(40, &data.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read() {
        let sound = pcm16(&[0.0, 1.0, -1.0, 2.0]);
        let file = [wav_header(Some(sound.len())).to_vec(), sound].concat();
        let mut reader = hound::WavReader::new(io::Cursor::new(file)).expect("a WAV file");
        assert_eq!(
            (reader.spec().sample_rate, reader.spec().channels, reader.spec().bits_per_sample),
            (24_000, 1, 16)
        );
        let samples: Vec<i16> = reader.samples().collect::<Result<_, _>>().expect("samples");
        assert_eq!(samples, [0, 32_767, -32_767, 32_767]);
    }

    #[test]
    fn nothing_of_a_text_is_lost() {
        for text in [
            "안녕하세요! 오늘 날씨가 참 좋네요. 산책 갈까요?",
            "Hello there. It costs 3.50, I think.",
            &"가".repeat(1203),
        ] {
            let clauses = clauses_of(text);
            assert!(clauses.iter().all(|clause| clause.chars().count() <= MAX_CLAUSE));
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(squeeze(&clauses.concat()), squeeze(text));
        }
    }
}
