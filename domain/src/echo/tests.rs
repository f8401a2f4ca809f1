//! Synthetic rooms.
