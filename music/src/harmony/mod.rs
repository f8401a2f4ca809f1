//! Chords from notes: segmentation and recognition in one search.
//!
//! A piece is cut wherever a note begins (`lattice`). Every run of slices could be one chord: features say how well
//! (which notes belong, which are passing notes, neighbours or suspensions, what the bass has, how strong the beat is
//! on which it begins, how it stands in the key, what it follows: `features`), weights found on scores with human
//! analyses say how much each matters (`weights`), and a semi-Markov Viterbi search finds the best path (`decode`).
//! `learn` finds the weights.

pub mod decode;
mod features;
pub mod lattice;
pub mod learn;
mod weights;

pub use self::{
    decode::{Segment, decode},
    features::COUNT,
    lattice::Lattice,
    weights::WEIGHTS,
};
