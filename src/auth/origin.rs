//! Which pages may call: the server's own, those of this machine, and those that are configured.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{
    config::ServerConfig,
    error::{ApiError, Code},
};

/// The configured part of the decision, ready to ask.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    any: bool,
    /// In lower case and without a trailing slash.
    allowed: Vec<String>,
    loopback_only: bool,
}

impl OriginPolicy {
    /// From `[server]`.
    pub fn new(config: &ServerConfig) -> Self {
        let allowed =
            config.allowed_origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase());
        Self {
            any: config.allowed_origins.iter().any(|origin| origin == "*"),
            allowed: allowed.collect(),
            loopback_only: config.is_loopback(),
        }
    }

    /// Whether a page from `origin` may call a server that was called as `host`.
    pub fn allows(&self, origin: &str, host: Option<&str>) -> bool {
        if self.any {
            return true;
        }
        let origin = origin.trim_end_matches('/').to_ascii_lowercase();
        // "null" is a page without an origin, such as a file or a sandboxed frame: nobody in particular.
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let same = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        same || self.allowed.contains(&origin) || (self.loopback_only && is_this_machine(authority))
    }

    /// Whether the server may be called by this name. On a server for this machine alone, a foreign name means
    /// that a page has pointed its own name here (DNS rebinding) to look like the same origin.
    fn knows_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host.map(str::to_ascii_lowercase) else { return true };
        let configured = || {
            self.allowed
                .iter()
                .any(|origin| origin.split_once("://").is_some_and(|(_, authority)| authority == host))
        };
        !self.loopback_only || self.any || is_this_machine(&host) || configured()
    }

    /// Refuses a request from a page that may not call, or by a name that is not ours.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = headers.get(header::HOST).and_then(text);
        if !self.knows_host(host) {
            return Err(ApiError::new(
                Code::HostNotAllowed,
                "the server was called by a name that is not its own",
            ));
        }
        if origin_allowed(headers, self) {
            return Ok(());
        }
        Err(ApiError::new(Code::OriginNotAllowed, "this page may not call the server"))
    }
}

/// Whether the page that sent `headers`, if it was one, may call. Programs other than browsers send no origin.
pub fn origin_allowed(headers: &HeaderMap, policy: &OriginPolicy) -> bool {
    let host = headers.get(header::HOST).and_then(text);
    match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => text(origin).is_some_and(|origin| policy.allows(origin, host)),
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Whether `authority` (a name or address, perhaps with a port) is this machine.
fn is_this_machine(authority: &str) -> bool {
    let name = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(name, _)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // Browsers resolve every name under localhost to this machine without asking anybody.
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}
