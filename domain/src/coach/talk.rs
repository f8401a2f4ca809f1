//! Who spoke when: the ledger from which talk share, questions, new topics and unprompted continuation are counted,
//! and `initiative` from these.
//!
//! `initiative = Σ w·T(x) / Σ w` over what could be counted, with the weights 40, 25, 20 and 15 % (own) for
//! * the person's share of the time in which somebody spoke (what was written counts 400 ms a word),
//! * their questions per minute of the scene,
//! * the share of their turns that bring a topic: something to talk about that was neither in the persona's last line
//!   nor in their own, and was not asked for,
//! * the share of the turns after a line that asked nothing in which they went on with three words and more.

use std::{collections::VecDeque, sync::Arc};

use super::{CoachConfig, PersonTurn, PersonaTurn, topic::Stems};
use crate::{
    lang::Language,
    score::{Evidence, Score, Source, Span, WhyNot},
    turn::TurnId,
};

/// Lines kept for the report; two hours of quick talk.
const KEPT: usize = 512;
/// Moments kept as evidence.
const EVIDENCE: usize = 64;
/// Latencies kept for their median.
const LATENCIES: usize = 64;
/// A longer silence is a pause of the scene, not a slow answer.
const LONGEST_LATENCY_MS: i64 = 15_000;
/// How long it takes to say a word, for what was written.
const MS_PER_WORD: u64 = 400;
/// Words from which a line goes on with the talk rather than only answers.
const CONTINUES_FROM: u32 = 3;
/// After how many turns `initiative` is fully trusted. (own)
const TRUSTED_AFTER: f32 = 5.0;
/// Rates per minute count at least so much time, so that the first question is not twenty a minute.
const LEAST_TIME_MS: u64 = 60_000;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person.
    Person,
    /// The persona.
    Persona,
}

impl Who {
    /// The name on the wire, as in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "user",
            Self::Persona => "assistant",
        }
    }
}

/// One line of the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub who: Who,
    /// In which turn.
    pub turn: TurnId,
    /// The item of the conversation.
    pub item: Arc<str>,
    /// When.
    pub span: Span,
    /// How much time it counts, which for what was written is an estimate.
    counts_ms: u64,
}

/// What a line of the person was in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The persona's line before it, if there was one.
    pub after: Option<Before>,
    /// It brings a topic.
    pub new_topic: bool,
    /// It goes on although nothing was asked.
    pub continued: bool,
    /// It cut the persona's line off.
    pub interrupted: bool,
}

/// What is remembered of the persona's last line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Before {
    /// Whether it ended in a question.
    pub asked: bool,
    /// Whether that question wants more than yes or no.
    pub open: bool,
    /// What it was about.
    pub stems: Stems,
    to_ms: u64,
    stopped: bool,
}

/// The ledger.
#[derive(Clone, Debug, Default)]
pub struct TalkLedger {
    lines: VecDeque<Line>,
    before: Option<Before>,
    last_own: Stems,
    first_ms: Option<u64>,
    person_ms: u64,
    persona_ms: u64,
    turns: u32,
    questions: u32,
    new_topics: u32,
    unprompted: u32,
    continued: u32,
    interruptions: u32,
    latencies: VecDeque<i64>,
    evidence: VecDeque<Evidence>,
}

impl TalkLedger {
    /// The persona said something; told again for the same item, it is replaced (it was cut after all).
    pub fn handle_persona(&mut self, said: &PersonaTurn) {
        let words = said.text.split_whitespace().count() as u64;
        let counts_ms = if said.span.ms() > 0 { said.span.ms() } else { words * MS_PER_WORD };
        self.before = Some(Before {
            asked: asks(&said.text),
            open: is_open(&said.text, said.language),
            stems: Stems::of(&said.text),
            to_ms: said.span.to_ms,
            stopped: said.stopped,
        });
        self.first_ms.get_or_insert(said.span.from_ms);
        let known = self.lines.iter_mut().rev().find(|line| line.item == said.item);
        if let Some(line) = known {
            self.persona_ms = self.persona_ms - line.counts_ms.min(self.persona_ms) + counts_ms;
            (line.span, line.counts_ms) = (said.span, counts_ms);
            return;
        }
        self.persona_ms += counts_ms;
        let (turn, item) = (said.turn, said.item.clone());
        self.push(Line { who: Who::Persona, turn, item, span: said.span, counts_ms });
    }

    /// The person said something.
    pub fn handle_person(&mut self, said: &PersonTurn) -> Place {
        let counts_ms =
            if said.span.ms() > 0 { said.span.ms() } else { u64::from(said.said.words) * MS_PER_WORD };
        let place = self.place(said);
        self.first_ms.get_or_insert(said.span.from_ms);
        self.turns += 1;
        self.person_ms += counts_ms;
        self.questions += said.said.questions;
        self.new_topics += u32::from(place.new_topic);
        self.interruptions += u32::from(place.interrupted);
        if place.after.as_ref().is_some_and(|before| !before.asked) {
            self.unprompted += 1;
            self.continued += u32::from(place.continued);
        }
        self.note_latency(said, &place);
        let moments = [
            ("question", said.said.questions as f32),
            ("new_topic", f32::from(u8::from(place.new_topic))),
            ("continued", f32::from(u8::from(place.continued))),
            ("interrupted", f32::from(u8::from(place.interrupted))),
        ];
        for (what, value) in moments.into_iter().filter(|(_, value)| *value > 0.0) {
            push_bounded(
                &mut self.evidence,
                Evidence { span: said.span, what, value, turn: Some(said.turn) },
                EVIDENCE,
            );
        }
        self.last_own = Stems::of(&said.text);
        let (turn, item) = (said.turn, said.item.clone());
        self.push(Line { who: Who::Person, turn, item, span: said.span, counts_ms });
        place
    }

    fn place(&self, said: &PersonTurn) -> Place {
        let stems = Stems::of(&said.text);
        let before = self.before.as_ref();
        let asked = before.is_some_and(|before| before.asked);
        let about_before = before.is_some_and(|before| before.stems.touch(&stems));
        let answers_only = asked && said.said.questions == 0;
        let interrupted =
            before.is_some_and(|before| before.stopped && said.spoken && said.span.from_ms <= before.to_ms);
        Place {
            after: before.cloned(),
            new_topic: said.said.new_topics > 0
                || !stems.is_empty() && !about_before && !answers_only && !self.last_own.touch(&stems),
            continued: before.is_some() && !asked && said.said.words >= CONTINUES_FROM,
            interrupted,
        }
    }

    fn note_latency(&mut self, said: &PersonTurn, place: &Place) {
        let Some(before) = place.after.as_ref().filter(|before| said.spoken && before.to_ms > 0) else {
            return;
        };
        let latency = said.span.from_ms as i64 - before.to_ms as i64;
        if !place.interrupted && latency.abs() <= LONGEST_LATENCY_MS {
            push_bounded(&mut self.latencies, latency, LATENCIES);
        }
    }

    fn push(&mut self, line: Line) {
        push_bounded(&mut self.lines, line, KEPT);
    }

    /// Every line that is still known, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// How often the person has spoken.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// When the first thing was said.
    pub fn first_ms(&self) -> Option<u64> {
        self.first_ms
    }

    /// The person's share of the time in which somebody spoke, 0 to 1.
    pub fn talk_share(&self) -> Option<f32> {
        let all = self.person_ms + self.persona_ms;
        (all > 0).then(|| self.person_ms as f32 / all as f32)
    }

    /// The person's questions per minute of the scene.
    pub fn questions_per_minute(&self, now_ms: u64) -> f32 {
        let since = now_ms.saturating_sub(self.first_ms.unwrap_or(now_ms)).max(LEAST_TIME_MS);
        self.questions as f32 * 60_000.0 / since as f32
    }

    /// The median gap between the persona's last word and the person's first, in milliseconds; people among themselves
    /// leave about 200 (Levinson and Torreira). Negative for an overlap.
    pub fn latency_ms(&self) -> Option<i64> {
        let mut sorted = self.latencies.iter().copied().collect::<Vec<_>>();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// How often the person cut the persona off.
    pub fn interruptions(&self) -> u32 {
        self.interruptions
    }

    /// How much the person leads the talk.
    pub fn initiative(&self, now_ms: u64, config: &CoachConfig) -> Score {
        if u64::from(self.turns) < config.least_turns {
            let why = WhyNot { code: "needs_turns", needs: config.least_turns, has: u64::from(self.turns) };
            return Score { n: self.turns, ..Score::missing(Source::Turns, "talk_share", why) };
        }
        let share = |of: u32, all: u32| (all > 0).then(|| of as f32 / all as f32);
        let parts = [
            self.talk_share().map(|share| config.talk_share.judge(share)),
            Some(config.questions.judge(self.questions_per_minute(now_ms))),
            share(self.new_topics, self.turns).map(|share| config.new_topics.judge(share)),
            share(self.continued, self.unprompted).map(|share| config.continuation.judge(share)),
        ];
        let weighted = parts
            .iter()
            .zip(config.initiative_weights)
            .filter_map(|(part, weight)| Some((part.as_ref()? * weight, weight)));
        let (sum, weights) =
            weighted.fold((0.0, 0.0), |(sum, all), (part, weight)| (sum + part, all + weight));
        let value = if weights > 0.0 { sum / weights } else { 0.0 };
        Score {
            value: Ok(value.round().clamp(0.0, 100.0) as u8),
            measure: self.talk_share(),
            unit: "talk_share",
            band: Some(config.talk_share),
            n: self.turns,
            coverage: 1.0,
            quality: (self.turns as f32 / TRUSTED_AFTER).min(1.0),
            source: Source::Turns,
            evidence: self.evidence.iter().copied().collect(),
        }
    }
}

pub(super) fn push_bounded<T>(held: &mut VecDeque<T>, new: T, most: usize) {
    if held.len() == most {
        held.pop_front();
    }
    held.push_back(new);
}

/// Whether a line ends in a question.
fn asks(text: &str) -> bool {
    text.trim_end_matches([' ', '"', '”', '\'', ')', '~', '!']).ends_with(['?', '？'])
}

/// Whether the question at its end wants more than yes or no.
fn is_open(text: &str, language: Language) -> bool {
    const KOREAN: [&str; 11] =
        ["뭐", "무엇", "무슨", "어떤", "어떻", "어디", "언제", "누구", "왜", "얼마", "어땠"];
    const ENGLISH: [&str; 9] = ["what", "how", "why", "where", "which", "who", "when", "whose", "tell"];
    let Some(last) = text.trim_end_matches([' ', '?', '？', '!']).rsplit(['.', '?', '!', '？']).next()
    else {
        return false;
    };
    match language {
        Language::Korean => KOREAN.iter().any(|word| last.contains(word)),
        Language::English => last
            .split(|character: char| !character.is_alphabetic())
            .any(|word| ENGLISH.contains(&word.to_lowercase().as_str())),
    }
}
