//! How well a part fits: the figures that a session reports of a duet.
//!
//! Harmony alone can be gamed by playing one note: these are to be read together.

use crate::{
    analysis::ChordSpan,
    groove,
    key::Key,
    metre::{Grid, Level},
    motif,
    score::Note,
};

/// Share of notes in the scale of a key (in minor with both sevenths); none without a pitched note.
pub fn in_key_ratio(notes: &[Note], key: Key) -> Option<f64> {
    share(notes.iter().filter(|note| !note.is_drum()).map(|note| key.has(note.pitch_class())))
}

/// Share of the notes that begin on a beat which belong to the chord that holds there.
pub fn strong_chord_tones(notes: &[Note], chords: &[ChordSpan], grid: &Grid) -> Option<f64> {
    let strong = notes.iter().filter(|note| !note.is_drum() && grid.level(note.onset) >= Level::Beat);
    share(strong.filter_map(|note| {
        // A note a hair early belongs to the chord that it begins.
        let idx = chords.partition_point(|span| span.start <= note.onset + 0.05);
        let span = chords.get(idx.checked_sub(1)?).filter(|span| span.end > note.onset)?;
        Some(span.chord.has(note.pitch_class()))
    }))
}

fn share(yes_or_no: impl Iterator<Item = bool>) -> Option<f64> {
    let (yes, all) = yes_or_no.fold((0_u32, 0_u32), |(yes, all), is| (yes + u32::from(is), all + 1));
    (all > 0).then(|| f64::from(yes) / f64::from(all))
}

/// The entropy of pitch classes, H = −Σ p·log₂ p over the number of notes: 0 to 3.585 bits.
pub fn pitch_class_entropy(notes: &[Note]) -> f64 {
    let mut counts = [0_u32; 12];
    for note in notes.iter().filter(|note| !note.is_drum()) {
        counts[usize::from(note.pitch_class())] += 1;
    }
    let all = f64::from(counts.iter().sum::<u32>());
    let terms = counts.iter().filter(|count| **count > 0).map(|count| {
        let chance = f64::from(*count) / all;
        -chance * chance.log2()
    });
    terms.sum()
}

/// The mean entropy over all runs of so many bars that hold a note; none without one.
pub fn entropy_over_bars(notes: &[Note], grid: &Grid, bars: usize) -> Option<f64> {
    let by_bar = by_bar(notes, grid);
    let width = bars.clamp(1, by_bar.len().max(1));
    let windows: Vec<f64> = by_bar
        .windows(width)
        .map(<[Vec<Note>]>::concat)
        .filter(|window| !window.is_empty())
        .map(|window| pitch_class_entropy(&window))
        .collect();
    (!windows.is_empty()).then(|| windows.iter().sum::<f64>() / windows.len() as f64)
}

/// The notes of every bar, from the first that holds one to the last; bars between may be empty.
fn by_bar(notes: &[Note], grid: &Grid) -> Vec<Vec<Note>> {
    /// Rests longer than this are not bars of the piece any more.
    const SILENT_BARS: usize = 8;
    let mut bars: Vec<Vec<Note>> = Vec::new();
    let mut start = f64::MIN;
    for note in notes {
        let own = grid.bar_start(note.onset);
        if own > start + 1e-6 {
            let skipped = if bars.is_empty() { 0.0 } else { ((own - start) / grid.bar(start)).round() - 1.0 };
            bars.extend(std::iter::repeat_n(Vec::new(), (skipped.max(0.0) as usize).min(SILENT_BARS)));
            bars.push(Vec::new());
            start = own;
        }
        if let Some(bar) = bars.last_mut() {
            bar.push(*note);
        }
    }
    bars
}

/// How alike the onsets of two parts are, bar by bar: 1 − the mean share of sixteenths in which they differ.
pub fn groove_similarity(one: &[u16], other: &[u16]) -> Option<f64> {
    let count = one.len().min(other.len());
    let sum: f64 = one.iter().zip(other).map(|(a, b)| groove::similarity(*a, *b)).sum();
    (count > 0).then(|| sum / count as f64)
}

/// How well a part's density (notes a quarter) matches another's: 1 − |a − b| / max, 1 for two silences.
pub fn density_match(one: f64, other: f64) -> f64 {
    let most = one.max(other);
    if most > 0.0 { 1.0 - (one - other).abs() / most } else { 1.0 }
}

/// How far onsets are from the nearest of so many parts of a quarter: mean and standard deviation, in ms.
pub fn asynchrony(notes: &[Note], parts: u32, bpm: f64) -> Option<(f64, f64)> {
    let (parts, quarter_ms) = (f64::from(parts.max(1)), 60_000.0 / bpm.max(1.0));
    let offs: Vec<f64> =
        notes.iter().map(|note| (note.onset - (note.onset * parts).round() / parts) * quarter_ms).collect();
    let count = offs.len() as f64;
    let mean = offs.iter().sum::<f64>() / count;
    let variance = offs.iter().map(|off| (off - mean) * (off - mean)).sum::<f64>() / count;
    (!offs.is_empty()).then(|| (mean, variance.sqrt()))
}

/// Share of a part's four-note figures (intervals and rhythm) that the other has played; none with fewer than four
/// intervals.
pub fn motif_reuse(part: &[Note], other: &[Note]) -> Option<f64> {
    const FIGURE: usize = 3;
    let theirs: std::collections::BTreeSet<Vec<motif::Token>> =
        motif::tokens(other).windows(FIGURE).map(<[motif::Token]>::to_vec).collect();
    share(motif::tokens(part).windows(FIGURE).map(|figure| theirs.contains(figure)))
}

/// How many times in a row the same four bars (pitches and onsets) are played at most: 1 when nothing repeats, 0 with
/// fewer than four bars.
pub fn longest_repetition(notes: &[Note], grid: &Grid) -> usize {
    const PHRASE: usize = 4;
    let bars: Vec<Vec<(i64, u8)>> = by_bar(notes, grid)
        .iter()
        .map(|bar| {
            let start = bar.first().map_or(0.0, |note| grid.bar_start(note.onset));
            bar.iter().map(|note| (((note.onset - start) * 12.0).round() as i64, note.pitch)).collect()
        })
        .collect();
    let mut longest = usize::from(bars.len() >= PHRASE);
    for from in 0..bars.len().saturating_sub(PHRASE - 1) {
        let phrase = &bars[from..from + PHRASE];
        if phrase.iter().all(Vec::is_empty) {
            continue;
        }
        let again = bars[from..].chunks_exact(PHRASE).take_while(|chunk| *chunk == phrase).count();
        longest = longest.max(again);
    }
    longest
}
