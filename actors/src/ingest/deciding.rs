//! What becomes of a reply and of what is said over it: from the interrupter's events to the Session's.

use duologue_domain::interrupt::{Extent, InterruptEvent, StopReason};
use ractor::ActorProcessingErr;

use super::{
    Ended, FIRST_OVER_REPLY, IngestEvent, IngestMsg, PARTIAL_EVERY, Speech, State, over_reply::STARVED,
};

impl State {
    pub(super) fn speech_started(&mut self, start: u64) -> Result<(), ActorProcessingErr> {
        // The Session knows one speech at a time: what was not decided by now was a sign of listening.
        self.let_pass()?;
        let over_reply = self.over.is_listening();
        let partial_at =
            if over_reply { self.args.history.end() + FIRST_OVER_REPLY } else { start + PARTIAL_EVERY };
        self.speech = Some(Speech { start, partial_at, paused: false, over_reply });
        self.judging = std::time::Duration::ZERO;
        self.tell(IngestEvent::SpeechStarted { start, over_reply })
    }

    /// The endpointer has found the end of a turn. Over a reply it is told when it is known what it was.
    pub(super) fn ended(&mut self, ended: Ended) -> Result<(), ActorProcessingErr> {
        if !self.speech.take().is_some_and(|speech| speech.over_reply) {
            return self.turn_ended(ended);
        }
        self.undecided = Some(ended);
        let events = self.over.speech_ended();
        self.decided(events)
    }

    /// Tells what the interrupter decided.
    pub(super) fn decided(&mut self, events: Vec<InterruptEvent>) -> Result<(), ActorProcessingErr> {
        for event in events {
            match event {
                InterruptEvent::Duck => {
                    self.tell(IngestEvent::Duck)?;
                    self.watch();
                }
                InterruptEvent::Hold => self.tell(IngestEvent::Hold)?,
                InterruptEvent::Restore => self.tell(IngestEvent::Restore)?,
                InterruptEvent::Stop(reason) => self.interrupted(reason)?,
            }
        }
        if self.over.awaits_words() { Ok(()) } else { self.let_pass() }
    }

    pub(super) fn words(&mut self, text: &str, extent: Extent) -> Result<(), ActorProcessingErr> {
        if !text.is_empty() {
            self.endpointer.handle_partial(text);
        }
        // No word in the beginning of a speech that goes on says nothing about the rest.
        let goes_on = self.speech.as_ref().is_some_and(|speech| !speech.paused);
        if text.is_empty() && goes_on {
            return Ok(());
        }
        let events = self.over.words(text, extent);
        self.decided(events)
    }

    /// Who commits what was said over a reply wants it answered.
    pub(super) fn take_floor(&mut self) -> Result<(), ActorProcessingErr> {
        let speaking = self.speech.as_ref().is_some_and(|speech| speech.over_reply);
        if !speaking && self.undecided.is_none() {
            return Ok(());
        }
        let events = self.over.take_floor();
        self.decided(events)
    }

    /// The reply is over, the speech that began over it goes on: it is a turn like any other.
    pub(super) fn outlasted(&mut self) -> Result<(), ActorProcessingErr> {
        let over = self.speech.as_ref().is_some_and(|speech| speech.over_reply);
        if over && !self.over.is_audible() && self.endpointer.is_voiced() {
            self.interrupted(StopReason::Over)?;
        }
        Ok(())
    }

    /// The microphone may have gone silent, then no frame moves the decision.
    pub(super) fn starving(&mut self) -> Result<(), ActorProcessingErr> {
        self.watching = false;
        let events = self.over.starve();
        self.decided(events)?;
        if self.over.is_deciding() || self.undecided.is_some() {
            self.watch();
        }
        Ok(())
    }

    fn watch(&mut self) {
        if !std::mem::replace(&mut self.watching, true) {
            self.myself.send_after(STARVED, || IngestMsg::Starving);
        }
    }

    fn interrupted(&mut self, reason: StopReason) -> Result<(), ActorProcessingErr> {
        metrics::counter!("ingest_interruptions_total", "reason" => reason.name()).increment(1);
        if let Some(speech) = &mut self.speech {
            speech.over_reply = false;
        }
        self.tell(IngestEvent::Interrupted { reason })?;
        match self.undecided.take() {
            Some(ended) => self.turn_ended(ended),
            None => Ok(()),
        }
    }

    /// What was said over the reply did not stop it.
    fn let_pass(&mut self) -> Result<(), ActorProcessingErr> {
        let Some(Ended { start, end, .. }) = self.undecided.take() else { return Ok(()) };
        metrics::counter!("ingest_backchannels_total").increment(1);
        self.tell(IngestEvent::Backchannel { start, end })
    }

    fn turn_ended(&self, ended: Ended) -> Result<(), ActorProcessingErr> {
        let Ended { start, end, speech_end, judging, detected } = ended;
        self.tell(IngestEvent::TurnEnded { start, end, speech_end, judging, detected })
    }
}
