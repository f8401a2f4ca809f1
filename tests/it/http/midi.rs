//! MIDI files: sent, listed, looked into, rendered, made from another, forgotten; and what is refused.

use std::sync::Arc;

use duologue::store::MemoryStore;
use duologue_music::{
    score::{Note, Score},
    smf,
};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{House, answer, header, ok, refused};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "another-key-0123456789";

/// ii–V–I in C under a melody, twice.
fn tune() -> Vec<u8> {
    let bars: [(&[u8], &[u8]); 4] = [
        (&[50, 65, 69, 72], &[74, 77, 76, 74]),
        (&[43, 65, 71, 74], &[79, 77, 74, 71]),
        (&[48, 64, 67, 71], &[72, 76, 79, 76]),
        (&[48, 64, 67, 71], &[72, 67, 64, 60]),
    ];
    let mut notes = Vec::new();
    let note = |onset: usize, duration: f64, pitch: u8, track: u16| Note {
        onset: onset as f64,
        duration,
        pitch,
        velocity: 80,
        channel: track as u8,
        program: 0,
        track,
    };
    for (bar, (chord, melody)) in bars.iter().cycle().take(8).enumerate() {
        notes.extend(chord.iter().map(|pitch| note(4 * bar, 4.0, *pitch, 0)));
        notes.extend(melody.iter().enumerate().map(|(beat, pitch)| note(4 * bar + beat, 1.0, *pitch, 1)));
    }
    smf::write(&Score::from_notes(notes))
}

fn send(house: &House, file: Vec<u8>, fields: &[(&'static str, &'static str)]) -> RequestBuilder {
    let part = Part::bytes(file).file_name("내 노래.mid").mime_str("audio/midi").expect("a type");
    let form = fields.iter().fold(Form::new(), |form, (name, text)| form.text(*name, *text));
    house.request(Method::POST, "/api/midi/upload").multipart(form.part("file", part))
}

async fn uploaded(house: &House) -> Value {
    answer(send(house, tune(), &[("title", "나의 노래"), ("genre", "Jazz")]), StatusCode::CREATED).await
}

fn path(file: &Value, rest: &str) -> String {
    format!("/api/midi/{}{rest}", file["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_file_is_kept_with_its_analysis_until_it_is_deleted() {
    let house = House::plain().await;
    let file = uploaded(&house).await;
    assert_eq!((&file["title"], &file["genre"]), (&json!("나의 노래"), &json!("Jazz")));
    assert_eq!((&file["key"]["tonic"], &file["key"]["mode"]), (&json!("C"), &json!("major")));
    assert!(file["chords"].as_array().is_some_and(|chords| chords.len() >= 3), "{file}");
    for field in ["tracks", "instruments", "tempo", "time_signatures", "two_five_ones", "created_at"] {
        assert!(!file[field].is_null(), "{field}: {file}");
    }
    assert_eq!(ok(house.get(&path(&file, ""))).await, file, "the same as was answered");
    let unnamed = answer(send(&house, tune(), &[]), StatusCode::CREATED).await;
    assert_eq!(unnamed["title"], "내 노래", "the file's own name without its ending");
    let list = ok(house.get("/api/midi")).await;
    assert_eq!(list["files"].as_array().map(Vec::len), Some(2));
    assert_eq!(list["files"][1]["key"]["tonic"], "C");
    assert_eq!(list["files"][1]["chords"], Value::Null, "a list holds no analyses");
    let page = ok(house.get("/api/midi?limit=1")).await;
    assert_eq!((page["files"].as_array().map(Vec::len), &page["next_offset"]), (Some(1), &json!(1)));
    let response = house.get(&path(&file, "/file")).send().await.expect("an answer");
    assert_eq!(header(&response, "content-type"), "audio/midi");
    assert!(header(&response, "content-disposition").contains("filename*=UTF-8''%EB%82%98"), "{response:?}");
    assert_eq!(response.bytes().await.expect("bytes"), tune(), "byte for byte");
    let gone = house.request(Method::DELETE, &path(&file, ""));
    assert_eq!(gone.send().await.expect("an answer").status(), StatusCode::NO_CONTENT);
    for rest in ["", "/file", "/render.wav"] {
        refused(house.get(&path(&file, rest)), "midi_not_found").await;
    }
}

#[tokio::test]
async fn what_is_no_music_is_refused_with_the_readers_codes() {
    let house = House::plain().await;
    let whole = tune();
    let mut odd = whole.clone();
    odd[9] = 9;
    let cases = [
        (b"hello".to_vec(), "not_midi", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Vec::new(), "not_midi", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (whole[..whole.len() / 2].to_vec(), "midi_truncated", StatusCode::UNPROCESSABLE_ENTITY),
        (odd, "midi_bad_header", StatusCode::UNPROCESSABLE_ENTITY),
        (vec![0x4d; (2 << 20) + 1], "midi_too_large", StatusCode::PAYLOAD_TOO_LARGE),
        (vec![0x4d; 3 << 20], "midi_too_large", StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (file, code, status) in cases {
        let response = send(&house, file, &[]).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{code}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(
            (&body["error"]["code"], &body["error"]["param"]),
            (&json!(code), &json!("file")),
            "{body}"
        );
    }
    let long = "x".repeat(201);
    let part = Part::bytes(whole).file_name("a.mid");
    let form = Form::new().text("title", long).part("file", part);
    let request = house.request(Method::POST, "/api/midi/upload").multipart(form);
    assert_eq!(refused(request, "bad_request").await["error"]["param"], "title");
    let empty = house.request(Method::POST, "/api/midi/upload").multipart(Form::new().text("title", "x"));
    assert_eq!(refused(empty, "bad_request").await["error"]["param"], "file");
    assert_eq!(ok(house.get("/api/midi")).await["files"], json!([]), "nothing of it was kept");
}

#[tokio::test]
async fn files_belong_to_who_sent_them() {
    let keys = format!("{KEY},{OTHER_KEY}");
    let house = House::with(&[("auth.api_keys", &keys)], Arc::new(MemoryStore::default())).await;
    refused(send(&house, tune(), &[]), "unauthorized").await;
    refused(house.get("/api/midi"), "unauthorized").await;
    let file = answer(send(&house, tune(), &[]).bearer_auth(KEY), StatusCode::CREATED).await;
    ok(house.get(&path(&file, "")).bearer_auth(KEY)).await;
    for rest in ["", "/file", "/render.wav"] {
        refused(house.get(&path(&file, rest)).bearer_auth(OTHER_KEY), "forbidden").await;
        refused(house.get(&path(&file, rest)), "unauthorized").await;
    }
    refused(house.request(Method::DELETE, &path(&file, "")).bearer_auth(OTHER_KEY), "forbidden").await;
    let wish = json!({"generation_type": "continuation", "source_midi_id": file["id"]});
    refused(house.post("/api/midi/generate", &wish).bearer_auth(OTHER_KEY), "forbidden").await;
    let count = |list: Value| list["files"].as_array().map(Vec::len);
    assert_eq!(count(ok(house.get("/api/midi").bearer_auth(KEY)).await), Some(1));
    assert_eq!(count(ok(house.get("/api/midi").bearer_auth(OTHER_KEY)).await), Some(0));
}

#[tokio::test]
async fn a_user_keeps_only_so_many_files() {
    let house = House::plain().await;
    let tiny = smf::write(&Score::default());
    for _ in 0..200 {
        answer(send(&house, tiny.clone(), &[]), StatusCode::CREATED).await;
    }
    refused(send(&house, tiny, &[]), "midi_limit").await;
}

#[tokio::test]
async fn a_file_is_heard_as_wav() {
    let house = House::plain().await;
    let file = uploaded(&house).await;
    let response = house.get(&path(&file, "/render.wav")).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "audio/wav");
    let told: usize = header(&response, "content-length").parse().expect("a length");
    let bytes = response.bytes().await.expect("a body");
    assert_eq!(bytes.len(), told);
    let reader = hound::WavReader::new(bytes.as_ref()).expect("a WAV file");
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 44_100, 16));
    // Eight bars of four at 120 a minute, and what rings on.
    let seconds = f64::from(reader.duration()) / 44_100.0;
    assert!((16.0..20.0).contains(&seconds), "{seconds}");
    let loudest = reader.into_samples::<i16>().map(|sample| sample.expect("whole").unsigned_abs()).max();
    assert!(loudest.is_some_and(|loudest| loudest > 1_000), "{loudest:?}");
}

#[tokio::test]
async fn without_a_soundfont_it_says_what_to_do() {
    let house = House::with(&[("duet.soundfont", "/nowhere/x.sf2")], Arc::new(MemoryStore::default())).await;
    let file = uploaded(&house).await;
    for place in [path(&file, "/render.wav"), "/soundfonts/gm.sf2".into()] {
        let error = refused(house.get(&place), "soundfont_missing").await;
        let words = error["detail"].as_str().expect("words");
        assert!(words.contains("models pull gm-soundfont") && words.contains("[duet] soundfont"), "{words}");
    }
    let health = ok(house.get("/health")).await;
    let parts = health["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part["part"] == "soundfont").expect("it is a part");
    assert_eq!(part["state"], "unavailable");
    assert_eq!(health["status"], "degraded");
}

#[tokio::test]
async fn the_soundfont_is_served_to_anybody_in_pieces_too() {
    let keys = [("auth.api_keys", KEY), ("auth.required", "true")];
    let house = House::with(&keys, Arc::new(MemoryStore::default())).await;
    let whole = duologue_testkit::soundfont();
    let response = house.get("/soundfonts/gm.sf2").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert!(header(&response, "cache-control").starts_with("public, max-age="));
    let modified = header(&response, "last-modified").to_owned();
    assert_eq!(response.bytes().await.expect("bytes"), whole);
    let part = house.get("/soundfonts/gm.sf2").header("range", "bytes=0-3").send().await.expect("an answer");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.expect("bytes").as_ref(), b"RIFF");
    let again = house.get("/soundfonts/gm.sf2").header("if-modified-since", modified);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn new_music_is_made_from_a_file() {
    let house = House::plain().await;
    let source = uploaded(&house).await;
    for kind in ["improvisation", "accompaniment", "variation", "continuation"] {
        let wish = json!({
            "generation_type": kind, "source_midi_id": source["id"], "style": "jazz", "duration": 12,
            "complexity": "medium", "seed": 7,
        });
        let made = answer(house.post("/api/midi/generate", &wish), StatusCode::CREATED).await;
        assert_eq!((&made["generation_type"], &made["source_midi_id"]), (&json!(kind), &source["id"]));
        assert_eq!(made["title"], format!("나의 노래 ({kind})"));
        assert!(made["notes"].as_u64().is_some_and(|notes| notes > 10), "{kind}: {made}");
        assert!(
            made["seconds"].as_f64().is_some_and(|seconds| (4.0..30.0).contains(&seconds)),
            "{kind}: {made}"
        );
        let file = |made: &Value| house.get(&path(made, "/file")).send();
        let bytes = file(&made).await.expect("an answer").bytes().await.expect("bytes");
        smf::read(&bytes, &smf::Limits::default()).expect("a MIDI file");
        let again = answer(house.post("/api/midi/generate", &wish), StatusCode::CREATED).await;
        let same = file(&again).await.expect("an answer").bytes().await.expect("bytes");
        assert_eq!(bytes, same, "{kind}: the same seed makes the same music");
    }
    let alone = json!({"generation_type": "improvisation", "style": "발라드", "duration": 8});
    let made = answer(house.post("/api/midi/generate", &alone), StatusCode::CREATED).await;
    assert_eq!((&made["genre"], &made["source_midi_id"]), (&json!("pop_ballad"), &Value::Null));
}

#[tokio::test]
async fn wishes_that_cannot_be_granted_say_why() {
    let house = House::plain().await;
    let source = uploaded(&house).await;
    let wish = |changes: Value| {
        let mut wish = json!({"generation_type": "variation", "source_midi_id": source["id"]});
        wish.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        wish
    };
    for (changes, param) in [
        (json!({"generation_type": "symphony"}), "generation_type"),
        (json!({"style": "polka"}), "style"),
        (json!({"complexity": "impossible"}), "complexity"),
        (json!({"duration": 0}), "duration"),
        (json!({"duration": 10_000}), "duration"),
        (json!({"source_midi_id": null}), "source_midi_id"),
    ] {
        let request = house.post("/api/midi/generate", &wish(changes));
        assert_eq!(refused(request, "bad_request").await["error"]["param"], param);
    }
    // A number is an id too, if of nothing here.
    refused(house.post("/api/midi/generate", &wish(json!({"source_midi_id": 1}))), "midi_not_found").await;
    refused(house.post("/api/midi/generate", &json!({"style": "jazz"})), "invalid_json").await;
    let silent = answer(send(&house, smf::write(&Score::default()), &[]), StatusCode::CREATED).await;
    let request = house.post("/api/midi/generate", &wish(json!({"source_midi_id": silent["id"]})));
    refused(request, "midi_empty").await;
}
