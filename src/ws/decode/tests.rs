//! What clients send, right and wrong.

use duologue_actors::event::Input;
use duologue_domain::tool::ToolChoice;
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
        (json!({"type": "image_generation_call", "role": "user", "content": []}), "item.type"),
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
    assert_eq!(decode(r#"{"type": "output_audio_buffer.clear"}"#), Ok(ClientEvent::ClearOutput));
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

fn asked(response: Value) -> ResponseRequest {
    match command(json!({"type": "response.create", "response": response})) {
        ClientCommand::CreateResponse(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn functions_are_read_and_their_limits_named() {
    let weather = json!({
        "type": "function", "name": "get_weather", "description": "날씨",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    });
    let patch =
        configured(json!({"tools": [weather], "tool_choice": {"type": "function", "name": "get_weather"}}));
    let tools = patch.tools.expect("functions");
    assert_eq!((tools[0].name.as_str(), tools[0].description.as_str()), ("get_weather", "날씨"));
    assert!(tools[0].parameters.contains(r#""required":["city"]"#), "{}", tools[0].parameters);
    assert_eq!(patch.tool_choice, Some(ToolChoice::Named("get_weather".into())));
    let bare = configured(json!({"tools": [{"type": "function", "name": "x"}], "tool_choice": "required"}));
    assert_eq!(bare.tools.expect("one")[0].parameters, r#"{"properties":{},"type":"object"}"#);
    for cleared in [json!(null), json!([])] {
        let patch = configured(json!({"tools": cleared, "tool_choice": null}));
        assert_eq!(patch.tools.map(|tools| tools.len()), Some(0));
        assert_eq!(patch.tool_choice, Some(ToolChoice::Auto));
    }
    let named = |name: &str| json!({"type": "function", "name": name});
    let many = (0..129).map(|index| named(&format!("f{index}"))).collect::<Vec<_>>();
    let long = json!({"type": "function", "name": "x", "parameters": {"description": "y".repeat(70_000)}});
    let cases = [
        (json!({"tools": {}}), "tools"),
        (json!({"tools": many}), "tools"),
        (json!({"tools": [long]}), "tools"),
        (json!({"tools": [named("a"), named("a")]}), "tools.name"),
        (json!({"tools": [named("get weather")]}), "tools.name"),
        (json!({"tools": [named("")]}), "tools.name"),
        (json!({"tools": [named(&"n".repeat(65))]}), "tools.name"),
        (json!({"tools": [{"type": "function"}]}), "tools.name"),
        (json!({"tools": [{"type": "mcp", "server_label": "x"}]}), "tools.type"),
        (json!({"tools": [{"type": "function", "name": "x", "parameters": "{}"}]}), "tools.parameters"),
        (json!({"tool_choice": "always"}), "tool_choice"),
        (json!({"tool_choice": {"type": "function"}}), "tool_choice.name"),
    ];
    for (session, param) in cases {
        let shown = session.to_string().chars().take(80).collect::<String>();
        let update = json!({"type": "session.update", "session": session});
        assert_eq!(refused(update).param, Some(param), "{shown}");
    }
}

#[test]
fn results_of_functions_are_items() {
    let create = |item: Value| json!({"type": "conversation.item.create", "item": item});
    let sent = json!({"type": "function_call_output", "call_id": "call_1", "output": "{\"sky\":\"맑음\"}"});
    let ClientCommand::CreateItem { item, .. } = command(create(sent)) else { panic!("an item") };
    let output = r#"{"sky":"맑음"}"#.to_owned();
    assert_eq!(item.content, Content::FunctionOutput { call_id: "call_1".into(), output });
    let made = json!({"type": "function_call", "id": "i1", "call_id": "c", "name": "f", "arguments": "{}"});
    let ClientCommand::CreateItem { item, .. } = command(create(made)) else { panic!("an item") };
    assert!(matches!(item.content, Content::FunctionCall { .. }) && item.speaker == Speaker::Assistant);
    let output = |call_id: Value, output: Value| {
        create(json!({"type": "function_call_output", "call_id": call_id, "output": output}))
    };
    let cases = [
        (output(json!(null), json!("x")), "item.call_id"),
        (output(json!(""), json!("x")), "item.call_id"),
        (output(json!("c".repeat(65)), json!("x")), "item.call_id"),
        (output(json!("c"), json!({"sky": "clear"})), "output"),
        (output(json!("c"), json!("x".repeat(65_537))), "output"),
        (output(json!("c"), json!(null)), "output"),
        (
            create(json!({"type": "function_call", "call_id": "c", "name": "a b", "arguments": ""})),
            "item.name",
        ),
    ];
    for (event, param) in cases {
        assert_eq!(refused(event).param, Some(param));
    }
}

#[test]
fn a_reply_can_stay_apart_and_answer_something_else() {
    let said =
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "안녕"}]});
    let request = asked(json!({
        "conversation": "none", "metadata": {"topic": "인사"}, "tools": [], "tool_choice": "none",
        "input": [said, {"type": "item_reference", "id": "item_7"}],
    }));
    assert!(request.apart);
    assert_eq!(request.metadata.get("topic").map(String::as_str), Some("인사"));
    assert_eq!(
        (request.tools.map(|tools| tools.len()), request.tool_choice),
        (Some(0), Some(ToolChoice::None))
    );
    let input = request.input.expect("input");
    assert!(matches!(&input[0], Input::Item(item) if item.content.text() == "안녕"));
    assert_eq!(input[1], Input::Reference("item_7".into()));
    assert_eq!(asked(json!({"conversation": "auto", "input": null})), ResponseRequest::default());
    let pairs = (0..17).map(|index| (format!("k{index}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    let cases = [
        (json!({"conversation": "other"}), "conversation"),
        (json!({"metadata": pairs}), "metadata"),
        (json!({"metadata": {"k": 1}}), "metadata"),
        (json!({"metadata": {"k": "v".repeat(513)}}), "metadata"),
        (json!({"input": "hello"}), "input"),
        (json!({"input": [{"type": "item_reference"}]}), "input.id"),
        (json!({"input": [{"type": "message", "role": "robot", "content": []}]}), "item.role"),
    ];
    for (response, param) in cases {
        let create = json!({"type": "response.create", "response": response});
        assert_eq!(refused(create).param, Some(param));
    }
}
