//! The HTTP side of calls: offers are answered, candidates taken, calls ended.
//!
//! `POST /v1/realtime/calls` as OpenAI has it, with `?session=` to come to a session that exists; `POST /whip` (RFC 9725)
//! for players. Everything about an offer is checked before WebRTC's own reader sees it.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{patch, post},
};
use duologue_actors::event::ConfigPatch;
use duologue_rtc::{
    Answered, Peer, PeerError,
    sdp::{FRAGMENT_TYPE, Fragment, MAX_FRAGMENT_BYTES, MAX_OFFER_BYTES, Offer},
};
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Refusal,
    call::{About, Call},
    camera,
    links::links,
    switchboard::Line,
};
use crate::{
    auth::new_session_id,
    error::{ApiError, Code, ErrorBody},
    http::{
        chat::{self, NewSession},
        extract::{ApiPath, ApiQuery},
        openai::client_secrets::RealtimeCaller,
    },
    state::AppState,
    ws::{decode, join},
};

/// Largest body: much above the largest offer, so that its refusal is read and no broken connection; a session's
/// configuration may be beside it.
const MAX_BODY: usize = 16 * MAX_OFFER_BYTES;

/// The media type of an offer.
const SDP: &str = "application/sdp";

/// Which session a call belongs to.
const SESSION: HeaderName = HeaderName::from_static("x-duologue-session");

/// Told to who made the session.
const SECRET: HeaderName = HeaderName::from_static("x-duologue-secret");

/// What a client may ask for in the address.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wishes {
    /// Persona, by id or name.
    model: Option<String>,
    /// `ko` or `en`.
    language: Option<String>,
    /// A session that exists.
    session: Option<String>,
    /// The number of the last event that the client has.
    resume: Option<u64>,
    /// Whether the server shall look at the camera's video, for a client that cannot find a face itself.
    video: Option<bool>,
}

/// The routes.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/v1/realtime/calls", post(call_in))
        .route("/v1/realtime/calls/{call_id}", patch(trickle).delete(hang_up))
        .route("/v1/realtime/calls/{call_id}/hangup", post(hang_up))
        .route("/whip", post(whip))
        .route("/whip/{call_id}", patch(trickle).delete(hang_up))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// Answers an offer of WebRTC. The body is the offer (`application/sdp`), or a form with `sdp` and `session`, the
/// configuration as in `session.update` with the persona as `model`.
#[utoipa::path(post, path = "/v1/realtime/calls", tag = "openai", responses(
    (status = 201, content_type = "application/sdp", body = String), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn call_in(
    State(state): State<AppState>,
    caller: RealtimeCaller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = Body::read(request).await?;
    connect(&state, caller, wishes, body, "/v1/realtime/calls").await
}

/// The same for players that speak WHIP, which are told of STUN and TURN servers by headers `Link`.
#[utoipa::path(post, path = "/whip", tag = "openai", responses(
    (status = 201, content_type = "application/sdp", body = String), (status = 400, body = ErrorBody)))]
pub(crate) async fn whip(
    State(state): State<AppState>,
    caller: RealtimeCaller,
    ApiQuery(wishes): ApiQuery<Wishes>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = Body::read(request).await?;
    let mut response = connect(&state, caller, wishes, body, "/whip").await?;
    for link in links(&state.config.rtc.servers()) {
        response.headers_mut().append(header::LINK, link);
    }
    Ok(response)
}

/// What a body says.
#[derive(Debug)]
struct Body {
    sdp: String,
    session: Option<Value>,
}

impl Body {
    async fn read(request: Request) -> Result<Self, ApiError> {
        let kind = media_type(request.headers());
        if kind == "multipart/form-data" {
            let form = Multipart::from_request(request, &()).await;
            return Self::of_form(
                form.map_err(|rejection| too_large_or(rejection.status(), &rejection.body_text()))?,
            )
            .await;
        }
        // OpenAI's clients say what it is; a plain `curl --data` says that it is a form.
        if !matches!(kind.as_str(), SDP | "" | "text/plain" | "application/x-www-form-urlencoded") {
            return Err(ApiError::new(Code::Rtc(Refusal::NotSdp), format!("{kind:?} is no offer")));
        }
        Ok(Self { sdp: text(request).await?, session: None })
    }

    async fn of_form(mut form: Multipart) -> Result<Self, ApiError> {
        let (mut sdp, mut session) = (None, None);
        let broken = |error: axum::extract::multipart::MultipartError| {
            too_large_or(error.status(), &error.body_text())
        };
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("sdp") => sdp = Some(field.text().await.map_err(broken)?),
                Some("session") => session = Some(field.text().await.map_err(broken)?),
                _ => {}
            }
        }
        let blame = |message: &str, param| ApiError::new(Code::BadRequest, message).with_param(param);
        let session = session.map(|text| serde_json::from_str::<Value>(&text));
        let session = session.transpose().map_err(|_| blame("session is no JSON", "session"))?;
        Ok(Self { sdp: sdp.ok_or_else(|| blame("there is no field sdp", "sdp"))?, session })
    }

    /// The persona and the configuration that the form names.
    fn configured(&self) -> Result<(Option<String>, Option<Box<ConfigPatch>>), ApiError> {
        let Some(session) = &self.session else { return Ok((None, None)) };
        let model = session.get("model").and_then(Value::as_str).map(str::to_owned);
        let patch = decode::patch(session).map_err(|error| {
            let made = ApiError::new(Code::BadRequest, error.message);
            error.param.map_or(made.clone(), |param| made.with_param(param))
        })?;
        Ok((model, Some(Box::new(patch))))
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn too_large_or(status: StatusCode, message: &str) -> ApiError {
    let refusal =
        if status == StatusCode::PAYLOAD_TOO_LARGE { Refusal::TooLarge } else { Refusal::Malformed };
    ApiError::new(Code::Rtc(refusal), message.to_owned())
}

async fn text(request: Request) -> Result<String, ApiError> {
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|rejection| too_large_or(rejection.status(), &rejection.body_text()))?;
    let no_text = |_| ApiError::new(Code::Rtc(Refusal::Malformed), "an offer is text in UTF-8");
    String::from_utf8(body.to_vec()).map_err(no_text)
}

#[expect(
    clippy::too_many_arguments,
    reason = "what came with one request, and under which path it is found again"
)]
async fn connect(
    state: &AppState,
    caller: RealtimeCaller,
    wishes: Wishes,
    body: Body,
    path: &str,
) -> Result<Response, ApiError> {
    if !state.config.rtc.enabled {
        return Err(ApiError::new(Code::Rtc(Refusal::Off), "this server takes no calls over WebRTC"));
    }
    let mut offer = Offer::read(&body.sdp).map_err(PeerError::from)?;
    if wishes.video == Some(true) {
        offer = camera::admit(&state.config, offer)?;
    }
    let (model, configured) = body.configured()?;
    let place = state.calls.place(caller.caller.client())?;
    let about = About::of(&offer);
    // Before the session, so that none is made for an offer that cannot be answered. Dropped, it closes.
    let Answered { peer, events, sdp } = Peer::answer(&state.calls.config, offer).await?;
    let (resume, wanted) = (wishes.resume, wishes.new_session(model));
    let opened_with = caller.key;
    let mut joining = match wishes.session {
        Some(id) => join::find(state, &caller.returning(), id, wanted).await?,
        None => join::make(state, &caller.caller, wanted, caller.secret).await?,
    };
    joining.patch = match (configured, joining.patch) {
        (Some(form), Some(secret)) => Some(Box::new(form.or(*secret))),
        (form, secret) => form.or(secret),
    };
    let (record, session_secret) = (joining.record.clone(), joining.secret.clone());
    let arrival = join::arrive(state, joining).await?;
    let id = format!("rtc_{}", new_session_id());
    let (peer, over) = (std::sync::Arc::new(peer), CancellationToken::new());
    let line = Line { peer: peer.clone(), over: over.clone(), record, opened_with };
    let session = arrival.session.id().to_owned();
    let entry = state.calls.connect(&id, line);
    metrics::counter!("rtc_calls_total").increment(1);
    let call = Call { peer, events, arrival, about, resume, over, entry, place };
    tokio::spawn(call.run());
    answered(&format!("{path}/{id}"), &session, session_secret.as_deref(), sdp)
}

impl Wishes {
    fn new_session(&self, model: Option<String>) -> NewSession {
        let persona_id = model.or_else(|| self.model.clone());
        NewSession { persona_id, language: self.language.clone(), ..NewSession::default() }
    }
}

fn answered(location: &str, session: &str, secret: Option<&str>, sdp: String) -> Result<Response, ApiError> {
    // Ids and secrets are made of letters and digits.
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| ApiError::new(Code::Internal, "an id is no header"))
    };
    let mut response =
        (StatusCode::CREATED, [(header::CONTENT_TYPE, HeaderValue::from_static(SDP))], sdp).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, value(location)?);
    headers.insert(SESSION, value(session)?);
    if let Some(secret) = secret {
        headers.insert(SECRET, value(secret)?);
    }
    Ok(response)
}

/// The call, if it is the caller's.
fn line(state: &AppState, caller: &RealtimeCaller, id: &str) -> Result<Line, ApiError> {
    let found = state.calls.find(id);
    let line =
        found.map_err(|why| ApiError::new(Code::Rtc(why), format!("{id:?} is no call that goes on")))?;
    let has_made_it = caller.key.is_some() && caller.key == line.opened_with;
    if !has_made_it {
        chat::check_access(state, &caller.returning(), &line.record)?;
    }
    Ok(line)
}

/// Takes candidates that come after the offer; with new credentials ICE begins anew, which is answered by ours.
#[utoipa::path(patch, path = "/v1/realtime/calls/{call_id}", tag = "openai", responses(
    (status = 204), (status = 200, content_type = "application/trickle-ice-sdpfrag", body = String),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub(crate) async fn trickle(
    State(state): State<AppState>,
    caller: RealtimeCaller,
    ApiPath(call_id): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let line = line(&state, &caller, &call_id)?;
    let kind = media_type(request.headers());
    if kind != FRAGMENT_TYPE {
        return Err(ApiError::new(Code::Rtc(Refusal::NotSdp), format!("{kind:?} is not {FRAGMENT_TYPE}")));
    }
    let text = text(request).await?;
    if text.len() > MAX_FRAGMENT_BYTES {
        return Err(too_large_or(StatusCode::PAYLOAD_TOO_LARGE, "a fragment has 16 KiB at most"));
    }
    let fragment = Fragment::read(&text).map_err(PeerError::from)?;
    Ok(match line.peer.told(&fragment).await? {
        Some(ours) => ([(header::CONTENT_TYPE, FRAGMENT_TYPE)], ours).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Hangs up. The session waits for a while, so that its client can come back to it.
#[utoipa::path(delete, path = "/v1/realtime/calls/{call_id}", tag = "openai", responses(
    (status = 200), (status = 404, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub(crate) async fn hang_up(
    State(state): State<AppState>,
    caller: RealtimeCaller,
    ApiPath(call_id): ApiPath<String>,
) -> Result<StatusCode, ApiError> {
    line(&state, &caller, &call_id)?.over.cancel();
    Ok(StatusCode::OK)
}
