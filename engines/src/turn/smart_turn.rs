//! Smart Turn v3: judges from the sound of the last 8 s whether a speaker has finished.
//!
//! Input: `input_features` f32[1, 80, 800], the log-mel spectrogram of [`super::features`]. Output:
//! `logits` f32[1, 1], already a probability. It knows 23 languages, Korean and English among them.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use ort::{session::Session, value::TensorRef};

use super::features::{FRAMES, LogMel, MELS};
use crate::{
    onnx,
    port::{EngineError, EngineInfo, ErrorKind, Health, SessionKey, TurnEngine},
    thread::{EngineThread, Job, Question, ThreadConfig, ask},
};

const ENGINE: &str = "smart-turn";

/// CPU threads of one judgement: two halve its 110 ms, more bring little.
const THREADS: u16 = 2;

/// After this the silence itself has decided.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// Far more than a judgement takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(5);

const LIMITS: ThreadConfig = ThreadConfig {
    name: ENGINE,
    // A newer question of the same session replaces the one that waits.
    per_session: 1,
    // At 60 ms each, what waits behind more than this would come after its deadline.
    total: 24,
    stall_after: Duration::from_secs(3),
};

type Ask = Question<Arc<[f32]>, (f32, Duration)>;

/// The model with its thread.
pub struct SmartTurn {
    thread: EngineThread<Ask>,
    model: String,
}

impl SmartTurn {
    /// The model file `model`, run by the ONNX Runtime library `runtime`. It is small, so it is opened
    /// in the background at once; when that fails, `health` says why.
    pub fn new(runtime: PathBuf, model: PathBuf) -> Self {
        let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let open = move || Worker::open(&runtime, &model);
        let thread = EngineThread::spawn(LIMITS, open, |worker: &mut Worker, job: &mut Job<Ask>| {
            job.payload.reply.begin();
            let answer = worker.judge(&job.payload.asked).map_err(|error| onnx::run_error(ENGINE, &error));
            job.payload.reply.send(answer);
        });
        thread.warm_up();
        Self { thread, model: name }
    }
}

impl fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmartTurn").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl TurnEngine for SmartTurn {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: ENGINE, model: self.model.clone(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        self.thread.health()
    }

    fn completeness(
        &self,
        session: SessionKey,
        audio: Arc<[f32]>,
    ) -> BoxFuture<'static, Result<(f32, Duration), EngineError>> {
        let thread = self.thread.clone();
        Box::pin(async move {
            if audio.is_empty() || audio.iter().any(|sample| !sample.is_finite()) {
                let message = "the audio is empty or holds samples that are no numbers";
                return Err(EngineError::new(ErrorKind::BadInput, ENGINE, message));
            }
            let (question, answer) = ask(ENGINE, audio, DEADLINE, PATIENCE);
            thread.submit_replacing(session, DEADLINE, question, |_older| true)?;
            // Held across the answer, a handle would keep the thread alive after its engine.
            drop(thread);
            answer.wait().await
        })
    }
}

struct Worker {
    session: Session,
    features: LogMel,
}

impl Worker {
    fn open(runtime: &Path, model: &Path) -> Result<Self, EngineError> {
        let mut worker = Self { session: onnx::session(runtime, model, THREADS)?, features: LogMel::new() };
        // The first run allocates; better now than in somebody's first pause.
        worker.judge(&[0.0]).map_err(|error| {
            let message = format!("{} does not take what smart-turn takes: {error}", model.display());
            EngineError::new(ErrorKind::Unavailable, ENGINE, message)
        })?;
        Ok(worker)
    }

    fn judge(&mut self, audio: &[f32]) -> ort::Result<(f32, Duration)> {
        let began = Instant::now();
        let features = self.features.compute(audio);
        let input = TensorRef::from_array_view(([1, MELS, FRAMES], &features[..]))?;
        let outputs = self.session.run(ort::inputs!["input_features" => input])?;
        let (_, probability) = outputs["logits"].try_extract_tensor::<f32>()?;
        Ok((probability[0].clamp(0.0, 1.0), began.elapsed()))
    }
}
