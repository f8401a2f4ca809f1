//! The part of Ingest that listens while the persona is heard: it takes the persona's own voice out of the voice
//! activity and asks [`Interrupter`] what the rest does to the reply.

use duologue_domain::{
    echo::{BandMeter, EchoGate, HOP_MS},
    interrupt::{self, Extent, FRAME_MS, Frame, InterruptConfig, InterruptEvent, Interrupter},
    pcm::{HEARING_RATE, level_db},
    turn::TurnId,
};
use tokio::time::{Duration, Instant};

use crate::{
    event::{SessionConfig, TurnDetection},
    played::PlayedAudio,
};

/// How much quieter the client plays while ducked: −12 dB, still understandable.
pub const DUCK_GAIN: f32 = 0.25;

/// Arrival times of frames differ by less while the microphone runs.
const JITTER: Duration = Duration::from_millis(120);

/// Without sound from the microphone for this long, the quiet is made up: whoever muted it during a hold would wait
/// for ever otherwise, since audio is the clock.
pub(crate) const STARVED: Duration = Duration::from_millis(600);

/// The persona's sound is at the person's ears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audible {
    /// Its turn.
    pub turn: TurnId,
    /// Since when.
    pub since: Instant,
    /// Whether the words being heard ask something: a short "네" is an answer then, not a sign of listening.
    pub asking: bool,
}

/// What Ingest needs to know of one frame.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Probability that the person speaks: the persona's own voice has none.
    pub(crate) probability: f32,
    /// It is the persona's own voice that came back.
    pub(crate) own_voice: bool,
    /// What becomes of the reply.
    pub(crate) events: Vec<InterruptEvent>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct OverReply {
    interrupter: Interrupter,
    played: PlayedAudio,
    /// What was learned of the room; empty while nothing is audible.
    gate: EchoGate,
    meter: BandMeter,
    /// How much of the newest frame the reply explains.
    echo: f32,
    audible: bool,
    /// When the newest frame came, and when it was heard by a clock without the network's jitter.
    frame_at: Instant,
    heard_at: Option<Instant>,
}

fn interrupt_config(config: &SessionConfig) -> InterruptConfig {
    let threshold = match config.turn_detection {
        TurnDetection::ServerVad { threshold, .. } => threshold,
        TurnDetection::SemanticVad { .. } | TurnDetection::Manual => config.tuning.threshold,
    };
    // Who ends turns by hand interrupts by hand.
    let enabled = config.interrupt_response && config.turn_detection != TurnDetection::Manual;
    InterruptConfig { threshold, enabled }
}

impl OverReply {
    pub(crate) fn new(config: &SessionConfig, played: PlayedAudio) -> Self {
        Self {
            interrupter: Interrupter::new(interrupt_config(config)),
            played,
            gate: EchoGate::new(),
            meter: BandMeter::new(HEARING_RATE),
            echo: 0.0,
            audible: false,
            frame_at: Instant::now(),
            heard_at: None,
        }
    }

    pub(crate) fn configure(&mut self, config: &SessionConfig) -> Vec<InterruptEvent> {
        let events = self.interrupter.reconfigure(interrupt_config(config));
        self.did(events)
    }

    /// Whether speech that begins now is over a reply that it may stop.
    pub(crate) fn is_listening(&self) -> bool {
        self.interrupter.is_listening()
    }

    /// Whether the reply is ducked or held now.
    pub(crate) fn is_deciding(&self) -> bool {
        self.interrupter.is_deciding()
    }

    /// Whether a reply is audible.
    pub(crate) fn is_audible(&self) -> bool {
        self.audible
    }

    /// Whether words may still change what becomes of the reply.
    pub(crate) fn awaits_words(&self) -> bool {
        self.interrupter.awaits_words()
    }

    pub(crate) fn audible(&mut self, audible: Option<Audible>) -> Vec<InterruptEvent> {
        self.audible = audible.is_some();
        if audible.is_none() {
            self.gate.rest();
        }
        let audible =
            audible.map(|audible| interrupt::Audible { turn: audible.turn, asking: audible.asking });
        let events = self.interrupter.handle_audible(audible);
        self.did(events)
    }

    /// The next frame of the microphone, heard at `at`.
    pub(crate) fn frame(&mut self, samples: &[f32], probability: f32, at: Instant) -> Heard {
        self.frame_at = Instant::now();
        let at = self.steady(at);
        let echo = if self.audible { self.echo(samples, at) } else { 0.0 };
        self.echo = echo;
        let dip = self.audible && self.gate.dips();
        let frame = Frame { probability, level_db: level_db(samples), echo, dip };
        let events = self.interrupter.handle_frame(frame);
        let own_voice = echo >= interrupt::EXPLAINED;
        let probability = if own_voice { 0.0 } else { probability };
        Heard { probability, own_voice, events: self.did(events) }
    }

    /// A look at the sound between two frames, a part of a frame after the last one.
    pub(crate) fn glance(&mut self, samples: &[f32], probability: f32) -> Vec<InterruptEvent> {
        let frame = Frame { probability, level_db: level_db(samples), echo: self.echo, dip: false };
        let events = self.interrupter.handle_glance(frame);
        self.did(events)
    }

    pub(crate) fn words(&mut self, text: &str, extent: Extent) -> Vec<InterruptEvent> {
        let events = self.interrupter.handle_words(text, extent);
        self.did(events)
    }

    pub(crate) fn speech_ended(&mut self) -> Vec<InterruptEvent> {
        let events = self.interrupter.handle_speech_ended();
        self.did(events)
    }

    /// The person wants the floor, whatever was decided.
    pub(crate) fn take_floor(&mut self) -> Vec<InterruptEvent> {
        let events = self.interrupter.take_floor();
        self.did(events)
    }

    pub(crate) fn forget(&mut self) -> Vec<InterruptEvent> {
        let events = self.interrupter.forget();
        self.did(events)
    }

    /// Makes up the quiet of a microphone that sends nothing, until all is decided. Empty while sound comes.
    pub(crate) fn starve(&mut self) -> Vec<InterruptEvent> {
        let mut events = Vec::new();
        if self.frame_at.elapsed() < STARVED {
            return events;
        }
        let quiet = Frame { probability: 0.0, level_db: -120.0, echo: 0.0, dip: false };
        for _ in 0..=(interrupt::LONGEST_MS + interrupt::RECALL_MS) / u64::from(FRAME_MS) {
            if !self.is_deciding() && !self.awaits_words() {
                break;
            }
            events.extend(self.interrupter.handle_frame(quiet));
        }
        self.did(events)
    }

    /// Packets come in bursts, sound does not.
    fn steady(&mut self, at: Instant) -> Instant {
        let length = Duration::from_millis(u64::from(FRAME_MS));
        let steady = match self.heard_at.map(|before| before + length) {
            Some(expected) if at >= expected && at - expected < JITTER => expected + (at - expected) / 8,
            Some(expected) if at < expected && expected - at < JITTER => expected - (expected - at) / 8,
            _ => at,
        };
        self.heard_at = Some(steady);
        steady
    }

    fn echo(&mut self, samples: &[f32], at: Instant) -> f32 {
        let hops = self.meter.handle_samples(samples.iter().copied());
        let count = hops.len();
        let mut score = 0.0;
        for (index, heard) in hops.into_iter().enumerate() {
            let ago = Duration::from_millis(HOP_MS * (count - 1 - index) as u64);
            let played = self.played.at(at.checked_sub(ago).unwrap_or(at));
            score = self.gate.handle_hop(heard, played);
        }
        score
    }

    /// The client plays otherwise from now on, so less comes back.
    fn did(&self, events: Vec<InterruptEvent>) -> Vec<InterruptEvent> {
        for event in &events {
            match event {
                InterruptEvent::Duck => self.played.duck(DUCK_GAIN),
                InterruptEvent::Hold => self.played.hold(Instant::now()),
                InterruptEvent::Restore => self.played.restore(Instant::now()),
                InterruptEvent::Stop(_) => self.played.stop(),
            }
        }
        events
    }
}
