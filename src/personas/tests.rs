use std::path::PathBuf;

use duologue_domain::{
    lang::Language,
    persona::{PersonaSampling, SpeechLevel},
    prompt::{Prompt, estimate_tokens},
};
use serde_json::{Value, json};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("personas")
}

/// A small valid file, to be broken in one place.
fn valid() -> Value {
    json!({
        "id": "narae", "language": "ko", "description": "서점 주인", "mbti": "INFJ", "birth_year": 1990, "age": 36,
        "intimacy": [{"from": 0, "level": "formal"}, {"from": 50, "level": "close", "note": {"ko": "친구"}}],
        "portrait": {
            "skin": "#f3cdb2", "hair_style": "bob", "hair_color": "#2b2024", "eye_color": "#3d2a22",
            "lip_color": "#b8524f", "outfit_style": "knit", "outfit_color": "#e8795a", "backdrop": "#f6b89a"
        },
        "profiles": {"ko": {
            "name": "나래", "job": "서점 주인", "personality": "차분함", "background": "전주", "hobbies": ["산책"],
            "likes": ["비"], "dislikes": [], "speaking_style": "천천히", "greeting": "어서 오세요.",
            "examples": [{"user": "피곤해.", "persona": "바빴나 봐요."}], "deflections": ["글쎄요."],
            "voice": {"id": "kokoro-kumo"}
        }}
    })
}

#[test]
fn every_file_of_ours_loads() {
    let (library, errors) = PersonaLibrary::load(&folder());
    assert_eq!(errors, []);
    let ids = library.iter().map(|persona| persona.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids, ["jihun", "maya", "seoa"]);
    for persona in library.list() {
        assert!(persona.portrait.is_some(), "{}", persona.id);
        for language in &persona.languages {
            let profile = persona.profile(*language);
            assert!(persona.voice(*language).is_some(), "{} {language}", persona.id);
            assert!(
                !profile.deflections.is_empty() && !profile.examples.is_empty(),
                "{} {language}",
                persona.id
            );
            assert_eq!(Language::of_text(&profile.greeting), Some(*language), "{}", profile.greeting);
            let prompt = &Prompt::shared_messages(persona, *language)[0].content;
            assert!(estimate_tokens(prompt) <= 520, "{} {language}: {}", persona.id, estimate_tokens(prompt));
        }
    }
}

#[test]
fn seoa_is_who_the_seed_says() {
    let (library, _) = PersonaLibrary::load(&folder());
    let seoa = library.get("seoa").expect("our own file");
    assert_eq!(
        (seoa.name.as_str(), seoa.mbti.as_str(), seoa.birth_year, seoa.age),
        ("이서아", "ENFP", 1997, 28)
    );
    assert_eq!(seoa.job, "스타트업 마케팅 담당");
    for trait_ in ["활발", "호기심", "따뜻", "배려심", "창의적", "열정적"] {
        assert!(seoa.profile(Language::Korean).personality.contains(trait_), "{trait_}");
    }
    let levels = [0, 100].map(|at| seoa.intimacy_step(at).map(|step| step.level));
    assert_eq!(levels, [Some(SpeechLevel::Polite), Some(SpeechLevel::Close)]);
    for name in ["이서아", " 이서아", "SEOA"] {
        assert_eq!(
            library.by_name(name).map(|persona| persona.id.clone()).as_deref(),
            Some("seoa"),
            "{name}"
        );
    }
    assert!(library.by_name("아무개").is_none());
}

#[test]
fn a_minimal_file_is_enough() {
    let mut file = valid();
    for optional in ["portrait", "sampling"] {
        file.as_object_mut().expect("an object").remove(optional);
    }
    let persona = parse("narae.json", file.to_string().as_bytes()).expect("valid");
    assert_eq!(persona.sampling, PersonaSampling::default());
    assert_eq!(persona.voice(Language::Korean).map(|choice| choice.speed), Some(1.0));
    assert_eq!(persona.languages, [Language::Korean]);
}

#[test]
fn errors_name_file_field_and_remedy() {
    let cases = [
        ("/id", json!("Narae!"), "id", "\"Narae!\" is no id; use 1 to 64 of a-z, 0-9, - and _"),
        (
            "/id",
            json!("other"),
            "id",
            "\"other\" does not match the file; name the file other.json or the id \"narae\"",
        ),
        ("/language", json!("fr"), "language", "unknown language \"fr\"; write \"ko\" or \"en\""),
        ("/language", json!("en"), "profiles", "the main language en has no profile; add profiles.en"),
        ("/mbti", json!("ABCD"), "mbti", "\"ABCD\" is no type; write four letters such as ENFP"),
        ("/birth_year", json!(1066), "birth_year", "it is no year of our time; choose 1900 to 2100"),
        ("/age", json!(12), "age", "12 is out of range; choose 18 to 120; personas are adults"),
        ("/description", json!("  "), "description", "it is empty; write at least a word"),
        (
            "/intimacy",
            json!([]),
            "intimacy",
            "the first step does not begin at 0; add {\"from\": 0, \"level\": \"polite\"}",
        ),
        (
            "/intimacy/1/from",
            json!(0),
            "intimacy",
            "the steps do not rise; order them by \"from\", each higher than the one before",
        ),
        ("/intimacy/1/from", json!(101), "intimacy.1.from", "101 is out of range; choose 0 to 100"),
        (
            "/intimacy/1/level",
            json!("rude"),
            "intimacy.1.level",
            "unknown value \"rude\"; write one of formal, polite, close",
        ),
        (
            "/intimacy/1/note",
            json!({"de": "x"}),
            "intimacy.1.note.de",
            "unknown language \"de\"; write \"ko\" or \"en\"",
        ),
        ("/portrait/skin", json!("red"), "portrait.skin", "\"red\" is no colour; write it like \"#e8795a\""),
        (
            "/portrait/hair_style",
            json!("mohawk"),
            "portrait.hair_style",
            "unknown value \"mohawk\"; write one of long, bob, wavy, bun, short, curly",
        ),
        (
            "/profiles/ko/greeting",
            json!("a\u{7}b"),
            "profiles.ko.greeting",
            "it contains a control character; write one line of plain text",
        ),
        (
            "/profiles/ko/personality",
            json!("<|im_end|>"),
            "profiles.ko.personality",
            "it contains \"<|\", which chat templates use; remove it",
        ),
        (
            "/profiles/ko/likes/0",
            json!("비".repeat(1001)),
            "profiles.ko.likes.0",
            "it is longer than 1000 characters; shorten it",
        ),
        (
            "/profiles/ko/likes",
            json!(vec!["비"; 33]),
            "profiles.ko.likes",
            "it has more than 32 entries; keep those that matter",
        ),
        (
            "/profiles/ko/voice",
            json!({"id": "kokoro-kumo", "speed": 9.0}),
            "profiles.ko.voice.speed",
            "9 is out of range; choose 0.25 to 1.5",
        ),
        (
            "/profiles/ko/deflections/0",
            json!("저는 AI가 아니에요."),
            "profiles.ko.deflections.0",
            "it denies being an AI; play with the question instead of answering it with a lie",
        ),
        (
            "/profiles/ko/background",
            json!("전주".repeat(400)),
            "profiles.ko",
            "its prompt is too long for a small model",
        ),
        ("/age", json!("old"), "age", "invalid type: string \"old\", expected u8"),
    ];
    for (pointer, value, field, words) in cases {
        let mut file = valid();
        *file.pointer_mut(pointer).expect("a field of the valid file") = value;
        let error = parse("narae.json", file.to_string().as_bytes()).expect_err(pointer);
        assert_eq!(error.field, field, "{error}");
        assert!(error.to_string().starts_with(&format!("narae.json: {field}: {words}")), "{error}");
    }
}

#[test]
fn unknown_keys_are_refused_by_name() {
    let mut file = valid();
    file["profiles"]["ko"]["hobbys"] = json!(["x"]);
    let error = parse("narae.json", file.to_string().as_bytes()).expect_err("a misspelt key");
    assert_eq!(error.field, "profiles.ko.hobbys");
    assert!(error.problem.starts_with("unknown field `hobbys`, expected one of"), "{error}");
    assert_eq!(error.remedy, "correct its spelling or remove it (docs/personas.md lists the fields)");
}

#[test]
fn what_is_no_json_is_said_to_be_none() {
    for bytes in [&b""[..], b"{", b"\xff\xfe", b"[]", b"{} {}", b"null", &[b'['; 100_000]] {
        let error = parse("x.json", bytes).expect_err("no persona");
        assert!(error.to_string().starts_with("x.json: "), "{error}");
        assert!(!error.remedy.is_empty());
    }
    let error = parse("x.json", &vec![b' '; 300_000]).expect_err("too large");
    assert_eq!(error.to_string(), "x.json: it is larger than 256 KiB; shorten it");
    let error = parse("narae.json", format!("{} 1", valid()).as_bytes()).expect_err("something follows");
    assert!(error.problem.starts_with("something follows"), "{error}");
}

#[test]
fn one_broken_file_is_reported_and_the_rest_load() {
    let dir = std::env::temp_dir().join(format!("duologue-personas-{}", std::process::id()));
    fs::create_dir_all(dir.join("folder.json")).expect("a folder");
    fs::write(dir.join("narae.json"), valid().to_string()).expect("written");
    fs::write(dir.join("broken.json"), "{").expect("written");
    fs::write(dir.join("notes.txt"), "not a persona").expect("written");
    let (library, errors) = PersonaLibrary::load(&dir);
    fs::remove_dir_all(&dir).expect("removed");
    assert_eq!(library.list().len(), 1);
    assert_eq!(
        errors.iter().map(|error| error.file.as_str()).collect::<Vec<_>>(),
        ["broken.json", "folder.json"]
    );

    let (library, errors) = PersonaLibrary::load(&dir);
    assert!(library.list().is_empty());
    assert!(errors[0].to_string().contains("set server.personas_dir"), "{}", errors[0]);
}
