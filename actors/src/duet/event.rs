//! What a duet says to its players.

use std::sync::Arc;

use duologue_music::improv::{Heard, Plan, Planned, PlayerId, Settings, Transport};
use tokio::time::Instant;

/// A MIDI message of three bytes (the last is 0 where there are two) at its time on the duet's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MidiEvent {
    /// Microseconds.
    pub at_us: u64,
    /// Status and data.
    pub bytes: [u8; 3],
}

/// One of the players.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerInfo {
    /// Their number.
    pub player: PlayerId,
    /// What they call themselves.
    pub name: Arc<str>,
}

/// What a player who comes in is told first.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Their number.
    pub player: PlayerId,
    /// Their MIDI channel, counted from 0.
    pub channel: u8,
    /// Everybody, themselves included.
    pub players: Vec<PlayerInfo>,
    /// In force.
    pub settings: Arc<Settings>,
    /// Whether the partner plays.
    pub playing: bool,
    /// Where the beats are.
    pub transport: Option<Transport>,
    /// The time.
    pub now_us: u64,
}

/// How well the partner does over the last bars; none where there is nothing to judge yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Share of its notes in the key, 0 to 1.
    pub in_key: Option<f64>,
    /// Share of its notes on beats that belong to the chord, 0 to 1.
    pub strong_chord_tones: Option<f64>,
    /// Entropy of its pitch classes over one bar, in bits.
    pub entropy_1: Option<f64>,
    /// The same over four.
    pub entropy_4: Option<f64>,
    /// How alike its onsets and the players' are, 0 to 1.
    pub groove: Option<f64>,
    /// How alike its density and theirs are, 0 to 1.
    pub density_match: Option<f64>,
    /// Share of its figures that the players have played, 0 to 1.
    pub motif_reuse: Option<f64>,
    /// Notes that the players' clients reported as too late, since they came in.
    pub late: u64,
    /// The longest time from a player's notes to the revised plan since the last figures, in ms.
    pub plan_ms: Option<f64>,
}

/// What a duet says.
#[derive(Clone, Debug, PartialEq)]
pub enum DuetEvent {
    /// The first thing.
    Welcome(Box<Welcome>),
    /// An answer about the time.
    Synced {
        /// The client's own time, as it was sent.
        t0: f64,
        /// When it arrived, on the duet's clock.
        t1_us: u64,
    },
    /// Other settings hold.
    Settings(Arc<Settings>),
    /// Somebody came, went, or took a name.
    Players(Arc<[PlayerInfo]>),
    /// The partner plays or does not.
    Playing {
        /// Whether it does.
        playing: bool,
        /// Whether it has come to its end by itself.
        ended: bool,
    },
    /// Where the beats are.
    Transport(Transport),
    /// Promises: to be played at their times.
    Notes {
        /// The plan that they come from.
        revision: u32,
        /// In their order.
        notes: Arc<[Planned]>,
    },
    /// What is planned and not promised.
    Plan {
        /// All of it.
        plan: Arc<Plan>,
        /// Whether its chords are written with flats.
        with_flats: bool,
        /// When the notes that it answers had arrived.
        since: Option<Instant>,
    },
    /// Promises that do not hold any more.
    Cancel(Arc<[u32]>),
    /// Everything is to be let go, everywhere.
    Off,
    /// What the partner hears.
    Heard(Arc<Heard>),
    /// What another player plays.
    Played {
        /// Who.
        player: PlayerId,
        /// On their channel.
        events: Arc<[MidiEvent]>,
    },
    /// How the partner does.
    Figures(Figures),
    /// Something was refused or failed; it ends nothing.
    Refused {
        /// Stable code.
        code: &'static str,
        /// For people.
        message: String,
    },
}

impl DuetEvent {
    /// How much it takes in a queue, about the number of notes.
    pub(super) fn weight(&self) -> usize {
        1 + match self {
            Self::Notes { notes, .. } => notes.len(),
            Self::Plan { plan, .. } => plan.notes.len() + plan.chords.len(),
            Self::Played { events, .. } => events.len(),
            Self::Cancel(ids) => ids.len(),
            _ => 0,
        }
    }

    /// Whether `newer` makes it worthless.
    pub(super) fn is_replaced_by(&self, newer: &Self) -> bool {
        matches!(
            (self, newer),
            (Self::Plan { .. }, Self::Plan { .. })
                | (Self::Heard(_), Self::Heard(_))
                | (Self::Settings(_), Self::Settings(_))
                | (Self::Players(_), Self::Players(_))
                | (Self::Transport(_), Self::Transport(_))
                | (Self::Figures(_), Self::Figures(_))
        )
    }
}
