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

use super::{
    ENGINE, Patience, Place, Shared, broken,
    life::Life,
    lock, overloaded,
    translate::{ending, kind_of, late, lines, question},
    worker::Launch,
};
use crate::{
    cores::{Computing, Model, Rests},
    llm::{
        tools::Reading,
        wire::{Answer, Ask, Done, Generate},
    },
    port::{CancelFlag, ChatMessage, EngineError, ErrorKind, Health, LlmEvent, LlmRequest},
};

/// How often dropped streams and deadlines are looked at while there is work: well under what a
/// person notices, well over what a look costs.
const TICK: Duration = Duration::from_millis(20);

/// How often without work; only a shutdown could be noticed late, and that wakes the keeper itself.
const IDLE_TICK: Duration = Duration::from_secs(1);

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
    /// See [`Generate::ahead`](crate::llm::wire::Generate).
    pub(super) is_ahead: bool,
    pub(super) sender: Sender<Result<LlmEvent, EngineError>>,
    pub(super) cancel: CancelFlag,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
    pub(super) place: Place,
}

/// A reply that the worker is making.
struct Flight {
    /// See [`Generate::ahead`](crate::llm::wire::Generate).
    is_ahead: bool,
    sender: Sender<Result<LlmEvent, EngineError>>,
    cancel: CancelFlag,
    reading: Reading,
    /// Time between the request and its way to the worker.
    held: Duration,
    /// Until the first token came.
    deadline: Option<Instant>,
    _place: Place,
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
    /// While there are replies in progress that somebody waits for.
    computing: Option<Computing>,
    /// The worker's, beside a voice that somebody waits for.
    rests: Rests,
}

impl Keeper {
    pub(super) fn new(
        launch: Launch,
        shared: Arc<Shared>,
        commands: SyncSender<Command>,
        patience: Patience,
    ) -> Self {
        Self {
            computing: None,
            rests: Rests::new(Instant::now()),
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
                life.moves();
                self.shared.context.store(context, Ordering::Release);
                *lock(&self.shared.health) = Health::Ready;
                tracing::info!(model, context, template, "language model ready");
                for messages in self.personas.iter().rev() {
                    life.worker.ask(&Ask::Prefill { key: 0, messages: lines(messages) });
                }
            }
            Answer::Pong { steps } => life.stepped(steps),
            Answer::Prefilled { tokens, .. } => {
                life.moves();
                tracing::debug!(tokens, "persona prefilled");
            }
            Answer::Delta { id, text } => {
                life.moves();
                self.deliver(id, text);
            }
            Answer::Done(done) => {
                life.moves();
                self.failures = 0;
                self.land(&done);
            }
            Answer::Error { id: Some(id), kind, message } => {
                life.moves();
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
        let events = flight.reading.push(text);
        if !events.into_iter().all(|event| flight.sender.try_send(Ok(event)).is_ok()) {
            self.cancel(id);
        }
    }

    fn land(&mut self, done: &Done) {
        let Some(mut flight) = self.flights.remove(&done.id) else { return };
        tracing::trace!(?done, held = ?flight.held, "reply made");
        if let Some((mark, hinted)) = done.call_odds {
            tracing::debug!(mark, hinted, "odds of a call");
        }
        let last = flight.reading.finish(ENGINE);
        let events = last.map(|events| events.into_iter().chain([ending(done, flight.held)]));
        match events {
            Ok(mut events) => {
                let _ = events.try_for_each(|event| flight.sender.try_send(Ok(event)));
            }
            Err(error) => {
                let _ = flight.sender.try_send(Err(error));
            }
        }
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
        let working = !self.flights.is_empty();
        if let Some(life) = self.life.as_mut() {
            life.watch(working, self.patience, now);
        }
        if self.life.is_none() && self.wanted && now >= self.not_before {
            self.start(now);
        }
        self.dispatch();
        self.share_cores(now);
    }

    /// Says whether this model computes, and tells the worker whether others do: at most a [`TICK`] later.
    fn share_cores(&mut self, now: Instant) {
        let cores = &self.launch.cores;
        // What is read ahead takes the core that is left over, and slows nobody's words down.
        if self.flights.values().all(|flight| flight.is_ahead) {
            self.computing = None;
        } else {
            self.computing.get_or_insert_with(|| cores.enter(Model::Thinking));
        }
        let most = cores.threads(Model::Thinking);
        // For what it reads on its own nobody would wake it again.
        let rests = self.rests.rests(most == 0 && !self.flights.is_empty(), now);
        let threads = match most {
            _ if rests => 0,
            // One of two is half; of more threads, too many would stand idle.
            0 | 1 if self.launch.threads <= 2 => 1,
            _ => u16::MAX,
        };
        if let Some(life) = self.life.as_mut().filter(|life| life.ready) {
            life.share(threads);
        }
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
                self.life = Some(Life::new(worker, now));
            }
            Err(error) => self.refuse(format!("the worker does not start: {error}"), now),
        }
    }

    /// The worker has ended.
    fn bury(&mut self) {
        let Some(mut life) = self.life.take() else { return };
        *lock(&self.shared.worker) = None;
        let now = Instant::now();
        if life.was_steady(now) {
            self.failures = 0;
        }
        if let Some(refusal) = life.refusal.filter(|_| !life.ready) {
            return self.refuse(refusal, now);
        }
        let why = match life.verdict {
            Some(verdict) => verdict,
            None => format!("the worker ended ({})", life.worker.epitaph()),
        };
        tracing::warn!(failures = self.failures, why, "language model worker is gone");
        metrics::counter!("engine_workers_lost_total", "engine" => ENGINE).increment(1);
        let pause = PAUSES_MS[self.failures.min(PAUSES_MS.len() - 1)];
        self.failures += 1;
        self.not_before = now + Duration::from_millis(pause);
        self.set_health(Health::Degraded(format!("{why}; it is being restarted")));
        for flight in std::mem::take(&mut self.flights).into_values() {
            let _ = flight.sender.try_send(Err(broken(why.as_str())));
        }
    }

    /// The worker cannot start until somebody repairs something.
    fn refuse(&mut self, why: String, now: Instant) {
        tracing::warn!(why, "language model unavailable");
        self.not_before = now + REPAIR;
        self.wanted = false;
        self.refusal = Some(why.clone());
        // Before those who wait hear of it, lest they ask and are told that all is well.
        self.set_health(Health::Unavailable(why.clone()));
        for pending in self.queue.drain(..) {
            let error = EngineError::new(ErrorKind::Unavailable, ENGINE, why.as_str());
            let _ = pending.sender.try_send(Err(error));
        }
    }

    /// Hands waiting requests to a ready worker.
    fn dispatch(&mut self) {
        let Some(life) = self.life.as_mut().filter(|life| life.ready && life.verdict.is_none()) else {
            return;
        };
        while let Some(pending) = self.queue.pop_front() {
            let id = self.next_id;
            self.next_id += 1;
            let Pending { request, is_ahead, sender, cancel, asked, deadline, place } = *pending;
            if self.flights.is_empty() {
                life.moves();
            }
            let reading = Reading::new(&request);
            if !life.worker.ask(&Ask::Generate(Generate { ahead: is_ahead, ..question(id, request) })) {
                let _ = sender.try_send(Err(overloaded("the worker does not take more".into())));
                continue;
            }
            let held = asked.elapsed();
            let deadline = Some(deadline);
            let flight = Flight { sender, cancel, reading, held, deadline, is_ahead, _place: place };
            self.flights.insert(id, flight);
        }
    }

    fn set_health(&self, health: Health) {
        *lock(&self.shared.health) = health;
    }
}
