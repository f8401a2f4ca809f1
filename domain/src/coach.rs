//! The coach: fuses what face, voice, words and turns say into the scores that a person sees, each with its evidence,
//! and into one short tip at a time.
//!
//! Pure: facts and times go in, a [`Card`], a [`Tip`] and a [`Feedback`] come out. It is `Clone`, so that whoever
//! supervises it holds the copy from which a new one goes on, without a jump.
//!
//! * `likability` is the persona's ledger ([`likability`](Likability)), exact, not smoothed: a change has a reason.
//! * `initiative` comes from the turns ([`TalkLedger`]); `tone` from the voice; the other five from the face.
//! * What is shown is smoothed ([`Shown`]); the total is fused from what is shown, and smoothed itself.

mod advice;
mod card;
mod config;
mod likability;
mod name;
mod report;
mod smooth;
mod talk;
#[cfg(test)]
mod tests;
mod topic;
mod total;
mod words;

use std::{collections::VecDeque, sync::Arc};

pub use self::{
    advice::Tip,
    card::{Card, FaceReading, NoFace, PersonTurn, PersonaTurn, Said},
    config::CoachConfig,
    likability::{Likability, LikabilityChange, Why},
    name::{EXPRESSIONS, Mood, ScoreName},
    report::{Feedback, Moment, Pitch, Report, TalkFacts},
    smooth::Shown,
    talk::{Before, Line, Place, TalkLedger, Who},
    topic::Stems,
    words::why_not,
};
use self::{
    advice::{Adviser, Look},
    report::{PITCHES, Timeline},
    talk::push_bounded,
    total::{SoFar, total},
};
use crate::{
    lang::Language,
    score::{Score, Source, WhyNot},
    turn::TurnId,
    voice::{self, F0_PLOT_MS, VoiceBaseline, VoiceTurn},
};

/// Turns over which fillers are counted for a tip.
const FILLER_TURNS: usize = 6;
/// Words from which a rate of fillers means something.
const FILLER_WORDS: u32 = 30;
/// How much stronger another score must be before the summary names it instead, so that it does not flicker.
const CLEARLY: i16 = 4;
/// Voice that the tone of voice needs before there is any.
const TONE_NEEDS_MS: u64 = 3_000;

/// See the module.
#[derive(Clone, Debug)]
pub struct Coach {
    config: CoachConfig,
    language: Language,
    turn: TurnId,
    since_ms: Option<u64>,
    talk: TalkLedger,
    likability: Likability,
    /// What the last turn did to it.
    recent: Vec<LikabilityChange>,
    face: FaceReading,
    tone: Score,
    voice: Vec<VoiceTurn>,
    baseline: VoiceBaseline,
    pitch: VecDeque<Arc<Pitch>>,
    fillers: VecDeque<(u32, u32)>,
    shown: [Shown; 8],
    shown_total: Shown,
    /// What the summary names.
    named: Option<(ScoreName, ScoreName)>,
    timeline: Timeline,
    adviser: Adviser,
    last: Option<Card>,
    settled: bool,
}

impl Coach {
    /// For a scene in which likability begins where it was.
    pub fn new(config: CoachConfig, language: Language, likability: Option<u8>) -> Self {
        let first = likability.unwrap_or(config.first_likability);
        Self {
            config,
            language,
            turn: TurnId(0),
            since_ms: None,
            talk: TalkLedger::default(),
            likability: Likability::new(first),
            recent: Vec::new(),
            face: FaceReading::none(0, NoFace::Unseen),
            tone: no_tone(),
            voice: Vec::new(),
            baseline: VoiceBaseline::default(),
            pitch: VecDeque::new(),
            fillers: VecDeque::new(),
            shown: [Shown::default(); 8],
            shown_total: Shown::default(),
            named: None,
            timeline: Timeline::default(),
            adviser: Adviser::default(),
            last: None,
            settled: true,
        }
    }

    /// The persona said something in an earlier scene of the session, which can be remembered.
    pub fn handle_earlier(&mut self, text: &str) {
        self.likability.handle_persona(text);
    }

    /// The person said something. Returns what that did to likability.
    pub fn handle_person(&mut self, said: &PersonTurn) -> &[LikabilityChange] {
        self.alive_since(said.span.from_ms);
        self.language = said.language;
        self.turn = self.turn.max(said.turn);
        let place = self.talk.handle_person(said);
        self.recent = self.likability.handle_person(said, &place, &self.config);
        push_bounded(&mut self.fillers, (said.said.fillers, said.said.words), FILLER_TURNS);
        &self.recent
    }

    /// The persona said something; again for the same item when it was cut afterwards.
    pub fn handle_persona(&mut self, said: &PersonaTurn) {
        self.alive_since(said.span.from_ms);
        self.turn = self.turn.max(said.turn);
        let is_new = self.talk.lines().all(|line| line.item != said.item);
        self.talk.handle_persona(said);
        if is_new {
            self.likability.handle_persona(&said.text);
        }
    }

    /// What the voice of a turn was measured to be. Of it only figures are kept, no words.
    pub fn handle_voice(&mut self, mut turn: VoiceTurn) {
        let hz = std::mem::take(&mut turn.f0_plot);
        if hz.iter().any(Option::is_some) {
            let pitch = Pitch { from_ms: turn.span.from_ms, step_ms: F0_PLOT_MS, hz };
            push_bounded(&mut self.pitch, Arc::new(pitch), PITCHES);
        }
        turn.words = String::new();
        self.baseline.follow(&turn);
        let language = turn.lang;
        if self.voice.len() == PITCHES {
            self.voice.remove(0);
        }
        self.voice.push(turn);
        self.tone = voice::tone(&self.voice, language, &self.config.tone, &self.baseline);
    }

    /// What the face shows.
    pub fn handle_face(&mut self, reading: FaceReading) {
        if reading.present > 0.0 {
            self.alive_since(reading.at_ms);
        }
        self.face = reading;
    }

    fn alive_since(&mut self, at_ms: u64) {
        self.since_ms = Some(self.since_ms.map_or(at_ms, |since| since.min(at_ms)));
    }

    /// How much the persona likes the person now.
    pub fn likability(&self) -> u8 {
        self.likability.value()
    }

    /// Whether a look in a second would show the same.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The scores at `now_ms`. Each look moves what is shown.
    pub fn look(&mut self, now_ms: u64) -> Card {
        let mut scores = [
            self.likability.score(),
            self.talk.initiative(now_ms, &self.config),
            self.tone.clone(),
            self.face.concentration.clone(),
            self.face.gaze_stability.clone(),
            self.face.blinking.clone(),
            self.face.posture.clone(),
            self.face.expression.clone(),
        ];
        self.settled = true;
        for (name, (score, shown)) in ScoreName::ALL.into_iter().zip(scores.iter_mut().zip(&mut self.shown)) {
            if name == ScoreName::Likability {
                continue;
            }
            let measured = score.value().map(f32::from);
            if let Some(value) = shown.step(now_ms, measured, &self.config) {
                score.value = Ok(value);
            }
            self.settled &= shown.is_at(measured);
        }
        let mut total = total(&scores, self.so_far(now_ms), &self.config);
        let measured = total.value().map(f32::from);
        if let Some(value) = self.shown_total.step(now_ms, measured, &self.config) {
            total.value = Ok(value);
        }
        self.settled &= self.shown_total.is_at(measured);
        let card = Card {
            at_ms: now_ms,
            turn: self.turn,
            summary: self.summary(&scores, &total),
            scores,
            total,
            shares: self.face.shares,
            mood: Mood::of(&self.face.expression),
            language: self.language,
        };
        self.timeline.note(&card);
        self.last = Some(card.clone());
        card
    }

    fn so_far(&self, now_ms: u64) -> SoFar {
        SoFar {
            turns: u64::from(self.talk.turns()),
            ms: now_ms.saturating_sub(self.since_ms.unwrap_or(now_ms)),
            face: self.has_face(),
        }
    }

    /// Whether there is one, or was one long enough to judge.
    fn has_face(&self) -> bool {
        self.face.present > 0.0 || self.face.concentration.value.is_ok()
    }

    /// The strongest and the weakest score, once there is a total; else how to get one.
    fn summary(&mut self, scores: &[Score; 8], total: &Score) -> String {
        if total.value.is_err() {
            self.named = None;
            return words::hint(self.language).into();
        }
        let value = |name: ScoreName| scores[name as usize].value().map(i16::from);
        let known = || ScoreName::ALL.into_iter().filter_map(|name| Some((name, value(name)?)));
        let best = known().max_by_key(|(name, value)| (*value, std::cmp::Reverse(*name)));
        let worst = known().min_by_key(|(name, value)| (*value, *name));
        let (Some(best), Some(worst)) = (best, worst) else { return words::hint(self.language).into() };
        // The one that was named stays named until another one is clearly beyond it.
        let keep = |named: Option<ScoreName>, found: (ScoreName, i16)| {
            let before = named.and_then(|name| Some((name, value(name)?)));
            before.filter(|(_, value)| (value - found.1).abs() < CLEARLY).unwrap_or(found)
        };
        let best = keep(self.named.map(|(best, _)| best), best);
        let worst = keep(self.named.map(|(_, worst)| worst), worst);
        self.named = Some((best.0, worst.0));
        words::summary((best.0, best.1 as u8), (worst.0, worst.1 as u8), self.language)
    }

    /// A tip after a [`Coach::look`], if one is due and the person does not speak.
    pub fn tip(&mut self, speaking: bool) -> Option<Tip> {
        let card = self.last.take()?;
        let (fillers, words) =
            self.fillers.iter().fold((0, 0), |(sum, all), (fillers, words)| (sum + fillers, all + words));
        let look = Look {
            recent: &self.recent,
            questions: self.talk.questions_per_minute(card.at_ms),
            present: (self.face.present > 0.0).then_some(self.face.present),
            fillers: (words >= FILLER_WORDS).then(|| fillers as f32 * 100.0 / words as f32),
            card: &card,
        };
        let since = self.since_ms.unwrap_or(card.at_ms);
        let tip = if speaking { None } else { self.adviser.tip(since, &look, &self.config) };
        self.last = Some(card);
        tip
    }

    /// Everything for the store and the report; `None` before the first look.
    pub fn feedback(&self) -> Option<Feedback> {
        let card = self.last.clone()?;
        let seen = self.has_face();
        let report = Report {
            timeline: self.timeline.points(),
            pitch: self.pitch.iter().cloned().collect(),
            gaze: self.face.gaze,
            on_target: self.face.gaze_stability.measure.filter(|_| seen),
            talk: self.talk.lines().cloned().collect(),
            facts: TalkFacts {
                turns: self.talk.turns(),
                talk_share: self.talk.talk_share(),
                questions_per_minute: self.talk.questions_per_minute(card.at_ms),
                latency_ms: self.talk.latency_ms(),
                interruptions: self.talk.interruptions(),
            },
            tips: self.adviser.given().to_vec(),
            likability: self.likability.changes().copied().collect(),
        };
        Some(Feedback { card, report })
    }
}

fn no_tone() -> Score {
    let why = WhyNot { code: "needs_speech", needs: TONE_NEEDS_MS, has: 0 };
    Score::missing(Source::Voice, "semitones", why)
}
