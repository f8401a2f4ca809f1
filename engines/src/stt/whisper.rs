//! whisper.cpp in this process, on one engine thread, for Korean and English.
//!
//! Audio: f32 mono at 16 kHz in [-1, 1], at most 30 s; shorter than 1 s is padded with silence. The
//! encoder's window follows the length of the audio, the decoder is greedy and writes no timestamps.
//! Nothing is invented: see [`super::gate`].

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use duologue_domain::lang::Language;
use futures_util::future::BoxFuture;

use super::{
    decode::{Decoder, MAX_SAMPLES},
    ggml,
};
use crate::{
    cores::Cores,
    fair::{Haste, Urgency},
    port::{EngineError, EngineInfo, ErrorKind, Health, SttEngine, SttRequest, SttTask, Transcript},
    thread::{EngineThread, Job, Question, ThreadConfig, ask},
};

const ENGINE: &str = "whisper";

/// 30 s of audio take about 6 s on two slow cores; this is far beyond.
const PATIENCE: Duration = Duration::from_secs(60);

const LIMITS: ThreadConfig = ThreadConfig {
    name: ENGINE,
    // The utterance being judged, the one after it, and a partial.
    per_session: 3,
    // At about a second each, what waits behind more than this comes after its deadline.
    total: 32,
    stall_after: Duration::from_secs(20),
};

type Ask = Question<SttRequest, Transcript>;

/// The adapter. The model is loaded at the first request or at `warm_up`.
pub struct WhisperStt {
    thread: EngineThread<Ask>,
    model: PathBuf,
}

impl WhisperStt {
    /// The ggml file `model` (any whisper size, quantised or not) with `threads` CPU threads a decode.
    pub fn new(model: PathBuf, threads: u16) -> Self {
        Self::beside(model, threads, Arc::default())
    }

    /// The same, on `cores` that the language model needs as well.
    pub fn beside(model: PathBuf, threads: u16, cores: Arc<Cores>) -> Self {
        let path = model.clone();
        let open =
            move || Decoder::open(&path, threads, cores.clone()).map_err(|error| unusable(&path, &error));
        Self { thread: EngineThread::spawn(LIMITS, open, serve), model }
    }

    /// Korean and English, or English alone for an `.en` model; by the file's own header.
    fn languages(&self) -> Vec<Language> {
        match ggml::header(&self.model) {
            Ok(header) if !header.multilingual => vec![Language::English],
            _ => Language::ALL.to_vec(),
        }
    }
}

impl fmt::Debug for WhisperStt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhisperStt").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl SttEngine for WhisperStt {
    fn info(&self) -> EngineInfo {
        let model = self.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        EngineInfo { engine: ENGINE, model, languages: self.languages() }
    }

    fn health(&self) -> Health {
        match self.thread.health() {
            // Not loaded yet, but it can already be said that it will not load.
            Health::Idle if !self.model.is_file() => Health::Unavailable(missing(&self.model).message),
            health => health,
        }
    }

    fn warm_up(&self) {
        self.thread.warm_up();
    }

    fn transcribe(&self, request: SttRequest) -> BoxFuture<'static, Result<Transcript, EngineError>> {
        let thread = self.thread.clone();
        Box::pin(async move {
            check(&request)?;
            let (session, deadline, partial) = (request.session, request.deadline, request.partial);
            let haste = if partial { Haste::new(Urgency::Soon) } else { request.haste.clone() };
            let (question, answer) = ask(ENGINE, request, deadline, PATIENCE);
            let question = question.with(haste);
            // A partial of the same session that still waits is out of date, whatever comes now; and a
            // final never gives way to a partial.
            let outcome = thread.submit_replacing(session, deadline, question, |older| older.asked.partial);
            // Held across the answer, a handle would keep the thread alive after its engine.
            drop(thread);
            if let Err(error) = &outcome {
                tracing::debug!(session, partial, %error, "transcription refused");
            }
            outcome?;
            answer.wait().await
        })
    }
}

/// One job, on the engine thread.
fn serve(decoder: &mut Decoder, job: &mut Job<Ask>) {
    job.payload.reply.begin();
    let queued = job.waited();
    if let Some(language) = job.payload.asked.language.filter(|&language| !decoder.knows(language)) {
        let message = format!("this model does not know the language {language}; use a multilingual one");
        return job.payload.reply.send(Err(EngineError::new(ErrorKind::BadInput, ENGINE, message)));
    }
    if job.payload.asked.task == SttTask::Translate && !decoder.is_multilingual() {
        let message = "this model knows English alone and cannot translate; use a multilingual one";
        return job.payload.reply.send(Err(EngineError::new(ErrorKind::BadInput, ENGINE, message)));
    }
    let cancel = job.payload.reply.cancel().clone();
    let answer = decoder.transcribe(&job.payload.asked, &cancel);
    let answer = match answer {
        Ok(Some(transcript)) => Ok(Transcript { queued, ..transcript }),
        // Nobody listens any more, or it gave way.
        Ok(None) => Err(EngineError::new(ErrorKind::Overloaded, ENGINE, "gave way to somebody who waits")),
        Err(error) => Err(EngineError::new(ErrorKind::Broken, ENGINE, format!("decoding failed: {error}"))),
    };
    job.payload.reply.send(answer);
}

fn check(request: &SttRequest) -> Result<(), EngineError> {
    let refuse = |message: String| Err(EngineError::new(ErrorKind::BadInput, ENGINE, message));
    if request.audio.is_empty() {
        return refuse("no audio".into());
    }
    if request.audio.len() > MAX_SAMPLES {
        return refuse(format!("{} s of audio, at most 30", request.audio.len() / 16_000));
    }
    if request.audio.iter().any(|sample| !sample.is_finite()) {
        return refuse("the audio holds samples that are no numbers".into());
    }
    Ok(())
}

fn unusable(model: &Path, reason: &str) -> EngineError {
    if !model.is_file() {
        return missing(model);
    }
    let message = format!(
        "{} is no usable whisper model ({reason}); fetch it again with `duologue models pull`",
        model.display()
    );
    EngineError::new(ErrorKind::Unavailable, ENGINE, message)
}

fn missing(model: &Path) -> EngineError {
    let message = format!("model file {} is missing; run `duologue models pull`", model.display());
    EngineError::new(ErrorKind::Unavailable, ENGINE, message)
}
