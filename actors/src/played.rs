//! What the person is hearing of the persona: a handle that Speaker fills, that the Session keeps in time, and with
//! which Ingest tells the persona's own voice from the person's.
//!
//! Held are energies in a few bands, not sound: 1.5 KiB a second, at most [`HOPS`] of it, and nothing at all while
//! no reply is audible. Full policy: the oldest goes, nobody will compare with it any more.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duologue_domain::{
    echo::{BandMeter, Bands, HOP_MS, SILENCE},
    pcm::to_float,
    turn::TurnId,
};
use duologue_engines::port::SPEECH_RATE;
use tokio::time::Instant;

/// Hops kept: 8 s. Audio leaves at most 1.5 s ahead of real time, a hold lasts at most 4 s.
const HOPS: usize = 8_000 / HOP_MS as usize;

/// Samples of one hop at the voice's rate.
const HOP: u64 = SPEECH_RATE as u64 * HOP_MS / 1000;

/// Hops before the one being played that are still of use: the echo's lag is counted from now on, so hardly any.
const BEHIND: u64 = 32;

/// Reports of the playout clock differ by the network's jitter; below this they are blended, above it they are a
/// jump: the client paused or seeks.
const JITTER: Duration = Duration::from_millis(120);

/// The handle. Cloning shares it.
#[derive(Clone, Default)]
pub struct PlayedAudio(Arc<Mutex<Option<Box<Played>>>>);

impl std::fmt::Debug for PlayedAudio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlayedAudio").field("audible", &self.lock().is_some()).finish()
    }
}

struct Played {
    turn: TurnId,
    meter: BandMeter,
    /// Number of the first hop in `hops`, from the beginning of the item.
    first: u64,
    hops: VecDeque<Bands>,
    /// Position after the newest sample.
    end: u64,
    clock: Option<Clock>,
    /// Power gain at the client while it is ducked, and since when it is held.
    gain: f32,
    held_since: Option<Instant>,
}

/// At `at` the client played the sample `offset`.
#[derive(Clone, Copy)]
struct Clock {
    offset: f64,
    at: Instant,
}

impl Clock {
    fn offset_at(self, at: Instant) -> f64 {
        let rate = f64::from(SPEECH_RATE);
        match at.checked_duration_since(self.at) {
            Some(later) => self.offset + later.as_secs_f64() * rate,
            None => self.offset - self.at.duration_since(at).as_secs_f64() * rate,
        }
    }
}

impl PlayedAudio {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Played>>> {
        // A panic while holding the lock leaves plain figures behind; they are still figures.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples of the item of `turn` are on their way to the client; the first of them has position `offset`.
    /// A newer turn replaces what is held of an older one; an older turn's samples are ignored.
    pub fn push(&self, turn: TurnId, offset: u64, samples: &[i16]) {
        let mut held = self.lock();
        if held.as_ref().is_none_or(|played| played.turn < turn) {
            *held = Some(Box::new(Played::new(turn, offset)));
        }
        if let Some(played) = held.as_mut().filter(|played| played.turn == turn) {
            played.push(offset, samples);
        }
    }

    /// At `at` the client was playing the sample `offset_samples` of the item of `turn`.
    pub fn set_clock(&self, turn: TurnId, offset_samples: u64, at: Instant) {
        if let Some(played) = self.lock().as_mut().filter(|played| played.turn == turn) {
            played.set_clock(offset_samples as f64, at);
        }
    }

    /// The client plays with this gain from now on: 1 is as usual.
    pub fn duck(&self, gain: f32) {
        if let Some(played) = self.lock().as_mut() {
            played.gain = gain * gain;
        }
    }

    /// The client was told at `at` to pause.
    pub fn hold(&self, at: Instant) {
        if let Some(played) = self.lock().as_mut() {
            played.held_since.get_or_insert(at);
        }
    }

    /// The client was told at `at` to go on from where it paused, as loud as usual.
    pub fn restore(&self, at: Instant) {
        if let Some(played) = self.lock().as_mut() {
            played.gain = 1.0;
            if let (Some(since), Some(clock)) = (played.held_since.take(), &mut played.clock) {
                let offset = clock.offset_at(since);
                *clock = Clock { offset, at };
            }
        }
    }

    /// Nothing is audible any more.
    pub fn stop(&self) {
        *self.lock() = None;
    }

    /// What was being played at `at`, by the newest report; silence when nothing was.
    pub fn at(&self, at: Instant) -> Bands {
        self.lock().as_mut().map_or(SILENCE, |played| played.at(at))
    }
}

impl Played {
    fn new(turn: TurnId, offset: u64) -> Self {
        Self {
            turn,
            meter: BandMeter::new(SPEECH_RATE),
            first: offset.div_ceil(HOP),
            hops: VecDeque::new(),
            end: offset,
            clock: None,
            gain: 1.0,
            held_since: None,
        }
    }

    fn push(&mut self, offset: u64, samples: &[i16]) {
        if offset != self.end {
            // A new Speaker goes on elsewhere: what was measured so far does not join on.
            self.meter = BandMeter::new(SPEECH_RATE);
            self.hops.clear();
            self.first = offset.div_ceil(HOP);
        }
        self.end = offset + samples.len() as u64;
        self.hops.extend(self.meter.handle_samples(samples.iter().copied().map(to_float)));
        let excess = self.hops.len().saturating_sub(HOPS);
        self.hops.drain(..excess);
        self.first += excess as u64;
    }

    fn set_clock(&mut self, offset: f64, at: Instant) {
        let rate = f64::from(SPEECH_RATE);
        // While it is held, the report says where: playing goes on from there.
        let told = match self.held_since {
            Some(since) => Clock { offset, at: since },
            None => Clock { offset, at },
        };
        let expected = self.clock.map(|clock| clock.offset_at(told.at));
        self.clock = Some(match expected {
            Some(expected) if (offset - expected).abs() < JITTER.as_secs_f64() * rate => {
                Clock { offset: expected + (offset - expected) / 8.0, at: told.at }
            }
            _ => told,
        });
    }

    fn at(&mut self, at: Instant) -> Bands {
        let Some(clock) = self.clock else { return SILENCE };
        if self.held_since.is_some_and(|since| at >= since) {
            return SILENCE;
        }
        let offset = clock.offset_at(at);
        if offset < 0.0 {
            return SILENCE;
        }
        let hop = offset as u64 / HOP;
        let stale = hop.saturating_sub(BEHIND).saturating_sub(self.first);
        let stale = usize::try_from(stale).unwrap_or(usize::MAX).min(self.hops.len());
        self.hops.drain(..stale);
        self.first += stale as u64;
        let index = hop.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let bands = index.and_then(|index| self.hops.get(index)).copied().unwrap_or(SILENCE);
        bands.map(|power| power * self.gain)
    }
}

#[cfg(test)]
mod tests;
