//! Ends, wishes and other settings: what bends the course of the bars.

use super::{
    engine::{Asked, Coming, Improviser, Phase, Wish, sane, us_per_q},
    harmony,
    types::{Request, Settings, Style, Tempo},
};
use crate::key::Key;

/// Bars of a wish that names none.
const WISH: u16 = 8;

impl Improviser {
    /// Forgets bars from a number on.
    fn truncate(&mut self, number: i64) {
        while self.book.bars.back().is_some_and(|bar| bar.number >= number) {
            self.book.bars.pop_back();
        }
        if let Some(bar) = self.book.bars.back() {
            self.hands = bar.after;
        }
    }

    /// The first bar that begins when nothing is promised any more: its number and its beginning.
    fn free_bar(&self) -> (i64, f64) {
        let cut = self.clock.q(self.horizon() as f64);
        let free = self.book.bars.iter().find(|bar| bar.start >= cut - 1e-9);
        match (free, self.book.bars.back()) {
            (Some(bar), _) => (bar.number, bar.start),
            (None, Some(last)) => (last.number + 1, last.end()),
            (None, None) => self.origin,
        }
    }

    /// A cadence in the next free bar, then the last chord.
    pub(super) fn end_together(&mut self) {
        let (cadence, start) = self.free_bar();
        let here = self.clock.q(self.now as f64);
        let short = start - here > 1.5 * self.settings.metre.bar();
        self.truncate(cadence);
        if self.book.bars.is_empty() {
            self.origin = (cadence, start);
        }
        self.asked = None;
        self.phase = Phase::Ending { cadence, short };
        (self.dirty, self.retimed) = (true, true);
    }

    /// Lets a wish begin with the next free bar.
    pub(super) fn grant(&mut self, request: &Request, wish: Wish) {
        let Wish { resumes, longest, role } = wish;
        let (from, start) = self.free_bar();
        self.truncate(from);
        let bar = self.settings.metre.bar();
        let bpm = request.bpm.filter(|bpm| bpm.is_finite());
        let mut settings = self.settings.clone();
        settings.changes = request.chords.clone();
        settings.style = request.style.unwrap_or(settings.style);
        if let Some(bpm) = bpm {
            settings.tempo = Tempo::Fixed(bpm);
        }
        let settings = sane(settings);
        let round: f64 = settings.changes.iter().map(|(_, quarters)| quarters).sum();
        let needed = if settings.changes.is_empty() {
            if settings.style == Style::Blues { 12 } else { WISH }
        } else {
            (round / bar).ceil().clamp(1.0, f64::from(longest)) as u16
        };
        let bars = request.bars.unwrap_or(needed).clamp(1, longest);
        let named = !settings.changes.is_empty();
        let key = request.key.map(|key| Key::new(key.tonic, key.mode));
        let key = key.or(harmony::key_of(&settings.changes)).unwrap_or_else(|| self.key());
        let to = from + i64::from(bars);
        if bpm.is_some() && resumes {
            let back = self.clock.last().us_per_q;
            self.coming = vec![
                Coming { q: start, us_per_q: us_per_q(&settings) },
                Coming { q: start + f64::from(bars) * bar, us_per_q: back },
            ];
        }
        if self.book.bars.is_empty() {
            self.origin = (from, start);
        } else if resumes {
            // Afterwards the form begins anew.
            self.origin = (to, start + f64::from(bars) * bar);
        }
        self.asked = Some(Asked { settings, key, named, from, start, to, resumes, role });
        (self.dirty, self.retimed) = (true, true);
    }

    /// Other settings while it plays.
    pub(super) fn settled(&mut self, before: &Settings) {
        if before.metre != self.settings.metre {
            let (number, start) = self.free_bar();
            self.truncate(number);
            (self.origin, self.beat_zero) = ((number, start), start);
            self.retimed = true;
        }
        if before.changes != self.settings.changes || before.style != self.settings.style {
            // A chorus begins with a bar, and the form with it.
            let (number, start) = self.free_bar();
            if self.asked.is_none() {
                self.origin = (number, start);
            }
        }
        if before.tempo != self.settings.tempo || before.metre != self.settings.metre {
            let is_same = (before.tempo.bpm() - self.settings.tempo.bpm()).abs() < 1e-9;
            if !(is_same && matches!(self.settings.tempo, Tempo::Follow(_))) {
                self.turn(self.horizon() as f64, us_per_q(&self.settings));
            }
        }
    }
}
