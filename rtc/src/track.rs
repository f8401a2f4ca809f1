//! Sound of the far end, packet by packet.

use std::{fmt, sync::Arc};

use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

/// A packet of RTP (RFC 3550 §5.1), as far as sound needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpPacket {
    /// Its stream.
    pub ssrc: u32,
    /// Counts packets, and wraps.
    pub sequence: u16,
    /// 48 kHz, and wraps.
    pub timestamp: u32,
    /// The codec, by the number that the offer gave it.
    pub payload_type: u8,
    /// The first one after a silence.
    pub marker: bool,
    /// One packet of Opus.
    pub payload: Vec<u8>,
}

/// A stream of sound that comes in. The library keeps 256 packets for who does not read, and drops newer ones.
pub struct Hearing(Arc<dyn TrackRemote>);

impl fmt::Debug for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearing").finish_non_exhaustive()
    }
}

impl Hearing {
    pub(crate) fn new(track: Arc<dyn TrackRemote>) -> Self {
        Self(track)
    }

    /// The next packet, in the order of arrival; `None` once the stream has ended.
    pub async fn next(&self) -> Option<RtpPacket> {
        loop {
            match self.0.poll().await? {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    return Some(RtpPacket {
                        ssrc: packet.header.ssrc,
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        payload_type: packet.header.payload_type,
                        marker: packet.header.marker,
                        payload: packet.payload.to_vec(),
                    });
                }
                TrackRemoteEvent::OnEnded => return None,
                _ => {}
            }
        }
    }
}
