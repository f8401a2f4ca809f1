//! The messages of the read-aloud protocol. Pure.

use rand::Rng;
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;

use crate::port::TtsRequest;

/// The token that every client of this service sends; it is public and the same for all.
const CLIENT_TOKEN: &str = "6A5AA1D4EAFF4E9FB37E23D68491D6F4";
const VERSION: &str = "1-130.0.2849.68";
/// Seconds between the epochs of Windows (1601) and Unix (1970).
const WINDOWS_EPOCH: u64 = 11_644_473_600;
/// The security token changes every five minutes.
const TOKEN_SECONDS: u64 = 300;
/// What we ask for: the service grants other formats, raw PCM among them, to its own products only.
const FORMAT: &str = "audio-24khz-48kbitrate-mono-mp3";

/// 32 hexadecimal digits at random, as connections and requests are called.
pub(super) fn fresh_id() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// The `Sec-MS-GEC` token of a moment: the hash of the rounded Windows time and the client token.
pub(super) fn security_token(unix_seconds: u64) -> String {
    let seconds = unix_seconds + WINDOWS_EPOCH;
    let ticks = u128::from(seconds - seconds % TOKEN_SECONDS) * 10_000_000;
    let hash = Sha256::digest(format!("{ticks}{CLIENT_TOKEN}").as_bytes());
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The address with all that the service wants to see in it.
pub(super) fn address(url: &str, unix_seconds: u64, id: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let token = security_token(unix_seconds);
    format!(
        "{url}{separator}TrustedClientToken={CLIENT_TOKEN}&Sec-MS-GEC={token}&Sec-MS-GEC-Version={VERSION}&ConnectionId={id}"
    )
}

/// The first message: which sound we want.
pub(super) fn configuration() -> String {
    let body = serde_json::json!({"context": {"synthesis": {"audio": {
        "metadataoptions": {"sentenceBoundaryEnabled": "false", "wordBoundaryEnabled": "false"},
        "outputFormat": FORMAT,
    }}}});
    format!("Content-Type:application/json; charset=utf-8\r\nPath:speech.config\r\n\r\n{body}")
}

/// The second message: what to say.
pub(super) fn speech(id: &str, request: &TtsRequest) -> String {
    let language = request.voice.splitn(3, '-').take(2).collect::<Vec<_>>().join("-");
    let rate = ((request.speed - 1.0) * 100.0).round() as i32;
    format!(
        "X-RequestId:{id}\r\nContent-Type:application/ssml+xml\r\nPath:ssml\r\n\r\n\
         <speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='{language}'>\
         <voice name='{}'><prosody rate='{rate:+}%'>{}</prosody></voice></speak>",
        escape(&request.voice),
        escape(&request.text),
    )
}

/// Text that cannot be taken for markup; what XML does not allow is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            control if control.is_control() => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// What the service said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'m> {
    /// A part of the MP3 stream; frames of it may be cut anywhere.
    Sound(&'m [u8]),
    /// Sound in a format that we did not ask for.
    Encoded(String),
    /// The turn ended: no more sound comes.
    End,
    /// The service hung up.
    Closed(String),
    /// A binary frame that is cut short or has no header.
    Malformed,
    /// Anything else.
    Other,
}

/// Reads one message.
pub(super) fn read(message: &Message) -> Incoming<'_> {
    match message {
        Message::Text(text) if header(text.as_str(), "path") == Some("turn.end") => Incoming::End,
        Message::Binary(frame) => sound(frame).unwrap_or(Incoming::Malformed),
        Message::Close(reason) => Incoming::Closed(
            reason.as_ref().map_or_else(|| "without a reason".into(), |frame| frame.code.to_string()),
        ),
        _ => Incoming::Other,
    }
}

/// A binary frame: the length of its header in two bytes, the header, the sound.
fn sound(frame: &[u8]) -> Option<Incoming<'_>> {
    let length = usize::from(u16::from_be_bytes(frame.get(..2)?.try_into().ok()?));
    let head = std::str::from_utf8(frame.get(2..2 + length)?).ok()?;
    if header(head, "path")? != "audio" {
        return Some(Incoming::Other);
    }
    let body = &frame[2 + length..];
    match header(head, "content-type") {
        // The last frame of a turn has neither a type nor sound.
        None if body.is_empty() => Some(Incoming::Other),
        Some(kind) if !matches!(kind, "audio/mpeg" | "audio/mp3") => Some(Incoming::Encoded(
            kind.chars().filter(|letter| letter.is_ascii_graphic()).take(40).collect(),
        )),
        _ => Some(Incoming::Sound(body)),
    }
}

fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let head = text.split("\r\n\r\n").next()?;
    let line = |line: &'t str| line.split_once(':').filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    head.split("\r\n").find_map(line).map(|(_, value)| value.trim())
}
