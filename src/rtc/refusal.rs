//! Why a call is not made: stable codes, with their status and what to do.

use axum::http::StatusCode;
use duologue_rtc::{Failure, PeerError, sdp::SdpError};

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Calls are switched off.
    Off,
    /// The body is no offer.
    NotSdp,
    /// The offer, or a fragment, cannot be used.
    Malformed,
    /// It is too large.
    TooLarge,
    /// It has too many candidates.
    TooManyCandidates,
    /// It has no audio.
    NoAudio,
    /// Its audio has no Opus.
    NoOpus,
    /// A camera is not looked at on this server.
    Video,
    /// It has no video that could be looked at.
    NoVideo,
    /// Its video has no VP8.
    NoVp8,
    /// There is no such call.
    NotFound,
    /// This server cannot make one just now: no port, or no socket.
    Unavailable,
    /// The call has ended because no packet finds its way.
    Ice,
    /// The call has ended because the far end could not show its certificate.
    Dtls,
}

impl Refusal {
    /// What is wrong with an offer.
    pub(super) fn of(error: &PeerError) -> Self {
        match error {
            PeerError::Sdp(SdpError::Malformed(_)) | PeerError::Refused(_) => Self::Malformed,
            PeerError::Sdp(SdpError::TooLarge) => Self::TooLarge,
            PeerError::Sdp(SdpError::TooManyCandidates) => Self::TooManyCandidates,
            PeerError::Sdp(SdpError::NoAudio) => Self::NoAudio,
            PeerError::Sdp(SdpError::NoOpus) => Self::NoOpus,
            PeerError::Sdp(SdpError::NoVideo(_)) => Self::NoVideo,
            PeerError::Sdp(SdpError::NoVp8) => Self::NoVp8,
            PeerError::NoPort | PeerError::Failed(_) => Self::Unavailable,
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Off => "rtc_off",
            Self::NotSdp => "unsupported_media_type",
            Self::Malformed => "sdp_malformed",
            Self::TooLarge => "sdp_too_large",
            Self::TooManyCandidates => "sdp_too_many_candidates",
            Self::NoAudio => "sdp_no_audio",
            Self::NoOpus | Self::NoVp8 => "codec_not_supported",
            Self::Video => "video_not_needed",
            Self::NoVideo => "sdp_no_video",
            Self::NotFound => "call_not_found",
            Self::Unavailable => "rtc_unavailable",
            Self::Ice => "ice_failed",
            Self::Dtls => "dtls_failed",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Off | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotSdp => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Ice | Self::Dtls => StatusCode::GONE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What the client can do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Off => "Use the WebSocket /v1/realtime, or set rtc.enabled.",
            Self::NotSdp => "Send the offer as application/sdp, or as the field sdp of a form.",
            Self::Malformed => "Send what RTCPeerConnection.createOffer made.",
            Self::TooLarge | Self::TooManyCandidates => "Offer one microphone and one data channel.",
            Self::NoAudio => "Add an audio transceiver before the offer is made.",
            Self::NoOpus => "Leave Opus among the codecs.",
            Self::Video => {
                "Find the face in the page and send duologue.landmarks (docs/wire.md), or let the operator switch the \
                 landmarker on."
            }
            Self::NoVideo => {
                "Add the camera's track, in one stream, before the offer is made, or leave out video=true."
            }
            Self::NoVp8 => "Leave VP8 among the codecs of the video.",
            Self::NotFound => "POST /v1/realtime/calls makes one.",
            Self::Unavailable => "Try again when another call has ended, or use the WebSocket /v1/realtime.",
            Self::Ice | Self::Dtls => "Call again with the session and its secret to go on.",
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ice => Self::Ice,
            Failure::Dtls => Self::Dtls,
        }
    }
}
