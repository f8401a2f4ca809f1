//! What clients send, right and wrong.

use serde_json::json;

use super::*;

fn refused(event: Value) -> WireError {
    decode(&event.to_string()).expect_err("refused")
}

fn command(event: Value) -> ClientCommand {
    match decode(&event.to_string()) {
        Ok(ClientEvent::Command(command)) => command,
        other => panic!("{other:?}"),
    }
}

fn configured(session: Value) -> ConfigPatch {
    match command(json!({"type": "session.update", "session": session})) {
        ClientCommand::Configure(patch) => *patch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn audio_is_base64_pcm() {
    let event = json!({"type": "input_audio_buffer.append", "audio": "AQD//w=="});
    assert_eq!(decode(&event.to_string()), Ok(ClientEvent::Audio(vec![1, -1])));
    let odd = refused(json!({"type": "input_audio_buffer.append", "audio": "AQD/"}));
    assert_eq!((odd.code, odd.param), ("invalid_value", Some("audio")));
    let garbage = refused(json!({"type": "input_audio_buffer.append", "audio": "!!"}));
    assert_eq!(garbage.param, Some("audio"));
}

#[test]
fn nonsense_has_a_code_and_keeps_the_clients_id() {
    assert_eq!(decode("{").unwrap_err().code, "invalid_json");
    assert_eq!(decode("[1]").unwrap_err().param, Some("type"));
    let unknown = refused(json!({"type": "make.tea", "event_id": "e7"}));
    assert_eq!((unknown.code, unknown.event_id.as_deref()), ("unknown_event", Some("e7")));
    assert_eq!(refused(json!({"type": 3})).param, Some("type"));
    assert_eq!(refused(json!({"type": "session.update", "session": 1})).param, Some("session"));
    let large = format!("{{\"type\":\"{}\"}}", "x".repeat(MAX_EVENT_BYTES));
    assert_eq!(decode(&large).unwrap_err().code, "event_too_large");
}

#[test]
fn a_configuration_is_read_in_the_protocols_shape() {
    let patch = configured(json!({
        "type": "realtime", "output_modalities": ["text"], "instructions": null, "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 16000}, "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "whisper-1", "language": "ko", "prompt": "서아"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low", "interrupt_response": false},
            },
            "output": {"voice": "kokoro-kumo", "speed": 1.25},
        },
    }));
    assert_eq!(
        (patch.speak, patch.instructions.as_deref(), patch.max_output_tokens),
        (Some(false), Some(""), Some(4096))
    );
    assert_eq!((patch.input_rate, patch.noise_reduction), (Some(16_000), Some(true)));
    assert_eq!(patch.language, Some(Some(duologue_domain::lang::Language::Korean)));
    assert_eq!(patch.turn_detection, Some(TurnDetection::SemanticVad { eagerness: Eagerness::Low }));
    assert_eq!((patch.create_response, patch.interrupt_response), (Some(true), Some(false)));
    assert_eq!((patch.voice.as_deref(), patch.speed), (Some("kokoro-kumo"), Some(1.25)));
    assert_eq!(configured(json!({})), ConfigPatch::default(), "nothing said, nothing changed");
    let manual = configured(json!({"audio": {"input": {"turn_detection": null, "transcription": null}}}));
    assert_eq!((manual.turn_detection, manual.transcribe), (Some(TurnDetection::Manual), Some(false)));
}

#[test]
fn values_out_of_range_name_their_field() {
    let input = |input: Value| json!({"type": "session.update", "session": {"audio": {"input": input}}});
    let output = |output: Value| json!({"type": "session.update", "session": {"audio": {"output": output}}});
    let cases = [
        (input(json!({"format": {"type": "audio/pcm", "rate": 44100}})), "audio.input.format"),
        (input(json!({"format": {"type": "audio/pcmu"}})), "audio.input.format"),
        (input(json!({"transcription": {"language": "fr"}})), "audio.input.transcription.language"),
        (input(json!({"turn_detection": {"type": "psychic"}})), "audio.input.turn_detection"),
        (input(json!({"turn_detection": {"type": "server_vad", "threshold": 7}})), "threshold"),
        (input(json!({"turn_detection": {"type": "semantic_vad", "eagerness": "very"}})), "eagerness"),
        (output(json!({"speed": 9})), "speed"),
        (output(json!({"speed": "fast"})), "speed"),
        (json!({"type": "session.update", "session": {"max_output_tokens": 0}}), "max_output_tokens"),
        (json!({"type": "session.update", "session": {"output_modalities": "audio"}}), "output_modalities"),
        (json!({"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": -1}), "audio_end_ms"),
        (json!({"type": "conversation.item.delete"}), "item_id"),
        (
            json!({"type": "session.update", "session": {"instructions": "x".repeat(MAX_TEXT + 1)}}),
            "instructions",
        ),
    ];
    for (event, param) in cases {
        assert_eq!(refused(event.clone()).param, Some(param), "{event}");
    }
}

#[test]
fn items_hold_text() {
    let create =
        |item: Value| json!({"type": "conversation.item.create", "previous_item_id": "root", "item": item});
    let said =
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "안녕"}]});
    let ClientCommand::CreateItem { item, previous } = command(create(said)) else { panic!("an item") };
    assert_eq!((item.content.text(), previous.as_deref()), ("안녕", Some("root")));
    let cases = [
        (json!({"type": "function_call", "role": "user", "content": []}), "item.type"),
        (json!({"role": "robot", "content": []}), "item.role"),
        (json!({"role": "user", "content": []}), "item.content"),
        (json!({"role": "user", "content": [{"type": "input_image"}]}), "item.content"),
        (json!({"role": "user", "id": "a/b", "content": [{"type": "input_text", "text": "x"}]}), "item.id"),
    ];
    for (item, param) in cases {
        assert_eq!(refused(create(item.clone())).param, Some(param), "{item}");
    }
}

#[test]
fn replies_can_be_asked_for_and_stopped() {
    let plain = command(json!({"type": "response.create"}));
    assert_eq!(plain, ClientCommand::CreateResponse(ResponseRequest::default()));
    let ClientCommand::CreateResponse(request) = command(
        json!({"type": "response.create", "response": {"output_modalities": ["text"], "max_output_tokens": 9}}),
    ) else {
        panic!("a request")
    };
    assert_eq!((request.speak, request.max_output_tokens), (Some(false), Some(9)));
    let stop = ClientCommand::CancelResponse { response: None };
    assert_eq!(command(json!({"type": "response.cancel"})), stop);
    assert_eq!(command(json!({"type": "output_audio_buffer.clear"})), stop);
}

#[test]
fn the_face_can_be_switched_off_and_calibrated() {
    for wanted in [true, false] {
        let update =
            json!({"type": "session.update", "session": {"duologue": {"expression_analysis": wanted}}});
        let ClientCommand::Configure(patch) = command(update) else { panic!("a configuration") };
        assert_eq!(patch.expression_analysis, Some(wanted));
    }
    let update = json!({"type": "session.update", "session": {"duologue": {"expression_analysis": "no"}}});
    assert_eq!(refused(update).param, Some("session.duologue.expression_analysis"));
    let actions = [("begin", Calibration::Begin), ("end", Calibration::End), ("clear", Calibration::Clear)];
    for (action, expected) in actions {
        let calibrate = json!({"type": "duologue.calibrate", "action": action});
        assert_eq!(command(calibrate), ClientCommand::Calibrate(expected));
    }
    assert_eq!(refused(json!({"type": "duologue.calibrate"})).param, Some("action"));
}

/// No prefix and no single changed byte of a valid event may panic.
#[test]
fn damaged_events_never_panic() {
    let event = json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "server_vad",
        "threshold": 0.5}}, "output": {"voice": "서아", "speed": 1}}}});
    let text = event.to_string();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let _ = decode(&text[..end]);
    }
    for at in 0..text.len() {
        for byte in [b'"', b'{', b'0', b'n', 0x7f] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = byte;
            let _ = decode(&String::from_utf8_lossy(&bytes));
        }
    }
}
