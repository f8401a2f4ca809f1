//! The main loop: hear, admit, step. Nothing here blocks while there is work.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, TryRecvError},
    time::Instant,
};

use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, model::LlamaModel};

use crate::{
    BATCH,
    cache::{Cache, Plan, SESSIONS_PER_REPLY, Start},
    choose::Chooser,
    cores,
    job::{Job, Need, Purpose, Reply, Waiting},
    listen::Heard,
    pace::Pace,
    prompt::{Prompt, Prompter},
    say::say,
    wire::{Answer, Ask, Fault, Generate, Message},
};

/// Requests that may wait for a place. The server refuses earlier; this bounds our memory whatever
/// it does.
const WAITING: usize = 64;

/// What the operator allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Tokens of one session, the reply included.
    pub(crate) context: usize,
    /// Replies at once.
    pub(crate) parallel: usize,
}

/// Everything that the loop owns.
pub(crate) struct Server<'m> {
    pub(crate) model: &'m LlamaModel,
    pub(crate) context: LlamaContext<'m>,
    pub(crate) batch: LlamaBatch<'static>,
    pub(crate) cache: Cache,
    pub(crate) jobs: Vec<Job>,
    pub(crate) pace: Pace,
    pub(crate) steps: u64,
    /// Others need all cores: it hears, and computes nothing.
    rests: bool,
    prompter: Prompter<'m>,
    waiting: VecDeque<Waiting>,
    limits: Limits,
}

impl<'m> Server<'m> {
    /// Takes the loaded model.
    pub(crate) fn new(
        model: &'m LlamaModel,
        context: LlamaContext<'m>,
        prompter: Prompter<'m>,
        limits: Limits,
    ) -> Self {
        Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH, 1),
            cache: Cache::new(limits.parallel * SESSIONS_PER_REPLY),
            jobs: Vec::new(),
            pace: Pace::default(),
            steps: 0,
            rests: false,
            prompter,
            waiting: VecDeque::new(),
            limits,
        }
    }

    /// Works until stdin ends. An error means that the model can no longer be trusted.
    pub(crate) fn run(&mut self, inbox: &Receiver<Heard>) -> anyhow::Result<()> {
        loop {
            if self.rests || self.jobs.is_empty() && self.waiting.is_empty() {
                match inbox.recv() {
                    Ok(heard) => self.hear(heard),
                    Err(_) => return Ok(()),
                }
            }
            loop {
                match inbox.try_recv() {
                    Ok(heard) => self.hear(heard),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            if !self.rests {
                self.admit();
                self.step()?;
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Ask(Ask::Ping) => say(&Answer::Pong { steps: self.steps }),
            Heard::Ask(Ask::Share { threads }) => {
                self.rests = threads == 0;
                cores::share(threads);
            }
            Heard::Ask(Ask::Cancel { id }) => self.cancel(id),
            Heard::Ask(Ask::Prefill { key, messages }) => self.hear_prefill(key, &messages),
            Heard::Ask(Ask::Generate(ask)) => self.hear_generate(ask),
            Heard::Garbage(why) => fail(None, Fault::BadInput, why.to_owned()),
        }
    }

    fn hear_prefill(&mut self, key: u64, messages: &[Message]) {
        let tokens = match self.prompter.beginning(messages) {
            Ok(tokens) if tokens.len() < self.limits.context => tokens,
            Ok(_) => return fail(None, Fault::BadInput, "the persona does not fit the context".into()),
            Err(error) => return fail(None, Fault::BadInput, format!("{error:#}")),
        };
        if self.cache.knows_persona(&tokens) {
            return say(&Answer::Prefilled { key, tokens: tokens.len() });
        }
        let now = Instant::now();
        let purpose = Purpose::Persona { key, asked: now };
        if let Some(known) = self.beginning_in_work(&tokens) {
            *known = purpose;
            return;
        }
        let prompt = Prompt { shared: tokens.len(), tokens };
        self.enqueue(Waiting { prompt, received: now, purpose });
    }

    /// Why this beginning is being read already, or will be.
    fn beginning_in_work(&mut self, tokens: &[i32]) -> Option<&mut Purpose> {
        let jobs = self.jobs.iter_mut().map(|job| (&job.tokens, &mut job.purpose));
        let waiting = self.waiting.iter_mut().map(|waiting| (&waiting.prompt.tokens, &mut waiting.purpose));
        let is_it = |(held, purpose): &(&Vec<i32>, &mut Purpose)| {
            held.as_slice() == tokens && matches!(purpose, Purpose::Persona { .. })
        };
        jobs.chain(waiting).find(is_it).map(|(_, purpose)| purpose)
    }

    fn hear_generate(&mut self, ask: Generate) {
        let id = Some(ask.id);
        let prompt = match self.prompter.prompt(&ask.messages, ask.shared) {
            Ok(prompt) => prompt,
            Err(error) => return fail(id, Fault::BadInput, format!("{error:#}")),
        };
        let (length, context) = (prompt.tokens.len(), self.limits.context);
        if length >= context {
            let message = format!("the prompt has {length} tokens and the context holds {context}");
            return fail(id, Fault::BadInput, message);
        }
        let chooser = match Chooser::new(self.model, &ask) {
            Ok(chooser) => chooser,
            Err(error) => return fail(id, Fault::BadInput, format!("{error:#}")),
        };
        let reply = Reply::new(ask, context - length, chooser);
        let purpose = Purpose::Reply(Box::new(reply));
        self.enqueue(Waiting { prompt, received: Instant::now(), purpose });
    }

    fn enqueue(&mut self, waiting: Waiting) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(waiting);
        } else if let Purpose::Reply(reply) = waiting.purpose {
            fail(Some(reply.id), Fault::Overloaded, format!("{WAITING} requests wait already"));
        }
    }

    fn cancel(&mut self, id: u64) {
        let is_it = |purpose: &Purpose| matches!(purpose, Purpose::Reply(reply) if reply.id == id);
        self.waiting.retain(|waiting| !is_it(&waiting.purpose));
        if let Some(at) = self.jobs.iter().position(|job| is_it(&job.purpose)) {
            let job = self.jobs.swap_remove(at);
            self.cache.release(job.sequence);
        }
    }

    /// Gives places to those who wait, in order, but first to what is needed most, then to clients and sessions that
    /// have none.
    fn admit(&mut self) {
        self.make_room();
        while self.jobs.len() < self.limits.parallel {
            let Some(at) = self.ready().min_by_key(|at| self.places_of(&self.waiting[*at])) else { return };
            let Some(waiting) = self.waiting.remove(at) else { return };
            self.start(waiting);
        }
    }

    /// Those who may start: who shares a beginning that is just being read waits for it instead of reading it too.
    fn ready(&self) -> impl Iterator<Item = usize> {
        let is_being_read = |prompt: &Prompt| self.jobs.iter().any(|job| job.is_reading(prompt.beginning()));
        (0..self.waiting.len()).filter(move |at| !is_being_read(&self.waiting[*at].prompt))
    }

    /// How much a job is needed. Who waits for the beginning that it is reading needs it as much as their own.
    pub(crate) fn need_of(&self, job: &Job) -> Need {
        let waiting = self.waiting.iter().filter(|waiting| job.is_reading(waiting.prompt.beginning()));
        waiting.map(|waiting| waiting.purpose.need()).fold(job.purpose.need(), Need::min)
    }

    /// The same of what has no place yet: a beginning is needed by whoever goes on from it.
    fn need_waiting(&self, waiting: &Waiting) -> Need {
        let own = waiting.purpose.need();
        if !matches!(waiting.purpose, Purpose::Persona { .. }) {
            return own;
        }
        let others = self.waiting.iter().filter(|other| other.prompt.beginning() == waiting.prompt.tokens);
        others.map(|other| other.purpose.need()).fold(own, Need::min)
    }

    /// What is needed least gives its place to what is needed more.
    fn make_room(&mut self) {
        if self.jobs.len() < self.limits.parallel {
            return;
        }
        let Some(most) = self.ready().map(|at| self.need_waiting(&self.waiting[at])).min() else { return };
        let least = (0..self.jobs.len()).max_by_key(|at| self.need_of(&self.jobs[*at]));
        let Some(at) = least.filter(|at| self.need_of(&self.jobs[*at]) > most) else { return };
        let job = self.jobs.swap_remove(at);
        self.cache.release(job.sequence);
        match &job.purpose {
            Purpose::Reply(reply) => {
                fail(Some(reply.id), Fault::Overloaded, "somebody waits for this place".into());
            }
            Purpose::Persona { .. } => self.enqueue(job.wait_again()),
        }
    }

    /// Less is served first.
    fn places_of(&self, waiting: &Waiting) -> (Need, usize, usize) {
        let need = self.need_waiting(waiting);
        let Purpose::Reply(reply) = &waiting.purpose else { return (need, 0, 0) };
        let held = |of: fn(u64) -> u64| {
            self.jobs.iter().filter(|job| job.session().map(of) == Some(of(reply.session))).count()
        };
        (need, held(client), held(|session| session))
    }

    fn start(&mut self, waiting: Waiting) {
        let tokens = &waiting.prompt.tokens;
        let plan = match &waiting.purpose {
            Purpose::Persona { .. } => self.cache.take_persona(tokens),
            Purpose::Reply(reply) => self.cache.take(reply.session, tokens),
        };
        // There are more places than replies at once, so this only fails when a number above is wrong.
        let Some(plan) = plan else {
            debug_assert!(false, "no free sequence although fewer jobs than sequences run");
            return self.refuse(&waiting.purpose);
        };
        let cached = self.prepare(plan);
        self.jobs.push(Job::start(waiting, plan.sequence, cached));
    }

    fn refuse(&self, purpose: &Purpose) {
        if let Purpose::Reply(reply) = purpose {
            fail(Some(reply.id), Fault::Overloaded, "no place in the cache".into());
        }
    }

    /// Carries a plan out on the real cache; answers how many tokens are in place.
    fn prepare(&mut self, plan: Plan) -> usize {
        let sequence = plan.sequence as u32;
        let done = match plan.start {
            Start::Keep(len) => self.context.clear_kv_cache_seq(Some(sequence), Some(len as u32), None),
            Start::Copy { from, len } => {
                let cleared = self.context.clear_kv_cache_seq(Some(sequence), None, None);
                let copied =
                    self.context.copy_kv_cache_seq(from as i32, sequence as i32, Some(0), Some(len as u32));
                copied.and(cleared)
            }
        };
        if matches!(done, Ok(true)) {
            return plan.start.len();
        }
        // Models with a running state instead of cells cannot go back to an earlier token.
        self.empty(plan.sequence);
        0
    }

    /// Empties a sequence, in the cache and in the books.
    pub(crate) fn empty(&mut self, sequence: usize) {
        let _ = self.context.clear_kv_cache_seq(Some(sequence as u32), None, None);
        self.cache.forget(sequence);
    }
}

/// Whose session this is: the server writes the client into the upper half of a key, or nothing.
fn client(session: u64) -> u64 {
    if session >> 32 == 0 { session } else { session >> 32 << 32 }
}

/// Says that a reply, or a question without one, failed.
pub(crate) fn fail(id: Option<u64>, kind: Fault, message: String) {
    say(&Answer::Error { id, kind, message });
}
