//! A piece cut at every onset, with sums that answer for any run of slices at once.

use crate::{
    metre::{Grid, Level},
    score::{Note, Score},
};

/// Onsets this near (in quarter notes) are one: chords are never struck at once by people.
const TOGETHER: f64 = 0.06;
/// Slices at most. A longer piece is cut at beats, then at bars.
const MOST: usize = 20_000;
/// Kinds of notes that need not belong to a chord, by how they are reached and left; each on and off the beat.
pub(super) const KINDS: usize = 10;

/// What sounds between two onsets.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    /// Where it begins, in quarter notes.
    pub(super) start: f64,
    /// How long it lasts, in beats.
    pub(super) beats: f32,
    /// How strong its beginning is.
    pub(super) level: Level,
    /// Share of each pitch class of what sounds.
    pub(super) shares: [f32; 12],
    /// The lowest pitch class, none in silence.
    pub(super) bass: Option<u8>,
    /// Whether the lowest note begins here.
    pub(super) is_bass_new: bool,
    /// Share of the sounding notes that begin here.
    pub(super) fresh: f32,
    /// How many pitch classes sound.
    pub(super) tones: u8,
}

/// The slices of a piece and their running sums.
#[derive(Clone, Debug)]
pub struct Lattice {
    pub(super) slices: Vec<Slice>,
    /// Where the last slice ends.
    pub(super) end: f64,
    /// Of each slice: beats × share of each pitch class, by kind of note.
    pub(super) time: Vec<[[f32; 12]; KINDS]>,
    /// The same, of the number of notes that begin.
    pub(super) count: Vec<[[f32; 12]; KINDS]>,
    /// Beats before each slice, and before the end.
    pub(super) beats: Vec<f32>,
    /// How many bars begin before each slice, and before the end.
    pub(super) bars: Vec<u32>,
    /// How the piece is woven: by how long slices are, and how many tones sound at once.
    pub(super) texture: usize,
}

/// How many textures are told apart.
pub(super) const TEXTURES: usize = 6;

impl Lattice {
    /// Cuts a score.
    pub fn new(score: &Score, grid: &Grid) -> Self {
        let notes: Vec<Note> = score.pitched().filter(|note| note.duration > 0.0).copied().collect();
        let starts = starts(&notes, grid);
        let end = notes.iter().map(Note::end).fold(score.length, f64::max);
        let mut lattice = Self {
            slices: Vec::with_capacity(starts.len()),
            end,
            time: Vec::with_capacity(starts.len()),
            count: Vec::with_capacity(starts.len()),
            beats: vec![0.0],
            bars: vec![0],
            texture: 0,
        };
        let approaches = approaches(&notes);
        // Indices of notes that may still sound.
        let mut sounding: Vec<usize> = Vec::new();
        let mut next = 0;
        for (idx, start) in starts.iter().enumerate() {
            let until = starts.get(idx + 1).copied().unwrap_or(end).max(start + 1e-6);
            sounding.retain(|note| notes[*note].end() > start + 0.01);
            while next < notes.len() && notes[next].onset < until - 1e-9 {
                sounding.push(next);
                next += 1;
            }
            lattice.push(
                (*start, until),
                grid,
                &Heard { notes: &notes, approaches: &approaches, sounding: &sounding },
            );
        }
        lattice.find_texture();
        lattice
    }

    /// Chords last longer where notes are short or come one by one: arpeggios, figures, songs with piano.
    fn find_texture(&mut self) {
        let beats = self.beats.last().copied().unwrap_or(0.0).max(1e-3);
        let slice = beats / self.slices.len().max(1) as f32;
        let tones = self.slices.iter().map(|slice| f32::from(slice.tones) * slice.beats).sum::<f32>() / beats;
        let pace = [0.3, 0.55].iter().filter(|most| slice > **most).count();
        self.texture = pace + if tones > 2.6 { 3 } else { 0 };
    }

    /// How many slices there are.
    pub fn len(&self) -> usize {
        self.slices.len()
    }

    /// Whether nothing sounds at all.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// Where a slice begins, or the last one ends.
    pub fn place(&self, idx: usize) -> f64 {
        self.slices.get(idx).map_or(self.end, |slice| slice.start)
    }

    /// Beats of a slice.
    pub fn slice_beats(&self, idx: usize) -> f32 {
        self.slices[idx].beats
    }

    /// Shares of pitch classes of a slice.
    pub fn slice_shares(&self, idx: usize) -> &[f32; 12] {
        &self.slices[idx].shares
    }

    /// The lowest pitch class on the first slice of a run on which anything sounds.
    pub fn bass(&self, from: usize, to: usize) -> Option<u8> {
        self.slices[from..to].iter().find_map(|slice| slice.bass)
    }

    fn push(&mut self, (start, until): (f64, f64), grid: &Grid, heard: &Heard<'_>) {
        let beat = grid.beat(start).clamp(0.5, 2.0);
        let length = until - start;
        let beats = (length / beat) as f32;
        let level = grid.level(start);
        let mut slice = Slice {
            start,
            beats,
            level,
            shares: [0.0; 12],
            bass: None,
            is_bass_new: false,
            fresh: 0.0,
            tones: 0,
        };
        let (mut time, mut count) = ([[0.0; 12]; KINDS], [[0.0; 12]; KINDS]);
        let lowest = heard.sounding.iter().map(|idx| &heard.notes[*idx]).min_by_key(|note| note.pitch);
        let weights: Vec<f32> = heard
            .sounding
            .iter()
            .map(|idx| {
                let note = &heard.notes[*idx];
                let overlap = (note.end().min(until) - note.onset.max(start)).max(0.0) / length;
                (0.25 + 0.75 * overlap as f32) * if lowest == Some(note) { 1.3 } else { 1.0 }
            })
            .collect();
        let total: f32 = weights.iter().sum();
        for (idx, weight) in heard.sounding.iter().zip(&weights) {
            let note = &heard.notes[*idx];
            let is_new = note.onset > start - TOGETHER;
            let kind =
                heard.approaches[*idx].kind(is_new) * 2 + usize::from(grid.level(note.onset) >= Level::Beat);
            let pitch_class = usize::from(note.pitch_class());
            let share = weight / total.max(1e-6);
            slice.shares[pitch_class] += share;
            time[kind][pitch_class] += share * beats.min(4.0);
            if is_new {
                count[kind][pitch_class] += 1.0;
                slice.fresh += 1.0 / heard.sounding.len() as f32;
            }
        }
        slice.tones = slice.shares.iter().filter(|share| **share > 0.0).count() as u8;
        if let Some(note) = lowest {
            slice.bass = Some(note.pitch_class());
            slice.is_bass_new = note.onset > start - TOGETHER;
        }
        self.beats.push(self.beats.last().copied().unwrap_or(0.0) + beats);
        let bars = self.bars.last().copied().unwrap_or(0);
        self.bars.push(bars + u32::from(level == Level::Bar));
        self.time.push(time);
        self.count.push(count);
        self.slices.push(slice);
    }
}

struct Heard<'a> {
    notes: &'a [Note],
    approaches: &'a [Approach],
    sounding: &'a [usize],
}

/// Places where chords may begin.
fn starts(notes: &[Note], grid: &Grid) -> Vec<f64> {
    let mut starts: Vec<f64> = Vec::new();
    for note in notes {
        if starts.last().is_none_or(|last| note.onset - last > TOGETHER) {
            starts.push(note.onset);
        }
    }
    for level in [Level::Half, Level::Beat, Level::Bar] {
        if starts.len() <= MOST {
            break;
        }
        starts.retain(|start| grid.level(*start) >= level);
    }
    starts.truncate(MOST);
    starts
}

/// How a note is reached and left within its part.
#[derive(Clone, Copy, Debug, Default)]
struct Approach {
    step_in: bool,
    same_in: bool,
    step_out: bool,
    same_out: bool,
}

impl Approach {
    /// 0 passing or neighbour, 1 suspended, 2 left by step, 3 reached by step or anticipating, 4 neither.
    fn kind(self, is_new: bool) -> usize {
        if (self.same_in || !is_new) && self.step_out {
            1
        } else if self.step_in && self.step_out {
            0
        } else if self.step_out {
            2
        } else if self.step_in || self.same_out {
            3
        } else {
            4
        }
    }
}

/// Finds steps to and from every note. Notes are in the order of their onsets.
fn approaches(notes: &[Note]) -> Vec<Approach> {
    /// How far apart (in quarter notes) the end of a note and its successor may be.
    const GAP: f64 = 0.3;
    /// Neighbours looked at: more sound at once in no part that a person plays.
    const NEIGHBOURS: usize = 40;
    let mut found = vec![Approach::default(); notes.len()];
    for (idx, note) in notes.iter().enumerate() {
        for (behind, other) in notes[idx + 1..].iter().take(NEIGHBOURS).enumerate() {
            if other.onset > note.end() + GAP {
                break;
            }
            if other.track != note.track || other.onset < note.end() - 0.06 || other.onset < note.onset + 0.03
            {
                continue;
            }
            let later = idx + 1 + behind;
            match other.pitch.abs_diff(note.pitch) {
                0 => (found[idx].same_out, found[later].same_in) = (true, true),
                1 | 2 => (found[idx].step_out, found[later].step_in) = (true, true),
                _ => {}
            }
        }
    }
    found
}
