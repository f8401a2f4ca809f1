//! What is known of a duet, behind its one lock: who plays, what holds, what is promised, what was played.

use std::{sync::Arc, time::Duration};

use duologue_music::{
    improv::{
        Heard, Improviser as Engine, Input, Plan, Planned, PlannedChord, PlayerId, Settings, Transport,
        Update,
    },
    key::Key,
};
use tokio::time::Instant;

use super::{
    event::{DuetEvent, Figures, MidiEvent, PlayerInfo, Welcome},
    journal::{Journal, Step},
    judge::Case,
    midi_in::{MOST_PLAYERS, MidiIn},
    out::{DuetClosed, DuetOut},
    tape::{Change, Tape},
};

/// How long the partner plays on with nobody there: as long as a page takes to come back.
const ALONE: Duration = Duration::from_secs(5);

/// What should have begun earlier than this is left out: after a gap a rest is better than everything at once.
const TOO_LATE_US: u64 = 60_000;

/// Chords that have passed and are still judged by.
const CHORDS_KEPT_US: u64 = 60_000_000;

/// A player who is there.
#[derive(Debug)]
pub(super) struct Seated {
    pub(super) name: Arc<str>,
    pub(super) out: Arc<DuetOut>,
    /// Notes that came too late, by the client's own count.
    pub(super) late: u64,
}

/// What one step begins with.
pub(super) type Taken = (Step, Option<Instant>);

/// All of it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) settings: Arc<Settings>,
    pub(super) playing: bool,
    pub(super) transport: Option<Transport>,
    plan: Option<Arc<Plan>>,
    heard: Arc<Heard>,
    /// What may still sound or begin.
    promised: Vec<Planned>,
    /// The chords that were planned for the time until now, and those of the plan.
    pub(super) chords: Vec<PlannedChord>,
    pub(super) seats: [Option<Seated>; MOST_PLAYERS],
    pub(super) midi: MidiIn,
    pub(super) journal: Journal,
    pub(super) tape: Tape,
    pub(super) closed: Option<DuetClosed>,
    /// When somebody was there last.
    pub(super) seen: Instant,
    /// Until when the partner played, on the duet's clock.
    pub(super) played_us: Option<u64>,
    /// Bars that it has played since the last start.
    pub(super) bars: u64,
    slowest: Option<Duration>,
    /// What is added to the numbers of an engine that began anew.
    offset: (u32, u32),
    newest_id: u32,
}

impl Stage {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            journal: Journal::new(Engine::new(settings.clone())),
            settings: Arc::new(settings),
            playing: false,
            transport: None,
            plan: None,
            heard: Arc::default(),
            promised: Vec::new(),
            chords: Vec::new(),
            seats: [const { None }; MOST_PLAYERS],
            midi: MidiIn::new(),
            tape: Tape::default(),
            closed: None,
            seen: Instant::now(),
            played_us: None,
            bars: 0,
            slowest: None,
            offset: (0, 0),
            newest_id: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.iter().all(Option::is_none)
    }

    /// What the partner takes the key for, or what it was told.
    pub(super) fn key(&self) -> Option<Key> {
        self.settings.key.or(self.heard.key)
    }

    pub(super) fn heard(&self) -> &Heard {
        &self.heard
    }

    pub(super) fn tell_all(&self, event: &DuetEvent) {
        self.tell_others(None, event);
    }

    pub(super) fn tell_others(&self, but: Option<PlayerId>, event: &DuetEvent) {
        for (number, seated) in self.seats.iter().enumerate() {
            if let Some(seated) = seated.as_ref().filter(|_| but != Some(number as PlayerId)) {
                seated.out.push(event.clone());
            }
        }
    }

    pub(super) fn players(&self) -> Vec<PlayerInfo> {
        let seated = self.seats.iter().enumerate();
        let info = |(number, seated): (usize, &Option<Seated>)| {
            let name = seated.as_ref()?.name.clone();
            Some(PlayerInfo { player: number as PlayerId, name })
        };
        seated.filter_map(info).collect()
    }

    /// Tells somebody who has come everything that holds.
    pub(super) fn welcome(&self, player: PlayerId, now_us: u64) {
        let Some(Some(seated)) = self.seats.get(usize::from(player)) else { return };
        let welcome = Welcome {
            player,
            channel: super::channel(player),
            players: self.players(),
            settings: self.settings.clone(),
            playing: self.playing,
            transport: self.transport,
            now_us,
        };
        seated.out.push(DuetEvent::Welcome(Box::new(welcome)));
        let sounding = self.promised.iter().filter(|note| note.at_us + note.duration_us > now_us);
        let notes = sounding.copied().collect::<Arc<[Planned]>>();
        if !notes.is_empty() {
            let revision = self.plan.as_ref().map_or(0, |plan| plan.revision);
            seated.out.push(DuetEvent::Notes { revision, notes });
        }
        if let Some(plan) = self.plan.clone().filter(|_| self.playing) {
            seated.out.push(self.plan_event(plan, None));
        }
        if *self.heard != Heard::default() {
            seated.out.push(DuetEvent::Heard(self.heard.clone()));
        }
    }

    fn plan_event(&self, plan: Arc<Plan>, since: Option<Instant>) -> DuetEvent {
        let with_flats = self.key().is_some_and(Key::with_flats);
        DuetEvent::Plan { plan, with_flats, since }
    }

    /// Everything of a player's is let go, for the others and for the partner.
    pub(super) fn let_go(&mut self, player: PlayerId, now_us: u64) {
        let mut events = self.midi.let_go(player, now_us);
        for event in &mut events {
            self.tape.player(player, event.at_us, event.bytes);
            event.bytes[0] |= super::channel(player);
        }
        if !events.is_empty() {
            self.tell_others(Some(player), &DuetEvent::Played { player, events: events.into() });
        }
    }

    /// What the engine is to be told and asked now.
    pub(super) fn take(&mut self, now_us: u64) -> Taken {
        if !self.is_empty() {
            self.seen = Instant::now();
        } else if self.playing && self.seen.elapsed() > ALONE {
            self.midi.put(Input::Stop { at_us: now_us });
        }
        let (inputs, since) = self.midi.drain();
        self.journal.begin();
        (Step { inputs, now_us }, since)
    }

    /// What came of it.
    pub(super) fn publish(&mut self, (step, since): Taken, mut update: Update, engine: &Engine) {
        self.renumber(&mut update);
        let now_us = step.now_us;
        let is_stopped = step.inputs.iter().any(|input| matches!(input, Input::Stop { .. }));
        self.cancel(std::mem::take(&mut update.cancelled), is_stopped, now_us);
        for input in &step.inputs {
            match input {
                Input::Start { .. } => self.begins(),
                Input::Ask { .. } if !self.playing => self.begins(),
                Input::Stop { .. } => self.ends(false, now_us),
                _ => {}
            }
        }
        if let Some(transport) = update.transport {
            self.beats(transport, now_us);
        }
        let revision = update.plan.as_ref().or(self.plan.as_deref()).map_or(0, |plan| plan.revision);
        self.promise(update.promised, revision, now_us);
        if let Some(plan) = update.plan {
            self.planned(plan, since, now_us);
        }
        if let Some(heard) = update.heard {
            self.heard = Arc::new(heard);
            self.tell_all(&DuetEvent::Heard(self.heard.clone()));
        }
        if update.ended {
            self.ends(true, now_us);
        }
        self.journal.done(step, engine);
        if let Some(since) = since {
            let took = since.elapsed();
            metrics::histogram!("duet_step_seconds").record(took.as_secs_f64());
            self.slowest = self.slowest.max(Some(took));
        }
        if self.playing {
            self.played_us = Some(now_us);
            self.count_bars(now_us);
        }
    }

    /// Numbers go on where those of an engine that failed ended.
    fn renumber(&mut self, update: &mut Update) {
        let (ids, revisions) = self.offset;
        for note in &mut update.promised {
            note.id = note.id.wrapping_add(ids);
            self.newest_id = self.newest_id.max(note.id);
        }
        for id in &mut update.cancelled {
            *id = id.wrapping_add(ids);
        }
        if let Some(plan) = &mut update.plan {
            plan.revision = plan.revision.wrapping_add(revisions);
            for note in &mut plan.notes {
                note.id = note.id.wrapping_add(ids);
                self.newest_id = self.newest_id.max(note.id);
            }
        }
    }

    /// A new engine that knows nothing: it goes on at the next bar.
    pub(super) fn begin_anew(&mut self, now_us: u64) -> Engine {
        self.offset = (self.newest_id.wrapping_add(1), self.plan.as_ref().map_or(0, |plan| plan.revision));
        let engine = Engine::new(Settings::clone(&self.settings));
        self.journal.anew(&engine);
        if self.playing {
            let at_us = self.transport.map_or(now_us, |transport| next_bar(&transport, now_us));
            self.midi.put(Input::Start { at_us });
        }
        engine
    }

    fn begins(&mut self) {
        self.bars = 0;
        if !std::mem::replace(&mut self.playing, true) {
            self.tell_all(&DuetEvent::Playing { playing: true, ended: false });
        }
    }

    fn ends(&mut self, ended: bool, now_us: u64) {
        if std::mem::take(&mut self.playing) {
            self.played_us = Some(now_us);
            self.tell_all(&DuetEvent::Playing { playing: false, ended });
        }
    }

    /// Nobody plays with the players for now: what is promised is all there will be.
    pub(super) fn partner_is_gone(&mut self, now_us: u64) {
        self.cancel(Vec::new(), true, now_us);
        self.ends(false, now_us);
        // The next one is not to go on in the middle of what was given up.
        self.midi.put(Input::Stop { at_us: now_us });
    }

    fn cancel(&mut self, mut ids: Vec<u32>, everything: bool, now_us: u64) {
        if everything {
            let sounding = self.promised.iter().filter(|note| note.at_us + note.duration_us > now_us);
            ids.extend(sounding.map(|note| note.id));
            ids.sort_unstable();
            ids.dedup();
        }
        if ids.is_empty() {
            return;
        }
        self.promised.retain(|note| !ids.contains(&note.id));
        self.tape.cancel(&ids, now_us);
        self.tell_all(&DuetEvent::Cancel(ids.into()));
    }

    fn beats(&mut self, transport: Transport, now_us: u64) {
        let from_us = transport.origin_us.max(now_us);
        self.tape.beats(Change { from_us, transport, metre: self.settings.metre });
        self.transport = Some(transport);
        self.tell_all(&DuetEvent::Transport(transport));
    }

    fn promise(&mut self, notes: Vec<Planned>, revision: u32, now_us: u64) {
        self.promised.retain(|note| note.at_us + note.duration_us > now_us);
        let all = notes.len();
        let notes = notes.into_iter().filter(|note| note.at_us + TOO_LATE_US >= now_us).collect::<Vec<_>>();
        if notes.len() < all {
            metrics::counter!("duet_promises_late_total").increment((all - notes.len()) as u64);
        }
        if notes.is_empty() {
            return;
        }
        for note in &notes {
            self.tape.partner(note);
        }
        self.promised.extend(notes.iter().copied());
        self.tell_all(&DuetEvent::Notes { revision, notes: notes.into() });
    }

    fn planned(&mut self, plan: Plan, since: Option<Instant>, now_us: u64) {
        let from_us = plan.chords.first().map_or(now_us, |chord| chord.at_us);
        self.chords.retain(|chord| {
            chord.at_us < from_us && chord.at_us + chord.duration_us + CHORDS_KEPT_US > now_us
        });
        self.chords.extend(plan.chords.iter().cloned());
        let plan = Arc::new(plan);
        self.plan = Some(plan.clone());
        self.tell_all(&self.plan_event(plan, since));
    }

    /// Once a bar: how it goes.
    fn count_bars(&mut self, now_us: u64) {
        let Some(transport) = self.transport else { return };
        let bar_us = f64::from(transport.beats_per_bar.max(1)) * transport.us_per_beat;
        let begun = transport.origin_us as f64 - transport.origin_beat * transport.us_per_beat;
        let bars = ((now_us as f64 - begun) / bar_us).max(0.0) as u64;
        if bars <= self.bars {
            return;
        }
        self.bars = bars;
        let figures = self.figures(transport, now_us);
        self.tell_all(&DuetEvent::Figures(figures));
    }

    fn figures(&mut self, transport: Transport, now_us: u64) -> Figures {
        let (tape, chords) = (&self.tape, self.chords.as_slice());
        let case = Case { tape, chords, transport, metre: self.settings.metre, key: self.key(), now_us };
        Figures {
            late: self.seats.iter().flatten().map(|seated| seated.late).sum(),
            plan_ms: self.slowest.take().map(|took| took.as_secs_f64() * 1_000.0),
            ..case.judge()
        }
    }

    /// A player's messages reach the others and the tape.
    pub(super) fn played(&mut self, player: PlayerId, taken: Vec<MidiEvent>) {
        for event in &taken {
            self.tape.player(player, event.at_us, event.bytes);
        }
        let channel = super::channel(player);
        let on_channel = |event: MidiEvent| {
            let [status, data, value] = event.bytes;
            MidiEvent { bytes: [status & 0xF0 | channel, data, value], ..event }
        };
        let events = taken.into_iter().map(on_channel).collect();
        self.tell_others(Some(player), &DuetEvent::Played { player, events });
    }
}

/// When the bar after this time begins.
fn next_bar(transport: &Transport, now_us: u64) -> u64 {
    let bar_us = f64::from(transport.beats_per_bar.max(1)) * transport.us_per_beat;
    let begun = transport.origin_us as f64 - transport.origin_beat * transport.us_per_beat;
    let bars = ((now_us as f64 - begun) / bar_us).floor() + 1.0;
    (begun + bars * bar_us).max(now_us as f64) as u64
}
