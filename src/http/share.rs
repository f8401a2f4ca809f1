//! Each client's share of what all requests use: how many of its requests may be at work at the same time, and how many
//! of the costly ones. This machine itself is not limited.

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

/// Requests whose work is a model's, or a core's for a second: so many of one client at once.
const MODELS: [&str; 8] = [
    "/chat",
    "/voice/tts",
    "/api/midi/generate",
    "/api/midi/upload",
    "/v1/audio/speech",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
];

/// Requests that bring a recording.
const RECORDINGS: [&str; 4] =
    ["/voice/analyze", "/upload/audio", "/v1/audio/transcriptions", "/v1/audio/translations"];

/// Requests that bring a picture.
const PICTURES: [&str; 1] = ["/upload/image"];

/// How requests for sound end that is rendered from notes.
const RENDERINGS: [&str; 2] = ["/render.wav", "/recording.wav"];

/// Which share a request counts against, beside that of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Model,
    Recording,
    Picture,
    Rendering,
}

const KINDS: usize = 5;

fn kind(method: &Method, path: &str) -> Kind {
    let path = path.trim_end_matches('/');
    match *method {
        Method::POST if MODELS.contains(&path) => Kind::Model,
        Method::POST if RECORDINGS.contains(&path) => Kind::Recording,
        Method::POST if PICTURES.contains(&path) => Kind::Picture,
        Method::GET if RENDERINGS.iter().any(|end| path.ends_with(end)) => Kind::Rendering,
        _ => Kind::Plain,
    }
}

/// What one client has at work.
#[derive(Clone, Copy, Debug, Default)]
struct AtWork {
    all: usize,
    of: [usize; KINDS],
}

/// The shares of all clients. It remembers those alone that have something at work.
#[derive(Debug)]
pub struct Shares {
    all: usize,
    models: usize,
    at_work: Mutex<HashMap<IpAddr, AtWork>>,
    /// How long a request of each kind takes, in microseconds, the last ones counting most: when one of theirs is likely
    /// to end. An embedding of a moment says nothing of a recording of minutes.
    usual_us: [AtomicU64; KINDS],
}

impl Shares {
    /// So many requests of one client at once, and of those so many that use models.
    pub fn new(all: usize, models: usize) -> Self {
        Self { all, models, at_work: Mutex::default(), usual_us: Default::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, AtWork>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Half of what the server takes of these at once is left to others.
    fn most(&self, kind: Kind) -> usize {
        match kind {
            Kind::Plain => self.all,
            Kind::Model => self.models,
            Kind::Recording | Kind::Rendering => 1,
            Kind::Picture => 2,
        }
    }

    /// Takes a part, or says in how many seconds there may be one.
    fn take(self: &Arc<Self>, client: IpAddr, kind: Kind) -> Result<Part, u64> {
        let mut clients = self.lock();
        let at_work = clients.entry(client).or_default();
        if at_work.all >= self.all || at_work.of[kind as usize] >= self.most(kind) {
            let usual = self.usual_us[kind as usize].load(Ordering::Relaxed);
            return Err(usual.div_ceil(1_000_000).clamp(1, 60));
        }
        at_work.all += 1;
        at_work.of[kind as usize] += 1;
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
            at_work.of[self.kind as usize] -= 1;
            if at_work.all == 0 {
                clients.remove(&self.client);
            }
        }
        drop(clients);
        let took = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let usual = &self.shares.usual_us[self.kind as usize];
        let mean = match usual.load(Ordering::Relaxed) {
            // The first of all is all that is known.
            0 => took,
            before => before / 8 * 7 + took / 8,
        };
        usual.store(mean, Ordering::Relaxed);
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
    fn what_the_server_takes_few_of_no_client_takes_all_of() {
        let shares = Arc::new(Shares::new(64, 4));
        let client = address("192.0.2.1");
        let at_once = |kind| {
            let parts = (0..9).filter_map(|_| shares.take(client, kind).ok()).collect::<Vec<_>>();
            parts.len()
        };
        // Of two renderings, two recordings and four pictures.
        assert_eq!([Kind::Rendering, Kind::Recording, Kind::Picture].map(at_once), [1, 1, 2]);
        assert!(shares.lock().is_empty());
    }

    #[test]
    fn who_waits_is_told_by_requests_of_the_same_kind() {
        let shares = Arc::new(Shares::new(8, 1));
        let client = address("192.0.2.1");
        let ended = |kind, seconds: u64| {
            let mut part = shares.take(client, kind).expect("room");
            part.begun = Instant::now().checked_sub(std::time::Duration::from_secs(seconds)).expect("a past");
        };
        ended(Kind::Recording, 40);
        ended(Kind::Model, 3);
        let held = [Kind::Recording, Kind::Model].map(|kind| shares.take(client, kind).expect("room"));
        let told = [Kind::Recording, Kind::Model].map(|kind| shares.take(client, kind).map(|_| ()));
        assert!(matches!(told, [Err(40..=41), Err(3..=4)]), "{told:?}");
        drop(held);
    }

    #[test]
    fn requests_are_told_apart_by_what_they_use() {
        assert_eq!(kind(&Method::POST, "/v1/chat/completions"), Kind::Model);
        assert_eq!(kind(&Method::POST, "/voice/analyze/"), Kind::Recording);
        assert_eq!(kind(&Method::GET, "/v1/chat/completions"), Kind::Plain);
        assert_eq!(kind(&Method::POST, "/chat/sessions"), Kind::Plain);
        assert_eq!(kind(&Method::POST, "/upload/image"), Kind::Picture);
        assert_eq!(kind(&Method::POST, "/api/midi/upload"), Kind::Model);
        for path in ["/api/midi/1/render.wav", "/api/duet/1/recording.wav"] {
            assert_eq!(kind(&Method::GET, path), Kind::Rendering, "{path}");
        }
    }
}
