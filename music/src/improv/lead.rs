//! Melody: solos, answers, fills, and what is shown on request.
//!
//! A bar is a rhythm of cells, one a beat, and a line through them: tones of the chord where it is strong, steps of the
//! scale between, a rest where a phrase ends. A motif of the player's takes the place of cells when there is one.

use super::{
    bar::{Brief, Hands, Role, Sheet, Span},
    dice::Dice,
    types::{Complexity, Part, Style},
};
use crate::motif::Token;

/// Onsets within a beat, with how likely they are: usual, and when much is to go on.
type Cell = (&'static [f64], f64, f64);

const JAZZ: [Cell; 6] = [
    (&[0.0, 0.5], 4.0, 6.0),
    (&[0.0], 2.0, 1.0),
    (&[0.5], 2.5, 1.5),
    (&[], 1.0, 0.3),
    (&[0.0, 1.0 / 3.0, 2.0 / 3.0], 0.3, 1.2),
    (&[0.0, 0.25, 0.5, 0.75], 0.0, 0.5),
];
const BOSSA: [Cell; 5] = [
    (&[0.0, 0.5], 2.5, 4.0),
    (&[0.5], 3.0, 3.0),
    (&[0.0], 2.0, 1.0),
    (&[], 1.2, 0.5),
    (&[0.25, 0.75], 0.0, 0.6),
];
const BLUES: [Cell; 5] = [
    (&[0.0, 0.5], 3.0, 4.0),
    (&[0.0], 2.0, 1.0),
    (&[0.5], 1.5, 1.0),
    (&[], 1.5, 0.5),
    (&[0.0, 1.0 / 3.0, 2.0 / 3.0], 0.5, 1.6),
];
const SONG: [Cell; 5] = [
    (&[0.0], 4.0, 2.5),
    (&[0.0, 0.5], 2.5, 4.0),
    (&[], 1.8, 0.7),
    (&[0.5], 0.8, 1.0),
    (&[0.0, 0.25, 0.5, 0.75], 0.0, 0.5),
];
const CLASSICAL: [Cell; 5] = [
    (&[0.0], 3.0, 2.0),
    (&[0.0, 0.5], 3.5, 3.5),
    (&[0.0, 0.25, 0.5, 0.75], 0.2, 1.8),
    (&[0.0, 0.5, 0.75], 0.3, 1.0),
    (&[], 0.5, 0.2),
];
const RAG: [Cell; 6] = [
    (&[0.0, 0.25, 0.75], 2.5, 3.5),
    (&[0.0, 0.5], 2.5, 1.5),
    (&[0.25, 0.5, 0.75], 0.8, 2.0),
    (&[0.25, 0.75], 1.0, 1.5),
    (&[0.0], 1.5, 0.6),
    (&[0.0, 0.25, 0.5, 0.75], 0.3, 1.5),
];
/// Beats of three parts.
const COMPOUND: [Cell; 4] = [
    (&[0.0], 2.0, 1.0),
    (&[0.0, 2.0 / 3.0], 3.0, 2.0),
    (&[0.0, 1.0 / 3.0, 2.0 / 3.0], 2.0, 4.0),
    (&[], 0.8, 0.3),
];

/// Writes the melody of a bar.
pub(super) fn write(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(51);
    let end = brief.end.unwrap_or(brief.quarters);
    let mut onsets = rhythm(brief, &mut dice);
    let calls = match brief.role {
        Role::Answer => 0.85,
        Role::Fill => 0.6,
        _ => 0.4,
    };
    let mut line = Line { window: window(brief), last: hands.lead, rises: hands.rises };
    let mut begun = 0.0;
    if brief.motif.len() >= 2 && dice.chance(calls) {
        begun = recall(sheet, &mut line, &mut dice, end);
    }
    onsets.retain(|at| *at >= begun - 1e-6 && *at < end - 0.1);
    for (idx, at) in onsets.iter().enumerate() {
        let next = onsets.get(idx + 1).copied().unwrap_or(end);
        let key = line.step(brief, &mut dice, (*at, next));
        let len = (next - at).min(if next - at > 1.2 { 1.4 } else { 1.0 });
        let accent = if is_strong(brief, *at) { 5.0 } else { 0.0 };
        sheet.put(Part::Lead, (*at, len * 0.95), (key, velocity(brief) + accent + 5.0 * dice.unit()));
    }
    (hands.lead, hands.rises) = (line.last, line.rises);
}

fn velocity(brief: &Brief<'_>) -> f64 {
    let share = match brief.role {
        Role::Fill => 0.78,
        Role::Counter => 0.74,
        _ => 0.92,
    };
    brief.velocity(share)
}

fn is_strong(brief: &Brief<'_>, at: f64) -> bool {
    (at / brief.beat - (at / brief.beat).round()).abs() < 0.05
}

/// Where a melody lies: away from the player's.
pub(super) fn window(brief: &Brief<'_>) -> (u8, u8) {
    match brief.scene.centre {
        0 => (60, 81),
        1..=10 => (67, 86),
        11 => (69, 88),
        _ => (55, 74),
    }
}

/// Where notes begin in a bar.
fn rhythm(brief: &Brief<'_>, dice: &mut Dice) -> Vec<f64> {
    let cells: &[Cell] = match brief.style {
        _ if brief.is_compound() => &COMPOUND,
        Style::JazzSwing => &JAZZ,
        Style::Bossa => &BOSSA,
        Style::Blues => &BLUES,
        Style::PopBallad | Style::KoreanBallad => &SONG,
        Style::Classical => &CLASSICAL,
        Style::Ragtime => &RAG,
    };
    let much = match brief.complexity {
        Complexity::Simple => 0.0,
        Complexity::Medium => 0.45,
        Complexity::Complex => 1.0,
    };
    // The more a player plays at the same time, the less goes on here.
    let room = if brief.role == Role::Answer { 1.0 } else { 1.0 - 0.22 * f64::from(brief.scene.density) };
    let much = (much * room).clamp(0.0, 1.0);
    let mut onsets = Vec::with_capacity(16);
    let beats = (brief.quarters / brief.beat).round().max(1.0) as usize;
    for beat in 0..beats {
        let cell = choose(cells, much, dice);
        onsets.extend(cell.iter().map(|within| (beat as f64 + within) * brief.beat));
    }
    breathe(brief, &mut onsets, dice);
    if onsets.is_empty() {
        onsets.push(0.0);
    }
    onsets
}

fn choose(cells: &[Cell], much: f64, dice: &mut Dice) -> &'static [f64] {
    let weight = |cell: &Cell| cell.1 + much * (cell.2 - cell.1);
    let all: f64 = cells.iter().map(weight).sum();
    let mut left = dice.unit() * all;
    for cell in cells {
        left -= weight(cell);
        if left <= 0.0 {
            return cell.0;
        }
    }
    &[0.0]
}

/// A phrase ends with a breath: in its fourth bar, or its second as well when it is slow or a fill.
fn breathe(brief: &Brief<'_>, onsets: &mut Vec<f64>, dice: &mut Dice) {
    let last = match brief.form.rem_euclid(4) {
        3 => 0.5,
        1 if brief.role != Role::Answer && dice.chance(0.5) => 0.625,
        _ => return,
    };
    let end = brief.quarters * last;
    onsets.retain(|at| *at <= end + 1e-6);
}

/// The line that a melody draws.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) window: (u8, u8),
    pub(super) last: u8,
    pub(super) rises: bool,
}

impl Line {
    /// The next key, for a note at a place whose next is at another.
    pub(super) fn step(&mut self, brief: &Brief<'_>, dice: &mut Dice, places: (f64, f64)) -> u8 {
        let (at, next) = places;
        let span = Span { chord: brief.ahead(at), ..brief.span(at) };
        let (low, high) = self.window;
        self.last = self.last.clamp(low, high);
        if self.last + 3 > high {
            self.rises = false;
        } else if self.last < low + 3 {
            self.rises = true;
        } else if dice.chance(0.24) {
            self.rises = !self.rises;
        }
        // A note that stays is heard as long as a strong one.
        let is_firm = is_strong(brief, at) || next - at > 0.9;
        let key = if is_firm {
            self.tone(span, dice)
        } else if brief.style == Style::JazzSwing
            && brief.complexity != Complexity::Simple
            && next < brief.quarters
            && dice.chance(0.22)
        {
            // A half step into what comes.
            let target = Self { ..*self }.tone(Span { chord: brief.ahead(next), ..brief.span(next) }, dice);
            if self.rises { target.saturating_sub(1) } else { target + 1 }
        } else {
            self.scale(brief, span, dice)
        };
        self.last = key;
        key
    }

    /// A tone of the chord in the line's direction, rarely farther than a fifth.
    fn tone(&self, span: Span, dice: &mut Dice) -> u8 {
        let (low, high) = self.window;
        let mut best = (f64::MAX, self.last);
        for key in low..=high {
            let Some(factor) = span.chord.factor(key % 12) else { continue };
            let away = f64::from(key) - f64::from(self.last);
            let against = if (away > 0.0) == self.rises { 0.0 } else { 3.0 };
            // Thirds and sevenths tell the chord; the root says least.
            let colour = [1.2, 0.0, 0.6, 0.2][factor.min(3)];
            let again = if away == 0.0 { 4.5 } else { 0.0 };
            let cost = away.abs() + against + colour + again + 3.5 * dice.unit();
            if cost < best.0 {
                best = (cost, key);
            }
        }
        best.1
    }

    /// A step of the scale that is heard over the chord, now and then a third.
    fn scale(&self, brief: &Brief<'_>, span: Span, dice: &mut Dice) -> u8 {
        let mask = scale(brief.style, span);
        let (low, high) = self.window;
        let skips = usize::from(dice.chance(0.2));
        let mut key = self.last;
        let mut found = 0;
        for _ in 0..9 {
            if (self.rises && key >= high) || (!self.rises && key <= low) {
                break;
            }
            key = if self.rises { key + 1 } else { key - 1 };
            if mask >> (key % 12) & 1 == 1 {
                found += 1;
                if found > skips {
                    break;
                }
            }
        }
        key
    }
}

/// The scale over a chord as bits: the key's, bent where the chord is from elsewhere; the blues has its own.
pub(super) fn scale(style: Style, span: Span) -> u16 {
    let mut mask = span.key.mask();
    if style == Style::Blues {
        // Minor pentatonic with the flat fifth, and the chord's own tones.
        mask = [0, 3, 5, 6, 7, 10].iter().fold(0, |mask, above| mask | 1 << ((span.key.tonic + above) % 12));
        return mask | span.chord.mask();
    }
    for pitch_class in 0..12_u8 {
        let is_foreign = span.chord.has(pitch_class) && !span.key.has(pitch_class);
        if is_foreign {
            // What it stands for is left out, lest both be heard.
            for beside in [(pitch_class + 1) % 12, (pitch_class + 11) % 12] {
                if !span.chord.has(beside) {
                    mask &= !(1 << beside);
                }
            }
        }
    }
    // Of the two sevenths of minor, the raised one is the dominant's.
    if span.key.mode == crate::key::Mode::Minor {
        let (raised, plain) = ((span.key.tonic + 11) % 12, (span.key.tonic + 10) % 12);
        let out = if span.chord.has(raised) { plain } else { raised };
        if !span.chord.has(out) {
            mask &= !(1 << out);
        }
    }
    mask | span.chord.mask()
}

/// Plays the motif from where it fits the harmony best; where it ends.
fn recall(sheet: &mut Sheet<'_>, line: &mut Line, dice: &mut Dice, end: f64) -> f64 {
    let brief = sheet.brief;
    let steps: Vec<Token> = fitting(brief.motif, end);
    if steps.is_empty() {
        return 0.0;
    }
    let from = best_start(brief, line, &steps, dice);
    let (mut at, mut key) = (0.0, i16::from(from));
    for idx in 0..=steps.len() {
        let len = steps.get(idx).map_or(0.5, |step| f64::from(step.wait) / 12.0);
        let span = brief.span(at);
        let sounding = settle(brief, span, key, is_strong(brief, at));
        let share = if is_strong(brief, at) { 5.0 } else { 0.0 };
        sheet.put(Part::Lead, (at, len.min(1.5) * 0.95), (sounding, velocity(brief) + share));
        line.last = sounding;
        let Some(step) = steps.get(idx) else { break };
        at += f64::from(step.wait) / 12.0;
        key += i16::from(step.interval);
        line.rises = step.interval > 0;
    }
    // A breath before it goes on.
    at + 1.0
}

/// As many of a motif's steps as a bar has room for, without long waits.
fn fitting(motif: &[Token], end: f64) -> Vec<Token> {
    let mut at = 0.0;
    let fits = motif.iter().take_while(|step| {
        at += f64::from(step.wait) / 12.0;
        at < end - 0.2 && step.wait <= 30
    });
    fits.copied().collect()
}

/// Where a motif begins so that most of its notes are in the harmony and in the window.
fn best_start(brief: &Brief<'_>, line: &Line, steps: &[Token], dice: &mut Dice) -> u8 {
    let (low, high) = line.window;
    let mut best = (f64::MAX, line.last.clamp(low, high));
    for start in low..=high {
        let mut cost = 0.15 * f64::from(start.abs_diff(line.last)) + 0.8 * dice.unit();
        let (mut at, mut key) = (0.0, i16::from(start));
        for idx in 0..=steps.len() {
            let span = brief.span(at);
            let pitch_class = u8::try_from(key.rem_euclid(12)).unwrap_or(0);
            let is_in = scale(brief.style, span) >> pitch_class & 1 == 1;
            cost += if is_in { 0.0 } else { 2.0 };
            cost += if is_strong(brief, at) && !span.chord.has(pitch_class) { 1.5 } else { 0.0 };
            let outside = (i16::from(low) - key).max(key - i16::from(high)).max(0);
            cost += f64::from(outside) * 0.5;
            let Some(step) = steps.get(idx) else { break };
            at += f64::from(step.wait) / 12.0;
            key += i16::from(step.interval);
        }
        if cost < best.0 {
            best = (cost, start);
        }
    }
    best.1
}

/// The nearest key that is in the harmony.
fn settle(brief: &Brief<'_>, span: Span, key: i16, strong: bool) -> u8 {
    let mask = if strong { span.chord.mask() } else { scale(brief.style, span) };
    let is_in = |key: i16| mask >> key.rem_euclid(12) & 1 == 1;
    let near = [0, -1, 1, -2, 2, -3, 3].into_iter().map(|by| key + by).find(|key| is_in(*key));
    u8::try_from(near.unwrap_or(key).clamp(36, 96)).unwrap_or(72)
}
