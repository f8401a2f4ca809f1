//! Words as clients send them: a text, or parts of one.

use serde::Deserialize;

use crate::{error::ApiError, http::openai::error::bad};

/// The content of a message, or the output of a function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::http::openai) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part; chat completions and responses have different names for the same.
#[derive(Debug, Deserialize)]
pub(in crate::http::openai) struct Part {
    r#type: String,
    text: Option<String>,
    refusal: Option<String>,
}

impl Content {
    /// The words; parts are put together, each on a line of its own. `param` is where they stand in the request.
    ///
    /// # Errors
    /// A part that is no text.
    pub(in crate::http::openai) fn words(self, param: &str) -> Result<String, ApiError> {
        let parts = match self {
            Self::Text(text) => return Ok(text),
            Self::Parts(parts) => parts,
        };
        let mut words = String::new();
        for (index, part) in parts.into_iter().enumerate() {
            let text = match part.r#type.as_str() {
                "text" | "input_text" | "output_text" => part.text,
                "refusal" => part.refusal,
                _ => {
                    let message = "only text is read here: pictures go to /upload/image, speech to /v1/audio/transcriptions or /v1/realtime";
                    return Err(bad(format!("{param}[{index}]"), message));
                }
            };
            let Some(text) = text else {
                return Err(bad(format!("{param}[{index}]"), "a part of this type has a text"));
            };
            if !words.is_empty() {
                words.push('\n');
            }
            words.push_str(&text);
        }
        Ok(words)
    }
}
