//! Live tips: one short line at a time, at most every 20 seconds, the same kind at most once a minute, never while the
//! person speaks. Each comes from one rule below, and names the score that it is about.
//!
//! A rule holds when its score is below `tip_below` and its measure lies on the named side of its band, or when the
//! ledger of likability has just said so. What the ledger said comes first, then the lowest score.

use super::{Card, CoachConfig, LikabilityChange, ScoreName, Why};
use crate::lang::Language;

/// Tips kept for the report.
const KEPT: usize = 64;

/// A tip that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// When, in milliseconds since the session began.
    pub at_ms: u64,
    /// Which: a stable name.
    pub code: &'static str,
    /// The score that it is about.
    pub score: ScoreName,
    /// The words, in the person's language.
    pub text: &'static str,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) card: &'a Card,
    /// What the last turn did to the ledger of likability.
    pub(super) recent: &'a [LikabilityChange],
    /// The person's questions per minute.
    pub(super) questions: f32,
    /// Share of the time with a face, while there is one.
    pub(super) present: Option<f32>,
    /// Fillers per hundred words, when enough was said.
    pub(super) fillers: Option<f32>,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug)]
enum When {
    /// The last turn was judged so.
    Said(Why),
    /// The score is low and its measure is below its band.
    Below,
    /// The score is low and its measure is above its band.
    Above,
    /// The score is low, however it was measured.
    Low,
    /// The score is low, and hardly anything is asked.
    AsksLittle,
    /// There is hardly a face in the picture.
    OutOfFrame,
    /// Too many fillers.
    Fillers,
}

struct Rule {
    code: &'static str,
    score: ScoreName,
    when: When,
    /// In Korean and in English.
    words: [&'static str; 2],
}

const RULES: [Rule; 16] = [
    rule(
        "answer_question",
        ScoreName::Likability,
        When::Said(Why::IgnoredQuestion),
        ["방금 받은 질문에 먼저 답해 보세요.", "Try answering the question first."],
    ),
    rule(
        "stay_polite",
        ScoreName::Likability,
        When::Said(Why::SpeechLevel),
        ["아직은 존댓말이 더 편해요.", "Stay a little more formal for now."],
    ),
    rule(
        "come_closer",
        ScoreName::Likability,
        When::Said(Why::TooDistant),
        ["이제 말을 편하게 해도 괜찮아요.", "You two are close enough to relax."],
    ),
    rule(
        "say_more",
        ScoreName::Likability,
        When::Said(Why::Curt),
        ["한 문장만 더 덧붙여 보세요.", "Add one more sentence."],
    ),
    rule(
        "let_finish",
        ScoreName::Likability,
        When::Said(Why::Interrupted),
        ["상대의 말이 끝날 때까지 기다려 보세요.", "Let them finish first."],
    ),
    rule(
        "come_into_frame",
        ScoreName::Concentration,
        When::OutOfFrame,
        ["얼굴이 화면에 잘 보이게 앉아 주세요.", "Sit so that your face is in the picture."],
    ),
    rule(
        "look_at_camera",
        ScoreName::GazeStability,
        When::Below,
        ["카메라를 조금 더 바라봐 주세요.", "Look into the camera a little more."],
    ),
    rule(
        "look_away",
        ScoreName::GazeStability,
        When::Above,
        ["가끔은 시선을 자연스럽게 돌려도 좋아요.", "It is fine to look away now and then."],
    ),
    rule(
        "face_the_screen",
        ScoreName::Concentration,
        When::Low,
        ["고개를 화면 쪽으로 돌려 보세요.", "Turn your head towards the screen."],
    ),
    rule(
        "sit_up",
        ScoreName::Posture,
        When::Low,
        ["어깨를 펴고 편하게 앉아 보세요.", "Straighten up and relax your shoulders."],
    ),
    rule(
        "blink_more",
        ScoreName::Blinking,
        When::Below,
        ["눈을 편하게 깜빡여 보세요.", "Let yourself blink."],
    ),
    rule(
        "rest_eyes",
        ScoreName::Blinking,
        When::Above,
        ["잠시 눈의 힘을 빼 보세요.", "Relax your eyes for a moment."],
    ),
    rule("smile", ScoreName::Expression, When::Low, ["살짝 미소를 지어 보세요.", "Try a small smile."]),
    rule(
        "ask_something",
        ScoreName::Initiative,
        When::AsksLittle,
        ["상대에게 질문을 하나 건네 보세요.", "Ask them something."],
    ),
    rule(
        "leave_room",
        ScoreName::Initiative,
        When::Above,
        ["상대가 말할 틈을 조금 더 주세요.", "Leave them a little more room to talk."],
    ),
    rule(
        "fewer_fillers",
        ScoreName::Tone,
        When::Fillers,
        ["‘음’, ‘어’ 대신 잠깐 쉬어 보세요.", "Try a short pause instead of “um”."],
    ),
];

/// For what the tone of voice lacks; by the measure of the score, the spread of the pitch.
const VOICE: [Rule; 2] = [
    rule(
        "vary_pitch",
        ScoreName::Tone,
        When::Below,
        ["목소리에 높낮이를 조금 더 실어 보세요.", "Let your pitch rise and fall a little more."],
    ),
    rule(
        "calm_voice",
        ScoreName::Tone,
        When::Above,
        ["목소리를 조금 더 차분하게 해 보세요.", "Keep your voice a little calmer."],
    ),
];

const fn rule(code: &'static str, score: ScoreName, when: When, words: [&'static str; 2]) -> Rule {
    Rule { code, score, when, words }
}

/// Who gives the tips.
#[derive(Clone, Debug, Default)]
pub(super) struct Adviser {
    given: Vec<Tip>,
    last_ms: Option<u64>,
}

impl Adviser {
    /// Every tip that is still known, oldest first.
    pub(super) fn given(&self) -> &[Tip] {
        &self.given
    }

    /// A tip at `now_ms`, if one is due. `since_ms` is when the scene came alive.
    pub(super) fn tip(&mut self, since_ms: u64, look: &Look<'_>, config: &CoachConfig) -> Option<Tip> {
        let now = look.card.at_ms;
        let last = self.last_ms.unwrap_or(since_ms);
        if now.saturating_sub(last) < config.tip_every_ms {
            return None;
        }
        let fresh = |rule: &&Rule| {
            let before = self.given.iter().rev().find(|tip| tip.code == rule.code);
            before.is_none_or(|tip| now.saturating_sub(tip.at_ms) >= config.tip_again_ms)
        };
        let holding = RULES.iter().chain(&VOICE).filter(fresh).filter(|rule| rule.holds(look, config));
        let urgency = |rule: &&Rule| match rule.when {
            When::Said(_) => 0,
            _ => 1 + u16::from(look.card.score(rule.score).value().unwrap_or(0)),
        };
        let rule = holding.min_by_key(urgency)?;
        let text = match look.card.language {
            Language::Korean => rule.words[0],
            Language::English => rule.words[1],
        };
        let tip = Tip { at_ms: now, code: rule.code, score: rule.score, text };
        self.last_ms = Some(now);
        if self.given.len() == KEPT {
            self.given.remove(0);
        }
        self.given.push(tip);
        Some(tip)
    }
}

impl Rule {
    fn holds(&self, look: &Look<'_>, config: &CoachConfig) -> bool {
        let score = look.card.score(self.score);
        let low = score.value().is_some_and(|value| value < config.tip_below);
        let side = |beyond: fn(f32, (f32, f32)) -> bool| {
            let measured = score.measure.zip(score.band);
            low && measured.is_some_and(|(measure, band)| beyond(measure, band.full))
        };
        match self.when {
            When::Said(why) => look.recent.iter().any(|change| change.why == why),
            When::Below => side(|measure, full| measure < full.0),
            When::Above => side(|measure, full| measure > full.1),
            When::Low => low,
            When::AsksLittle => low && look.questions < config.questions.full.0,
            When::OutOfFrame => look.present.is_some_and(|present| present < config.least_coverage),
            When::Fillers => look.fillers.is_some_and(|fillers| fillers > config.fillers_per_100),
        }
    }
}

#[cfg(test)]
pub(super) fn all_words() -> impl Iterator<Item = (&'static str, [&'static str; 2])> {
    RULES.iter().chain(&VOICE).map(|rule| (rule.code, rule.words))
}
