//! Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp's server, OpenAI itself.
//!
//! What a person says leaves this machine when `base_url` points elsewhere. Nothing of it, and nothing
//! of the key, is ever logged or put into an error. One retry, and only before the first token.

mod attempt;
mod body;
mod calls;
mod sse;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::Client;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::Sender},
};

use self::{
    attempt::{Attempt, Failure},
    body::Body,
};
use super::{check, room, tools::Reading};
use crate::{
    config::LlmConfig,
    port::{
        ChatMessage, EngineError, EngineInfo, EngineStream, ErrorKind, Health, LlmEngine, LlmEvent,
        LlmRequest, LlmStream, LlmUsage,
    },
};

const ENGINE: &str = "openai";

/// Replies at once. The server has its own limits and says so by 429; this bounds our sockets.
const AT_ONCE: usize = 64;

/// A server that asks for a longer pause than this cannot serve a conversation.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause before a retry when the server names none.
const PAUSE: Duration = Duration::from_millis(300);

/// A remote model.
pub struct OpenAiLlm {
    remote: Arc<Remote>,
    places: Arc<Semaphore>,
    context: usize,
}

/// What every request needs.
struct Remote {
    client: Result<Client, String>,
    base_url: String,
    key: String,
    model: String,
    timeout: Duration,
    health: Mutex<Health>,
}

impl fmt::Debug for OpenAiLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiLlm")
            .field("base_url", &self.remote.base_url)
            .field("model", &self.remote.model)
            .finish_non_exhaustive()
    }
}

impl OpenAiLlm {
    /// An engine for `config.base_url`. Does no I/O yet.
    pub fn new(config: &LlmConfig) -> Self {
        // Fails when the process has installed a provider already, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"));
        let health = client.as_ref().err().map_or(Health::Idle, |why| Health::Unavailable(why.clone()));
        let remote = Remote {
            client,
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            key: config.api_key.clone(),
            model: config.model.clone(),
            timeout: Duration::from_secs(config.timeout_s.max(1)),
            health: Mutex::new(health),
        };
        Self {
            remote: Arc::new(remote),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            context: config.context_tokens,
        }
    }
}

impl LlmEngine for OpenAiLlm {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: ENGINE, model: self.remote.model.clone(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        self.remote.health().clone()
    }

    fn warm_up(&self) {
        let remote = Arc::clone(&self.remote);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { remote.knock().await });
        }
    }

    fn context_tokens(&self) -> usize {
        self.context
    }

    /// The server may not know functions; it says so by refusing the request.
    fn has_tools(&self) -> bool {
        true
    }

    /// The server caches prefixes, or not, as it likes.
    fn prefill(&self, _shared: Vec<ChatMessage>) {}

    fn generate(&self, request: LlmRequest) -> Result<LlmStream, EngineError> {
        check(&request, ENGINE)?;
        let runtime =
            Handle::try_current().map_err(|_| error(ErrorKind::Unavailable, "called outside the runtime"))?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| error(ErrorKind::Overloaded, format!("{AT_ONCE} replies are under way already")))?;
        let (sender, _cancel, stream) = EngineStream::channel(room(request.max_tokens));
        let remote = Arc::clone(&self.remote);
        runtime.spawn(reply(remote, request, sender, place));
        Ok(stream)
    }
}

/// One reply, until it ends or nobody listens any more.
async fn reply(
    remote: Arc<Remote>,
    request: LlmRequest,
    sender: Sender<Result<LlmEvent, EngineError>>,
    _place: OwnedSemaphorePermit,
) {
    let gone = sender.clone();
    tokio::select! {
        () = gone.closed() => {}
        () = remote.answer(request, &sender) => {}
    }
}

impl Remote {
    /// Tries, and tries once more when nothing was said yet and the failure may pass.
    async fn answer(&self, request: LlmRequest, sender: &Sender<Result<LlmEvent, EngineError>>) {
        let deadline = Instant::now() + request.first_token_deadline;
        let first = match self.attempt(&request, sender, deadline).await {
            Ok(()) => return self.set_health(Health::Ready),
            Err(failure) => failure,
        };
        let second = match first.retry_after.filter(|pause| Instant::now() + *pause < deadline) {
            Some(pause) => {
                tracing::debug!(code = first.error.kind.code(), "asking the model server once more");
                tokio::time::sleep(pause).await;
                self.attempt(&request, sender, deadline).await
            }
            None => Err(first),
        };
        match second {
            Ok(()) => self.set_health(Health::Ready),
            Err(failure) => {
                self.judge(&failure.error);
                // There is room for it: fewer deltas came than the stream holds.
                let _ = sender.try_send(Err(failure.error));
            }
        }
    }

    async fn attempt(
        &self,
        request: &LlmRequest,
        sender: &Sender<Result<LlmEvent, EngineError>>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let body = Body::new(&self.model, request);
        let client = self.client.as_ref().map_err(|why| error(ErrorKind::Unavailable, why.as_str()))?;
        let mut post = client.post(format!("{}/chat/completions", self.base_url)).json(&body);
        if !self.key.is_empty() {
            post = post.bearer_auth(&self.key);
        }
        Attempt { sender, first_by: deadline.min(Instant::now() + self.timeout), idle: self.timeout }
            .run(post, Reading::remote(request))
            .await
    }

    /// Asks for the list of models, only to learn whether somebody is there.
    async fn knock(&self) {
        let Ok(client) = &self.client else { return };
        let mut get = client.get(format!("{}/models", self.base_url)).timeout(self.timeout);
        if !self.key.is_empty() {
            get = get.bearer_auth(&self.key);
        }
        match get.send().await {
            Ok(response) => match attempt::refusal(&response) {
                Some(failure) => self.judge(&failure.error),
                None => self.set_health(Health::Ready),
            },
            Err(error) => self.judge(&attempt::unreachable(&error).error),
        }
    }

    /// What an error says about the engine as a whole.
    fn judge(&self, error: &EngineError) {
        tracing::warn!(code = error.kind.code(), reason = error.message, "model server failed");
        match error.kind {
            ErrorKind::BadInput => {}
            ErrorKind::Unavailable => self.set_health(Health::Unavailable(error.message.clone())),
            _ => self.set_health(Health::Degraded(error.message.clone())),
        }
    }

    fn set_health(&self, health: Health) {
        *self.health() = health;
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(kind: ErrorKind, message: impl Into<String>) -> EngineError {
    EngineError::new(kind, ENGINE, message)
}

/// Counts what the server does not.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    usage: LlmUsage,
    deltas: usize,
}
