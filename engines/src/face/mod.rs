//! Faces in pictures: MediaPipe's face landmarker, for clients that cannot run it themselves.
//!
//! The library is Google's, 34 MB of C++ that is found at run time and may abort, so it runs in a process of its own:
//! this program again, told to be the worker ([`worker`]). It is started by the first picture and again after it died;
//! a picture that takes too long ends it.

pub mod picture;
pub mod worker;

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use duologue_domain::face::Frame;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Semaphore,
};

use crate::port::{EngineError, EngineInfo, ErrorKind, FaceEngine, Health, Picture};

/// The name of this engine.
const ENGINE: &str = "mediapipe";

/// Pictures that may wait for their turn: at 20 ms each the last one waits a sixth of a second.
const WAITING: usize = 8;

/// To load the library and the model: half a second on a laptop, with a cold disk several.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// For one picture: it takes 20 ms, of the largest size 100.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Where the worker and its files are.
#[derive(Clone, Debug)]
pub struct MediapipePlaces {
    /// The program that becomes the worker with these arguments: the landmarker's file follows them.
    pub program: PathBuf,
    /// See `program`.
    pub arguments: Vec<String>,
    /// `libmediapipe.so`.
    pub library: PathBuf,
    /// `face_landmarker.task`.
    pub model: PathBuf,
}

/// The landmarker.
#[derive(Clone, Debug)]
pub struct MediapipeFace {
    places: Arc<MediapipePlaces>,
    /// One worker; it is out of here while it works, so that whoever drops the work ends it.
    worker: Arc<tokio::sync::Mutex<Option<Worker>>>,
    waiting: Arc<Semaphore>,
    health: Arc<Mutex<Health>>,
}

#[derive(Debug)]
struct Worker {
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl MediapipeFace {
    /// An engine that has not been asked yet.
    pub fn new(places: MediapipePlaces) -> Self {
        Self {
            places: Arc::new(places),
            worker: Arc::default(),
            waiting: Arc::new(Semaphore::new(WAITING)),
            health: Arc::new(Mutex::new(Health::Idle)),
        }
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    async fn look(self, picture: Picture) -> Result<Frame, EngineError> {
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(error(ErrorKind::Overloaded, "too many pictures wait"));
        };
        let mut slot = self.worker.lock().await;
        let mut worker = match slot.take() {
            Some(worker) => worker,
            None => self.start().await?,
        };
        let looked = tokio::time::timeout(ANSWERS_WITHIN, worker.look(&picture)).await;
        match looked {
            Ok(Ok(answer)) => {
                *slot = Some(worker);
                worker::read_frame(&answer, &picture)
                    .map_err(|reason| error(ErrorKind::BadInput, reason.to_string()))
            }
            Ok(Err(broken)) => Err(error(ErrorKind::Broken, format!("the worker died: {broken}"))),
            Err(_) => Err(error(ErrorKind::Timeout, "the picture took too long")),
        }
    }

    async fn start(&self) -> Result<Worker, EngineError> {
        self.set_health(Health::Loading);
        let started = tokio::time::timeout(STARTS_WITHIN, Worker::start(&self.places)).await;
        let started = started.unwrap_or_else(|_| Err("the worker did not start in time".into()));
        match started {
            Ok(worker) => {
                self.set_health(Health::Ready);
                Ok(worker)
            }
            Err(reason) => {
                self.set_health(Health::Unavailable(reason.clone()));
                Err(error(ErrorKind::Unavailable, reason))
            }
        }
    }
}

fn error(kind: ErrorKind, message: impl Into<String>) -> EngineError {
    EngineError::new(kind, ENGINE, message)
}

impl Worker {
    async fn start(places: &MediapipePlaces) -> Result<Self, String> {
        let mut child = Command::new(&places.program)
            .args(&places.arguments)
            .arg(&places.model)
            .env("MEDIAPIPE_LIB", &places.library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the worker cannot be run: {error}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the worker has no pipes".into());
        };
        let mut worker = Self { _child: child, stdin, stdout };
        let greeting =
            worker.answer().await.map_err(|error| format!("the worker died at its start: {error}"))?;
        if greeting == worker::READY {
            return Ok(worker);
        }
        Err(String::from_utf8_lossy(&greeting).into_owned())
    }

    async fn look(&mut self, picture: &Picture) -> std::io::Result<Vec<u8>> {
        self.stdin.write_all(&worker::header(picture)).await?;
        self.stdin.write_all(&picture.rgb).await?;
        self.stdin.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> std::io::Result<Vec<u8>> {
        let length = self.stdout.read_u32_le().await?.min(worker::LONGEST_ANSWER);
        let mut answer = vec![0; length as usize];
        self.stdout.read_exact(&mut answer).await?;
        Ok(answer)
    }
}

impl FaceEngine for MediapipeFace {
    fn info(&self) -> EngineInfo {
        let model = self.places.model.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        EngineInfo { engine: ENGINE, model: model.unwrap_or_default(), languages: Vec::new() }
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self, picture: Picture) -> BoxFuture<'static, Result<Frame, EngineError>> {
        self.clone().look(picture).boxed()
    }
}

#[cfg(test)]
mod tests;
