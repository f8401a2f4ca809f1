//! Timed words and traces of voice activity, Korean and English, and what must hold whatever comes.
