//! The bass: where the chords stand.

use super::{
    bar::{Brief, Hands, Role, Sheet, Span},
    comp,
    dice::Dice,
    types::{Complexity, Part, Style},
    voicing::nearest,
};
use crate::chord::Chord;

/// The lowest and highest key of a bass.
const WINDOW: (u8, u8) = (31, 52);

/// Writes the bass of a bar.
pub(super) fn write(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    if brief.is_compound() || brief.quarters < 1.9 {
        return roots(sheet, hands, 1.0);
    }
    match brief.style {
        Style::JazzSwing if brief.complexity == Complexity::Simple => two_feel(sheet, hands),
        Style::JazzSwing => walk(sheet, hands),
        Style::Blues if brief.complexity == Complexity::Simple => boogie(sheet, hands, 1.0),
        Style::Blues if brief.complexity == Complexity::Medium => boogie(sheet, hands, 0.5),
        Style::Blues => walk(sheet, hands),
        Style::Bossa => bossa(sheet, hands),
        Style::PopBallad | Style::KoreanBallad => ballad(sheet, hands),
        Style::Classical => roots(sheet, hands, 0.95),
        Style::Ragtime => stride(sheet, hands),
    }
}

/// The interval of a chord's fifth.
fn fifth(chord: Chord) -> u8 {
    chord.quality.intervals().get(2).copied().unwrap_or(7)
}

fn put(sheet: &mut Sheet<'_>, hands: &mut Hands, place: (f64, f64), key: u8) {
    let share = if sheet.brief.role == Role::Listen { 0.62 } else { 0.8 };
    let velocity = sheet.brief.velocity(share) + if place.0 == 0.0 { 5.0 } else { 0.0 };
    sheet.put(Part::Bass, place, (key, velocity));
    hands.bass = key;
}

fn root(hands: &Hands, chord: Chord) -> u8 {
    nearest(chord.root, hands.bass.clamp(34, 48), WINDOW)
}

/// One root a chord, held.
fn roots(sheet: &mut Sheet<'_>, hands: &mut Hands, share: f64) {
    let brief = sheet.brief;
    let mut dice = brief.dice(31);
    for span in brief.spans {
        // The third in the bass leads on by step where the next root is a step above it.
        let third = span.chord.quality.intervals().get(1).copied().unwrap_or(4);
        let is_led = brief.style == Style::Classical
            && span.at > 0.0
            && brief.complexity != Complexity::Simple
            && brief.end.is_none()
            && dice.chance(0.3);
        let class = if is_led { span.chord.root + third } else { span.chord.root };
        let key = nearest(class, hands.bass.clamp(36, 48), WINDOW);
        let held = (span.len * share).min(brief.beat * 4.0);
        put(sheet, hands, (span.at, held), key);
        if brief.style == Style::Classical && span.len > 3.5 && brief.complexity != Complexity::Simple {
            let class = if dice.chance(0.5) { span.chord.root + fifth(span.chord) } else { span.chord.root };
            let second = nearest(class, hands.bass, WINDOW);
            sheet.notes.iter_mut().filter(|note| note.part == Part::Bass).for_each(|note| {
                note.len = note.len.min(span.at + 1.95 - note.at);
            });
            put(sheet, hands, (span.at + 2.0, 1.9), second);
        }
    }
}

/// Half notes: root and fifth.
fn two_feel(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut at = 0.0;
    while at < brief.quarters - 0.1 {
        let span = brief.span(at);
        let is_root = (at - span.at).abs() < 0.1;
        let class = if is_root { span.chord.root } else { span.chord.root + fifth(span.chord) };
        let key = nearest(class, hands.bass.clamp(34, 46), WINDOW);
        put(sheet, hands, (at, (brief.quarters - at).min(1.8)), key);
        at += 2.0;
    }
}

/// A note a beat: the root, tones of the chord, and a step or half step into the next root.
fn walk(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(32);
    let beats = brief.quarters.floor() as usize;
    for beat in 0..beats {
        let at = beat as f64;
        let span = brief.span(at);
        let next_at = at + 1.0;
        let next = if next_at >= brief.quarters - 0.1 { brief.next } else { brief.span(next_at).chord };
        let begins = (at - span.at).abs() < 0.1;
        let ends = next != span.chord || next_at >= brief.quarters - 0.1;
        let key = if begins {
            root(hands, span.chord)
        } else if ends && !(next == span.chord && dice.chance(0.5)) {
            approach(hands, next, span, &mut dice)
        } else {
            inside(hands, span.chord, &mut dice)
        };
        put(sheet, hands, (at, 0.92), key);
        if brief.complexity == Complexity::Complex && ends && dice.chance(0.18) {
            // A skipped eighth leads in, as drummers know it.
            sheet.put(Part::Bass, (at + 0.5, 0.4), (key, brief.velocity(0.6)));
        }
    }
}

/// A tone of the chord near the last, but another.
fn inside(hands: &Hands, chord: Chord, dice: &mut Dice) -> u8 {
    let mut best = (f64::MAX, hands.bass);
    for above in chord.quality.intervals() {
        let key = nearest(chord.root + above, hands.bass, WINDOW);
        let away = f64::from(key.abs_diff(hands.bass));
        let cost = if away < 0.5 { 20.0 } else { away + 4.0 * dice.unit() };
        if cost < best.0 {
            best = (cost, key);
        }
    }
    best.1
}

/// A step from the next root: from above or below, in the key or a half step.
fn approach(hands: &Hands, next: Chord, span: Span, dice: &mut Dice) -> u8 {
    let target = nearest(next.root, hands.bass.clamp(34, 48), WINDOW);
    let whole = |key: u8| span.key.has(key % 12) || span.chord.has(key % 12);
    let choices = [target + 1, target.saturating_sub(1), target + 2, target.saturating_sub(2)];
    let tone = choices.iter().copied().find(|key| span.chord.has(key % 12) && *key != hands.bass);
    let fifth = nearest(next.root + 7, hands.bass, WINDOW);
    match tone {
        Some(key) if dice.chance(0.5) => key,
        _ if span.chord.has(fifth % 12) && dice.chance(0.4) => fifth,
        _ => {
            let near: Vec<u8> = choices.into_iter().filter(|key| *key != hands.bass && whole(*key)).collect();
            dice.pick(&near, target.saturating_sub(1))
        }
    }
}

/// The boogie line: root, third, fifth, sixth and back, a stroke a `step`.
fn boogie(sheet: &mut Sheet<'_>, hands: &mut Hands, step: f64) {
    let brief = sheet.brief;
    let mut dice = brief.dice(33);
    let climbs = dice.chance(0.55);
    for span in brief.spans {
        let root = nearest(span.chord.root, 38, (33, 45));
        let third = span.chord.quality.intervals().get(1).copied().unwrap_or(4);
        let sixth = if span.chord.quality.is_minor() { 10 } else { 9 };
        let line: [u8; 4] = if climbs { [0, third, 7, sixth] } else { [0, 7, sixth, 7] };
        let beats = span.len.round() as usize;
        for beat in 0..beats {
            let mut above = line[beat % 4];
            if fifth(span.chord) == 6 && above == 7 {
                above = 6;
            }
            let at = span.at + beat as f64;
            put(sheet, hands, (at, 0.9 * step), root + above);
            if step < 0.9 {
                // The shuffle strikes each tone twice, the second time lightly.
                sheet.put(Part::Bass, (at + 0.5, 0.4), (root + above, brief.velocity(0.62)));
            }
        }
    }
}

/// Root and fifth, each announced by an eighth.
fn bossa(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut at = 0.0;
    while at < brief.quarters - 0.1 {
        let span = brief.span(at);
        let is_root = (at - span.at).abs() < 0.1;
        let lower = nearest(span.chord.root, 40, (33, 45));
        let above = lower + fifth(span.chord);
        let key = match is_root {
            true => lower,
            false if above <= WINDOW.1 => above,
            false => above - 12,
        };
        let room = (brief.quarters - at).min(2.0);
        put(sheet, hands, (at, room.min(1.4)), key);
        if room > 1.9 && brief.complexity != Complexity::Simple {
            let next_at = at + 2.0;
            let chord = if next_at >= brief.quarters { brief.next } else { brief.span(next_at).chord };
            let goes_on = chord == span.chord && is_root;
            let class = if goes_on { chord.root + fifth(chord) } else { chord.root };
            let key = nearest(class, hands.bass, WINDOW);
            sheet.put(Part::Bass, (at + 1.5, 0.45), (key, brief.velocity(0.68)));
            hands.bass = key;
        }
        at += 2.0;
    }
}

/// Long roots with a pick-up into the next chord.
fn ballad(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(34);
    let lively = brief.complexity != Complexity::Simple && comp::climb(brief) > 0;
    for span in brief.spans {
        let key = nearest(span.chord.root, hands.bass.clamp(34, 46), (31, 48));
        if !lively || span.len < 1.9 {
            put(sheet, hands, (span.at, span.len * 0.97), key);
            continue;
        }
        let splits = span.len > 3.5;
        let first = if splits { 1.5 } else { span.len * 0.97 };
        put(sheet, hands, (span.at, first), key);
        if splits {
            sheet.put(Part::Bass, (span.at + 1.5, 0.5), (key, brief.velocity(0.7)));
            let fifth = nearest(span.chord.root + fifth(span.chord), key, (31, 50));
            let second = if dice.chance(0.4) { fifth } else { key };
            put(sheet, hands, (span.at + 2.0, if dice.chance(0.5) { 1.9 } else { 1.4 }), second);
        }
    }
}

/// Bass and fifth on the strong beats, in octaves when there is room.
fn stride(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(35);
    let is_waltz = (brief.quarters - 3.0).abs() < 0.1;
    let step = if is_waltz { 3.0 } else { 2.0 };
    let mut at = 0.0;
    while at < brief.quarters - 0.1 {
        let span = brief.span(at);
        let begins = (at - span.at).abs() < 0.1;
        let third = span.chord.quality.intervals().get(1).copied().unwrap_or(4);
        let above = match dice.below(6) {
            _ if begins => 0,
            0 => third,
            _ => fifth(span.chord),
        };
        let key = nearest(span.chord.root + above, 41, (36, 48));
        put(sheet, hands, (at, 0.8), key);
        if key >= 40 && brief.complexity != Complexity::Simple {
            sheet.put(Part::Bass, (at, 0.8), (key - 12, brief.velocity(0.7)));
        }
        at += step;
    }
    // A walk of three steps into the next root, as rags do at the end of a strain.
    let leads = brief.form.rem_euclid(4) == 3 && brief.quarters > 3.5 && dice.chance(0.5);
    if leads && brief.end.is_none() {
        let target = nearest(brief.next.root, 41, (36, 48));
        let from = target.saturating_sub(1);
        sheet.put(Part::Bass, (3.0, 0.8), (step_below(brief, target), brief.velocity(0.74)));
        hands.bass = from;
    }
}

fn step_below(brief: &Brief<'_>, target: u8) -> u8 {
    let key = brief.span(brief.quarters - 0.5).key;
    let below = target.saturating_sub(1);
    if key.has(below % 12) { below } else { target.saturating_sub(2) }
}
