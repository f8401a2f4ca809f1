//! The keeper: one thread that owns the worker and every reply in progress.
//!
//! It hears commands from the handles and answers from the worker through one mailbox, and looks
//! around after each, or every [`TICK`] while there is work: for streams that were dropped, for
//! deadlines, and for a worker that does not move.
//!
//! When the worker dies everyone who waits on it is told `Broken`, and it is started again after a
//! pause that grows with every failure in a row. A worker that says why it cannot start makes the
//! engine `Unavailable`, and is tried again rarely.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Sender;

use super::{ENGINE, Patience, Place, Shared, broken, lock, overloaded, worker::{Launch, Worker}};
use crate::{
    llm::{
        role_name,
        wire::{Answer, Ask, Done, End, Fault, Generate, Message},
    },
    port::{
        CancelFlag, ChatMessage, EngineError, ErrorKind, Finish, Health, LlmEvent, LlmRequest, LlmUsage,
    },
};

/// How often dropped streams and deadlines are looked at while there is work: well under what a
/// person notices, well over what a look costs.
const TICK: Duration = Duration::from_millis(20);

/// How often without work; only a shutdown could be noticed late, and that wakes the keeper itself.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// How often the worker must show that it moves.
const PING_EVERY: Duration = Duration::from_secs(1);

/// The pauses before a restart, by failures in a row; the last holds from then on.
const PAUSES_MS: [u64; 5] = [0, 500, 2_000, 5_000, 15_000];

/// The pause after a worker that said why it cannot start: somebody has to repair something first.
const REPAIR: Duration = Duration::from_secs(10);

/// Personas that are prefilled again after a restart, the latest first; as many as the worker keeps.
const PERSONAS: usize = 8;

/// What reaches the keeper.
pub(super) enum Command {
    WarmUp,
    Prefill(Vec<ChatMessage>),
    Generate(Box<Pending>),
    Heard { life: u64, answer: Answer },
    Gone { life: u64 },
}

/// A request and the way back.
pub(super) struct Pending {
    pub(super) request: LlmRequest,
    pub(super) sender: Sender<Result<LlmEvent, EngineError>>,
    pub(super) cancel: CancelFlag,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
    pub(super) place: Place,
}

/// A reply that the worker is making.
struct Flight {
    sender: Sender<Result<LlmEvent, EngineError>>,
    cancel: CancelFlag,
    /// Time between the request and its way to the worker.
    held: Duration,
    /// Until the first token came.
    deadline: Option<Instant>,
    _place: Place,
}

/// A worker with what is known of it.
struct Life {
    worker: Worker,
    ready: bool,
    /// Why it says that it cannot start.
    refusal: Option<String>,
    /// Why we killed it.
    verdict: Option<String>,
    started: Instant,
    moved: Instant,
    pinged: Instant,
    steps: u64,
}

pub(super) struct Keeper {
    launch: Launch,
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    patience: Patience,
    life: Option<Life>,
    /// Counts workers, so that late words of a dead one are known as such.
    lives: u64,
    wanted: bool,
    not_before: Instant,
    failures: usize,
    /// Why the last worker could not start; the next request after a pause tries again.
    refusal: Option<String>,
    queue: VecDeque<Box<Pending>>,
    flights: BTreeMap<u64, Flight>,
    next_id: u64,
    personas: Vec<Vec<ChatMessage>>,
}

impl Keeper {
    pub(super) fn new(
        launch: Launch,
        shared: Arc<Shared>,
        commands: SyncSender<Command>,
        patience: Patience,
    ) -> Self {
        Self {
            launch,
            shared,
            commands,
            patience,
            life: None,
            lives: 0,
            wanted: false,
            not_before: Instant::now(),
            failures: 0,
            refusal: None,
            queue: VecDeque::new(),
            flights: BTreeMap::new(),
            next_id: 1,
            personas: Vec::new(),
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        while !self.shared.closing.load(Ordering::Acquire) {
            let busy = self.wanted && self.life.as_ref().is_none_or(|life| !life.ready)
                || !self.flights.is_empty()
                || !self.queue.is_empty();
            match inbox.recv_timeout(if busy { TICK } else { IDLE_TICK }) {
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look_around();
        }
        *lock(&self.shared.worker) = None;
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::WarmUp => self.wanted = true,
            Command::Prefill(messages) => self.prefill(messages),
            Command::Generate(pending) => self.accept(pending),
            Command::Heard { life, answer } if life == self.lives => self.hear(answer),
            Command::Gone { life } if life == self.lives => self.bury(),
            Command::Heard { .. } | Command::Gone { .. } => {}
        }
    }

    fn accept(&mut self, pending: Box<Pending>) {
        match self.refusal.as_ref().filter(|_| Instant::now() < self.not_before) {
            Some(why) => {
                let error = EngineError::new(ErrorKind::Unavailable, ENGINE, why.as_str());
                let _ = pending.sender.try_send(Err(error));
            }
            None => {
                self.wanted = true;
                self.queue.push_back(pending);
            }
        }
    }

    fn prefill(&mut self, messages: Vec<ChatMessage>) {
        self.wanted = true;
        self.personas.retain(|known| *known != messages);
        self.personas.insert(0, messages);
        self.personas.truncate(PERSONAS);
        if let Some(life) = self.life.as_ref().filter(|life| life.ready) {
            life.worker.ask(&Ask::Prefill { key: 0, messages: lines(&self.personas[0]) });
        }
    }

    fn hear(&mut self, answer: Answer) {
        let Some(life) = self.life.as_mut() else { return };
        match answer {
            Answer::Ready { model, context, template } => {
                life.ready = true;
                life.moved = Instant::now();
                self.shared.context.store(context, Ordering::Release);
                *lock(&self.shared.health) = Health::Ready;
                tracing::info!(model, context, template, "language model ready");
                for messages in self.personas.iter().rev() {
                    life.worker.ask(&Ask::Prefill { key: 0, messages: lines(messages) });
                }
            }
            Answer::Pong { steps } => {
                if steps != life.steps {
                    life.steps = steps;
                    life.moved = Instant::now();
                }
            }
            Answer::Prefilled { tokens, .. } => {
                life.moved = Instant::now();
                tracing::debug!(tokens, "persona prefilled");
            }
            Answer::Delta { id, text } => {
                life.moved = Instant::now();
                self.deliver(id, text);
            }
            Answer::Done(done) => {
                life.moved = Instant::now();
                self.failures = 0;
                self.land(&done);
            }
            Answer::Error { id: Some(id), kind, message } => {
                life.moved = Instant::now();
                if let Some(flight) = self.flights.remove(&id) {
                    let _ = flight.sender.try_send(Err(EngineError::new(kind_of(kind), ENGINE, message)));
                }
            }
            Answer::Error { id: None, message, .. } if !life.ready => life.refusal = Some(message),
            Answer::Error { id: None, message, .. } => tracing::warn!(message, "worker refused a line"),
        }
    }

    fn deliver(&mut self, id: u64, text: String) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        flight.deadline = None;
        // The stream has room for every token, so this fails only when nobody listens any more.
        if flight.sender.try_send(Ok(LlmEvent::Delta(text))).is_err() {
            self.cancel(id);
        }
    }

    fn land(&mut self, done: &Done) {
        let Some(flight) = self.flights.remove(&done.id) else { return };
        let finish = match done.finish {
            End::Stop => Finish::Stop,
            End::Length => Finish::Length,
            End::Repetition => Finish::Repetition,
        };
        let usage = LlmUsage {
            prompt_tokens: done.prompt_tokens,
            cached_tokens: done.cached_tokens,
            completion_tokens: done.completion_tokens,
            queued: flight.held + Duration::from_micros(done.queued_us),
            first_token: Duration::from_micros(done.first_token_us),
        };
        let _ = flight.sender.try_send(Ok(LlmEvent::Done { finish, usage }));
    }

    /// Drops a reply here and at the worker.
    fn cancel(&mut self, id: u64) {
        self.flights.remove(&id);
        if let Some(life) = &self.life {
            life.worker.ask(&Ask::Cancel { id });
        }
    }

    fn look_around(&mut self) {
        let now = Instant::now();
        self.sweep_queue(now);
        self.sweep_flights(now);
        self.watch(now);
        if self.life.is_none() && self.wanted && now >= self.not_before {
            self.start(now);
        }
        self.dispatch();
    }

    fn sweep_queue(&mut self, now: Instant) {
        self.queue.retain(|pending| {
            if now >= pending.deadline {
                let _ = pending.sender.try_send(Err(late()));
            }
            now < pending.deadline && !pending.cancel.is_cancelled()
        });
    }

    fn sweep_flights(&mut self, now: Instant) {
        let over = |flight: &Flight| flight.deadline.is_some_and(|deadline| now >= deadline);
        let ended: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.cancel.is_cancelled() || over(flight))
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            if let Some(flight) = self.flights.get(&id).filter(|flight| over(flight)) {
                let _ = flight.sender.try_send(Err(late()));
            }
            self.cancel(id);
        }
    }

    /// Pings a worker that has work and kills one that does not move.
    fn watch(&mut self, now: Instant) {
        let Some(life) = self.life.as_mut() else { return };
        let limit = if life.ready { self.patience.stuck_after } else { self.patience.load_within };
        let since = if life.ready { life.moved } else { life.started };
        if life.ready && self.flights.is_empty() {
            life.moved = now;
        } else if now.duration_since(since) >= limit {
            let verdict = format!("the worker made no progress for {} s", limit.as_secs());
            tracing::warn!(seconds = limit.as_secs(), "worker is stuck, killing it");
            life.verdict.get_or_insert(verdict);
            life.worker.kill();
            // The end of its stdout brings the rest; until then it is not killed again.
            life.moved = now;
            life.started = now;
        } else if life.ready && now.duration_since(life.pinged) >= PING_EVERY {
            life.pinged = now;
            life.worker.ask(&Ask::Ping);
        }
    }

    fn start(&mut self, now: Instant) {
        if let Some(missing) = self.launch.missing() {
            return self.refuse(missing, now);
        }
        self.lives += 1;
        self.refusal = None;
        if self.failures == 0 {
            self.set_health(Health::Loading);
        }
        match self.launch.start(self.lives, &self.commands) {
            Ok(worker) => {
                *lock(&self.shared.worker) = Some(worker.pid());
                tracing::info!(pid = worker.pid(), "language model worker started");
                self.life = Some(Life {
                    worker,
                    ready: false,
                    refusal: None,
                    verdict: None,
                    started: now,
                    moved: now,
                    pinged: now,
                    steps: 0,
                });
            }
            Err(error) => self.refuse(format!("the worker does not start: {error}"), now),
        }
    }

    /// The worker has ended.
    fn bury(&mut self) {
        let Some(mut life) = self.life.take() else { return };
        *lock(&self.shared.worker) = None;
        let now = Instant::now();
        if let Some(refusal) = life.refusal.filter(|_| !life.ready) {
            return self.refuse(refusal, now);
        }
        let why = match life.verdict {
            Some(verdict) => verdict,
            None => format!("the worker ended ({})", life.worker.epitaph()),
        };
        tracing::warn!(failures = self.failures, why, "language model worker is gone");
        for flight in std::mem::take(&mut self.flights).into_values() {
            let _ = flight.sender.try_send(Err(broken(why.as_str())));
        }
        let pause = PAUSES_MS[self.failures.min(PAUSES_MS.len() - 1)];
        self.failures += 1;
        self.not_before = now + Duration::from_millis(pause);
        self.set_health(Health::Degraded(format!("{why}; it is being restarted")));
    }

    /// The worker cannot start until somebody repairs something.
    fn refuse(&mut self, why: String, now: Instant) {
        tracing::warn!(why, "language model unavailable");
        self.not_before = now + REPAIR;
        self.wanted = false;
        self.refusal = Some(why.clone());
        for pending in self.queue.drain(..) {
            let error = EngineError::new(ErrorKind::Unavailable, ENGINE, why.as_str());
            let _ = pending.sender.try_send(Err(error));
        }
        self.set_health(Health::Unavailable(why));
    }

    /// Hands waiting requests to a ready worker.
    fn dispatch(&mut self) {
        let Some(life) = self.life.as_mut().filter(|life| life.ready && life.verdict.is_none()) else {
            return;
        };
        while let Some(pending) = self.queue.pop_front() {
            let id = self.next_id;
            self.next_id += 1;
            let Pending { request, sender, cancel, asked, deadline, place } = *pending;
            if self.flights.is_empty() {
                life.moved = Instant::now();
            }
            if !life.worker.ask(&Ask::Generate(question(id, request))) {
                let _ = sender.try_send(Err(overloaded("the worker does not take more".into())));
                continue;
            }
            let held = asked.elapsed();
            let flight = Flight { sender, cancel, held, deadline: Some(deadline), _place: place };
            self.flights.insert(id, flight);
        }
    }

    fn set_health(&self, health: Health) {
        *lock(&self.shared.health) = health;
    }
}

fn question(id: u64, request: LlmRequest) -> Generate {
    let sampling = request.sampling;
    Generate {
        id,
        session: request.session,
        messages: lines(&request.messages),
        shared: request.shared.min(request.messages.len()),
        max_tokens: request.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        repeat_penalty: sampling.repeat_penalty,
        seed: sampling.seed.unwrap_or_else(rand::random),
        stop: request.stop,
    }
}

fn lines(messages: &[ChatMessage]) -> Vec<Message> {
    let line = |message: &ChatMessage| Message {
        role: role_name(message.role).to_owned(),
        content: message.content.clone(),
    };
    messages.iter().map(line).collect()
}

fn late() -> EngineError {
    EngineError::new(ErrorKind::Timeout, ENGINE, "no token came within the deadline")
}

fn kind_of(fault: Fault) -> ErrorKind {
    match fault {
        Fault::Overloaded => ErrorKind::Overloaded,
        Fault::BadInput => ErrorKind::BadInput,
        Fault::Unavailable => ErrorKind::Unavailable,
        Fault::Broken => ErrorKind::Broken,
    }
}
