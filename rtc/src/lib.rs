//! WebRTC: one peer connection of a call, its sound in Opus both ways, its data channels.
//!
//! It knows nothing of sessions: what it hears, reads and measures goes out through bounded queues, what it shall say and send
//! comes in through others. `webrtc` is used in this crate alone, so that its next version is this crate's business.
