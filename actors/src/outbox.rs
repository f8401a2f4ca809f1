//! The way out of a session: one queue in the order in which things happened, with events and audio, and behind it
//! a log of what was sent.
//!
//! Audio is bounded by time and makes its producer wait; it carries its turn, and what belongs to an older turn
//! than the live one never leaves. Events are small and must not be lost, so they never wait; a client that lets
//! [`MAX_EVENTS`] or [`MAX_EVENT_BYTES`] pile up is cut off, which the session survives: it rebuilds when it is back.
//!
//! What leaves gets the next number of the session and goes into the log, from where a client that lost its
//! connection gets what it missed. Clients acknowledge (a WebSocket's pongs do it for them), and speech runs at most
//! [`MAX_UNHEARD`] ahead of what has arrived: with nobody there, or behind a dead network, it waits. Only what steers the
//! play overtakes it then.

mod log;
#[cfg(test)]
mod tests;
mod weight;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use duologue_domain::turn::TurnId;
use tokio::sync::Notify;

use self::{log::Log, weight::weight};
pub use self::{log::Numbered, weight::numbers};
use crate::{event::SessionEvent, task::Alive};

/// More than any scene produces within a minute.
pub const MAX_EVENTS: usize = 4096;

/// As many as an unread scene of some minutes has; the limit that holds when events are large.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;

/// Audio that may wait for the socket: half a second, since what waits here cannot be played yet.
const MAX_AUDIO_SAMPLES: usize = 12_000;

/// Speech that may be on its way without having arrived: two seconds, more than a slow network holds, and what a
/// resume can replay.
pub const MAX_UNHEARD: usize = 48_000;

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
    /// PCM16 at 24 kHz. Empty when it is replayed after its turn was superseded: then only its place counts.
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

/// How a client comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It begins anew.
    Fresh,
    /// It gets what came after the number that it knew.
    Resumed,
    /// What it missed is not known any more: it has to rebuild.
    Gap,
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

#[derive(Default)]
struct State {
    queue: VecDeque<Outgoing>,
    log: Log,
    audio_samples: usize,
    event_bytes: usize,
    live: TurnId,
    stale_dropped: u64,
    overflowed: bool,
    /// Something was dropped that a resume would have to replay.
    lost: bool,
    closed: bool,
    reader: u64,
    /// Whether that reader is still there.
    is_read: bool,
    /// Whether it hears sound apart from its events.
    apart: bool,
}

impl State {
    /// The next thing for the reader, if there is one that may go now.
    fn take(&mut self) -> Option<Numbered> {
        if let Some(replayed) = self.log.replay() {
            return Some(replayed);
        }
        let waits =
            matches!(self.queue.front(), Some(Outgoing::Audio(_))) && self.log.unheard() >= MAX_UNHEARD;
        // Sound that is held arrives at nobody's ears before it is let go, so what lets it go may not wait behind it.
        let next = if waits { self.queue.iter().position(steers)? } else { 0 };
        let outgoing = self.queue.remove(next)?;
        self.leave(&outgoing);
        Some(self.log.push(outgoing))
    }

    fn enter(&mut self, outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Audio(frame) => self.audio_samples += frame.samples.len(),
            Outgoing::Event(_) => self.event_bytes += weight(outgoing),
        }
    }

    fn leave(&mut self, outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Audio(frame) => self.audio_samples -= frame.samples.len(),
            Outgoing::Event(_) => self.event_bytes -= weight(outgoing),
        }
    }

    /// Drops from the queue what `keep` refuses.
    fn retain(&mut self, keep: impl Fn(&Outgoing) -> bool) -> usize {
        let (kept, dropped) = std::mem::take(&mut self.queue).into_iter().partition::<VecDeque<_>, _>(keep);
        self.queue = kept;
        for outgoing in &dropped {
            self.leave(outgoing);
        }
        dropped.len()
    }

    fn new_reader(&mut self) -> u64 {
        self.reader += 1;
        self.is_read = true;
        self.apart = false;
        self.overflowed = false;
        self.reader
    }
}

/// What changes how sound is played that has left, and belongs to no place in it.
fn steers(outgoing: &Outgoing) -> bool {
    let Outgoing::Event(event) = outgoing else { return false };
    matches!(**event, SessionEvent::Duck { .. } | SessionEvent::Hold { .. } | SessionEvent::Restore { .. })
}

struct Shared {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
    _alive: Alive,
}

impl Default for Shared {
    fn default() -> Self {
        let (state, filled, emptied) = Default::default();
        Self { state, filled, emptied, _alive: Alive::ring("outbox") }
    }
}

/// The queue. Cloning shares it.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Shared>);

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("queued", &self.lock().queue.len()).finish_non_exhaustive()
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event.
    pub fn event(&self, event: SessionEvent) {
        let mut state = self.lock();
        if state.closed || state.overflowed {
            state.lost = true;
            return;
        }
        let outgoing = Outgoing::Event(Box::new(event));
        state.enter(&outgoing);
        state.queue.push_back(outgoing);
        if state.queue.len() > MAX_EVENTS || state.event_bytes > MAX_EVENT_BYTES {
            state.overflowed = true;
            state.lost = true;
            state.queue = VecDeque::new();
            state.audio_samples = 0;
            state.event_bytes = 0;
        }
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// Queues events before everything else, in their order: what a client is told first.
    pub fn events_first(&self, events: Vec<SessionEvent>) {
        let mut state = self.lock();
        for event in events.into_iter().rev() {
            let outgoing = Outgoing::Event(Box::new(event));
            state.enter(&outgoing);
            state.queue.push_front(outgoing);
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
                    let outgoing = Outgoing::Audio(frame);
                    state.enter(&outgoing);
                    state.queue.push_back(outgoing);
                    drop(state);
                    self.0.filled.notify_waiters();
                    return Ok(());
                }
            }
            emptied.await;
        }
    }

    /// Whether speech waits for room: whoever speaks is held up by the reader.
    pub fn is_full(&self) -> bool {
        self.lock().audio_samples >= MAX_AUDIO_SAMPLES
    }

    /// Makes `turn` the live one: audio of older turns leaves the queue and the log, and is refused from now on.
    pub fn supersede(&self, turn: TurnId) {
        let mut state = self.lock();
        state.live = state.live.max(turn);
        let live = state.live;
        let dropped =
            state.retain(|outgoing| !matches!(outgoing, Outgoing::Audio(frame) if frame.turn < live));
        state.stale_dropped += dropped as u64;
        state.log.supersede(live);
        drop(state);
        self.0.emptied.notify_waiters();
        self.0.filled.notify_waiters();
    }

    /// A new reader in this process, which needs no replay: the one before it ends, and an overflow is forgiven.
    pub fn attach(&self) -> u64 {
        let mut state = self.lock();
        state.log.settle();
        let reader = state.new_reader();
        drop(state);
        self.0.filled.notify_waiters();
        reader
    }

    /// A new reader behind a network: from the beginning, or from what came after the number `resume`. After a gap
    /// the events that wait are gone (the caller tells what there is); speech that waits is not.
    pub fn connect(&self, resume: Option<u64>) -> (u64, Joined) {
        let mut state = self.lock();
        let was_apart = state.apart;
        let reader = state.new_reader();
        let lost = std::mem::take(&mut state.lost);
        if was_apart {
            // It was played as it arrived.
            state.log.forget_sound(0);
        }
        let joined = match resume {
            None => Joined::Fresh,
            Some(number) if !lost && state.log.rewind(number) => Joined::Resumed,
            Some(_) => Joined::Gap,
        };
        match joined {
            Joined::Fresh => state.log.settle(),
            // Events overtake the sound of a call: their numbers do not say that what came before was heard.
            Joined::Resumed if was_apart => {}
            Joined::Resumed => state.log.acknowledge(resume.unwrap_or_default()),
            Joined::Gap => {
                state.log.settle();
                state.retain(|outgoing| matches!(outgoing, Outgoing::Audio(_)));
            }
        }
        drop(state);
        self.0.filled.notify_waiters();
        (reader, joined)
    }

    /// `reader` hears sound apart from its events, as in a call: whatever it resumed after, sound that has not arrived
    /// comes again, amid events that are known. To be said before it reads.
    pub fn hear_apart(&self, reader: u64) {
        let mut state = self.lock();
        if state.reader == reader {
            state.apart = true;
            state.log.rewind_sound();
        }
    }

    /// `reader`, who hears sound apart, was out of reach for a while: sound that has not arrived comes again, amid events
    /// of which nothing is to be told. Answers the number with which that begins; none for who was replaced.
    pub fn hear_again(&self, reader: u64) -> Option<u64> {
        let mut state = self.lock();
        let from = (state.reader == reader).then(|| state.log.repeat_sound());
        drop(state);
        self.0.filled.notify_waiters();
        from
    }

    /// `reader` has gone. False when it had been replaced.
    pub fn detach(&self, reader: u64) -> bool {
        let mut state = self.lock();
        let was_it = state.reader == reader;
        state.is_read &= !was_it;
        was_it
    }

    /// Whether anybody reads.
    pub fn is_read(&self) -> bool {
        self.lock().is_read
    }

    /// Everything up to `number` has arrived.
    pub fn acknowledge(&self, reader: u64, number: u64) {
        let mut state = self.lock();
        if state.reader == reader {
            state.log.acknowledge(number);
        }
        drop(state);
        self.0.filled.notify_waiters();
    }

    /// What was sent has been played: nobody will want to hear it again.
    pub fn forget_sound(&self) {
        self.lock().log.forget_sound(0);
    }

    /// The turn whose speech may leave; of earlier ones nothing is to be heard any more.
    pub fn live(&self) -> TurnId {
        self.lock().live
    }

    /// The last number that has arrived.
    pub fn arrived(&self) -> u64 {
        self.lock().log.arrived()
    }

    /// The next thing to send to `reader`; waits for one.
    pub async fn next(&self, reader: u64) -> Result<Numbered, Closed> {
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
                if let Some(numbered) = state.take() {
                    drop(state);
                    self.0.emptied.notify_waiters();
                    return Ok(numbered);
                }
                if state.closed && state.queue.is_empty() {
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
