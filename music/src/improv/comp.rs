//! Chords: how each style breaks and places them.

use super::{
    bar::{Brief, Hands, Sheet, Span},
    types::{Complexity, Part, Style},
    voicing::{self, Voices},
};
use crate::chord::Chord;

/// Strokes: where, and how long, in quarter notes.
type Strokes = &'static [(f64, f64)];

/// Few strokes, for a player who plays much; usual; many, for one who plays little.
const JAZZ: [&[Strokes]; 3] = [
    &[&[(1.5, 1.2)], &[(0.0, 2.6)], &[(0.0, 0.6), (1.5, 0.6)], &[(2.5, 1.2)], &[(1.0, 0.5)]],
    &[
        &[(0.0, 0.6), (1.5, 1.0)],
        &[(1.5, 0.5), (3.5, 0.5)],
        &[(0.5, 0.5), (2.5, 0.9)],
        &[(1.0, 0.4), (3.0, 0.4)],
        &[(0.0, 0.5), (2.5, 1.0)],
    ],
    &[
        &[(0.0, 0.5), (1.5, 0.5), (3.0, 0.4)],
        &[(0.5, 0.4), (1.5, 0.5), (3.5, 0.5)],
        &[(0.0, 0.4), (1.0, 0.4), (2.5, 0.5), (3.5, 0.5)],
        &[(0.0, 0.5), (1.5, 0.4), (2.5, 0.6)],
    ],
];
/// The two bars of the clave, and their varieties.
const BOSSA: [&[Strokes]; 2] = [
    &[
        &[(0.0, 1.3), (1.5, 1.3), (3.0, 0.9)],
        &[(0.0, 0.5), (1.0, 0.4), (1.5, 1.3), (3.0, 0.9)],
        &[(0.0, 1.3), (1.5, 1.0), (3.0, 0.4), (3.5, 0.5)],
    ],
    &[
        &[(1.0, 1.3), (2.5, 1.4)],
        &[(1.0, 0.9), (2.0, 0.4), (2.5, 0.9), (3.5, 0.5)],
        &[(0.5, 1.3), (2.0, 1.4)],
    ],
];
const BLUES: [&[Strokes]; 3] = [
    &[&[(1.0, 0.4), (3.0, 0.4)], &[(0.0, 1.8)], &[(2.5, 1.2)]],
    &[
        &[(1.0, 0.4), (1.5, 0.4), (3.0, 0.4)],
        &[(0.5, 0.4), (1.5, 0.4), (3.0, 0.6)],
        &[(0.0, 0.8), (1.5, 0.5), (3.0, 0.5)],
    ],
    &[
        &[(0.5, 0.3), (1.5, 0.3), (2.5, 0.3), (3.5, 0.3)],
        &[(0.0, 0.5), (1.0, 0.4), (1.5, 0.4), (3.0, 0.4), (3.5, 0.4)],
    ],
];

/// Writes the chords of a bar.
pub(super) fn write(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    match sheet.brief.style {
        Style::JazzSwing | Style::Bossa | Style::Blues => strokes(sheet, hands),
        Style::PopBallad | Style::KoreanBallad => ballad(sheet, hands),
        Style::Classical => classical(sheet, hands),
        Style::Ragtime => stride(sheet, hands),
    }
}

/// Where chords lie: below a player who plays high, above one who plays low.
pub(super) fn window(brief: &Brief<'_>) -> (u8, u8) {
    match brief.scene.centre {
        0 => (52, 71),
        1..=9 => (60, 79),
        10 => (48, 66),
        _ => (50, 69),
    }
}

/// How busy the chords are, 0 to 2: the less, the more the player plays.
fn busy(brief: &Brief<'_>) -> usize {
    let wish: i8 = match brief.complexity {
        Complexity::Simple => 0,
        Complexity::Medium => 1,
        Complexity::Complex => 2,
    };
    let room: i8 = match brief.scene.density {
        0 => 1,
        1 => 0,
        2 => 0,
        3 => -1,
        _ => -2,
    };
    usize::try_from((wish + room).clamp(0, 2)).unwrap_or(0)
}

/// The keys of a chord, and the hands that move there.
pub(super) fn voices(brief: &Brief<'_>, hands: &mut Hands, chord: Chord, at: f64) -> Voices {
    let key = brief.span(at).key;
    let tones = voicing::tones(chord, key, brief.style, brief.complexity);
    hands.voices = voicing::place(chord, tones, window(brief), &hands.voices);
    hands.voices
}

fn block(sheet: &mut Sheet<'_>, hands: &mut Hands, place: (f64, f64), share: f64) {
    let chord = sheet.brief.ahead(place.0);
    let velocity = sheet.brief.velocity(share);
    let voices = voices(sheet.brief, hands, chord, place.0);
    for (idx, key) in voices.keys().iter().enumerate() {
        // The top voice is heard as the line of the chords.
        let accent = if idx + 1 == voices.keys().len() { 4.0 } else { 0.0 };
        sheet.put(Part::Chords, place, (*key, velocity + accent));
    }
}

fn strokes(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(21);
    if brief.is_compound() || brief.quarters < 2.9 {
        for span in brief.spans {
            block(sheet, hands, (span.at, span.len * 0.9), 0.7);
        }
        return;
    }
    let figures = match brief.style {
        Style::Bossa => BOSSA[usize::from(brief.form.rem_euclid(2) == 1)],
        Style::Blues => BLUES[busy(brief)],
        _ => JAZZ[busy(brief)],
    };
    // Bossa keeps its clave: varieties are for whoever wishes for more.
    let choices = if brief.style == Style::Bossa && busy(brief) == 0 { &figures[..1] } else { figures };
    let figure = dice.pick(choices, figures[0]);
    for (at, len) in figure.iter().filter(|(at, _)| *at < brief.quarters - 0.2) {
        let len = len.min(brief.quarters - at);
        let accent = if (at - at.floor()) > 0.1 { 0.74 } else { 0.68 };
        block(sheet, hands, (*at, len), accent + 0.06 * dice.unit());
    }
    // A chord that no stroke told is told where it begins.
    for span in brief.spans {
        let is_told = figure.iter().any(|(at, _)| *at >= span.at - 0.51 && *at < span.at + span.len - 0.4);
        if !is_told {
            block(sheet, hands, (span.at, (span.len * 0.6).min(1.2)), 0.66);
        }
    }
}

/// How far a Korean ballad has climbed: 0 quiet to 2 at its top, sixteen bars each time.
pub(super) fn climb(brief: &Brief<'_>) -> u8 {
    if brief.style != Style::KoreanBallad {
        return 1;
    }
    match brief.form.rem_euclid(24) {
        0..=7 => 0,
        8..=15 => 1,
        _ => 2,
    }
}

/// Arpeggios in eighths (or sixteenths), rising and falling, or plain chords.
fn ballad(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(22);
    let step = if brief.is_compound() { brief.beat / 3.0 } else { 0.5 };
    let is_plain = brief.complexity == Complexity::Simple || (brief.scene.density >= 3 && climb(brief) < 2);
    for span in brief.spans {
        let voices = voices(brief, hands, span.chord, span.at);
        let keys = voices.keys();
        let velocity = brief.velocity(0.6 + 0.06 * f64::from(climb(brief)));
        if is_plain {
            plain(sheet, *span, keys, velocity);
            continue;
        }
        let rises = dice.chance(0.7);
        let count = (span.len / step).round() as usize;
        for idx in 0..count {
            let at = span.at + idx as f64 * step;
            let place = bounce(idx, keys.len(), rises);
            let Some(key) = keys.get(place) else { continue };
            let len = (span.at + span.len - at).min(step * 2.0);
            let is_first = idx == 0;
            sheet.put(Part::Chords, (at, len), (*key, velocity + if is_first { 6.0 } else { 0.0 }));
            if is_first {
                // The chord is heard at once, then broken.
                for other in keys.iter().filter(|other| *other != key) {
                    sheet.put(Part::Chords, (at, step * 1.5), (*other, velocity - 8.0));
                }
            }
        }
        if brief.complexity == Complexity::Complex && span.len >= 2.0 && dice.chance(0.4) {
            let Some(top) = keys.last() else { continue };
            sheet.put(
                Part::Chords,
                (span.at + span.len - 0.25, 0.25),
                (top.saturating_add(12), velocity - 6.0),
            );
        }
    }
}

fn plain(sheet: &mut Sheet<'_>, span: Span, keys: &[u8], velocity: f64) {
    let step = sheet.brief.beat;
    let count = (span.len / step).round().max(1.0) as usize;
    // Long chords under a player who plays much, a stroke a beat or two otherwise.
    let every = if sheet.brief.scene.density >= 3 { count } else { 2 };
    for idx in (0..count).step_by(every.max(1)) {
        let at = span.at + idx as f64 * step;
        let len = (span.at + span.len - at).min(step * every as f64) * 0.97;
        for key in keys {
            sheet.put(Part::Chords, (at, len), (*key, velocity - if idx > 0 { 4.0 } else { 0.0 }));
        }
    }
}

/// The index of a note that goes up and down through so many.
fn bounce(idx: usize, count: usize, rises: bool) -> usize {
    if count < 2 {
        return 0;
    }
    let round = 2 * (count - 1);
    let at = idx % round;
    let up = if at < count { at } else { round - at };
    if rises { up } else { count - 1 - up }
}

/// Alberti figures: low, high, middle, high.
fn classical(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(23);
    let step = match (brief.complexity, brief.is_compound()) {
        (_, true) => brief.beat / 3.0,
        (Complexity::Complex, _) if brief.scene.density <= 2 => 0.25,
        _ => 0.5,
    };
    let is_plain = brief.complexity == Complexity::Simple || brief.scene.density >= 4;
    let turns = dice.chance(0.2);
    for span in brief.spans {
        let voices = voices(brief, hands, span.chord, span.at);
        let keys = voices.keys();
        let velocity = brief.velocity(0.58);
        let (Some(low), Some(high)) = (keys.first().copied(), keys.last().copied()) else { continue };
        let middle = keys.get(1).copied().unwrap_or(high);
        if is_plain {
            // The bass has the beat, the chord comes after it.
            let count = (span.len / brief.beat).round() as usize;
            for idx in 0..count {
                if count > 1 && idx % 2 == 0 && brief.quarters > 3.5 {
                    continue;
                }
                let at = span.at + idx as f64 * brief.beat;
                keys.iter().for_each(|key| sheet.put(Part::Chords, (at, brief.beat * 0.8), (*key, velocity)));
            }
            continue;
        }
        let climbs = brief.is_compound() || brief.quarters % 4.0 > 2.5 || turns;
        let figure = if climbs { [low, middle, high, middle] } else { [low, high, middle, high] };
        let figure = if brief.is_compound() { &figure[..3] } else { &figure[..] };
        let count = (span.len / step).round() as usize;
        for idx in 0..count {
            let key = figure[idx % figure.len()];
            let accent = if idx % figure.len() == 0 { 5.0 } else { 0.0 };
            sheet.put(Part::Chords, (span.at + idx as f64 * step, step), (key, velocity + accent));
        }
    }
}

/// The left hand of ragtime: the bass has the beat (see the bass), chords come after it.
fn stride(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(24);
    let mut at = if brief.quarters < 1.5 { 0.0 } else { 1.0 };
    let step = if (brief.quarters - 3.0).abs() < 0.1 { 1.0 } else { 2.0 };
    while at < brief.quarters - 0.1 {
        block(sheet, hands, (at, 0.6), 0.62 + 0.05 * dice.unit());
        at += step;
    }
    // A pick-up now and then, and an inner voice that leads on.
    if brief.quarters > 3.5 && dice.chance([0.1, 0.2, 0.35][brief.complexity as usize]) {
        block(sheet, hands, (2.5, 0.35), 0.52);
    }
    if brief.quarters > 3.5 && dice.chance(0.3) {
        let chord = brief.ahead(3.5);
        let top = hands.voices.keys().last().copied().unwrap_or(64);
        let key = voicing::nearest(chord.root, top, (52, 72));
        sheet.put(Part::Chords, (3.5, 0.4), (key, brief.velocity(0.5)));
    }
}
