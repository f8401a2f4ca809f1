//! `render.wav`, and the soundfont that pages play with.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::sync::mpsc;
use tower_http::services::ServeFile;

use super::{attachment, find};
use crate::{
    error::{ApiError, Code, ErrorBody},
    http::extract::{ApiPath, Caller},
    midi::sound::Rendering,
    state::AppState,
};

/// Pieces on their way to a client, a third of a second each: the synthesiser waits when there are more.
const AHEAD: usize = 8;
/// How long a client may take for a piece before the rendering is given up.
const STALLED: Duration = Duration::from_secs(30);
/// A day: the soundfont changes only by the hand of who runs the server.
const CACHED: &str = "public, max-age=86400";

/// The file as sound: stereo, 16 bits, 44.1 kHz, sent while it is rendered.
#[utoipa::path(get, path = "/api/midi/{midi_id}/render.wav", tag = "midi", responses(
    (status = 200, content_type = "audio/wav", body = [u8]), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn render(
    State(state): State<AppState>,
    caller: Caller,
    ApiPath(midi_id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let document = find(&state, &caller, &midi_id).await?;
    wav(&state, document.data, &document.record.title).await
}

/// The bytes of a MIDI file as a WAV file. The caller has checked that they may be heard.
pub(crate) async fn wav(state: &AppState, data: Vec<u8>, title: &str) -> Result<Response, ApiError> {
    let busy = |_| ApiError::new(Code::EngineOverloaded, "other files are being rendered").retry_after(10);
    let turn = state.renderings.clone().try_acquire_owned().map_err(busy)?;
    let rendering = state.sounds.begin(data).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("audio/wav")),
        (header::CONTENT_LENGTH, HeaderValue::from(rendering.wav_bytes())),
        (header::CONTENT_DISPOSITION, attachment(title, "wav")),
    ];
    let (sender, receiver) = mpsc::channel(AHEAD);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        runtime.block_on(send(rendering, &sender));
    });
    let pieces = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (Ok::<Bytes, Infallible>(piece), receiver))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Renders piece after piece, as fast as they are taken. Runs where it may block.
async fn send(rendering: Rendering, sender: &mpsc::Sender<Bytes>) {
    let header = Bytes::copy_from_slice(&rendering.wav_header());
    for piece in std::iter::once(header).chain(rendering.map(Bytes::from)) {
        // Whoever has gone, or does not read, is not rendered for any more.
        match tokio::time::timeout(STALLED, sender.send(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// The sounds of General MIDI, for the page. Anybody may have them.
#[utoipa::path(get, path = "/soundfonts/gm.sf2", tag = "midi", responses(
    (status = 200, content_type = "application/octet-stream", body = [u8]), (status = 206), (status = 304),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn soundfont(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    state.sounds.check()?;
    match ServeFile::new(state.sounds.path()).try_call(request).await {
        Ok(response) => {
            let mut response = response.into_response();
            if response.status().is_success() || response.status().as_u16() == 304 {
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHED));
            }
            Ok(response)
        }
        Err(error) => {
            tracing::warn!(%error, "the soundfont cannot be read");
            Err(ApiError::new(Code::SoundfontMissing, "the soundfont cannot be read"))
        }
    }
}
