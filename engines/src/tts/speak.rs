//! From a clause to a stream of chunks, the same way for every voice on an engine thread.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use duologue_domain::{ipa, lang::Language, viseme::VisemeCue};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{cover::Cover, dsp, text::Piece};
use crate::{
    cores::{Cores, Model},
    port::{
        CancelFlag, EngineError, EngineInfo, EngineStream, ErrorKind, Health, SPEECH_RATE, SpeechChunk,
        TtsEngine, TtsRequest, TtsStream, Voice,
    },
    thread::{EngineThread, Escape, Job, Payload, ThreadConfig},
};

/// The longest text of one request; longer texts are the clause splitter's business.
pub(crate) const MAX_CHARS: usize = 500;

/// Room for the sound of one clause: 500 Korean syllables at quarter speed are some seven minutes, or
/// 2,100 chunks. The worker must never wait for a slow listener, because it serves other sessions, too.
pub(crate) const CHUNKS: usize = 4_096;

/// The first chunk is short so that the player can start, the others bound how often it is woken.
const FIRST_CHUNK: usize = SPEECH_RATE as usize / 10;
const CHUNK: usize = SPEECH_RATE as usize / 5;

/// Text that a session may have waiting: a reply's clauses arrive faster than they are spoken.
const PER_SESSION: usize = 16;
const TOTAL: usize = 128;

/// One piece takes a second or two on a busy machine; past this the thread hangs.
const STALL_AFTER: Duration = Duration::from_secs(20);

/// A voice as its engine thread runs it.
pub(crate) trait Synth: 'static {
    /// The clause in pieces of phonemes, short enough that cancelling between them is quick.
    fn pieces(&mut self, request: &TtsRequest, cancel: &CancelFlag) -> Result<Vec<Piece>, EngineError>;
    /// The same pieces for somebody who hears nothing until the first is done: a slow voice makes it short.
    fn hasten(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        pieces
    }
    /// One piece as sound at 24 kHz.
    fn sound(
        &mut self,
        piece: &Piece,
        request: &TtsRequest,
        cancel: &CancelFlag,
    ) -> Result<Vec<f32>, EngineError>;
}

/// A clause on its way through the thread.
#[derive(Debug)]
pub(crate) struct Clause {
    request: TtsRequest,
    sender: mpsc::Sender<Result<SpeechChunk, EngineError>>,
    cancel: CancelFlag,
}

impl Payload for Clause {
    fn refuse(self, error: EngineError) {
        let _gone = self.sender.try_send(Err(error));
    }

    fn escape(&self) -> Escape {
        // Weak, so that the stream ends with the work and not with this.
        let (sender, cancel) = (self.sender.downgrade(), self.cancel.clone());
        Box::new(move |error| {
            // Raised first: sound that comes after the error would be heard twice.
            cancel.cancel();
            if let Some(sender) = sender.upgrade() {
                let _gone = sender.try_send(Err(error));
            }
        })
    }

    fn abandoned(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// Voices of this machine behind the port: the engine thread of a [`Synth`], and what is known without it.
#[derive(Debug)]
pub struct LocalTts {
    info: EngineInfo,
    voices: Vec<Voice>,
    needs: Needs,
    thread: EngineThread<Clause>,
}

/// What the neural voices have in common: where they lie, and what they compute with.
#[derive(Clone, Debug)]
pub struct Neural {
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// The folder of their models.
    pub models: PathBuf,
    /// CPU threads of one inference.
    pub threads: u16,
    /// Who computes beside them.
    pub cores: Arc<Cores>,
}

/// What a voice needs to be installed.
#[derive(Debug)]
pub(crate) enum Needs {
    /// Files that are read once, when the first request loads the model.
    Files(Vec<PathBuf>),
    /// A program that is run for each clause.
    Program(PathBuf),
}

impl Needs {
    /// What is missing, and what to do; looked up without loading or running anything.
    fn missing(&self) -> Option<String> {
        match self {
            Self::Files(files) => files
                .iter()
                .find(|file| !file.is_file())
                .map(|file| format!("{} is missing; run `duologue models pull`", file.display())),
            Self::Program(program) => (!super::program::installed(program))
                .then(|| format!("{} is not installed; run `make run` once", program.display())),
        }
    }
}

impl LocalTts {
    /// Starts the thread that opens a [`Synth`] at the first request or at `warm_up`.
    pub(crate) fn start<S: Synth>(
        (info, voices): (EngineInfo, Vec<Voice>),
        needs: Needs,
        cores: Arc<Cores>,
        open: impl Fn() -> Result<S, EngineError> + Send + Sync + 'static,
    ) -> Self {
        let name = info.engine;
        let config = ThreadConfig { name, per_session: PER_SESSION, total: TOTAL, stall_after: STALL_AFTER };
        let thread = EngineThread::spawn(
            config,
            move || {
                let (leveller, cover) = (dsp::Leveller::default(), Cover::default());
                Ok(Voicebox { synth: open()?, leveller, cover, cores: cores.clone() })
            },
            move |voicebox, job| voicebox.serve(name, job),
        );
        Self { info, voices, needs, thread }
    }
}

impl TtsEngine for LocalTts {
    fn info(&self) -> EngineInfo {
        self.info.clone()
    }

    /// As the thread says; what is not installed is told before its first job, and a program always.
    fn health(&self) -> Health {
        match (self.thread.health(), self.needs.missing(), &self.needs) {
            (Health::Idle, Some(missing), _) | (_, Some(missing), Needs::Program(_)) => {
                Health::Unavailable(missing)
            }
            (health, ..) => health,
        }
    }

    fn warm_up(&self) {
        self.thread.warm_up();
    }

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError> {
        check(self.info.engine, &self.voices, &request)?;
        let (sender, cancel, stream) = EngineStream::channel(CHUNKS);
        if super::text::is_silent(&request.text) {
            return Ok(stream);
        }
        let (session, deadline) = (request.session, request.first_audio_deadline);
        self.thread.submit(session, deadline, Clause { request, sender, cancel })?;
        Ok(stream)
    }
}

/// Refuses what no voice can speak.
pub(crate) fn check(engine: &'static str, voices: &[Voice], request: &TtsRequest) -> Result<(), EngineError> {
    let bad = |message: String| Err(EngineError::new(ErrorKind::BadInput, engine, message));
    let count = request.text.chars().count();
    if count > MAX_CHARS {
        return bad(format!(
            "{count} characters are too many for one clause; split it to at most {MAX_CHARS}"
        ));
    }
    if !(0.25..=1.5).contains(&request.speed) {
        return bad("the speed must be between 0.25 and 1.5".into());
    }
    match voices.iter().find(|voice| voice.id == request.voice) {
        None => bad(format!("no voice of the name {:?}; see the list of voices", request.voice)),
        Some(voice) if !voice.languages.contains(&request.language) => {
            bad(format!("the voice {:?} does not speak {:?}", request.voice, request.language.code()))
        }
        Some(_) => Ok(()),
    }
}

/// A voice of this machine that speaks one language, in a male, female or neutral tone.
pub(crate) fn voice(engine: &'static str, id: &str, name: &str, tone: (Language, &'static str)) -> Voice {
    let (language, gender) = tone;
    Voice {
        id: id.to_owned(),
        name: name.to_owned(),
        languages: vec![language],
        gender,
        engine,
        online: false,
    }
}

struct Voicebox<S> {
    synth: S,
    leveller: dsp::Leveller,
    cover: Cover,
    cores: Arc<Cores>,
}

impl<S: Synth> Voicebox<S> {
    fn serve(&mut self, name: &'static str, job: &mut Job<Clause>) {
        let queued = job.waited();
        if let Err(error) = self.clause(name, job, queued)
            && !job.payload.cancel.is_cancelled()
        {
            let _gone = job.payload.sender.try_send(Err(error));
        }
    }

    fn clause(&mut self, name: &'static str, job: &Job<Clause>, queued: Duration) -> Result<(), EngineError> {
        let Clause { request, sender, cancel } = &job.payload;
        let mut began = Instant::now();
        let is_awaited = self.cover.is_over(request.session, began);
        // Until the first sound: the rest is made while that is heard.
        let mut computing = is_awaited.then(|| self.cores.enter(Model::Speaking));
        let mut pieces = self.synth.pieces(request, cancel)?;
        if is_awaited {
            pieces = self.synth.hasten(pieces);
        }
        let mut emitter = Emitter { name, sender, cancel, queued, sent: 0 };
        let count = pieces.len();
        for (index, piece) in pieces.into_iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok(());
            }
            let raw = self.synth.sound(&piece, request, cancel)?;
            job.progressed();
            if cancel.is_cancelled() {
                return Ok(());
            }
            if emitter.sent == 0 && Instant::now() > job.deadline {
                return Err(EngineError::new(
                    ErrorKind::Timeout,
                    name,
                    "the first sound came after the deadline",
                ));
            }
            let finished =
                Finished::new(raw, &piece, &mut self.leveller, (index + 1 < count).then_some(request.speed));
            let samples = finished.audio.len();
            emitter.emit(finished, began.elapsed())?;
            drop(computing.take());
            began = Instant::now();
            self.cover.sent(request.session, samples, began);
        }
        Ok(())
    }
}

/// A piece ready to be heard.
pub(crate) struct Finished {
    audio: Vec<f32>,
    visemes: Vec<VisemeCue>,
}

impl Finished {
    /// Trims, levels and fades `raw`; a pause for `speed` follows unless it is the clause's last piece.
    pub(crate) fn new(
        raw: Vec<f32>,
        piece: &Piece,
        leveller: &mut dsp::Leveller,
        speed: Option<f32>,
    ) -> Self {
        let mut audio = dsp::trim(raw);
        leveller.apply(&mut audio);
        dsp::fade(&mut audio);
        let phonemes: Vec<char> = piece.phonemes.chars().collect();
        let visemes =
            if audio.is_empty() { Vec::new() } else { ipa::visemes(&phonemes, dsp::millis(audio.len())) };
        if let Some(speed) = speed {
            let pause = piece.pause_ms as f32 / speed * SPEECH_RATE as f32 / 1_000.0;
            audio.resize(audio.len() + pause as usize, 0.0);
        }
        Self { audio, visemes }
    }
}

/// Cuts pieces into chunks on the clause's clock.
pub(crate) struct Emitter<'a> {
    pub(crate) name: &'static str,
    pub(crate) sender: &'a mpsc::Sender<Result<SpeechChunk, EngineError>>,
    pub(crate) cancel: &'a CancelFlag,
    pub(crate) queued: Duration,
    /// Samples of the clause so far.
    pub(crate) sent: usize,
}

impl Emitter<'_> {
    /// Sends all of a piece; its mouth shapes and its cost go with its first chunk.
    pub(crate) fn emit(&mut self, piece: Finished, compute: Duration) -> Result<(), EngineError> {
        let offset = dsp::millis(self.sent);
        let shift = |cue: VisemeCue| VisemeCue { at_ms: cue.at_ms + offset, ..cue };
        let mut visemes: Vec<VisemeCue> = piece.visemes.into_iter().map(shift).collect();
        let mut compute = compute;
        let mut rest = piece.audio.as_slice();
        while !rest.is_empty() {
            let length = if self.sent == 0 { FIRST_CHUNK } else { CHUNK };
            let (audio, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            let chunk = SpeechChunk {
                audio: audio.to_vec(),
                visemes: std::mem::take(&mut visemes),
                queued: std::mem::take(&mut self.queued),
                compute: std::mem::take(&mut compute),
            };
            self.sent += chunk.audio.len();
            match self.sender.try_send(Ok(chunk)) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => {
                    self.cancel.cancel();
                    return Ok(());
                }
                Err(TrySendError::Full(_)) => {
                    return Err(EngineError::new(
                        ErrorKind::Broken,
                        self.name,
                        "the speech of one clause has no end",
                    ));
                }
            }
        }
        Ok(())
    }
}
