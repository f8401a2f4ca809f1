//! Progressions by degrees: `ii–V–I`, `2-5-1`, `I V vi IV`, `two five one`, `투 파이브 원`.

use super::{chart, diatonic};
use crate::{
    chord::{Chord, Quality},
    key::Key,
};

/// A degree of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Degree {
    /// 0 to 6.
    pub(super) step: usize,
    /// Semitones that it is raised by.
    raised: i8,
    /// Whether a numeral was of small letters; none for a number.
    small: Option<bool>,
    /// What was written after it.
    quality: Option<Quality>,
}

const NUMERALS: [&str; 7] = ["I", "II", "III", "IV", "V", "VI", "VII"];
const ENGLISH: [&str; 7] = ["one", "two", "three", "four", "five", "six", "seven"];
const KOREAN: [&str; 7] = ["원", "투", "쓰리", "포", "파이브", "식스", "세븐"];
/// Degrees of a progression at most.
const MOST: usize = 32;

/// A progression that begins at a token: at least two numerals or numbers joined by strokes, or three in a row.
pub(super) fn run(tokens: &[String], from: usize) -> Option<(Vec<Degree>, usize)> {
    let first = tokens.get(from)?;
    if let Some(found) = joined(first) {
        // "ii–V–I–vi" is one token.
        return Some((found, 1));
    }
    if let Some(found) = digits(first, tokens.get(from + 1)) {
        return Some((found, 1));
    }
    let mut found = Vec::new();
    let mut count = 0;
    for token in tokens.iter().skip(from).take(MOST) {
        match degree(token).or(spelled(token)) {
            Some(degree) => found.push(degree),
            None if token == "-" && !found.is_empty() => {}
            None => break,
        }
        count += 1;
    }
    // "I" alone is a person, and two numbers in a row may be anything.
    (found.len() >= 3 || (found.len() == 2 && found.iter().all(|degree| degree.small.is_some())))
        .then_some((found, count))
}

/// `2-5-1` and `ii–V7–Imaj7`.
fn joined(token: &str) -> Option<Vec<Degree>> {
    let parts: Vec<&str> = token.split(['-', '>']).filter(|part| !part.is_empty()).collect();
    if parts.len() < 2 || parts.len() > MOST {
        return None;
    }
    // A minus may be a sign of minor at the end of a part, but then it is no numeral.
    parts.into_iter().map(|part| degree(part).or(spelled(part))).collect()
}

/// `251`, when it is called a progression or is the best known of them.
fn digits(token: &str, next: Option<&String>) -> Option<Vec<Degree>> {
    let is_called = next.is_some_and(|next| {
        ["진행", "progression", "changes", "코드"].iter().any(|word| next.starts_with(word))
    });
    let is_known = matches!(token, "251" | "1625" | "1645" | "1564" | "6251" | "3625" | "4536" | "6415");
    let is_all =
        token.len() >= 3 && token.len() <= 8 && token.bytes().all(|byte| (b'1'..=b'7').contains(&byte));
    if !is_all || !(is_called || is_known) {
        return None;
    }
    token.chars().map(|digit| degree(&digit.to_string())).collect()
}

/// One numeral or number.
fn degree(text: &str) -> Option<Degree> {
    let mut rest = text;
    let mut raised: i8 = 0;
    while let Some(sign) = rest.chars().next().filter(|sign| matches!(sign, '#' | 'b' | '♯' | '♭')) {
        raised += if matches!(sign, '#' | '♯') { 1 } else { -1 };
        rest = &rest[sign.len_utf8()..];
        if raised.abs() > 1 {
            return None;
        }
    }
    let letters: String = rest.chars().take_while(|c| matches!(c, 'I' | 'V' | 'i' | 'v')).collect();
    if letters.is_empty() {
        let digit = rest.chars().next().and_then(|digit| digit.to_digit(10))?;
        let tail = &rest[1..];
        let quality = if tail.is_empty() { None } else { Some(chart::quality(tail)?) };
        let step = usize::try_from(digit).ok()?.checked_sub(1).filter(|step| *step < 7)?;
        // "27" is a number, no second degree with a seventh.
        let is_plain = tail.is_empty() || !tail.starts_with(|c: char| c.is_ascii_digit());
        return is_plain.then_some(Degree { step, raised, small: None, quality });
    }
    let small = letters.chars().all(|c| c.is_ascii_lowercase());
    if !small && letters.chars().any(|c| c.is_ascii_lowercase()) {
        return None;
    }
    let step = NUMERALS.iter().position(|numeral| *numeral == letters.to_uppercase())?;
    let tail = &rest[letters.len()..];
    let quality = match (tail, small) {
        ("", _) => None,
        ("7", true) => Some(Quality::Minor7),
        _ => Some(chart::quality(tail)?),
    };
    Some(Degree { step, raised, small: Some(small), quality })
}

fn spelled(text: &str) -> Option<Degree> {
    let lower = text.to_lowercase();
    let step = ENGLISH.iter().position(|word| *word == lower);
    let step = step.or(KOREAN.iter().position(|word| *word == text))?;
    Some(Degree { step, raised: 0, small: None, quality: None })
}

/// Whether it is the turn-around of jazz, which is played with sevenths everywhere.
pub(super) fn is_two_five_one(degrees: &[Degree]) -> bool {
    degrees.windows(3).any(|three| three[0].step == 1 && three[1].step == 4 && three[2].step == 0)
}

/// The chord of a degree.
pub(super) fn chord(degree: Degree, key: Key, sevenths: bool) -> Chord {
    let own = diatonic(key, degree.step, sevenths);
    let raised = own.transposed(u8::try_from((i16::from(degree.raised) + 12) % 12).unwrap_or(0));
    if let Some(quality) = degree.quality {
        return Chord::new(raised.root, quality);
    }
    // Letters say major or minor where the scale has it otherwise.
    let is_minor = own.quality.is_minor();
    let quality = match degree.small {
        Some(true) if !is_minor && sevenths => Quality::Minor7,
        Some(true) if !is_minor => Quality::Minor,
        Some(false) if (is_minor || degree.raised != 0) && sevenths => Quality::Dominant7,
        Some(false) if is_minor || degree.raised != 0 => Quality::Major,
        _ => own.quality,
    };
    Chord::new(raised.root, quality)
}
