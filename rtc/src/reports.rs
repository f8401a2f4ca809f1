//! What the far end reports about the sound that it receives, and wishes of our video: a link in the chain through which
//! all packets go.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{
        payload_feedbacks::picture_loss_indication::PictureLossIndication, receiver_report::ReceiverReport,
        reception_report::ReceptionReport, sender_report::SenderReport,
    },
    sansio::Protocol,
    shared::error::Error,
};

/// A receiver report (RFC 3550 §6.4.2) about our stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it came.
    pub at: Instant,
    /// The highest sequence number that arrived there, with its cycles.
    pub highest: u32,
    /// Packets lost since the beginning.
    pub lost: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Jitter in units of the RTP clock.
    pub jitter: u32,
}

/// What is known of the far end; shared with its peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Notes>>);

#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    report: Option<Report>,
    last_packet: Option<Instant>,
    /// Key frames that were asked for.
    wishes: u32,
}

impl Heard {
    /// The last report about our stream.
    pub(crate) fn report(&self) -> Option<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).report
    }

    /// How often the far end has asked for a key frame.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn wishes(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wishes
    }

    /// When the last packet of sound, pictures or control came.
    pub(crate) fn last_packet(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last_packet
    }

    fn note(&self, now: Instant, block: Option<&ReceptionReport>, wishes: u32) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.last_packet = Some(now);
        notes.wishes = notes.wishes.saturating_add(wishes);
        if let Some(block) = block {
            notes.report = Some(Report {
                at: now,
                highest: block.last_sequence_number,
                lost: block.total_lost,
                fraction_lost: block.fraction_lost,
                jitter: block.jitter,
            });
        }
    }
}

/// Looks at what passes, and passes it on.
pub(crate) struct Listener {
    /// Our stream.
    ssrc: u32,
    heard: Heard,
    /// At most what one call of the chain puts in: it is emptied before the next.
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Listener {
    pub(crate) fn new(ssrc: u32, heard: Heard) -> Self {
        Self { ssrc, heard, reads: VecDeque::new(), writes: VecDeque::new() }
    }

    fn look(&self, packet: &TaggedPacket) {
        let Packet::Rtcp(packets) = &packet.message.packet else {
            return self.heard.note(packet.now, None, 0);
        };
        let mut blocks = packets.iter().flat_map(|packet| {
            let any = packet.as_any();
            let receiver = any.downcast_ref::<ReceiverReport>().map(|it| it.reports.as_slice());
            let sender = any.downcast_ref::<SenderReport>().map(|it| it.reports.as_slice());
            receiver.or(sender).unwrap_or_default()
        });
        let wishes = packets.iter().filter(|packet| packet.as_any().is::<PictureLossIndication>()).count();
        self.heard.note(packet.now, blocks.find(|block| block.ssrc == self.ssrc), wishes as u32);
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Listener {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.look(&packet);
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Listener {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
