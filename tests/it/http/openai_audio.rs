//! OpenAI's interface, the audio half: recordings as text, text as speech, models, client secrets, and what is refused.

use std::sync::Arc;

use duologue::store::MemoryStore;
use futures_util::StreamExt;
use reqwest::{
    Method, RequestBuilder, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{House, header, ok, refused};

/// Speech as the fakes know it: a loud tone in stretches with silence between them, PCM16 at 16 kHz.
fn wav(stretches: &[f32]) -> Vec<u8> {
    let tone = |index: usize| ((index as f32 * 0.08).sin() * 9_000.0) as i16;
    let sound = stretches.iter().flat_map(|seconds| {
        let loud = (0..(seconds * 16_000.0) as usize).map(tone);
        loud.chain(std::iter::repeat_n(0, 8_000))
    });
    let sound: Vec<u8> = sound.flat_map(i16::to_le_bytes).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + sound.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data");
    file.extend((sound.len() as u32).to_le_bytes());
    file.extend(sound);
    file
}

/// A form with a recording and fields.
fn send(house: &House, path: &str, file: Vec<u8>, fields: &[(&'static str, &'static str)]) -> RequestBuilder {
    let part = Part::bytes(file).file_name("말.wav").mime_str("audio/wav").expect("a type");
    let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(*name, *value));
    house.request(Method::POST, path).multipart(form.part("file", part))
}

fn transcribe(house: &House, file: Vec<u8>, fields: &[(&'static str, &'static str)]) -> RequestBuilder {
    let fields = [&[("model", "whisper-1")], fields].concat();
    send(house, "/v1/audio/transcriptions", file, &fields)
}

async fn text(request: RequestBuilder) -> String {
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.expect("text")
}

/// The data of server-sent events.
fn data(body: &str) -> Vec<&str> {
    body.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
}

#[tokio::test]
async fn a_recording_is_written_down_in_every_format() {
    let lines = ["안녕하세요. 저는 지우예요."; 5];
    let house = House::hearing(&lines).await;
    let two_seconds = || wav(&[2.0]);
    let answer = ok(transcribe(&house, two_seconds(), &[])).await;
    assert_eq!(answer["text"], lines[0]);
    assert_eq!(answer["usage"], json!({"type": "duration", "seconds": 3}));
    let plain = text(transcribe(&house, two_seconds(), &[("response_format", "text")])).await;
    assert_eq!(plain, format!("{}\n", lines[0]));
    let srt = text(transcribe(&house, two_seconds(), &[("response_format", "srt")])).await;
    assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:0"), "{srt}");
    assert!(srt.contains("안녕하세요.\n\n2\n") && srt.contains("저는 지우예요."), "{srt}");
    let vtt = text(transcribe(&house, two_seconds(), &[("response_format", "vtt")])).await;
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> "), "{vtt}");
    let fields = [
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("temperature", "0.2"),
        ("language", "ko"),
        ("prompt", "지우"),
        ("include[]", "logprobs"),
    ];
    let verbose = ok(transcribe(&house, two_seconds(), &fields)).await;
    assert_eq!(verbose["task"], "transcribe");
    assert_eq!(verbose["language"], "korean");
    assert_eq!(verbose["duration"], 2.5);
    assert_eq!(verbose["segments"][1]["text"], "저는 지우예요.");
    let words: Vec<_> =
        verbose["words"].as_array().expect("words").iter().map(|word| &word["word"]).collect();
    assert_eq!(words, ["안녕하세요", "저는", "지우예요"]);
    for segment in verbose["segments"].as_array().expect("segments") {
        assert!(segment["start"].as_f64() < segment["end"].as_f64(), "{segment}");
    }
}

#[tokio::test]
async fn long_recordings_are_heard_in_pieces_and_told_while_they_are() {
    let lines = ["one two.", "three four.", "five."];
    let house = House::hearing(&lines).await;
    let answer = ok(transcribe(&house, wav(&[20.0, 20.0, 20.0]), &[])).await;
    assert_eq!(answer["text"], "one two. three four. five.");
    let house = House::hearing(&lines).await;
    let body = text(transcribe(&house, wav(&[9.0, 9.0, 9.0]), &[("stream", "true")])).await;
    let events = data(&body);
    assert_eq!(events.last(), Some(&"[DONE]"));
    let events: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    let deltas: String =
        events.iter().filter_map(|event| event["delta"].as_str()).collect::<Vec<_>>().concat();
    assert_eq!(deltas, "one two. three four. five.");
    let done = events.last().expect("an end");
    assert_eq!(done["type"], "transcript.text.done");
    assert_eq!(done["text"], "one two. three four. five.");
    assert_eq!(done["usage"]["type"], "duration");
    assert!(events[..events.len() - 1].iter().all(|event| event["type"] == "transcript.text.delta"));
}

#[tokio::test]
async fn a_translation_has_the_same_form() {
    let house = House::hearing(&["I met a friend.", "I met a friend."]).await;
    let path = "/v1/audio/translations";
    let answer = ok(send(&house, path, wav(&[2.0]), &[("model", "whisper-1"), ("language", "xx")])).await;
    assert_eq!(answer["text"], "I met a friend.");
    let fields = [("model", "whisper-1"), ("response_format", "verbose_json")];
    let answer = ok(send(&house, path, wav(&[2.0]), &fields)).await;
    assert_eq!(answer["task"], "translate");
    assert!(answer.get("words").is_none() && answer["segments"].is_array(), "{answer}");
}

#[tokio::test]
async fn silence_is_no_text_and_no_error() {
    let house = House::hearing(&["never heard"]).await;
    assert_eq!(ok(transcribe(&house, wav(&[0.0]), &[])).await["text"], "");
    let srt = text(transcribe(&house, wav(&[0.0]), &[("response_format", "srt")])).await;
    assert_eq!(srt, "");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_refused_with_a_code_and_a_field() {
    let house = House::with(&[("server.max_upload_bytes", "200000")], Arc::new(MemoryStore::default())).await;
    let mut hours = wav(&[0.1]);
    hours[40..44].copy_from_slice(&(3 * 3_600 * 32_000u32).to_le_bytes());
    for (file, code) in [
        (b"hello".to_vec(), "audio_unsupported"),
        (wav(&[1.0])[..9_000].to_vec(), "audio_truncated"),
        (hours, "audio_too_long"),
        (vec![0; 300_000], "payload_too_large"),
    ] {
        let error = refused(transcribe(&house, file, &[]), code).await;
        assert_eq!(error["error"]["param"], "file", "{error}");
    }
    let cases: [(&'static str, &'static str, &str, &str); 8] = [
        ("response_format", "diarized_json", "unsupported_format", "response_format"),
        ("language", "fr", "bad_request", "language"),
        ("temperature", "hot", "bad_request", "temperature"),
        ("temperature", "2", "bad_request", "temperature"),
        ("stream", "maybe", "bad_request", "stream"),
        ("timestamp_granularities[]", "word", "bad_request", "timestamp_granularities"),
        ("timestamp_granularities[]", "letter", "bad_request", "timestamp_granularities"),
        ("model", "dall-e-3", "model_not_found", "model"),
    ];
    for (name, value, code, param) in cases {
        let error = refused(transcribe(&house, wav(&[0.5]), &[(name, value)]), code).await;
        assert_eq!(error["error"]["param"], param, "{error}");
    }
    let both = [("stream", "true"), ("response_format", "srt")];
    assert_eq!(
        refused(transcribe(&house, wav(&[0.5]), &both), "bad_request").await["error"]["param"],
        "stream"
    );
    let nothing = house.request(Method::POST, "/v1/audio/transcriptions");
    let empty = nothing.multipart(Form::new().text("model", "whisper-1"));
    assert_eq!(refused(empty, "bad_request").await["error"]["param"], "file");
}

#[tokio::test]
async fn refusals_of_the_framework_have_the_same_form() {
    let house = House::plain().await;
    let raw = |method: Method, path: &str, kind: &'static str, body: &'static str| {
        house.request(method, path).header("content-type", kind).body(body)
    };
    let post = |path: &str, kind, body| raw(Method::POST, path, kind, body);
    refused(house.get("/v1/nothing"), "not_found").await;
    refused(house.get("/v1/audio/speech"), "method_not_allowed").await;
    refused(house.request(Method::DELETE, "/v1/models"), "method_not_allowed").await;
    refused(house.get("/v1/realtime"), "bad_request").await;
    refused(post("/v1/audio/transcriptions", "application/json", "{}"), "unsupported_media_type").await;
    refused(post("/v1/audio/transcriptions", "multipart/form-data", "x"), "bad_request").await;
    refused(post("/v1/audio/transcriptions", "multipart/form-data; boundary=x", "x"), "bad_request").await;
    refused(post("/v1/audio/speech", "text/plain", "{}"), "unsupported_media_type").await;
    let error = refused(post("/v1/audio/speech", "application/json", "{\"input\": "), "bad_request").await;
    assert_eq!(error["error"]["type"], "invalid_request_error");
    let error = refused(post("/v1/audio/speech", "application/json", "{}"), "bad_request").await;
    assert_eq!(error["error"]["param"], "input");
    let long = json!({"input": "가".repeat(2_000_000)});
    refused(house.post("/v1/audio/speech", &long), "payload_too_large").await;
    let error = refused(house.post("/v1/realtime/client_secrets", &json!([])), "bad_request").await;
    assert_eq!(error["error"]["type"], "invalid_request_error");
}

fn speech(more: Value) -> Value {
    let mut body = json!({"model": "tts-1", "voice": "alloy", "input": "안녕하세요. 반갑습니다."});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

#[tokio::test]
async fn text_is_spoken_in_every_format() {
    let house = House::plain().await;
    for (format, kind, magic) in [
        ("mp3", "audio/mpeg", [0xFF, 0xF3].as_slice()),
        ("opus", "audio/ogg; codecs=opus", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm;rate=24000;channels=1", b""),
    ] {
        let request = house.post("/v1/audio/speech", &speech(json!({"response_format": format})));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{format}");
        assert_eq!(header(&response, "content-type"), kind);
        assert_eq!(header(&response, "x-duologue-voice"), "fake-one");
        assert!(header(&response, "x-duologue-note").contains("alloy"), "the note says who does not speak");
        let body = response.bytes().await.expect("a file");
        assert!(body.starts_with(magic), "{format}: {:?}", &body[..8]);
        if format == "pcm" {
            // 50 ms a character, of which whitespace may be left out.
            let seconds = body.len() as f64 / 48_000.0;
            assert!((0.5..=0.8).contains(&seconds), "{seconds} s");
        }
    }
    let by_default = house.post("/v1/audio/speech", &speech(json!({}))).send().await.expect("an answer");
    assert_eq!(header(&by_default, "content-type"), "audio/mpeg");
}

#[tokio::test]
async fn speech_is_sent_while_it_is_made_and_as_events() {
    let house = House::plain().await;
    let long = "가나다라마바사아자차카타파하. ".repeat(8);
    let body =
        speech(json!({"response_format": "pcm", "input": long, "voice": {"id": "fake-two"}, "speed": 2}));
    let response = house.post("/v1/audio/speech", &body).send().await.expect("an answer");
    assert_eq!(header(&response, "x-duologue-voice"), "fake-two");
    assert!(header(&response, "x-duologue-note").contains("speed 1.5"));
    let mut pieces = response.bytes_stream();
    pieces.next().await.expect("sound").expect("whole");
    let said = house.tts.said.lock().expect("whole").len();
    assert!(said < 8, "the first sound comes before the last clause was begun, not after {said}");
    drop(pieces);
    let body = speech(json!({"response_format": "wav", "stream_format": "sse"}));
    let body = text(house.post("/v1/audio/speech", &body)).await;
    let events = data(&body);
    let event = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(event(events[0])["type"], "speech.audio.delta");
    assert!(event(events[0])["audio"].as_str().expect("base64").starts_with("UklGR"), "RIFF");
    assert_eq!(event(events[events.len() - 2])["type"], "speech.audio.done");
    assert_eq!(events[events.len() - 1], "[DONE]");
}

#[tokio::test]
async fn what_cannot_be_spoken_is_refused() {
    let house = House::plain().await;
    for (more, code, param) in [
        (json!({"input": "  "}), "bad_request", "input"),
        (json!({"input": "가".repeat(4_097)}), "bad_request", "input"),
        (json!({"voice": "nobody"}), "bad_request", "voice"),
        (json!({"model": "dall-e-3"}), "model_not_found", "model"),
        (json!({"response_format": "aac"}), "unsupported_format", "response_format"),
        (json!({"speed": 9}), "bad_request", "speed"),
        (json!({"stream_format": "video"}), "bad_request", "stream_format"),
        (json!({"language": "fr"}), "bad_request", "language"),
    ] {
        let error = refused(house.post("/v1/audio/speech", &speech(more)), code).await;
        assert_eq!(error["error"]["param"], param, "{error}");
    }
    let error = refused(
        house.post("/v1/audio/speech", &speech(json!({"response_format": "aac"}))),
        "unsupported_format",
    )
    .await;
    let message = error["error"]["message"].as_str().expect("words");
    assert!(message.contains("mp3, opus, flac, wav or pcm"), "{message}");
    house.tts.gate.break_down();
    refused(house.post("/v1/audio/speech", &speech(json!({}))), "engine_unavailable").await;
}

#[tokio::test]
async fn personas_and_engines_are_models() {
    let house = House::plain().await;
    let list = ok(house.get("/v1/models")).await;
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().expect("a list");
    let owners: Vec<_> = models.iter().map(|model| model["owned_by"].as_str().expect("an owner")).collect();
    for owner in ["duologue", "fake-stt", "fake-tts"] {
        assert!(owners.contains(&owner), "{owner} in {owners:?}");
    }
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(model["created"].as_u64().is_some_and(|created| created > 1_700_000_000), "{model}");
        let id = model["id"].as_str().expect("an id");
        // The fakes share a name.
        assert_eq!(ok(house.get(&format!("/v1/models/{id}"))).await["id"], id);
    }
    let error = refused(house.get("/v1/models/gpt-9"), "model_not_found").await;
    assert_eq!(error["error"]["param"], "model");
}
