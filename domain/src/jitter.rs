//! The jitter buffer: packets of Opus come in as the network brings them, one step to be played goes out at a time.
//!
//! Pure: arrival times and the time of playing are given in microseconds of one clock. Everything inside is counted in
//! units of the RTP clock, 48 kHz (RFC 7587 §4.1), of which a frame of 20 ms has 960.
//!
//! - **Where it plays** is a place on the sender's timeline. The fastest packets of the last seconds say when that place
//!   could have been played at the earliest; how much later it is played is the *delay*, which follows a *target*: the
//!   lateness that nearly no packet exceeds, and a frame more while packets are lost, so that the next one, which
//!   carries a coarse copy of the lost one (FEC), is there in time.
//! - **What is missing** may be late or lost. While the delay is below its target, or nothing at all has come, the
//!   place waits and a concealment is played on credit: if the packet comes, it is played and the delay has grown; if
//!   one after it comes, the credit pays for the lost one.
//! - **Silence** (DTX) shows in the timestamps, not in the sequence: time is made up or taken there first, else frame by
//!   frame while it is quiet, and only far beyond the target also in speech.

mod delay;
mod listening;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeMap;

use delay::Delay;
use timeline::Timeline;
pub use timeline::span;

/// Units of the RTP clock in a second, whatever rate Opus codes at (RFC 7587 §4.1).
pub const CLOCK_HZ: u32 = 48_000;
/// Units in 20 ms: what is concealed at a time.
pub const FRAME: u32 = 960;
/// Most bytes of a packet that is looked at: what fits an Ethernet frame. 20 ms of Opus are 1275 at most.
pub const MAX_PAYLOAD: usize = 1_500;
/// Packets that wait at most, 1.3 s of 20 ms; when one more comes, the oldest goes.
pub const CAPACITY: usize = 64;

/// Concealments in a row after which silence is as good: libopus has faded by then.
const CONCEALED_AT_MOST: u32 = 10;
/// Comfort noise goes on so long without the sender's word: DTX sends at least every 400 ms.
const COMFORT_AT_MOST: u32 = 60;
/// Packets of another timeline in a row before it is believed: one may be a stray of the past.
const STRAYS: usize = 3;
/// Between two frames that are left out in speech: 20 % faster at most, or words would suffer.
const SPEECH_PACE: u32 = 5;
/// Between two frames that are left out or put in while it is quiet.
const QUIET_PACE: u32 = 2;

/// How the buffer behaves; times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The target is never below: one frame.
    pub least_us: i64,
    /// The target is never above.
    pub most_us: i64,
    /// The target before anything is known of the network.
    pub first_us: i64,
    /// A stall of the network may delay what is played by so much; beyond it, what is late is lost.
    pub hold_us: i64,
    /// Share of packets that shall not be too late, 0..1.
    pub in_time: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { least_us: 20_000, most_us: 200_000, first_us: 30_000, hold_us: 500_000, in_time: 0.98 }
    }
}

/// A packet as it came: RTP's header and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends; another one begins anew.
    pub ssrc: u32,
    /// Counts packets, and wraps.
    pub sequence: u16,
    /// Place of its first sample in units of [`CLOCK_HZ`], and wraps.
    pub timestamp: u32,
    /// One packet of Opus.
    pub payload: Vec<u8>,
}

/// What is to be played next; spans are in units of [`CLOCK_HZ`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Decode and play it.
    Play(Packet),
    /// Decode it, blend it into what comes next, and ask again: time is made up.
    Skip(Packet),
    /// One before this was lost; its coarse copy is in here. The packet itself will be played next.
    Recover {
        /// The packet after the lost one.
        from: Packet,
        /// How much was lost.
        span: u32,
    },
    /// Let the decoder go on by itself for so long: lost, late, or the comfort noise of a silent sender.
    Conceal {
        /// For how long.
        span: u32,
    },
    /// Nothing has begun, or nothing has come for long: 20 ms of silence.
    Wait,
}

/// What has happened so far. A gap is a run of concealments and waits of a sender that was not silent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Packets that came and were of use when they did.
    pub received: u64,
    /// Packets played.
    pub played: u64,
    /// Frames made up for packets that were lost, or late.
    pub concealed: u64,
    /// Frames of lost packets from the copy in the next.
    pub recovered: u64,
    /// Frames of comfort noise.
    pub comfort: u64,
    /// Packets whose place had been played, and strays of another timeline.
    pub late: u64,
    /// Packets that were there already.
    pub duplicate: u64,
    /// Packets dropped because too many waited.
    pub discarded: u64,
    /// Packets that cannot be Opus, or are too large.
    pub refused: u64,
    /// Times that a timeline began anew.
    pub resets: u64,
    /// Frames put in to delay what follows, and concealments on credit that became delay.
    pub inserted: u64,
    /// Frames left out to catch up.
    pub skipped: u64,
    /// Longest gap that is over, in microseconds.
    pub longest_gap_us: i64,
    /// Delay of what is played behind the fastest packets, in microseconds.
    pub delay_us: i64,
    /// What the delay shall be, in microseconds.
    pub target_us: i64,
    /// Interarrival jitter as RFC 3550 §6.4.1 has it, in microseconds.
    pub jitter_us: i64,
}

/// A packet on the unwrapped timeline.
#[derive(Clone, Debug)]
struct Waiting {
    packet: Packet,
    sequence: i64,
    span: i64,
}

/// The place that is played next.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: i64,
    sequence: i64,
    /// Concealment played on credit.
    owed: i64,
    /// How long the latest packet sounded; a lost one is taken to be like it.
    unit: i64,
    /// The latest packet said that silence follows.
    silent: bool,
}

/// The buffer of one incoming stream. [`Buffer::push`] what arrives; [`Buffer::pull`] whenever more is to be played, or
/// [`Buffer::take`] what can be had by who plays nothing. One of them, not both.
#[derive(Clone, Debug)]
pub struct Buffer {
    config: Config,
    timeline: Option<Timeline>,
    delay: Delay,
    waiting: BTreeMap<i64, Waiting>,
    strays: Vec<(Packet, u64)>,
    place: Option<Place>,
    /// Steps in a row without a packet: of a sender that speaks, and of one that is silent.
    concealing: u32,
    comforting: u32,
    since_change: u32,
    gap_us: i64,
    statistics: Statistics,
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Buffer {
    /// A buffer that nothing has reached.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            timeline: None,
            delay: Delay::new(config),
            waiting: BTreeMap::new(),
            strays: Vec::new(),
            place: None,
            concealing: 0,
            comforting: 0,
            since_change: 0,
            gap_us: 0,
            statistics: Statistics::default(),
        }
    }

    /// What has happened so far.
    pub fn statistics(&self) -> Statistics {
        Statistics { target_us: self.delay.target(), jitter_us: self.delay.jitter(), ..self.statistics }
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no packet waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A packet came at this time. Nothing that comes can do harm: what is late, there already, too large or no Opus is
    /// dropped and counted, and of too many the oldest go.
    pub fn push(&mut self, packet: Packet, arrival_us: u64) {
        let Some(span) = span(&packet.payload).filter(|_| packet.payload.len() <= MAX_PAYLOAD) else {
            self.statistics.refused += 1;
            return;
        };
        let timeline = self.timeline.get_or_insert_with(|| Timeline::begin(&packet));
        let (sequence, at) = timeline.unwrap(&packet);
        if !timeline.fits(&packet, sequence) || !self.delay.fits(at, arrival_us) {
            return self.stray(packet, arrival_us);
        }
        timeline.advance(sequence, at);
        self.statistics.late += self.strays.drain(..).count() as u64;
        self.delay.arrived(at, arrival_us);
        let span = i64::from(span);
        if self.place.is_some_and(|place| at + span <= place.at) {
            self.statistics.late += 1;
        } else if self.waiting.contains_key(&at) {
            self.statistics.duplicate += 1;
        } else {
            self.statistics.received += 1;
            self.waiting.insert(at, Waiting { packet, sequence, span });
            self.bound();
        }
    }

    /// What is to be played next. `quiet` tells whether what was played last is quiet enough to make up or take time
    /// without being heard.
    pub fn pull(&mut self, now_us: u64, quiet: bool) -> Step {
        self.since_change = self.since_change.saturating_add(1);
        let Some(mut place) = self.place.or_else(|| self.begin(now_us)) else { return Step::Wait };
        let delay = self.delay.of(place.at, now_us);
        self.delay.observe(delay);
        self.statistics.delay_us = delay;
        let step = self.step(&mut place, now_us, quiet);
        self.place = Some(place);
        self.count_gap(&step, place.silent);
        step
    }

    /// Of another timeline: a packet that strayed, or the first of a sender that began anew.
    fn stray(&mut self, packet: Packet, arrival_us: u64) {
        let follows = self.strays.last().is_none_or(|(last, _)| {
            let ahead = packet.sequence.wrapping_sub(last.sequence);
            last.ssrc == packet.ssrc && (1..=CAPACITY as u16).contains(&ahead)
        });
        if !follows {
            self.statistics.late += self.strays.drain(..).count() as u64;
        }
        self.strays.push((packet, arrival_us));
        if self.strays.len() < STRAYS {
            return;
        }
        self.statistics.resets += 1;
        let begun = std::mem::take(&mut self.strays);
        let statistics = self.statistics;
        *self = Self { statistics, ..Self::new(self.config) };
        for (packet, arrival_us) in begun {
            self.push(packet, arrival_us);
        }
    }

    /// Keeps the bound: the oldest go, and playing goes on with what is left.
    fn bound(&mut self) {
        while self.waiting.len() > CAPACITY {
            self.waiting.pop_first();
            self.statistics.discarded += 1;
            if let (Some(place), Some((at, first))) = (&mut self.place, self.waiting.first_key_value()) {
                *place = Place { at: *at, sequence: first.sequence, ..*place };
            }
        }
    }

    /// The first place, once what has come is as old as the target wants it.
    fn begin(&mut self, now_us: u64) -> Option<Place> {
        self.first_place().filter(|place| self.delay.of(place.at, now_us) >= self.delay.target())
    }

    fn first_place(&self) -> Option<Place> {
        let (at, first) = self.waiting.first_key_value()?;
        Some(Place { at: *at, sequence: first.sequence, owed: 0, unit: first.span, silent: false })
    }

    fn step(&mut self, place: &mut Place, now_us: u64, quiet: bool) -> Step {
        loop {
            let Some((at, first)) = self.waiting.first_key_value() else { return self.starve(place, now_us) };
            let (at, missing) = (*at, first.sequence - place.sequence);
            if at <= place.at {
                return self.due(place, now_us, quiet);
            }
            let gap = at - place.at;
            // What is not explained by missing packets was silence, before them.
            let silence = gap - missing.max(0) * place.unit;
            let step = if silence > 0 {
                self.silence(place, silence, now_us)
            } else {
                self.missing(place, gap, now_us)
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// The sender was silent for so long from this place on: the time to come to the wanted delay at once.
    fn silence(&mut self, place: &mut Place, silence: i64, now_us: u64) -> Option<Step> {
        self.gap_us = 0;
        let end = place.at + silence;
        place.at = place.at.max(self.delay.place(now_us).min(end));
        place.owed = 0;
        if place.at == end {
            return None;
        }
        // Below the target the place waits; above it, it was just moved on.
        let early = self.delay.of(place.at, now_us) + FRAME_US < self.delay.target();
        let span = if early { 0 } else { (end - place.at).min(i64::from(FRAME)) };
        place.at += span;
        Some(self.comfort(if early { i64::from(FRAME) } else { span }))
    }

    /// A packet is there for this place.
    fn due(&mut self, place: &mut Place, now_us: u64, quiet: bool) -> Step {
        let rested = self.since_change >= if quiet { QUIET_PACE } else { SPEECH_PACE };
        if quiet && rested && self.delay.is_short(self.delay.of(place.at, now_us)) {
            self.since_change = 0;
            self.statistics.inserted += 1;
            return Step::Conceal { span: FRAME };
        }
        let Some((at, first)) = self.waiting.pop_first() else { return Step::Wait };
        self.statistics.inserted += (place.owed / i64::from(FRAME)) as u64;
        self.play(place, at, &first);
        if rested && self.delay.is_long(quiet) {
            self.since_change = 0;
            self.delay.caught_up(first.span);
            self.statistics.skipped += 1;
            self.statistics.played -= 1;
            return Step::Skip(first.packet);
        }
        Step::Play(first.packet)
    }

    /// Moves the place behind a packet that is played.
    fn play(&mut self, place: &mut Place, at: i64, packet: &Waiting) {
        // One of two bytes or fewer is how DTX says that nothing will follow for a while.
        let silent = packet.packet.payload.len() <= 2;
        let (sequence, unit) = (packet.sequence + 1, packet.span);
        *place = Place { at: at + packet.span, sequence, owed: 0, unit, silent };
        (self.concealing, self.comforting) = (0, 0);
        self.delay.lost(false);
        self.statistics.played += 1;
    }

    /// The packet of this place is missing, and one after it is there.
    fn missing(&mut self, place: &mut Place, gap: i64, now_us: u64) -> Option<Step> {
        let frame = gap.min(place.unit);
        // A copy is in the hand, and what was concealed on credit makes the delay what it shall be: nothing is left out.
        let kept = gap <= place.unit && self.delay.affords(self.delay.of(place.at, now_us));
        if place.owed > 0 && !kept {
            // Concealed already, when nobody knew that it was lost.
            let paid = place.owed.min(frame);
            *place = Place { at: place.at + paid, owed: place.owed - paid, ..*place };
            place.sequence += i64::from(paid == frame);
            self.delay.lost(true);
            return None;
        }
        self.statistics.inserted += (place.owed / i64::from(FRAME)) as u64;
        place.owed = 0;
        // It may still come; a copy in the hand is worth a frame of waiting.
        let patience = if gap <= place.unit { FRAME_US } else { FRAME_US / 2 };
        if self.delay.of(place.at, now_us) + patience < self.delay.target() {
            return Some(self.on_credit(place));
        }
        Some(self.lose(place, gap))
    }

    /// The packet of this place will not come: its coarse copy, if the one after it is there, or a concealment.
    fn lose(&mut self, place: &mut Place, gap: i64) -> Step {
        let frame = gap.min(place.unit);
        let copy = self.waiting.first_key_value().filter(|_| gap <= place.unit);
        let copy = copy.map(|(_, next)| next.packet.clone());
        self.delay.lost(true);
        *place = Place { at: place.at + frame, sequence: place.sequence + 1, ..*place };
        let Some(from) = copy else { return self.conceal(frame) };
        self.statistics.recovered += 1;
        self.concealing = 0;
        Step::Recover { from, span: frame as u32 }
    }

    /// Nothing is there at all.
    fn starve(&mut self, place: &mut Place, now_us: u64) -> Step {
        if place.silent {
            place.at += i64::from(FRAME);
            return self.comfort(i64::from(FRAME));
        }
        if self.delay.of(place.at, now_us) < self.config.hold_us {
            return self.on_credit(place);
        }
        place.at += i64::from(FRAME);
        self.conceal(i64::from(FRAME))
    }

    fn on_credit(&mut self, place: &mut Place) -> Step {
        place.owed += i64::from(FRAME);
        self.conceal(i64::from(FRAME))
    }

    fn conceal(&mut self, span: i64) -> Step {
        self.concealing += 1;
        self.statistics.concealed += 1;
        if self.concealing > CONCEALED_AT_MOST { Step::Wait } else { Step::Conceal { span: span as u32 } }
    }

    fn comfort(&mut self, span: i64) -> Step {
        self.comforting += 1;
        if self.comforting > COMFORT_AT_MOST {
            return Step::Wait;
        }
        self.statistics.comfort += 1;
        Step::Conceal { span: span as u32 }
    }

    fn count_gap(&mut self, step: &Step, silent: bool) {
        let unheard = match step {
            Step::Conceal { span } => i64::from(*span),
            Step::Wait => i64::from(FRAME),
            _ => 0,
        };
        if unheard > 0 && !silent && self.comforting == 0 {
            self.gap_us += us(unheard);
            return;
        }
        // It counts once it is over: what a packet then shows to have been silence was no gap.
        self.statistics.longest_gap_us = self.statistics.longest_gap_us.max(self.gap_us);
        self.gap_us = 0;
    }
}

/// A frame in microseconds.
const FRAME_US: i64 = 20_000;

/// Microseconds of so many units of the clock.
fn us(units: i64) -> i64 {
    // 1,000,000 / 48,000.
    units.saturating_mul(125) / 6
}
