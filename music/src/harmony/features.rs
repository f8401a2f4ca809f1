//! What speaks for and against a chord in a run of slices, as numbers.

use super::lattice::{KINDS, Lattice, Slice, TEXTURES};
use crate::{
    chord::{Chord, Quality},
    key::{Key, Mode},
    metre::Level,
};

/// Takes features: adds them up with weights, or writes them down.
pub(super) trait Sink {
    fn add(&mut self, feature: usize, value: f32);
}

/// The weighted sum.
pub(super) struct Sum<'a> {
    pub(super) weights: &'a [f32],
    pub(super) sum: f32,
}

impl Sink for Sum<'_> {
    #[inline]
    fn add(&mut self, feature: usize, value: f32) {
        self.sum += self.weights[feature] * value;
    }
}

/// The features themselves, times a factor.
pub(super) struct List<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) factor: f32,
}

impl Sink for List<'_> {
    fn add(&mut self, feature: usize, value: f32) {
        self.values[feature] += value * self.factor;
    }
}

// Where each family of features begins.
const NQ: usize = Quality::ALL.len();
pub(super) const FOREIGN_TIME: usize = 0;
pub(super) const FOREIGN_COUNT: usize = FOREIGN_TIME + KINDS;
pub(super) const OWN_TIME: usize = FOREIGN_COUNT + KINDS;
pub(super) const FOREIGN_SHARE: usize = OWN_TIME + 4;
pub(super) const QUALITY: usize = FOREIGN_SHARE + 2;
pub(super) const ABSENT: usize = QUALITY + NQ;
pub(super) const ABSENT_FIRST: usize = ABSENT + 4 * NQ;
pub(super) const FACTOR_SHARE: usize = ABSENT_FIRST + 4 * NQ;
pub(super) const PASSING_FACTOR: usize = FACTOR_SHARE + 4 * NQ;
pub(super) const BASS_SHARE: usize = PASSING_FACTOR + 4;
pub(super) const BASS_FIRST: usize = BASS_SHARE + 5;
pub(super) const BASS_QUALITY: usize = BASS_FIRST + 5;
const START: usize = BASS_QUALITY + 4 * NQ;
const START_BASS: usize = START + 5;
const START_FRESH: usize = START_BASS + 2;
const LENGTH: usize = START_FRESH + 2;
pub(super) const SILENT: usize = LENGTH + 9;
const SEGMENT_END: usize = SILENT + 1;
const IN_KEY: usize = SEGMENT_END;
const DEGREE: usize = IN_KEY + 8;
const FAMILIES: usize = 7;
const FOLLOW: usize = DEGREE + 2 * 12 * FAMILIES;
const REPEAT: usize = FOLLOW + 12 * 4 * 2;
const MOVE: usize = REPEAT + 6;
const FUNCTION: usize = MOVE + 6;
pub(super) const FUNCTIONS: usize = 9;
pub(super) const THIN_FIRST: usize = FUNCTION + 2 * FUNCTIONS * FUNCTIONS;
const LEVEL_LENGTH: usize = THIN_FIRST + 4;
const TEXTURE_START: usize = LEVEL_LENGTH + 5 * 3;
const TEXTURE_LENGTH: usize = TEXTURE_START + TEXTURES * 5;
pub(super) const TEXTURE_FOREIGN: usize = TEXTURE_LENGTH + TEXTURES * 9;
const CROSS: usize = TEXTURE_FOREIGN + TEXTURES;
/// How many features there are.
pub const COUNT: usize = CROSS + 2;

/// Beats × share below which a tone is not there; the total begins with it, so that it is never 0.
pub(super) const LEAST: f32 = 1e-4;
/// Kinds that pass, neighbour or are suspended come first.
pub(super) const PASSING_KINDS: usize = 4;

/// What a run of slices holds, apart from any chord: worked out once, asked for every candidate.
pub(super) struct Run<'a> {
    lattice: &'a Lattice,
    from: usize,
    to: usize,
    /// Beats.
    beats: f32,
    silence: f32,
    /// Beats × share, by kind of note and pitch class, and the number of notes that begin.
    time: [[f32; 12]; KINDS],
    count: [[f32; 12]; KINDS],
    /// Beats × share of each pitch class; of those that pass, neighbour or are suspended; of all.
    sounding: [f32; 12],
    passing: [f32; 12],
    total: f32,
    bass: [f32; 12],
}

impl<'a> Run<'a> {
    /// The slices from `from` to before `to`.
    pub(super) fn new(lattice: &'a Lattice, from: usize, to: usize) -> Self {
        let none = [0.0; 12];
        let mut run = Self {
            lattice,
            from,
            to,
            beats: lattice.beats[to] - lattice.beats[from],
            silence: 0.0,
            time: [none; KINDS],
            count: [none; KINDS],
            sounding: none,
            passing: none,
            total: LEAST,
            bass: none,
        };
        for idx in from..to {
            let slice = &lattice.slices[idx];
            match slice.bass {
                Some(bass) => run.bass[usize::from(bass)] += slice.beats,
                None => run.silence += slice.beats,
            }
            for kind in 0..KINDS {
                for tone in 0..12 {
                    let time = lattice.time[idx][kind][tone];
                    run.time[kind][tone] += time;
                    run.count[kind][tone] += lattice.count[idx][kind][tone];
                    run.sounding[tone] += time;
                    run.passing[tone] += if kind < PASSING_KINDS { time } else { 0.0 };
                    run.total += time;
                }
            }
        }
        run
    }

    fn slice(&self) -> &Slice {
        &self.lattice.slices[self.from]
    }
}

/// Features of a run that are the same for every chord.
pub(super) fn of_run(run: &Run<'_>, out: &mut impl Sink) {
    of_frame(run.lattice, (run.from, run.to), out);
    out.add(SILENT, run.silence);
}

/// Features of where a run begins and ends.
pub(super) fn of_frame(lattice: &Lattice, (from, to): (usize, usize), out: &mut impl Sink) {
    let (slice, beats) = (&lattice.slices[from], lattice.beats[to] - lattice.beats[from]);
    of_start(slice, out);
    let bins = [0.3, 0.55, 0.8, 1.05, 1.55, 2.05, 3.05, 4.05];
    let bin = bins.iter().position(|most| beats < *most).unwrap_or(bins.len());
    out.add(LENGTH + bin, 1.0);
    let (texture, level) = (lattice.texture, slice.level as usize);
    out.add(TEXTURE_LENGTH + texture * 9 + bin, 1.0);
    out.add(TEXTURE_START + texture * 5 + level, 1.0);
    let length = usize::from(beats > 0.8) + usize::from(beats > 2.05);
    out.add(LEVEL_LENGTH + level * 3 + length, 1.0);
    // Bars that begin within: chords are rarely held over a bar line.
    if lattice.bars[to] > lattice.bars[from + 1] {
        out.add(CROSS + usize::from(beats > 2.05), 1.0);
    }
}

/// Features of a chord on a run, apart from its key and what it follows.
pub(super) fn of_chord(run: &Run<'_>, chord: Chord, out: &mut impl Sink) {
    let tones = chord.quality.intervals();
    let mut foreign = 0.0;
    for kind in 0..KINDS {
        let (mut time, mut count): (f32, f32) = (run.time[kind].iter().sum(), run.count[kind].iter().sum());
        for above in tones {
            let tone = usize::from((chord.root + above) % 12);
            time -= run.time[kind][tone];
            count -= run.count[kind][tone];
        }
        out.add(FOREIGN_TIME + kind, time);
        out.add(FOREIGN_COUNT + kind, count);
        foreign += time;
    }
    let share = foreign / run.total;
    out.add(FOREIGN_SHARE, share);
    out.add(TEXTURE_FOREIGN + run.lattice.texture, share);
    out.add(FOREIGN_SHARE + 1, share * share);
    out.add(QUALITY + chord.quality.index(), 1.0);
    of_factors(run, chord, out);
    of_bass(run, chord, out);
}

fn of_factors(run: &Run<'_>, chord: Chord, out: &mut impl Sink) {
    let quality = chord.quality.index();
    let first = &run.slice().shares;
    for (factor, above) in chord.quality.intervals().iter().enumerate() {
        let tone = usize::from((chord.root + above) % 12);
        let time = run.sounding[tone];
        out.add(OWN_TIME + factor, time);
        if time < LEAST {
            out.add(ABSENT + factor * NQ + quality, 1.0);
        } else {
            out.add(PASSING_FACTOR + factor, run.passing[tone] / time);
        }
        if first[tone] < LEAST {
            out.add(ABSENT_FIRST + factor * NQ + quality, 1.0);
            if run.slice().tones < 3 {
                out.add(THIN_FIRST + factor, 1.0);
            }
        }
        out.add(FACTOR_SHARE + factor * NQ + quality, (3.0 * time / run.total).min(1.0));
    }
}

fn of_bass(run: &Run<'_>, chord: Chord, out: &mut impl Sink) {
    let beats = run.beats.max(LEAST);
    let mut own = 0.0;
    for (factor, above) in chord.quality.intervals().iter().enumerate() {
        let time = run.bass[usize::from((chord.root + above) % 12)];
        out.add(BASS_SHARE + factor, time / beats);
        own += time;
    }
    out.add(BASS_SHARE + 4, (beats - run.silence - own) / beats);
    if let Some(bass) = run.slice().bass {
        match chord.factor(bass) {
            Some(factor) => {
                out.add(BASS_FIRST + factor, 1.0);
                out.add(BASS_QUALITY + factor * NQ + chord.quality.index(), 1.0);
            }
            None => out.add(BASS_FIRST + 4, 1.0),
        }
    }
}

fn of_start(slice: &Slice, out: &mut impl Sink) {
    out.add(START + slice.level as usize, 1.0);
    out.add(START_BASS, f32::from(u8::from(slice.is_bass_new)));
    out.add(START_FRESH, slice.fresh);
    if slice.level < Level::Beat {
        out.add(START_BASS + 1, f32::from(u8::from(slice.is_bass_new)));
        out.add(START_FRESH + 1, slice.fresh);
    }
}

/// Features of a chord in the keys that may hold.
pub(super) fn of_key(chord: Chord, keys: &[(Key, f32)], out: &mut impl Sink) {
    for (key, chance) in keys {
        let above = usize::from(key.above(chord.root));
        let minor = usize::from(key.mode == Mode::Minor);
        let foreign = foreign_tones(chord, *key);
        out.add(IN_KEY + foreign.min(3), *chance);
        let is_applied = matches!(chord.quality, Quality::Major | Quality::Dominant7)
            && foreign > 0
            && key.has((chord.root + 5) % 12);
        out.add(IN_KEY + 4, if is_applied { *chance } else { 0.0 });
        let leads =
            matches!(chord.quality, Quality::Diminished | Quality::Diminished7 | Quality::HalfDiminished7)
                && foreign > 0
                && key.has((chord.root + 1) % 12);
        out.add(IN_KEY + 5, if leads { *chance } else { 0.0 });
        out.add(DEGREE + (minor * 12 + above) * FAMILIES + family(chord.quality), *chance);
    }
}

fn foreign_tones(chord: Chord, key: Key) -> usize {
    (chord.mask() & !key.mask()).count_ones() as usize
}

fn family(quality: Quality) -> usize {
    match quality {
        Quality::Major => 0,
        Quality::Minor => 1,
        Quality::Diminished | Quality::HalfDiminished7 => 2,
        Quality::Dominant7 => 3,
        Quality::Minor7 | Quality::Major7 => 4,
        Quality::Diminished7 => 5,
        Quality::Augmented | Quality::Suspended | Quality::Other => 6,
    }
}

/// What a chord does in a key, coarsely: 0 tonic, 1 supertonic, 2 mediant, 3 subdominant, 4 dominant,
/// 5 submediant, 6 leading tone, 7 applied dominant, 8 anything else.
pub(super) fn function(chord: Chord, key: Key) -> usize {
    if foreign_tones(chord, key) > 0 {
        let is_dominant = matches!(chord.quality, Quality::Major | Quality::Dominant7);
        return if is_dominant && key.has((chord.root + 5) % 12) { 7 } else { 8 };
    }
    match key.above(chord.root) {
        0 => 0,
        2 => 1,
        3 | 4 => 2,
        5 => 3,
        7 => 4,
        8 | 9 => 5,
        11 => 6,
        _ => 8,
    }
}

/// Features of a chord that follows another, which began on a beat of some strength.
pub(super) fn of_step(
    (before, chord): (Chord, Chord),
    keys: &[(Key, f32)],
    level: Level,
    out: &mut impl Sink,
) {
    if before == chord {
        out.add(REPEAT, 1.0);
        out.add(REPEAT + 4, if level < Level::Beat { 1.0 } else { 0.0 });
        out.add(REPEAT + 5, if level >= Level::Middle { 1.0 } else { 0.0 });
        return;
    }
    let up = usize::from((chord.root + 12 - before.root) % 12);
    let kind = |quality: Quality| match quality {
        Quality::Major | Quality::Augmented | Quality::Suspended | Quality::Other => 0,
        Quality::Dominant7 => 1,
        Quality::Minor | Quality::Minor7 | Quality::Major7 => 2,
        Quality::Diminished | Quality::HalfDiminished7 | Quality::Diminished7 => 3,
    };
    out.add(FOLLOW + (up * 4 + kind(before.quality)) * 2 + usize::from(chord.quality.is_minor()), 1.0);
    if up == 0 {
        let (had, has) = (before.quality.has_seventh(), chord.quality.has_seventh());
        out.add(
            REPEAT
                + if has && !had {
                    1
                } else if had && !has {
                    2
                } else {
                    3
                },
            1.0,
        );
    }
    let common = (before.mask() & chord.mask()).count_ones() as usize;
    out.add(MOVE + common.min(3), 1.0);
    if level < Level::Beat {
        out.add(MOVE + 4 + usize::from(common >= 2), 1.0);
    }
    for (key, chance) in keys {
        let (one, other) = (function(before, *key), function(chord, *key));
        out.add(step_function(key.mode, one) + other, *chance);
    }
}

/// Where the features begin of what follows a chord that does this or that.
pub(super) fn step_function(mode: Mode, one: usize) -> usize {
    FUNCTION + (usize::from(mode == Mode::Minor) * FUNCTIONS + one) * FUNCTIONS
}

/// Features of beats with notes that do not belong.
pub(super) fn foreign() -> std::ops::Range<usize> {
    FOREIGN_TIME..FOREIGN_TIME + KINDS
}

/// Features of tones that are missing, each with what that may cost before anything is learned.
pub(super) fn absences() -> impl Iterator<Item = (usize, f32)> {
    let costs = [-1.0, -1.0, -0.4, -2.0];
    (0..4 * NQ).map(move |idx| (ABSENT + idx, costs[idx / NQ])).chain([(QUALITY, 0.3), (MOVE, -0.5)])
}
