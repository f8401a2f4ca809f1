//! Chords from notes: segmentation and recognition in one search.
//!
//! A piece is cut wherever a note begins (`lattice`). Every run of slices could be one chord: features say how well
//! (which notes belong, which are passing notes, neighbours or suspensions, what the bass has, how strong the beat is
//! on which it begins, how it stands in the key, what it follows: `features`), weights say how much each matters
//! (`weights`, laid out for speed in `model`), and a semi-Markov Viterbi search finds the best path (`decode`).
//! `learn` finds the weights on annotated pieces.

pub mod decode;
mod features;
pub mod lattice;
pub mod learn;
mod model;
#[cfg(test)]
mod tests;
mod weights;

pub use self::{
    decode::{Segment, decode},
    features::COUNT,
    lattice::Lattice,
    model::Model,
    weights::WEIGHTS,
};
