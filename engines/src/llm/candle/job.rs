//! One reply in progress, or the reading of a persona's beginning.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::{
    ENGINE,
    model::{Decoder, Kv},
    tokenizer::Tokenizer,
};
use crate::{
    llm::{circles::Circles, emit::Emitter, sample::Sampler, tools::Reading},
    port::{CancelFlag, EngineError, ErrorKind, Finish, LlmEvent, LlmRequest, LlmUsage},
};

/// Tokens of a prompt between two tokens of everybody else's reply; about half a second on two cores.
const PIECE: usize = 16;

/// A request and the way back.
pub(super) struct Pending {
    pub(super) request: LlmRequest,
    pub(super) reading: Reading,
    pub(super) sender: Sender<Result<LlmEvent, EngineError>>,
    pub(super) cancel: CancelFlag,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
}

impl Pending {
    /// Passes text on, and the calls in it.
    fn say(&mut self, text: String) {
        for event in self.reading.push(text) {
            self.send(event);
        }
    }

    /// The stream has room for every token; nobody listening is seen by the flag.
    fn send(&self, event: LlmEvent) {
        let _ = self.sender.try_send(Ok(event));
    }
}

/// Work in progress; without a `pending` it reads a persona.
pub(super) struct Job {
    pub(super) pending: Option<Box<Pending>>,
    pub(super) tokens: Vec<u32>,
    prompt_tokens: usize,
    pub(super) shared: usize,
    pub(super) cached: usize,
    pub(super) kv: Kv,
    started: Instant,
    pub(super) first: Option<Instant>,
    sampler: Sampler,
    emitter: Emitter,
    circles: Circles,
}

/// What a step led to.
pub(super) enum Step {
    Go,
    Done(Finish),
}

impl Job {
    /// Work that begins with the `cached` tokens that `kv` holds.
    pub(super) fn new(mut pending: Option<Box<Pending>>, tokens: Vec<u32>, shared: usize, kv: Kv) -> Self {
        let settings = pending.as_mut().map(|it| (it.request.sampling, std::mem::take(&mut it.request.stop)));
        let (sampling, stop) = settings.unwrap_or_default();
        let seed = sampling.seed.unwrap_or_else(rand::random);
        Self {
            prompt_tokens: tokens.len(),
            tokens,
            shared,
            cached: kv.len(),
            kv,
            started: Instant::now(),
            first: None,
            sampler: Sampler::new(sampling.temperature, sampling.top_p, sampling.repeat_penalty, seed),
            emitter: Emitter::new(stop),
            circles: Circles::default(),
            pending,
        }
    }

    /// Whether it still reads exactly this beginning, so that others had better wait for it.
    pub(super) fn is_reading(&self, beginning: &[u32]) -> bool {
        !beginning.is_empty() && self.kv.len() < self.shared && self.tokens[..self.shared] == *beginning
    }

    /// What was held back, and the last word.
    pub(super) fn finish(&mut self, pending: &mut Pending, finish: Finish) {
        let text = self.emitter.finish();
        if finish != Finish::Repetition && !text.is_empty() {
            pending.say(text);
        }
        match pending.reading.finish(ENGINE) {
            Ok(events) => events.into_iter().for_each(|event| pending.send(event)),
            Err(error) => {
                let _ = pending.sender.try_send(Err(error));
                return;
            }
        }
        let usage = self.usage(pending);
        pending.send(LlmEvent::Done { finish, usage });
    }

    /// Whether the prompt is not done yet.
    pub(super) fn reading(&self) -> bool {
        self.tokens.len() == self.prompt_tokens
    }

    /// The next piece of the prompt, or the next token.
    pub(super) fn step(&mut self, decoder: &Decoder, tokenizer: &Tokenizer) -> Result<Step, String> {
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
        let Some(pending) = &mut self.pending else {
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
            pending.say(emitted.text);
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

/// Tells a requester why there will be no reply.
pub(super) fn refuse_pending(pending: &Pending, kind: ErrorKind, why: &str) {
    let _ = pending.sender.try_send(Err(EngineError::new(kind, ENGINE, why)));
}
