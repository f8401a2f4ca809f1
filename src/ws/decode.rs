//! From the JSON of a client to commands. Nothing that a client sends may panic, and every refusal says which
//! field and what to do.

#[cfg(test)]
mod tests;
// By its path, because the fuzz target compiles this file on its own.
#[path = "decode/tools.rs"]
mod tools;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use duologue_actors::{
    event::{ClientCommand, ConfigPatch, Eagerness, ResponseRequest, SessionEvent, TurnDetection},
    front_end::INPUT_RATES,
};
use duologue_domain::{
    conversation::{Content, Item, Speaker},
    face::Calibration,
    pcm,
};
use serde_json::Value;

use super::{codec, duet::decode as duet};

/// Text of one event, at most: the protocol allows 15 MiB of audio, and JSON around it.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Characters of one message or of instructions: far more than any prompt holds.
const MAX_TEXT: usize = 32_000;

/// What a client said.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// Audio for the input buffer: PCM16 at the session's rate.
    Audio(Vec<i16>),
    /// What a face landmarker saw.
    Landmarks(Box<codec::Landmarks>),
    /// Something about the duet, or why it was refused.
    Duet(Box<Result<duet::Said, duet::Refused>>),
    /// Nothing more of what is being said is to be heard.
    ClearOutput,
    /// Anything else.
    Command(ClientCommand),
}

/// Why it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// Which field.
    pub param: Option<&'static str>,
    /// The client's id of the event.
    pub event_id: Option<String>,
}

impl WireError {
    fn new(code: &'static str, message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { code, message: message.into(), param, event_id: None }
    }

    /// The same about a frame of landmarks or a picture.
    pub fn of_a_frame(refused: codec::Refused) -> Self {
        Self::new(refused.code, refused.message, Some(refused.param))
    }

    /// As the event that tells the client.
    pub fn into_event(self) -> SessionEvent {
        SessionEvent::Error {
            code: self.code,
            message: self.message,
            param: self.param,
            client_event: self.event_id,
        }
    }
}

/// Landmarks, or why they are none.
///
/// # Errors
/// With the code of the codec.
pub fn landmarks(decoded: Result<codec::Landmarks, codec::Refused>) -> Result<ClientEvent, WireError> {
    let decoded = decoded.map_err(WireError::of_a_frame)?;
    Ok(ClientEvent::Landmarks(Box::new(decoded)))
}

/// Reads one event.
///
/// # Errors
/// A [`WireError`] with a stable code; the session lives on.
pub fn decode(text: &str) -> Result<ClientEvent, WireError> {
    if text.len() > MAX_EVENT_BYTES {
        let message =
            format!("An event may have at most {MAX_EVENT_BYTES} bytes. Send audio in smaller pieces.");
        return Err(WireError::new("event_too_large", message, None));
    }
    let value = serde_json::from_str::<Value>(text)
        .map_err(|error| WireError::new("invalid_json", format!("This is not JSON: {error}."), None))?;
    let event_id = value.get("event_id").and_then(Value::as_str).map(|id| id.chars().take(128).collect());
    decode_value(&value).map_err(|error| WireError { event_id, ..error })
}

/// A time within an item, a day at most.
fn milliseconds(value: &Value, field: &'static str) -> Result<u64, WireError> {
    let time = value.get(field).and_then(Value::as_u64);
    Ok(time.ok_or_else(|| bad(field, "must be a whole number of milliseconds, 0 or more"))?.min(86_400_000))
}

fn decode_value(value: &Value) -> Result<ClientEvent, WireError> {
    let kind = string(value, "type")?.ok_or_else(|| missing("type"))?;
    let command = match kind {
        "input_audio_buffer.append" => return audio(value),
        codec::EVENT => return landmarks(codec::from_json(value)),
        music if music.starts_with(duet::PREFIX) => {
            return Ok(ClientEvent::Duet(Box::new(duet::from_json(value))));
        }
        "session.update" => {
            let session = value
                .get("session")
                .filter(|session| session.is_object())
                .ok_or_else(|| missing("session"))?;
            ClientCommand::Configure(Box::new(patch(session)?))
        }
        "input_audio_buffer.commit" => ClientCommand::CommitAudio,
        "input_audio_buffer.clear" => ClientCommand::ClearAudio,
        "conversation.item.create" => ClientCommand::CreateItem {
            item: item(value.get("item").ok_or_else(|| missing("item"))?)?,
            previous: string(value, "previous_item_id")?.map(str::to_owned),
        },
        "conversation.item.retrieve" => ClientCommand::RetrieveItem(item_id(value)?),
        "conversation.item.delete" => ClientCommand::DeleteItem(item_id(value)?),
        "conversation.item.truncate" => ClientCommand::TruncateItem {
            id: item_id(value)?,
            audio_end_ms: milliseconds(value, "audio_end_ms")?,
        },
        "response.create" => ClientCommand::CreateResponse(response(value.get("response"))?),
        "response.cancel" => {
            ClientCommand::CancelResponse { response: string(value, "response_id")?.map(str::to_owned) }
        }
        "duologue.playout" => {
            ClientCommand::Playout { item: item_id(value)?, played_ms: milliseconds(value, "played_ms")? }
        }
        "duologue.calibrate" => ClientCommand::Calibrate(match string(value, "action")? {
            Some("begin") => Calibration::Begin,
            Some("end") => Calibration::End,
            Some("clear") => Calibration::Clear,
            _ => return Err(bad("action", "must be begin, end or clear")),
        }),
        "output_audio_buffer.clear" => return Ok(ClientEvent::ClearOutput),
        other => {
            let shown = other.chars().take(64).collect::<String>();
            return Err(WireError::new(
                "unknown_event",
                format!("There is no event type {shown:?}."),
                Some("type"),
            ));
        }
    };
    Ok(ClientEvent::Command(command))
}

fn missing(param: &'static str) -> WireError {
    WireError::new("missing_field", format!("The field {param} is missing."), Some(param))
}

fn bad(param: &'static str, rule: &str) -> WireError {
    WireError::new("invalid_value", format!("The field {param} {rule}."), Some(param))
}

/// An optional string; null counts as absent.
fn string<'value>(value: &'value Value, key: &'static str) -> Result<Option<&'value str>, WireError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= MAX_TEXT => Ok(Some(text)),
        Some(Value::String(_)) => Err(bad(key, "is too long")),
        Some(_) => Err(bad(key, "must be a string")),
    }
}

fn item_id(value: &Value) -> Result<String, WireError> {
    let id = string(value, "item_id")?.ok_or_else(|| missing("item_id"))?;
    Ok(id.chars().take(64).collect())
}

fn audio(value: &Value) -> Result<ClientEvent, WireError> {
    let Some(Value::String(encoded)) = value.get("audio") else { return Err(missing("audio")) };
    let bytes = BASE64.decode(encoded).map_err(|_| bad("audio", "must be base64"))?;
    samples(&bytes).map(ClientEvent::Audio)
}

/// Reads raw PCM16, as binary frames carry it.
///
/// # Errors
/// An odd number of bytes.
pub fn samples(bytes: &[u8]) -> Result<Vec<i16>, WireError> {
    pcm::from_le_bytes(bytes)
        .map_err(|_| bad("audio", "must hold 16-bit samples, so an even number of bytes; check the format"))
}

fn item(value: &Value) -> Result<Item, WireError> {
    match string(value, "type")? {
        Some("message") | None => {}
        Some("function_call") => return tools::call(value),
        Some("function_call_output") => return tools::output(value),
        Some(_) => return Err(bad("item.type", "must be message, function_call or function_call_output")),
    }
    let speaker = match string(value, "role")? {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        Some("system") => Speaker::System,
        _ => return Err(bad("item.role", "must be user, assistant or system")),
    };
    let parts = value.get("content").and_then(Value::as_array).ok_or_else(|| missing("item.content"))?;
    let mut text = String::new();
    for part in parts {
        match part.get("type").and_then(Value::as_str) {
            Some("input_text" | "output_text" | "text") => text += string(part, "text")?.unwrap_or_default(),
            Some("input_audio" | "output_audio") => text += string(part, "transcript")?.unwrap_or_default(),
            _ => {
                return Err(bad(
                    "item.content",
                    "may hold input_text, output_text or a transcript; images are not understood",
                ));
            }
        }
    }
    if text.trim().is_empty() {
        return Err(bad("item.content", "must hold some text"));
    }
    let content = match speaker {
        Speaker::Assistant => Content::OutputText(text),
        _ => Content::InputText(text),
    };
    Ok(Item { id: item_own_id(value)?, speaker, content, complete: true })
}

/// The id that the client gave an item; empty for none.
fn item_own_id(value: &Value) -> Result<String, WireError> {
    let id = string(value, "id")?.unwrap_or_default();
    if !id.chars().all(|character| character.is_ascii_alphanumeric() || "_-.".contains(character))
        || id.len() > 64
    {
        return Err(bad("item.id", "may hold at most 64 letters, digits, _, - and ."));
    }
    Ok(id.to_owned())
}

fn response(value: Option<&Value>) -> Result<ResponseRequest, WireError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(ResponseRequest::default()) };
    Ok(ResponseRequest {
        after_silence: false,
        instructions: string(value, "instructions")?.map(str::to_owned),
        speak: modalities(value)?,
        max_output_tokens: max_tokens(value)?,
        tools: tools::tools(value)?,
        tool_choice: tools::tool_choice(value)?,
        input: tools::input(value)?,
        apart: tools::apart(value)?,
        metadata: tools::metadata(value)?,
    })
}

fn modalities(value: &Value) -> Result<Option<bool>, WireError> {
    match value.get("output_modalities") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) if list.iter().any(|entry| entry == "audio") => Ok(Some(true)),
        Some(Value::Array(list)) if list.iter().any(|entry| entry == "text") => Ok(Some(false)),
        Some(_) => Err(bad("output_modalities", "must be [\"audio\"] or [\"text\"]")),
    }
}

/// The longest reply that the protocol allows, in tokens.
const MAX_OUTPUT_TOKENS: u64 = 4_096;

fn max_tokens(value: &Value) -> Result<Option<usize>, WireError> {
    match value.get("max_output_tokens") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text == "inf" => Ok(Some(MAX_OUTPUT_TOKENS as usize)),
        Some(number) => match number.as_u64() {
            Some(count @ 1..=MAX_OUTPUT_TOKENS) => Ok(Some(count as usize)),
            _ => Err(bad("max_output_tokens", "must be 1 to 4096 or \"inf\"")),
        },
    }
}

/// What a session's configuration changes, as `session.update` has it.
///
/// # Errors
/// Says which field.
pub(crate) fn patch(session: &Value) -> Result<ConfigPatch, WireError> {
    if let Some("transcription") = string(session, "type")? {
        return Err(bad(
            "session.type",
            "must be realtime; transcription-only sessions are not available in this version",
        ));
    }
    let mut patch = ConfigPatch {
        instructions: cleared(session, "instructions")?,
        speak: modalities(session)?,
        max_output_tokens: max_tokens(session)?,
        tools: tools::tools(session)?,
        tool_choice: tools::tool_choice(session)?,
        ..ConfigPatch::default()
    };
    patch.expression_analysis = match session.get("duologue").and_then(|ours| ours.get("expression_analysis"))
    {
        None | Some(Value::Null) => None,
        Some(Value::Bool(wanted)) => Some(*wanted),
        Some(_) => return Err(bad("session.duologue.expression_analysis", "must be true or false")),
    };
    let audio = session.get("audio").unwrap_or(&Value::Null);
    if let Some(input) = audio.get("input") {
        patch_input(&mut patch, input)?;
    }
    if let Some(output) = audio.get("output") {
        format_rate(output, "audio.output.format", &[24_000])?;
        patch.voice = match output.get("voice") {
            Some(Value::Object(voice)) => voice.get("id").and_then(Value::as_str).map(str::to_owned),
            _ => string(output, "voice")?.map(str::to_owned),
        };
        patch.speed = number(output, "speed", 0.25, 1.5)?;
    }
    Ok(patch)
}

/// A string that null or "" clears.
fn cleared(value: &Value, key: &'static str) -> Result<Option<String>, WireError> {
    match value.get(key) {
        None => Ok(None),
        Some(_) => Ok(Some(string(value, key)?.unwrap_or_default().to_owned())),
    }
}

fn number(value: &Value, key: &'static str, low: f32, high: f32) -> Result<Option<f32>, WireError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => match number.as_f64().map(|number| number as f32) {
            Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ => Err(bad(key, &format!("must be a number from {low} to {high}"))),
        },
    }
}

fn patch_input(patch: &mut ConfigPatch, input: &Value) -> Result<(), WireError> {
    patch.input_rate = format_rate(input, "audio.input.format", &INPUT_RATES)?;
    if let Some(reduction) = input.get("noise_reduction") {
        patch.noise_reduction = Some(!reduction.is_null());
    }
    match input.get("transcription") {
        None => {}
        Some(Value::Null) => patch.transcribe = Some(false),
        Some(transcription) => {
            patch.transcribe = Some(true);
            if let Some(language) = cleared(transcription, "language")? {
                let parsed = if language.is_empty() { None } else { Some(language.parse()) };
                let parsed = parsed
                    .transpose()
                    .map_err(|_| bad("audio.input.transcription.language", "must be ko or en"))?;
                patch.language = Some(parsed);
            }
            patch.transcription_prompt = cleared(transcription, "prompt")?;
        }
    }
    if let Some(detection) = input.get("turn_detection") {
        patch_turn_detection(patch, detection)?;
    }
    Ok(())
}

fn format_rate(value: &Value, param: &'static str, rates: &[u32]) -> Result<Option<u32>, WireError> {
    let Some(format) = value.get("format").filter(|format| !format.is_null()) else { return Ok(None) };
    if format.get("type").and_then(Value::as_str) != Some("audio/pcm") {
        return Err(bad(param, "must be {\"type\": \"audio/pcm\"}; G.711 is not available in this version"));
    }
    match format.get("rate").map(|rate| rate.as_u64()) {
        None => Ok(Some(24_000)),
        Some(Some(rate)) if rates.iter().any(|known| u64::from(*known) == rate) => Ok(Some(rate as u32)),
        Some(_) => Err(bad(param, &format!("has a rate that is not one of {rates:?} Hz"))),
    }
}

fn patch_turn_detection(patch: &mut ConfigPatch, detection: &Value) -> Result<(), WireError> {
    const PARAM: &str = "audio.input.turn_detection";
    if detection.is_null() {
        patch.turn_detection = Some(TurnDetection::Manual);
        return Ok(());
    }
    let milliseconds =
        |key: &'static str, low: f32, high: f32| Ok(number(detection, key, low, high)?.map(|ms| ms as u32));
    patch.turn_detection = Some(match string(detection, "type")? {
        Some("server_vad") => TurnDetection::ServerVad {
            threshold: number(detection, "threshold", 0.0, 1.0)?.unwrap_or(0.5),
            prefix_padding_ms: milliseconds("prefix_padding_ms", 0.0, 5_000.0)?.unwrap_or(300),
            silence_duration_ms: milliseconds("silence_duration_ms", 50.0, 10_000.0)?.unwrap_or(500),
            idle_timeout_ms: milliseconds("idle_timeout_ms", 1_000.0, 600_000.0)?,
        },
        Some("semantic_vad") => TurnDetection::SemanticVad {
            eagerness: match string(detection, "eagerness")? {
                Some("low") => Eagerness::Low,
                Some("medium") => Eagerness::Medium,
                Some("high") => Eagerness::High,
                Some("auto") | None => Eagerness::Auto,
                Some(_) => return Err(bad("eagerness", "must be low, medium, high or auto")),
            },
        },
        _ => return Err(bad(PARAM, "must have the type server_vad or semantic_vad, or be null")),
    });
    patch.create_response = Some(detection.get("create_response").and_then(Value::as_bool).unwrap_or(true));
    patch.interrupt_response =
        Some(detection.get("interrupt_response").and_then(Value::as_bool).unwrap_or(true));
    Ok(())
}
