//! A small bilingual persona.

use std::sync::Arc;

use duologue_actors::store::{SessionRecord, SessionStatus};
use duologue_domain::{
    lang::Language,
    persona::{IntimacyStep, Persona, PersonaSampling, Profile, SpeechLevel},
};

/// Somebody to talk to.
pub fn persona() -> Arc<Persona> {
    let profile = |language, name: &str| Profile {
        language,
        name: name.into(),
        job: "tester".into(),
        personality: "calm".into(),
        background: String::new(),
        hobbies: Vec::new(),
        likes: Vec::new(),
        dislikes: Vec::new(),
        speaking_style: String::new(),
        greeting: String::new(),
        examples: Vec::new(),
        deflections: Vec::new(),
        voice: None,
    };
    let step = |from, level| IntimacyStep { from, level, notes: Vec::new() };
    Arc::new(Persona {
        id: "narae".into(),
        name: "나래".into(),
        language: Language::Korean,
        languages: vec![Language::Korean, Language::English],
        description: "시험".into(),
        mbti: "INFJ".into(),
        birth_year: 1990,
        age: 36,
        job: "tester".into(),
        profiles: vec![profile(Language::Korean, "나래"), profile(Language::English, "Narae")],
        intimacy: vec![
            step(0, SpeechLevel::Formal),
            step(10, SpeechLevel::Polite),
            step(50, SpeechLevel::Close),
        ],
        sampling: PersonaSampling::default(),
        hot_words: vec!["나래".into()],
        portrait: None,
        tags: Vec::new(),
        tools: Vec::new(),
    })
}

/// What the store knows of session `id` with that persona when it has just begun.
pub fn record(id: &str) -> SessionRecord {
    SessionRecord {
        id: id.into(),
        secret_sha256: String::new(),
        user_id: None,
        session_name: "대화".into(),
        persona_id: "narae".into(),
        persona_name: "나래".into(),
        language: None,
        is_active: true,
        status: SessionStatus::Active,
        intimacy: 0,
        created_at: 0,
        updated_at: 0,
    }
}
