//! How close a person and a persona have become: a ledger in which every change cites its turn.
//!
//! The rule: each completed exchange (the person said something, the persona's reply ended) adds 2 until 40 and
//! 1 from there, up to 100. So 반말 at 50 is reached after 30 exchanges, and the way from there to 100 takes 50 more.
//! It grows from how much the persona likes the person ([`crate::coach::Likability`]): one point faster from 65 on, and
//! not at all below 35, until they have made up for it. (own)
//! One turn counts once, and nothing is ever taken away: an interruption or a quarrel is part of getting closer.

use std::collections::VecDeque;

use crate::{
    persona::{Persona, SpeechLevel},
    turn::TurnId,
};

/// The highest intimacy.
const HIGHEST: u8 = 100;
/// Below this, strangers warm up quickly.
const WARMED_UP: u8 = 40;
/// From this likability on people come closer faster…
const LIKED_FROM: u8 = 65;
/// …and below this one not at all.
const DISLIKED_BELOW: u8 = 35;
/// Changes kept for people who ask why; more than it takes from 0 to 100.
const KEPT: usize = 100;

/// A step of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntimacyChange {
    /// The turn that caused it.
    pub turn: TurnId,
    /// Before.
    pub from: u8,
    /// After.
    pub to: u8,
}

/// The ledger of one session.
#[derive(Clone, Debug, Default)]
pub struct Intimacy {
    value: u8,
    last_turn: Option<TurnId>,
    changes: VecDeque<IntimacyChange>,
}

impl Intimacy {
    /// A ledger that continues at `value` (0 to 100).
    pub fn new(value: u8) -> Self {
        Self { value: value.min(HIGHEST), ..Self::default() }
    }

    /// Counts a completed exchange with somebody whom the persona likes this much (0 to 100). `None` when nothing
    /// changed: this turn was counted, the persona keeps its distance, or there is no more to gain.
    pub fn handle_exchange(&mut self, turn: TurnId, likability: u8) -> Option<IntimacyChange> {
        if self.value >= HIGHEST || self.last_turn.is_some_and(|last| turn.0 <= last.0) {
            return None;
        }
        let gain = match likability {
            LIKED_FROM.. => 1,
            DISLIKED_BELOW.. => 0,
            _ => return None,
        } + if self.value < WARMED_UP { 2 } else { 1 };
        let change = IntimacyChange { turn, from: self.value, to: (self.value + gain).min(HIGHEST) };
        self.value = change.to;
        self.last_turn = Some(turn);
        if self.changes.len() == KEPT {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        Some(change)
    }

    /// 0 (strangers) to 100.
    pub fn value(&self) -> u8 {
        self.value
    }

    /// Why it is what it is, oldest first; the last hundred changes of this ledger.
    pub fn changes(&self) -> impl Iterator<Item = &IntimacyChange> {
        self.changes.iter()
    }

    /// How `persona` speaks now.
    pub fn speech_level(&self, persona: &Persona) -> SpeechLevel {
        persona.intimacy_step(self.value).map_or(SpeechLevel::Polite, |step| step.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persona::tests::sample;

    #[test]
    fn grows_fast_then_slowly_and_cites_turns() {
        let mut intimacy = Intimacy::default();
        for turn in 1..=30 {
            let change = intimacy.handle_exchange(TurnId(turn), 50).expect("still growing");
            assert_eq!(change.turn, TurnId(turn));
            assert_eq!(change.to, intimacy.value());
        }
        assert_eq!(intimacy.value(), 50);
        assert_eq!(intimacy.changes().count(), 30);
        for turn in 31..=80 {
            intimacy.handle_exchange(TurnId(turn), 50);
        }
        assert_eq!(intimacy.value(), 100);
        assert_eq!(intimacy.handle_exchange(TurnId(81), 50), None);
    }

    #[test]
    fn a_turn_counts_once() {
        let mut intimacy = Intimacy::new(39);
        assert_eq!(
            intimacy.handle_exchange(TurnId(5), 50),
            Some(IntimacyChange { turn: TurnId(5), from: 39, to: 41 })
        );
        assert_eq!(intimacy.handle_exchange(TurnId(5), 50), None);
        assert_eq!(intimacy.handle_exchange(TurnId(4), 50), None);
        assert_eq!(intimacy.value(), 41);
    }

    #[test]
    fn who_is_liked_comes_closer_faster_and_who_is_not_does_not() {
        for (likability, after) in [(0, 0), (34, 0), (35, 20), (64, 20), (65, 30), (100, 30)] {
            let mut intimacy = Intimacy::default();
            for turn in 1..=10 {
                intimacy.handle_exchange(TurnId(turn), likability);
            }
            assert_eq!(intimacy.value(), after, "{likability}");
        }
        let mut intimacy = Intimacy::new(99);
        assert_eq!(intimacy.handle_exchange(TurnId(1), 90).map(|change| change.to), Some(100));
    }

    #[test]
    fn the_speech_level_follows_the_persona() {
        let persona = sample();
        assert_eq!(Intimacy::new(0).speech_level(&persona), SpeechLevel::Formal);
        assert_eq!(Intimacy::new(10).speech_level(&persona), SpeechLevel::Polite);
        assert_eq!(Intimacy::new(255).speech_level(&persona), SpeechLevel::Close);
    }
}
