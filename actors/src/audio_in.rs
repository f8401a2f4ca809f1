//! The way of the person's audio into a session: a ring that the socket fills and Ingest empties, and the
//! history at 16 kHz from which the models hear.
//!
//! Both outlive the actors that use them: the Session owns them, so that a new Ingest or Transcriber goes on
//! with what was already said.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use duologue_domain::{pcm::HEARING_RATE, ring::SampleRing};
use tokio::{sync::Notify, time::Instant};

use crate::task::Alive;

/// What the ring holds at most: 30 s, as much as one utterance may last. Live microphones stay under 100 ms;
/// the rest is for clients that send a recording at once.
const CAPACITY_S: usize = 30;

/// A sender that is faster than real time waits when the ring is half full, at most this long; then the oldest
/// audio is dropped, since a stalled Ingest must not stall the socket.
const MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// How much history the models may look back at: a whole utterance of 30 s and its prefix, also when it has to be heard
/// again because its recogniser hung.
const HISTORY_S: usize = 64;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding the lock leaves plain samples behind; they are still samples.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What arrived since the last look.
#[derive(Debug)]
pub struct Arrived {
    /// PCM16 at `rate`.
    pub samples: Vec<i16>,
    /// Hz.
    pub rate: u32,
    /// Samples lost since the last look because the ring was full.
    pub dropped: u64,
    /// When the newest of them arrived.
    pub at: Instant,
}

struct Inbox {
    ring: SampleRing<i16>,
    rate: u32,
    reported_drops: u64,
    at: Instant,
    _alive: Alive,
}

/// The ring between a socket and Ingest. Cloning shares it.
#[derive(Clone)]
pub struct AudioIn {
    inbox: Arc<Mutex<Inbox>>,
    poked: Arc<AtomicBool>,
    drained: Arc<Notify>,
}

impl std::fmt::Debug for AudioIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioIn").field("held", &lock(&self.inbox).ring.len()).finish_non_exhaustive()
    }
}

impl AudioIn {
    /// An empty ring for audio at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        let ring = SampleRing::new(CAPACITY_S * rate as usize);
        let inbox =
            Inbox { ring, rate, reported_drops: 0, at: Instant::now(), _alive: Alive::ring("audio_in") };
        Self {
            inbox: Arc::new(Mutex::new(inbox)),
            poked: Arc::new(AtomicBool::new(false)),
            drained: Arc::new(Notify::new()),
        }
    }

    /// Adds samples; true when the reader has to be told (it was not told since it last drained).
    pub fn push(&self, samples: &[i16]) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.ring.push(samples);
        inbox.at = Instant::now();
        drop(inbox);
        !self.poked.swap(true, Ordering::AcqRel)
    }

    /// Waits until the ring is less than half full, but not for ever.
    pub async fn ready(&self) {
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let drained = self.drained.notified();
            {
                let inbox = lock(&self.inbox);
                if inbox.ring.len() * 2 < CAPACITY_S * inbox.rate as usize {
                    return;
                }
            }
            if tokio::time::timeout_at(deadline, drained).await.is_err() {
                return;
            }
        }
    }

    /// Whether something is in it.
    pub fn is_waiting(&self) -> bool {
        !lock(&self.inbox).ring.is_empty()
    }

    /// Takes everything out and asks to be told again.
    pub fn drain(&self) -> Arrived {
        self.poked.store(false, Ordering::Release);
        let mut inbox = lock(&self.inbox);
        let dropped = inbox.ring.dropped() - inbox.reported_drops;
        inbox.reported_drops = inbox.ring.dropped();
        let arrived = Arrived { samples: inbox.ring.drain(), rate: inbox.rate, dropped, at: inbox.at };
        drop(inbox);
        self.drained.notify_waiters();
        arrived
    }

    /// Changes the rate; what is waiting at the old rate is dropped, the client changed its format on purpose.
    pub fn set_rate(&self, rate: u32) {
        let mut inbox = lock(&self.inbox);
        if inbox.rate != rate {
            inbox.ring = SampleRing::new(CAPACITY_S * rate as usize);
            inbox.rate = rate;
            inbox.reported_drops = 0;
        }
    }
}

/// The last 64 s at 16 kHz, by absolute position: the longest turn, and as long for who has to hear it once more. Cloning
/// shares it.
#[derive(Clone)]
pub struct History(Arc<(Mutex<Kept>, Alive)>);

struct Kept {
    ring: SampleRing<f32>,
    /// From here on somebody has yet to hear it.
    needed: Option<u64>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("end", &self.end()).finish()
    }
}

impl Default for History {
    fn default() -> Self {
        let ring = SampleRing::new(HISTORY_S * HEARING_RATE as usize);
        Self(Arc::new((Mutex::new(Kept { ring, needed: None }), Alive::ring("history"))))
    }
}

impl History {
    /// Appends 16 kHz samples.
    pub fn push(&self, samples: &[f32]) {
        lock(&self.0.0).ring.push(samples);
    }

    /// Position after the newest sample.
    pub fn end(&self) -> u64 {
        lock(&self.0.0).ring.end()
    }

    /// The samples in a range of positions, as far as they are still held.
    pub fn range(&self, from: u64, to: u64) -> Arc<[f32]> {
        lock(&self.0.0).ring.range(from, to).into()
    }

    /// From this position on somebody has yet to hear it, so that it is not forgotten; `None`: nobody has.
    pub fn need_from(&self, position: Option<u64>) {
        lock(&self.0.0).needed = position;
    }

    /// Forgets what nobody will ask for any more.
    pub fn forget_before(&self, position: u64) {
        let mut kept = lock(&self.0.0);
        let position = kept.needed.map_or(position, |needed| needed.min(position));
        kept.ring.forget_before(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pokes_once_until_drained() {
        let audio = AudioIn::new(24_000);
        assert!(audio.push(&[1, 2]));
        assert!(!audio.push(&[3]));
        assert_eq!(audio.drain().samples, [1, 2, 3]);
        assert!(audio.push(&[4]));
    }

    #[tokio::test(start_paused = true)]
    async fn reports_what_it_dropped_once() {
        let audio = AudioIn::new(1_000);
        audio.push(&vec![0; 31_000]);
        assert_eq!(audio.drain().dropped, 1_000);
        assert_eq!(audio.drain().dropped, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_sender_waits_but_not_for_ever() {
        let audio = AudioIn::new(1_000);
        audio.push(&vec![0; 20_000]);
        let before = Instant::now();
        audio.ready().await;
        assert_eq!(before.elapsed(), MAX_WAIT);
        let waiting = tokio::spawn({
            let audio = audio.clone();
            async move { audio.ready().await }
        });
        tokio::task::yield_now().await;
        audio.drain();
        waiting.await.unwrap();
        assert_eq!(before.elapsed(), MAX_WAIT, "woken by the drain, not by the clock");
    }
}
