//! What every request passes through: origin and host, time-out, security headers, metrics.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, LINK, LOCATION, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{
    config::ServerConfig,
    error::{ApiError, Code},
    metrics::{HTTP_ORIGIN_REFUSED_TOTAL, HTTP_REQUEST_SECONDS},
    state::AppState,
};

/// The page: everything from here, nothing inline but styles (the mouth moves by `style`), and WebAssembly.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page may use of the machine.
const PERMISSIONS: &str = "microphone=(self), camera=(self), midi=(self), geolocation=()";

/// A day: what npm vendored changes only with a release, and then the page asks again soon enough.
const VENDOR_CACHE: &str = "public, max-age=86400";
/// Ask each time whether it changed.
const REVALIDATE: &str = "no-cache";

/// Browsers keep the answer to a preflight for so long.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// What is answered when a whole recording is heard, and how long that may take: its length, on a slow machine.
const RECORDINGS: [&str; 2] = ["/v1/audio/transcriptions", "/v1/audio/translations"];
const HEARD_WITHIN: Duration = Duration::from_secs(600);

/// Lets the pages read answers that [`guard`] lets call.
pub(super) fn cors(state: &AppState) -> CorsLayer {
    let origins = state.origins.clone();
    let allowed = AllowOrigin::predicate(move |origin, parts| {
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
        origin.to_str().is_ok_and(|origin| origins.allows(origin, host))
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        // Stock clients send headers of their own, which change with their versions; whose page it is was judged above.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            RETRY_AFTER,
            LOCATION,
            LINK,
            HeaderName::from_static("x-duologue-session"),
            HeaderName::from_static("x-duologue-secret"),
            HeaderName::from_static("x-duologue-voice"),
            HeaderName::from_static("x-duologue-note"),
        ])
        .max_age(PREFLIGHT)
}

/// Refuses pages that may not call, WebSocket upgrades included: to those CORS does not apply.
pub(super) async fn guard(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Err(error) = state.origins.check(request.headers()) {
        counter!(HTTP_ORIGIN_REFUSED_TOTAL).increment(1);
        return Err(error);
    }
    Ok(next.run(request).await)
}

/// Gives up what does not begin to answer. Bodies and WebSockets that have begun are not limited.
pub(super) async fn deadline(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let within = within(&state.config.server, request.uri().path());
    tokio::time::timeout(within, next.run(request)).await.map_err(|_| {
        ApiError::new(Code::RequestTimeout, format!("there was no answer within {} s", within.as_secs()))
    })
}

/// How long a request for `path` may take to begin its answer.
fn within(server: &ServerConfig, path: &str) -> Duration {
    let usual = Duration::from_secs(server.request_timeout_s);
    if RECORDINGS.contains(&path) { usual.max(HEARD_WITHIN) } else { usual }
}

/// How long any request may: until then a connection over which nothing moves may be one that waits for its answer.
pub(crate) fn longest_wait(server: &ServerConfig) -> Duration {
    RECORDINGS.map(|path| within(server, path)).into_iter().max().unwrap_or_default()
}

/// Counts and measures.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    // The pattern, not the path: ids would make a series each.
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str).to_owned();
    let method = known_method(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    histogram!(HTTP_REQUEST_SECONDS, "method" => method, "route" => route, "status" => status)
        .record(started.elapsed().as_secs_f64());
    response
}

/// Methods are free text on the wire; a label must not be.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// What browsers are told to forbid, and what they may keep.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    let cache = cache_policy(&uri, response.status());
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(headers, HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, CACHE_CONTROL, cache);
    response
}

/// What is missing may be there after the next set-up: only what was found is kept.
fn cache_policy(uri: &Uri, status: StatusCode) -> &'static str {
    let found = status.is_success() || status == StatusCode::NOT_MODIFIED;
    if found && uri.path().starts_with("/vendor/") { VENDOR_CACHE } else { REVALIDATE }
}

/// A handler's own header stays.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn nobody_may_take_longer_than_the_longest_wait() {
        let env = vec![("HOME".into(), "/nowhere".into())];
        let config = Config::load(Sources { env, ..Sources::default() }).expect("the defaults");
        let usual = Duration::from_secs(config.server.request_timeout_s);
        assert_eq!(within(&config.server, "/v1/chat/completions"), usual);
        assert_eq!(within(&config.server, "/v1/audio/transcriptions"), HEARD_WITHIN);
        assert_eq!(longest_wait(&config.server), HEARD_WITHIN);
        let patient = ServerConfig { request_timeout_s: 900, ..config.server };
        assert_eq!(longest_wait(&patient), Duration::from_secs(900));
    }
}
