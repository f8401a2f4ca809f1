//! The way out of a session: one queue in the order in which things happened, with events and audio.
//!
//! Audio is bounded by time and makes its producer wait; it carries its turn, and what belongs to an older turn
//! than the live one never leaves. Events are small and must not be lost, so they never wait; a client that lets
//! [`MAX_EVENTS`] pile up is not reading and is cut off, which the session survives.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use duologue_domain::turn::TurnId;
use tokio::sync::Notify;

use crate::event::SessionEvent;

/// More than any scene produces within a minute.
pub const MAX_EVENTS: usize = 4096;

/// Audio that may wait for the socket: half a second, since what waits here cannot be played yet.
const MAX_AUDIO_SAMPLES: usize = 12_000;

/// A piece of the persona's speech.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFrame {
    /// Its turn.
    pub turn: TurnId,
    /// Its reply.
    pub response: Arc<str>,
    /// Its item.
    pub item: Arc<str>,
    /// Position of the first sample in the item.
    pub offset: u64,
    /// PCM16 at 24 kHz.
    pub samples: Vec<i16>,
}

/// What leaves a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    /// An event.
    Event(Box<SessionEvent>),
    /// Speech.
    Audio(OutFrame),
}

/// A frame of a turn that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

#[derive(Default)]
struct State {
    queue: VecDeque<Outgoing>,
    audio_samples: usize,
    live: TurnId,
    stale_dropped: u64,
    overflowed: bool,
    closed: bool,
    reader: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
}

/// The queue. Cloning shares it.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Shared>);

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("queued", &self.lock().queue.len()).finish_non_exhaustive()
    }
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The session has ended.
    Ended,
    /// The reader was too slow; what was queued is gone.
    Overflowed,
    /// Another reader took over.
    Replaced,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event.
    pub fn event(&self, event: SessionEvent) {
        let mut state = self.lock();
        if state.closed || state.overflowed {
            return;
        }
        state.queue.push_back(Outgoing::Event(Box::new(event)));
        if state.queue.len() > MAX_EVENTS {
            state.overflowed = true;
            state.queue.clear();
            state.audio_samples = 0;
        }
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// Queues speech, waiting for room; refuses what belongs to a superseded turn.
    pub async fn audio(&self, frame: OutFrame) -> Result<(), Stale> {
        loop {
            let emptied = self.0.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            {
                let mut state = self.lock();
                if frame.turn < state.live || state.closed || state.overflowed {
                    state.stale_dropped += 1;
                    return Err(Stale);
                }
                if state.audio_samples < MAX_AUDIO_SAMPLES {
                    state.audio_samples += frame.samples.len();
                    state.queue.push_back(Outgoing::Audio(frame));
                    drop(state);
                    self.0.filled.notify_waiters();
                    return Ok(());
                }
            }
            emptied.await;
        }
    }

    /// Makes `turn` the live one: audio of older turns leaves the queue and is refused from now on.
    pub fn supersede(&self, turn: TurnId) {
        let mut state = self.lock();
        state.live = state.live.max(turn);
        let live = state.live;
        let before = state.queue.len();
        state.queue.retain(|outgoing| !matches!(outgoing, Outgoing::Audio(frame) if frame.turn < live));
        state.stale_dropped += (before - state.queue.len()) as u64;
        state.audio_samples = state
            .queue
            .iter()
            .map(|outgoing| if let Outgoing::Audio(frame) = outgoing { frame.samples.len() } else { 0 })
            .sum();
        drop(state);
        self.0.emptied.notify_waiters();
    }

    /// A new reader: the one before it ends, and an overflow is forgiven.
    pub fn attach(&self) -> u64 {
        let mut state = self.lock();
        state.reader += 1;
        state.overflowed = false;
        let reader = state.reader;
        drop(state);
        self.0.filled.notify_waiters();
        reader
    }

    /// Whether `reader` is still the one who reads.
    pub fn is_reader(&self, reader: u64) -> bool {
        self.lock().reader == reader
    }

    /// The next thing to send to `reader`; waits for one.
    pub async fn next(&self, reader: u64) -> Result<Outgoing, Closed> {
        loop {
            let filled = self.0.filled.notified();
            tokio::pin!(filled);
            filled.as_mut().enable();
            {
                let mut state = self.lock();
                if state.reader != reader {
                    return Err(Closed::Replaced);
                }
                if state.overflowed {
                    return Err(Closed::Overflowed);
                }
                if let Some(outgoing) = state.queue.pop_front() {
                    if let Outgoing::Audio(frame) = &outgoing {
                        state.audio_samples -= frame.samples.len();
                        self.0.emptied.notify_waiters();
                    }
                    return Ok(outgoing);
                }
                if state.closed {
                    return Err(Closed::Ended);
                }
            }
            filled.await;
        }
    }

    /// Lets the reader finish what is queued and then end.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.filled.notify_waiters();
        self.0.emptied.notify_waiters();
    }

    /// How many frames were dropped because their turn was over.
    pub fn stale_dropped(&self) -> u64 {
        self.lock().stale_dropped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(turn: u64, samples: usize) -> OutFrame {
        OutFrame {
            turn: TurnId(turn),
            response: "r".into(),
            item: "i".into(),
            offset: 0,
            samples: vec![0; samples],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_an_old_turn_leaves() {
        let outbox = Outbox::default();
        let reader = outbox.attach();
        outbox.audio(frame(1, 10)).await.unwrap();
        outbox.event(SessionEvent::Cleared);
        outbox.supersede(TurnId(2));
        assert_eq!(outbox.audio(frame(1, 10)).await, Err(Stale));
        outbox.audio(frame(2, 10)).await.unwrap();
        assert_eq!(outbox.next(reader).await, Ok(Outgoing::Event(Box::new(SessionEvent::Cleared))));
        assert!(matches!(outbox.next(reader).await, Ok(Outgoing::Audio(frame)) if frame.turn == TurnId(2)));
        assert_eq!(outbox.stale_dropped(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn audio_waits_for_the_reader_and_is_freed_by_a_new_turn() {
        let outbox = Outbox::default();
        outbox.audio(frame(1, MAX_AUDIO_SAMPLES)).await.unwrap();
        let full = tokio::time::timeout(Duration::from_secs(1), outbox.audio(frame(1, 1))).await;
        assert!(full.is_err(), "no room");
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.audio(frame(1, 1)).await }
        });
        tokio::task::yield_now().await;
        outbox.supersede(TurnId(2));
        assert_eq!(waiting.await.unwrap(), Err(Stale));
        outbox.audio(frame(2, 1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_never_reads_is_cut_off_without_growth() {
        let outbox = Outbox::default();
        let reader = outbox.attach();
        for _ in 0..MAX_EVENTS * 3 {
            outbox.event(SessionEvent::Cleared);
        }
        assert_eq!(outbox.next(reader).await, Err(Closed::Overflowed));
        let next_reader = outbox.attach();
        outbox.event(SessionEvent::Cleared);
        assert_eq!(outbox.next(reader).await, Err(Closed::Replaced));
        assert!(outbox.next(next_reader).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_delivers_what_is_queued() {
        let outbox = Outbox::default();
        let reader = outbox.attach();
        outbox.event(SessionEvent::Cleared);
        outbox.close();
        assert!(outbox.next(reader).await.is_ok());
        assert_eq!(outbox.next(reader).await, Err(Closed::Ended));
    }
}
