//! Synthetic faces: tracks of landmarks whose blinks, gaze and expressions are known.

pub use duologue_domain::{face::*, score::Span};

pub mod track;
