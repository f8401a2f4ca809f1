//! Calls over WebRTC: the same sessions as over a WebSocket, with sound as RTP and events over a data channel.
//!
//! [`signal`] answers offers, [`switchboard`] knows the calls, [`call`] carries one from its connection to its end;
//! [`camera`] takes stills of a client that wants them looked at; [`writer`] says with a [`player`] what the session says, and a [`ledger`] knows what of it has arrived. One peer has one
//! task here and one in the library; both end with the call.

mod call;
mod camera;
mod ledger;
mod links;
mod player;
mod refusal;
pub(crate) mod signal;
mod switchboard;
mod writer;

use duologue_rtc::PeerError;

use self::switchboard::Full;
pub(crate) use self::{refusal::Refusal, signal::router, switchboard::Switchboard};
use crate::{
    error::{ApiError, Code},
    http::health::{Part, PartState},
    state::AppState,
};

/// How calls are, for `/health`.
pub(crate) fn part(state: &AppState) -> Part {
    let (config, open) = (&state.config.rtc, state.calls.count());
    Part {
        part: "rtc",
        engine: "webrtc".into(),
        model: format!("{open} of {} calls", config.max),
        state: if config.enabled { PartState::Ready } else { PartState::Off },
        reason: None,
    }
}

/// Seconds after which a place for a call may be free: one that does not connect has given up its own by then.
const PLACE_AFTER: u64 = 30;

/// Seconds after which a port may be free again, which is so as soon as any call ends.
const PORT_AFTER: u64 = 5;

impl From<Full> for ApiError {
    fn from(full: Full) -> Self {
        let made = match full {
            Full::All => Self::new(Code::SessionLimit, "all places for calls are taken"),
            Full::Client => {
                Self::new(Code::ClientLimit, "this client has all the calls that it may have at once")
            }
        };
        made.retry_after(PLACE_AFTER)
    }
}

impl From<PeerError> for ApiError {
    fn from(error: PeerError) -> Self {
        let refusal = Refusal::of(&error);
        let made = Self::new(Code::Rtc(refusal), error.to_string());
        if refusal == Refusal::Unavailable { made.retry_after(PORT_AFTER) } else { made }
    }
}
