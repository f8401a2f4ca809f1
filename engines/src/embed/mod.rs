//! Texts as points: those that mean the same lie close together, in Korean and English alike.

mod charsmap;
mod encoder;
mod pieces;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;

use self::{
    encoder::{DIMENSIONS, Encoder},
    pieces::Pieces,
};
use crate::{
    port::{
        EmbedEngine, EmbedRequest, Embeddings, EngineError, EngineInfo, ErrorKind, Health, MAX_EMBED_TOKENS,
    },
    thread::{EngineThread, Job, Question, ThreadConfig, ask},
};

const ENGINE: &str = "use";

/// Before and after each sentence.
const BEGIN: u32 = 1;
const END: u32 = 2;

/// Texts of one job, and their characters: some 30 ms. Between two jobs others have their turn.
const BATCH_TEXTS: usize = 16;
const BATCH_CHARACTERS: usize = 2048;

/// Characters that cannot be fewer than [`MAX_EMBED_TOKENS`] tokens: a piece has 48 bytes at most. Longer texts are
/// refused before they are cut.
const MAX_BYTES: usize = MAX_EMBED_TOKENS * 48;

/// The longest text takes two seconds of a busy core, and opening the model half of one.
const PATIENCE: Duration = Duration::from_secs(30);

const LIMITS: ThreadConfig = ThreadConfig {
    name: ENGINE,
    // A request submits its jobs one after the other, so this many requests of one caller wait at most.
    per_session: 4,
    // At 30 ms each, the last of these waits two seconds.
    total: 64,
    stall_after: Duration::from_secs(20),
};

/// What a job is asked, and what it answers: vectors, tokens.
type Ask = Question<Arc<[String]>, Batch>;

#[derive(Debug)]
struct Batch {
    vectors: Vec<Vec<f32>>,
    tokens: usize,
    queued: Duration,
    compute: Duration,
}

/// The Universal Sentence Encoder with its thread.
pub struct UseEmbed {
    thread: EngineThread<Ask>,
    model: String,
}

impl UseEmbed {
    /// The weights `model` (`<name>.npz`) with their vocabulary beside them (`<name>.sp.model`). They are read at the
    /// first request or [`warm_up`](EmbedEngine::warm_up).
    pub fn new(model: PathBuf) -> Self {
        let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let open = move || Worker::open(&model);
        let thread = EngineThread::spawn(LIMITS, open, |worker: &mut Worker, job: &mut Job<Ask>| {
            job.payload.reply.begin();
            let queued = job.waited();
            let answer = worker.embed(&job.payload.asked).map(|batch| Batch { queued, ..batch });
            job.payload.reply.send(answer);
        });
        Self { thread, model: name }
    }
}

impl fmt::Debug for UseEmbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UseEmbed").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl EmbedEngine for UseEmbed {
    fn info(&self) -> EngineInfo {
        // Sixteen languages; of ours both.
        EngineInfo { engine: ENGINE, model: self.model.clone(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        self.thread.health()
    }

    fn warm_up(&self) {
        self.thread.warm_up();
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, request: EmbedRequest) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let thread = self.thread.clone();
        Box::pin(async move {
            if request.texts.iter().any(|text| text.len() > MAX_BYTES) {
                return Err(too_long());
            }
            let mut all = Embeddings::default();
            for (index, texts) in batches(request.texts).into_iter().enumerate() {
                let (question, answer) = ask(ENGINE, texts, request.deadline, PATIENCE);
                thread.submit(request.session, request.deadline, question)?;
                let batch = answer.wait().await?;
                all.vectors.extend(batch.vectors);
                all.tokens += batch.tokens;
                all.compute += batch.compute;
                if index == 0 {
                    all.queued = batch.queued;
                }
            }
            Ok(all)
        })
    }
}

/// `texts` in their order, so many at a time.
fn batches(texts: Vec<String>) -> Vec<Arc<[String]>> {
    let (mut batches, mut batch, mut characters) = (Vec::new(), Vec::new(), 0);
    for text in texts {
        let length = text.chars().count();
        if batch.len() >= BATCH_TEXTS || (!batch.is_empty() && characters + length > BATCH_CHARACTERS) {
            batches.push(std::mem::take(&mut batch).into());
            characters = 0;
        }
        characters += length;
        batch.push(text);
    }
    if !batch.is_empty() {
        batches.push(batch.into());
    }
    batches
}

struct Worker {
    pieces: Pieces,
    encoder: Encoder,
}

impl Worker {
    fn open(model: &Path) -> Result<Self, EngineError> {
        let vocabulary = model.with_extension("sp.model");
        let file = fs::read(&vocabulary)
            .map_err(|error| missing(ENGINE, format!("{}: {error}", vocabulary.display())))?;
        let pieces = Pieces::read(&file)
            .ok_or_else(|| missing(ENGINE, format!("{} is no SentencePiece model", vocabulary.display())))?;
        let encoder = Encoder::open(ENGINE, model)?;
        if pieces.count() > encoder.pieces() {
            let message = format!("{} belongs to another model", vocabulary.display());
            return Err(missing(ENGINE, message));
        }
        Ok(Self { pieces, encoder })
    }

    fn embed(&self, texts: &[String]) -> Result<Batch, EngineError> {
        let began = Instant::now();
        let mut sentences = Vec::with_capacity(texts.len());
        for text in texts {
            let mut sentence = vec![BEGIN];
            sentence.extend(self.pieces.encode(text));
            sentence.push(END);
            if sentence.len() > MAX_EMBED_TOKENS {
                return Err(too_long());
            }
            sentences.push(sentence);
        }
        let vectors = self.encoder.encode(&sentences).map_err(|error| {
            EngineError::new(ErrorKind::Broken, ENGINE, format!("the model failed: {error}"))
        })?;
        let tokens = sentences.iter().map(Vec::len).sum();
        Ok(Batch { vectors, tokens, queued: Duration::ZERO, compute: began.elapsed() })
    }
}

fn too_long() -> EngineError {
    let message = format!("a text has more than {MAX_EMBED_TOKENS} tokens; cut it into paragraphs");
    EngineError::new(ErrorKind::BadInput, ENGINE, message)
}

fn missing(engine: &'static str, what: String) -> EngineError {
    EngineError::new(ErrorKind::Unavailable, engine, format!("{what}; run `duologue models pull`"))
}
