//! One piece of work at the model: a reply, or the reading of a persona's beginning.

use std::{cmp::Reverse, time::Instant};

use crate::{
    choose::Chooser,
    circles::Circles,
    emit::Emitter,
    prompt::Prompt,
    wire::{Answer, Done, End, Generate},
};

/// Work that has no place yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// What to evaluate.
    pub(crate) prompt: Prompt,
    /// When it came.
    pub(crate) received: Instant,
    /// For what.
    pub(crate) purpose: Purpose,
}

/// Why something is evaluated.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To keep a persona's beginning.
    Persona {
        /// Of the latest question.
        key: u64,
        /// When that came.
        asked: Instant,
    },
    /// To reply.
    Reply(Box<Reply>),
}

/// Who needs it; the first is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Somebody waits for it.
    Now,
    /// Somebody who is there will: a prompt that is read ahead.
    Soon,
    /// Perhaps somebody will: a beginning that is read before anyone speaks. First the one that was asked for last, by
    /// who has just come.
    Perhaps(Reverse<Instant>),
}

impl Purpose {
    /// What it is needed for by itself; others may need it more.
    pub(crate) fn need(&self) -> Need {
        match self {
            Self::Persona { asked, .. } => Need::Perhaps(Reverse(*asked)),
            Self::Reply(reply) if reply.is_ahead => Need::Soon,
            Self::Reply(_) => Need::Now,
        }
    }
}

/// What a reply needs beside its tokens.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Of the question.
    pub(crate) id: u64,
    /// Whose.
    pub(crate) session: u64,
    /// See [`Generate::ahead`].
    pub(crate) is_ahead: bool,
    /// Room for so many new tokens.
    pub(crate) max_tokens: usize,
    /// Chooses tokens.
    pub(crate) chooser: Chooser,
    /// Makes text of them.
    pub(crate) emitter: Emitter,
    /// Watches for loops.
    pub(crate) circles: Circles,
    /// When the first token came.
    pub(crate) first_token: Option<Instant>,
}

impl Reply {
    /// From a question, whose prompt leaves `room` tokens of the context.
    pub(crate) fn new(ask: Generate, room: usize, chooser: Chooser) -> Self {
        Self {
            id: ask.id,
            session: ask.session,
            is_ahead: ask.ahead,
            max_tokens: ask.max_tokens.min(room),
            chooser,
            emitter: Emitter::new(ask.stop),
            circles: Circles::default(),
            first_token: None,
        }
    }
}

/// Work in progress.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its sequence in the cache.
    pub(crate) sequence: usize,
    /// The prompt and then the reply.
    pub(crate) tokens: Vec<i32>,
    /// How many of these are the prompt.
    pub(crate) prompt_tokens: usize,
    /// How many are shared with other sessions.
    pub(crate) shared: usize,
    /// How many were in the cache at the start.
    pub(crate) cached: usize,
    /// How many are in the cache now.
    pub(crate) evaluated: usize,
    /// When it came.
    pub(crate) received: Instant,
    /// When it got its place.
    pub(crate) started: Instant,
    /// For what.
    pub(crate) purpose: Purpose,
}

impl Job {
    /// Gives waiting work its place.
    pub(crate) fn start(waiting: Waiting, sequence: usize, cached: usize) -> Self {
        Self {
            sequence,
            prompt_tokens: waiting.prompt.tokens.len(),
            tokens: waiting.prompt.tokens,
            shared: waiting.prompt.shared,
            cached,
            evaluated: cached,
            received: waiting.received,
            started: Instant::now(),
            purpose: waiting.purpose,
        }
    }

    /// Tokens still to evaluate.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.evaluated
    }

    /// Whether it is past its prompt.
    pub(crate) fn decoding(&self) -> bool {
        self.tokens.len() > self.prompt_tokens
    }

    /// Whose reply it is.
    pub(crate) fn session(&self) -> Option<u64> {
        match &self.purpose {
            Purpose::Reply(reply) => Some(reply.session),
            Purpose::Persona { .. } => None,
        }
    }

    /// Whether it is busy evaluating exactly this beginning, so that others had better wait for it.
    pub(crate) fn is_reading(&self, beginning: &[i32]) -> bool {
        !beginning.is_empty() && self.shared > self.evaluated && self.tokens[..self.shared] == *beginning
    }

    /// Gives its place back; what was evaluated is found in the cache.
    pub(crate) fn wait_again(self) -> Waiting {
        let prompt = Prompt { shared: self.shared, tokens: self.tokens };
        Waiting { prompt, received: self.received, purpose: self.purpose }
    }

    /// The last word to the server.
    pub(crate) fn done(&self, finish: Option<End>) -> Answer {
        match &self.purpose {
            Purpose::Persona { key, .. } => Answer::Prefilled { key: *key, tokens: self.tokens.len() },
            Purpose::Reply(reply) => {
                let first = reply.first_token.unwrap_or(self.started);
                Answer::Done(Done {
                    id: reply.id,
                    finish: finish.unwrap_or(End::Length),
                    prompt_tokens: self.prompt_tokens,
                    cached_tokens: self.cached,
                    completion_tokens: self.tokens.len() - self.prompt_tokens,
                    queued_us: micros(self.received, self.started),
                    first_token_us: micros(self.started, first),
                    call_odds: reply.chooser.call_odds(),
                })
            }
        }
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
