//! What players are told, as JSON; promises also as binary frames (`?binary=1`).
//!
//! Binary, version 1, little-endian: `0x44, 1, kind 5, count u8 · revision u32`, then so many times
//! `id u32, at_us u64, duration_us u32, channel u8, program u8, pitch u8, velocity u8`.

use duologue_actors::duet::{DuetEvent, Figures, MidiEvent, PlayerInfo, Welcome};
use duologue_music::{
    improv::{Heard, Planned, PlannedChord, Settings, Tempo, Transport, ask},
    key::Key,
};
use serde::Serialize;
use serde_json::{Value, json};

/// First bytes of a binary frame with promises.
const NOTES_HEADER: [u8; 3] = [0x44, 1, 5];

/// Notes of one binary frame: what its count can say.
const MOST_NOTES: usize = 255;

/// A note: id, time, duration, part, channel, program, pitch, velocity.
type NoteRow = (u32, u64, u64, &'static str, u8, u8, u8, u8);

#[derive(Serialize)]
struct NotesEvent<'a> {
    r#type: &'a str,
    notes: Vec<NoteRow>,
}

#[derive(Serialize)]
struct ChordRow<'a> {
    at_us: u64,
    duration_us: u64,
    symbol: String,
    roman: &'a str,
    root: u8,
    quality: &'static str,
}

#[derive(Serialize)]
struct PlanEvent<'a> {
    r#type: &'a str,
    revision: u32,
    chords: Vec<ChordRow<'a>>,
    notes: Vec<NoteRow>,
}

#[derive(Serialize)]
struct PlayedEvent<'a> {
    r#type: &'a str,
    player: u8,
    events: Vec<(u64, u8, u8, u8)>,
}

/// One event as JSON; `now_us` is the time of sending.
pub fn json(event: &DuetEvent, now_us: u64) -> String {
    match event {
        DuetEvent::Notes { notes, .. } => text(&NotesEvent { r#type: "duet.notes", notes: rows(notes) }),
        DuetEvent::Plan { plan, with_flats, .. } => text(&PlanEvent {
            r#type: "duet.plan",
            revision: plan.revision,
            chords: plan.chords.iter().map(|chord| chord_row(chord, *with_flats)).collect(),
            notes: rows(&plan.notes),
        }),
        DuetEvent::Played { player, events } => {
            let row = |event: &MidiEvent| {
                let [status, one, two] = event.bytes;
                (event.at_us, status, one, two)
            };
            let events = events.iter().map(row).collect();
            text(&PlayedEvent { r#type: "duet.played", player: *player, events })
        }
        other => small(other, now_us).to_string(),
    }
}

/// Promises as binary frames, each with 255 at most.
pub fn binary(revision: u32, notes: &[Planned]) -> Vec<Vec<u8>> {
    let frame = |notes: &[Planned]| {
        let mut bytes = Vec::with_capacity(8 + notes.len() * 20);
        bytes.extend(NOTES_HEADER);
        // Chunks are no longer than a byte counts.
        bytes.push(notes.len() as u8);
        bytes.extend(revision.to_le_bytes());
        for note in notes {
            bytes.extend(note.id.to_le_bytes());
            bytes.extend(note.at_us.to_le_bytes());
            bytes.extend(u32::try_from(note.duration_us).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend([note.part.channel(), note.program, note.pitch, note.velocity]);
        }
        bytes
    };
    notes.chunks(MOST_NOTES).map(frame).collect()
}

fn text<T: Serialize>(event: &T) -> String {
    // Rows of numbers and texts always have a JSON.
    serde_json::to_string(event).unwrap_or_default()
}

fn rows(notes: &[Planned]) -> Vec<NoteRow> {
    let row = |note: &Planned| {
        let (part, channel) = (note.part.code(), note.part.channel());
        (note.id, note.at_us, note.duration_us, part, channel, note.program, note.pitch, note.velocity)
    };
    notes.iter().map(row).collect()
}

fn chord_row(planned: &PlannedChord, with_flats: bool) -> ChordRow<'_> {
    ChordRow {
        at_us: planned.at_us,
        duration_us: planned.duration_us,
        symbol: planned.chord.symbol(with_flats),
        roman: &planned.roman,
        root: planned.chord.root,
        quality: planned.chord.quality.code(),
    }
}

fn small(event: &DuetEvent, now_us: u64) -> Value {
    match event {
        DuetEvent::Welcome(welcome) => welcome_json(welcome, now_us),
        DuetEvent::Synced { t0, t1_us } => {
            json!({"type": "duet.synced", "t0": number(*t0), "t1": t1_us, "t2": now_us})
        }
        DuetEvent::Settings(settings) => {
            json!({"type": "duet.settings", "settings": settings_json(settings)})
        }
        DuetEvent::Players(players) => json!({"type": "duet.players", "players": players_json(players)}),
        DuetEvent::Playing { playing, ended } => {
            json!({"type": "duet.playing", "playing": playing, "ended": ended})
        }
        DuetEvent::Transport(transport) => {
            let mut value = transport_json(transport);
            value["type"] = "duet.transport".into();
            value
        }
        DuetEvent::Cancel(ids) => json!({"type": "duet.cancel", "ids": &**ids}),
        DuetEvent::Heard(heard) => heard_json(heard),
        DuetEvent::Figures(figures) => figures_json(figures),
        DuetEvent::Refused { code, message } => {
            json!({"type": "duet.error", "code": code, "message": message})
        }
        // The others have forms of their own.
        _ => json!({"type": "duet.off"}),
    }
}

/// A whole number stays one.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}

fn welcome_json(welcome: &Welcome, now_us: u64) -> Value {
    json!({
        "type": "duet.welcome", "player": welcome.player, "channel": welcome.channel,
        "players": players_json(&welcome.players), "settings": settings_json(&welcome.settings),
        "playing": welcome.playing, "transport": welcome.transport.as_ref().map(transport_json),
        "now_us": now_us,
    })
}

fn players_json(players: &[PlayerInfo]) -> Value {
    players.iter().map(|info| json!({"player": info.player, "name": &*info.name})).collect()
}

/// All settings, as they are sent back and forth.
pub fn settings_json(settings: &Settings) -> Value {
    json!({
        "mode": settings.mode.code(), "style": settings.style.code(),
        "complexity": settings.complexity.code(), "bpm": rounded(settings.tempo.bpm(), 2),
        "follow": matches!(settings.tempo, Tempo::Follow(_)),
        "metre": [u16::from(settings.metre.num), settings.metre.den],
        "key": settings.key.map_or_else(|| "auto".to_owned(), key_name),
        "changes": match settings.changes.is_empty() {
            true => String::new(),
            false => ask::chart(&settings.changes, settings.metre.bar()),
        },
        "trade_bars": settings.trade_bars, "commit_ms": settings.commit_us / 1_000, "seed": settings.seed,
    })
}

fn transport_json(transport: &Transport) -> Value {
    json!({
        "origin_beat": transport.origin_beat, "origin_us": transport.origin_us,
        "us_per_beat": rounded(transport.us_per_beat, 3), "beats_per_bar": transport.beats_per_bar,
        "quarters_per_beat": transport.quarters_per_beat,
    })
}

fn heard_json(heard: &Heard) -> Value {
    let with_flats = heard.key.is_some_and(Key::with_flats);
    json!({
        "type": "duet.heard", "key": heard.key.map(key_name),
        "chord": heard.chord.map(|chord| chord.symbol(with_flats)),
        "bpm": heard.bpm.map(|bpm| rounded(bpm, 1)), "density": rounded(heard.density, 2),
        "motifs": heard.motifs,
    })
}

fn figures_json(figures: &Figures) -> Value {
    let share = |value: Option<f64>| value.map(|value| rounded(value, 3));
    json!({
        "type": "duet.metrics", "in_key": share(figures.in_key),
        "strong_chord_tones": share(figures.strong_chord_tones), "entropy_1": share(figures.entropy_1),
        "entropy_4": share(figures.entropy_4), "groove": share(figures.groove),
        "density_match": share(figures.density_match), "motif_reuse": share(figures.motif_reuse),
        "late": figures.late, "plan_ms": share(figures.plan_ms),
    })
}

/// Such as `G major`.
fn key_name(key: Key) -> String {
    format!("{} {}", key.tonic_name(), key.mode.code())
}

#[cfg(test)]
mod tests;
