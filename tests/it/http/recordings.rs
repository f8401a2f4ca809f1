//! Recordings that are sent: what is answered, and what is refused with which code.

use reqwest::{
    Method, RequestBuilder,
    multipart::{Form, Part},
};
use std::sync::Arc;

use duologue::store::MemoryStore;

use super::{House, ok, refused};

/// Two seconds and a half of a hummed melody, PCM16 at 16 kHz.
fn wav(seconds: f32) -> Vec<u8> {
    let mut phase = 0.0f32;
    let samples = (0..(seconds * 16_000.0) as usize).flat_map(|index| {
        phase = (phase + 160.0 * f32::exp2(0.2 * (index as f32 / 3_000.0).sin()) / 16_000.0).fract();
        let sum = (1..12).map(|number| (std::f32::consts::TAU * phase * number as f32).sin() / number as f32);
        ((sum.sum::<f32>() * 6_000.0) as i16).to_le_bytes()
    });
    let sound = samples.collect::<Vec<u8>>();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + sound.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data");
    file.extend((sound.len() as u32).to_le_bytes());
    file.extend(sound);
    file
}

fn send(house: &House, path: &str, file: Vec<u8>) -> RequestBuilder {
    let part = Part::bytes(file).file_name("말.wav").mime_str("audio/wav").expect("a type");
    house.request(Method::POST, path).multipart(Form::new().part("file", part))
}

#[tokio::test]
async fn a_recording_is_scored_and_described() {
    let house = House::plain().await;
    let analysis = ok(send(&house, "/voice/analyze", wav(4.0))).await;
    for name in ["total_score", "voice_tone_score"] {
        assert!(analysis[name].as_u64().is_some_and(|value| value <= 100), "{name}: {analysis:#}");
    }
    assert_eq!(analysis["emotions"].as_object().expect("eight").len(), 8);
    assert_eq!(analysis["details"]["word_choice"]["why_not"]["code"], "needs_words");
    assert_eq!(analysis["pitch"]["hz"].as_array().expect("a track").len(), 40);
    let uploaded = ok(send(&house, "/upload/audio", wav(2.5))).await;
    let expected = serde_json::json!({
        "filename": "말.wav", "size": 80_044, "container": "wav", "codec": "pcm", "sample_rate": 16_000,
        "channels": 1, "duration_s": 2.5, "stored": false, "analyze": "/voice/analyze"
    });
    assert_eq!(uploaded, expected);
}

#[tokio::test]
async fn what_cannot_be_analysed_is_refused_with_a_code() {
    let house = House::with(&[("server.max_upload_bytes", "200000")], Arc::new(MemoryStore::default())).await;
    let whole = wav(2.5);
    let mut hours = wav(0.1);
    hours[40..44].copy_from_slice(&(3 * 3_600 * 32_000u32).to_le_bytes());
    let cases = [
        (b"hello".to_vec(), "audio_unsupported", "send WAV"),
        (Vec::new(), "audio_unsupported", "send WAV"),
        (whole[..40_000].to_vec(), "audio_truncated", "cut off"),
        (hours, "audio_too_long", "300 s"),
        (wav(0.0), "audio_empty", "no sound"),
        (vec![0; 300_000], "payload_too_large", "200000"),
    ];
    for (file, code, says) in cases {
        for path in ["/voice/analyze", "/upload/audio"] {
            let error = refused(send(&house, path, file.clone()), code).await;
            let message = error["error"]["message"].as_str().expect("a message");
            assert!(message.contains(says), "{path} {code}: {message}");
        }
    }
    let empty = house.request(Method::POST, "/voice/analyze").multipart(Form::new().text("language", "ko"));
    assert_eq!(refused(empty, "bad_request").await["error"]["param"], "file");
    let part = Part::bytes(whole).file_name("a.wav");
    let form = Form::new().text("language", "fr").part("file", part);
    let unknown = house.request(Method::POST, "/voice/analyze").multipart(form);
    assert_eq!(refused(unknown, "bad_request").await["error"]["param"], "language");
}
