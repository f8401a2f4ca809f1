//! The plain environment names of the earlier systems, in one table, so that their `.env` files work unchanged.

use super::layers::flag;

/// What a plain name means here.
enum Meaning {
    /// Sets this key.
    Sets(&'static str),
    /// A list that adds to this key.
    Adds(&'static str),
    /// A true or false that sets this key.
    Switches(&'static str),
    /// Needs a translation of its value.
    Translates(fn(&str) -> Translation),
    /// Accepted without effect, and why.
    Ignored(&'static str),
}

/// A translated value.
struct Translation {
    key: &'static str,
    /// `None` keeps what is configured.
    value: Option<String>,
    note: Option<String>,
}

const SHARED_PORT: &str = "WebSockets share the HTTP port";
const OTHER_DATABASE: &str = "sessions live in SQLite or MongoDB, see [store]";
const NO_VECTORS: &str = "no vector database is used";

/// The table. Names are as common as `PORT`, so only a non-empty value counts.
const NAMES: &[(&str, Meaning)] = &[
    ("PORT", Meaning::Sets("server.port")),
    ("MAX_UPLOAD_BYTES", Meaning::Sets("server.max_upload_bytes")),
    ("ALLOWED_ORIGINS", Meaning::Adds("server.allowed_origins")),
    ("CORS_ORIGINS", Meaning::Adds("server.allowed_origins")),
    ("MONGODB_URI", Meaning::Sets("store.mongodb_uri")),
    ("DATABASE_NAME", Meaning::Sets("store.database_name")),
    ("JWT_SECRET_KEY", Meaning::Sets("auth.jwt_secret")),
    ("SUPABASE_URL", Meaning::Translates(supabase)),
    ("STT_ENABLED", Meaning::Switches("stt.enabled")),
    ("TTS_ENABLED", Meaning::Switches("tts.enabled")),
    ("LLM_ENABLED", Meaning::Switches("llm.enabled")),
    ("WHISPER_MODEL", Meaning::Translates(whisper)),
    ("LLM_MODEL", Meaning::Translates(language_model)),
    ("OPENAI_API_KEY", Meaning::Sets("llm.api_key")),
    ("LOG_LEVEL", Meaning::Translates(log_level)),
    ("SUPABASE_ANON_KEY", Meaning::Ignored("tokens are verified, Supabase itself is not called")),
    ("WEBSOCKET_HOST", Meaning::Ignored(SHARED_PORT)),
    ("WEBSOCKET_PORT", Meaning::Ignored(SHARED_PORT)),
    ("APP_NAME", Meaning::Ignored("the name is fixed")),
    ("ENVIRONMENT", Meaning::Ignored("there is one environment")),
    ("RUNPOD_URL", Meaning::Ignored("nothing is rented")),
    ("HUGGING_FACE_HUB_TOKEN", Meaning::Ignored("no model here needs a token")),
    ("EMBEDDING_MODEL", Meaning::Ignored(NO_VECTORS)),
    ("MILVUS_HOST", Meaning::Ignored(NO_VECTORS)),
    ("MILVUS_PORT", Meaning::Ignored(NO_VECTORS)),
    ("DB_HOST", Meaning::Ignored(OTHER_DATABASE)),
    ("DB_PORT", Meaning::Ignored(OTHER_DATABASE)),
    ("DB_USER", Meaning::Ignored(OTHER_DATABASE)),
    ("DB_PASSWORD", Meaning::Ignored(OTHER_DATABASE)),
    ("DB_NAME", Meaning::Ignored(OTHER_DATABASE)),
];

/// The plain names in `env` as pairs of key and text. What was ignored or changed is noted.
pub(super) fn translate(
    env: &[(String, String)],
    notes: &mut Vec<String>,
    problems: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, meaning) in NAMES {
        let Some((_, text)) = env.iter().find(|(other, text)| other == name && !text.trim().is_empty())
        else {
            continue;
        };
        let (key, value) = match meaning {
            Meaning::Sets(key) => (*key, Some(text.clone())),
            Meaning::Adds(key) => {
                let before =
                    pairs.iter().position(|(other, _)| other == key).map(|index| pairs.remove(index).1);
                (*key, Some([before.unwrap_or_default(), text.clone()].join(",")))
            }
            Meaning::Switches(key) => match flag(text.trim()) {
                Some(on) => (*key, Some(on.to_string())),
                None => {
                    problems.push(format!("{name} must be true or false, not {text:?}"));
                    continue;
                }
            },
            Meaning::Translates(translate) => {
                let translation = translate(text.trim());
                notes.extend(translation.note.map(|note| format!("{name}: {note}")));
                (translation.key, translation.value)
            }
            Meaning::Ignored(why) => {
                notes.push(format!("{name} is ignored: {why}"));
                continue;
            }
        };
        pairs.extend(value.map(|value| (key.to_owned(), value)));
    }
    if pairs.iter().any(|(key, _)| key == "llm.api_key") {
        notes.push(
            "OPENAI_API_KEY is used only when llm.engine is \"openai\"; by default the model is local".into(),
        );
    }
    pairs
}

/// The sizes that are packaged; for the others whisper-base serves, because a missing model would be deaf.
fn whisper(value: &str) -> Translation {
    let (value, note) = match value {
        "base" | "tiny.en" => (format!("whisper-{value}"), None),
        "tiny" | "base.en" | "small" | "small.en" | "medium" | "medium.en" | "turbo" | "large"
        | "large-v1" | "large-v2" | "large-v3" | "large-v3-turbo" => (
            "whisper-base".to_owned(),
            Some(format!(
                "{value:?} is not packaged, whisper-base serves; set stt.model to the path of a ggml file for another"
            )),
        ),
        // An id of the manifest, or a path.
        other => (other.to_owned(), None),
    };
    Translation { key: "stt.model", value: Some(value), note }
}

/// A repository of the hub names no GGUF file that could be run here, so the configured model stays.
fn language_model(value: &str) -> Translation {
    let looks_like_repository =
        value.matches('/').count() == 1 && !value.starts_with(['/', '.', '~']) && !value.ends_with(".gguf");
    if looks_like_repository {
        let note = format!(
            "{value:?} is a repository, not a model of `duologue models list`: the configured model stays"
        );
        return Translation { key: "llm.model", value: None, note: Some(note) };
    }
    Translation { key: "llm.model", value: Some(value.to_owned()), note: None }
}

fn log_level(value: &str) -> Translation {
    let value = match value.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" | "fatal" => "error".to_owned(),
        other => other.to_owned(),
    };
    Translation { key: "log.level", value: Some(value), note: None }
}

fn supabase(value: &str) -> Translation {
    if !value.starts_with("https://") && !value.starts_with("http://") {
        let note = format!("{value:?} is not an address, no key set is fetched");
        return Translation { key: "auth.jwks_url", value: None, note: Some(note) };
    }
    let url = format!("{}/auth/v1/.well-known/jwks.json", value.trim_end_matches('/'));
    Translation {
        key: "auth.jwks_url",
        note: Some(format!("tokens are checked with the key set at {url}")),
        value: Some(url),
    }
}
