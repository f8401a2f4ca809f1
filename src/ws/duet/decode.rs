//! What a player says: the JSON and the binary form. Nothing that a client sends may panic, and every refusal has a
//! stable code and says what to do.
//!
//! Binary, version 1, little-endian: `0x44, 1, kind 4, count u8 · sequence u32`, then so many times
//! `t_us u64, status u8, data1 u8, data2 u8, 0`.

use duologue_actors::duet::MidiEvent;
use duologue_music::{
    improv::{Complexity, Mode, Settings, Style, Tempo, ask},
    score::Metre,
};
use serde_json::Value;

/// All types of a player's events begin so.
pub const PREFIX: &str = "duet.";

/// Text of one event: 256 notes take under 8 KB.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Messages of MIDI in one event: what one binary frame can count.
const MOST_EVENTS: usize = 255;

/// Letters of chord changes: a hundred bars.
const MAX_CHANGES: usize = 2_000;

/// Letters of a wish.
const MAX_ASK: usize = 500;

/// Whole numbers that JSON can carry everywhere.
const MAX_WHOLE: u64 = (1 << 53) - 1;

/// First bytes of a binary frame with MIDI.
const MIDI_HEADER: [u8; 3] = [0x44, 1, 4];

/// Bytes of one message in it.
const MIDI_BYTES: usize = 12;

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

fn refused(code: &'static str, message: impl Into<String>) -> Refused {
    Refused { code, message: message.into() }
}

/// A change of the settings, as it was sent; what it means depends on those that hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch(Value);

/// What a player says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// What time is it?
    Sync {
        /// On the client's clock.
        t0: f64,
    },
    /// Begin, with these settings.
    Start(Patch),
    /// Other settings.
    Set(Patch),
    /// Come to an end.
    End,
    /// Be silent.
    Stop,
    /// Let go of everything.
    Panic,
    /// Messages of MIDI, and why some were not taken.
    Midi(Vec<MidiEvent>, Option<Refused>),
    /// A wish in words.
    Ask(String),
    /// How they are called.
    Name(String),
    /// What their client saw: notes that came too late.
    Report(u64),
}

/// Reads one event.
///
/// # Errors
/// With a stable code; the duet goes on.
pub fn decode(text: &str) -> Result<Said, Refused> {
    if text.len() > MAX_EVENT_BYTES {
        return Err(refused("duet_too_large", format!("An event may have at most {MAX_EVENT_BYTES} bytes.")));
    }
    let value = serde_json::from_str::<Value>(text)
        .map_err(|_| refused("duet_bad_json", "This is not JSON, or a number in it is none."))?;
    from_json(&value)
}

/// The same of JSON that was parsed.
///
/// # Errors
/// With a stable code.
pub fn from_json(value: &Value) -> Result<Said, Refused> {
    let text = |key: &str, most: usize| match value.get(key).and_then(Value::as_str) {
        Some(text) if text.chars().count() <= most => Ok(text.to_owned()),
        _ => Err(refused(
            "duet_bad_value",
            format!("The field {key} must be a text of at most {most} letters."),
        )),
    };
    Ok(match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        "duet.sync" => match value.get("t0").and_then(Value::as_f64) {
            Some(t0) if t0.is_finite() => Said::Sync { t0 },
            _ => return Err(refused("duet_bad_value", "The field t0 must be a number of microseconds.")),
        },
        "duet.midi" => midi(value)?,
        "duet.start" => Said::Start(Patch(value.clone())),
        "duet.set" => Said::Set(Patch(value.clone())),
        "duet.end" => Said::End,
        "duet.stop" => Said::Stop,
        "duet.panic" => Said::Panic,
        "duet.ask" => Said::Ask(text("text", MAX_ASK)?),
        "duet.name" => Said::Name(text("name", MAX_ASK)?),
        "duet.report" => match value.get("late").and_then(Value::as_u64) {
            Some(late) => Said::Report(late.min(MAX_WHOLE)),
            None => return Err(refused("duet_bad_value", "The field late must be a whole number.")),
        },
        _ => {
            let known = "sync, start, set, end, stop, panic, midi, ask, name, report";
            return Err(refused("duet_unknown_event", format!("Send duet.… of: {known}.")));
        }
    })
}

fn midi(value: &Value) -> Result<Said, Refused> {
    let events = value.get("events").and_then(Value::as_array);
    let events = events.ok_or_else(|| refused("duet_bad_value", "The field events must be a list."))?;
    too_many(events.len())?;
    let number = |event: &Value, idx: usize| event.get(idx).and_then(Value::as_f64);
    let byte = |event: &Value, idx: usize| event.get(idx).and_then(Value::as_u64).unwrap_or(u64::MAX);
    Ok(taken(events.iter().map(|event| {
        let at_us = number(event, 0).filter(|at| at.is_finite());
        let at_us =
            at_us.ok_or_else(|| refused("duet_bad_value", "An event is [t_us, status, data1, data2]."))?;
        // A float that is negative or too large becomes the nearest there is; such a time is taken for now.
        let length = event.as_array().map_or(0, Vec::len);
        let last = if length == 3 { 0 } else { byte(event, 3) };
        channel_voice(at_us as u64, [byte(event, 1), byte(event, 2), last])
    })))
}

/// Whether a binary frame holds MIDI.
pub fn claims(bytes: &[u8]) -> bool {
    bytes.starts_with(&MIDI_HEADER)
}

/// Reads a binary frame.
///
/// # Errors
/// It is no frame of MIDI, or not as long as it says.
pub fn from_binary(bytes: &[u8]) -> Result<Said, Refused> {
    let Some((header, body)) = bytes.split_at_checked(8).filter(|(header, _)| claims(header)) else {
        return Err(refused(
            "duet_bad_header",
            "A frame begins with 0x44, 1, 4 and a count; see docs/wire.md.",
        ));
    };
    let count = usize::from(header[3]);
    if body.len() != count * MIDI_BYTES {
        let message = format!("{count} messages take {} bytes after the header.", count * MIDI_BYTES);
        return Err(refused("duet_wrong_length", message));
    }
    Ok(taken(body.chunks_exact(MIDI_BYTES).map(|message| {
        let (at, bytes) = message.split_at(8);
        let at_us = at.try_into().map_or(0, u64::from_le_bytes);
        channel_voice(at_us, [bytes[0], bytes[1], bytes[2]].map(u64::from))
    })))
}

fn too_many(count: usize) -> Result<(), Refused> {
    if count > MOST_EVENTS {
        return Err(refused("duet_too_many_events", format!("At most {MOST_EVENTS} messages at once.")));
    }
    Ok(())
}

/// What can be taken is; of what cannot, the first is told.
fn taken(events: impl Iterator<Item = Result<MidiEvent, Refused>>) -> Said {
    let (mut good, mut why) = (Vec::new(), None);
    for event in events {
        match event {
            Ok(event) => good.push(event),
            Err(refused) => why = why.or(Some(refused)),
        }
    }
    Said::Midi(good, why)
}

/// Only whole channel voice messages: no system messages, no data without a status.
fn channel_voice(at_us: u64, [status, one, two]: [u64; 3]) -> Result<MidiEvent, Refused> {
    let two = if matches!(status >> 4, 0xC | 0xD) { 0 } else { two };
    match (status, one, two) {
        (0..=0x7F, _, _) => Err(refused(
            "duet_running_status",
            "A message begins with its status, 128 to 239: running status is not understood here.",
        )),
        (0x80..=0xEF, 0..=127, 0..=127) => {
            // All three are below 256.
            Ok(MidiEvent { at_us, bytes: [status as u8, one as u8, two as u8] })
        }
        (0x80..=0xEF, _, _) => Err(refused("duet_bad_data", "Data bytes are 0 to 127.")),
        (0xF0..=0xFF, _, _) => Err(refused(
            "duet_not_channel_voice",
            "System messages are not taken: notes, controllers and the like are.",
        )),
        _ => Err(refused("duet_bad_status", "A status is a byte, 128 to 239.")),
    }
}

impl Patch {
    /// The settings with the change.
    ///
    /// # Errors
    /// A field that is wrong; then nothing is changed.
    pub fn applied_to(&self, mut settings: Settings) -> Result<Settings, Refused> {
        let code = |key: &'static str| match self.field(key) {
            None => Ok(None),
            Some(Value::String(code)) => Ok(Some(code.as_str())),
            Some(_) => Err(refused("duet_bad_value", format!("The field {key} must be a text."))),
        };
        if let Some(mode) = code("mode")? {
            settings.mode =
                Mode::parse(mode).ok_or_else(|| unknown("mode", "trade, accompany, counter, lead"))?;
        }
        if let Some(style) = code("style")? {
            let styles = Style::ALL.map(Style::code).join(", ");
            settings.style = Style::parse(style).ok_or_else(|| unknown("style", &styles))?;
        }
        if let Some(complexity) = code("complexity")? {
            let parsed = Complexity::parse(complexity);
            settings.complexity = parsed.ok_or_else(|| unknown("complexity", "simple, medium, complex"))?;
        }
        self.tempo(&mut settings)?;
        if let Some(metre) = self.field("metre") {
            settings.metre = parse_metre(metre)?;
        }
        if let Some(key) = code("key")? {
            settings.key = match key.trim() {
                "" | "auto" => None,
                name => {
                    Some(ask::key(name).ok_or_else(|| unknown("key", "auto, or such as G major, f# minor"))?)
                }
            };
        }
        if let Some(changes) = code("changes")? {
            if changes.chars().count() > MAX_CHANGES {
                return Err(refused("duet_bad_value", "These are too many chords."));
            }
            let chart = if changes.trim().is_empty() {
                Ok(Vec::new())
            } else {
                ask::changes_in(changes, settings.metre.bar())
            };
            settings.changes = chart.map_err(|bad| refused("duet_bad_changes", format!("{bad}.")))?;
        }
        if let Some(bars) = self.whole("trade_bars", 1, 8)? {
            settings.trade_bars = bars as u8;
        }
        if let Some(ms) = self.whole("commit_ms", 100, 4_000)? {
            settings.commit_us = ms * 1_000;
        }
        if let Some(seed) = self.whole("seed", 0, MAX_WHOLE)? {
            settings.seed = seed;
        }
        Ok(settings)
    }

    fn tempo(&self, settings: &mut Settings) -> Result<(), Refused> {
        let bpm = match self.field("bpm").map(Value::as_f64) {
            None => settings.tempo.bpm(),
            Some(Some(bpm)) if (30.0..=300.0).contains(&bpm) => bpm,
            Some(_) => return Err(refused("duet_bad_value", "The field bpm must be 30 to 300.")),
        };
        let follow = match self.field("follow") {
            None => matches!(settings.tempo, Tempo::Follow(_)),
            Some(Value::Bool(follow)) => *follow,
            Some(_) => return Err(refused("duet_bad_value", "The field follow must be true or false.")),
        };
        settings.tempo = if follow { Tempo::Follow(bpm) } else { Tempo::Fixed(bpm) };
        Ok(())
    }

    fn field(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn whole(&self, key: &'static str, low: u64, high: u64) -> Result<Option<u64>, Refused> {
        match self.field(key).map(Value::as_u64) {
            None => Ok(None),
            Some(Some(number)) if (low..=high).contains(&number) => Ok(Some(number)),
            Some(_) => Err(refused(
                "duet_bad_value",
                format!("The field {key} must be a whole number, {low} to {high}."),
            )),
        }
    }
}

fn unknown(field: &str, known: &str) -> Refused {
    refused("duet_bad_value", format!("The field {field} must be one of: {known}."))
}

fn parse_metre(value: &Value) -> Result<Metre, Refused> {
    let number = |idx: usize| value.get(idx).and_then(Value::as_u64).unwrap_or(0);
    match (number(0), number(1)) {
        // Both fit by their patterns.
        (num @ 1..=16, den @ (2 | 4 | 8 | 16)) => Ok(Metre { at: 0.0, num: num as u8, den: den as u16 }),
        _ => Err(refused("duet_bad_value", "The field metre must be such as [4, 4], [3, 4] or [6, 8].")),
    }
}

#[cfg(test)]
mod tests;
