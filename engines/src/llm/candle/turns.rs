//! The thread that owns the weights: a token for every reply in turn, a piece of one prompt between.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use super::{
    ENGINE, Shared, WAITING,
    job::{Job, Pending, Step, refuse_pending},
    model::{self, Decoder, Kv},
    tokenizer::Tokenizer,
};
use crate::port::{ChatMessage, EngineError, ErrorKind, Finish, Health};

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
}

/// What is known of finished work, to start the next from.
struct Kept {
    /// `None` is a persona.
    session: Option<u64>,
    tokens: Vec<u32>,
    kv: Kv,
    used: u64,
}

/// How a job ended.
enum End {
    Well(Finish),
    Failed(EngineError),
    /// Nobody listens any more.
    Unheard,
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

    /// Collects commands while there is room for them; blocks only when there is nothing to do. False at
    /// the end.
    fn listen(&self, inbox: &Receiver<Command>, waiting: &mut VecDeque<Command>, busy: bool) -> bool {
        if !busy && waiting.is_empty() {
            match inbox.recv_timeout(Duration::from_secs(1)) {
                Ok(command) => waiting.push_back(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        while waiting.len() < WAITING {
            match inbox.try_recv() {
                Ok(command) => waiting.push_back(command),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        !self.shared.closing.load(Ordering::Acquire)
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
            Command::WarmUp => false,
            Command::Prefill(_) => true,
        });
        let mut deferred = VecDeque::new();
        while self.jobs.len() < self.parallel {
            match waiting.pop_front() {
                Some(Command::Generate(pending)) => {
                    deferred.extend(self.start(pending).map(Command::Generate));
                }
                Some(Command::Prefill(messages)) => self.read_persona(&messages),
                Some(Command::WarmUp) => {}
                None => break,
            }
        }
        deferred.append(waiting);
        *waiting = deferred;
    }

    fn read_persona(&mut self, messages: &[ChatMessage]) {
        let Ok(tokens) = self.tokenizer.prompt(messages, false) else { return };
        let known = self.knows(&tokens) || self.jobs.iter().any(|job| job.is_reading(&tokens));
        if tokens.len() < self.decoder.context() && !known {
            let shared = tokens.len();
            self.push(None, tokens, shared);
        }
    }

    /// Gives a request its place. It comes back when it had better wait, because another job reads the
    /// beginning that both share.
    fn start(&mut self, pending: Box<Pending>) -> Option<Box<Pending>> {
        let request = &pending.request;
        let shared = &request.messages[..request.shared.min(request.messages.len())];
        let prompt = self.tokenizer.prompt(&request.messages, true);
        let (Ok(tokens), Ok(shared)) = (prompt, self.tokenizer.prompt(shared, false)) else {
            refuse_pending(&pending, ErrorKind::BadInput, "the prompt cannot be tokenised");
            return None;
        };
        let (length, context) = (tokens.len(), self.decoder.context());
        if length >= context {
            let why = format!("the prompt has {length} tokens and the context holds {context}");
            refuse_pending(&pending, ErrorKind::BadInput, &why);
            return None;
        }
        if self.jobs.iter().any(|job| job.is_reading(&shared)) {
            return Some(pending);
        }
        self.push(Some(pending), tokens, shared.len());
        None
    }

    fn push(&mut self, pending: Option<Box<Pending>>, tokens: Vec<u32>, shared: usize) {
        let kv = self.best_start(&tokens);
        self.jobs.push(Job::new(pending, tokens, shared, kv));
    }

    /// The longest known beginning of a prompt, shared by reference; one token is always left.
    fn best_start(&mut self, tokens: &[u32]) -> Kv {
        let usable = &tokens[..tokens.len().saturating_sub(1)];
        let common = |kept: &Kept| kept.tokens.iter().zip(usable).take_while(|(a, b)| a == b).count();
        let Some((len, kept)) =
            self.kept.iter_mut().map(|kept| (common(kept), kept)).max_by_key(|(len, _)| *len)
        else {
            return Kv::default();
        };
        self.clock += 1;
        kept.used = self.clock;
        kept.kv.first(len).unwrap_or_default()
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

    /// `Some` when the job is over.
    fn advance(&mut self, at: usize) -> Option<End> {
        let job = &mut self.jobs[at];
        if let Some(pending) = &job.pending {
            if pending.cancel.is_cancelled() {
                return Some(End::Unheard);
            }
            if job.first.is_none() && Instant::now() >= pending.deadline {
                let why = "no token came within the deadline";
                return Some(End::Failed(EngineError::new(ErrorKind::Timeout, ENGINE, why)));
            }
        }
        let (decoder, tokenizer) = (&self.decoder, &self.tokenizer);
        let broken = |why: String| EngineError::new(ErrorKind::Broken, ENGINE, why);
        // A panic in the arithmetic must cost one reply, not the thread.
        let stepped = catch_unwind(AssertUnwindSafe(|| job.step(decoder, tokenizer)));
        match stepped.unwrap_or_else(|_| Err("the decoder panicked".to_owned())) {
            Ok(Step::Go) => {}
            Ok(Step::Done(finish)) => return Some(End::Well(finish)),
            Err(why) => return Some(End::Failed(broken(why))),
        }
        if job.kv.len() == job.shared && job.pending.is_some() && job.shared > job.cached {
            let (tokens, kv) = (job.tokens[..job.shared].to_vec(), job.kv.clone());
            self.keep(None, tokens, kv);
        }
        None
    }

    fn settle(&mut self, mut job: Job, end: End) {
        let tokens = job.tokens[..job.kv.len()].to_vec();
        let Some(mut pending) = job.pending.take() else {
            return self.keep(None, tokens, job.kv);
        };
        match end {
            End::Well(finish) => job.finish(&mut pending, finish),
            End::Failed(error) => {
                let _ = pending.sender.try_send(Err(error));
            }
            End::Unheard => {}
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

fn refuse(command: Command, error: &EngineError) {
    if let Command::Generate(pending) = command {
        let _ = pending.sender.try_send(Err(error.clone()));
    }
}
