//! Who may come in, and whose a session is.
//!
//! Three proofs are known: an API key, a token (`auth/token.rs`), and the secret that a session's creator was
//! given. Nothing here logs or repeats a key, a token or a secret.

mod origin;
mod token;

use std::fmt;

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use duologue_actors::store::SessionRecord;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use self::origin::{OriginPolicy, origin_allowed};
use self::token::TokenVerifier;
use crate::{
    config::Config,
    error::{ApiError, Code},
};

/// Where a session's secret is expected outside a WebSocket.
pub const SECRET_HEADER: &str = "x-duologue-secret";
/// Where a key may be, besides `Authorization`.
pub const KEY_HEADER: &str = "x-api-key";
/// WebSocket subprotocol that carries a key or token, because a browser cannot set headers there.
pub const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
/// WebSocket subprotocol that carries a session's secret.
pub const SECRET_PROTOCOL: &str = "duologue-secret.";

/// Who a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Stable id of the user; `None` is nobody in particular.
    pub user_id: Option<String>,
    /// From a token, when it says so.
    pub email: Option<String>,
}

impl Principal {
    /// Whether it was proven who this is.
    pub fn is_known(&self) -> bool {
        self.user_id.is_some()
    }
}

/// Checks keys, tokens and ownership, as configured.
pub struct Authenticator {
    /// SHA-256 of each key: all have the same length, and the keys themselves need not stay in memory.
    keys: Vec<[u8; 32]>,
    tokens: TokenVerifier,
    configured: bool,
    required: bool,
    /// Nobody but the owner of this machine can reach the server, and nothing is configured.
    private: bool,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("required", &self.required)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// From `[auth]`, and from where the server listens.
    pub fn new(config: &Config) -> Self {
        let configured = config.auth.is_configured();
        Self {
            keys: config.auth.api_keys.iter().map(|key| Sha256::digest(key).into()).collect(),
            tokens: TokenVerifier::new(&config.auth),
            configured,
            required: config.auth_required(),
            private: !configured && config.server.is_loopback(),
        }
    }

    /// Who sent `headers`. A wrong proof is refused even where none is required, so that nobody believes to be
    /// signed in; without any configured proof, whatever clients send out of habit is ignored.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        if !self.configured {
            return Ok(Principal::default());
        }
        match proof(headers) {
            Some(proof) => self.identify(&proof).await,
            None if self.required => Err(ApiError::new(Code::Unauthorized, "this server asks who you are")),
            None => Ok(Principal::default()),
        }
    }

    async fn identify(&self, proof: &str) -> Result<Principal, ApiError> {
        let digest: [u8; 32] = Sha256::digest(proof).into();
        // Every key is compared, in constant time, so that neither a prefix nor a position can be guessed.
        let known = self.keys.iter().fold(subtle::Choice::from(0), |found, key| found | key.ct_eq(&digest));
        if bool::from(known) {
            return Ok(Principal { user_id: Some(format!("key-{}", &hex(&digest)[..16])), email: None });
        }
        self.tokens.verify(proof).await
    }

    /// Whether `principal`, or who holds `secret`, may read and change the session.
    ///
    /// A session belongs to who made it: to the user that it was made for, or to whoever was given its secret.
    /// While only this machine can reach the server and nothing is configured, there is one owner of everything,
    /// and the earlier systems' clients, which know no secrets, work; a wrong secret is refused even then.
    pub fn may_access(&self, principal: &Principal, secret: Option<&str>, record: &SessionRecord) -> bool {
        if let Some(secret) = secret {
            return secret_matches(secret, &record.secret_sha256);
        }
        if principal.is_known() {
            return principal.user_id == record.user_id;
        }
        self.private
    }

    /// Whether everything belongs to one person, see [`Self::may_access`].
    pub fn is_private(&self) -> bool {
        self.private
    }
}

/// The key or token of a request: `Authorization: Bearer`, `X-API-Key`, or the WebSocket subprotocol.
pub(crate) fn proof(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some((scheme, proof)) =
        text(header::AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(proof.trim().to_owned());
    }
    if let Some(key) = text(KEY_HEADER) {
        return Some(key.trim().to_owned());
    }
    subprotocol(headers, KEY_PROTOCOL)
}

/// The session secret of a request, from its header or its subprotocol.
pub fn session_secret(headers: &HeaderMap) -> Option<String> {
    let from_header = headers
        .get(SECRET_HEADER)
        .and_then(|value| value.to_str().ok())
        .map(|secret| secret.trim().to_owned());
    from_header.or_else(|| subprotocol(headers, SECRET_PROTOCOL))
}

/// What follows `prefix` in the offered WebSocket subprotocols.
fn subprotocol(headers: &HeaderMap, prefix: &str) -> Option<String> {
    let offers =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offers
        .flat_map(|list| list.split(','))
        .find_map(|offer| offer.trim().strip_prefix(prefix))
        .map(str::to_owned)
}

/// A new session's id: 96 random bits, so it cannot be guessed, in the shape of a MongoDB object id, which is what
/// clients of the earlier systems expect.
pub fn new_session_id() -> String {
    hex(&rand::random::<[u8; 12]>())
}

/// A new secret: 256 random bits in an alphabet that a WebSocket subprotocol can carry.
pub fn new_secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What is stored instead of a secret.
pub fn secret_digest(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// Whether `secret` is the one whose digest was stored; in constant time. An empty digest matches nothing.
pub fn secret_matches(secret: &str, digest: &str) -> bool {
    !digest.is_empty() && bool::from(secret_digest(secret).as_bytes().ct_eq(digest.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
