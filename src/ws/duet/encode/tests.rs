use std::sync::Arc;

use duologue_music::{
    chord::{Chord, Quality},
    improv::{Part, Plan},
    key::Mode,
};

use super::*;

fn note(id: u32) -> Planned {
    Planned {
        id,
        at_us: 5_000_000,
        duration_us: 400_000,
        part: Part::Bass,
        pitch: 38,
        velocity: 90,
        program: 32,
    }
}

fn value(event: &DuetEvent) -> Value {
    serde_json::from_str(&json(event, 77)).expect("JSON")
}

#[test]
fn notes_and_plans_are_rows() {
    let row = json!([7, 5_000_000, 400_000, "bass", 3, 32, 38, 90]);
    let notes: Arc<[Planned]> = Arc::new([note(7)]);
    let told = value(&DuetEvent::Notes { revision: 2, notes });
    assert_eq!(told, json!({"type": "duet.notes", "notes": [row]}));
    let chord = PlannedChord {
        at_us: 1,
        duration_us: 2,
        chord: Chord::new(10, Quality::Dominant7),
        roman: "V7".into(),
    };
    let plan = Arc::new(Plan { revision: 3, chords: vec![chord], notes: vec![note(7)] });
    let told = value(&DuetEvent::Plan { plan, with_flats: true, since: None });
    let chord =
        json!({"at_us": 1, "duration_us": 2, "symbol": "Bb7", "roman": "V7", "root": 10, "quality": "7"});
    assert_eq!(told, json!({"type": "duet.plan", "revision": 3, "chords": [chord], "notes": [row]}));
}

#[test]
fn promises_have_a_binary_form() {
    let notes = (0..300).map(note).collect::<Vec<_>>();
    let frames = binary(9, &notes);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0][..8], [0x44, 1, 5, 255, 9, 0, 0, 0]);
    assert_eq!((frames[0].len(), frames[1].len(), frames[1][3]), (8 + 255 * 20, 8 + 45 * 20, 45));
    let first = &frames[1][8..28];
    assert_eq!(first[..4], 255_u32.to_le_bytes());
    assert_eq!(first[4..12], 5_000_000_u64.to_le_bytes());
    assert_eq!(first[12..16], 400_000_u32.to_le_bytes());
    assert_eq!(first[16..], [3, 32, 38, 90]);
}

#[test]
fn a_welcome_tells_everything() {
    let settings = Settings { key: Some(Key::new(6, Mode::Minor)), ..Settings::default() };
    let welcome = Welcome {
        player: 1,
        channel: 4,
        players: vec![PlayerInfo { player: 1, name: "미나".into() }],
        settings: Arc::new(settings),
        playing: false,
        transport: None,
        now_us: 3,
    };
    let told = value(&DuetEvent::Welcome(Box::new(welcome)));
    assert_eq!((&told["player"], &told["channel"], &told["now_us"]), (&json!(1), &json!(4), &json!(77)));
    assert_eq!(told["players"], json!([{"player": 1, "name": "미나"}]));
    let settings = &told["settings"];
    assert_eq!((&settings["key"], &settings["follow"]), (&json!("F# minor"), &json!(true)));
    assert_eq!((&settings["metre"], &settings["commit_ms"]), (&json!([4, 4]), &json!(400)));
    assert_eq!((&settings["changes"], &settings["style"]), (&json!(""), &json!("pop_ballad")));
    assert_eq!(told["transport"], Value::Null);
}

#[test]
fn small_events_are_as_documented() {
    let told = value(&DuetEvent::Synced { t0: 12.0, t1_us: 70 });
    assert_eq!(told.to_string(), json!({"type": "duet.synced", "t0": 12, "t1": 70, "t2": 77}).to_string());
    assert_eq!(value(&DuetEvent::Off), json!({"type": "duet.off"}));
    assert_eq!(value(&DuetEvent::Cancel(Arc::new([3, 4]))), json!({"type": "duet.cancel", "ids": [3, 4]}));
    let events: Arc<[MidiEvent]> = Arc::new([MidiEvent { at_us: 9, bytes: [0x94, 60, 80] }]);
    let told = value(&DuetEvent::Played { player: 1, events });
    assert_eq!(told, json!({"type": "duet.played", "player": 1, "events": [[9, 0x94, 60, 80]]}));
    let heard =
        Heard { key: Some(Key::new(7, Mode::Major)), bpm: Some(92.06), density: 1.8, ..Heard::default() };
    let told = value(&DuetEvent::Heard(Arc::new(heard)));
    let wanted = json!({
        "type": "duet.heard", "key": "G major", "chord": null, "bpm": 92.1, "density": 1.8, "motifs": 0,
    });
    assert_eq!(told, wanted);
    let told = value(&DuetEvent::Figures(Figures { in_key: Some(0.987_65), late: 2, ..Figures::default() }));
    assert_eq!((&told["in_key"], &told["groove"], &told["late"]), (&json!(0.988), &Value::Null, &json!(2)));
}
