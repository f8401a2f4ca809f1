//! Thinking before they stop: a reply that is begun on a likely end of the turn, unheard, and the reading ahead that
//! makes every reply begin sooner.
//!
//! A draft is a reply like any other but for three things: its events are not said, its sound is held by the Speaker,
//! and it answers words that are not in the conversation yet. When the turn ends with these words it becomes the
//! reply; when the person goes on, it is dropped and nobody ever knows. What is wasted is bounded by [`Thrift`].

use duologue_domain::{
    ladder::Step,
    prompt::{Role as PromptRole, Turn as PromptTurn},
    text::{as_read, normalize, words_in_vain},
    thrift::Thrift,
    turn::TurnId,
};
use duologue_engines::port::Transcript;

use super::{State, reply::Reply};
use crate::{event::ResponseRequest, persona::PersonaMsg, speaker::SpeakerMsg};

/// New words after which reading ahead is worth its cost.
const NEW_WORDS: usize = 3;

/// What is done ahead of time.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) draft: Option<Draft>,
    thrift: Thrift,
    /// Of the speech that goes on, the words that the model has read.
    pub(super) read: String,
}

/// A reply that nobody hears yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) reply: Reply,
    /// What it answers, normalised.
    words: String,
}

impl State {
    /// The words up to a pause that may be the end.
    pub(super) fn guessed(&mut self, transcript: &Transcript) {
        let words = normalize(&transcript.text);
        if words.is_empty() || self.ahead.draft.as_ref().is_some_and(|draft| draft.words == words) {
            return;
        }
        self.drop_draft();
        // Nobody would make it: when the turn has ended, that is said.
        if self.children.persona.is_none() {
            return;
        }
        // Over a reply it is not even known whether this will be answered; and nobody waits for a guess.
        if !self.is_announced() || !self.place.may_guess() || !self.ahead.thrift.begin() {
            return;
        }
        let Some(turn) = self.floor.begin_draft() else { return };
        metrics::counter!("session_drafts_begun_total").increment(1);
        let mut reply = self.make_reply(turn, &ResponseRequest::default(), Some(&transcript.text));
        reply.held = true;
        self.ask_persona(&reply);
        self.ask_speaker(&reply);
        self.ahead.draft = Some(Draft { reply, words });
    }

    /// They went on, or what a draft answers has changed.
    pub(super) fn drop_draft(&mut self) {
        if self.ahead.draft.take().is_none() {
            return;
        }
        metrics::counter!("session_drafts_wasted_total").increment(1);
        self.floor.drop_draft();
        if let Some(persona) = &self.children.persona {
            let _ = persona.cast(PersonaMsg::Cancel);
        }
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Cancel);
        }
    }

    /// The words of the turn are known: a draft that answers others is of no use.
    pub(super) fn check_draft(&mut self, heard: &str) {
        self.ahead.thrift.handle_turn();
        let in_vain = words_in_vain(&self.ahead.read, heard);
        metrics::counter!("session_words_read_in_vain_total").increment(in_vain as u64);
        if self.ahead.draft.as_ref().is_some_and(|draft| draft.words != normalize(heard)) {
            self.drop_draft();
        }
    }

    /// The draft that was begun under `turn` becomes the reply: what it has come to is said.
    pub(super) fn adopt(&mut self, turn: TurnId) -> bool {
        let Some(Draft { mut reply, .. }) = self.ahead.draft.take_if(|draft| draft.reply.turn == turn) else {
            return false;
        };
        metrics::counter!("session_drafts_used_total").increment(1);
        self.ahead.thrift.handle_used();
        reply.held = false;
        reply.clock.adopt(self.pending_timing.take());
        self.outbox.supersede(turn);
        self.say_created(&reply);
        let said = reply.clauses.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
        self.reply = Some(reply);
        for text in said {
            self.say_clause(text);
        }
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Release(turn));
        }
        let ended = self.reply.as_mut().and_then(|reply| reply.ended.take());
        if let Some((finish, usage)) = ended {
            self.persona_ended(turn, finish, usage);
        }
        self.finish_if_complete();
        true
    }

    /// The model of the person's words so far. `None`: the conversation as it stands, for whatever they will say.
    pub(super) fn read_ahead(&mut self, said: Option<&str>) {
        let busy = self.reply.is_some() || self.ahead.draft.is_some() || !self.place.may_guess();
        if busy || !self.presence.attached || self.gives_up(Step::NarrowHearing) {
            return;
        }
        let words = said.map_or(0, |said| said.split_whitespace().count());
        if said.is_some() && words < self.ahead.read.split_whitespace().count() + NEW_WORDS {
            return;
        }
        let said = said.map(|said| as_read(&self.ahead.read, said));
        let new = words.saturating_sub(self.ahead.read.split_whitespace().count());
        metrics::counter!("session_words_read_ahead_total").increment(new as u64);
        self.ahead.read = said.clone().unwrap_or_default();
        let request = ResponseRequest::default();
        let offer = self.offer(&request);
        let job = self.offering(&offer, self.reply_job(self.turn(), &request, said.as_deref()));
        if let Some(persona) = &self.children.persona {
            let _ = persona.cast(PersonaMsg::ReadAhead(Box::new(job)));
        }
    }

    /// The reply, or the draft, that `turn` belongs to.
    pub(super) fn reply_of(&mut self, turn: TurnId) -> Option<&mut Reply> {
        let draft = self.ahead.draft.as_mut().map(|draft| &mut draft.reply);
        [self.reply.as_mut(), draft].into_iter().flatten().find(|reply| reply.turn == turn)
    }

    /// A turn took this long from the end of speech, or the arrival of a text, to its first sound.
    pub(super) fn keep_budget(&mut self, total_ms: u64) {
        let Some(ladder) = &mut self.ladder else { return };
        if ladder.handle_turn(total_ms) {
            let step = ladder.step().name();
            metrics::counter!("session_budget_steps_total", "step" => step).increment(1);
            tracing::info!(session = self.key, step, total_ms, "budget step");
        }
    }
}

/// The person's words as the last turn of a prompt.
pub(super) fn as_turn(said: &str) -> PromptTurn {
    PromptTurn::new(PromptRole::User, said)
}
