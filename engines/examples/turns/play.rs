//! The rules at work on a session, with models that take fixed times.

use duologue_domain::endpoint::{EndpointConfig, EndpointEvent, Endpointer, FRAME_SAMPLES};

use crate::{
    models::{Heard, Models},
    sound::MS,
};

/// What smart-turn takes on the 2-core machine.
pub(crate) const JUDGING: u64 = 60 * MS as u64;
/// What whisper base takes there for an utterance of some seconds, and for a partial.
const HEARING: u64 = 280 * MS as u64;
pub(crate) const HEARING_PARTIAL: u64 = 220 * MS as u64;
/// How often Ingest asks for the words so far.
pub(crate) const PARTIAL_EVERY: u64 = 600 * MS as u64;

/// A silence of a session, as voice activity hears it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// Where the turn begins to which it belongs.
    pub(crate) turn: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Whether the turn is over here.
    pub(crate) is_end: bool,
}

impl Silence {
    pub(crate) fn ms(self) -> u64 {
        (self.to - self.from) / MS as u64
    }
}

/// All silences of at least 200 ms that follow speech of a turn. Which frames are speech is decided as
/// the endpointer does, with its threshold and hysteresis.
pub(crate) fn silences(heard: &Heard<'_>) -> Vec<Silence> {
    let mut found = Vec::new();
    for (index, turn) in heard.session.turns.iter().enumerate() {
        let until = heard.session.turns.get(index + 1).map_or(heard.session.audio.len(), |next| next.start);
        let mut is_speech = false;
        let mut from: Option<u64> = None;
        // A frame more: voice activity is a frame or two late.
        let (first, last) = (turn.start as u64 / FRAME_SAMPLES, until as u64 / FRAME_SAMPLES);
        for frame in first..last {
            let probability = heard.speech.get(frame as usize).copied().unwrap_or(0.0);
            let was = is_speech;
            is_speech = probability >= if is_speech { 0.35 } else { 0.5 };
            if was && !is_speech {
                from = Some(frame * FRAME_SAMPLES);
            }
            if is_speech && let Some(from) = from.take() {
                let silence =
                    Silence { turn: turn.start as u64, from, to: frame * FRAME_SAMPLES, is_end: false };
                found.extend((silence.ms() >= 200).then_some(silence));
            }
        }
        let from = from.unwrap_or(turn.end as u64);
        found.push(Silence { turn: turn.start as u64, from, to: until as u64, is_end: true });
    }
    found
}

/// What rules did in a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Silence before each end of a turn was decided, in ms.
    pub(crate) waits: Vec<f64>,
    /// Pauses inside turns, and how many of them were taken for ends.
    pub(crate) pauses: usize,
    pub(crate) cuts: usize,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.pauses += other.pauses;
        self.cuts += other.cuts;
    }

    /// By what the rule would do in each silence: after how many samples it decides.
    pub(crate) fn of(silences: &[Silence], decides: impl Fn(usize, &Silence) -> u64) -> Self {
        let mut outcome = Self::default();
        for (index, silence) in silences.iter().enumerate() {
            let wait = decides(index, silence);
            if silence.is_end {
                outcome.waits.push(wait as f64 / MS as f64);
            } else {
                outcome.pauses += 1;
                outcome.cuts += usize::from(silence.from + wait < silence.to);
            }
        }
        outcome
    }
}

enum Coming {
    Judged { ask: u64, probability: f32 },
    Words { text: String, partial: bool },
}

/// Our own machine in its surroundings: what Ingest and Transcriber do around it, without their actors.
pub(crate) struct Play<'a> {
    models: &'a mut Models,
    heard: &'a Heard<'a>,
    endpointer: Endpointer,
    coming: Vec<(u64, Coming)>,
    /// When the next partial is due.
    speech: Option<u64>,
    ended: Vec<u64>,
}

impl<'a> Play<'a> {
    pub(crate) fn new(models: &'a mut Models, heard: &'a Heard<'a>, config: EndpointConfig) -> Self {
        let endpointer = Endpointer::new(config);
        Self { models, heard, endpointer, coming: Vec::new(), speech: None, ended: Vec::new() }
    }

    /// The whole session; where the ends of turns were decided.
    pub(crate) async fn run(mut self) -> Outcome {
        for index in 0..self.heard.speech.len() {
            let events = self.endpointer.handle_frame(self.heard.speech[index]);
            self.follow(events).await;
            self.partial().await;
            self.arrive().await;
        }
        let mut waits = Vec::new();
        let silences = silences(self.heard);
        let mut cuts = 0;
        for silence in &silences {
            let decided = self.ended.iter().find(|&&at| at > silence.from && at <= silence.to);
            match decided {
                Some(at) if silence.is_end => waits.push((at - silence.from) as f64 / MS as f64),
                // Taken for an end before, and nothing was said since: it ended as that did.
                None if silence.is_end => {}
                Some(_) => cuts += 1,
                None => {}
            }
        }
        let pauses = silences.iter().filter(|silence| !silence.is_end).count();
        Outcome { waits, pauses, cuts }
    }

    async fn follow(&mut self, events: Vec<EndpointEvent>) {
        let now = self.endpointer.position();
        for event in events {
            match event {
                EndpointEvent::SpeechStarted { .. } => {
                    self.speech = Some(now / PARTIAL_EVERY * PARTIAL_EVERY + PARTIAL_EVERY)
                }
                EndpointEvent::Pause { .. } => {
                    self.drop_words();
                    let range = (self.turn_start(now), now as usize);
                    let text = self.models.words(self.heard, range, false).await;
                    self.coming.push((now + HEARING, Coming::Words { text, partial: false }));
                }
                EndpointEvent::JudgeTurn { ask, end, .. } => {
                    let start = self.turn_start(now);
                    let probability = self.models.completeness(self.heard, start, end as usize).await;
                    self.coming.push((now + JUDGING, Coming::Judged { ask, probability }));
                }
                EndpointEvent::TurnEnded { decided_at, .. } => {
                    self.ended.push(decided_at);
                    self.coming.clear();
                    self.speech = None;
                }
                EndpointEvent::SpeechStopped { .. } | EndpointEvent::IdleTimeout { .. } => {}
            }
        }
        if self.endpointer.is_voiced() {
            // The transcription begun in the pause is given up.
            self.coming.retain(|(_, coming)| !matches!(coming, Coming::Words { partial: false, .. }));
        }
    }

    /// What the models hear begins with the turn, even after a false end: only how it ends matters to them, and
    /// like this each pause is asked about once for all settings and all systems.
    fn turn_start(&self, now: u64) -> usize {
        let turns = self.heard.session.turns.iter().rev();
        let turn = turns.map(|turn| turn.start).find(|&start| start as u64 <= now);
        turn.unwrap_or(0).saturating_sub(300 * MS).max((now as usize).saturating_sub(29_000 * MS))
    }

    fn drop_words(&mut self) {
        self.coming.retain(|(_, coming)| !matches!(coming, Coming::Words { .. }));
    }

    async fn partial(&mut self) {
        let now = self.endpointer.position();
        let turn_start = self.turn_start(now);
        let busy = self.coming.iter().any(|(_, coming)| matches!(coming, Coming::Words { .. }));
        if let Some(due) = &mut self.speech
            && self.endpointer.is_voiced()
            && now >= *due
            && !busy
        {
            *due = now / PARTIAL_EVERY * PARTIAL_EVERY + PARTIAL_EVERY;
            let range = (turn_start, now as usize);
            let text = self.models.words(self.heard, range, true).await;
            self.coming.push((now + HEARING_PARTIAL, Coming::Words { text, partial: true }));
        }
    }

    /// What has come by now; answers come between frames, so a frame late here.
    async fn arrive(&mut self) {
        let now = self.endpointer.position();
        while let Some(index) = self.coming.iter().position(|(due, _)| *due <= now) {
            let (_, coming) = self.coming.remove(index);
            let events = match coming {
                Coming::Judged { ask, probability } => self.endpointer.handle_completeness(ask, probability),
                Coming::Words { text, .. } => {
                    self.endpointer.handle_partial(&text);
                    Vec::new()
                }
            };
            Box::pin(self.follow(events)).await;
        }
    }
}
