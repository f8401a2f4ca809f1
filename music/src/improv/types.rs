//! The words that a duet is spoken in.

use crate::{chord::Chord, key::Key, score::Metre};

/// Who plays: 0 for the first player of the session; the partner has no number.
pub type PlayerId = u8;

/// What the partner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Call and response: it listens for a phrase, then answers as long.
    Trade,
    /// Chords, bass and drums under the player, planned ahead.
    #[default]
    Accompany,
    /// A second voice against the player's.
    Counter,
    /// The player comps, it plays the solo.
    Lead,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Trade, Self::Accompany, Self::Counter, Self::Lead];

    /// `trade`, `accompany`, `counter`, `lead`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Accompany => "accompany",
            Self::Counter => "counter",
            Self::Lead => "lead",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}

/// How it plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// Swung eighths, walking bass, sevenths.
    JazzSwing,
    /// Straight, syncopated, sevenths.
    Bossa,
    /// Twelve bars of dominant sevenths, shuffled.
    Blues,
    /// Slow, triads, arpeggios.
    #[default]
    PopBallad,
    /// Alberti basses and voice leading; no drums.
    Classical,
    /// A march bass under syncopation; no drums.
    Ragtime,
    /// 발라드: slow, IV–V–iii–vi, added ninths, late climaxes.
    KoreanBallad,
}

impl Style {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::JazzSwing,
        Self::Bossa,
        Self::Blues,
        Self::PopBallad,
        Self::Classical,
        Self::Ragtime,
        Self::KoreanBallad,
    ];

    /// `jazz_swing`, `bossa`, `blues`, `pop_ballad`, `classical`, `ragtime`, `korean_ballad`.
    pub fn code(self) -> &'static str {
        match self {
            Self::JazzSwing => "jazz_swing",
            Self::Bossa => "bossa",
            Self::Blues => "blues",
            Self::PopBallad => "pop_ballad",
            Self::Classical => "classical",
            Self::Ragtime => "ragtime",
            Self::KoreanBallad => "korean_ballad",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.code() == code)
    }
}

/// How much goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Complexity {
    /// Few notes, triads.
    Simple,
    /// As usual.
    #[default]
    Medium,
    /// Tensions, substitutions, busier rhythm.
    Complex,
}

impl Complexity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Medium, Self::Complex];

    /// `simple`, `medium`, `complex`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|complexity| complexity.code() == code)
    }
}

/// Whose tempo it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tempo {
    /// The metronome's: so many beats a minute, 30 to 300, whatever the player does.
    Fixed(f64),
    /// The player's, beginning with this.
    Follow(f64),
}

impl Tempo {
    /// Beats a minute that it begins with.
    pub fn bpm(self) -> f64 {
        match self {
            Self::Fixed(bpm) | Self::Follow(bpm) => bpm,
        }
    }
}

/// What a duet is set to. Each may be changed while it plays; a change is heard from the next chord that is not promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the partner does.
    pub mode: Mode,
    /// How.
    pub style: Style,
    /// How much.
    pub complexity: Complexity,
    /// Whose tempo.
    pub tempo: Tempo,
    /// 4/4, 3/4, 6/8 …
    pub metre: Metre,
    /// The key, or none: it is found by ear.
    pub key: Option<Key>,
    /// The chords of a chorus that is repeated, each with its quarter notes; empty: the partner chooses and listens.
    pub changes: Vec<(Chord, f64)>,
    /// Bars of a phrase that is traded, 1 to 8.
    pub trade_bars: u8,
    /// What begins within so many microseconds is promised: more than the slowest player's network needs, 100 000 to
    /// 4 000 000.
    pub commit_us: u64,
    /// The same seed and events make the same music.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            style: Style::default(),
            complexity: Complexity::default(),
            tempo: Tempo::Follow(90.0),
            metre: Metre::COMMON,
            key: None,
            changes: Vec::new(),
            trade_bars: 2,
            commit_us: 400_000,
            seed: 1,
        }
    }
}

/// Something to be played once, at the player's wish: "a slow ii–V–I in G".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The chords, each with its quarter notes; empty: whatever fits.
    pub chords: Vec<(Chord, f64)>,
    /// In this key, if one was named.
    pub key: Option<Key>,
    /// In this style, if one was named.
    pub style: Option<Style>,
    /// At this tempo, if one was named or meant by "slow" or "fast".
    pub bpm: Option<f64>,
    /// For so many bars; none: as many as the chords need, or eight.
    pub bars: Option<u16>,
}

/// What happens. Of one player, times do not go back; what comes late is taken as if it came now.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A key went down.
    NoteOn {
        /// Whose.
        player: PlayerId,
        /// When.
        at_us: u64,
        /// MIDI key.
        pitch: u8,
        /// 1 to 127.
        velocity: u8,
    },
    /// A key went up.
    NoteOff {
        /// Whose.
        player: PlayerId,
        /// When.
        at_us: u64,
        /// MIDI key.
        pitch: u8,
    },
    /// The sustain pedal.
    Pedal {
        /// Whose.
        player: PlayerId,
        /// When.
        at_us: u64,
        /// Whether it is held.
        down: bool,
    },
    /// A player is gone, or everything of theirs was silenced: nothing of theirs is held any more.
    AllOff {
        /// Whose.
        player: PlayerId,
        /// When.
        at_us: u64,
    },
    /// Other settings.
    Set {
        /// When.
        at_us: u64,
        /// All of them.
        settings: Box<Settings>,
    },
    /// Begin: the first bar begins here.
    Start {
        /// When.
        at_us: u64,
    },
    /// Come to an end together: a cadence and a last chord, then silence.
    End {
        /// When it was asked for.
        at_us: u64,
    },
    /// Be silent at once. What was promised and has not begun is in [`Update::cancelled`].
    Stop {
        /// When.
        at_us: u64,
    },
    /// Play this from the next bar on, then go on as before (or be silent again, when nothing was being played).
    Ask {
        /// When.
        at_us: u64,
        /// What.
        request: Box<Request>,
    },
}

/// Which of the partner's hands or instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A melody.
    Lead,
    /// Chords.
    Chords,
    /// The bass.
    Bass,
    /// Drums: the pitch is a General MIDI drum.
    Drums,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lead, Self::Chords, Self::Bass, Self::Drums];

    /// `lead`, `chords`, `bass`, `drums`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Chords => "chords",
            Self::Bass => "bass",
            Self::Drums => "drums",
        }
    }

    /// The MIDI channel, counted from 0: 1, 2, 3 and the drums' 9. Players have 0 and 4 to 8.
    pub fn channel(self) -> u8 {
        match self {
            Self::Lead => 1,
            Self::Chords => 2,
            Self::Bass => 3,
            Self::Drums => crate::score::DRUMS,
        }
    }
}

/// A note of the partner's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// Never used twice in a duet. A plan that is made anew gives new ids, a promise keeps its own.
    pub id: u32,
    /// When it begins.
    pub at_us: u64,
    /// How long it is held, at least 20 000.
    pub duration_us: u64,
    /// Who plays it.
    pub part: Part,
    /// MIDI key, or drum.
    pub pitch: u8,
    /// 1 to 127.
    pub velocity: u8,
    /// General MIDI program of its part.
    pub program: u8,
}

/// A chord of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedChord {
    /// When it begins.
    pub at_us: u64,
    /// How long it holds.
    pub duration_us: u64,
    /// What it is.
    pub chord: Chord,
    /// Its Roman numeral in the key of its place.
    pub roman: String,
}

/// What is going to be played unless something happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Counts from 1; the higher one holds.
    pub revision: u32,
    /// Chords from the one that sounds now on, without gaps.
    pub chords: Vec<PlannedChord>,
    /// Notes that are not promised yet, in their order.
    pub notes: Vec<Planned>,
}

/// Where the beats are: beat `n` is at `origin_us + (n − origin_beat) · us_per_beat`. A beat is what is counted: a quarter in
/// 4/4, three eighths in 6/8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// A beat's number; 0 is the first.
    pub origin_beat: f64,
    /// When that beat is.
    pub origin_us: u64,
    /// The length of a beat.
    pub us_per_beat: f64,
    /// Beats of a bar.
    pub beats_per_bar: u8,
    /// Quarter notes of a beat.
    pub quarters_per_beat: f64,
}

/// What it makes of what it hears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The key that it takes it for.
    pub key: Option<Key>,
    /// The chord of what sounds now.
    pub chord: Option<Chord>,
    /// The tempo of the players, when it is clear.
    pub bpm: Option<f64>,
    /// Notes a beat of the players, lately.
    pub density: f64,
    /// Motifs that the players have repeated.
    pub motifs: usize,
}

/// What is new since the last time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// New promises, in their order.
    pub promised: Vec<Planned>,
    /// Promises that an end took back: they are not to begin, and are to be let go where they sound.
    pub cancelled: Vec<u32>,
    /// The plan, when it changed.
    pub plan: Option<Plan>,
    /// The beats, when they changed.
    pub transport: Option<Transport>,
    /// What it hears, when it changed.
    pub heard: Option<Heard>,
    /// The duet has ended, or what was asked for has been played: nothing is planned.
    pub ended: bool,
}
