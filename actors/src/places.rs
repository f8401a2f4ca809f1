//! Who may be in conversation, over all scenes: the one [`Line`] behind a lock, and the [`Capacity`] that measures it.
//!
//! A scene's turn is answered at once while there is a place, and waits in the line else; a reply that has begun is never
//! ended for another scene. What waits is bounded by the number of scenes, each once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duologue_domain::capacity::{Bounds, Capacity, Entry, Line, Turn, Wait, Why};
use duologue_engines::{fair::lane, port::SessionKey};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

/// A scene that says nothing for this long leaves its place to others: longer than people think before they answer.
const QUIET_MS: u64 = 30_000;

/// Between two looks at the event loop and at the line.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shared by all scenes of a server.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    begun: Instant,
    /// Fixed by the operator: whoever talks is in.
    fixed: Option<usize>,
    state: Mutex<State>,
}

struct State {
    capacity: Capacity,
    line: Line,
    /// How those in the line hear that they are in.
    told: HashMap<SessionKey, oneshot::Sender<()>>,
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crowd {
    /// Scenes in conversation.
    pub talking: usize,
    /// How many may be.
    pub places: usize,
    /// Scenes whose turn waits for a place.
    pub waiting: usize,
    /// Why there are as many places.
    pub why: Why,
    /// 95th percentile of voice to voice of the last turns, in milliseconds.
    pub p95_ms: Option<u64>,
    /// Share of the cores' time that the models computed in the last minute.
    pub busy: f64,
    /// When the next place is free, if none is and something tells.
    pub next_free: Option<Duration>,
}

impl Crowd {
    /// Whether whoever comes now waits.
    pub fn is_full(&self) -> bool {
        self.talking >= self.places || self.waiting > 0
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").field("crowd", &self.look()).finish_non_exhaustive()
    }
}

impl Places {
    /// As many as is measured, within these bounds.
    pub fn measured(bounds: Bounds) -> Self {
        Self::new(bounds, None)
    }

    /// Always so many.
    pub fn fixed(count: usize) -> Self {
        Self::new(Bounds { floor: count, ceiling: count, bar_ms: u64::MAX, cores: cores() }, Some(count))
    }

    fn new(bounds: Bounds, fixed: Option<usize>) -> Self {
        let state =
            State { capacity: Capacity::new(bounds), line: Line::new(QUIET_MS), told: HashMap::new() };
        Self(Arc::new(Shared { begun: Instant::now(), fixed, state: Mutex::new(state) }))
    }

    /// The hold of a scene on its place; given back when it is dropped.
    pub(crate) fn of(&self, key: SessionKey) -> Place {
        Place { places: self.clone(), key }
    }

    /// How full it is.
    pub fn look(&self) -> Crowd {
        let now = self.now();
        let mut state = self.lock();
        let talking = state.line.talking(now);
        let places = state.capacity.places(talking);
        let waiting = state.line.waiting();
        let is_full = talking >= places || waiting > 0;
        let about = state.line.about_ms(now, waiting + 1).map(Duration::from_millis);
        Crowd {
            talking,
            places,
            waiting,
            why: if self.0.fixed.is_some() { Why::Fixed } else { state.capacity.why() },
            p95_ms: state.capacity.p95_ms(),
            busy: state.capacity.share(now),
            next_free: about.filter(|_| is_full),
        }
    }

    /// Measures how late the event loop is, and gives places that became free to those who wait; until it is dropped.
    pub(crate) async fn watch(self) {
        loop {
            let asked = Instant::now();
            sleep(LOOK_EVERY).await;
            let lag = asked.elapsed().saturating_sub(LOOK_EVERY);
            metrics::gauge!("event_loop_lag_seconds").set(lag.as_secs_f64());
            let mut state = self.lock();
            state.capacity.handle_lag(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
            drop(state);
            self.admit();
            let crowd = self.look();
            metrics::gauge!("sessions_talking").set(crowd.talking as f64);
            metrics::gauge!("sessions_waiting").set(crowd.waiting as f64);
            metrics::gauge!("sessions_places").set(crowd.places as f64);
        }
    }

    fn admit(&self) {
        let now = self.now();
        let mut state = self.lock();
        let talking = state.line.talking(now);
        let places = state.capacity.places(talking);
        for key in state.line.admit(now, places) {
            if let Some(told) = state.told.remove(&key) {
                // Whoever has gone meanwhile gives the place back when it is dropped.
                let _ = told.send(());
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave it half-changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A scene's hold on a place in conversation, or its place in the line.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    key: SessionKey,
}

/// What a scene hears whose turn is to be answered.
#[derive(Debug)]
pub(crate) enum Entered {
    /// It may be.
    In,
    /// It waits: how, and what resolves when it is in.
    Waits(Wait, oneshot::Receiver<()>),
}

impl Place {
    /// A turn of this scene is to be answered.
    pub(crate) fn enter(&self) -> Entered {
        let now = self.places.now();
        let mut state = self.places.lock();
        let talking = state.line.talking(now);
        let places = state.capacity.places(talking);
        match state.line.handle_turn(now, (self.key, lane(self.key)), places) {
            Entry::In => Entered::In,
            Entry::Waits(wait) => {
                let (told, hears) = oneshot::channel();
                state.told.insert(self.key, told);
                drop(state);
                metrics::counter!("session_turns_waited_total").increment(1);
                // A scene that shares its client's places may just have left one to somebody else.
                self.places.admit();
                Entered::Waits(wait, hears)
            }
        }
    }

    /// Whether work that may turn out to be for nothing is welcome: not while others wait for the machine.
    pub(crate) fn may_guess(&self) -> bool {
        let now = self.places.now();
        let mut state = self.places.lock();
        let talking = state.line.talking(now);
        let has_room = talking < state.capacity.places(talking) || state.line.holds(self.key);
        has_room && state.line.waiting() == 0
    }

    /// Somebody speaks in it.
    pub(crate) fn speech(&self) {
        self.places.lock().line.handle_speech(self.places.now(), self.key);
    }

    /// A turn was answered aloud after this long, of which the models computed so much.
    pub(crate) fn answered(&self, total_ms: u64, models_ms: u64) {
        let now = self.places.now();
        let mut state = self.places.lock();
        let talking = state.line.talking(now);
        let turn = Turn { at_ms: now, total_ms, models_ms, talking };
        if self.places.0.fixed.is_none() && state.capacity.handle_turn(turn) {
            let (places, why) = (state.capacity.places(talking), state.capacity.why());
            tracing::info!(
                places,
                why = why.name(),
                p95_ms = state.capacity.p95_ms(),
                "places in conversation"
            );
        }
    }

    /// Nothing is answered any more.
    pub(crate) fn rest(&self) {
        self.places.lock().line.handle_rest(self.places.now(), self.key);
    }

    /// It waits no longer, and is in no conversation.
    pub(crate) fn give_up(&self) {
        let now = self.places.now();
        let mut state = self.places.lock();
        state.told.remove(&self.key);
        state.line.handle_gone(now, self.key);
        drop(state);
        self.places.admit();
    }

    /// When somebody who comes now would be in. Where nothing tells, as long as a scene is quiet before its place is
    /// another's.
    pub(crate) fn next_free(&self) -> Duration {
        self.places.look().next_free.unwrap_or(Duration::from_millis(QUIET_MS))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use duologue_engines::fair::session_key;

    use super::*;

    fn bounds(ceiling: usize) -> Bounds {
        Bounds { floor: 1, ceiling, bar_ms: 3000, cores: 2 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_waits_for_a_place_and_hears_when_it_is_free() {
        let places = Places::measured(bounds(1));
        let (one, two) = (places.of(1), places.of(2));
        assert!(matches!(one.enter(), Entered::In));
        assert!(one.may_guess() && !two.may_guess());
        let Entered::Waits(wait, mut hears) = two.enter() else { panic!("there is one place") };
        assert_eq!(wait, Wait { ahead: 0, about_ms: None });
        assert!(places.look().is_full() && hears.try_recv().is_err());
        assert!(!one.may_guess(), "somebody waits");
        drop(one);
        assert!(hears.await.is_ok());
        assert!(matches!(two.enter(), Entered::In));
        drop(two);
        assert_eq!((places.look().talking, places.look().waiting), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_scenes_never_rest_leaves_a_place_to_another() {
        let places = Places::fixed(2);
        let of = |client, number| places.of(session_key(Some(client), number));
        let (one, two, modest) = (of("greedy", 1), of("greedy", 2), of("modest", 1));
        assert!(matches!(one.enter(), Entered::In) && matches!(two.enter(), Entered::In));
        let Entered::Waits(_, mut hears) = modest.enter() else { panic!("both places are taken") };
        assert!(hears.try_recv().is_err());
        assert!(matches!(one.enter(), Entered::Waits(..)), "its next turn waits");
        assert!(hears.try_recv().is_ok(), "at once, without a look of the watch");
        assert!(matches!(two.enter(), Entered::In) && matches!(modest.enter(), Entered::In));
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_gives_away_the_place_of_a_quiet_scene() {
        let places = Places::measured(bounds(1));
        let watch = tokio::spawn(places.clone().watch());
        let (one, two) = (places.of(1), places.of(2));
        assert!(matches!(one.enter(), Entered::In));
        one.rest();
        let about = places.look().next_free.expect("it is known when");
        assert!(about <= Duration::from_millis(QUIET_MS), "{about:?}");
        let Entered::Waits(_, hears) = two.enter() else { panic!("there is one place") };
        assert_eq!(
            places.look().next_free,
            None,
            "who comes now waits for somebody of whom nothing is known"
        );
        assert!(hears.await.is_ok());
        assert!(matches!(one.enter(), Entered::Waits(..)), "an open scene waits as well");
        watch.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn fixed_places_learn_nothing() {
        let places = Places::fixed(50);
        let one = places.of(1);
        for _ in 0..100 {
            one.answered(60_000, 9_000);
        }
        assert_eq!((places.look().places, places.look().why), (50, Why::Fixed));
        let learning = Places::measured(bounds(50));
        let one = learning.of(1);
        assert!(matches!(one.enter(), Entered::In));
        for _ in 0..100 {
            one.answered(2_000, 1_000);
        }
        assert_eq!(learning.look().places, 2);
    }
}
