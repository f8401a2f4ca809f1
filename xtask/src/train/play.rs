//! What a melody sounds like that somebody goes on with: measured as duets are.

use serde_json::{Value, json};

use super::{
    Guesser,
    corpus::{LENGTHS, Piece, Step, interval, place_of},
};

/// Notes that are heard before it goes on.
const HEARD: usize = 16;
/// Notes that it plays.
const PLAYED: usize = 24;
/// Pieces that are gone on with.
const PIECES: usize = 60;

/// Degrees of the major scale, and of the minor with both sixths and sevenths.
const SCALES: [[bool; 12]; 2] = [
    [true, false, true, false, true, true, false, true, false, true, false, true],
    [true, false, true, true, false, true, false, true, true, true, true, true],
];
/// Tones of each kind of chord.
const TONES: [&[usize]; 5] = [&[0, 4, 7, 11], &[0, 3, 7, 10], &[0, 4, 7, 10], &[0, 3, 6, 9, 10], &[0, 5, 7]];

/// The same of what the composers wrote.
pub(crate) fn of_people(pieces: &[Piece]) -> Value {
    let melodies: Vec<Vec<Step>> =
        chosen(pieces).map(|piece| piece.steps[HEARD..HEARD + PLAYED].to_vec()).collect();
    measure(&melodies)
}

/// Of what a guesser goes on with, over the same chords.
pub(crate) fn of_guesser(guesser: &mut dyn Guesser, pieces: &[Piece], seed: u64) -> Value {
    let mut dice = Dice(seed.max(1));
    let melodies: Vec<Vec<Step>> = chosen(pieces).map(|piece| go_on(guesser, piece, &mut dice)).collect();
    measure(&melodies)
}

/// Of melodies that were made elsewhere.
pub(crate) fn of_melodies(melodies: &[Vec<Step>]) -> Value {
    let cut = |melody: &Vec<Step>| melody.iter().take(PLAYED).copied().collect();
    measure(&melodies.iter().map(cut).collect::<Vec<_>>())
}

pub(crate) fn chosen(pieces: &[Piece]) -> impl Iterator<Item = &Piece> {
    pieces.iter().filter(|piece| piece.steps.len() > HEARD + PLAYED).take(PIECES)
}

fn go_on(guesser: &mut dyn Guesser, piece: &Piece, dice: &mut Dice) -> Vec<Step> {
    let mut steps: Vec<Step> = piece.steps[..=HEARD].to_vec();
    guesser.begin();
    (0..HEARD).for_each(|at| guesser.learn(&steps, at));
    for at in HEARD..HEARD + PLAYED {
        steps[at].length = dice.draw(&guesser.lengths(&steps, at));
        let now = steps[at];
        let onset = now.onset + LENGTHS[now.length];
        let (root, kind) = piece.chord(onset);
        let start = now.onset - now.place as f64 / 4.0;
        let place = place_of(onset - start, now.bar);
        steps.push(Step { onset, root, kind, place, ..now });
        let step = dice.draw(&guesser.intervals(&steps, at));
        steps[at].interval = step;
        let pitch = now.pitch + step as i32 - 12;
        // It stays where people sing and play.
        let pitch = if pitch < 48 {
            pitch + 12
        } else if pitch > 88 {
            pitch - 12
        } else {
            pitch
        };
        steps[at].interval = interval(pitch - now.pitch);
        let degree = (now.degree as i32 + pitch - now.pitch).rem_euclid(12) as usize;
        steps[at + 1] = Step { pitch, degree, ..steps[at + 1] };
    }
    steps[HEARD..HEARD + PLAYED].to_vec()
}

fn measure(melodies: &[Vec<Step>]) -> Value {
    let (mut notes, mut in_key, mut strong, mut tones, mut leaps, mut entropy) = (0, 0, 0, 0, 0, 0.0);
    for melody in melodies {
        let mut classes = [0.0_f64; 12];
        for step in melody {
            notes += 1;
            in_key += usize::from(SCALES[step.mode][step.degree]);
            leaps += usize::from(step.interval.abs_diff(12) > 7);
            classes[step.pitch.rem_euclid(12) as usize] += 1.0;
            if step.place == 0 {
                strong += 1;
                tones += usize::from(TONES[step.kind].contains(&step.own_above_root()));
            }
        }
        let all: f64 = classes.iter().sum();
        entropy -= classes
            .iter()
            .filter(|count| **count > 0.0)
            .map(|count| count / all * (count / all).log2())
            .sum::<f64>();
    }
    let share = |part: usize, whole: usize| super::round(part as f64 / whole.max(1) as f64);
    json!({
        "pieces": melodies.len(), "in_key": share(in_key, notes), "chord_tones_on_downbeats": share(tones, strong),
        "leaps_over_a_fifth": share(leaps, notes), "entropy": super::round(entropy / melodies.len().max(1) as f64),
    })
}

/// A seeded die (xorshift).
struct Dice(u64);

impl Dice {
    fn draw(&mut self, chances: &[f32]) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let mut left = (self.0 >> 40) as f32 / (1u64 << 24) as f32 * chances.iter().sum::<f32>();
        for (idx, chance) in chances.iter().enumerate() {
            left -= chance;
            if left <= 0.0 {
                return idx;
            }
        }
        chances.len() - 1
    }
}
