//! `POST /v1/realtime/client_secrets`: what a server gives to its pages, so that they can open realtime sessions
//! without its key, and only as it configured them.
//!
//! Secrets live in memory until they expire and may be used more than once. Only their digests are kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, State},
    http::request::Parts,
    routing::post,
};
use duologue_actors::event::ConfigPatch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{V1Json, text::unix_seconds};
use crate::{
    auth::{self, Principal},
    error::{ApiError, Code, ErrorBody},
    http::{extract::Caller, personas},
    metrics::HTTP_RATE_LIMITED_TOTAL,
    state::AppState,
    ws::decode,
};

/// How a secret begins.
const PREFIX: &str = "ek_";

/// Secrets at once. A page needs one for a minute; more than this is no honest use.
const MAX_SECRETS: usize = 10_000;

/// Bytes of all configurations together: instructions of some thousand words each would be most of the memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one: the longest instructions and functions that a session takes, in any script.
const LARGEST: usize = 256 * 1024;

/// One client has at most this part of all, so that none keeps the others out. This machine itself is not limited.
const SHARE: usize = 2;

/// Seconds that a secret lives, as OpenAI has them.
const SECONDS: std::ops::RangeInclusive<u64> = 10..=7_200;
const DEFAULT_SECONDS: u64 = 600;

/// What a client secret stands for.
#[derive(Clone)]
pub(crate) struct ClientSecret {
    /// As in `session.update`, with the persona as `model`.
    pub(crate) session: Value,
    /// Id of the persona, when the secret names one; else the client may choose.
    pub(crate) persona: Option<String>,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
    /// Who asked for it: sessions that are opened with it are theirs.
    pub(crate) principal: Principal,
    /// Whose share it is of: see [`Caller::client`].
    client: Option<Arc<str>>,
}

impl std::fmt::Debug for ClientSecret {
    // Never the configuration: its instructions are somebody's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSecret").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl ClientSecret {
    /// What the session is to change at its start; none when nothing is.
    ///
    /// # Errors
    /// Never for a secret that was given out: it was checked then.
    pub(crate) fn patch(&self) -> Result<Option<Box<ConfigPatch>>, ApiError> {
        let patch = checked(&self.session)?;
        Ok((patch != ConfigPatch::default()).then(|| Box::new(patch)))
    }
}

/// All secrets that may still be used.
#[derive(Debug, Default)]
pub struct ClientSecrets {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_digest: HashMap<[u8; 32], Entry>,
}

#[derive(Debug)]
struct Entry {
    secret: ClientSecret,
    until: Instant,
    bytes: usize,
}

impl Kept {
    /// How long until there may be room for `bytes` more of `client`; `None` when there is.
    fn wait(&self, client: Option<&str>, bytes: usize, now: Instant) -> Option<Duration> {
        let of_client = |entry: &&Entry| client.is_some() && entry.secret.client.as_deref() == client;
        let all = self.by_digest.values().collect::<Vec<_>>();
        let own = self.by_digest.values().filter(of_client).collect::<Vec<_>>();
        let full = [(all, 1), (own, SHARE)].into_iter().find(|(entries, share)| {
            let held = entries.iter().map(|entry| entry.bytes).sum::<usize>();
            entries.len() >= MAX_SECRETS / share || held + bytes > MAX_BYTES / share
        });
        let (entries, _) = full?;
        let first = entries.iter().map(|entry| entry.until).min();
        Some(first.map_or(Duration::ZERO, |first| first.saturating_duration_since(now)))
    }
}

impl ClientSecrets {
    /// Keeps a secret for so many seconds, and returns what it is called.
    ///
    /// # Errors
    /// There is no room, for so long at least: refused at the door.
    fn issue(&self, secret: ClientSecret, seconds: u64, now: Instant) -> Result<String, Duration> {
        let bytes = secret.session.to_string().len();
        let key = format!("{PREFIX}{}", auth::new_secret());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_digest.retain(|_, entry| entry.until > now);
        if let Some(wait) = kept.wait(secret.client.as_deref(), bytes, now) {
            return Err(wait);
        }
        let until = now + Duration::from_secs(seconds);
        kept.by_digest.insert(digest(&key), Entry { secret, until, bytes });
        Ok(key)
    }

    /// What the secret stands for, unless it has expired. Found by its digest, so that nothing can be told from how
    /// long it takes.
    fn redeem(&self, key: &str, now: Instant) -> Option<ClientSecret> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = digest(key);
        let entry = kept.by_digest.get(&digest)?;
        if entry.until > now {
            return Some(entry.secret.clone());
        }
        // This one alone: a stranger who tries keys must not make the server look through all.
        kept.by_digest.remove(&digest);
        None
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// What the secret `key` stands for; `None` when it is unknown or has expired.
pub(crate) fn redeem(state: &AppState, key: &str) -> Option<ClientSecret> {
    state.client_secrets.redeem(key, Instant::now())
}

/// Who opens a realtime session: with a key or token as everywhere, or with a client secret.
#[derive(Debug)]
pub(crate) struct RealtimeCaller {
    /// Who; with a client secret, whoever it was given to.
    pub(crate) caller: Caller,
    /// The client secret that came along.
    pub(crate) secret: Option<ClientSecret>,
    /// Its digest.
    pub(crate) key: Option<[u8; 32]>,
}

impl RealtimeCaller {
    /// Who comes to what is there already. A client secret is for what is new: all pages of one backend have theirs from
    /// the same caller, and must not come into each other's sessions. What opens those is the session's own secret.
    pub(crate) fn returning(&self) -> Caller {
        let principal = match self.secret {
            Some(_) => Principal::default(),
            None => self.caller.principal.clone(),
        };
        Caller { principal, ..self.caller.clone() }
    }
}

impl FromRequestParts<AppState> for RealtimeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let key = auth::proof(&parts.headers).filter(|key| key.starts_with(PREFIX));
        let Some(key) = key else {
            let caller = Caller::from_request_parts(parts, state).await?;
            return Ok(Self { caller, secret: None, key: None });
        };
        let unknown = || ApiError::new(Code::Unauthorized, "the client secret is not known or has expired");
        let secret = redeem(state, &key).ok_or_else(unknown)?;
        let caller = Caller::with_principal(state, parts, secret.principal.clone());
        Ok(Self { caller, secret: Some(secret), key: Some(digest(&key)) })
    }
}

/// What is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct NewSecret {
    /// When it ends; ten minutes after it was made by default.
    #[serde(default)]
    expires_after: Option<ExpiresAfter>,
    /// The session's configuration, as in `session.update`, with the persona as `model`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    session: Option<Map<String, Value>>,
}

/// When a secret ends.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExpiresAfter {
    /// Always `created_at`.
    #[serde(default)]
    anchor: Option<String>,
    /// 10 to 7200.
    #[serde(default)]
    seconds: Option<u64>,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// The secret; it is told only here.
    #[schema(example = "ek_…")]
    value: String,
    /// Seconds since 1970.
    expires_at: u64,
    /// What it stands for.
    #[schema(value_type = Object)]
    session: Value,
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/realtime/client_secrets", post(create))
}

/// Makes a client secret: a bearer, or a WebSocket subprotocol `openai-insecure-api-key.<secret>`, for `/v1/realtime`
/// and `/v1/realtime/calls` alone. The session is configured as it says.
#[utoipa::path(post, path = "/v1/realtime/client_secrets", tag = "openai", request_body = NewSecret, responses(
    (status = 200, body = SecretView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 429, body = ErrorBody)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    V1Json(wanted): V1Json<NewSecret>,
) -> Result<Json<SecretView>, ApiError> {
    let now = Instant::now();
    if let Err(seconds) = state.creations.take(caller.address, now) {
        metrics::counter!(HTTP_RATE_LIMITED_TOTAL).increment(1);
        let message = "too many new sessions and secrets from this address";
        return Err(ApiError::new(Code::RateLimited, message).retry_after(seconds));
    }
    let seconds = lifetime(wanted.expires_after.as_ref())?;
    let mut session = wanted.session.unwrap_or_default();
    let asked = model(&session)?;
    let persona = asked.map(|asked| personas::find(&state, Some(&asked))).transpose();
    let persona =
        persona.map_err(|error| error.with_param("session.model"))?.map(|persona| persona.id.clone());
    session.entry("type").or_insert_with(|| "realtime".into());
    let session = Value::Object(session);
    checked(&session)?;
    if session.to_string().len() > LARGEST {
        let message = format!("a session's configuration has at most {LARGEST} bytes");
        return Err(ApiError::new(Code::BadRequest, message).with_param("session"));
    }
    let expires_at = unix_seconds() + seconds;
    let shown = shown(&session, &persona, &state);
    let client = caller.client();
    let secret = ClientSecret { session, persona, expires_at, principal: caller.principal, client };
    let full = |wait: Duration| {
        let message = "there are too many client secrets until one of them expires";
        ApiError::new(Code::RateLimited, message).retry_after(wait.as_secs() + 1)
    };
    let value = state.client_secrets.issue(secret, seconds, now).map_err(full)?;
    Ok(Json(SecretView { value, expires_at, session: shown }))
}

fn lifetime(wanted: Option<&ExpiresAfter>) -> Result<u64, ApiError> {
    let blame = |param: &str, message: String| ApiError::new(Code::BadRequest, message).with_param(param);
    let Some(wanted) = wanted else { return Ok(DEFAULT_SECONDS) };
    if wanted.anchor.as_deref().is_some_and(|anchor| anchor != "created_at") {
        return Err(blame("expires_after.anchor", "expires_after.anchor must be created_at".into()));
    }
    let seconds = wanted.seconds.unwrap_or(DEFAULT_SECONDS);
    if !SECONDS.contains(&seconds) {
        let message = format!("expires_after.seconds must be {} to {}", SECONDS.start(), SECONDS.end());
        return Err(blame("expires_after.seconds", message));
    }
    Ok(seconds)
}

fn model(session: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    match session.get("model") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(model)) => Ok(Some(model.clone()).filter(|model| !model.trim().is_empty())),
        Some(_) => Err(ApiError::new(Code::BadRequest, "model must be a string").with_param("session.model")),
    }
}

/// The configuration by the decoder of `session.update`.
fn checked(session: &Value) -> Result<ConfigPatch, ApiError> {
    decode::patch(session).map_err(|error| {
        let param = error.param.map(|param| format!("session.{}", param.trim_start_matches("session.")));
        let made = ApiError::new(Code::BadRequest, error.message);
        if let Some(param) = param { made.with_param(param) } else { made }
    })
}

/// The session as its clients know it: what was asked for, with what is always there.
fn shown(session: &Value, persona: &Option<String>, state: &AppState) -> Value {
    let mut shown = session.clone();
    shown["object"] = json!("realtime.session");
    shown["id"] = json!(format!("sess_{}", auth::new_session_id()));
    shown["model"] = json!(persona.clone().unwrap_or_else(|| state.active_persona()));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(words: usize) -> ClientSecret {
        ClientSecret {
            session: json!({"type": "realtime", "instructions": "말".repeat(words)}),
            persona: Some("x".into()),
            expires_at: 0,
            principal: Principal::default(),
            client: None,
        }
    }

    fn of(client: &str, words: usize) -> ClientSecret {
        ClientSecret { client: Some(client.into()), ..secret(words) }
    }

    #[test]
    fn a_secret_is_good_more_than_once_until_it_expires() {
        let (secrets, now) = (ClientSecrets::default(), Instant::now());
        let key = secrets.issue(secret(1), 10, now).expect("room");
        assert!(key.starts_with(PREFIX) && key.len() > 40);
        for seconds in [0, 5, 9] {
            let found = secrets.redeem(&key, now + Duration::from_secs(seconds)).expect("still good");
            assert_eq!(found.persona.as_deref(), Some("x"));
        }
        assert!(secrets.redeem(&key, now + Duration::from_secs(10)).is_none());
        assert!(secrets.kept.lock().expect("whole").by_digest.is_empty(), "what expired is forgotten");
        for wrong in ["", "ek_", "ek_wrong", &key[..key.len() - 1]] {
            assert!(secrets.redeem(wrong, now).is_none(), "{wrong}");
        }
    }

    #[test]
    fn memory_is_bounded_and_room_comes_back() {
        let (secrets, now) = (ClientSecrets::default(), Instant::now());
        assert!(secrets.issue(secret(MAX_BYTES / 3), 10, now).is_err(), "more than all may have");
        let long = 80_000;
        let given = (0..100).filter(|_| secrets.issue(secret(long), 10, now).is_ok()).count();
        assert!((60..=70).contains(&given), "{given}");
        assert!(secrets.issue(secret(long), 10, now + Duration::from_secs(11)).is_ok());
    }

    #[test]
    fn a_greedy_client_leaves_room_and_is_told_when_there_is_some() {
        let (secrets, now) = (ClientSecrets::default(), Instant::now());
        let given = (0..100).filter(|_| secrets.issue(of("greedy", 80_000), 600, now).is_ok()).count();
        assert!((30..=35).contains(&given), "half: {given}");
        let later = now + Duration::from_secs(400);
        let wait = secrets.issue(of("greedy", 80_000), 7_200, later).expect_err("still too many");
        assert_eq!(wait, Duration::from_secs(200), "until its first expires, not until the new one would");
        assert!(secrets.issue(of("modest", 80_000), 600, later).is_ok());
        assert!(secrets.issue(of("greedy", 80_000), 600, now + Duration::from_secs(600)).is_ok());
    }

    #[test]
    fn many_secrets_are_too_many() {
        let (secrets, now) = (ClientSecrets::default(), Instant::now());
        let entry = |number: usize| {
            let made = Entry { secret: secret(1), until: now + Duration::from_secs(10), bytes: 1 };
            (digest(&number.to_string()), made)
        };
        secrets.kept.lock().expect("whole").by_digest.extend((0..MAX_SECRETS).map(entry));
        assert_eq!(secrets.issue(secret(1), 10, now), Err(Duration::from_secs(10)));
        assert!(secrets.issue(secret(1), 10, now + Duration::from_secs(10)).is_ok());
        assert_eq!(secrets.kept.lock().expect("whole").by_digest.len(), 1, "what expired is forgotten");
    }

    #[test]
    fn nothing_of_a_secret_is_shown_to_a_log() {
        let text = format!("{:?}", secret(3));
        assert!(!text.contains('말'), "{text}");
    }

    #[test]
    fn lifetimes_are_openais() {
        let after = |anchor: Option<&str>, seconds| ExpiresAfter { anchor: anchor.map(Into::into), seconds };
        assert_eq!(lifetime(None), Ok(600));
        assert_eq!(lifetime(Some(&after(Some("created_at"), Some(7_200)))), Ok(7_200));
        assert_eq!(lifetime(Some(&after(None, None))), Ok(600));
        for wrong in [after(Some("now"), Some(60)), after(None, Some(9)), after(None, Some(7_201))] {
            assert_eq!(lifetime(Some(&wrong)).expect_err("refused").code, Code::BadRequest);
        }
    }
}
