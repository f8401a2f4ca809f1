//! The supervised tree of a session.
//!
//! `Sessions` (census, admission) → one `Session` per scene → `Ingest`, `Transcriber`, `Persona`, `Speaker`,
//! `Scribe`, `Face`, `Coach`, and with a duet the `Improviser`. The policy of restarts is the table in [`policy`].

pub mod audio_in;
pub mod coach;
pub mod duet;
pub mod event;
pub mod face;
pub mod front_end;
pub mod improviser;
pub mod ingest;
pub mod landmarks_in;
pub mod outbox;
pub mod persona;
pub mod places;
pub mod played;
pub mod policy;
pub mod pulse;
pub mod scribe;
pub mod session;
pub mod sessions;
pub mod speaker;
pub mod store;
mod task;
pub mod tools;
pub mod transcriber;
