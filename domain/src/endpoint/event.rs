//! What an endpointer is told and what it says.

/// How the end of a turn is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointMode {
    /// By silence alone (`server_vad`).
    Server {
        /// Silence that ends the turn.
        silence_ms: u32,
    },
    /// By a judge of completeness and by the words (`semantic_vad`).
    Semantic {
        /// Silence that ends the turn whatever the judge says.
        max_wait_ms: u32,
    },
    /// Only by [`Endpointer::commit`](super::Endpointer::commit) (turn detection `null`).
    Manual,
}

/// How an [`Endpointer`](super::Endpointer) behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndpointConfig {
    /// How the end of a turn is found.
    pub mode: EndpointMode,
    /// Probability from which a frame is speech.
    pub threshold: f32,
    /// Audio kept from before the first frame of speech.
    pub prefix_padding_ms: u32,
    /// Speech shorter than this never starts a turn.
    pub min_speech_ms: u32,
    /// Silence after which [`EndpointEvent::Pause`] is said: what can be prepared for an end may begin.
    pub pause_after_ms: u32,
    /// Silence before the judge is asked.
    pub ask_after_ms: u32,
    /// Silence before which no turn ends by itself in semantic mode: patience for people who search for words.
    pub least_wait_ms: u32,
    /// Probability of completeness that speaks neither for an end nor against it.
    pub complete_at: f32,
    /// Silence within which the words up to a pause are waited for before it is taken for the end.
    pub words_within_ms: u32,
    /// A turn longer than this is ended, in a pause if there is one near the limit.
    pub max_turn_ms: u32,
    /// Quiet after which [`EndpointEvent::IdleTimeout`] is said, once per quiet.
    pub idle_timeout_ms: Option<u32>,
}

impl Default for EndpointConfig {
    /// Semantic with medium eagerness; 30 s is what the recogniser takes in one piece.
    fn default() -> Self {
        Self {
            mode: EndpointMode::Semantic { max_wait_ms: 4000 },
            threshold: 0.5,
            prefix_padding_ms: 300,
            min_speech_ms: 96,
            // Two frames. A third would tell the dips inside words apart, but costs every answer its 32 ms; what is
            // begun in a dip is broken off by the next frame of speech.
            pause_after_ms: 64,
            ask_after_ms: 200,
            // A reply is drafted as soon as the words are there, and its first sound takes longer than this.
            least_wait_ms: 480,
            complete_at: 0.5,
            // On two slow cores the words are there after 400 ms.
            words_within_ms: 480,
            max_turn_ms: 30_000,
            idle_timeout_ms: None,
        }
    }
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Enough silence.
    Silence,
    /// It sounded, or read, more like an end than not.
    Complete,
    /// Incomplete as it sounded, nothing more came.
    MaxWait,
    /// Longer than a turn may be.
    MaxTurn,
    /// The client said so.
    Committed,
}

impl EndReason {
    /// The stable name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Complete => "complete",
            Self::MaxWait => "max_wait",
            Self::MaxTurn => "max_turn",
            Self::Committed => "committed",
        }
    }
}

/// What an [`Endpointer`](super::Endpointer) says. Positions are absolute sample indices at 16 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointEvent {
    /// A turn began.
    SpeechStarted {
        /// Where its audio begins, padding included; never before the end of the previous turn.
        start: u64,
    },
    /// A silence that may be the end, said once per pause and before any question about it. When speech goes
    /// on, nothing is said; the next pause has its own.
    Pause {
        /// Where the turn begins.
        start: u64,
        /// Where speech ended; the same as in [`EndpointEvent::TurnEnded`] if this is the end.
        end: u64,
    },
    /// Ask the judge about `start..end` and answer with [`Endpointer::handle_completeness`](super::Endpointer::handle_completeness).
    JudgeTurn {
        /// Name of the question.
        ask: u64,
        /// Where the turn begins.
        start: u64,
        /// Where it ends for the judge: now, the silence included.
        end: u64,
    },
    /// The turn is over; directly followed by [`EndpointEvent::TurnEnded`].
    SpeechStopped {
        /// Where speech ended.
        end: u64,
    },
    /// The audio of a whole turn is there.
    TurnEnded {
        /// Where its audio begins.
        start: u64,
        /// Where speech ended: the end of the last frame of speech, or now when cut or committed.
        end: u64,
        /// Where the stream stood when this was decided; `decided_at − end` is the wait.
        decided_at: u64,
        /// Why.
        reason: EndReason,
    },
    /// Nobody has spoken for `idle_timeout_ms`.
    IdleTimeout {
        /// Where the quiet began.
        since: u64,
    },
}
