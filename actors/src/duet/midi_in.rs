//! The way of the players' MIDI into a duet: a ring between their sockets and the Improviser.
//!
//! It outlives the actor that reads it. Faster than [`MOST_PER_S`] nothing new is taken: beginnings of notes and other
//! messages are dropped and counted. What lets something go is never lost: an end is taken whenever its note was, so
//! that there are never more ends than beginnings, and nothing needs a bound of its own.

use std::collections::VecDeque;

use duologue_music::improv::{Input, PlayerId};
use tokio::time::Instant;

use super::event::MidiEvent;

/// Messages a second of one player: a cable of MIDI carries a thousand notes a second at most.
pub const MOST_PER_S: u32 = 2_000;

/// What may come at once after a stall of the network: half a second of it.
const BURST: f32 = 1_000.0;

/// What waits at most before beginnings are dropped, two seconds of one player at the highest rate: an Improviser that
/// is further behind has died, and the next one need not hear what happened meanwhile.
const CAPACITY: usize = 4_096;

/// What is older than this was held up for too long to have been meant for now, or its clock is wrong.
const OLDEST_US: u64 = 2_000_000;

/// Clocks are fitted to a few milliseconds; what lies further ahead than this is a clock that is wrong.
const AHEAD_US: u64 = 100_000;

/// Players of one duet.
pub const MOST_PLAYERS: usize = 8;

/// What was made of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// It is in the ring.
    Yes(MidiEvent),
    /// It changes nothing: the end of a note that is not held.
    Nothing,
    /// It came too fast.
    TooFast,
}

/// What is known of one player's hands.
#[derive(Clone, Debug)]
struct Hands {
    /// Keys that are down, a bit each.
    held: u128,
    pedal: bool,
    last_us: u64,
    allowance: f32,
    refilled: Instant,
}

impl Hands {
    fn new(now: Instant) -> Self {
        Self { held: 0, pedal: false, last_us: 0, allowance: BURST, refilled: now }
    }

    fn may(&mut self, now: Instant) -> bool {
        let refill = now.saturating_duration_since(self.refilled).as_secs_f32() * MOST_PER_S as f32;
        self.refilled = now;
        self.allowance = (self.allowance + refill).min(BURST);
        let may = self.allowance >= 1.0;
        if may {
            self.allowance -= 1.0;
        }
        may
    }

    /// When something was played: as it says, unless its clock is wrong, and never before what came before it.
    fn stamp(&mut self, at_us: u64, now_us: u64) -> u64 {
        let plausible = at_us.saturating_add(OLDEST_US) >= now_us && at_us <= now_us.saturating_add(AHEAD_US);
        if !plausible {
            metrics::counter!("duet_midi_restamped_total").increment(1);
        }
        self.last_us = if plausible { at_us } else { now_us }.max(self.last_us);
        self.last_us
    }
}

/// The ring, and the hands of those who play into it.
#[derive(Debug)]
pub(super) struct MidiIn {
    inputs: VecDeque<Input>,
    /// When the first of what waits arrived.
    since: Option<Instant>,
    hands: [Option<Hands>; MOST_PLAYERS],
}

impl MidiIn {
    /// Empty.
    pub(super) fn new() -> Self {
        Self { inputs: VecDeque::new(), since: None, hands: [const { None }; MOST_PLAYERS] }
    }

    /// Somebody sits down.
    pub(super) fn sit(&mut self, player: PlayerId) {
        if let Some(hands) = self.hands.get_mut(usize::from(player)) {
            *hands = Some(Hands::new(Instant::now()));
        }
    }

    /// Takes one message, whose bytes are a channel voice message by now.
    pub(super) fn play(&mut self, player: PlayerId, event: MidiEvent, now_us: u64) -> Took {
        let now = Instant::now();
        let is_full = self.inputs.len() >= CAPACITY;
        let Some(Some(hands)) = self.hands.get_mut(usize::from(player)) else { return Took::Nothing };
        let [status, data, value] = event.bytes;
        let bit = 1_u128 << (data & 127);
        let may = |hands: &mut Hands| !is_full && hands.may(now);
        let input = match (status >> 4, data, value) {
            (9, _, 1..) => {
                if !may(hands) {
                    return dropped();
                }
                let at_us = hands.stamp(event.at_us, now_us);
                if hands.held & bit != 0 {
                    // A key that goes down twice was let go in between.
                    self.inputs.push_back(Input::NoteOff { player, at_us, pitch: data });
                }
                hands.held |= bit;
                Some(Input::NoteOn { player, at_us, pitch: data, velocity: value })
            }
            (8 | 9, _, _) => {
                if hands.held & bit == 0 {
                    return Took::Nothing;
                }
                hands.held &= !bit;
                Some(Input::NoteOff { player, at_us: hands.stamp(event.at_us, now_us), pitch: data })
            }
            (11, 64, _) => {
                let down = value >= 64;
                if down == hands.pedal {
                    return Took::Nothing;
                }
                if down && !may(hands) {
                    return dropped();
                }
                hands.pedal = down;
                Some(Input::Pedal { player, at_us: hands.stamp(event.at_us, now_us), down })
            }
            (11, 120 | 123.., _) => {
                if hands.held == 0 && !hands.pedal {
                    return Took::Nothing;
                }
                (hands.held, hands.pedal) = (0, false);
                Some(Input::AllOff { player, at_us: hands.stamp(event.at_us, now_us) })
            }
            _ if !may(hands) => return dropped(),
            // Bends, pressures and programs are for the other players.
            _ => {
                hands.stamp(event.at_us, now_us);
                None
            }
        };
        let taken = MidiEvent { at_us: hands.last_us, bytes: event.bytes };
        if let Some(input) = input {
            self.inputs.push_back(input);
            self.since.get_or_insert(now);
        }
        Took::Yes(taken)
    }

    /// Lets everything of a player go, and says what that was, as messages without their channel.
    pub(super) fn let_go(&mut self, player: PlayerId, now_us: u64) -> Vec<MidiEvent> {
        let Some(Some(hands)) = self.hands.get_mut(usize::from(player)) else { return Vec::new() };
        let at_us = hands.last_us.max(now_us);
        hands.last_us = at_us;
        let (held, pedal) = (std::mem::take(&mut hands.held), std::mem::take(&mut hands.pedal));
        if held == 0 && !pedal {
            return Vec::new();
        }
        let ends = (0..128_u8).filter(|key| held >> key & 1 == 1);
        let mut events = ends.map(|key| MidiEvent { at_us, bytes: [0x80, key, 64] }).collect::<Vec<_>>();
        if pedal {
            events.push(MidiEvent { at_us, bytes: [0xB0, 64, 0] });
        }
        self.inputs.push_back(Input::AllOff { player, at_us });
        events
    }

    /// Somebody gets up.
    pub(super) fn leave(&mut self, player: PlayerId) {
        if let Some(hands) = self.hands.get_mut(usize::from(player)) {
            *hands = None;
        }
    }

    /// Puts in what is no MIDI; false when nobody has read for too long. Other settings replace those that wait.
    pub(super) fn put(&mut self, input: Input) -> bool {
        if matches!(input, Input::Set { .. }) {
            self.inputs.retain(|waiting| !matches!(waiting, Input::Set { .. }));
        } else if self.inputs.len() >= 2 * CAPACITY {
            return false;
        }
        self.inputs.push_back(input);
        true
    }

    /// Takes everything out, oldest first, and when the first of it arrived.
    pub(super) fn drain(&mut self) -> (Vec<Input>, Option<Instant>) {
        (self.inputs.drain(..).collect(), self.since.take())
    }
}

fn dropped() -> Took {
    metrics::counter!("duet_midi_dropped_total").increment(1);
    Took::TooFast
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(at_us: u64, bytes: [u8; 3]) -> MidiEvent {
        MidiEvent { at_us, bytes }
    }

    fn ring() -> MidiIn {
        let mut ring = MidiIn::new();
        ring.sit(0);
        ring
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_notes_a_second_are_dropped_and_their_ends_are_not() {
        let mut ring = ring();
        let (mut on, mut off, mut refused) = (0, 0, 0);
        for index in 0..10_000_u64 {
            tokio::time::advance(Duration::from_micros(100)).await;
            let (at_us, key) = (index * 100, (index % 100) as u8);
            match ring.play(0, event(at_us, [0x90, key, 80]), at_us) {
                Took::Yes(_) => on += 1,
                Took::TooFast => refused += 1,
                Took::Nothing => {}
            }
            off += u32::from(matches!(ring.play(0, event(at_us, [0x80, key, 0]), at_us), Took::Yes(_)));
        }
        assert!((1_900..=3_100).contains(&on), "{on}");
        assert_eq!((on, on + refused), (off, 10_000), "every note that was taken ended");
        let (inputs, since) = ring.drain();
        assert_eq!(inputs.len() as u32, on + off);
        assert!(since.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_is_bounded_and_still_let_go() {
        let mut ring = ring();
        for index in 0..100_000_u64 {
            tokio::time::advance(Duration::from_micros(600)).await;
            ring.play(0, event(index * 600, [0x90, (index % 128) as u8, 80]), index * 600);
        }
        let ends = ring.let_go(0, 70_000_000);
        assert!(ring.let_go(0, 70_000_000).is_empty(), "once");
        let (inputs, _) = ring.drain();
        assert!(inputs.len() <= 2 * CAPACITY + 1, "{}", inputs.len());
        assert_eq!(inputs.last(), Some(&Input::AllOff { player: 0, at_us: 70_000_000 }));
        assert_eq!(ends.len(), 128);
    }

    #[tokio::test(start_paused = true)]
    async fn clocks_that_jump_are_taken_at_their_arrival_and_never_go_back() {
        let mut ring = ring();
        let now_us = 10_000_000;
        let mut last = 0;
        for at_us in [9_990_000, 0, u64::MAX, 10_050_000, 10_000_000, 8_100_000, 3] {
            let Took::Yes(taken) = ring.play(0, event(at_us, [0xB0, 1, 9]), now_us) else {
                panic!("{at_us} was not taken");
            };
            assert!(taken.at_us >= last && taken.at_us <= now_us + AHEAD_US, "{at_us}: {taken:?}");
            last = taken.at_us;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ends_of_nothing_are_nothing_and_all_notes_off_is_one() {
        let mut ring = ring();
        assert_eq!(ring.play(0, event(0, [0x80, 60, 0]), 0), Took::Nothing);
        assert_eq!(ring.play(0, event(0, [0xB0, 123, 0]), 0), Took::Nothing);
        assert_eq!(ring.play(5, event(0, [0x90, 60, 80]), 0), Took::Nothing, "nobody sits there");
        for bytes in [[0x90, 60, 80], [0x90, 60, 90], [0xB0, 64, 127], [0x90, 64, 0], [0xB0, 123, 0]] {
            ring.play(0, event(5, bytes), 5);
        }
        let on = |velocity| Input::NoteOn { player: 0, at_us: 5, pitch: 60, velocity };
        let wanted = [
            on(80),
            Input::NoteOff { player: 0, at_us: 5, pitch: 60 },
            on(90),
            Input::Pedal { player: 0, at_us: 5, down: true },
            Input::AllOff { player: 0, at_us: 5 },
        ];
        assert_eq!(ring.drain().0, wanted);
    }
}
