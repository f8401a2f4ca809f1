//! The engine that is not there: switched off, or its model is missing. It says why, on `/health` and to
//! whoever asks, and everything else goes on.

use std::{sync::Arc, time::Duration};

use duologue_domain::face::Frame;
use futures_util::{FutureExt, future::BoxFuture};

use crate::port::{
    ChatMessage, EmbedEngine, EmbedRequest, Embeddings, EngineError, EngineInfo, ErrorKind, FaceEngine,
    Health, LlmEngine, LlmRequest, LlmStream, Picture, SessionKey, SttEngine, SttRequest, Transcript,
    TtsEngine, TtsRequest, TtsStream, TurnEngine, VadEngine, VadStream, Voice,
};

/// Stands in for any engine that cannot be used.
#[derive(Clone, Debug)]
pub struct Absent {
    engine: &'static str,
    reason: String,
}

impl Absent {
    /// An absent `engine`, for this reason, which also says what to do.
    pub fn new(engine: &'static str, reason: impl Into<String>) -> Self {
        Self { engine, reason: reason.into() }
    }

    fn error(&self) -> EngineError {
        EngineError::new(ErrorKind::Unavailable, self.engine, self.reason.clone())
    }

    fn absent_info(&self) -> EngineInfo {
        EngineInfo { engine: self.engine, model: String::new(), languages: Vec::new() }
    }

    fn absent_health(&self) -> Health {
        Health::Unavailable(self.reason.clone())
    }
}

impl FaceEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn look(&self, _: Picture) -> BoxFuture<'static, Result<Frame, EngineError>> {
        let error = self.error();
        async move { Err(error) }.boxed()
    }
}

impl EmbedEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn warm_up(&self) {}

    fn dimensions(&self) -> usize {
        0
    }

    fn embed(&self, _: EmbedRequest) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let error = self.error();
        async move { Err(error) }.boxed()
    }
}

impl SttEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn warm_up(&self) {}

    fn transcribe(&self, _: SttRequest) -> BoxFuture<'static, Result<Transcript, EngineError>> {
        let error = self.error();
        async move { Err(error) }.boxed()
    }
}

impl VadEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn open(&self, _: SessionKey) -> Result<Box<dyn VadStream>, EngineError> {
        Err(self.error())
    }
}

impl TurnEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn completeness(
        &self,
        _: SessionKey,
        _: Arc<[f32]>,
    ) -> BoxFuture<'static, Result<(f32, Duration), EngineError>> {
        let error = self.error();
        async move { Err(error) }.boxed()
    }
}

impl LlmEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn warm_up(&self) {}

    fn context_tokens(&self) -> usize {
        4096
    }

    fn prefill(&self, _: Vec<ChatMessage>) {}

    fn generate(&self, _: LlmRequest) -> Result<LlmStream, EngineError> {
        Err(self.error())
    }
}

impl TtsEngine for Absent {
    fn info(&self) -> EngineInfo {
        self.absent_info()
    }

    fn health(&self) -> Health {
        self.absent_health()
    }

    fn warm_up(&self) {}

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn synthesize(&self, _: TtsRequest) -> Result<TtsStream, EngineError> {
        Err(self.error())
    }
}
