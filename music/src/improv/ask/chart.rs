//! Charts of chords: symbols and bars, read and written.

use std::fmt;

use crate::{
    chord::{Chord, Quality, parse_pitch_class},
    improv::harmony,
};

/// Letters and chords of a chart that are read.
const LETTERS: usize = 4096;
const SYMBOLS: usize = 256;
/// Letters of a symbol that are told.
const TOLD: usize = 16;

/// A chart that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChart {
    /// The symbol that is none, at most 16 letters of it.
    pub symbol: String,
}

impl fmt::Display for BadChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no chord", self.symbol)
    }
}

impl std::error::Error for BadChart {}

/// The chords of a chart such as `Dm7 G7 | Cmaj7`, each with its quarter notes, in bars of four quarters.
///
/// # Errors
/// Names the first symbol that is no chord.
pub fn changes(text: &str) -> Result<Vec<(Chord, f64)>, BadChart> {
    changes_in(text, 4.0)
}

/// The same with bars of so many quarter notes: the chords of a bar share it evenly. A line ends a bar, `%` is the chord
/// before, and without any `|` each chord has a bar of its own. At most 256 chords.
///
/// # Errors
/// Names the first symbol that is no chord, or the first that is one too many.
pub fn changes_in(text: &str, bar_quarters: f64) -> Result<Vec<(Chord, f64)>, BadChart> {
    let bar = if bar_quarters.is_finite() && bar_quarters > 0.0 { bar_quarters } else { 4.0 };
    let mut changes: Vec<(Chord, f64)> = Vec::new();
    let has_bars = text.contains('|') || text.trim().contains('\n');
    for part in text.split(['|', '\n']) {
        let mut chords: Vec<Chord> = Vec::new();
        for symbol in part.split([' ', '\t', '\r', ',']).map(|symbol| symbol.trim_matches(':')) {
            if symbol.is_empty() || matches!(symbol, "-" | "–" | "—" | "→") {
                continue;
            }
            let before = chords.last().copied().or(changes.last().map(|(chord, _)| *chord));
            let chord = if symbol == "%" { before } else { self::symbol(symbol) };
            let count = changes.len() + chords.len();
            let Some(chord) = chord.filter(|_| count < SYMBOLS && text.len() <= LETTERS) else {
                return Err(BadChart { symbol: symbol.chars().take(TOLD).collect() });
            };
            chords.push(chord);
        }
        let share = if has_bars { bar / chords.len().max(1) as f64 } else { bar };
        changes.extend(chords.into_iter().map(|chord| (chord, share)));
    }
    Ok(changes)
}

/// The chart of chords, in bars of so many quarter notes: what [`changes_in`] reads.
pub fn chart(changes: &[(Chord, f64)], bar_quarters: f64) -> String {
    let bar = if bar_quarters.is_finite() && bar_quarters >= 0.5 { bar_quarters } else { 4.0 };
    let with_flats = harmony::key_of(changes).is_some_and(crate::key::Key::with_flats);
    let mut bars: Vec<Vec<(Chord, f64)>> = Vec::new();
    let mut room = 0.0;
    for (chord, quarters) in changes.iter().take(SYMBOLS) {
        let mut left = quarters.clamp(0.0, 64.0);
        while left > 1e-6 {
            if room < 1e-6 {
                bars.push(Vec::new());
                room = bar;
            }
            let len = left.min(room);
            bars.iter_mut().last().into_iter().for_each(|bar| bar.push((*chord, len)));
            (left, room) = (left - len, room - len);
        }
    }
    let written: Vec<String> = bars.iter().map(|bar| bar_text(bar, with_flats)).collect();
    let text = written.join(" | ");
    // A chart without a line would have a bar for every chord.
    let is_single = written.len() == 1 && bars[0].len() > 1;
    if is_single { text + " |" } else { text }
}

/// The chords of a bar; those that do not share it evenly are told once for each quarter note.
fn bar_text(bar: &[(Chord, f64)], with_flats: bool) -> String {
    let first = bar.first().map_or(0.0, |(_, quarters)| *quarters);
    let is_even = bar.iter().all(|(_, quarters)| (quarters - first).abs() < 1e-6);
    let times = |quarters: f64| if is_even { 1 } else { quarters.round().max(1.0) as usize };
    let told = bar
        .iter()
        .flat_map(|(chord, quarters)| std::iter::repeat_n(chord.symbol(with_flats), times(*quarters)));
    told.collect::<Vec<_>>().join(" ")
}

/// The chords between the bar lines of a sentence, leaving out its other words.
pub(super) fn bars_of(text: &str) -> Option<Vec<(Chord, f64)>> {
    let is_kept = |word: &&str| symbol(word).is_some() || *word == "|" || *word == "%";
    let spaced = text.replace('|', " | ");
    let words: Vec<&str> = spaced.split_whitespace().map(|word| word.trim_end_matches([',', '.'])).collect();
    let kept: Vec<&str> = words.into_iter().filter(is_kept).collect();
    changes(&kept.join(" ")).ok().filter(|changes| !changes.is_empty())
}

/// The chord of a symbol such as `F#m7b5`, `Bbmaj7`, `C°`, `G7(b9)`, `Am/E`; the bass after a stroke is left out.
pub(super) fn symbol(text: &str) -> Option<Chord> {
    let mut rest = text;
    let letter = rest.chars().next().filter(|letter| ('A'..='G').contains(letter))?;
    rest = &rest[letter.len_utf8()..];
    let mut name = String::from(letter);
    while let Some(sign) = rest.chars().next().filter(|sign| matches!(sign, '#' | 'b' | '♯' | '♭')) {
        name.push(sign);
        rest = &rest[sign.len_utf8()..];
        if name.chars().count() > 3 {
            return None;
        }
    }
    let root = parse_pitch_class(&name)?;
    let rest = match rest.split_once('/') {
        // 6/9 is a chord, everything else after a stroke is a bass.
        Some((quality, "9")) => quality,
        Some((quality, bass)) => {
            parse_pitch_class(bass)?;
            quality
        }
        None => rest,
    };
    let suffix: String = rest.chars().filter(|c| !matches!(c, '(' | ')' | ' ')).collect();
    Some(Chord::new(root, quality(&suffix)?))
}

/// The quality of what follows a root.
pub(super) fn quality(suffix: &str) -> Option<Quality> {
    Some(match suffix {
        "" | "M" | "maj" | "Maj" | "6" | "69" | "2" | "add2" | "add9" | "5" | "major" => Quality::Major,
        "m" | "min" | "mi" | "-" | "m6" | "min6" | "-6" | "madd9" | "mM7" | "mmaj7" | "minor" => {
            Quality::Minor
        }
        "maj7" | "Maj7" | "M7" | "ma7" | "Δ" | "Δ7" | "maj9" | "Maj9" | "M9" | "maj13" | "maj7#11" | "^7"
        | "^" => Quality::Major7,
        "m7" | "min7" | "mi7" | "-7" | "m9" | "min9" | "-9" | "m11" | "m13" => Quality::Minor7,
        "7" | "9" | "11" | "13" | "7b9" | "7#9" | "7#11" | "7b5" | "7#5" | "7b13" | "7alt" | "alt" | "+7"
        | "aug7" | "dom7" | "7b9b13" => Quality::Dominant7,
        "m7b5" | "min7b5" | "-7b5" | "mi7b5" | "m7♭5" | "ø" | "ø7" | "hdim7" => Quality::HalfDiminished7,
        "dim7" | "°7" | "o7" => Quality::Diminished7,
        "dim" | "°" | "o" => Quality::Diminished,
        "aug" | "+" | "#5" => Quality::Augmented,
        "sus" | "sus4" | "sus2" | "7sus" | "7sus4" | "9sus4" | "9sus" | "13sus4" => Quality::Suspended,
        _ => return None,
    })
}
