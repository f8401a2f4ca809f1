//! Everything that is told of a piece, in one call.

use std::sync::LazyLock;

use crate::{
    cadence::{self, Cadence, TwoFiveOne},
    chord::Chord,
    groove,
    harmony::{Lattice, Model, Segment, WEIGHTS, decode, decode::Keys, decode::Problem},
    key::{Key, global, local},
    metre::Grid,
    roman,
    score::Score,
    style::{self, Style},
};

/// Keys that a chord is weighed in at once.
const LIKELY_KEYS: usize = 3;
/// A key that holds for fewer beats is a turn of phrase, not a modulation.
const REGION_BEATS: f32 = 6.0;

/// The weights of the chord search, laid out once.
static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(&WEIGHTS));

/// A chord in time.
#[derive(Clone, Debug, PartialEq)]
pub struct ChordSpan {
    /// Where it begins, in quarter notes.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// What it is.
    pub chord: Chord,
    /// The pitch class of its lowest note; none when nothing sounds on its beginning.
    pub bass: Option<u8>,
    /// The key that it is read in.
    pub key: Key,
    /// Its Roman numeral in that key.
    pub roman: String,
}

/// A key in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyRegion {
    /// Where it begins, in quarter notes.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// What it is.
    pub key: Key,
}

/// What a piece is.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Its key; none without a note that has a pitch.
    pub key: Option<global::Found>,
    /// Its keys in time, without gaps.
    pub regions: Vec<KeyRegion>,
    /// Its chords, without gaps.
    pub chords: Vec<ChordSpan>,
    /// Where phrases end.
    pub cadences: Vec<Cadence>,
    /// Its ii–V–I.
    pub two_five_ones: Vec<TwoFiveOne>,
    /// Quarter notes before the first full bar.
    pub upbeat: f64,
    /// Notes a quarter.
    pub density: f64,
    /// The share of a beat that the first of two eighths has, and how many pairs told it.
    pub swing: Option<(f64, usize)>,
    /// How alike neighbouring bars are in their onsets, 0 to 1.
    pub steadiness: Option<f64>,
    /// Share of onsets off the beat with nothing on the next.
    pub syncopation: f64,
    /// The lowest and highest key.
    pub range: Option<(u8, u8)>,
    /// What kind of music it is.
    pub style: Style,
}

/// Analyses a score. It takes a few milliseconds a page of music.
pub fn analyze(score: &Score) -> Analysis {
    let grid = Grid::new(score);
    let lattice = Lattice::new(score, &grid);
    let chances = chances(&lattice);
    let key = global::find(score, &mean(&lattice, &chances));
    let regions = regions(&lattice, &chances);
    let chords = chords(&lattice, &chances, &regions);
    let patterns = groove::patterns(score, &grid);
    let (low, high) =
        score.pitched().fold((u8::MAX, 0), |(low, high), note| (low.min(note.pitch), high.max(note.pitch)));
    let mut analysis = Analysis {
        key,
        cadences: cadence::cadences(&chords),
        two_five_ones: cadence::two_five_ones(&chords),
        regions,
        chords,
        upbeat: grid.upbeat(),
        density: groove::density(score),
        swing: groove::swing(score, &grid),
        steadiness: groove::steadiness(&patterns),
        syncopation: groove::syncopation(&patterns),
        range: (low <= high).then_some((low, high)),
        style: Style::default(),
    };
    analysis.style = style::classify(score, &analysis);
    analysis
}

/// The chances of all keys in every slice.
fn chances(lattice: &Lattice) -> Vec<[f32; 24]> {
    let observed: Vec<local::Observed> = (0..lattice.len())
        .map(|idx| local::Observed { beats: lattice.slice_beats(idx), shares: *lattice.slice_shares(idx) })
        .collect();
    local::posteriors(&observed)
}

/// Their mean over the piece.
fn mean(lattice: &Lattice, chances: &[[f32; 24]]) -> [f32; 24] {
    let mut mean = [0.0; 24];
    let mut beats = 0.0;
    for (idx, row) in chances.iter().enumerate() {
        beats += lattice.slice_beats(idx);
        for (sum, chance) in mean.iter_mut().zip(row) {
            *sum += chance * lattice.slice_beats(idx);
        }
    }
    if beats > 0.0 { mean.map(|sum| sum / beats) } else { mean }
}

/// The few keys that are likely in every slice: what chords are weighed in.
pub fn likely_keys(lattice: &Lattice) -> Vec<Keys> {
    chances(lattice).iter().map(likely).collect()
}

fn likely(chances: &[f32; 24]) -> Keys {
    let mut keys: Keys = Key::all().map(|key| (key, chances[key.index()])).collect();
    keys.sort_by(|a, b| b.1.total_cmp(&a.1));
    keys.truncate(LIKELY_KEYS);
    let sum: f32 = keys.iter().map(|(_, chance)| chance).sum();
    for (_, chance) in &mut keys {
        *chance /= sum.max(1e-6);
    }
    keys
}

/// The keys in time: the likeliest of every slice, without those that do not last.
fn regions(lattice: &Lattice, chances: &[[f32; 24]]) -> Vec<KeyRegion> {
    let mut runs: Vec<(usize, usize, Key, f32)> = Vec::new();
    for (idx, row) in chances.iter().enumerate() {
        let best = (0..24).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a))).unwrap_or(0);
        let (key, beats) = (Key::from_index(best), lattice.slice_beats(idx));
        match runs.last_mut() {
            Some((_, to, last, sum)) if *last == key => (*to, *sum) = (idx + 1, *sum + beats),
            _ => runs.push((idx, idx + 1, key, beats)),
        }
    }
    // The shortest goes to the neighbour that explains it better, until none is too short.
    while runs.len() > 1 {
        let Some(at) = (0..runs.len()).min_by(|a, b| runs[*a].3.total_cmp(&runs[*b].3)) else { break };
        if runs[at].3 >= REGION_BEATS {
            break;
        }
        let (from, to, _, beats) = runs.remove(at);
        let worth = |key: Key| chances[from..to].iter().map(|row| row[key.index()]).sum::<f32>();
        let before = at.checked_sub(1).map(|idx| worth(runs[idx].2));
        let after = runs.get(at).map(|run| worth(run.2));
        let into = if before >= after { at.saturating_sub(1) } else { at };
        let run = &mut runs[into];
        *run = (run.0.min(from), run.1.max(to), run.2, run.3 + beats);
        runs.dedup_by(|later, earlier| {
            let same = later.2 == earlier.2;
            if same {
                (earlier.1, earlier.3) = (later.1, earlier.3 + later.3);
            }
            same
        });
    }
    let region = |run: &(usize, usize, Key, f32)| KeyRegion {
        start: begin(lattice, run.0),
        end: lattice.place(run.1),
        key: run.2,
    };
    runs.iter().map(region).collect()
}

/// Where a slice begins; the first holds from the beginning of the piece, unless that is long before.
fn begin(lattice: &Lattice, slice: usize) -> f64 {
    let place = lattice.place(slice);
    if slice == 0 && place < 4.0 { 0.0 } else { place }
}

fn chords(lattice: &Lattice, chances: &[[f32; 24]], regions: &[KeyRegion]) -> Vec<ChordSpan> {
    let keys: Vec<Keys> = chances.iter().map(likely).collect();
    let path = decode(&Problem { lattice, keys: &keys }, &MODEL);
    let mut spans: Vec<ChordSpan> = Vec::new();
    for Segment { from, to, chord } in path {
        let (start, end) = (begin(lattice, from), lattice.place(to));
        let bass = lattice.bass(from, to);
        let is_same = |last: &&mut ChordSpan| {
            last.chord == chord && roman::figures(chord, last.bass) == roman::figures(chord, bass)
        };
        if let Some(last) = spans.last_mut().filter(is_same) {
            last.end = end;
            continue;
        }
        let region = regions.partition_point(|region| region.start <= start + 1e-9).saturating_sub(1);
        let key = regions.get(region).map_or(Key::from_index(0), |region| region.key);
        spans.push(ChordSpan { start, end, chord, bass, key, roman: roman::numeral(chord, bass, key) });
    }
    spans
}
