//! What is said: samples in pieces of any length, packets in real time.

use std::collections::VecDeque;

use super::{CodecError, Encoder, EncoderConfig, RATE, SAMPLES, UNITS};

/// Samples that wait at most: 2 s, what a session sends ahead.
const CAPACITY: usize = 2 * RATE as usize;

/// A packet to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Counts packets that were made to be sent, without gaps.
    pub sequence: u16,
    /// Place of its first sample in units of 48 kHz; goes on in silence.
    pub timestamp: u32,
    /// The first one after a silence (RFC 3551 §4.1).
    pub marker: bool,
    /// How many of its samples were pushed; the rest is silence.
    pub samples: usize,
    /// One packet of Opus.
    pub payload: Vec<u8>,
}

/// Framing and encoder of one outgoing stream: [`Mouth::push`] what is to be said, [`Mouth::tick`] every 20 ms.
#[derive(Debug)]
pub struct Mouth {
    encoder: Encoder,
    waiting: VecDeque<i16>,
    sequence: u16,
    timestamp: u32,
    said: u64,
    /// The last tick had nothing to send.
    silent: bool,
    /// The place of the last tick is free: nothing was sent for it.
    free: bool,
}

impl Mouth {
    /// A mouth whose first packet has this sequence number and timestamp; RFC 3550 §5.1 wants them chosen by chance.
    ///
    /// # Errors
    /// libopus has no memory, or refuses a value.
    pub fn new(config: EncoderConfig, sequence: u16, timestamp: u32) -> Result<Self, CodecError> {
        let encoder = Encoder::new(config)?;
        Ok(Self {
            encoder,
            waiting: VecDeque::new(),
            sequence,
            timestamp,
            said: 0,
            silent: true,
            free: false,
        })
    }

    /// Takes samples; says how many. At most 2 s wait; whoever has more waits too.
    pub fn push(&mut self, samples: &[i16]) -> usize {
        let taken = samples.len().min(self.room());
        self.waiting.extend(samples.iter().take(taken));
        taken
    }

    /// Samples that can be taken.
    pub fn room(&self) -> usize {
        CAPACITY - self.waiting.len()
    }

    /// Samples taken out so far to be sent, or not to be sent because they were silent; in all, what was pushed less what
    /// waits and what was cleared.
    pub fn said(&self) -> u64 {
        self.said
    }

    /// Samples that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next 20 ms: of what waits, and silence where it ends. `None` when there is nothing to send, which lasts as
    /// long.
    ///
    /// # Errors
    /// libopus fails; the 20 ms are lost then.
    pub fn tick(&mut self) -> Result<Option<Spoken>, CodecError> {
        let samples = self.waiting.len().min(SAMPLES);
        self.said += samples as u64;
        let mut frame = self.waiting.drain(..samples).collect::<Vec<_>>();
        frame.resize(SAMPLES, 0);
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(SAMPLES as u32 * UNITS);
        let payload = self.encoder.encode(&frame)?;
        let marker = std::mem::replace(&mut self.silent, payload.is_empty());
        self.free = self.silent;
        if payload.is_empty() {
            return Ok(None);
        }
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Ok(Some(Spoken { sequence, timestamp, marker, samples, payload }))
    }

    /// What comes next takes the place of the last tick instead of the one after it, if nothing was sent for that: its 20 ms
    /// are not over yet, and who hears it has not come to them. Says whether it does.
    pub fn take_back(&mut self) -> bool {
        if self.free {
            self.timestamp = self.timestamp.wrapping_sub(SAMPLES as u32 * UNITS);
        }
        std::mem::take(&mut self.free)
    }

    /// Forgets what waits; says how many samples.
    pub fn clear(&mut self) -> usize {
        let forgotten = self.waiting.len();
        self.waiting.clear();
        forgotten
    }

    /// What the far end reports to miss, in percent.
    ///
    /// # Errors
    /// As for [`Encoder::set_expected_loss`].
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        self.encoder.set_expected_loss(percent)
    }
}
