//! Drums: General MIDI keys of the kit.

use super::{
    bar::{Brief, Role, Sheet},
    comp,
    types::{Complexity, Part, Style},
};

const KICK: u8 = 36;
const RIM: u8 = 37;
const SNARE: u8 = 38;
const HAT: u8 = 42;
const HAT_FOOT: u8 = 44;
const TOM_LOW: u8 = 45;
const TOM_MIDDLE: u8 = 47;
const TOM_HIGH: u8 = 50;
const CRASH: u8 = 49;
const RIDE: u8 = 51;

/// Whether a style has drums.
pub(super) fn has(style: Style) -> bool {
    !matches!(style, Style::Classical | Style::Ragtime)
}

/// Writes the drums of a bar.
pub(super) fn write(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    if !has(brief.style) || brief.role == Role::Counter {
        return;
    }
    if brief.is_compound() || brief.quarters < 2.9 {
        return compound(sheet);
    }
    match brief.style {
        Style::JazzSwing => jazz(sheet),
        Style::Bossa => bossa(sheet),
        Style::Blues => shuffle(sheet),
        _ => ballad(sheet),
    }
    accents(sheet);
}

fn hit(sheet: &mut Sheet<'_>, drum: u8, at: f64, share: f64) {
    let quiet = if sheet.brief.role == Role::Listen { 0.8 } else { 1.0 };
    let velocity = sheet.brief.velocity(share * quiet);
    sheet.put(Part::Drums, (at, 0.2), (drum, velocity));
}

/// Places of a bar, one a quarter.
fn beats(brief: &Brief<'_>) -> impl Iterator<Item = f64> + use<> {
    (0..brief.quarters.floor() as u32).map(f64::from)
}

/// The ride says ding, ding-a, ding, ding-a; the foot has two and four.
fn jazz(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    let mut dice = brief.dice(41);
    for at in beats(brief) {
        let is_back = at % 2.0 > 0.5;
        hit(sheet, RIDE, at, if is_back { 0.66 } else { 0.58 });
        if is_back {
            hit(sheet, HAT_FOOT, at, 0.56);
            if !(brief.complexity != Complexity::Simple && dice.chance(0.15)) {
                hit(sheet, RIDE, at + 0.5, 0.5);
            }
        } else if brief.complexity == Complexity::Complex && dice.chance(0.12) {
            hit(sheet, RIDE, at + 0.5, 0.46);
        }
        let talks = [0.0, 0.14, 0.26][brief.complexity as usize];
        if dice.chance(talks) {
            hit(sheet, SNARE, at + 0.5, 0.36 + 0.12 * dice.unit());
        }
    }
    hit(sheet, KICK, 0.0, 0.4);
}

/// Eighths on the hat, the heart-beat of the kick, the clave on the rim.
fn bossa(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    for at in beats(brief) {
        hit(sheet, HAT, at, 0.5);
        hit(sheet, HAT, at + 0.5, 0.42);
        if at % 2.0 < 0.5 {
            hit(sheet, KICK, at, 0.56);
            hit(sheet, KICK, at + 1.5, 0.46);
        }
    }
    let clave: &[f64] = if brief.form.rem_euclid(2) == 0 { &[0.0, 1.5, 3.0] } else { &[1.0, 2.5] };
    if brief.role != Role::Listen {
        clave.iter().for_each(|at| hit(sheet, RIM, *at, 0.58));
    }
}

/// Swung eighths, the snare on two and four.
fn shuffle(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    let mut dice = brief.dice(42);
    let cymbal = if brief.form.rem_euclid(12) >= 8 { RIDE } else { HAT };
    for at in beats(brief) {
        hit(sheet, cymbal, at, 0.6);
        hit(sheet, cymbal, at + 0.5, 0.48);
        if at % 2.0 > 0.5 {
            hit(sheet, SNARE, at, 0.76);
        } else {
            hit(sheet, KICK, at, 0.72);
            if brief.complexity != Complexity::Simple && dice.chance(0.35) {
                hit(sheet, KICK, at + 0.5, 0.58);
            }
        }
    }
}

fn ballad(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    let climb = comp::climb(brief);
    let mut dice = brief.dice(43);
    if climb == 0 {
        // Before it climbs there is only a breath of the hat.
        beats(brief).for_each(|at| hit(sheet, HAT, at, 0.36));
        return;
    }
    let back = if climb == 2 || brief.scene.loud > 10 { SNARE } else { RIM };
    let is_waltz = (brief.quarters - 3.0).abs() < 0.1;
    for at in beats(brief) {
        hit(sheet, HAT, at, 0.5);
        if brief.complexity != Complexity::Simple {
            hit(sheet, HAT, at + 0.5, 0.4);
        }
        let is_back = if is_waltz { at > 1.5 } else { at % 2.0 > 0.5 };
        if is_back {
            hit(sheet, back, at, 0.62);
        } else if at % 2.0 < 0.5 {
            hit(sheet, KICK, at, 0.66);
        }
    }
    if brief.complexity != Complexity::Simple && dice.chance(0.5) && !is_waltz {
        hit(sheet, KICK, 2.5, 0.54);
    }
}

/// Two or more beats of three parts.
fn compound(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    let step = if brief.is_compound() { brief.beat / 3.0 } else { 0.5 };
    let count = (brief.quarters / step).round() as usize;
    let part = if brief.is_compound() { 3 } else { 2 };
    for idx in 0..count {
        let at = idx as f64 * step;
        hit(sheet, HAT, at, if idx % part == 0 { 0.54 } else { 0.42 });
        if idx % (2 * part) == 0 {
            hit(sheet, KICK, at, 0.66);
        } else if idx % part == 0 {
            hit(sheet, RIM, at, 0.6);
        }
    }
}

/// A crash where a section begins, a fill where one ends.
fn accents(sheet: &mut Sheet<'_>) {
    let brief = sheet.brief;
    let section = if brief.style == Style::Blues { 12 } else { 8 };
    if brief.role == Role::Listen || brief.end.is_some() {
        return;
    }
    let at = brief.form.rem_euclid(section);
    if at == 0 && brief.form > 0 {
        hit(sheet, CRASH, 0.0, 0.6);
    }
    let mut dice = brief.dice(44);
    let fills = at == section - 1 || (at % 4 == 3 && brief.scene.rests && dice.chance(0.6));
    if !fills || brief.complexity == Complexity::Simple || comp::climb(brief) == 0 {
        return;
    }
    let from = brief.quarters - 1.0;
    sheet.notes.retain(|note| note.part != Part::Drums || note.at < from - 0.01);
    let run = [SNARE, TOM_HIGH, TOM_MIDDLE, TOM_LOW];
    let loud = if brief.style == Style::Bossa { 0.5 } else { 0.66 };
    for idx in 0..4_u8 {
        if idx % 2 == 1 && dice.chance(0.3) {
            continue;
        }
        let drum = run[usize::from(idx)];
        hit(sheet, drum, from + f64::from(idx) * 0.25, loud + 0.03 * f64::from(idx));
    }
    hit(sheet, KICK, from, 0.6);
}
