//! `POST /upload/image`: one picture of a face, for clients that have no landmarker of their own. Nothing is kept.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{StatusCode, header},
    routing::post,
};
use duologue_domain::face::{self, Frame, SHAPE_NAMES};
use duologue_engines::face::picture::{self, PictureError};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::extract::Caller;
use crate::{
    error::{ApiError, Code, ErrorBody},
    state::AppState,
};

/// Largest file: a photo of 16 megapixels in the best quality.
const MAX_BYTES: usize = 12 * 1024 * 1024;

/// A picture, as a form with a file; it may also be the whole body.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "described for OpenAPI; the form is read field by field")]
pub struct PictureForm {
    /// JPEG, PNG or WebP, 32×32 to 4096×4096 pixels, at most 12 MiB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What a picture shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shown {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// How many faces there are; what follows is of one of them, and absent without any.
    pub faces: u8,
    /// The expression that is shown most. It says nothing about what is felt.
    #[schema(example = "joy")]
    pub expression: Option<&'static str>,
    /// Of each of the eight expressions, adding up to 1.
    #[schema(value_type = Option<Object>)]
    pub shares: Option<Value>,
    /// Degrees: `yaw` to the picture's right, `pitch` up, `roll` counter-clockwise.
    #[schema(value_type = Option<Object>)]
    pub head: Option<Value>,
    /// The landmarker's 52 shapes by name.
    #[schema(value_type = Option<Object>)]
    pub blendshapes: Option<Value>,
    /// Always false: the picture is looked at and forgotten.
    pub stored: bool,
}

/// The route. Pictures are larger than other bodies.
pub(super) fn router(max_upload_bytes: usize) -> Router<AppState> {
    Router::new()
        .route("/upload/image", post(upload))
        .layer(DefaultBodyLimit::max(max_upload_bytes.min(MAX_BYTES)))
}

/// Looks at a picture of a face: its expression, the head, the landmarker's shapes. Nothing is kept.
#[utoipa::path(post, path = "/upload/image", tag = "face",
    request_body(content = PictureForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = Shown), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 415, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn upload(
    State(state): State<AppState>,
    _: Caller,
    request: Request,
) -> Result<Json<Shown>, ApiError> {
    if !state.config.face.enabled {
        let message = "faces are not looked at on this server ([face] enabled = false)";
        return Err(ApiError::new(Code::EngineUnavailable, message));
    }
    let file = read(request).await?;
    // A picture of the largest size takes a hundred megabytes for a moment.
    let permit = state.decodings.clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        ApiError::new(Code::EngineOverloaded, "too many uploads are being read").retry_after(1)
    })?;
    let unpacked = tokio::task::spawn_blocking(move || {
        let unpacked = picture::unpack(&file);
        drop(permit);
        unpacked
    });
    let picture = unpacked
        .await
        .map_err(|_| ApiError::new(Code::Internal, "the picture could not be read"))?
        .map_err(refused)?;
    let frame = state.engines.face.look(picture).await?;
    Ok(Json(shown(&frame)))
}

/// The file of a form, or the body itself.
async fn read(request: Request) -> Result<Bytes, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if !is_form {
        return Bytes::from_request(request, &())
            .await
            .map_err(|error| unread(error.status(), error.body_text()));
    }
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| ApiError::new(Code::BadRequest, error.body_text()))?;
    let failed = |error: axum::extract::multipart::MultipartError| unread(error.status(), error.body_text());
    while let Some(field) = form.next_field().await.map_err(failed)? {
        if field.name() == Some("file") {
            return field.bytes().await.map_err(failed);
        }
    }
    Err(ApiError::new(Code::BadRequest, "the form has no file").with_param("file"))
}

fn unread(status: StatusCode, message: String) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(Code::PayloadTooLarge, "the file is larger than 12 MiB")
        }
        _ => ApiError::new(Code::BadRequest, message),
    }
}

/// As what is said about an upload.
pub(crate) fn refused(error: PictureError) -> ApiError {
    let code = match error {
        PictureError::Unknown => Code::ImageUnsupported,
        PictureError::Damaged => Code::ImageDamaged,
        PictureError::TooLarge => Code::ImageTooLarge,
        PictureError::TooSmall(..) => Code::ImageTooSmall,
    };
    ApiError::new(code, error.to_string()).with_param("file")
}

fn shown(frame: &Frame) -> Shown {
    let shares = face::shown(frame);
    let most = shares.and_then(|shares| shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)));
    let short = |value: f32| json!((f64::from(value) * 1_000.0).round() / 1_000.0);
    let by_name = |pairs: Vec<(&str, f32)>| {
        Value::Object(
            pairs.into_iter().map(|(name, value)| (name.to_owned(), short(value))).collect::<Map<_, _>>(),
        )
    };
    let pose = face::pose(frame);
    Shown {
        width: frame.width,
        height: frame.height,
        faces: frame.faces,
        expression: most.map(|(expression, _)| expression.name()),
        shares: shares
            .map(|shares| by_name(shares.iter().map(|(shown, share)| (shown.name(), *share)).collect())),
        head: pose.map(
            |pose| json!({"yaw": short(pose.yaw), "pitch": short(pose.pitch), "roll": short(pose.roll)}),
        ),
        blendshapes: frame.blendshapes.map(|shapes| by_name(SHAPE_NAMES.into_iter().zip(shapes).collect())),
        stored: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_told_and_nobody_is_nobody() {
        let nobody = shown(&Frame::empty(64, 48));
        assert_eq!((nobody.faces, nobody.expression, nobody.shares), (0, None, None));
        let mut shapes = [0.0; SHAPE_NAMES.len()];
        (shapes[44], shapes[45]) = (0.8, 0.8);
        let smiling = shown(&Frame { faces: 1, blendshapes: Some(shapes), ..Frame::empty(64, 48) });
        assert_eq!(smiling.expression, Some("joy"));
        assert_eq!(smiling.blendshapes.expect("by name")["mouthSmileLeft"], 0.8);
        assert_eq!(smiling.head.map(|head| head.to_string()), None);
    }

    #[test]
    fn every_refusal_has_a_code_and_a_status() {
        let of = |error: PictureError| {
            let refused = refused(error);
            (refused.code.name(), refused.code.status().as_u16())
        };
        assert_eq!(of(PictureError::Unknown), ("image_unsupported", 415));
        assert_eq!(of(PictureError::Damaged), ("image_damaged", 422));
        assert_eq!(of(PictureError::TooLarge), ("image_too_large", 413));
        assert_eq!(of(PictureError::TooSmall(1, 1)), ("image_too_small", 422));
    }
}
