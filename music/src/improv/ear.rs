//! What the partner makes of the players: key, chords, density, dynamics, register, phrases.
//!
//! Places are quarter notes of the duet. Everything kept is bounded: a bar of pitch classes for sixteen bars, a phrase of
//! 64 notes, a memory of 256 steps.

use std::collections::VecDeque;

use super::keyfind::KeyFinder;
use crate::{
    chord::Chord,
    key::Key,
    motif::{self, Memory, MemoryConfig, Motif, Token},
    score::Note,
};

/// Players of a session at most; whoever has a higher number is taken for the last.
const PLAYERS: usize = 8;
/// Bars that are remembered: two choruses of eight.
const BARS: usize = 16;
/// A phrase ends with a rest of so many quarter notes, or when it is too long.
const REST: f64 = 1.6;
const PHRASE: usize = 64;
/// Motifs are searched once in so many quarter notes: it is the dearest thing that the ear does.
const SEARCH: f64 = 8.0;
/// Steps that are remembered, and motifs that are told of.
const STEPS: usize = 256;
const MOTIFS: usize = 4;
/// Quarter notes that density and dynamics look back.
const WINDOW: f64 = 4.0;

/// A bar of the players.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeardBar {
    pub(super) number: i64,
    /// Weight of each pitch class.
    pub(super) pcs: [f32; 12],
    /// Chords that were held in its two halves.
    pub(super) chords: [Option<Chord>; 2],
    pub(super) notes: u16,
}

/// A note that was struck, where it fell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Struck {
    pub(super) player: u8,
    pub(super) pitch: u8,
    pub(super) velocity: u8,
    /// Quarter notes from the start.
    pub(super) at: f64,
    /// The number of its bar, and its place in it from 0 to 1.
    pub(super) bar: i64,
    pub(super) within: f64,
    /// Whether it is no part of a chord that was struck just before.
    pub(super) fresh: bool,
    /// Whether it is on a beat.
    pub(super) strong: bool,
}

/// The partner's ear.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    held: [u128; PLAYERS],
    last: f64,
    rate: f64,
    rate_at: f64,
    loud: f32,
    centre: f32,
    trend: f32,
    before: u8,
    /// Notes of the chord that is being struck, and the share of strokes that were chords.
    struck: u8,
    chordal: f32,
    phrase: Vec<Note>,
    recent: Vec<Token>,
    memory: Memory,
    motifs: Vec<Motif>,
    searched: f64,
    keys: KeyFinder,
    bars: VecDeque<HeardBar>,
    chord: Option<Chord>,
}

impl Ear {
    pub(super) fn new() -> Self {
        Self {
            held: [0; PLAYERS],
            last: f64::MIN,
            rate: 0.0,
            rate_at: 0.0,
            loud: 72.0,
            centre: 0.0,
            trend: 0.0,
            before: 0,
            struck: 0,
            chordal: 0.0,
            phrase: Vec::new(),
            recent: Vec::new(),
            memory: Memory::new(MemoryConfig { steps: STEPS, order: 4 }),
            motifs: Vec::new(),
            searched: f64::MIN,
            keys: KeyFinder::new(),
            bars: VecDeque::with_capacity(BARS),
            chord: None,
        }
    }

    /// The duet begins: places are counted anew, what was learned stays.
    pub(super) fn restart(&mut self) {
        self.end_phrase(f64::MAX);
        self.bars.clear();
        self.keys.restart();
        (self.last, self.rate, self.rate_at, self.searched) = (f64::MIN, 0.0, 0.0, f64::MIN);
    }

    pub(super) fn strike(&mut self, note: Struck) {
        if let Some(held) = self.held.get_mut(usize::from(note.player).min(PLAYERS - 1)) {
            *held |= 1 << (note.pitch & 127);
        }
        if note.at - self.last > REST {
            self.end_phrase(note.at);
        }
        self.pass(note.at);
        self.rate = (self.rate + 1.0 / WINDOW).min(100.0);
        self.loud += 0.12 * (f32::from(note.velocity) - self.loud);
        let pitch = f32::from(note.pitch);
        self.centre = if self.centre == 0.0 { pitch } else { self.centre + 0.1 * (pitch - self.centre) };
        if note.fresh {
            self.trend = 0.7 * self.trend + 0.3 * (pitch - f32::from(self.before)).clamp(-5.0, 5.0);
            self.chordal += 0.15 * (f32::from(u8::from(self.struck >= 3)) - self.chordal);
            (self.before, self.struck) = (note.pitch, 0);
        }
        self.struck = self.struck.saturating_add(1);
        self.last = self.last.max(note.at);
        let weight = if note.strong { 1.0 } else { 0.7 };
        self.keys.hear((note.pitch % 12, weight), note.at, note.fresh);
        self.keep(note);
        self.name_chord();
        self.note_bar(&note, weight);
    }

    fn keep(&mut self, note: Struck) {
        // Of notes that are struck together the motif has the highest.
        match self.phrase.last_mut() {
            Some(last) if !note.fresh => last.pitch = last.pitch.max(note.pitch),
            _ => {
                if self.phrase.len() >= PHRASE {
                    self.end_phrase(note.at);
                }
                self.phrase.push(Note {
                    onset: note.at,
                    duration: 0.25,
                    pitch: note.pitch & 127,
                    velocity: note.velocity,
                    channel: 0,
                    program: 0,
                    track: 0,
                });
            }
        }
    }

    fn note_bar(&mut self, note: &Struck, weight: f32) {
        if self.bars.back().is_none_or(|bar| bar.number < note.bar) {
            if self.bars.len() == BARS {
                self.bars.pop_front();
            }
            self.bars.push_back(HeardBar { number: note.bar, ..HeardBar::default() });
        }
        let chord = self.chord;
        let Some(bar) = self.bars.back_mut().filter(|bar| bar.number == note.bar) else { return };
        bar.notes = bar.notes.saturating_add(1);
        let pc = &mut bar.pcs[usize::from(note.pitch % 12)];
        *pc = (*pc + weight).min(1e4);
        if chord.is_some() {
            bar.chords[usize::from(note.within >= 0.49)] = chord;
        }
    }

    pub(super) fn release(&mut self, player: u8, pitch: u8) {
        if let Some(held) = self.held.get_mut(usize::from(player).min(PLAYERS - 1)) {
            *held &= !(1 << (pitch & 127));
        }
    }

    pub(super) fn silence(&mut self, player: u8) {
        if let Some(held) = self.held.get_mut(usize::from(player).min(PLAYERS - 1)) {
            *held = 0;
        }
        self.chord = None;
    }

    fn name_chord(&mut self) {
        let all = self.held.iter().fold(0, |all, held| all | held);
        let mask = (0..11).fold(0_u128, |mask, octave| mask | all >> (12 * octave));
        // Twelve bits of it, so the cast loses nothing.
        let pcs = (mask & 0xFFF) as u16;
        if pcs.count_ones() >= 3 {
            let lowest = u8::try_from(all.trailing_zeros() % 12).unwrap_or(0);
            self.chord = name(pcs, lowest);
        } else if all.count_ones() >= 3 || self.struck >= 2 {
            self.chord = None;
        }
    }

    /// A phrase is over: it is learned, and now and then motifs are searched.
    fn end_phrase(&mut self, at: f64) {
        if self.phrase.len() >= 3 {
            self.memory.learn(&self.phrase);
            self.recent = motif::tokens(&self.phrase);
            self.recent.truncate(16);
            if at - self.searched >= SEARCH {
                self.motifs = self.memory.motifs(MOTIFS);
                self.searched = at;
            }
        }
        self.phrase.clear();
    }

    fn pass(&mut self, at: f64) {
        let passed = (at - self.rate_at).clamp(0.0, 1e6);
        self.rate *= (-passed / WINDOW).exp();
        self.rate_at = self.rate_at.max(at);
    }

    /// Time passes without a note.
    pub(super) fn wait(&mut self, at: f64) {
        if at - self.last > REST && !self.phrase.is_empty() {
            self.end_phrase(at);
        }
        if self.last > at + 64.0 {
            // A clock jumped: what was heard in the future was heard now.
            self.last = at;
            self.rate_at = at;
        }
    }

    /// Notes a quarter lately.
    pub(super) fn density(&self, at: f64) -> f64 {
        self.rate * (-(at - self.rate_at).clamp(0.0, 1e6) / WINDOW).exp()
    }

    /// Quarter notes since the last stroke; endless when nothing is known.
    pub(super) fn rest(&self, at: f64) -> f64 {
        if self.held.iter().any(|held| *held != 0) { (at - self.last).max(0.0) * 0.5 } else { at - self.last }
    }

    /// How hard the players strike, 1 to 127.
    pub(super) fn loud(&self) -> f32 {
        self.loud
    }

    /// The middle of what they play, as a MIDI key; 0 when nothing was heard.
    pub(super) fn centre(&self) -> f32 {
        self.centre
    }

    /// Whether their melody rises (above 0) or falls.
    pub(super) fn trend(&self) -> f32 {
        self.trend
    }

    pub(super) fn key(&self) -> Option<Key> {
        self.keys.key()
    }

    /// The chord of what is held.
    pub(super) fn chord(&self) -> Option<Chord> {
        self.chord
    }

    /// Whether the players mostly strike chords.
    pub(super) fn comps(&self) -> bool {
        self.chordal > 0.4
    }

    pub(super) fn motifs(&self) -> &[Motif] {
        &self.motifs
    }

    /// The steps of the last phrase.
    pub(super) fn recent(&self) -> &[Token] {
        &self.recent
    }

    /// The steps of the phrase that is being played, or of the last when it has hardly begun.
    pub(super) fn line(&self) -> Vec<Token> {
        if self.phrase.len() >= 4 { motif::tokens(&self.phrase) } else { self.recent.clone() }
    }

    /// What this player would play next, as a chance decides.
    pub(super) fn continuation(&self, line: &[Token], chance: f64) -> Option<Token> {
        self.memory.choose(line, chance)
    }

    /// What was heard in a bar.
    pub(super) fn bar(&self, number: i64) -> Option<&HeardBar> {
        self.bars.iter().rev().find(|bar| bar.number == number)
    }

    /// What is expected of the players' chords in a bar, from what they repeat.
    pub(super) fn expected(&self, number: i64) -> Option<[Option<Chord>; 2]> {
        let chords = |at: i64| self.bar(at).map(|bar| bar.chords).filter(|chords| chords[0].is_some());
        [4, 2, 8, 1, 12].into_iter().find_map(|period| {
            let agree = |at: i64| chords(at).zip(chords(at - period)).is_some_and(|(a, b)| a[0] == b[0]);
            // The last bars that were heard have to be what they were a period before.
            let newest = self.bars.back()?.number.min(number - 1);
            let told = (newest - 2..newest).filter(|at| agree(*at)).count();
            let mut source = number - period;
            if source > newest {
                // As many rounds back as it takes; a clock that jumped makes them many.
                source -= (source - newest).saturating_add(period - 1) / period * period;
            }
            chords(source).filter(|_| told >= 2)
        })
    }
}

/// The chord of pitch classes, with the lowest of them; none when they are none.
pub(super) fn name(pcs: u16, lowest: u8) -> Option<Chord> {
    let mut best: (i32, Option<Chord>) = (2, None);
    for idx in 0..120 {
        let chord = Chord::from_index(idx);
        let mask = chord.mask();
        let bits = |mask: u16| i32::try_from(mask.count_ones()).unwrap_or(0);
        let own = bits(pcs & mask);
        if own < 3 {
            continue;
        }
        let worth = 4 * own - 5 * bits(pcs & !mask) - 3 * bits(mask & !pcs)
            + if chord.root == lowest { 3 } else { 0 };
        if worth > best.0 {
            best = (worth, Some(chord));
        }
    }
    best.1
}
