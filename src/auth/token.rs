//! Tokens as Supabase issues them: HS256 with a shared secret, ES256 or RS256 with a key set that is fetched.
//!
//! The algorithm comes from the key, never from the token: a token that names another one is refused before its
//! signature is looked at.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::warn;

use super::Principal;
use crate::{
    config::AuthConfig,
    error::{ApiError, Code},
};

/// Clocks of two machines differ by less than this.
const LEEWAY_S: u64 = 30;
/// After this a key set is fetched anew, so that a withdrawn key does not live on.
const FRESH: Duration = Duration::from_secs(600);
/// A key that is not in the set causes a fetch, but not more often than this: anybody can invent key ids.
const RETRY: Duration = Duration::from_secs(30);
/// While the issuer cannot be reached, its last keys are believed for this long.
const STALE: Duration = Duration::from_secs(24 * 3600);
const FETCH: Duration = Duration::from_secs(5);
/// A key set has a handful of keys; more than this is not one.
const MAX_SET_BYTES: usize = 256 * 1024;

/// Checks tokens.
pub(super) struct TokenVerifier {
    secret: Option<DecodingKey>,
    set: Option<KeySet>,
    audience: Option<String>,
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    email: Option<String>,
}

impl TokenVerifier {
    pub(super) fn new(config: &AuthConfig) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        // The HTTP client takes the process's TLS provider; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            secret: some(&config.jwt_secret).map(|secret| DecodingKey::from_secret(secret.as_bytes())),
            set: some(&config.jwks_url).map(KeySet::new),
            audience: some(&config.audience),
            issuer: some(&config.issuer),
        }
    }

    /// Who the token was issued to.
    pub(super) async fn verify(&self, token: &str) -> Result<Principal, ApiError> {
        let header = decode_header(token).map_err(|_| refused("the key or token is not valid"))?;
        let (key, algorithm) = match (header.alg, &self.secret, &self.set) {
            (Algorithm::HS256, Some(secret), _) => (secret.clone(), Algorithm::HS256),
            (Algorithm::ES256 | Algorithm::RS256, _, Some(set)) => set.find(header.kid.as_deref()).await?,
            _ => return Err(refused("the token is signed in a way that this server does not accept")),
        };
        if algorithm != header.alg {
            return Err(refused("the token names another algorithm than its key has"));
        }
        let claims = decode::<Claims>(token, &key, &self.validation(algorithm))
            .map_err(|error| refused(reason(error.kind())))?
            .claims;
        if claims.sub.is_empty() {
            return Err(refused("the token names no user"));
        }
        Ok(Principal { user_id: Some(claims.sub), email: claims.email.filter(|email| !email.is_empty()) })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        let mut needed = vec!["exp", "sub"];
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                needed.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            needed.push("iss");
        }
        validation.set_required_spec_claims(&needed);
        validation
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::new(Code::Unauthorized, message)
}

/// What may be said about a refused token without helping to forge one.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is meant for another audience",
        ErrorKind::InvalidIssuer => "the token comes from another issuer",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim that is needed",
        _ => "the token is not valid",
    }
}

/// The issuer's public keys, by key id.
struct KeySet {
    url: String,
    /// The lock is held while fetching, so that a crowd of requests fetches once.
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    keys: Arc<HashMap<String, (DecodingKey, Algorithm)>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl KeySet {
    fn new(url: String) -> Self {
        Self { url, cache: Mutex::default() }
    }

    /// The key `kid`, fetched when it is not known or the set is old.
    async fn find(&self, kid: Option<&str>) -> Result<(DecodingKey, Algorithm), ApiError> {
        let mut cache = self.cache.lock().await;
        let older = |mark: Option<Instant>, than: Duration| mark.is_none_or(|mark| mark.elapsed() > than);
        let missing = pick(&cache.keys, kid).is_none();
        if (missing || older(cache.fetched, FRESH)) && older(cache.tried, RETRY) {
            cache.tried = Some(Instant::now());
            match fetch(&self.url).await {
                Ok(keys) => {
                    cache.keys = Arc::new(keys);
                    cache.fetched = cache.tried;
                }
                Err(error) => warn!(error, "key set not fetched"),
            }
        }
        if older(cache.fetched, STALE) {
            return Err(ApiError::new(
                Code::AuthUnavailable,
                "the keys of the token's issuer cannot be fetched",
            )
            .retry_after(RETRY.as_secs()));
        }
        pick(&cache.keys, kid)
            .ok_or_else(|| refused("the token is signed with a key that its issuer does not have"))
    }
}

/// The key of that id; a token without one can only mean the single key of a set.
fn pick(
    keys: &HashMap<String, (DecodingKey, Algorithm)>,
    kid: Option<&str>,
) -> Option<(DecodingKey, Algorithm)> {
    match kid {
        Some(kid) => keys.get(kid).cloned(),
        None if keys.len() == 1 => keys.values().next().cloned(),
        None => None,
    }
}

async fn fetch(url: &str) -> Result<HashMap<String, (DecodingKey, Algorithm)>, String> {
    // A client for each of the few fetches: nothing to keep open between two that are minutes apart.
    let client = reqwest::Client::builder().timeout(FETCH).build().map_err(|error| error.to_string())?;
    let response = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut response = response.map_err(|error| error.without_url().to_string())?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + piece.len() > MAX_SET_BYTES {
            return Err("the answer is too long for a key set".into());
        }
        body.extend_from_slice(&piece);
    }
    let set: JwkSet = serde_json::from_slice(&body).map_err(|_| "the answer is not a key set".to_owned())?;
    let usable = set.keys.iter().filter_map(|jwk| {
        let algorithm = algorithm(jwk)?;
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some((jwk.common.key_id.clone().unwrap_or_default(), (key, algorithm)))
    });
    Ok(usable.collect())
}

/// The one algorithm that a key may be used with; `None` for keys that are not for us, shared secrets above all.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let by_type = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    match jwk.common.key_algorithm {
        None => Some(by_type),
        Some(named) => Algorithm::try_from(named).ok().filter(|named| *named == by_type),
    }
}
