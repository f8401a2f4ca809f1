//! Rhythm: how dense it is, how it swings, how a bar resembles the next.

use crate::{metre::Grid, score::Score};

/// Places of a bar that onsets are sorted into: sixteenths of four quarters.
pub const STEPS: usize = 16;

/// Notes a quarter, 0 for nothing.
pub fn density(score: &Score) -> f64 {
    if score.length > 0.0 { score.notes.len() as f64 / score.length } else { 0.0 }
}

/// How long the first of two eighths is, as a share of the beat, and how many pairs told it: 0.5 is straight,
/// 0.667 a triplet's swing. None with fewer than four pairs.
pub fn swing(score: &Score, grid: &Grid) -> Option<(f64, usize)> {
    let mut onsets: Vec<f64> = score.notes.iter().map(|note| note.onset).collect();
    onsets.dedup_by(|later, earlier| *later - *earlier < 0.03);
    let mut ratios: Vec<f64> = Vec::new();
    for three in onsets.windows(3) {
        let (first, second, third) = (three[0], three[1], three[2]);
        let beat = grid.beat(first);
        // A dotted eighth (0.75) is a rhythm of its own, no swing.
        // A beat with exactly one note inside it, and notes on both its ends.
        let phase = (first - grid.bar_start(first)) / beat;
        let is_beat = (phase - phase.round()).abs() < 0.08 && ((third - first) / beat - 1.0).abs() < 0.1;
        let ratio = (second - first) / (third - first);
        if is_beat && (0.4..0.72).contains(&ratio) {
            ratios.push(ratio);
        }
    }
    if ratios.len() < 4 {
        return None;
    }
    ratios.sort_by(f64::total_cmp);
    Some((ratios[ratios.len() / 2], ratios.len()))
}

/// The onsets of a bar as bits: one for each of its sixteen parts.
pub fn bar_pattern(onsets: impl Iterator<Item = f64>, start: f64, bar: f64) -> u16 {
    let mut pattern = 0;
    for onset in onsets {
        let step = ((onset - start) / bar * STEPS as f64).round();
        if (0.0..STEPS as f64).contains(&step) {
            pattern |= 1 << step as u16;
        }
    }
    pattern
}

/// The pattern of every bar of a score.
pub fn patterns(score: &Score, grid: &Grid) -> Vec<u16> {
    let mut found = Vec::new();
    let mut notes = score.notes.as_slice();
    while let Some(first) = notes.first() {
        let (start, bar) = (grid.bar_start(first.onset), grid.bar(first.onset));
        // What is played a hair early belongs to the bar that it begins.
        let end = start + bar - bar / STEPS as f64 / 2.0;
        let count = notes.partition_point(|note| note.onset < end).max(1);
        found.push(bar_pattern(notes[..count].iter().map(|note| note.onset), start, bar));
        notes = &notes[count..];
    }
    found
}

/// How alike two bars are: 1 − the share of sixteenths in which one has an onset and the other has none.
pub fn similarity(one: u16, other: u16) -> f64 {
    1.0 - f64::from((one ^ other).count_ones()) / STEPS as f64
}

/// The mean likeness of neighbouring bars; none with fewer than two.
pub fn steadiness(patterns: &[u16]) -> Option<f64> {
    let pairs = patterns.windows(2).map(|pair| similarity(pair[0], pair[1]));
    (patterns.len() > 1).then(|| pairs.sum::<f64>() / (patterns.len() - 1) as f64)
}

/// Share of onsets that fall between beats while the beat after them is empty.
pub fn syncopation(patterns: &[u16]) -> f64 {
    let (mut all, mut off) = (0, 0);
    for pattern in patterns {
        all += pattern.count_ones();
        for step in (0..STEPS).filter(|step| step % 4 != 0 && pattern >> step & 1 == 1) {
            let beat = (step / 4 + 1) * 4;
            off += u32::from(beat < STEPS && pattern >> beat & 1 == 0);
        }
    }
    if all > 0 { f64::from(off) / f64::from(all) } else { 0.0 }
}
