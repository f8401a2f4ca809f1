//! Each client's share of what all requests use: how many of its requests may be at work at the same time, of those
//! that use models, and of recordings. This machine itself is not limited.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use futures_util::StreamExt;

use super::{client::subject, extract::address_of};
use crate::{
    error::{ApiError, Code},
    state::AppState,
};

/// Requests whose work is a model's: so many of one client at once.
const MODELS: [&str; 8] = [
    "/chat",
    "/voice/tts",
    "/upload/image",
    "/api/midi/generate",
    "/v1/audio/speech",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
];

/// Requests that bring a recording: half of those that the server takes at once are left to others.
const RECORDINGS: [&str; 4] =
    ["/voice/analyze", "/upload/audio", "/v1/audio/transcriptions", "/v1/audio/translations"];

/// Recordings of one client at once.
const RECORDINGS_AT_ONCE: usize = 1;

/// Which share a request counts against, beside that of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Model,
    Recording,
}

fn kind(method: &Method, path: &str) -> Kind {
    let path = path.trim_end_matches('/');
    match *method == Method::POST {
        true if MODELS.contains(&path) => Kind::Model,
        true if RECORDINGS.contains(&path) => Kind::Recording,
        _ => Kind::Plain,
    }
}

/// What one client has at work.
#[derive(Clone, Copy, Debug, Default)]
struct AtWork {
    all: usize,
    models: usize,
    recordings: usize,
}

impl AtWork {
    fn of(&mut self, kind: Kind) -> Option<&mut usize> {
        match kind {
            Kind::Plain => None,
            Kind::Model => Some(&mut self.models),
            Kind::Recording => Some(&mut self.recordings),
        }
    }
}

/// The shares of all clients. It remembers those alone that have something at work.
#[derive(Debug)]
pub struct Shares {
    all: usize,
    models: usize,
    at_work: Mutex<HashMap<IpAddr, AtWork>>,
    /// How long a request takes, in microseconds, the last ones counting most: when one of theirs is likely to end.
    usual_us: AtomicU64,
}

impl Shares {
    /// So many requests of one client at once, and of those so many that use models.
    pub fn new(all: usize, models: usize) -> Self {
        Self { all, models, at_work: Mutex::default(), usual_us: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, AtWork>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a part, or says in how many seconds there may be one.
    fn take(self: &Arc<Self>, client: IpAddr, kind: Kind) -> Result<Part, u64> {
        let most = match kind {
            Kind::Plain => usize::MAX,
            Kind::Model => self.models,
            Kind::Recording => RECORDINGS_AT_ONCE,
        };
        let mut clients = self.lock();
        let at_work = clients.entry(client).or_default();
        let is_full = at_work.all >= self.all || at_work.of(kind).is_some_and(|count| *count >= most);
        if is_full {
            return Err(self.usual_us.load(Ordering::Relaxed).div_ceil(1_000_000).clamp(1, 60));
        }
        at_work.all += 1;
        if let Some(count) = at_work.of(kind) {
            *count += 1;
        }
        Ok(Part { shares: self.clone(), client, kind, begun: Instant::now() })
    }
}

/// One request's part; given back when it is dropped.
#[derive(Debug)]
struct Part {
    shares: Arc<Shares>,
    client: IpAddr,
    kind: Kind,
    begun: Instant,
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut clients = self.shares.lock();
        if let Some(at_work) = clients.get_mut(&self.client) {
            at_work.all -= 1;
            if let Some(count) = at_work.of(self.kind) {
                *count -= 1;
            }
            if at_work.all == 0 {
                clients.remove(&self.client);
            }
        }
        drop(clients);
        if self.kind != Kind::Plain {
            let took = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let usual = &self.shares.usual_us;
            usual.store(usual.load(Ordering::Relaxed) / 8 * 7 + took / 8, Ordering::Relaxed);
        }
    }
}

/// Refuses who has too much at work; the others do not notice. A WebSocket counts until it is open.
pub(super) async fn share(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let address = address_of(&state, request.extensions(), request.headers());
    if address.is_loopback() || address.is_unspecified() {
        return Ok(next.run(request).await);
    }
    let kind = kind(request.method(), request.uri().path());
    let part = state.shares.take(subject(address), kind).map_err(|seconds| {
        metrics::counter!("http_requests_over_share_total").increment(1);
        let message = "too many requests of this client are at work";
        ApiError::new(Code::ClientLimit, message).retry_after(seconds)
    })?;
    Ok(held(next.run(request).await, part))
}

/// What is streamed is at work until its end.
fn held(response: Response, part: Part) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let _ = &part;
            piece
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_greedy_client_is_refused_and_the_others_are_not() {
        let shares = Arc::new(Shares::new(8, 2));
        let (greedy, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let models = (0..5).filter_map(|_| shares.take(greedy, Kind::Model).ok()).collect::<Vec<_>>();
        assert_eq!(models.len(), 2);
        let plain = (0..20).filter_map(|_| shares.take(greedy, Kind::Plain).ok()).collect::<Vec<_>>();
        assert_eq!(plain.len(), 6, "eight in all");
        assert!(shares.take(other, Kind::Model).is_ok());
        drop(models);
        assert!(shares.take(greedy, Kind::Recording).is_ok(), "room again");
        drop(plain);
        assert!(shares.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn one_recording_at_a_time() {
        let shares = Arc::new(Shares::new(8, 2));
        let client = address("192.0.2.1");
        let first = shares.take(client, Kind::Recording).expect("one");
        assert_eq!(shares.take(client, Kind::Recording).map(|_| ()), Err(1));
        drop(first);
        assert!(shares.take(client, Kind::Recording).is_ok());
    }

    #[test]
    fn requests_are_told_apart_by_what_they_use() {
        assert_eq!(kind(&Method::POST, "/v1/chat/completions"), Kind::Model);
        assert_eq!(kind(&Method::POST, "/voice/analyze/"), Kind::Recording);
        assert_eq!(kind(&Method::GET, "/v1/chat/completions"), Kind::Plain);
        assert_eq!(kind(&Method::POST, "/chat/sessions"), Kind::Plain);
    }
}
