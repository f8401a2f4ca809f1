//! Sound of one end: its mouth, its ear, and the packets between.

use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    codec::{CodecError, Ear, EarStatistics, EncoderConfig, Mouth, Spoken},
    track::{Hearing, RtpPacket},
};

/// Packets that wait for the next 20 ms; of more, the newest are dropped: 10 s.
const PACKETS: usize = 512;

/// The payload type that this end offers.
const OPUS: u8 = 111;

/// Mouth and ear on one clock.
#[derive(Debug)]
pub struct Line {
    mouth: Mouth,
    ear: Ear,
    began: Instant,
    packets: Option<mpsc::Receiver<(RtpPacket, Instant)>>,
}

impl Line {
    /// A line that hears nothing yet.
    ///
    /// # Errors
    /// libopus has no memory, or refuses a value.
    pub fn new(encoder: EncoderConfig) -> Result<Self, CodecError> {
        let mouth = Mouth::new(encoder, rand::random(), rand::random())?;
        Ok(Self { mouth, ear: Ear::new()?, began: Instant::now(), packets: None })
    }

    /// Hears this stream from now on.
    pub fn hear(&mut self, hearing: Hearing) {
        let (told, packets) = mpsc::channel(PACKETS);
        tokio::spawn(async move {
            while let Some(packet) = hearing.next().await {
                if let Err(mpsc::error::TrySendError::Closed(_)) = told.try_send((packet, Instant::now())) {
                    return;
                }
            }
        });
        self.packets = Some(packets);
    }

    /// Takes samples to be said; says how many.
    pub fn say(&mut self, samples: &[i16]) -> usize {
        self.mouth.push(samples)
    }

    /// Samples that wait to be said.
    pub fn waiting(&self) -> usize {
        self.mouth.waiting()
    }

    /// The next 20 ms: a packet to be sent, unless silence needs none, and what is heard, once anything is.
    ///
    /// # Errors
    /// libopus fails.
    pub fn tick(&mut self) -> Result<(Option<RtpPacket>, Option<Vec<i16>>), CodecError> {
        while let Some((packet, at)) = self.packets.as_mut().and_then(|packets| packets.try_recv().ok()) {
            self.ear.push(packet.into(), micros(at - self.began));
        }
        let heard = self.ear.pull(micros(self.began.elapsed()));
        Ok((self.mouth.tick()?.map(to_packet), heard))
    }

    /// What came and what was made of it.
    pub fn statistics(&self) -> EarStatistics {
        self.ear.statistics()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn to_packet(spoken: Spoken) -> RtpPacket {
    let Spoken { sequence, timestamp, marker, payload, .. } = spoken;
    RtpPacket { ssrc: 0, sequence, timestamp, payload_type: OPUS, marker, payload }
}
