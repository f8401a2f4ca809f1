//! What handlers take, with our errors instead of the framework's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    Json,
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{
    auth::{Principal, session_secret},
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
    /// From where.
    pub address: IpAddr,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let principal = state.auth.authenticate(&parts.headers).await?;
        // Only a server in a test has no socket.
        let address =
            parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(Self { principal, secret: session_secret(&parts.headers), address })
    }
}
