//! Which chords a bar has: those that were given, those that the players hold, or the style's own in the key.

use super::{
    bar::Span,
    dice::Dice,
    ear::Ear,
    forms::{self, Phrase},
    types::{Complexity, Mode as DuetMode, Settings, Style},
};
use crate::{
    chord::{Chord, Quality},
    key::{Key, Mode},
};

/// A chord that explains less of what is played than this is doubted; one that explains this much is taken instead.
const DOUBTED: f32 = 0.34;
const TAKEN: f32 = 0.75;
/// Weight of notes before a bar says something about its chord: three on beats.
const TOLD: f32 = 2.8;

/// What chords are chosen by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Harmony<'a> {
    pub(super) settings: &'a Settings,
    pub(super) key: Key,
    pub(super) ear: &'a Ear,
    /// Whether the chords are given or asked for, and no others are to be played.
    pub(super) fixed: bool,
}

/// A bar to be given chords.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number in the duet.
    pub(super) number: i64,
    /// Its number in the form, from 0.
    pub(super) form: i64,
    /// Quarter notes from the beginning of the form.
    pub(super) from: f64,
    /// Quarter notes of it.
    pub(super) quarters: f64,
}

impl Harmony<'_> {
    /// The chords of a bar, without gaps.
    pub(super) fn bar(&self, place: Place) -> Vec<Span> {
        if let Some(spans) = self.given(place) {
            return spans;
        }
        let follows = (self.settings.mode == DuetMode::Lead || self.ear.comps()) && !self.fixed;
        if let Some(spans) = follows.then(|| self.heard(place)).flatten() {
            return spans;
        }
        let mut spans = self.own(place);
        if !self.fixed {
            self.fit(place, &mut spans);
        }
        spans
    }

    /// The chords that lead to the end, and the last.
    pub(super) fn cadence(&self, quarters: f64) -> Vec<Span> {
        self.spread(forms::cadence(self.settings.style, self.key.mode), quarters)
    }

    pub(super) fn last(&self, quarters: f64) -> Vec<Span> {
        self.spread(&[forms::last(self.settings.style, self.key.mode)], quarters)
    }

    /// A chorus that goes round and round.
    fn given(&self, place: Place) -> Option<Vec<Span>> {
        let changes = &self.settings.changes;
        let round: f64 = changes.iter().map(|(_, quarters)| quarters).sum();
        if round < 0.25 {
            return None;
        }
        let mut spans = Vec::new();
        let mut at = 0.0;
        while at < place.quarters - 1e-6 && spans.len() < 16 {
            let within = (place.from + at).rem_euclid(round);
            let mut end = 0.0;
            let found = changes.iter().find(|(_, quarters)| {
                end += quarters;
                end > within + 1e-6
            });
            let (chord, left) =
                found.map_or((changes[0].0, changes[0].1), |(chord, _)| (*chord, end - within));
            let len = left.max(0.25).min(place.quarters - at);
            self.push(&mut spans, Span { at, len, chord, key: self.key });
            at += len;
        }
        Some(spans)
    }

    /// The same chord twice in a row is one.
    fn push(&self, spans: &mut Vec<Span>, span: Span) {
        match spans.last_mut() {
            Some(last) if last.chord == span.chord => last.len += span.len,
            _ => spans.push(span),
        }
    }

    /// What the players hold in this bar, or are expected to hold since they repeat themselves.
    fn heard(&self, place: Place) -> Option<Vec<Span>> {
        let now = self.ear.bar(place.number).map(|bar| bar.chords);
        let expected = self.ear.expected(place.number);
        let chords = match (now, expected) {
            (Some([Some(first), second]), expected) => {
                let likely = expected.filter(|chords| chords[0] == Some(first)).and_then(|chords| chords[1]);
                [Some(first), second.or(likely)]
            }
            (_, Some(expected)) => expected,
            _ => return None,
        };
        let first = self.dressed(chords[0]?);
        let second = chords[1].map_or(first, |chord| self.dressed(chord));
        let half = if place.quarters >= 3.9 { place.quarters / 2.0 } else { place.quarters };
        let mut spans = Vec::new();
        self.push(&mut spans, Span { at: 0.0, len: half, chord: first, key: self.key });
        if half < place.quarters {
            self.push(
                &mut spans,
                Span { at: half, len: place.quarters - half, chord: second, key: self.key },
            );
        }
        Some(spans)
    }

    /// A triad of the players' is a triad to everyone; only their suspensions are left to them.
    fn dressed(&self, chord: Chord) -> Chord {
        if chord.quality == Quality::Other { Chord::new(chord.root, Quality::Major) } else { chord }
    }

    fn own(&self, place: Place) -> Vec<Span> {
        let phrase = self.phrase(place.form);
        let bar = phrase[usize::try_from(place.form.rem_euclid(4)).unwrap_or(0)];
        let mut spans = self.spread(bar, place.quarters);
        let mut dice = Dice::new(self.settings.seed, place.form, 11);
        for span in &mut spans {
            span.chord = self.enriched(span.chord, &mut dice);
        }
        spans
    }

    /// The phrase that a bar of the form is in: sections of eight bars in the order AABA, another every round.
    fn phrase(&self, form: i64) -> Phrase {
        let style = self.settings.style;
        let four = form.div_euclid(4);
        if style == Style::Blues {
            let third = usize::try_from(four.rem_euclid(3)).unwrap_or(0);
            let chorus = form.div_euclid(12);
            let rich = self.settings.complexity == Complexity::Complex
                || (self.settings.complexity == Complexity::Medium
                    && Dice::new(self.settings.seed, chorus, 7).chance(0.4));
            return forms::blues(self.key.mode, third, rich);
        }
        let phrases = forms::phrases(style, self.key.mode);
        let section = four.div_euclid(2);
        let letter = i64::from(section.rem_euclid(4) == 2);
        let round = section.div_euclid(4);
        let half = four.rem_euclid(2);
        let name = round * 4 + letter * 2;
        let first = Dice::new(self.settings.seed, name, 3).below(phrases.len());
        let idx = if half == 0 {
            first
        } else {
            // The second half is another phrase than the first.
            let step = 1 + Dice::new(self.settings.seed, name, 4).below(phrases.len().saturating_sub(1));
            (first + step) % phrases.len()
        };
        phrases[idx]
    }

    /// Degrees on a bar, evenly.
    fn spread(&self, bar: &[(u8, Quality)], quarters: f64) -> Vec<Span> {
        // A short bar has no room for two chords.
        let bar = if quarters < 2.9 { &bar[..bar.len().min(1)] } else { bar };
        let count = bar.len().max(1) as f64;
        let chord = |(degree, quality): &(u8, Quality)| Chord::new(self.key.tonic + degree, *quality);
        let span = |(idx, degree): (usize, &(u8, Quality))| Span {
            at: quarters * idx as f64 / count,
            len: quarters / count,
            chord: chord(degree),
            key: self.key,
        };
        bar.iter().enumerate().map(span).collect()
    }

    /// A chord as rich as the complexity wishes.
    fn enriched(&self, chord: Chord, dice: &mut Dice) -> Chord {
        let style = self.settings.style;
        let is_jazz = matches!(style, Style::JazzSwing | Style::Bossa);
        let is_song = matches!(style, Style::PopBallad | Style::KoreanBallad);
        match (self.settings.complexity, chord.quality) {
            (Complexity::Simple, Quality::Major7) if is_song => Chord::new(chord.root, Quality::Major),
            (Complexity::Simple, Quality::Minor7) if is_song => Chord::new(chord.root, Quality::Minor),
            (Complexity::Complex, Quality::Minor) if is_song => Chord::new(chord.root, Quality::Minor7),
            (Complexity::Complex, Quality::Major) if is_song && self.key.above(chord.root) != 7 => {
                let seventh = Chord::new(chord.root, Quality::Major7);
                if seventh.mask() & !self.key.mask() == 0 { seventh } else { chord }
            }
            // The dominant a tritone away has the same third and seventh.
            (Complexity::Complex, Quality::Dominant7) if is_jazz && dice.chance(0.2) => chord.transposed(6),
            _ => chord,
        }
    }

    /// Another chord for the last of a bar that what is played contradicts.
    fn fit(&self, place: Place, spans: &mut [Span]) {
        let Some(pcs) = self.ear.bar(place.number).map(|bar| bar.pcs) else { return };
        let all: f32 = pcs.iter().sum();
        let Some(span) = spans.last_mut() else { return };
        let fit = |chord: Chord| {
            let own: f32 = (0..12_u8).filter(|pc| chord.has(*pc)).map(|pc| pcs[usize::from(pc)]).sum();
            own / all.max(1e-6)
        };
        if all < TOLD || fit(span.chord) >= DOUBTED {
            return;
        }
        let phrases = forms::phrases(self.settings.style, self.key.mode);
        let mut best = (TAKEN, None);
        for (degree, quality) in phrases.iter().flatten().copied().flatten() {
            let chord = Chord::new(self.key.tonic + degree, *quality);
            // More tones explain more by themselves.
            let worth = fit(chord) - if quality.has_seventh() { 0.05 } else { 0.0 };
            if worth > best.0 {
                best = (worth, Some(chord));
            }
        }
        if let Some(chord) = best.1 {
            span.chord = chord;
        }
    }
}

/// The key that chords are in: the one that holds most of their tones, the first and the last being the tonic's.
pub(super) fn key_of(changes: &[(Chord, f64)]) -> Option<Key> {
    let (first, last) = (changes.first()?.0, changes.last()?.0);
    let judge = |key: Key| {
        let mut sum = 0.0;
        for (chord, quarters) in changes {
            let outside = (chord.mask() & !key.mask()).count_ones();
            sum -= f64::from(outside) * quarters.min(8.0);
            let is_tonic = chord.root == key.tonic && chord.quality.is_minor() == (key.mode == Mode::Minor);
            sum += if is_tonic { 0.5 * quarters.min(8.0) } else { 0.0 };
            let is_dominant = chord.quality == Quality::Dominant7 && key.above(chord.root) == 7;
            sum += if is_dominant { 0.3 * quarters.min(8.0) } else { 0.0 };
        }
        for chord in [first, last] {
            let fits = chord.root == key.tonic && chord.quality.is_minor() == (key.mode == Mode::Minor);
            sum += if fits { 2.0 } else { 0.0 };
        }
        sum
    };
    Key::all().max_by(|a, b| judge(*a).total_cmp(&judge(*b)).then(b.index().cmp(&a.index())))
}
