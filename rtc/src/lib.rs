//! WebRTC: one peer connection of a call, its sound in Opus both ways, its data channels, stills of its camera.
//!
//! It knows nothing of sessions: what it hears, reads and measures goes out through bounded queues, what it shall say and send
//! comes in through others. `webrtc` is used in this crate alone, so that its next version is this crate's business.

mod channel;
#[cfg(any(test, feature = "client"))]
pub mod client;
pub mod clock;
pub mod codec;
pub mod config;
mod handler;
mod peer;
mod reports;
pub mod sdp;
mod track;
pub mod video;

pub use self::{
    channel::{Channel, Message, Unsent},
    handler::{Failure, PeerEvent},
    peer::{Answered, Closed, Peer, PeerError, Statistics},
    reports::Report,
    track::{Hearing, RtpPacket, Seeing},
};
