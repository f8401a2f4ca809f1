//! The key of a piece.
