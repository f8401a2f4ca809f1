//! The thread that owns the weights: a token for every reply in turn, a piece of one prompt between.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Sender;

use super::{
    ENGINE, Shared,
    model::{self, Decoder, Kv},
    tokenizer::Tokenizer,
};
use crate::{
    llm::{circles::Circles, emit::Emitter, sample::Sampler},
    port::{
        CancelFlag, ChatMessage, EngineError, ErrorKind, Finish, Health, LlmEvent, LlmRequest, LlmUsage,
    },
};

/// Tokens of a prompt between two tokens of everybody else's reply; about half a second on two cores.
const PIECE: usize = 16;

/// Sequences kept for the next turn, per reply at once. Keys and values are single precision here.
const KEPT_PER_REPLY: usize = 2;

/// Personas kept beside them.
const PERSONAS: usize = 8;

/// How long a model that could not be opened is left alone.
const REPAIR: Duration = Duration::from_secs(10);

pub(super) enum Command {
    WarmUp,
    Prefill(Vec<ChatMessage>),
    Generate(Box<Pending>),
    Close,
}

pub(super) struct Pending {
    pub(super) request: LlmRequest,
    pub(super) sender: Sender<Result<LlmEvent, EngineError>>,
    pub(super) cancel: CancelFlag,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
}

/// What is known of finished work, to start the next from.
struct Kept {
    /// `None` is a persona.
    session: Option<u64>,
    tokens: Vec<u32>,
    kv: Kv,
    used: u64,
}

/// Work in progress; without a `pending` it reads a persona.
struct Job {
    pending: Option<Box<Pending>>,
    tokens: Vec<u32>,
    prompt_tokens: usize,
    shared: usize,
    cached: usize,
    kv: Kv,
    started: Instant,
    first: Option<Instant>,
    sampler: Sampler,
    emitter: Emitter,
    circles: Circles,
}

enum Step {
    Go,
    Done(Finish),
}

pub(super) struct Turns {
    pub(super) path: PathBuf,
    pub(super) context: usize,
    pub(super) parallel: usize,
    pub(super) shared: Arc<Shared>,
}

struct Model {
    decoder: Decoder,
    tokenizer: Tokenizer,
    jobs: Vec<Job>,
    kept: Vec<Kept>,
    clock: u64,
    parallel: usize,
}

impl Turns {
    pub(super) fn run(self, inbox: &Receiver<Command>) {
        let mut waiting: VecDeque<Command> = VecDeque::new();
        let mut model: Option<Model> = None;
        let mut refusal: Option<(EngineError, Instant)> = None;
        loop {
            if !self.listen(inbox, &mut waiting, model.as_ref().is_some_and(|model| !model.jobs.is_empty())) {
                return;
            }
            self.shared.mark();
            if model.is_none() && !waiting.is_empty() {
                if refusal.as_ref().is_none_or(|(_, until)| Instant::now() >= *until) {
                    refusal = None;
                    match self.open() {
                        Ok(opened) => model = Some(opened),
                        Err(error) => refusal = Some((error, Instant::now() + REPAIR)),
                    }
                }
                if let Some((error, _)) = &refusal {
                    waiting.drain(..).for_each(|command| refuse(command, error));
                }
            }
            let Some(model) = &mut model else { continue };
            model.admit(&mut waiting);
            model.turn(&self.shared);
            self.shared.set_busy(!model.jobs.is_empty());
        }
    }

    /// Collects commands; blocks only when there is nothing to do. False at the end.
    fn listen(&self, inbox: &Receiver<Command>, waiting: &mut VecDeque<Command>, busy: bool) -> bool {
        if !busy && waiting.is_empty() {
            match inbox.recv_timeout(Duration::from_secs(1)) {
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(command) => waiting.push_back(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(Command::Close) | Err(TryRecvError::Disconnected) => return false,
                Ok(command) => waiting.push_back(command),
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn open(&self) -> Result<Model, EngineError> {
        self.shared.set_health(Health::Loading);
        let opened = catch_unwind(AssertUnwindSafe(|| self.load()))
            .unwrap_or_else(|_| Err("the file made the reader panic".to_owned()));
        match opened {
            Ok(model) => {
                self.shared.opened(model.decoder.context());
                tracing::info!(model = %self.path.display(), "language model ready");
                Ok(model)
            }
            Err(why) => {
                tracing::warn!(why, "language model unavailable");
                self.shared.set_health(Health::Unavailable(why.clone()));
                Err(EngineError::new(ErrorKind::Unavailable, ENGINE, why))
            }
        }
    }

    fn load(&self) -> Result<Model, String> {
        let (content, file) = model::open(&self.path).map_err(|error| error.to_string())?;
        let tokenizer = Tokenizer::new(&content)?;
        let decoder = Decoder::load(content, file, self.context).map_err(|error| error.to_string())?;
        Ok(Model {
            decoder,
            tokenizer,
            jobs: Vec::new(),
            kept: Vec::new(),
            clock: 0,
            parallel: self.parallel,
        })
    }
}

impl Model {
    /// Starts what waits while there is room.
    fn admit(&mut self, waiting: &mut VecDeque<Command>) {
        let now = Instant::now();
        waiting.retain(|command| match command {
            Command::Generate(pending) if now >= pending.deadline => {
                refuse_pending(pending, ErrorKind::Timeout, "no token came within the deadline");
                false
            }
            Command::Generate(pending) => !pending.cancel.is_cancelled(),
            Command::WarmUp | Command::Close => false,
            Command::Prefill(_) => true,
        });
        while self.jobs.len() < self.parallel {
            match waiting.pop_front() {
                Some(Command::Generate(pending)) => self.start(pending),
                Some(Command::Prefill(messages)) => {
                    if let Ok(tokens) = self.tokenizer.prompt(&messages, false) {
                        if tokens.len() < self.decoder.context() && !self.knows(&tokens) {
                            let shared = tokens.len();
                            self.push(None, tokens, shared);
                        }
                    }
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn start(&mut self, pending: Box<Pending>) {
        let request = &pending.request;
        let shared = &request.messages[..request.shared.min(request.messages.len())];
        let prompt = self.tokenizer.prompt(&request.messages, true);
        let (Ok(tokens), Ok(shared)) = (prompt, self.tokenizer.prompt(shared, false)) else {
            return refuse_pending(&pending, ErrorKind::BadInput, "the prompt cannot be tokenised");
        };
        let (length, context) = (tokens.len(), self.decoder.context());
        if length >= context {
            let why = format!("the prompt has {length} tokens and the context holds {context}");
            return refuse_pending(&pending, ErrorKind::BadInput, &why);
        }
        self.push(Some(pending), tokens, shared.len());
    }

    fn push(&mut self, mut pending: Option<Box<Pending>>, tokens: Vec<u32>, shared: usize) {
        let (cached, kv) = self.best_start(&tokens);
        let settings = pending.as_mut().map(|it| (it.request.sampling, std::mem::take(&mut it.request.stop)));
        let (sampling, stop) = settings.unwrap_or_default();
        let seed = sampling.seed.unwrap_or_else(rand::random);
        self.jobs.push(Job {
            prompt_tokens: tokens.len(),
            tokens,
            shared,
            cached,
            kv,
            started: Instant::now(),
            first: None,
            sampler: Sampler::new(sampling.temperature, sampling.top_p, sampling.repeat_penalty, seed),
            emitter: Emitter::new(stop),
            circles: Circles::default(),
            pending,
        });
    }

    /// The longest known beginning of a prompt, shared by reference; one token is always left.
    fn best_start(&mut self, tokens: &[u32]) -> (usize, Kv) {
        let usable = &tokens[..tokens.len().saturating_sub(1)];
        let common = |kept: &Kept| kept.tokens.iter().zip(usable).take_while(|(a, b)| a == b).count();
        let Some((len, kept)) =
            self.kept.iter_mut().map(|kept| (common(kept), kept)).max_by_key(|(len, _)| *len)
        else {
            return (0, Kv::default());
        };
        self.clock += 1;
        kept.used = self.clock;
        kept.kv.first(len).map_or_else(|_| (0, Kv::default()), |kv| (len, kv))
    }

    fn knows(&self, tokens: &[u32]) -> bool {
        self.kept.iter().any(|kept| kept.session.is_none() && kept.tokens == tokens)
    }

    /// One token for each reply, then a piece of the shortest prompt.
    fn turn(&mut self, shared: &Shared) {
        let prompt = (0..self.jobs.len())
            .filter(|at| self.jobs[*at].reading())
            .min_by_key(|at| self.jobs[*at].tokens.len() - self.jobs[*at].kv.len());
        let mut ended = Vec::new();
        for at in 0..self.jobs.len() {
            if self.jobs[at].reading() && Some(at) != prompt {
                continue;
            }
            if let Some(end) = self.advance(at) {
                ended.push((at, end));
            }
            shared.mark();
        }
        for (at, end) in ended.into_iter().rev() {
            let job = self.jobs.swap_remove(at);
            self.settle(job, end);
        }
    }

    /// `Some` when the job is over: well, with an error, or (`None` inside) because nobody listens.
    #[expect(clippy::option_option, reason = "the outer option is whether, the inner how it ended")]
    fn advance(&mut self, at: usize) -> Option<Option<Result<Finish, EngineError>>> {
        let job = &mut self.jobs[at];
        if let Some(pending) = &job.pending {
            if pending.cancel.is_cancelled() {
                return Some(None);
            }
            if job.first.is_none() && Instant::now() >= pending.deadline {
                let why = "no token came within the deadline";
                return Some(Some(Err(EngineError::new(ErrorKind::Timeout, ENGINE, why))));
            }
        }
        let (decoder, tokenizer) = (&self.decoder, &self.tokenizer);
        let broken = |why: String| EngineError::new(ErrorKind::Broken, ENGINE, why);
        // A panic in the arithmetic must cost one reply, not the thread.
        let stepped = catch_unwind(AssertUnwindSafe(|| job.step(decoder, tokenizer)));
        match stepped.unwrap_or_else(|_| Err("the decoder panicked".to_owned())) {
            Ok(Step::Go) => {}
            Ok(Step::Done(finish)) => return Some(Some(Ok(finish))),
            Err(why) => return Some(Some(Err(broken(why)))),
        }
        if job.kv.len() == job.shared && job.pending.is_some() && job.shared > job.cached {
            let (tokens, kv) = (job.tokens[..job.shared].to_vec(), job.kv.clone());
            self.keep(None, tokens, kv);
        }
        None
    }

    fn settle(&mut self, mut job: Job, end: Option<Result<Finish, EngineError>>) {
        let tokens = job.tokens[..job.kv.len()].to_vec();
        let Some(pending) = job.pending.take() else {
            return self.keep(None, tokens, job.kv);
        };
        match end {
            Some(Ok(finish)) => {
                let text = job.emitter.finish();
                if finish != Finish::Repetition && !text.is_empty() {
                    let _ = pending.sender.try_send(Ok(LlmEvent::Delta(text)));
                }
                let usage = job.usage(&pending);
                let _ = pending.sender.try_send(Ok(LlmEvent::Done { finish, usage }));
            }
            Some(Err(error)) => {
                let _ = pending.sender.try_send(Err(error));
            }
            None => {}
        }
        self.keep(Some(pending.request.session), tokens, job.kv);
    }

    /// Remembers finished work and forgets the oldest of its kind.
    fn keep(&mut self, session: Option<u64>, tokens: Vec<u32>, kv: Kv) {
        let same = |kept: &Kept| kept.session == session && (session.is_some() || kept.tokens == tokens);
        self.kept.retain(|kept| !same(kept));
        self.clock += 1;
        self.kept.push(Kept { session, tokens, kv, used: self.clock });
        let limit = if session.is_some() { self.parallel * KEPT_PER_REPLY } else { PERSONAS };
        let alike = |kept: &Kept| kept.session.is_some() == session.is_some();
        while self.kept.iter().filter(|kept| alike(kept)).count() > limit {
            let oldest = self.kept.iter().filter(|kept| alike(kept)).map(|kept| kept.used).min();
            self.kept.retain(|kept| !alike(kept) || Some(kept.used) != oldest);
        }
    }
}

impl Job {
    fn reading(&self) -> bool {
        self.tokens.len() == self.prompt_tokens
    }

    fn step(&mut self, decoder: &Decoder, tokenizer: &Tokenizer) -> Result<Step, String> {
        let from = self.kv.len();
        let mut to = self.tokens.len().min(from + PIECE);
        // Stops at the end of the persona once, to keep it.
        if from < self.shared && self.shared < to {
            to = self.shared;
        }
        let wanted = to == self.tokens.len() && self.pending.is_some();
        let logits = decoder
            .forward(&self.tokens[from..to], &mut self.kv, wanted)
            .map_err(|error| format!("candle cannot decode: {error}"))?;
        let Some(pending) = &self.pending else {
            return Ok(if to == self.tokens.len() { Step::Done(Finish::Stop) } else { Step::Go });
        };
        let Some(logits) = logits else { return Ok(Step::Go) };
        let token = self.sampler.pick(&logits).ok_or("the model gave no probabilities")?;
        self.first.get_or_insert_with(Instant::now);
        if tokenizer.ends(token) {
            return Ok(Step::Done(Finish::Stop));
        }
        self.tokens.push(token);
        let emitted = self.emitter.push(&tokenizer.piece(token));
        if !emitted.text.is_empty() {
            // The stream has room for every token; nobody listening is seen by the flag.
            let _ = pending.sender.try_send(Ok(LlmEvent::Delta(emitted.text)));
        }
        let said = self.tokens.len() - self.prompt_tokens;
        let full = said >= pending.request.max_tokens || self.tokens.len() >= decoder.context();
        Ok(if emitted.stopped {
            Step::Done(Finish::Stop)
        } else if self.circles.push(token) {
            Step::Done(Finish::Repetition)
        } else if full {
            Step::Done(Finish::Length)
        } else {
            Step::Go
        })
    }

    fn usage(&self, pending: &Pending) -> LlmUsage {
        LlmUsage {
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached,
            completion_tokens: self.tokens.len() - self.prompt_tokens,
            queued: self.started.saturating_duration_since(pending.asked),
            first_token: self.first.map_or(Duration::ZERO, |first| first - self.started),
        }
    }
}

fn refuse(command: Command, error: &EngineError) {
    if let Command::Generate(pending) = command {
        let _ = pending.sender.try_send(Err(error.clone()));
    }
}

fn refuse_pending(pending: &Pending, kind: ErrorKind, why: &str) {
    let _ = pending.sender.try_send(Err(EngineError::new(kind, ENGINE, why)));
}
