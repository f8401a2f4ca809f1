//! Sound and pictures of the far end, packet by packet.

use std::{fmt, sync::Arc};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

/// A packet of RTP (RFC 3550 §5.1), as far as sound and pictures need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpPacket {
    /// Its stream.
    pub ssrc: u32,
    /// Counts packets, and wraps.
    pub sequence: u16,
    /// 48 kHz for sound, 90 kHz for pictures, and wraps.
    pub timestamp: u32,
    /// The codec, by the number that the offer gave it.
    pub payload_type: u8,
    /// The first one after a silence, or the last one of a picture.
    pub marker: bool,
    /// One packet of Opus, or a piece of a picture.
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
        next(&*self.0).await
    }
}

/// A stream of video that comes in. The library keeps 256 packets for who does not read, and drops newer ones.
pub struct Seeing(Arc<dyn TrackRemote>);

impl fmt::Debug for Seeing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeing").finish_non_exhaustive()
    }
}

impl Seeing {
    pub(crate) fn new(track: Arc<dyn TrackRemote>) -> Self {
        Self(track)
    }

    /// The next packet, in the order of arrival; `None` once the stream has ended.
    pub async fn next(&self) -> Option<RtpPacket> {
        next(&*self.0).await
    }

    /// Asks for a picture that needs no other one, of the stream with this number. Nothing comes back but the picture;
    /// that the connection is closed is told elsewhere.
    pub async fn ask_key_frame(&self, ssrc: u32) {
        // Who asks sends no video, and has no number there.
        let wish = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
        let _ = self.0.write_rtcp(vec![Box::new(wish)]).await;
    }
}

async fn next(track: &dyn TrackRemote) -> Option<RtpPacket> {
    loop {
        match track.poll().await? {
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
