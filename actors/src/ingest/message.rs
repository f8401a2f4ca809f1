//! What Ingest is told and what it says.

use std::time::Duration;

use duologue_domain::interrupt::{Extent, StopReason};
use duologue_engines::port::EngineError;
use tokio::time::Instant;

use super::over_reply::Audible;
use crate::{event::SessionConfig, pulse::Pulse};

/// What it understands.
#[derive(Debug)]
pub enum IngestMsg {
    /// The ring has something.
    FramesReady,
    /// The session's configuration changed.
    Configure(Box<SessionConfig>),
    /// The client ends the turn.
    Commit,
    /// The client drops what was not committed.
    Clear,
    /// Words of the current speech; empty when the recogniser found none.
    Words(String, Extent),
    /// The persona's sound is at the person's ears, asks something or not, or is there no more. Said at each change,
    /// and again to a new Ingest. While a reply is held it is still audible.
    Audible(Option<Audible>),
    /// Look whether the microphone went silent while a reply is held.
    Starving,
    /// The persona has stopped speaking: the idle time counts from here.
    ReplyEnded,
    /// Show that it lives.
    Pulse(Pulse),
    /// Smart-turn answered.
    Judged {
        /// Which question.
        ask: u64,
        /// Probability that the speaker has finished, and what it took.
        verdict: Result<(f32, Duration), EngineError>,
    },
}

/// What it says. Positions are 16 kHz samples of [`History`](crate::audio_in::History).
#[derive(Debug)]
pub enum IngestEvent {
    /// Speech began.
    SpeechStarted {
        /// With prefix.
        start: u64,
        /// A reply is audible: what becomes of it is not decided, so nobody else is told of the speech until
        /// `Interrupted`. If it never comes, `Backchannel` ends this speech in place of `TurnEnded`.
        over_reply: bool,
    },
    /// A sound over the reply: it plays quieter, at once. `Restore` or `Interrupted` follows.
    Duck,
    /// The sound goes on: the reply pauses, ready to go on from the same sample. `Restore` or `Interrupted` follows.
    Hold,
    /// It was nothing, or a sign of listening: the reply goes on as before.
    Restore,
    /// The person has the floor. What they say ends in `TurnEnded` as usual.
    Interrupted {
        /// Why.
        reason: StopReason,
    },
    /// Speech over a reply is over and did not stop it: its words are shown, not answered.
    Backchannel {
        /// With prefix.
        start: u64,
        /// Last speech.
        end: u64,
    },
    /// A pause that may be the end: transcribing may begin.
    Pause {
        /// With prefix.
        start: u64,
        /// Last speech; the same as in the `TurnEnded` that this pause may become.
        end: u64,
    },
    /// It was not the end.
    Resumed,
    /// More was said; a partial transcript is due.
    PartialDue {
        /// With prefix.
        start: u64,
        /// Newest sample.
        end: u64,
    },
    /// The turn is over.
    TurnEnded {
        /// With prefix.
        start: u64,
        /// Last speech.
        end: u64,
        /// When that last speech arrived.
        speech_end: Instant,
        /// What smart-turn took on the way to this decision.
        judging: Duration,
        /// False when the client committed by itself (no speech events then).
        detected: bool,
    },
    /// There was nothing to commit.
    NothingToCommit,
    /// Nobody spoke for the configured time.
    IdleTimeout {
        /// Where the quiet began.
        start: u64,
        /// Now.
        end: u64,
    },
    /// The ring was full.
    Lost {
        /// How much.
        ms: u64,
    },
    /// The audio cannot be judged.
    Failed(EngineError),
}
