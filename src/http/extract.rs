//! What handlers take, with our errors instead of the framework's.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Json,
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{Extensions, HeaderMap, StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::client::subject;
use crate::{
    auth::{Principal, session_secret},
    door::Peer,
    error::{ApiError, Code},
    state::AppState,
};

/// A JSON body.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused_body(&rejection)),
        }
    }
}

fn refused_body(rejection: &JsonRejection) -> ApiError {
    let code = match rejection {
        JsonRejection::JsonDataError(_) => Code::InvalidJson,
        JsonRejection::MissingJsonContentType(_) => Code::UnsupportedMediaType,
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        _ => Code::BadRequest,
    };
    ApiError::new(code, rejection.body_text())
}

/// Parts of the path.
#[derive(Debug)]
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |rejection: PathRejection| ApiError::new(Code::BadRequest, rejection.body_text());
        Path::<T>::from_request_parts(parts, state).await.map(|Path(value)| Self(value)).map_err(refused)
    }
}

/// The query.
#[derive(Debug)]
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |rejection: QueryRejection| ApiError::new(Code::BadRequest, rejection.body_text());
        Query::<T>::from_request_parts(parts, state).await.map(|Query(value)| Self(value)).map_err(refused)
    }
}

/// Who calls, checked.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who, as far as it was proven.
    pub principal: Principal,
    /// The session secret that came along.
    pub secret: Option<String>,
    /// From where; behind a trusted proxy, from where that has it.
    pub address: IpAddr,
}

impl Caller {
    /// Whose share of the machine this uses: the user's, or the address's. `None` on this machine itself, where nobody
    /// can be told from another and every scene stands for itself.
    pub fn client(&self) -> Option<Arc<str>> {
        let user = self.principal.user_id.as_ref().map(|user| format!("user {user}"));
        let is_here = self.address.is_loopback() || self.address.is_unspecified();
        let address = || (!is_here).then(|| subject(self.address).to_string());
        user.or_else(address).map(Arc::from)
    }
}

/// Where a request comes from.
pub(crate) fn address_of(state: &AppState, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    // Only a server in a test has no socket.
    let peer = extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(address))| address.ip());
    let peer = peer.or_else(|| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()));
    state.proxies.client(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), headers)
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let principal = state.auth.authenticate(&parts.headers).await?;
        Ok(Self::with_principal(state, parts, principal))
    }
}

impl Caller {
    /// Somebody who was recognised in another way.
    pub(super) fn with_principal(state: &AppState, parts: &Parts, principal: Principal) -> Self {
        let address = address_of(state, &parts.extensions, &parts.headers);
        Self { principal, secret: session_secret(&parts.headers), address }
    }
}
