use serde_json::json;

use super::*;

fn said(value: &Value) -> Result<Said, Refused> {
    decode(&value.to_string())
}

fn code(result: Result<Said, Refused>) -> &'static str {
    match result {
        Ok(Said::Midi(_, Some(why))) => why.code,
        Ok(other) => panic!("taken: {other:?}"),
        Err(refused) => refused.code,
    }
}

fn events(list: &Value) -> Result<Said, Refused> {
    said(&json!({"type": "duet.midi", "events": list}))
}

#[test]
fn json_and_binary_say_the_same() {
    let list = json!([[1_000, 0x90, 60, 80], [2_000, 0x80, 60, 0], [2_500, 0xC3, 5], [3_000, 0xE0, 0, 64]]);
    let json = events(&list);
    let mut bytes = vec![0x44, 1, 4, 4, 9, 0, 0, 0];
    for (at_us, message) in [
        (1_000_u64, [0x90_u8, 60, 80]),
        (2_000, [0x80, 60, 0]),
        (2_500, [0xC3, 5, 99]),
        (3_000, [0xE0, 0, 64]),
    ] {
        bytes.extend(at_us.to_le_bytes());
        bytes.extend(message);
        bytes.push(0);
    }
    assert_eq!(json, from_binary(&bytes));
    let Ok(Said::Midi(events, None)) = json else { panic!("{json:?}") };
    assert_eq!(events[2], MidiEvent { at_us: 2_500, bytes: [0xC3, 5, 0] });
    assert_eq!(events.len(), 4);
}

#[test]
fn only_whole_channel_voice_messages_are_taken() {
    for (message, wanted) in [
        (json!([0, 60, 80, 0]), "duet_running_status"),
        (json!([0, 0xF0, 1, 2]), "duet_not_channel_voice"),
        (json!([0, 0xF8, 0, 0]), "duet_not_channel_voice"),
        (json!([0, 0x90, 128, 2]), "duet_bad_data"),
        (json!([0, 0x90, 60, 300]), "duet_bad_data"),
        (json!([0, 0x90, 60, -1]), "duet_bad_data"),
        (json!([0, 0x90, 60.5, 1]), "duet_bad_data"),
        (json!([0, 0x90]), "duet_bad_data"),
        (json!([0, 256, 1, 1]), "duet_bad_status"),
        (json!([0, "x", 1, 1]), "duet_bad_status"),
        (json!(["now", 0x90, 60, 80]), "duet_bad_value"),
        (json!(7), "duet_bad_value"),
    ] {
        assert_eq!(code(events(&json!([message]))), wanted, "{message}");
        let Ok(Said::Midi(taken, Some(_))) = events(&json!([message, [5, 0x90, 60, 80]])) else {
            panic!("{message} takes the good one with it");
        };
        assert_eq!(taken, [MidiEvent { at_us: 5, bytes: [0x90, 60, 80] }]);
    }
    assert_eq!(code(events(&json!(vec![[0, 0x90, 60, 80]; 256]))), "duet_too_many_events");
    assert_eq!(code(events(&json!("x"))), "duet_bad_value");
    assert!(
        matches!(events(&json!([[-5.0, 0x90, 1, 1]])), Ok(Said::Midi(taken, None)) if taken[0].at_us == 0)
    );
    assert!(
        matches!(events(&json!([[1e300, 0x90, 1, 1]])), Ok(Said::Midi(taken, None)) if taken[0].at_us == u64::MAX)
    );
}

#[test]
fn frames_that_lie_about_themselves_are_refused() {
    for (bytes, wanted) in [
        (&[][..], "duet_bad_header"),
        (&[0x44, 1, 4], "duet_bad_header"),
        (&[0x44, 1, 5, 0, 0, 0, 0, 0], "duet_bad_header"),
        (&[0x44, 2, 4, 0, 0, 0, 0, 0], "duet_bad_header"),
        (&[0x44, 1, 4, 1, 0, 0, 0, 0], "duet_wrong_length"),
        (&[0x44, 1, 4, 0, 0, 0, 0, 0, 9], "duet_wrong_length"),
    ] {
        assert_eq!(code(from_binary(bytes)), wanted, "{bytes:?}");
    }
    assert_eq!(from_binary(&[0x44, 1, 4, 0, 0, 0, 0, 0]), Ok(Said::Midi(Vec::new(), None)));
}

#[test]
fn whatever_the_bytes_there_is_an_answer() {
    // A linear congruential sequence: every run sees the same garbage.
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for length in 0..600 {
        let mut bytes = (0..length).map(|_| next()).collect::<Vec<u8>>();
        let _ = from_binary(&bytes);
        if let Some(header) = bytes.get_mut(..3) {
            header.copy_from_slice(&MIDI_HEADER);
        }
        let _ = from_binary(&bytes);
        let _ = decode(&String::from_utf8_lossy(&bytes));
    }
    for text in ["", "{}", "[]", "{\"type\":3}", "{\"type\":\"duet.\"}", "{\"type\":\"duet.midi\"}", "null"] {
        assert!(decode(text).is_err(), "{text}");
    }
    assert_eq!(code(decode(&" ".repeat(MAX_EVENT_BYTES + 1))), "duet_too_large");
}

#[test]
fn settings_change_in_parts_and_wrong_ones_not_at_all() {
    let patch = |value: Value| match said(&value) {
        Ok(Said::Set(patch) | Said::Start(patch)) => patch.applied_to(Settings::default()),
        other => panic!("{other:?}"),
    };
    let set = |field: &str, value: Value| patch(json!({"type": "duet.set", field: value}));
    let both =
        patch(json!({"type": "duet.start", "style": "bossa", "bpm": 132, "follow": false, "metre": [3, 4]}));
    let both = both.expect("fine");
    assert_eq!((both.style, both.tempo, both.metre.num), (Style::Bossa, Tempo::Fixed(132.0), 3));
    assert_eq!(both.mode, Settings::default().mode, "what is not named stays");
    assert_eq!(set("bpm", json!(72)).expect("fine").tempo, Tempo::Follow(72.0));
    assert_eq!(set("commit_ms", json!(250)).expect("fine").commit_us, 250_000);
    assert_eq!(set("key", json!("auto")).expect("fine").key, None);
    assert_eq!(set("changes", json!("")).expect("fine").changes, []);
    assert_eq!(set("mode", Value::Null).expect("fine"), Settings::default());
    for (field, value) in [
        ("mode", json!("solo")),
        ("style", json!(7)),
        ("complexity", json!("")),
        ("bpm", json!(29)),
        ("bpm", json!("fast")),
        ("follow", json!("yes")),
        ("metre", json!([4, 5])),
        ("metre", json!([0, 4])),
        ("metre", json!("4/4")),
        ("key", json!("H blues")),
        ("trade_bars", json!(9)),
        ("commit_ms", json!(99)),
        ("seed", json!(-1)),
        ("changes", json!("x".repeat(2_001))),
    ] {
        assert_eq!(set(field, value.clone()).expect_err("refused").code, "duet_bad_value", "{field} {value}");
    }
}
