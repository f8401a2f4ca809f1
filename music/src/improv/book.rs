//! The bars that are planned, and the notes that are promised.

use std::collections::VecDeque;

use super::{
    bar::{Draft, Hands, Role, Scene, Span},
    clock::Clock,
    types::{Part, Plan, Planned, PlannedChord, Style},
};
use crate::{chord::Chord, motif::Token, roman};

/// Promised notes that may sound or wait at once: four seconds of the busiest bars are 300; more are not promised.
const SOUNDING: usize = 512;
/// A note is held for no longer than this, whatever the tempo.
const LONGEST_US: f64 = 30_000_000.0;
/// And no shorter.
const SHORTEST_US: f64 = 20_000.0;

/// A planned note.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) id: u32,
    /// Quarter notes from the start of the duet.
    pub(super) at: f64,
    pub(super) draft: Draft,
}

/// A planned bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) number: i64,
    pub(super) form: i64,
    /// Quarter notes from the start of the duet.
    pub(super) start: f64,
    pub(super) quarters: f64,
    pub(super) spans: Vec<Span>,
    /// Notes that are not promised yet, in order.
    pub(super) notes: VecDeque<Ready>,
    pub(super) written: Written,
    pub(super) after: Hands,
}

/// What a bar was written from: while it is the same, so are its notes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) before: Hands,
    pub(super) role: Role,
    pub(super) scene: Scene,
    pub(super) style: Style,
    pub(super) complexity: super::types::Complexity,
    pub(super) next: Chord,
    pub(super) end: Option<f64>,
    /// Steps to answer with.
    pub(super) motif: Vec<Token>,
    pub(super) seed: u64,
}

impl Bar {
    /// Where it ends.
    pub(super) fn end(&self) -> f64 {
        self.start + self.quarters
    }
}

/// A promise that may still sound.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    id: u32,
    end_us: u64,
    part: Part,
    pitch: u8,
}

/// Bars and promises.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) bars: VecDeque<Bar>,
    sounding: VecDeque<Sounding>,
    next_id: u32,
    revision: u32,
    /// What begins before this is promised.
    pub(super) promised_us: u64,
}

impl Book {
    /// A number for a note.
    pub(super) fn id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// Forgets bars that are over.
    pub(super) fn forget(&mut self, clock: &Clock, now: u64) {
        while self.bars.len() > 1 && self.bars.front().is_some_and(|bar| clock.us(bar.end()) <= now as f64) {
            self.bars.pop_front();
        }
        self.sounding.retain(|note| note.end_us > now);
    }

    /// Promises what begins before the horizon, and moves it there.
    pub(super) fn promise(&mut self, clock: &Clock, now: u64, horizon: u64) -> Vec<Planned> {
        let mut promised: Vec<Planned> = Vec::new();
        self.promised_us = self.promised_us.max(horizon);
        for bar in &mut self.bars {
            while let Some(ready) = bar.notes.front().copied() {
                let note = planned(&ready, clock, bar.written.style);
                if note.at_us >= self.promised_us {
                    break;
                }
                bar.notes.pop_front();
                // What an owner that did not ask in time has missed is not played late.
                let is_past = note.at_us < now || self.sounding.len() >= SOUNDING;
                let is_held = |other: &Sounding| {
                    other.part == note.part && other.pitch == note.pitch && other.end_us > note.at_us + 2_000
                };
                if is_past || self.sounding.iter().any(is_held) {
                    continue;
                }
                let end_us = note.at_us + note.duration_us;
                self.sounding.push_back(Sounding { id: note.id, end_us, part: note.part, pitch: note.pitch });
                promised.push(note);
            }
        }
        promised.sort_by_key(|note| note.at_us);
        promised
    }

    /// Takes back everything that has not ended.
    pub(super) fn cancel(&mut self, now: u64) -> Vec<u32> {
        self.bars.clear();
        self.sounding.drain(..).filter(|note| note.end_us > now).map(|note| note.id).collect()
    }

    /// Nothing is planned any more; what is promised is played.
    pub(super) fn close(&mut self) {
        self.bars.clear();
    }

    /// The plan as it is shown.
    pub(super) fn plan(&mut self, clock: &Clock, now: u64) -> Plan {
        self.revision = self.revision.wrapping_add(1);
        let mut plan = Plan { revision: self.revision, ..Plan::default() };
        let here = clock.q(now as f64);
        for bar in &self.bars {
            for (idx, span) in bar.spans.iter().enumerate() {
                let start = bar.start + span.at;
                // The last chord of a bar ends with it, however the lengths were rounded.
                let end = bar.spans.get(idx + 1).map_or(bar.end(), |next| bar.start + next.at);
                if end <= here {
                    continue;
                }
                let (at_us, end_us) = (whole(clock.us(start)), whole(clock.us(end)));
                plan.chords.push(PlannedChord {
                    at_us,
                    duration_us: end_us.saturating_sub(at_us),
                    chord: span.chord,
                    roman: roman::numeral(span.chord, None, span.key),
                });
            }
            plan.notes.extend(bar.notes.iter().map(|ready| planned(ready, clock, bar.written.style)));
        }
        plan
    }
}

/// Microseconds as a whole number.
pub(super) fn whole(us: f64) -> u64 {
    us.max(0.0).round() as u64
}

fn planned(ready: &Ready, clock: &Clock, style: Style) -> Planned {
    let draft = &ready.draft;
    let at = clock.us(ready.at);
    let duration = (clock.us(ready.at + draft.len) - at).clamp(SHORTEST_US, LONGEST_US);
    Planned {
        id: ready.id,
        at_us: whole(at),
        duration_us: whole(duration),
        part: draft.part,
        pitch: draft.pitch,
        velocity: draft.velocity,
        program: program(style, draft.part),
    }
}

/// The General MIDI program of a part in a style, counted from 0.
pub fn program(style: Style, part: Part) -> u8 {
    match (style, part) {
        (_, Part::Drums) => 0,
        (Style::Classical, Part::Lead) => 73,
        (Style::Ragtime, _) => 3,
        (Style::Classical, _) => 0,
        (Style::JazzSwing, Part::Lead) => 11,
        (Style::Bossa, Part::Lead) => 73,
        (Style::Blues, Part::Lead) => 27,
        (Style::PopBallad, Part::Lead) => 68,
        (Style::KoreanBallad, Part::Lead) => 40,
        (Style::Bossa, Part::Chords) => 24,
        (Style::Blues, Part::Chords) => 16,
        (_, Part::Chords) => 0,
        (Style::JazzSwing | Style::Bossa, Part::Bass) => 32,
        (_, Part::Bass) => 33,
    }
}
