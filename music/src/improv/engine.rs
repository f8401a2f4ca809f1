//! The engine: inputs in, promises out.

use super::{
    bar::{Hands, Role, Scene},
    book::{Book, whole},
    clock::{Clock, Stretch},
    ear::{Ear, Struck},
    harmony,
    tracker::Tracker,
    types::{Heard, Input, Plan, PlayerId, Request, Settings, Tempo, Transport, Update},
};
use crate::{
    chord::{Chord, Quality},
    key::Key,
    score::Metre,
};

/// The last moment that is counted to: 285 years, and exact as a float.
const LAST_US: u64 = 1 << 53;
/// Chords of a chorus at most, and quarter notes of one of them.
const CHANGES: usize = 1024;
/// Bars of a wish at most: two minutes of slow music, after which somebody may wish for something else.
const LONGEST_WISH: u16 = 64;
const LONGEST: f64 = 64.0;
/// A beginning that nobody waits for, so that what is asked for begins with its first note.
const BREATH_US: u64 = 150_000;

/// What goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Nothing is played.
    Idle,
    /// Bar after bar.
    Playing,
    /// The bar of the cadence is found; after the last chord it is over.
    Ending {
        /// The number of the bar of the cadence.
        cadence: i64,
        /// Whether cadence and last chord share it, since it is far away.
        short: bool,
    },
}

/// A wish that is being played.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Settings as the wish would have them.
    pub(super) settings: Settings,
    pub(super) key: Key,
    /// Whether chords were named.
    pub(super) named: bool,
    /// Its first bar, where that begins, and the first after it.
    pub(super) from: i64,
    pub(super) start: f64,
    pub(super) to: i64,
    /// Whether the duet goes on afterwards.
    pub(super) resumes: bool,
    /// What is played.
    pub(super) role: Role,
}

/// How a wish is granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Whether the duet goes on afterwards.
    pub(super) resumes: bool,
    /// Bars at most.
    pub(super) longest: u16,
    pub(super) role: Role,
}

/// The tempo that comes with a bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming {
    pub(super) q: f64,
    pub(super) us_per_q: f64,
}

/// A partner. See the module.
#[derive(Clone, Debug)]
pub struct Improviser {
    pub(super) settings: Settings,
    /// The key of the settings' chords.
    pub(super) chart_key: Option<Key>,
    pub(super) now: u64,
    pub(super) phase: Phase,
    pub(super) ear: Ear,
    pub(super) clock: Clock,
    pub(super) tracker: Tracker,
    /// Onsets came since the tempo was steered, and when that was.
    pub(super) pulled: bool,
    pub(super) steered_us: u64,
    pub(super) coming: Vec<Coming>,
    pub(super) book: Book,
    pub(super) scene: Scene,
    pub(super) hands: Hands,
    /// The bar in which the form begins, and its place.
    pub(super) origin: (i64, f64),
    /// Where beat 0 is counted from.
    pub(super) beat_zero: f64,
    pub(super) asked: Option<Asked>,
    pub(super) dirty: bool,
    pub(super) retimed: bool,
    plan: Plan,
    cancelled: Vec<u32>,
    ended: bool,
    told: (Heard, Option<Transport>),
}

impl Improviser {
    /// A partner that is silent until it is started or asked for something.
    pub fn new(settings: Settings) -> Self {
        let settings = sane(settings);
        let us_per_q = us_per_q(&settings);
        let clock = Clock::new(0, us_per_q);
        let beat = settings.metre.beat();
        Self {
            chart_key: harmony::key_of(&settings.changes),
            now: 0,
            phase: Phase::Idle,
            ear: Ear::new(),
            tracker: Tracker::new(Stretch { q: 0.0, us: 0.0, us_per_q: us_per_q * beat }),
            clock,
            pulled: false,
            steered_us: 0,
            coming: Vec::new(),
            book: Book::default(),
            scene: Scene { loud: 9, ..Scene::default() },
            hands: Hands::default(),
            origin: (0, 0.0),
            beat_zero: 0.0,
            asked: None,
            dirty: false,
            retimed: false,
            plan: Plan::default(),
            cancelled: Vec::new(),
            ended: false,
            told: (Heard::default(), None),
            settings,
        }
    }

    /// Takes note of something that happened. Cheap: what follows from it is worked out by [`Self::advance`].
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::NoteOn { player, at_us, pitch, velocity } => self.strike(player, at_us, (pitch, velocity)),
            Input::NoteOff { player, pitch, .. } => self.ear.release(player, pitch),
            // A pedal makes notes sound longer; what was struck is what counts.
            Input::Pedal { .. } => {}
            Input::AllOff { player, .. } => self.ear.silence(player),
            Input::Set { at_us, settings } => {
                self.reach(at_us);
                self.set(*settings);
            }
            Input::Start { at_us } => self.start(at_us),
            Input::End { at_us } => {
                self.reach(at_us);
                self.end();
            }
            Input::Stop { at_us } => {
                self.reach(at_us);
                self.stop();
            }
            Input::Ask { at_us, request } => {
                self.reach(at_us);
                self.ask(&request);
            }
        }
    }

    /// What is new at this time, which never goes back: to be called after inputs, and at least every 50 ms.
    pub fn advance(&mut self, now_us: u64) -> Update {
        self.now = self.now.max(now_us.min(LAST_US));
        let mut update = Update::default();
        self.tracker.heal(self.now as f64);
        self.ear.wait(self.clock.q(self.now as f64));
        if self.phase != Phase::Idle {
            self.play(&mut update);
        }
        update.cancelled = std::mem::take(&mut self.cancelled);
        update.ended = std::mem::take(&mut self.ended);
        self.tell(&mut update);
        update
    }

    /// The settings that hold.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The plan that holds.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the beats are; none before the start.
    pub fn transport(&self) -> Option<Transport> {
        if self.phase == Phase::Idle {
            return None;
        }
        let (stretch, metre) = (self.clock.last(), self.settings.metre);
        let beat = metre.beat();
        Some(Transport {
            origin_beat: (stretch.q - self.beat_zero) / beat,
            origin_us: whole(stretch.us),
            us_per_beat: stretch.us_per_q * beat,
            // A metre has 16 beats at most, see `sane`.
            beats_per_bar: (metre.bar() / beat).round().clamp(1.0, 255.0) as u8,
            quarters_per_beat: beat,
        })
    }

    /// Which place a time is: quarter notes from the start of the duet, below 0 before it.
    pub fn quarters_at(&self, at_us: u64) -> f64 {
        self.clock.q(at_us as f64)
    }

    /// The chord and the key that are planned for a place.
    pub(super) fn harmony_at(&self, q: f64) -> (Chord, Key) {
        let near = q + 0.01;
        let bar = self.book.bars.iter().find(|bar| bar.start <= near && near < bar.end());
        let span = bar.and_then(|bar| bar.spans.iter().rev().find(|span| bar.start + span.at <= near));
        span.map_or((Chord::new(0, Quality::Major), self.key()), |span| (span.chord, span.key))
    }

    fn reach(&mut self, at_us: u64) {
        self.now = self.now.max(at_us.min(LAST_US));
    }

    fn strike(&mut self, player: PlayerId, at_us: u64, key: (u8, u8)) {
        let us = at_us.min(LAST_US).max(self.now) as f64;
        let beat = self.settings.metre.beat();
        let fresh = self.tracker.onset(us, self.half());
        let at = self.clock.q(us);
        let (bar, within) = self.place(at);
        let beats = within * self.settings.metre.bar() / beat;
        self.ear.strike(Struck {
            player,
            pitch: key.0 & 127,
            velocity: key.1.clamp(1, 127),
            at,
            bar,
            within,
            fresh,
            strong: (beats - beats.round()).abs() < 0.15,
        });
        self.pulled |= fresh;
        self.dirty = true;
    }

    /// Which bar a place is in, and where in it (0 to 1).
    fn place(&self, at: f64) -> (i64, f64) {
        // What is played a little early belongs to the bar that it begins.
        let near = at + 0.12;
        let found = self.book.bars.iter().find(|bar| bar.start <= near && near < bar.end());
        let (number, start, quarters) = match (found, self.book.bars.back()) {
            (Some(bar), _) => (bar.number, bar.start, bar.quarters),
            (None, Some(bar)) if near >= bar.end() => (bar.number + 1, bar.end(), bar.quarters),
            _ => (self.origin.0 - 1, at, 4.0),
        };
        (number, ((at - start) / quarters).clamp(0.0, 1.0))
    }

    /// Begins, unless it plays already.
    fn start(&mut self, at_us: u64) {
        if self.phase != Phase::Idle {
            return;
        }
        let at_us = at_us.min(LAST_US).max(self.now);
        // Its first notes need the same time to reach the players as all others.
        let first = at_us.max(self.now.saturating_add(self.settings.commit_us));
        self.begin(first, us_per_q(&self.settings));
    }

    /// The first bar begins at a time.
    pub(super) fn begin(&mut self, first_us: u64, us_per_q: f64) {
        self.clock = Clock::new(first_us, us_per_q);
        let beat = self.settings.metre.beat();
        let line = Stretch { q: 0.0, us: first_us as f64, us_per_q: us_per_q * beat };
        self.tracker.set(line);
        self.ear.restart();
        self.coming.clear();
        self.book.close();
        self.book.promised_us = first_us.min(self.now);
        (self.origin, self.beat_zero, self.phase) = ((0, 0.0), 0.0, Phase::Playing);
        self.asked = None;
        (self.dirty, self.retimed, self.pulled) = (true, true, false);
    }

    fn stop(&mut self) {
        self.cancelled.extend(self.book.cancel(self.now));
        self.finish();
    }

    /// Nothing is played any more.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Idle;
        self.asked = None;
        self.coming.clear();
        self.book.close();
        self.ended = true;
        self.retimed = true;
    }

    fn end(&mut self) {
        match self.phase {
            Phase::Idle => self.ended = true,
            Phase::Playing => self.end_together(),
            Phase::Ending { .. } => {}
        }
    }

    fn ask(&mut self, request: &Request) {
        if matches!(self.phase, Phase::Ending { .. }) {
            return;
        }
        let resumes = self.phase == Phase::Playing && self.asked.as_ref().is_none_or(|asked| asked.resumes);
        if self.phase == Phase::Idle {
            let bpm = request.bpm.unwrap_or_else(|| self.settings.tempo.bpm());
            let settings = sane(Settings { tempo: Tempo::Fixed(bpm), ..self.settings.clone() });
            self.begin(self.now + self.settings.commit_us + BREATH_US, us_per_q(&settings));
        }
        self.grant(request, Wish { resumes, longest: LONGEST_WISH, role: Role::Show });
    }

    fn set(&mut self, settings: Settings) {
        let before = std::mem::replace(&mut self.settings, sane(settings));
        self.chart_key = harmony::key_of(&self.settings.changes);
        if self.phase == Phase::Idle {
            return;
        }
        self.settled(&before);
        self.dirty = true;
    }

    /// What changed for those who look on.
    fn tell(&mut self, update: &mut Update) {
        if self.retimed {
            self.retimed = false;
            self.plan = self.book.plan(&self.clock, self.now);
            update.plan = Some(self.plan.clone());
        } else if !update.promised.is_empty() {
            let horizon = self.book.promised_us;
            self.plan.notes.retain(|note| note.at_us >= horizon);
        }
        let transport = self.transport();
        if transport != self.told.1 {
            self.told.1 = transport;
            update.transport = transport;
        }
        let heard = self.heard();
        if heard != self.told.0 {
            self.told.0 = heard.clone();
            update.heard = Some(heard);
        }
    }

    fn heard(&self) -> Heard {
        let beat = self.settings.metre.beat();
        let density = self.ear.density(self.clock.q(self.now as f64)) * beat;
        Heard {
            key: self.settings.key.or(self.ear.key()),
            chord: self.ear.chord(),
            // Told in halves: an owner sends every change.
            bpm: self.tracker.period().map(|period| (120_000_000.0 / period).round() / 2.0),
            density: (density * 4.0).round() / 4.0,
            motifs: self.ear.motifs().len(),
        }
    }
}

/// How long a quarter note is.
pub(super) fn us_per_q(settings: &Settings) -> f64 {
    60_000_000.0 / settings.tempo.bpm() / settings.metre.beat()
}

/// Settings within their bounds, whatever was asked for.
pub(super) fn sane(mut settings: Settings) -> Settings {
    let bpm = settings.tempo.bpm();
    let bpm = if bpm.is_finite() { bpm.clamp(30.0, 300.0) } else { 90.0 };
    settings.tempo = match settings.tempo {
        Tempo::Fixed(_) => Tempo::Fixed(bpm),
        Tempo::Follow(_) => Tempo::Follow(bpm),
    };
    let metre = Metre { at: 0.0, ..settings.metre };
    let is_usual = matches!(metre.den, 1 | 2 | 4 | 8 | 16) && (1..=16).contains(&metre.num);
    let bar = if is_usual { metre.bar() } else { 0.0 };
    settings.metre = if (1.0..=8.0).contains(&bar) { metre } else { Metre::COMMON };
    settings.changes.truncate(CHANGES);
    settings.changes.retain(|(_, quarters)| quarters.is_finite() && *quarters > 0.0);
    for (chord, quarters) in &mut settings.changes {
        chord.root %= 12;
        *quarters = quarters.clamp(0.25, LONGEST);
    }
    settings.key = settings.key.map(|key| Key::new(key.tonic, key.mode));
    settings.trade_bars = settings.trade_bars.clamp(1, 8);
    settings.commit_us = settings.commit_us.clamp(100_000, 4_000_000);
    settings
}
