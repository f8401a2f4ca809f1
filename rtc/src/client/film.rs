//! A camera's video of the calling end: frames of VP8, whole, cut into packets.

use std::sync::Arc;

use webrtc::{
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::PeerConnection,
};

use super::{CallError, to_rtp};
use crate::{
    peer::{self, VP8},
    track::RtpPacket,
};

/// Bytes of a frame in one packet: it has to fit into a datagram of 1,200 with all that is around it.
const PIECE: usize = 1_100;

/// Payload descriptors (RFC 7741 §4.2) without anything that may be left out: of the first packet of a frame, and of the
/// others.
const DESCRIPTORS: [u8; 2] = [0x10, 0x00];

/// The stream.
pub(super) struct Film {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    sequence: u16,
}

impl Film {
    /// A stream of this connection, if it is to have one.
    pub(super) async fn of(
        connection: &Arc<dyn PeerConnection>,
        wanted: bool,
    ) -> Result<Option<Self>, CallError> {
        if !wanted {
            return Ok(None);
        }
        let ssrc = rand::random::<u32>();
        let track = Arc::new(peer::film(ssrc));
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
        Ok(Some(Self { track, ssrc, sequence: rand::random() }))
    }

    pub(super) async fn show(&mut self, frame: &[u8], timestamp: u32) -> Result<(), CallError> {
        let pieces = frame.chunks(PIECE).enumerate();
        let last = frame.len().div_ceil(PIECE);
        for (idx, piece) in pieces {
            let packet = RtpPacket {
                ssrc: self.ssrc,
                sequence: self.sequence,
                timestamp,
                payload_type: VP8,
                marker: idx + 1 == last,
                payload: [&DESCRIPTORS[idx.min(1)..][..1], piece].concat(),
            };
            self.sequence = self.sequence.wrapping_add(1);
            self.track.write_rtp(to_rtp(packet, self.ssrc)).await?;
        }
        Ok(())
    }
}
