//! What is heard: packets as they come, samples in real time.

use std::collections::VecDeque;

use duologue_domain::{
    jitter::{Buffer, Config, Packet, Statistics, Step},
    pcm,
};

use super::{CodecError, Decoder, SAMPLES, UNITS};
use crate::track::RtpPacket;

/// Below this a frame counts as quiet, whoever speaks, in dB of full scale.
const QUIET_DB: f32 = -55.0;
/// So far below the loudest of late, a frame is a pause.
const PAUSE_DB: f32 = 30.0;
/// The loudest is forgotten by so much a frame: 2.5 dB in a second.
const FORGET_DB: f32 = 0.05;

/// What came and what was made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EarStatistics {
    /// Of the jitter buffer.
    pub buffer: Statistics,
    /// Packets that looked like Opus and were not.
    pub garbled: u64,
}

/// Jitter buffer and decoder of one incoming stream. [`Ear::push`] what arrives, [`Ear::pull`] every 20 ms; both times
/// are microseconds of one clock.
#[derive(Debug)]
pub struct Ear {
    buffer: Buffer,
    decoder: Decoder,
    /// At most 120 ms and a frame.
    decoded: VecDeque<i16>,
    /// What was left out to catch up, to be blended into what follows.
    left_out: Option<Vec<i16>>,
    begun: bool,
    loudest: f32,
    level: f32,
    garbled: u64,
}

impl Ear {
    /// An ear that nothing has reached.
    ///
    /// # Errors
    /// libopus has no memory.
    pub fn new() -> Result<Self, CodecError> {
        Self::with(Config::default())
    }

    /// An ear with other delays.
    ///
    /// # Errors
    /// libopus has no memory.
    pub fn with(config: Config) -> Result<Self, CodecError> {
        Ok(Self {
            buffer: Buffer::new(config),
            decoder: Decoder::new()?,
            decoded: VecDeque::new(),
            left_out: None,
            begun: false,
            loudest: QUIET_DB,
            level: QUIET_DB,
            garbled: 0,
        })
    }

    /// A packet came. Nothing that comes can do harm; see [`Buffer::push`].
    pub fn push(&mut self, packet: Packet, arrival_us: u64) {
        self.buffer.push(packet, arrival_us);
    }

    /// The next [`SAMPLES`]; `None` before the first packet is due. From then on there is always sound: of a silent
    /// sender its comfort noise, of a lost one silence, so that who counts samples keeps the time.
    pub fn pull(&mut self, now_us: u64) -> Option<Vec<i16>> {
        while self.decoded.len() < SAMPLES {
            let is_quiet = self.level < QUIET_DB || self.level < self.loudest - PAUSE_DB;
            let step = self.buffer.pull(now_us, is_quiet);
            if step == Step::Wait && !self.begun {
                return None;
            }
            self.begun = true;
            self.take(step);
        }
        Some(self.decoded.drain(..SAMPLES).collect())
    }

    /// What can be heard by now, in pieces of any length: for who listens and plays nothing to anybody, see
    /// [`Buffer::take`]. One ear is pulled from or taken from, not both.
    pub fn hear(&mut self, now_us: u64) -> Vec<i16> {
        // Bounded by what waits in the buffer, and by how long nothing came.
        while let Some(step) = self.buffer.take(now_us) {
            self.take(step);
        }
        self.decoded.drain(..).collect()
    }

    /// What came so far, and how long it waits.
    pub fn statistics(&self) -> EarStatistics {
        EarStatistics { buffer: self.buffer.statistics(), garbled: self.garbled }
    }

    fn take(&mut self, step: Step) {
        let sound = match step {
            Step::Play(packet) => self.decode(&packet),
            Step::Skip(packet) => {
                self.left_out = Some(self.decode(&packet));
                return;
            }
            Step::Recover { from, span } => {
                let samples = (span / UNITS) as usize;
                let recovered = self.decoder.recover(&from.payload, samples);
                recovered.unwrap_or_else(|_| self.decoder.conceal(samples))
            }
            Step::Conceal { span } => self.decoder.conceal((span / UNITS) as usize),
            Step::Wait => vec![0; SAMPLES],
        };
        let sound = match self.left_out.take() {
            Some(before) => blend(&before, sound),
            None => sound,
        };
        self.listen(&sound);
        self.decoded.extend(sound);
    }

    /// The packet's sound; for one that is none, as much of a concealment as it claimed to be.
    fn decode(&mut self, packet: &Packet) -> Vec<i16> {
        match self.decoder.decode(&packet.payload) {
            Ok(sound) if !sound.is_empty() => sound,
            _ => {
                self.garbled += 1;
                let span = duologue_domain::jitter::span(&packet.payload);
                self.decoder.conceal(span.map_or(SAMPLES, |span| (span / UNITS) as usize))
            }
        }
    }

    fn listen(&mut self, sound: &[i16]) {
        let samples = sound.iter().copied().map(pcm::to_float).collect::<Vec<_>>();
        self.level = pcm::level_db(&samples);
        self.loudest = self.level.max(self.loudest - FORGET_DB);
    }
}

/// Goes over from what was left out to what follows it, so that nothing clicks.
fn blend(before: &[i16], mut after: Vec<i16>) -> Vec<i16> {
    let length = before.len().min(after.len());
    for (idx, (sample, old)) in after.iter_mut().zip(before).enumerate() {
        let share = (idx + 1) as f32 / (length + 1) as f32;
        *sample = (f32::from(*old) * (1.0 - share) + f32::from(*sample) * share) as i16;
    }
    after
}

impl From<RtpPacket> for Packet {
    fn from(packet: RtpPacket) -> Self {
        let RtpPacket { ssrc, sequence, timestamp, payload, .. } = packet;
        Self { ssrc, sequence, timestamp, payload }
    }
}
