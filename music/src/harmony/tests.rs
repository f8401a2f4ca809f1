//! What is laid out for speed must be worth the same as what `features` says.

use super::{
    Lattice, Model, WEIGHTS, decode,
    decode::{CHORDS, Problem},
    features::{self, Run, Sum},
    learn::{Course, Example, Label, learn, naive},
    model::Heard,
};
use crate::{
    analysis::likely_keys,
    chord::{Chord, Quality},
    metre::Grid,
    score::{Metre, Note, Score},
};

/// Chords with passing notes, a rest, an upbeat and a change of metre; numbers from a small generator.
fn piece() -> Score {
    let (mut notes, mut seed) = (Vec::new(), 1_u32);
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    for half in 0..48_u32 {
        let at = f64::from(half) / 2.0 + 0.5;
        for track in 0..3_u16 {
            if next(4) > 0 {
                let pitch = 40 + 12 * track as u8 + next(14) as u8;
                let duration = f64::from(1 + next(3)) / 2.0;
                notes.push(Note { onset: at, duration, pitch, velocity: 80, channel: 0, program: 0, track });
            }
        }
    }
    let metres = vec![Metre { at: 0.0, num: 4, den: 4 }, Metre { at: 12.5, num: 3, den: 4 }];
    Score { metres, ..Score::from_notes(notes) }
}

/// Weights of all sizes, so that no feature can hide.
fn odd_weights() -> Vec<f32> {
    (0..features::COUNT).map(|idx| ((idx * 37 % 101) as f32 - 50.0) / 50.0).collect()
}

#[test]
fn the_model_is_worth_what_the_features_say() {
    let score = piece();
    let lattice = Lattice::new(&score, &Grid::new(&score));
    let keys = likely_keys(&lattice);
    let weights = odd_weights();
    let model = Model::new(&weights);
    let parts = model.parts(&lattice);
    for (from, keys) in keys.iter().enumerate() {
        let begin = model.begin(&lattice, from, keys);
        let mut heard = Heard::default();
        for to in from + 1..=lattice.len().min(from + 9) {
            heard.add(&parts[to - 1]);
            let fit = model.fit(&heard, lattice.texture);
            let frame = model.frame(&lattice, (from, to), &heard);
            let run = Run::new(&lattice, from, to);
            for idx in 0..CHORDS {
                let chord = Chord::from_index(idx);
                let mut sum = Sum { weights: &weights, sum: 0.0 };
                features::of_run(&run, &mut sum);
                features::of_chord(&run, chord, &mut sum);
                features::of_key(chord, keys, &mut sum);
                let quick = fit[idx] + begin[idx] + frame;
                let gap = (quick - sum.sum).abs();
                assert!(gap < 1e-3 * (1.0 + sum.sum.abs()), "{from} {to} {chord:?}: {quick} {}", sum.sum);
            }
        }
    }
}

#[test]
fn steps_are_worth_what_the_features_say() {
    let score = piece();
    let lattice = Lattice::new(&score, &Grid::new(&score));
    let keys = likely_keys(&lattice);
    let weights = odd_weights();
    let model = Model::new(&weights);
    let before: [(u8, f32); 3] = [(7, 0.5), (43, 0.4), (118, 0.0)];
    for (idx, keys) in keys.iter().enumerate() {
        let level = lattice.slices[idx].level;
        let ways = model.ways(level, keys, &before);
        for chord in 0..CHORDS {
            let worth = before.map(|(one, score)| {
                let pair = (Chord::from_index(usize::from(one)), Chord::from_index(chord));
                let mut sum = Sum { weights: &weights, sum: score };
                features::of_step(pair, keys, level, &mut sum);
                sum.sum
            });
            let (best, after) = ways.best(chord).expect("there is a way");
            let most = worth.into_iter().fold(f32::NEG_INFINITY, f32::max);
            assert!((best - most).abs() < 1e-4 && best <= ways.most() + 1e-4, "{idx} {chord}");
            let way = before.iter().position(|(one, _)| *one == after).expect("one of them");
            assert!((worth[way] - most).abs() < 1e-4);
        }
    }
}

#[test]
fn learning_makes_the_time_with_the_wrong_chord_less() {
    let score = piece();
    let lattice = Lattice::new(&score, &Grid::new(&score));
    let keys = likely_keys(&lattice);
    let problem = Problem { lattice: &lattice, keys: &keys };
    // An analyst who hears two chords only.
    let label = |bar: u32| Label {
        start: f64::from(bar) * 4.0,
        end: f64::from(bar + 1) * 4.0,
        chord: Chord::new(if bar.is_multiple_of(2) { 0 } else { 7 }, Quality::Major),
    };
    let labels: Vec<Label> = (0..7).map(label).collect();
    let right = |weights: &[f32]| -> f64 {
        let path = decode(&problem, &Model::new(weights));
        let shared = |label: &Label| -> f64 {
            let own = path.iter().filter(|segment| segment.chord == label.chord);
            own.map(|one| {
                (lattice.place(one.to).min(label.end) - lattice.place(one.from).max(label.start)).max(0.0)
            })
            .sum()
        };
        labels.iter().map(shared).sum()
    };
    let course = Course { epochs: 30, rate: 0.02, decay: 0.0, pull: 0.5 };
    let begin = naive();
    let learned = learn(&[Example::new(problem, &labels)], &begin, course);
    assert!(right(&learned) > right(&begin), "{} {}", right(&learned), right(&begin));
}

#[test]
fn paths_have_no_gap_whatever_the_weights() {
    let score = piece();
    let lattice = Lattice::new(&score, &Grid::new(&score));
    let keys = likely_keys(&lattice);
    for weights in [WEIGHTS.to_vec(), naive(), odd_weights(), Vec::new(), vec![f32::NAN; features::COUNT]] {
        let path = decode(&Problem { lattice: &lattice, keys: &keys }, &Model::new(&weights));
        if weights.iter().all(|weight| weight.is_finite()) {
            assert_eq!((path[0].from, path[path.len() - 1].to), (0, lattice.len()));
        }
        assert!(path.windows(2).all(|pair| pair[0].to == pair[1].from));
    }
}
