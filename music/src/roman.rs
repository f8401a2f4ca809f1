//! Roman numerals: what a chord is in a key, with its inversion.

use crate::{
    chord::{Chord, Quality},
    key::{Key, Mode},
};

const NUMERALS: [&str; 7] = ["I", "II", "III", "IV", "V", "VI", "VII"];

/// The numeral of a chord in a key, such as `ii6/5`, `V7`, `viio7/V` or `bVI`.
///
/// Capitals have a major third; `o` is diminished, `ø` half-diminished, `+` augmented. A chord outside of the key
/// that is the dominant or the leading tone of one of its chords is written so (`V7/ii`).
pub fn numeral(chord: Chord, bass: Option<u8>, key: Key) -> String {
    let figures = figures(chord, bass);
    if let Some((kind, target)) = applied(chord, key) {
        return format!("{kind}{figures}/{target}");
    }
    let (accidental, degree) = degree(key, chord.root);
    format!("{accidental}{}{figures}", case(chord.quality, degree))
}

/// The inversion in figures: `6`, `6/4`, or `7`, `6/5`, `4/3`, `4/2` with a seventh.
pub fn figures(chord: Chord, bass: Option<u8>) -> &'static str {
    let factor = bass.and_then(|bass| chord.factor(bass)).unwrap_or(0);
    match (chord.quality, factor) {
        (Quality::Suspended, _) => "sus",
        (Quality::Major7, 0) => "maj7",
        (quality, factor) if quality.has_seventh() => ["7", "6/5", "4/3", "4/2"][factor.min(3)],
        (_, factor) => ["", "6", "6/4", ""][factor.min(3)],
    }
}

/// The letters of a degree, in the case of its third, with the sign of its quality.
fn case(quality: Quality, degree: usize) -> String {
    let capital = NUMERALS[degree];
    match quality {
        Quality::Minor | Quality::Minor7 => capital.to_lowercase(),
        Quality::Diminished | Quality::Diminished7 => format!("{}o", capital.to_lowercase()),
        Quality::HalfDiminished7 => format!("{}ø", capital.to_lowercase()),
        Quality::Augmented => format!("{capital}+"),
        _ => capital.to_owned(),
    }
}

/// The degree of a pitch class, counted from 0, and what raises or lowers it there.
fn degree(key: Key, pitch_class: u8) -> (&'static str, usize) {
    let above = usize::from(key.above(pitch_class));
    match key.mode {
        Mode::Major => [
            ("", 0),
            ("b", 1),
            ("", 1),
            ("b", 2),
            ("", 2),
            ("", 3),
            ("#", 3),
            ("", 4),
            ("b", 5),
            ("", 5),
            ("b", 6),
            ("", 6),
        ][above],
        // The raised seventh of minor is its leading tone and needs no sign.
        Mode::Minor => [
            ("", 0),
            ("b", 1),
            ("", 1),
            ("", 2),
            ("#", 2),
            ("", 3),
            ("#", 3),
            ("", 4),
            ("", 5),
            ("#", 5),
            ("", 6),
            ("", 6),
        ][above],
    }
}

/// Whether a chord is borrowed from the key of another degree: `V` or `viio` or `viiø`, and of which numeral.
fn applied(chord: Chord, key: Key) -> Option<(&'static str, String)> {
    let is_inside = (0..12_u8).all(|pitch_class| !chord.has(pitch_class) || key.has(pitch_class));
    let is_home = key.above(chord.root) == 7 || (key.above(chord.root) == 11 && chord.quality.is_minor());
    if is_inside || is_home {
        return None;
    }
    let (kind, target) = match chord.quality {
        Quality::Major | Quality::Dominant7 => ("V", (chord.root + 5) % 12),
        Quality::Diminished | Quality::Diminished7 => ("viio", (chord.root + 1) % 12),
        Quality::HalfDiminished7 => ("viiø", (chord.root + 1) % 12),
        _ => return None,
    };
    // Only chords of the key have dominants of their own; the tonic's is the dominant, the diminished degree has none.
    let quality = match (key.mode, key.above(target)) {
        (Mode::Major, 2 | 4 | 9) | (Mode::Minor, 5 | 7) => Quality::Minor,
        (Mode::Major, 5 | 7) | (Mode::Minor, 3 | 8 | 10) => Quality::Major,
        _ => return None,
    };
    let (_, degree) = degree(key, target);
    Some((kind, case(quality, degree)))
}
