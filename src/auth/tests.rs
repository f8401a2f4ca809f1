use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{Json, Router, extract::State, http::HeaderValue, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::config::{Sources, load};

/// Made for this test alone.
const EC_KEY: &str = include_str!("test-ec-key.pem");
/// Made for this test alone.
const RSA_KEY: &str = include_str!("test-rsa-key.pem");
const SECRET: &str = "a-secret-that-is-long-enough-for-hs256";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn config(env: &[(&str, &str)]) -> Config {
    let mut env: Vec<(String, String)> =
        env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    env.push(("HOME".into(), "/nowhere".into()));
    load(Sources { env, ..Sources::default() }).expect("valid").config
}

fn authenticator(env: &[(&str, &str)]) -> Authenticator {
    Authenticator::new(&config(env))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value")))
        .collect()
}

fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", &format!("Bearer {token}"))])
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("fits") + seconds
}

fn claims() -> Value {
    json!({"sub": "user-1", "email": "a@b.c", "aud": "authenticated", "exp": in_seconds(600)})
}

fn with(change: Value) -> Value {
    let mut all = claims();
    for (name, value) in change.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

fn sign(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, key).expect("signed")
}

fn hs256(claims: &Value) -> String {
    sign(Algorithm::HS256, None, claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

async fn refusal(authenticator: &Authenticator, headers: &HeaderMap) -> ApiError {
    authenticator.authenticate(headers).await.expect_err("must be refused")
}

#[tokio::test]
async fn nothing_is_asked_when_nothing_is_configured() {
    let open = authenticator(&[]);
    for habit in [HeaderMap::new(), bearer("sk-whatever"), headers(&[("x-api-key", "x")])] {
        assert_eq!(open.authenticate(&habit).await, Ok(Principal::default()));
    }
}

#[tokio::test]
async fn keys_are_found_wherever_clients_put_them() {
    let keys = format!("another-key-of-enough-letters,{KEY}");
    let asked = authenticator(&[("DUOLOGUE_AUTH__API_KEYS", &keys), ("DUOLOGUE_AUTH__REQUIRED", "true")]);
    let protocol = format!("realtime, openai-insecure-api-key.{KEY}, duologue-secret.abc");
    let mut users = Vec::new();
    for proof in
        [bearer(KEY), headers(&[("x-api-key", KEY)]), headers(&[("sec-websocket-protocol", &protocol)])]
    {
        users.push(asked.authenticate(&proof).await.expect("a known key").user_id.expect("a user"));
    }
    assert!(users.iter().all(|user| *user == users[0] && !user.contains(&KEY[..8])), "{users:?}");
    assert_eq!(session_secret(&headers(&[("sec-websocket-protocol", &protocol)])).as_deref(), Some("abc"));
    for wrong in [HeaderMap::new(), bearer(&KEY[1..]), bearer(""), headers(&[("authorization", "Basic abc")])]
    {
        assert_eq!(refusal(&asked, &wrong).await.code, Code::Unauthorized);
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_even_where_none_is_needed() {
    let optional = authenticator(&[("DUOLOGUE_AUTH__API_KEYS", KEY)]);
    assert_eq!(optional.authenticate(&HeaderMap::new()).await, Ok(Principal::default()));
    assert_eq!(refusal(&optional, &bearer("wrong")).await.code, Code::Unauthorized);
}

#[tokio::test]
async fn tokens_with_the_shared_secret() {
    let asked = authenticator(&[("JWT_SECRET_KEY", SECRET)]);
    let known = asked.authenticate(&bearer(&hs256(&claims()))).await.expect("valid");
    assert_eq!(known, Principal { user_id: Some("user-1".into()), email: Some("a@b.c".into()) });
    let cases = [
        (with(json!({"exp": in_seconds(-300)})), "expired"),
        (with(json!({"nbf": in_seconds(300)})), "not valid yet"),
        (with(json!({"aud": "others"})), "audience"),
        (with(json!({"sub": ""})), "names no user"),
        (json!({"sub": "user-1", "aud": "authenticated"}), "lacks a claim"),
        (json!({"sub": "user-1", "exp": in_seconds(600)}), "lacks a claim"),
    ];
    for (claims, expected) in cases {
        let error = refusal(&asked, &bearer(&hs256(&claims))).await;
        assert!(error.message.contains(expected), "{claims}: {}", error.message);
    }
    let other = sign(Algorithm::HS256, None, &claims(), &EncodingKey::from_secret(b"another-secret"));
    let longer = sign(Algorithm::HS512, None, &claims(), &EncodingKey::from_secret(SECRET.as_bytes()));
    let unsigned = format!("{}.", hs256(&claims()).rsplit_once('.').expect("three parts").0);
    for forged in [other, longer, unsigned, "a.b.c".into(), "not a token".into()] {
        let error = refusal(&asked, &bearer(&forged)).await;
        assert_eq!(error.code, Code::Unauthorized);
        assert!(!error.to_string().contains(SECRET) && !error.to_string().contains(&forged));
    }
}

#[tokio::test]
async fn the_issuer_is_checked_when_configured() {
    let asked = authenticator(&[
        ("JWT_SECRET_KEY", SECRET),
        ("DUOLOGUE_AUTH__ISSUER", "https://us"),
        ("DUOLOGUE_AUTH__AUDIENCE", ""),
    ]);
    let good = hs256(&json!({"sub": "u", "iss": "https://us", "exp": in_seconds(60)}));
    assert!(asked.authenticate(&bearer(&good)).await.is_ok());
    let error = refusal(&asked, &bearer(&hs256(&with(json!({"iss": "https://them"}))))).await;
    assert!(error.message.contains("issuer"), "{}", error.message);
}

/// A server of key sets: answers with what it was given, and counts.
async fn issuer(set: Value) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = |State((set, asked)): State<(Value, Arc<AtomicUsize>)>| async move {
        asked.fetch_add(1, Ordering::SeqCst);
        Json(set)
    };
    let router = Router::new().route("/keys", get(answer)).with_state((set, asked.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("bound"));
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, asked)
}

fn public(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).expect("a public key");
    jwk.common.key_id = Some(kid.into());
    jwk
}

#[tokio::test]
async fn tokens_with_keys_of_an_issuer() {
    let ec = EncodingKey::from_ec_pem(EC_KEY.as_bytes()).expect("a key");
    let rsa = EncodingKey::from_rsa_pem(RSA_KEY.as_bytes()).expect("a key");
    let shared = EncodingKey::from_secret(b"0123456789abcdef");
    let mut undecided = public(&ec, Algorithm::ES256, "e2");
    undecided.common.key_algorithm = None;
    let set = json!({"keys": [
        public(&ec, Algorithm::ES256, "e1"), undecided, public(&rsa, Algorithm::RS256, "r1"),
        public(&rsa, Algorithm::RS512, "r512"), public(&shared, Algorithm::HS256, "oct"),
    ]});
    let (url, asked) = issuer(set).await;
    let authenticator = authenticator(&[("DUOLOGUE_AUTH__JWKS_URL", &url), ("JWT_SECRET_KEY", SECRET)]);
    let good = [
        sign(Algorithm::ES256, Some("e1"), &claims(), &ec),
        sign(Algorithm::ES256, Some("e2"), &claims(), &ec),
        sign(Algorithm::RS256, Some("r1"), &claims(), &rsa),
        hs256(&claims()),
    ];
    for token in good {
        let known = authenticator.authenticate(&bearer(&token)).await.expect("valid");
        assert_eq!(known.user_id.as_deref(), Some("user-1"));
    }
    let bad = [
        // The key of one type under the id of another, an unpinned algorithm, a shared key from the set, unknown ids.
        sign(Algorithm::ES256, Some("r1"), &claims(), &ec),
        sign(Algorithm::RS256, Some("r512"), &claims(), &rsa),
        sign(Algorithm::RS512, Some("r1"), &claims(), &rsa),
        sign(Algorithm::HS256, Some("oct"), &claims(), &shared),
        sign(Algorithm::ES256, Some("unknown"), &claims(), &ec),
        sign(Algorithm::ES256, None, &claims(), &ec),
        sign(Algorithm::ES256, Some("e1"), &with(json!({"exp": in_seconds(-300)})), &ec),
    ];
    for token in bad {
        assert_eq!(refusal(&authenticator, &bearer(&token)).await.code, Code::Unauthorized);
    }
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "the set is cached, and unknown ids do not hammer the issuer"
    );
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    // The oldest trick: an HS256 token made with the text of a public key.
    let ec = EncodingKey::from_ec_pem(EC_KEY.as_bytes()).expect("a key");
    let jwk = public(&ec, Algorithm::ES256, "e1");
    let (url, _) = issuer(json!({"keys": [jwk]})).await;
    let authenticator = authenticator(&[("DUOLOGUE_AUTH__JWKS_URL", &url)]);
    let text = serde_json::to_string(&jwk).expect("plain data");
    let forged = sign(Algorithm::HS256, Some("e1"), &claims(), &EncodingKey::from_secret(text.as_bytes()));
    assert_eq!(refusal(&authenticator, &bearer(&forged)).await.code, Code::Unauthorized);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_not_the_clients_fault() {
    let ec = EncodingKey::from_ec_pem(EC_KEY.as_bytes()).expect("a key");
    let away = authenticator(&[("DUOLOGUE_AUTH__JWKS_URL", "http://127.0.0.1:9/keys")]);
    let error = refusal(&away, &bearer(&sign(Algorithm::ES256, Some("e1"), &claims(), &ec))).await;
    assert_eq!((error.code, error.retry_after), (Code::AuthUnavailable, Some(30)));
}

fn record(user: Option<&str>, secret: &str) -> SessionRecord {
    SessionRecord {
        id: new_session_id(),
        secret_sha256: secret_digest(secret),
        user_id: user.map(str::to_owned),
        session_name: String::new(),
        persona_id: "x".into(),
        persona_name: "x".into(),
        language: None,
        is_active: true,
        status: duologue_actors::store::SessionStatus::Active,
        intimacy: 0,
        created_at: 0,
        updated_at: 0,
    }
}

#[test]
fn a_session_belongs_to_who_made_it() {
    let (secret, nobody) = (new_secret(), Principal::default());
    let user = Principal { user_id: Some("u".into()), email: None };
    let shared = authenticator(&[("DUOLOGUE_AUTH__API_KEYS", KEY)]);
    let private = authenticator(&[]);
    let open = authenticator(&[
        ("DUOLOGUE_SERVER__HOST", "0.0.0.0"),
        ("DUOLOGUE_SERVER__OPEN_WITHOUT_AUTH", "true"),
    ]);
    let (of_user, of_nobody) = (record(Some("u"), &secret), record(None, &secret));
    for authenticator in [&shared, &open] {
        assert!(authenticator.may_access(&nobody, Some(&secret), &of_nobody));
        assert!(authenticator.may_access(&user, None, &of_user));
        assert!(!authenticator.may_access(&nobody, None, &of_nobody));
        assert!(!authenticator.may_access(&user, None, &of_nobody), "no user is not this user");
        assert!(!authenticator.may_access(&user, None, &record(Some("v"), &secret)));
    }
    assert!(private.may_access(&nobody, None, &of_nobody), "one machine, one owner");
    for authenticator in [&shared, &private, &open] {
        assert!(
            !authenticator.may_access(&nobody, Some("wrong"), &of_nobody),
            "a wrong secret is always wrong"
        );
    }
    assert!(!secret_matches("", ""), "documents of the earlier systems have no secret");
}

#[test]
fn ids_and_secrets_cannot_be_guessed_or_confused() {
    let (id, other) = (new_session_id(), new_session_id());
    assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id != other);
    let secret = new_secret();
    assert_eq!(secret.len(), 43);
    assert!(
        secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "fits into a subprotocol"
    );
    assert!(
        secret_matches(&secret, &secret_digest(&secret))
            && !secret_matches(&new_secret(), &secret_digest(&secret))
    );
}

#[test]
fn pages_that_may_call() {
    let policy = |env: &[(&str, &str)]| OriginPolicy::new(&config(env).server);
    let private = policy(&[]);
    let listed = policy(&[("ALLOWED_ORIGINS", "https://Talk.example.org/")]);
    let any = policy(&[("ALLOWED_ORIGINS", "*")]);
    let public = policy(&[("DUOLOGUE_SERVER__HOST", "0.0.0.0"), ("JWT_SECRET_KEY", SECRET)]);
    let host = "localhost:8000";
    let cases = [
        (&private, "http://localhost:8000", host, true),
        (&private, "http://127.0.0.1:5173", host, true),
        (&private, "http://[::1]:3000", host, true),
        (&private, "http://app.localhost", host, true),
        (&private, "https://evil.example", host, false),
        (&private, "http://localhost.evil.example", host, false),
        (&private, "http://127.0.0.1.evil.example", host, false),
        (&private, "null", host, false),
        (&private, "file://", host, false),
        (&listed, "https://talk.example.org", host, true),
        (&listed, "http://talk.example.org", host, false),
        (&any, "https://evil.example", host, true),
        (&public, "https://talk.example.org", "talk.example.org", true),
        (&public, "http://localhost:3000", "talk.example.org", false),
        (&public, "https://evil.example", "talk.example.org", false),
    ];
    for (policy, origin, host, expected) in cases {
        let headers = headers(&[("origin", origin), ("host", host)]);
        assert_eq!(origin_allowed(&headers, policy), expected, "{origin} to {host} by {policy:?}");
    }
    assert!(origin_allowed(&HeaderMap::new(), &private), "programs have no origin");
}

#[test]
fn a_foreign_name_for_this_machine_is_refused() {
    let private = OriginPolicy::new(&config(&[]).server);
    let rebound = headers(&[("origin", "http://evil.example:8000"), ("host", "evil.example:8000")]);
    assert_eq!(private.check(&rebound).expect_err("a rebound name").code, Code::HostNotAllowed);
    assert!(private.check(&headers(&[("host", "127.0.0.1:8000")])).is_ok());
    assert!(private.check(&headers(&[("host", "[::1]:8000")])).is_ok());
    let proxied = OriginPolicy::new(&config(&[("ALLOWED_ORIGINS", "https://talk.example.org")]).server);
    assert!(
        proxied
            .check(&headers(&[("host", "talk.example.org"), ("origin", "https://talk.example.org")]))
            .is_ok()
    );
}
