//! Who has the floor: the person, the persona, or nobody.
//!
//! One machine per session decides when a reply begins and when it must stop. Everything that is made for a
//! reply carries its [`TurnId`]; whatever arrives with an older id than the live one is dropped.

use std::fmt;

/// Number of a turn within a session. A greater id supersedes a smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TurnId(pub u64);

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the session's configuration says about turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorPolicy {
    /// Whether the end of a turn begins a reply by itself.
    pub create_response: bool,
    /// Whether speech during a reply stops it.
    pub interrupt_response: bool,
}

impl Default for FloorPolicy {
    fn default() -> Self {
        Self { create_response: true, interrupt_response: true }
    }
}

/// Why a reply was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// The person began to speak.
    TurnDetected,
    /// The client asked for it.
    ClientCancelled,
}

/// What the session must do now, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorEffect {
    /// Stop this reply everywhere and drop what belongs to it.
    CancelReply {
        /// Which.
        turn: TurnId,
        /// Why.
        reason: CancelReason,
    },
    /// Begin a reply under this id.
    BeginReply {
        /// Under this id.
        turn: TurnId,
    },
}

/// A reply was asked for while another one runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyActive;

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    policy: FloorPolicy,
    turn: TurnId,
    reply: Option<TurnId>,
    draft: Option<TurnId>,
    person_speaking: bool,
    reply_owed: bool,
}

impl Floor {
    /// A free floor under `policy`.
    pub fn new(policy: FloorPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Changes the policy from now on.
    pub fn set_policy(&mut self, policy: FloorPolicy) {
        self.policy = policy;
    }

    /// The newest id; frames of older turns are stale.
    pub fn turn(&self) -> TurnId {
        self.turn
    }

    /// The reply that runs now.
    pub fn reply(&self) -> Option<TurnId> {
        self.reply
    }

    /// The person began to speak. Voice activity raises the turn, so that nothing of the old reply is heard.
    pub fn handle_speech_started(&mut self) -> Vec<FloorEffect> {
        self.person_speaking = true;
        self.draft = None;
        if self.policy.interrupt_response { self.cancel(CancelReason::TurnDetected) } else { Vec::new() }
    }

    /// The person began to speak while a reply is at their ears: a word of agreement, or an interruption. Nothing
    /// stops before [`Floor::handle_interruption`].
    pub fn handle_speech_over_reply(&mut self) {
        self.person_speaking = true;
    }

    /// It is an interruption. The turn rises even when the reply is made to its end, since its sound may still be
    /// on the way.
    pub fn handle_interruption(&mut self) -> Vec<FloorEffect> {
        let effects = self.cancel(CancelReason::TurnDetected);
        if effects.is_empty() {
            self.turn.0 += 1;
        }
        effects
    }

    /// The person has probably finished: a reply may be begun that nobody hears yet. `None` while another one runs
    /// or none is wanted. The draft becomes the next reply, or [`Floor::drop_draft`] ends it.
    pub fn begin_draft(&mut self) -> Option<TurnId> {
        if self.reply.is_some() || self.reply_owed || !self.policy.create_response {
            return None;
        }
        self.turn.0 += 1;
        self.draft = Some(self.turn);
        self.draft
    }

    /// The draft answers nothing any more.
    pub fn drop_draft(&mut self) {
        self.draft = None;
    }

    /// The person stopped speaking; their words are not known yet.
    pub fn handle_speech_ended(&mut self) {
        self.person_speaking = false;
    }

    /// The words of a turn are known (`heard_words` is false for noise). A person who speaks again by now, or a
    /// reply that may not be interrupted, is waited for.
    pub fn handle_heard(&mut self, heard_words: bool) -> Vec<FloorEffect> {
        if heard_words && self.policy.create_response {
            self.reply_owed = true;
        }
        self.settle()
    }

    /// The client asked for a reply.
    pub fn handle_reply_requested(&mut self) -> Result<FloorEffect, ReplyActive> {
        if self.reply.is_some() { Err(ReplyActive) } else { Ok(self.begin()) }
    }

    /// The client asked for a reply while another one ends: it begins when the floor is free, whatever happens until
    /// then.
    pub fn owe_reply(&mut self) -> Vec<FloorEffect> {
        self.reply_owed = true;
        self.settle()
    }

    /// The client asked to stop the reply, if there is one.
    pub fn handle_cancel(&mut self) -> Vec<FloorEffect> {
        self.reply_owed = false;
        self.cancel(CancelReason::ClientCancelled)
    }

    /// A reply came to its own end. Late ends of superseded replies change nothing.
    pub fn handle_reply_ended(&mut self, turn: TurnId) -> Vec<FloorEffect> {
        if self.reply != Some(turn) {
            return Vec::new();
        }
        self.reply = None;
        self.settle()
    }

    /// Begins the reply that is owed as soon as the floor is free.
    fn settle(&mut self) -> Vec<FloorEffect> {
        if self.reply_owed && !self.person_speaking && self.reply.is_none() {
            vec![self.begin()]
        } else {
            Vec::new()
        }
    }

    fn begin(&mut self) -> FloorEffect {
        if self.draft.take().is_none() {
            self.turn.0 += 1;
        }
        self.reply = Some(self.turn);
        self.reply_owed = false;
        FloorEffect::BeginReply { turn: self.turn }
    }

    fn cancel(&mut self, reason: CancelReason) -> Vec<FloorEffect> {
        self.draft = None;
        match self.reply.take() {
            Some(turn) => {
                self.turn.0 += 1;
                vec![FloorEffect::CancelReply { turn, reason }]
            }
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cancel(turn: u64) -> FloorEffect {
        FloorEffect::CancelReply { turn: TurnId(turn), reason: CancelReason::TurnDetected }
    }

    fn begin(turn: u64) -> FloorEffect {
        FloorEffect::BeginReply { turn: TurnId(turn) }
    }

    #[test]
    fn a_turn_is_answered() {
        let mut floor = Floor::default();
        assert_eq!(floor.handle_speech_started(), vec![]);
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(true), vec![begin(1)]);
        assert_eq!(floor.handle_reply_ended(TurnId(1)), vec![]);
        assert_eq!(floor.reply(), None);
    }

    #[test]
    fn noise_is_not_answered() {
        let mut floor = Floor::default();
        floor.handle_speech_started();
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(false), vec![]);
    }

    #[test]
    fn who_speaks_again_is_answered_once_for_both() {
        let mut floor = Floor::default();
        floor.handle_speech_started();
        floor.handle_speech_ended();
        floor.handle_speech_started();
        assert_eq!(floor.handle_heard(true), vec![], "still speaking");
        floor.handle_speech_ended();
        assert_eq!(
            floor.handle_heard(false),
            vec![begin(1)],
            "the second was a cough, the first is answered"
        );
    }

    #[test]
    fn speech_stops_a_reply_and_its_turn_is_stale() {
        let mut floor = Floor::default();
        floor.handle_heard(true);
        assert_eq!(floor.handle_speech_started(), vec![cancel(1)]);
        assert!(floor.turn() > TurnId(1));
        assert_eq!(floor.handle_reply_ended(TurnId(1)), vec![], "late end of a cancelled reply");
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(true), vec![begin(3)]);
    }

    /// A result that was being told when somebody coughed is told after the cough.
    #[test]
    fn what_is_owed_survives_an_interruption() {
        let mut floor = Floor::default();
        floor.handle_heard(true);
        assert_eq!(floor.owe_reply(), vec![], "the first reply ends first");
        assert_eq!(floor.handle_speech_started(), vec![cancel(1)]);
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(false), vec![begin(3)]);
        assert_eq!(floor.owe_reply(), vec![]);
        assert_eq!(floor.handle_reply_ended(TurnId(3)), vec![begin(4)]);
        floor.owe_reply();
        assert_eq!(floor.handle_cancel().len(), 1);
        assert_eq!(floor.handle_heard(false), vec![], "the client wants none");
    }

    #[test]
    fn without_interruption_the_next_reply_waits_for_the_first() {
        let mut floor = Floor::new(FloorPolicy { create_response: true, interrupt_response: false });
        floor.handle_heard(true);
        assert_eq!(floor.handle_speech_started(), vec![]);
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(true), vec![]);
        assert_eq!(floor.handle_reply_ended(TurnId(1)), vec![begin(2)]);
    }

    #[test]
    fn a_draft_becomes_the_reply_or_leaves_no_trace() {
        let mut floor = Floor::default();
        floor.handle_speech_started();
        assert_eq!(floor.begin_draft(), Some(TurnId(1)));
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(true), vec![begin(1)], "adopted under its own id");
        assert_eq!(floor.begin_draft(), None, "a reply runs");
        floor.handle_reply_ended(TurnId(1));
        assert_eq!(floor.begin_draft(), Some(TurnId(2)));
        floor.drop_draft();
        assert_eq!(floor.handle_heard(true), vec![begin(3)], "the id of a dropped draft is not used again");
        assert_eq!(
            Floor::new(FloorPolicy { create_response: false, ..Default::default() }).begin_draft(),
            None
        );
    }

    #[test]
    fn speech_over_a_reply_stops_it_only_as_an_interruption() {
        let mut floor = Floor::default();
        floor.handle_heard(true);
        floor.handle_speech_over_reply();
        assert_eq!(floor.reply(), Some(TurnId(1)));
        floor.handle_speech_ended();
        assert_eq!(floor.handle_heard(false), vec![], "it was a word of agreement");
        floor.handle_speech_over_reply();
        assert_eq!(floor.handle_interruption(), vec![cancel(1)]);
        let before = floor.turn();
        assert_eq!(floor.handle_interruption(), vec![], "only its sound was left");
        assert!(floor.turn() > before);
    }

    #[test]
    fn a_second_request_is_refused() {
        let mut floor = Floor::default();
        assert_eq!(floor.handle_reply_requested(), Ok(begin(1)));
        assert_eq!(floor.handle_reply_requested(), Err(ReplyActive));
        assert_eq!(floor.handle_cancel().len(), 1);
        assert_eq!(floor.handle_cancel(), vec![]);
    }

    /// Whatever happens in whatever order: never two replies at once, ids only grow, every reply that began is ended or
    /// cancelled exactly once, and when nothing more happens the last one that is owed is said and no other begins.
    #[test]
    fn never_two_replies_at_once() {
        let mut state = 7u64;
        for round in 0..2_000 {
            let mut floor = Floor::new(FloorPolicy {
                create_response: round % 3 != 0,
                interrupt_response: round % 2 == 0,
            });
            let mut live: Option<TurnId> = None;
            let mut newest = TurnId(0);
            for _ in 0..40 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let effects = match (state >> 33) % 11 {
                    6 => {
                        floor.handle_speech_ended();
                        Vec::new()
                    }
                    7 => {
                        floor.handle_speech_over_reply();
                        Vec::new()
                    }
                    8 => floor.handle_interruption(),
                    9 => {
                        let draft = floor.begin_draft();
                        assert!(draft.is_none_or(|draft| live.is_none() && draft > newest));
                        Vec::new()
                    }
                    10 => {
                        floor.drop_draft();
                        Vec::new()
                    }
                    0 => floor.handle_speech_started(),
                    1 => floor.handle_heard(true),
                    2 => floor.handle_heard(false),
                    3 => floor.handle_reply_requested().into_iter().collect(),
                    4 => floor.handle_cancel(),
                    _ => {
                        let ended = live.take();
                        ended.map(|turn| floor.handle_reply_ended(turn)).unwrap_or_default()
                    }
                };
                for effect in effects {
                    match effect {
                        FloorEffect::CancelReply { turn, .. } => {
                            assert_eq!(live.take(), Some(turn));
                            assert!(floor.turn() > turn);
                        }
                        FloorEffect::BeginReply { turn } => {
                            assert_eq!(live, None);
                            assert!(turn > newest);
                            newest = turn;
                            live = Some(turn);
                        }
                    }
                }
                assert_eq!(floor.reply(), live);
            }
            floor.handle_speech_ended();
            let mut said = 0;
            floor.handle_heard(false);
            while let Some(turn) = floor.reply() {
                floor.handle_reply_ended(turn);
                said += 1;
                assert!(said <= 2, "the one that was said, and the one that was owed");
            }
            assert_eq!(floor.handle_heard(false), vec![], "nothing is left to be said");
        }
    }
}
