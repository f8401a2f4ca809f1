//! How the partner does: the figures of its last bars, by `duologue_music::metrics`.

use duologue_music::{
    analysis::ChordSpan,
    groove,
    improv::{Part, PlannedChord, Transport},
    key::{Key, Mode},
    metre::Grid,
    metrics,
    score::{DRUMS, Metre, Note, Score, sort},
};

use super::{
    event::Figures,
    tape::{Tape, Taped, Who},
};

/// Bars that are judged together.
const BARS: f64 = 8.0;

/// What there is to judge by.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) tape: &'a Tape,
    pub(super) chords: &'a [PlannedChord],
    pub(super) transport: Transport,
    pub(super) metre: Metre,
    pub(super) key: Option<Key>,
    pub(super) now_us: u64,
}

impl Case<'_> {
    /// The figures of harmony and rhythm; the others are the caller's.
    pub(super) fn judge(&self) -> Figures {
        let bar_us = f64::from(self.transport.beats_per_bar.max(1)) * self.transport.us_per_beat;
        let from_us = self.now_us.saturating_sub((BARS * bar_us) as u64).max(self.first_us());
        let mut partner = Vec::new();
        let mut players = Vec::new();
        for note in self.tape.since(from_us, self.now_us).filter(|note| note.at_us <= self.now_us) {
            match note.who {
                Who::Partner(part) => partner.push(self.note(&note, part == Part::Drums)),
                Who::Player(_) => players.push(self.note(&note, false)),
            }
        }
        let (pitched, all) = (pitched(&partner), partner);
        let players = sorted(players);
        let grid = self.grid();
        let quarters = (self.quarters(self.now_us) - self.quarters(from_us)).max(1e-3);
        let density = |notes: &[Note]| notes.len() as f64 / quarters;
        Figures {
            in_key: self.key.and_then(|key| metrics::in_key_ratio(&pitched, key)),
            strong_chord_tones: metrics::strong_chord_tones(&pitched, &self.spans(), &grid),
            entropy_1: metrics::entropy_over_bars(&pitched, &grid, 1),
            entropy_4: metrics::entropy_over_bars(&pitched, &grid, 4),
            groove: self.groove(&all, &players, quarters),
            density_match: (!pitched.is_empty() && !players.is_empty())
                .then(|| metrics::density_match(density(&pitched), density(&players))),
            motif_reuse: metrics::motif_reuse(&lead(&pitched), &players),
            ..Figures::default()
        }
    }

    /// Before the first beat there is nothing to judge.
    fn first_us(&self) -> u64 {
        let begun = self.transport.origin_us as f64 - self.transport.origin_beat * self.transport.us_per_beat;
        begun.max(0.0) as u64
    }

    /// Quarters from the first beat.
    fn quarters(&self, at_us: u64) -> f64 {
        let beats = (at_us as f64 - self.transport.origin_us as f64) / self.transport.us_per_beat;
        (self.transport.origin_beat + beats) * self.transport.quarters_per_beat
    }

    fn note(&self, taped: &Taped, is_drum: bool) -> Note {
        let onset = self.quarters(taped.at_us);
        let end = self.quarters(taped.end_us);
        Note {
            onset,
            duration: (end - onset).max(0.0),
            pitch: taped.pitch,
            velocity: 80,
            channel: match (is_drum, taped.who) {
                (true, _) => DRUMS,
                (false, Who::Partner(part)) => part.channel(),
                (false, Who::Player(_)) => 0,
            },
            program: 0,
            track: 0,
        }
    }

    fn grid(&self) -> Grid {
        let metre = Metre { at: 0.0, ..self.metre };
        Grid::new(&Score { metres: vec![metre], ..Score::default() })
    }

    fn spans(&self) -> Vec<ChordSpan> {
        let key = self.key.unwrap_or(Key::new(0, Mode::Major));
        let span = |planned: &PlannedChord| ChordSpan {
            start: self.quarters(planned.at_us),
            end: self.quarters(planned.at_us + planned.duration_us),
            chord: planned.chord,
            bass: None,
            key,
            roman: String::new(),
        };
        self.chords.iter().map(span).collect()
    }

    /// Bar by bar, where both played.
    fn groove(&self, partner: &[Note], players: &[Note], quarters: f64) -> Option<f64> {
        let bar = self.metre.bar();
        let last = (self.quarters(self.now_us) / bar).floor();
        let first = ((self.quarters(self.now_us) - quarters) / bar).ceil().max(0.0);
        let pattern = |notes: &[Note], start: f64| {
            let within = notes.iter().map(|note| note.onset);
            groove::bar_pattern(within.filter(|onset| *onset >= start - 0.1), start, bar)
        };
        let starts = (0..(last - first).clamp(0.0, BARS) as u32).map(|idx| (first + f64::from(idx)) * bar);
        let pairs = starts.map(|start| (pattern(partner, start), pattern(players, start)));
        let pairs = pairs.filter(|(one, other)| *one != 0 && *other != 0);
        let (one, other): (Vec<u16>, Vec<u16>) = pairs.unzip();
        metrics::groove_similarity(&one, &other)
    }
}

fn sorted(mut notes: Vec<Note>) -> Vec<Note> {
    sort(&mut notes);
    notes
}

fn pitched(notes: &[Note]) -> Vec<Note> {
    sorted(notes.iter().filter(|note| !note.is_drum()).copied().collect())
}

fn lead(notes: &[Note]) -> Vec<Note> {
    notes.iter().filter(|note| note.channel == Part::Lead.channel()).copied().collect()
}
