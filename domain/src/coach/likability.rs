//! How much the persona likes the person: a ledger that begins at 50, in which every change cites its turn and its
//! reason. One turn changes it by at most six points (own), so that it never jumps; it stays within 0 and 100.
//!
//! | reason | when |
//! |---|---|
//! | `remembered` | they come back to something that the persona said before its last two lines, and that they had not said themselves |
//! | `empathy` | reaction, interpretation or exploration were heard (EPITOME), a point each, three at most |
//! | `asked` | they asked about the persona or its life |
//! | `kind` | more words of a good colour than of a bad one, or a polite form |
//! | `ignored_question` | the persona asked, and every sentence of the answer is a question about something else |
//! | `speech_level` | 반말 while the persona still speaks 존댓말; in English nothing |
//! | `too_distant` | 합쇼체 and 해요체 throughout after the persona has come to 반말 |
//! | `curt` | a word or two to an open question, or twice in a row |
//! | `interrupted` | they cut the persona off |

use std::collections::VecDeque;

use super::{CoachConfig, PersonTurn, Place, talk::push_bounded, topic::Stems};
use crate::{
    lang::Language,
    persona::SpeechLevel,
    score::{Evidence, Score, Source, Span, WhyNot},
    turn::TurnId,
};

/// Changes kept for people who ask why.
const KEPT: usize = 200;
/// Lines of the persona that count as just said.
const JUST_SAID: usize = 2;
/// Points of empathy that one turn can earn.
const MOST_EMPATHY: u8 = 3;
/// Lines of the persona that can be remembered.
const TOLD: usize = 64;

/// Why it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They came back to something of the persona.
    Remembered,
    /// They felt with the persona.
    Empathy,
    /// They wanted to know something of it.
    Asked,
    /// They were kind.
    Kind,
    /// They left its question unanswered.
    IgnoredQuestion,
    /// They were more familiar than the two are.
    SpeechLevel,
    /// They were more distant than the two are.
    TooDistant,
    /// They said next to nothing.
    Curt,
    /// They cut it off.
    Interrupted,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Remembered,
        Self::Empathy,
        Self::Asked,
        Self::Kind,
        Self::IgnoredQuestion,
        Self::SpeechLevel,
        Self::TooDistant,
        Self::Curt,
        Self::Interrupted,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Empathy => "empathy",
            Self::Asked => "asked",
            Self::Kind => "kind",
            Self::IgnoredQuestion => "ignored_question",
            Self::SpeechLevel => "speech_level",
            Self::TooDistant => "too_distant",
            Self::Curt => "curt",
            Self::Interrupted => "interrupted",
        }
    }

    /// For people.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Korean, Self::Remembered) => "상대의 이야기를 기억했어요",
            (Language::Korean, Self::Empathy) => "공감해 주었어요",
            (Language::Korean, Self::Asked) => "상대에게 관심을 보였어요",
            (Language::Korean, Self::Kind) => "따뜻하게 말했어요",
            (Language::Korean, Self::IgnoredQuestion) => "질문에 답하지 않았어요",
            (Language::Korean, Self::SpeechLevel) => "아직 이른 반말이었어요",
            (Language::Korean, Self::TooDistant) => "친해졌는데 말투가 멀었어요",
            (Language::Korean, Self::Curt) => "너무 짧게 답했어요",
            (Language::Korean, Self::Interrupted) => "말을 끊었어요",
            (Language::English, Self::Remembered) => "remembered something",
            (Language::English, Self::Empathy) => "showed empathy",
            (Language::English, Self::Asked) => "showed interest",
            (Language::English, Self::Kind) => "spoke kindly",
            (Language::English, Self::IgnoredQuestion) => "left a question unanswered",
            (Language::English, Self::SpeechLevel) => "too familiar too soon",
            (Language::English, Self::TooDistant) => "more distant than you two are",
            (Language::English, Self::Curt) => "answered in a word",
            (Language::English, Self::Interrupted) => "interrupted",
        }
    }
}

/// One line of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LikabilityChange {
    /// The turn that caused it.
    pub turn: TurnId,
    /// When that was said.
    pub span: Span,
    /// By how much.
    pub delta: i8,
    /// Why.
    pub why: Why,
    /// After.
    pub to: u8,
}

/// The ledger.
#[derive(Clone, Debug)]
pub struct Likability {
    value: u8,
    turns: u32,
    changes: VecDeque<LikabilityChange>,
    /// What the persona said and the person has not come back to yet, the newest last.
    told: VecDeque<Stems>,
    was_curt: bool,
}

impl Likability {
    /// A ledger that begins at `value`.
    pub fn new(value: u8) -> Self {
        Self {
            value: value.min(100),
            turns: 0,
            changes: VecDeque::new(),
            told: VecDeque::new(),
            was_curt: false,
        }
    }

    /// The persona said something that can be remembered.
    pub fn handle_persona(&mut self, text: &str) {
        push_bounded(&mut self.told, Stems::of(text), TOLD);
    }

    /// The person said something: changes the ledger, and returns its new lines.
    pub fn handle_person(
        &mut self,
        said: &PersonTurn,
        place: &Place,
        config: &CoachConfig,
    ) -> Vec<LikabilityChange> {
        self.turns += 1;
        let reasons = self.reasons(said, place);
        let mut left = (i16::from(config.likability_step), i16::from(config.likability_step));
        let mut new = Vec::new();
        for (why, points) in reasons {
            let wanted = i16::from(config.likability[why as usize]) * points;
            // What it takes and what it gives are bounded each, so that their sum is, too.
            let step = if wanted < 0 { -(-wanted).min(left.0) } else { wanted.min(left.1) };
            if wanted < 0 {
                left.0 += step
            } else {
                left.1 -= step
            }
            let to = (i16::from(self.value) + step).clamp(0, 100);
            let delta = to - i16::from(self.value);
            if delta == 0 {
                continue;
            }
            self.value = to as u8;
            let change =
                LikabilityChange { turn: said.turn, span: said.span, delta: delta as i8, why, to: to as u8 };
            push_bounded(&mut self.changes, change, KEPT);
            new.push(change);
        }
        new
    }

    /// Every reason in this turn, with its points; what takes comes first.
    fn reasons(&mut self, said: &PersonTurn, place: &Place) -> Vec<(Why, i16)> {
        let before = place.after.as_ref();
        let curt = is_curt(said);
        let twice = std::mem::replace(&mut self.was_curt, curt) && curt;
        let open = before.is_some_and(|before| before.asked && before.open);
        let ignored = before.is_some_and(|before| before.asked && !answers(said, &before.stems));
        let empathy = i16::from(said.said.empathy.min(MOST_EMPATHY));
        let kind = said.said.positive > said.said.negative || said.said.polite_forms > 0;
        let found = [
            (Why::IgnoredQuestion, i16::from(ignored)),
            (Why::SpeechLevel, i16::from(is_too_familiar(said))),
            (Why::TooDistant, i16::from(is_too_distant(said))),
            (Why::Curt, i16::from(curt && (open || twice))),
            (Why::Interrupted, i16::from(place.interrupted)),
            (Why::Remembered, i16::from(self.remembers(said))),
            (Why::Empathy, empathy),
            (Why::Asked, i16::from(said.said.questions > 0 && !ignored)),
            (Why::Kind, i16::from(kind)),
        ];
        found.into_iter().filter(|(_, points)| *points > 0).collect()
    }

    /// Whether something that the persona said comes back, and not what it just said. Each thing counts once.
    fn remembers(&mut self, said: &PersonTurn) -> bool {
        let stems = Stems::of(&said.text);
        let earlier = self.told.len().saturating_sub(JUST_SAID);
        let mut common = self.told.iter_mut().map(|line| line.take_common(&stems)).collect::<Vec<_>>();
        let just_said = common.split_off(earlier).into_iter().sum::<usize>() > 0;
        !just_said && common.into_iter().sum::<usize>() > 0
    }

    /// Now.
    pub fn value(&self) -> u8 {
        self.value
    }

    /// Why it is what it is, oldest first.
    pub fn changes(&self) -> impl Iterator<Item = &LikabilityChange> {
        self.changes.iter()
    }

    /// As a score: from the first turn on.
    pub fn score(&self) -> Score {
        if self.turns == 0 {
            let why = WhyNot { code: "needs_turns", needs: 1, has: 0 };
            return Score::missing(Source::Turns, "points", why);
        }
        let evidence = |change: &LikabilityChange| Evidence {
            span: change.span,
            what: change.why.name(),
            value: f32::from(change.delta),
            turn: Some(change.turn),
        };
        Score {
            value: Ok(self.value),
            measure: Some(f32::from(self.value)),
            unit: "points",
            band: None,
            n: self.turns,
            coverage: 1.0,
            quality: (self.turns as f32 / 4.0).min(1.0),
            source: Source::Words,
            evidence: self.changes.iter().map(evidence).collect(),
        }
    }
}

/// A word or two that ask nothing.
fn is_curt(said: &PersonTurn) -> bool {
    let syllables = said.text.chars().filter(|character| character.is_alphanumeric()).count();
    let short = match said.language {
        Language::Korean => syllables <= 3,
        Language::English => said.said.words <= 2,
    };
    short && said.said.questions == 0
}

/// 반말 while the persona still speaks 존댓말.
fn is_too_familiar(said: &PersonTurn) -> bool {
    said.level != SpeechLevel::Close
        && said.said.endings > 0
        && said.said.polite_endings * 2 < said.said.endings
}

/// 존댓말 throughout, and more than once, although the persona has come to 반말.
fn is_too_distant(said: &PersonTurn) -> bool {
    said.level == SpeechLevel::Close
        && said.said.endings >= 2
        && said.said.polite_endings == said.said.endings
}

/// Whether a question was answered. Believed easily: it was not only when every sentence asks something else.
fn answers(said: &PersonTurn, question: &Stems) -> bool {
    /// Words that answer, or ask for the question again.
    const WORDS: [&str; 21] = [
        "네",
        "예",
        "응",
        "아뇨",
        "아니",
        "아니요",
        "글쎄",
        "글쎄요",
        "그럼요",
        "몰라",
        "몰라요",
        "yes",
        "yeah",
        "yep",
        "no",
        "nope",
        "sure",
        "maybe",
        "pardon",
        "sorry",
        "again",
    ];
    /// The same in more than a word, or as the end of one; questions in return come after an answer.
    const PARTS: [&str; 12] = [
        "뭐라고",
        "다시",
        "무슨 말",
        "못 들",
        "은요?",
        "는요?",
        "너는?",
        "당신은?",
        "what do you mean",
        "and you",
        "about you",
        "yourself",
    ];
    if said.said.questions == 0 || question.touch(&Stems::of(&said.text)) {
        return true;
    }
    let text = said.text.to_lowercase();
    let answers =
        text.split(|character: char| !character.is_alphanumeric()).any(|word| WORDS.contains(&word));
    let mut sentences = text
        .split_inclusive(['.', '!', '?', '？'])
        .filter(|sentence| sentence.chars().any(char::is_alphanumeric));
    answers
        || PARTS.iter().any(|part| text.contains(part))
        || !sentences.all(|sentence| sentence.trim_end().ends_with(['?', '？']))
}
