//! Bodies of `/v1`, with refusals as OpenAI's clients expect them: status 400 and the field to blame.

use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request},
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Code};

/// A request that cannot be served as it is, and the field to blame.
pub(super) fn bad(param: impl Into<String>, message: impl Into<String>) -> ApiError {
    ApiError::new(Code::BadRequest, message).with_param(param)
}

/// A JSON body. What is no JSON, or lacks a field, is refused with 400 and the path of the field as `param`.
#[derive(Debug)]
pub(crate) struct V1Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for V1Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(Code::UnsupportedMediaType, "the body must be JSON"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
            let code = if too_large { Code::PayloadTooLarge } else { Code::BadRequest };
            ApiError::new(code, rejection.body_text())
        })?;
        parse(&body).map(Self)
    }
}

/// `application/json`, or something `+json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // A list would pass for an object with the same number of fields, or with none.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::new(Code::BadRequest, "the body must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = match error.inner().classify() {
            serde_json::error::Category::Data => error.inner().to_string(),
            _ => format!("the body is not JSON: {}", error.inner()),
        };
        let made = ApiError::new(Code::BadRequest, message);
        if let Some(param) = blamed(&path, error.inner()) { made.with_param(param) } else { made }
    })?;
    let after = |error: serde_json::Error| {
        ApiError::new(Code::BadRequest, format!("there is more than one value in the body: {error}"))
    };
    reader.end().map_err(after)?;
    Ok(value)
}

/// The path of the field; of one that is missing serde names only its parent, and the name in the message.
fn blamed(path: &str, error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let parent = (path != ".").then_some(path);
    match (parent, missing) {
        (Some(parent), Some(field)) => Some(format!("{parent}.{field}")),
        (None, Some(field)) => Some(field.to_owned()),
        (parent, None) => parent.map(str::to_owned),
    }
}

/// A form with files.
#[derive(Debug)]
pub(crate) struct V1Form(pub(crate) Multipart);

impl<S: Send + Sync> FromRequest<S> for V1Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_form =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
                |kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"),
            );
        if !is_form {
            return Err(ApiError::new(Code::NotAForm, "the body must be a form with a file"));
        }
        Multipart::from_request(request, state)
            .await
            .map(Self)
            .map_err(|rejection| ApiError::new(Code::BadRequest, rejection.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        model: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        seconds: u32,
    }

    #[test]
    fn the_field_to_blame_is_named() {
        let cases = [
            (r#"{"model": "x"}"#, Ok(Outer { model: "x".into(), inner: None })),
            (r#"{}"#, Err(Some("model"))),
            (r#"{"model": 3}"#, Err(Some("model"))),
            (r#"{"model": "x", "inner": {}}"#, Err(Some("inner.seconds"))),
            (r#"{"model": "x", "inner": {"seconds": -1}}"#, Err(Some("inner.seconds"))),
            (r#"{"model": "#, Err(None)),
            ("[]", Err(None)),
            (r#"{"model": "x"} {}"#, Err(None)),
            ("안녕", Err(None)),
        ];
        for (text, expected) in cases {
            match (parse::<Outer>(text.as_bytes()), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(error), Err(param)) => {
                    assert_eq!(error.code, Code::BadRequest, "{text}");
                    if let Some(param) = param {
                        assert_eq!(error.param.as_deref(), Some(param), "{text}: {error}");
                    }
                }
                (got, expected) => panic!("{text}: {got:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn kinds_of_json_are_known() {
        for (kind, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header"));
            assert_eq!(is_json(&headers), expected, "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
