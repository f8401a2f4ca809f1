//! `POST /v1/embeddings`: where texts lie by what they mean.

use std::time::Duration;

use axum::{Json, Router, extract::DefaultBodyLimit, extract::State, routing::post};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use duologue_engines::{
    fair::session_key,
    port::{EmbedRequest, MAX_EMBED_TOKENS},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{V1Json, error::bad, models, text::client};
use crate::{
    error::{ApiError, ErrorBody},
    http::extract::Caller,
    state::AppState,
};

/// Texts of one request.
const MAX_TEXTS: usize = 2048;
/// Bytes of a body: two thousand paragraphs.
const MAX_BYTES: usize = 8 << 20;
/// How long a text may wait for its turn behind those of others.
const PATIENCE: Duration = Duration::from_secs(60);
/// Names under which clients ask for embeddings that never heard of ours. What they get says whose it is.
const ALIASES: [&str; 3] = ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"];

/// The body. Fields that are not here are read over.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingsRequest {
    model: String,
    input: Input,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Other(Value),
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/embeddings", post(embed)).layer(DefaultBodyLimit::max(MAX_BYTES))
}

/// Places texts by what they mean, Korean and English in one space. The body is OpenAI's; see docs/openai.md.
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", request_body = Value, responses(
    (status = 200, body = Value, description = "A list of embeddings, as numbers or in base64"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn embed(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(request): V1Json<EmbeddingsRequest>,
) -> Result<Json<Value>, ApiError> {
    let engine = &state.engines.embed;
    let own = engine.info().model;
    if request.model != own && !ALIASES.contains(&request.model.as_str()) {
        return Err(models::unknown(&request.model));
    }
    let in_base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(bad("encoding_format", "encoding_format is \"float\" or \"base64\"")),
    };
    let most = engine.dimensions();
    let wanted = request.dimensions.unwrap_or(most);
    // An engine that is absent has none, and says so itself below.
    if most > 0 && !(1..=most).contains(&wanted) {
        return Err(bad("dimensions", format!("{own} has 1 to {most} dimensions")));
    }
    let texts = texts(request.input)?;
    let session = session_key(Some(&client(&caller)), 0);
    let placed = engine.embed(EmbedRequest { session, texts, deadline: PATIENCE }).await?;
    let data = placed.vectors.into_iter().enumerate().map(|(index, vector)| {
        let vector = shortened(vector, wanted);
        let embedding = if in_base64 { base64(&vector).into() } else { json!(vector) };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    Ok(Json(json!({
        "object": "list",
        "data": data.collect::<Vec<_>>(),
        "model": own,
        "usage": { "prompt_tokens": placed.tokens, "total_tokens": placed.tokens },
    })))
}

fn texts(input: Input) -> Result<Vec<String>, ApiError> {
    let texts = match input {
        Input::Text(text) => vec![text],
        Input::Texts(texts) => texts,
        Input::Other(Value::Array(items)) if items.iter().all(|item| item.is_number() || item.is_array()) => {
            return Err(bad("input", "tokens mean something else here: send texts"));
        }
        Input::Other(_) => return Err(bad("input", "input is a text or a list of texts")),
    };
    if texts.is_empty() || texts.len() > MAX_TEXTS {
        return Err(bad("input", format!("input has 1 to {MAX_TEXTS} texts")));
    }
    if texts.iter().any(String::is_empty) {
        return Err(bad("input", "input has an empty text"));
    }
    // Eight characters a token is more than any text has; what is really too long is found by the engine.
    if texts.iter().any(|text| text.chars().count() > 8 * MAX_EMBED_TOKENS) {
        return Err(bad("input", format!("a text has at most {MAX_EMBED_TOKENS} tokens")));
    }
    Ok(texts)
}

/// The first `dimensions` numbers, of length one again.
fn shortened(mut vector: Vec<f32>, dimensions: usize) -> Vec<f32> {
    if dimensions >= vector.len() {
        return vector;
    }
    vector.truncate(dimensions);
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    // Of a vector whose beginning is zero there is no direction to keep.
    if length > 0.0 {
        for number in &mut vector {
            *number /= length;
        }
    }
    vector
}

/// 32-bit floats, the lowest byte first, as OpenAI's clients ask for them.
fn base64(vector: &[f32]) -> String {
    BASE64_STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_shortened_and_encoded() {
        assert_eq!(shortened(vec![0.6, 0.0, 0.8], 3), [0.6, 0.0, 0.8]);
        assert_eq!(shortened(vec![0.6, 0.0, 0.8], 1), [1.0]);
        assert_eq!(shortened(vec![0.0, 1.0], 1), [0.0]);
        assert_eq!(base64(&[1.0, -2.0]), "AACAPwAAAMA=");
    }

    #[test]
    fn inputs_are_texts() {
        let read = |value: Value| texts(serde_json::from_value(value).expect("any value"));
        assert_eq!(read(json!("안녕")), Ok(vec!["안녕".into()]));
        assert_eq!(read(json!(["a", "b"])), Ok(vec!["a".into(), "b".into()]));
        for wrong in [
            json!([]),
            json!(""),
            json!(["a", ""]),
            json!([1, 2]),
            json!([[1], [2]]),
            json!({}),
            json!(["a", 1]),
        ] {
            assert_eq!(read(wrong.clone()).expect_err("refused").param.as_deref(), Some("input"), "{wrong}");
        }
        assert!(read(json!(vec!["x"; 2049])).is_err());
        assert!(read(json!("긴".repeat(8 * MAX_EMBED_TOKENS + 1))).is_err());
    }
}
