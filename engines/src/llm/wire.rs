//! What the server and its llama.cpp worker say to each other: one JSON object a line, the server's
//! questions on the worker's stdin, its answers on stdout. This file is compiled into both sides,
//! so that they cannot drift apart.

use serde::{Deserialize, Serialize};

/// Longest line that either side reads. A prompt that fills a context of 128 k tokens fits; a peer
/// gone mad does not fill our memory.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// From the server to the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Evaluate a persona's messages ahead of its first reply.
    Prefill {
        /// Comes back in [`Answer::Prefilled`].
        key: u64,
        /// What all sessions of the persona begin with.
        messages: Vec<Message>,
    },
    /// Begin a reply.
    Generate(Generate),
    /// Forget a reply; nothing more is said about it.
    Cancel {
        /// Which.
        id: u64,
    },
    /// Leave cores to others, or take them again.
    Share {
        /// At most so many: with 0 it rests, one or all are told apart.
        threads: u16,
    },
    /// Show that the decoding loop turns.
    Ping,
}

/// One reply to make.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Generate {
    /// Chosen by the server, unique in the life of a worker.
    pub(crate) id: u64,
    /// Whose; a session finds its own cache again.
    pub(crate) session: u64,
    /// The prompt.
    pub(crate) messages: Vec<Message>,
    /// How many leading messages other sessions share.
    pub(crate) shared: usize,
    /// Whether nobody waits for it yet: the prompt is read ahead, and the work rests while somebody waits.
    #[serde(default)]
    pub(crate) ahead: bool,
    /// At most this many new tokens.
    pub(crate) max_tokens: usize,
    /// 0 picks the likeliest.
    pub(crate) temperature: f32,
    /// Nucleus.
    pub(crate) top_p: f32,
    /// 1 switches it off.
    pub(crate) repeat_penalty: f32,
    /// Same seed and prompt, same reply.
    pub(crate) seed: u64,
    /// Texts that end the reply.
    pub(crate) stop: Vec<String>,
    /// A grammar of llama.cpp with the rule `root`, for the whole of what is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grammar: Option<String>,
    /// How functions are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calls: Option<Calls>,
}

/// How functions are called in a reply that may also be words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calls {
    /// What begins a call.
    pub(crate) mark: String,
    /// The grammar of what follows it; without one, a reply must not call.
    pub(crate) grammar: Option<String>,
    /// Decides the first token, where it is here; otherwise that is drawn like any other.
    #[serde(default)]
    pub(crate) odds: Option<Odds>,
}

/// When the first token of a reply makes it a call; otherwise it begins with words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Odds {
    /// From this share of probability of the mark on, in [0, 1].
    pub(crate) mark: f32,
    /// What a model that does not know the mark would write instead of it; how likely these have to be depends on the
    /// model and is known to the worker.
    pub(crate) hints: Vec<String>,
    /// A call was made since the person spoke, and its result is there.
    #[serde(default)]
    pub(crate) answered: bool,
}

/// One message of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    /// `system`, `user` or `assistant`.
    pub(crate) role: String,
    /// What was said.
    pub(crate) content: String,
}

/// From the worker to the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The model is loaded; said once, before anything else but an error.
    Ready {
        /// What the file calls itself.
        model: String,
        /// Tokens that one session may hold.
        context: usize,
        /// The family of its chat template.
        template: String,
    },
    /// A persona's messages are in the cache.
    Prefilled {
        /// From the question.
        key: u64,
        /// How many tokens they are.
        tokens: usize,
    },
    /// More of a reply; whole characters.
    Delta {
        /// Which reply.
        id: u64,
        /// The text.
        text: String,
    },
    /// A reply ended well.
    Done(Done),
    /// A reply, or with no `id` the worker itself, cannot go on.
    Error {
        /// Which reply.
        id: Option<u64>,
        /// What kind of failure.
        kind: Fault,
        /// What happened and what to do; never what a person said.
        message: String,
    },
    /// The answer to [`Ask::Ping`], said between two steps.
    Pong {
        /// Steps taken so far; it grows while there is work.
        steps: u64,
    },
}

/// The end of a reply.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Which reply.
    pub(crate) id: u64,
    /// Why it ended.
    pub(crate) finish: End,
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: usize,
    /// Of these, found in the cache.
    pub(crate) cached_tokens: usize,
    /// New tokens.
    pub(crate) completion_tokens: usize,
    /// From its arrival to the start of the work, in microseconds.
    pub(crate) queued_us: u64,
    /// From there to the first token, in microseconds.
    pub(crate) first_token_us: u64,
    /// The shares of probability that the mark of a call and the hints had as first token, where they decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call_odds: Option<(f32, f32)>,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// The model or a stop text ended it.
    Stop,
    /// `max_tokens` or the context was reached.
    Length,
    /// It ran in circles.
    Repetition,
}

/// Kinds of failure, as in the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Too much waits already.
    Overloaded,
    /// The request can never be served.
    BadInput,
    /// The worker cannot start.
    Unavailable,
    /// Something broke inside.
    Broken,
}
