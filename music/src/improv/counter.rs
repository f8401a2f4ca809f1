//! A second voice: it moves where the player holds, holds where the player moves, and goes the other way.

use super::{
    bar::{Hands, Sheet},
    lead::Line,
    types::{Complexity, Part},
};

/// Writes the second voice of a bar.
pub(super) fn write(sheet: &mut Sheet<'_>, hands: &mut Hands) {
    let brief = sheet.brief;
    let mut dice = brief.dice(61);
    let window = match brief.scene.centre {
        0 => (57, 76),
        1..=9 => (64, 83),
        10 | 11 => (52, 69),
        _ => (55, 72),
    };
    let rises = match brief.scene.trend {
        0 => hands.rises,
        trend => trend < 0,
    };
    let mut line = Line { window, last: hands.lead.clamp(window.0, window.1), rises };
    let beat = brief.beat;
    let end = brief.end.unwrap_or(brief.quarters);
    // Longer notes against a busy player, shorter ones against a quiet one.
    let step = match (brief.scene.density, brief.complexity) {
        (0 | 1, Complexity::Complex) => 0.5,
        (0 | 1, Complexity::Medium) | (2, Complexity::Complex) => 1.0,
        (3 | 4, Complexity::Simple) => 4.0,
        _ => 2.0,
    };
    let mut at = 0.0;
    while at < end - 0.1 {
        let span = brief.span(at);
        let left = span.at + span.len - at;
        let varied = match step {
            0.5 if dice.chance(0.5) => 1.0,
            1.0 if dice.chance(0.25) => 0.5,
            1.0 if dice.chance(0.25) => 2.0,
            2.0 if dice.chance(0.2) => 1.0,
            step => step,
        };
        let len = (varied * beat).min(left).min(end - at).max(0.25);
        let key = line.step(brief, &mut dice, (at, at + len));
        sheet.put(Part::Lead, (at, len * 0.97), (key, brief.velocity(0.74) + 3.0 * dice.unit()));
        at += len;
    }
    (hands.lead, hands.rises) = (line.last, line.rises);
}
