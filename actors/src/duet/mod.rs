//! A duet: what its players, the Improviser and the Session share. Cloning a [`Duet`] shares it.
//!
//! Media does not ride a mailbox: MIDI goes into a ring (`midi_in`), what the partner promises into a bounded queue of
//! each player (`out`), and the Improviser gets one coalesced message. All of it outlives the Improviser, which holds
//! nothing but its engine; from the `journal` here a new one goes on where the old one was, within milliseconds.
//! The clock is the duet's own: microseconds since it was opened.

mod beats;
mod event;
mod journal;
mod judge;
mod midi_in;
mod out;
mod stage;
mod tape;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duologue_music::{
    improv::{Complexity, Improviser as Engine, Input, Mode, PlayerId, Request, Settings, Style},
    key::Key,
    score::Score,
};
use tokio::{sync::Notify, time::Instant};

pub use self::{
    event::{DuetEvent, Figures, MidiEvent, PlayerInfo, Welcome},
    midi_in::{MOST_PER_S, MOST_PLAYERS},
    out::DuetClosed,
};
use self::{
    midi_in::Took,
    out::DuetOut,
    stage::{Seated, Stage, Taken},
};

/// Letters of a player's name.
const MOST_NAME: usize = 40;

/// Channels of the players, counted from 0: the partner has 1, 2, 3 and the drums' 9.
const CHANNELS: [u8; MOST_PLAYERS] = [0, 4, 5, 6, 7, 8, 10, 11];

/// Chords that are told of what was just played.
const TOLD_CHORDS: usize = 8;

/// The MIDI channel of a player, counted from 0.
pub fn channel(player: PlayerId) -> u8 {
    CHANNELS.get(usize::from(player)).copied().unwrap_or(0)
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    stage: Mutex<Stage>,
    arrived: Notify,
}

/// The duet of a session.
#[derive(Clone, Debug)]
pub struct Duet(Arc<Shared>);

/// What was just played, for whoever talks about it.
#[derive(Clone, Debug, PartialEq)]
pub struct JustPlayed {
    /// Whether it still goes on.
    pub playing: bool,
    /// How long ago it ended.
    pub ago: Duration,
    /// What the partner did.
    pub mode: Mode,
    /// How.
    pub style: Style,
    /// How much.
    pub complexity: Complexity,
    /// In which key, if that is clear.
    pub key: Option<Key>,
    /// Beats a minute.
    pub bpm: Option<f64>,
    /// The last chords, such as `Dm7`, the newest last.
    pub chords: Vec<String>,
    /// Bars since it began.
    pub bars: u64,
    /// Figures that the players came back to.
    pub motifs: usize,
}

impl Default for Duet {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            stage: Mutex::new(Stage::new(Settings::default())),
            arrived: Notify::new(),
        }))
    }
}

impl Duet {
    fn lock(&self) -> MutexGuard<'_, Stage> {
        // A panic while holding it leaves whole notes behind.
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since it was opened.
    pub fn now_us(&self) -> u64 {
        self.at_us(Instant::now())
    }

    /// A moment on the duet's clock.
    pub fn at_us(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.0.began).as_micros() as u64
    }

    /// Sits down; none when all places are taken, or the scene has ended.
    pub fn join(&self, name: &str) -> Option<Seat> {
        let mut stage = self.lock();
        if stage.closed.is_some() {
            return None;
        }
        let player = stage.seats.iter().position(Option::is_none)? as PlayerId;
        let out = Arc::new(DuetOut::default());
        let name = match plain(name) {
            name if name.is_empty() => format!("{}", player + 1).into(),
            name => name,
        };
        stage.seats[usize::from(player)] = Some(Seated { name, out: out.clone(), late: 0 });
        stage.midi.sit(player);
        stage.seen = Instant::now();
        stage.welcome(player, self.now_us());
        let players = DuetEvent::Players(stage.players().into());
        stage.tell_others(Some(player), &players);
        drop(stage);
        metrics::gauge!("duet_players").increment(1.0);
        Some(Seat { duet: self.clone(), player, out })
    }

    /// Whether anybody is there.
    pub fn has_players(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Whether the partner plays.
    pub fn is_playing(&self) -> bool {
        self.lock().playing
    }

    /// Plays something once, at somebody's wish. False when nobody has read for too long.
    pub fn ask(&self, request: Request) -> bool {
        let input = Input::Ask { at_us: self.now_us(), request: Box::new(request) };
        self.put(input)
    }

    /// The settings that hold.
    pub fn settings(&self) -> Settings {
        Settings::clone(&self.lock().settings)
    }

    /// Changes the settings; false when nobody has read for too long.
    pub fn set(&self, settings: Settings) -> bool {
        let mut stage = self.lock();
        stage.settings = Arc::new(settings.clone());
        stage.tell_all(&DuetEvent::Settings(stage.settings.clone()));
        drop(stage);
        self.put(Input::Set { at_us: self.now_us(), settings: Box::new(settings) })
    }

    /// The partner begins: as soon as everybody can have heard of it.
    pub fn start(&self) -> bool {
        let commit_us = self.lock().settings.commit_us;
        self.put(Input::Start { at_us: self.now_us() + commit_us })
    }

    /// The partner is silent at once.
    pub fn stop(&self) -> bool {
        self.put(Input::Stop { at_us: self.now_us() })
    }

    /// The recording so far.
    pub fn score(&self) -> Score {
        self.lock().tape.score(self.now_us())
    }

    /// What was just played; none when nothing was.
    pub fn just_played(&self) -> Option<JustPlayed> {
        let now_us = self.now_us();
        let stage = self.lock();
        let until_us = stage.played_us?;
        let key = stage.key();
        let with_flats = key.is_some_and(Key::with_flats);
        let begun = stage.chords.iter().filter(|chord| chord.at_us <= until_us.min(now_us));
        let mut chords = begun.map(|chord| chord.chord.symbol(with_flats)).collect::<Vec<_>>();
        chords.dedup();
        Some(JustPlayed {
            playing: stage.playing,
            ago: Duration::from_micros(now_us.saturating_sub(until_us)),
            mode: stage.settings.mode,
            style: stage.settings.style,
            complexity: stage.settings.complexity,
            key,
            bpm: stage.transport.map(|transport| 60e6 / transport.us_per_beat),
            chords: chords.split_off(chords.len().saturating_sub(TOLD_CHORDS)),
            bars: stage.bars,
            motifs: stage.heard().motifs,
        })
    }

    /// Whether nothing was played by anybody.
    pub fn is_silent(&self) -> bool {
        self.lock().tape.is_empty()
    }

    fn put(&self, input: Input) -> bool {
        let put = self.lock().midi.put(input);
        self.0.arrived.notify_one();
        put
    }

    // ------------------------------------------------------------ the Improviser's side

    /// Waits until something was put in since the last wait.
    pub(crate) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// The engine for a new Improviser, as it was.
    pub(crate) fn restore(&self) -> Engine {
        let now_us = self.now_us();
        let restored = {
            let mut stage = self.lock();
            match stage.journal.restore() {
                Some(restored) => restored,
                None => {
                    metrics::counter!("duet_engines_anew_total").increment(1);
                    return stage.begin_anew(now_us);
                }
            }
        };
        // Outside of the lock: sockets need not wait for it.
        let engine = restored.replay();
        self.lock().journal.restored();
        engine
    }

    /// Tells the engine what has come, asks it for what is new, and tells the players.
    pub(crate) fn step(&self, engine: &mut Engine) {
        let taken: Taken = self.lock().take(self.now_us());
        for input in &taken.0.inputs {
            engine.handle(input.clone());
        }
        let update = engine.advance(taken.0.now_us);
        self.lock().publish(taken, update, engine);
    }

    // ------------------------------------------------------------ the Session's side

    /// There is no partner for now.
    pub(crate) fn partner_failed(&self, message: &str) {
        let mut stage = self.lock();
        stage.partner_is_gone(self.now_us());
        stage.tell_all(&DuetEvent::Refused { code: "part_failed", message: message.to_owned() });
    }

    /// The scene has ended: everybody is told and sent away.
    pub(crate) fn close(&self, code: &'static str) {
        let mut stage = self.lock();
        if stage.closed.is_some() {
            return;
        }
        stage.closed = Some(DuetClosed::Ended(code));
        stage.tell_all(&DuetEvent::Off);
        for seated in stage.seats.iter().flatten() {
            seated.out.close(DuetClosed::Ended(code));
        }
    }
}

/// A player's place. Dropping it lets go of everything that is held, for everybody.
#[derive(Debug)]
pub struct Seat {
    duet: Duet,
    player: PlayerId,
    out: Arc<DuetOut>,
}

impl Seat {
    /// Their number.
    pub fn player(&self) -> PlayerId {
        self.player
    }

    /// The duet.
    pub fn duet(&self) -> &Duet {
        &self.duet
    }

    /// The next thing that they are told. For one reader at a time.
    pub async fn next(&self) -> Result<DuetEvent, DuetClosed> {
        self.out.next().await
    }

    /// Plays. The messages are channel voice messages; their channel does not matter. Says how many came too fast.
    pub fn play(&self, events: &[MidiEvent]) -> usize {
        let now_us = self.duet.now_us();
        let (mut taken, mut dropped) = (Vec::with_capacity(events.len()), 0);
        let mut stage = self.duet.lock();
        for event in events {
            match stage.midi.play(self.player, *event, now_us) {
                Took::Yes(event) => taken.push(event),
                Took::Nothing => {}
                Took::TooFast => dropped += 1,
            }
        }
        if !taken.is_empty() {
            stage.played(self.player, taken);
        }
        drop(stage);
        self.duet.0.arrived.notify_one();
        dropped
    }

    /// Changes the settings; false when nobody has read for too long.
    pub fn set(&self, settings: Settings) -> bool {
        self.duet.set(settings)
    }

    /// The settings that hold.
    pub fn settings(&self) -> Settings {
        self.duet.settings()
    }

    /// The partner begins: as soon as everybody can have heard of it.
    pub fn start(&self) -> bool {
        self.duet.start()
    }

    /// They come to an end together.
    pub fn end(&self) -> bool {
        self.duet.put(Input::End { at_us: self.duet.now_us() })
    }

    /// The partner is silent at once.
    pub fn stop(&self) -> bool {
        self.duet.stop()
    }

    /// Everything is let go, everywhere, and the partner is silent.
    pub fn panic(&self) -> bool {
        let now_us = self.duet.now_us();
        let mut stage = self.duet.lock();
        for player in 0..MOST_PLAYERS as PlayerId {
            stage.let_go(player, now_us);
        }
        stage.tell_all(&DuetEvent::Off);
        drop(stage);
        self.stop()
    }

    /// Lets everything of theirs go, for everybody.
    pub fn let_go(&self) {
        self.duet.lock().let_go(self.player, self.duet.now_us());
        self.duet.0.arrived.notify_one();
    }

    /// Takes another name.
    pub fn rename(&self, name: &str) {
        let name = plain(name);
        let mut stage = self.duet.lock();
        let Some(Some(seated)) = stage.seats.get_mut(usize::from(self.player)) else { return };
        if name.is_empty() || seated.name == name {
            return;
        }
        seated.name = name;
        let players = DuetEvent::Players(stage.players().into());
        stage.tell_all(&players);
    }

    /// What their client saw: how many notes came too late since they came in.
    pub fn report(&self, late: u64) {
        let mut stage = self.duet.lock();
        if let Some(Some(seated)) = stage.seats.get_mut(usize::from(self.player)) {
            let more = late.saturating_sub(seated.late);
            seated.late = late;
            metrics::counter!("duet_notes_late_total").increment(more);
        }
    }

    /// Tells this player alone.
    pub fn tell(&self, event: DuetEvent) {
        self.out.push(event);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut stage = self.duet.lock();
        stage.let_go(self.player, self.duet.now_us());
        stage.midi.leave(self.player);
        stage.seats[usize::from(self.player)] = None;
        let players = DuetEvent::Players(stage.players().into());
        stage.tell_all(&players);
        drop(stage);
        self.duet.0.arrived.notify_one();
        metrics::gauge!("duet_players").decrement(1.0);
    }
}

/// A name without what is no letter of a line, and not too long.
fn plain(name: &str) -> Arc<str> {
    let letters = name.trim().chars().filter(|letter| !letter.is_control());
    letters.take(MOST_NAME).collect::<String>().into()
}
