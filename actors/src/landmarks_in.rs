//! The way of a face's landmarks into a session: a ring of frames between a socket and Face.
//!
//! Like [`crate::audio_in`] it outlives the actor that reads it. A frame is worth nothing once the next ones are there,
//! so the ring drops the oldest; faster than [`MOST_PER_S`] nothing is taken at all. What is not taken is counted.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use duologue_domain::face::Frame;
use tokio::{sync::Notify, time::Instant};

use crate::task::Alive;

/// What one client may send: twice what cameras give. A face says nothing new in less than 16 ms.
pub const MOST_PER_S: u32 = 60;

/// What may come at once after a stall of the network: half a second of it.
const BURST: f32 = 30.0;

/// Frames that wait at most: two seconds at the highest rate, 90 KB. A Face that is behind by more has died, and the
/// next one need not see what happened meanwhile.
const CAPACITY: usize = 2 * MOST_PER_S as usize;

/// A sender's clock that is off its own past by more was set, or belongs to another camera.
const CLOCK_JUMP: Duration = Duration::from_secs(2);

/// How much later the mapping of a sender's clock may become with each second: clocks of cameras drift by less than
/// 1 ms a second, and the shortest way through a network is found again in seconds.
const DRIFT_PER_S: f32 = 0.001;

/// A frame with the time at which it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmarks {
    /// On our clock: when the sender saw it, as far as their clock tells, and never later than it arrived.
    pub at: Instant,
    /// What was seen.
    pub frame: Frame,
}

#[derive(Debug)]
struct Inbox {
    frames: VecDeque<Landmarks>,
    clock: SenderClock,
    /// Frames that may be taken now.
    allowance: f32,
    refilled: Instant,
    dropped: u64,
    _alive: Alive,
}

/// The ring. Cloning shares it.
#[derive(Clone, Debug)]
pub struct LandmarksIn {
    inbox: Arc<Mutex<Inbox>>,
    arrived: Arc<Notify>,
    wanted: Arc<AtomicBool>,
}

impl Default for LandmarksIn {
    fn default() -> Self {
        let inbox = Inbox {
            frames: VecDeque::new(),
            clock: SenderClock::default(),
            allowance: BURST,
            refilled: Instant::now(),
            dropped: 0,
            _alive: Alive::ring("landmarks"),
        };
        let wanted = Arc::new(AtomicBool::new(true));
        Self { inbox: Arc::new(Mutex::new(inbox)), arrived: Arc::new(Notify::new()), wanted }
    }
}

impl LandmarksIn {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // A panic while holding the lock leaves whole frames behind.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame that the sender saw at `sent_us` of its own clock; false when it came too fast and was dropped.
    pub fn push(&self, sent_us: u64, frame: Frame) -> bool {
        let now = Instant::now();
        let mut inbox = self.lock();
        let refill = now.duration_since(inbox.refilled).as_secs_f32() * MOST_PER_S as f32;
        inbox.refilled = now;
        inbox.allowance = (inbox.allowance + refill).min(BURST);
        let at = inbox.clock.map(now, sent_us);
        if inbox.allowance < 1.0 {
            inbox.dropped += 1;
            drop(inbox);
            metrics::counter!("landmarks_dropped_total", "why" => "too_fast").increment(1);
            return false;
        }
        inbox.allowance -= 1.0;
        if inbox.frames.len() >= CAPACITY {
            inbox.frames.pop_front();
            inbox.dropped += 1;
            metrics::counter!("landmarks_dropped_total", "why" => "full").increment(1);
        }
        inbox.frames.push_back(Landmarks { at, frame });
        drop(inbox);
        self.arrived.notify_one();
        true
    }

    /// Says whether faces may be looked at; they may until it is said.
    pub fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Whether faces may be looked at: if not, nobody need look for landmarks in a picture.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Whether there ever was a frame.
    pub fn has_begun(&self) -> bool {
        self.lock().clock.anchor.is_some()
    }

    /// Whether frames wait to be taken out.
    pub fn is_waiting(&self) -> bool {
        !self.lock().frames.is_empty()
    }

    /// Waits until something was added since the last wait; returns at once if it was.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes everything out, oldest first.
    pub fn drain(&self) -> Vec<Landmarks> {
        self.lock().frames.drain(..).collect()
    }

    /// How many frames were dropped, of either reason.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

/// Maps a sender's clock onto ours by the frame that was quickest through the network, so that what waited on the way
/// keeps its distance from the others: a blink is as long as it was.
#[derive(Debug, Default)]
struct SenderClock {
    /// A pair of times that belong together.
    anchor: Option<(Instant, u64)>,
}

impl SenderClock {
    fn map(&mut self, now: Instant, sent_us: u64) -> Instant {
        let expected = self.anchor.and_then(|(at, at_us)| {
            let since = Duration::from_micros(sent_us.checked_sub(at_us)?);
            at.checked_add(since + since.mul_f32(DRIFT_PER_S))
        });
        let mapped = match expected {
            Some(expected) if expected <= now && now.duration_since(expected) <= CLOCK_JUMP => expected,
            // Quicker than the quickest so far, or a clock that was set.
            _ => now,
        };
        self.anchor = Some((mapped, sent_us));
        mapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u16) -> Frame {
        Frame::empty(width, 360)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_frames_a_second_are_dropped_and_counted() {
        let ring = LandmarksIn::default();
        let mut taken = 0;
        for index in 0..2_000_u64 {
            tokio::time::advance(Duration::from_millis(1)).await;
            taken += u32::from(ring.push(index * 1_000, frame(1)));
        }
        // Two seconds of it, and the burst.
        assert!((2 * MOST_PER_S..=2 * MOST_PER_S + 31).contains(&taken), "{taken}");
        assert!(ring.dropped() >= u64::from(2_000 - taken));
        assert!(ring.drain().len() <= CAPACITY);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_drops_the_oldest() {
        let ring = LandmarksIn::default();
        for index in 0..200_u64 {
            tokio::time::advance(Duration::from_millis(33)).await;
            assert!(ring.push(index * 33_000, frame(index as u16)));
        }
        let held = ring.drain();
        assert_eq!((held.len(), held[0].frame.width, ring.dropped()), (CAPACITY, 80, 80));
        assert!(ring.drain().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_woken_once_for_all_that_came() {
        let ring = LandmarksIn::default();
        ring.push(0, frame(1));
        ring.push(1, frame(2));
        ring.arrived().await;
        assert_eq!(ring.drain().len(), 2);
        let quiet = tokio::time::timeout(Duration::from_secs(1), ring.arrived()).await;
        assert!(quiet.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn frames_keep_the_distance_at_which_they_were_seen() {
        let ring = LandmarksIn::default();
        let began = Instant::now();
        // Seen every 33 ms; the network holds some of them up.
        for (index, late_ms) in [0_u64, 80, 50, 20, 0, 0, 60, 30, 0].into_iter().enumerate() {
            let seen = 10 + index as u64 * 33;
            let arrives = began + Duration::from_millis(seen + 5 + late_ms);
            tokio::time::advance(arrives.saturating_duration_since(Instant::now())).await;
            ring.push(7_000_000 + seen * 1_000, frame(1));
        }
        let held = ring.drain();
        let gaps = held.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_millis());
        assert!(gaps.clone().all(|gap| (32..=34).contains(&gap)), "{:?}", gaps.collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_begins_anew() {
        let ring = LandmarksIn::default();
        for sent_us in [5_000_000, 5_033_000, 900_000_000, 900_033_000, 10, u64::MAX, 20] {
            tokio::time::advance(Duration::from_millis(33)).await;
            ring.push(sent_us, frame(1));
            let held = ring.drain();
            assert!(held[0].at <= Instant::now() && held[0].at.elapsed() < Duration::from_millis(5));
        }
    }
}
