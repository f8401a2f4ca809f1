//! Silero's voice-activity model: one thread for all sessions, the recurrent state with each session.
//!
//! Inputs: `input` f32[1, 576] (the last 64 samples of the frame before, then 512 new ones, 16 kHz),
//! `state` f32[2, 1, 128], `sr` i64 scalar. Outputs: `output` f32[1, 1], a probability; `stateN`
//! f32[2, 1, 128]. About 0.2 ms a frame, so one thread serves well over a hundred sessions.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::BoxFuture;
use ort::{session::Session, value::TensorRef};

use crate::{
    onnx,
    port::{EngineError, EngineInfo, ErrorKind, Health, SessionKey, VAD_FRAME, VadEngine, VadStream},
    thread::{EngineThread, Job, Question, ThreadConfig, ask},
};

const ENGINE: &str = "silero";

/// Samples of the frame before that the model wants to see again.
const CONTEXT: usize = 64;

/// Numbers in the recurrent state, 2 × 1 × 128.
const STATE: usize = 256;

/// The rate of all audio here, in Hz.
const RATE: i64 = 16_000;

/// A frame lasts 32 ms: an answer this late is of no use, and the session decides without it.
const DEADLINE: Duration = Duration::from_millis(800);

/// Far more than a frame can take on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(5);

const LIMITS: ThreadConfig = ThreadConfig {
    name: ENGINE,
    // A stream asks once and waits for the answer; the second place is for one that was just dropped.
    per_session: 2,
    // 256 frames of 0.2 ms are done within the deadline with room to spare.
    total: 256,
    stall_after: Duration::from_secs(2),
};

/// The model with its thread. Clones nothing: share it in an `Arc`.
pub struct SileroVad {
    thread: EngineThread<Ask>,
    model: String,
}

type Ask = Question<Frames, Judged>;

/// The state of one stream travels with its frames and comes back with the answer, so that the thread
/// keeps nothing of a session and a dropped stream leaves nothing behind.
struct Frames {
    memory: Box<Memory>,
    samples: Vec<f32>,
}

struct Judged {
    memory: Box<Memory>,
    probabilities: Vec<f32>,
}

struct Memory {
    state: [f32; STATE],
    context: [f32; CONTEXT],
}

impl Default for Memory {
    fn default() -> Self {
        Self { state: [0.0; STATE], context: [0.0; CONTEXT] }
    }
}

impl SileroVad {
    /// The model file `model`, run by the ONNX Runtime library `runtime`. It is small, so it is opened
    /// in the background at once; when that fails, `health` says why.
    pub fn new(runtime: PathBuf, model: PathBuf) -> Self {
        let name = file_stem(&model);
        let open = move || Worker::open(&runtime, &model);
        let thread = EngineThread::spawn(LIMITS, open, |worker: &mut Worker, job: &mut Job<Ask>| {
            job.payload.reply.begin();
            let memory = std::mem::take(&mut job.payload.asked.memory);
            let answer = worker.judge(memory, &job.payload.asked.samples);
            job.payload.reply.send(answer);
        });
        thread.warm_up();
        Self { thread, model: name }
    }
}

impl fmt::Debug for SileroVad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SileroVad").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl VadEngine for SileroVad {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: ENGINE, model: self.model.clone(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        self.thread.health()
    }

    fn open(&self, session: SessionKey) -> Result<Box<dyn VadStream>, EngineError> {
        if let Health::Unavailable(reason) = self.thread.health() {
            // The file may have been repaired since; the next session then finds it.
            self.thread.warm_up();
            return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, reason));
        }
        Ok(Box::new(SileroStream { thread: self.thread.clone(), session, memory: None }))
    }
}

struct SileroStream {
    thread: EngineThread<Ask>,
    session: SessionKey,
    /// `None` before the first frame and after an answer that never came: the model then starts as
    /// after silence, which costs it a frame or two.
    memory: Option<Box<Memory>>,
}

impl VadStream for SileroStream {
    fn probabilities(&mut self, frames: Vec<f32>) -> BoxFuture<'_, Result<Vec<f32>, EngineError>> {
        Box::pin(async move {
            if !frames.len().is_multiple_of(VAD_FRAME) {
                let message = format!("{} samples are no whole frames of {VAD_FRAME}", frames.len());
                return Err(EngineError::new(ErrorKind::BadInput, ENGINE, message));
            }
            if frames.is_empty() {
                return Ok(Vec::new());
            }
            let asked = Frames { memory: self.memory.take().unwrap_or_default(), samples: frames };
            let (question, answer) = ask(ENGINE, asked, DEADLINE, PATIENCE);
            self.thread.submit(self.session, DEADLINE, question)?;
            let judged = answer.wait().await?;
            self.memory = Some(judged.memory);
            Ok(judged.probabilities)
        })
    }
}

struct Worker {
    session: Session,
}

impl Worker {
    fn open(runtime: &Path, model: &Path) -> Result<Self, EngineError> {
        // One thread: the model is so small that handing work over would take longer than the work.
        let mut worker = Self { session: onnx::session(runtime, model, 1)? };
        // One frame shows that this is the right kind of model, and makes it allocate now.
        worker.frame(&mut Memory::default(), &[0.0; VAD_FRAME]).map_err(|error| {
            let message = format!("{} does not take what Silero takes: {error}", model.display());
            EngineError::new(ErrorKind::Unavailable, ENGINE, message)
        })?;
        Ok(worker)
    }

    fn judge(&mut self, mut memory: Box<Memory>, samples: &[f32]) -> Result<Judged, EngineError> {
        let mut probabilities = Vec::with_capacity(samples.len() / VAD_FRAME);
        for frame in samples.chunks_exact(VAD_FRAME) {
            let probability =
                self.frame(&mut memory, frame).map_err(|error| onnx::run_error(ENGINE, &error))?;
            probabilities.push(probability);
        }
        Ok(Judged { memory, probabilities })
    }

    fn frame(&mut self, memory: &mut Memory, frame: &[f32]) -> ort::Result<f32> {
        let mut input = [0.0; CONTEXT + VAD_FRAME];
        input[..CONTEXT].copy_from_slice(&memory.context);
        for (slot, sample) in input[CONTEXT..].iter_mut().zip(frame) {
            // One sample that is not a number would poison the recurrent state for good.
            *slot = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let rate = [RATE];
        let outputs = self.session.run(ort::inputs![
            "input" => TensorRef::from_array_view(([1, CONTEXT + VAD_FRAME], &input[..]))?,
            "state" => TensorRef::from_array_view(([2_usize, 1, 128], &memory.state[..]))?,
            "sr" => TensorRef::from_array_view(((), &rate[..]))?,
        ])?;
        let (_, probability) = outputs["output"].try_extract_tensor::<f32>()?;
        let (_, state) = outputs["stateN"].try_extract_tensor::<f32>()?;
        memory.state.copy_from_slice(state);
        memory.context.copy_from_slice(&input[VAD_FRAME..]);
        Ok(probability[0])
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
