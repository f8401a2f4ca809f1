//! How a reply ends: said to its end, stopped, or failed; and what of it was heard.

use std::time::Duration;

use duologue_domain::{
    conversation::{Content, Item, Speaker as From},
    turn::{CancelReason, TurnId},
};
use duologue_engines::port::{Finish, SPEECH_RATE};
use tokio::time::Instant;

use super::{SessionMsg, State, playback::Playback, reply::Reply};
use crate::{
    event::{ResponseStatus, SessionEvent},
    ingest::IngestMsg,
    persona::PersonaMsg,
    speaker::SpeakerMsg,
    store::MessageRole,
};

/// Room for what lies between our clock and the client's loudspeaker.
const SLACK: Duration = Duration::from_millis(200);

impl State {
    pub(super) fn finish_if_complete(&mut self) {
        if !self.reply.as_ref().is_some_and(Reply::is_complete) {
            return;
        }
        let Some(mut reply) = self.reply.take() else { return };
        self.report_latency(&mut reply);
        let status = match reply.persona_done {
            Some((Finish::Length, _)) => ResponseStatus::Incomplete,
            _ => ResponseStatus::Completed,
        };
        let turn = reply.turn;
        let text = reply.text_left();
        // A call alone is no exchange yet.
        let is_exchange = !reply.apart && (!text.is_empty() || reply.outside.is_empty());
        self.close_reply(reply, status, text);
        if is_exchange {
            self.grow_closer(turn);
        }
        let effects = self.floor.handle_reply_ended(turn);
        self.apply(effects);
        self.read_ahead(None);
    }

    fn report_latency(&mut self, reply: &mut Reply) {
        let usage = reply.persona_done.map(|(_, usage)| usage);
        let report = reply.clock.report(usage);
        super::state::record_latency(&report);
        // What a function took says nothing of the models.
        if reply.playback.has_begun() && reply.rounds == 0 {
            self.turn_took(&report);
        }
        self.say(SessionEvent::Latency {
            turn: reply.turn,
            response: reply.response.to_string(),
            report,
            speculative: reply.clock.is_speculative(),
            budget: self.ladder.as_ref().map(|ladder| (ladder.target_ms(), ladder.step())),
        });
    }

    /// Stops a reply everywhere. What was not heard leaves the conversation.
    pub(super) fn cancel_reply(&mut self, turn: TurnId, reason: CancelReason) {
        self.silence();
        if let Some(reply) = self.reply.take_if(|reply| reply.turn == turn) {
            let heard = match reply.audio_item {
                true => reply.playback.heard(Instant::now()),
                false => reply.text(),
            };
            self.close_reply(reply, ResponseStatus::Cancelled(reason), heard);
            // It was stopped at the client as well, so there is nothing left to play.
            self.spoken_by_now();
        }
    }

    /// Nothing of an older turn than the floor's leaves from now on.
    pub(super) fn silence(&mut self) {
        self.outbox.supersede(self.turn());
        if let Some(persona) = &self.children.persona {
            let _ = persona.cast(PersonaMsg::Cancel);
        }
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Cancel);
        }
    }

    /// A reply that cannot go on.
    pub(super) fn fail_reply(&mut self, code: &'static str, message: &str) {
        let Some(reply) = self.reply.take() else { return };
        let turn = reply.turn;
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Cancel);
        }
        let text = reply.text_left();
        self.close_reply(reply, ResponseStatus::Failed { code, message: message.to_owned() }, text);
        let effects = self.floor.handle_reply_ended(turn);
        self.apply(effects);
    }

    /// Says that a reply is over and keeps `text` of it.
    fn close_reply(&mut self, mut reply: Reply, status: ResponseStatus, text: String) {
        self.give_up_calls(&mut reply);
        self.place.rest();
        let mut item = None;
        if reply.item_started {
            let said = Item {
                id: reply.item.to_string(),
                speaker: From::Assistant,
                complete: status == ResponseStatus::Completed,
                content: match reply.audio_item {
                    true => Content::OutputAudio { transcript: text.clone() },
                    false => Content::OutputText(text.clone()),
                },
            };
            match self.conversation.get_mut(&reply.item) {
                Some(held) => {
                    *held = said;
                    item = Some(held.clone());
                }
                None if reply.apart => item = Some(said),
                None => {}
            }
            if !text.is_empty() && !reply.apart {
                self.write_message(&reply.item, MessageRole::Assistant, &text);
                self.persona_spoke(&reply, &text, matches!(status, ResponseStatus::Cancelled(_)));
            }
        }
        self.say(SessionEvent::ResponseDone {
            response: reply.response.to_string(),
            item,
            calls: std::mem::take(&mut reply.outside),
            apart: reply.apart,
            metadata: std::mem::take(&mut reply.metadata),
            spoken: reply.audio_item,
            status,
            usage: reply.usage(),
        });
        if reply.playback.has_begun() {
            self.spoken = Some(reply.playback);
            self.await_end_of_play();
        } else {
            self.to_ingest(IngestMsg::ReplyEnded);
        }
    }

    /// The voice was given up midway: the rest is written.
    pub(super) fn finish_in_writing(&mut self) {
        if let Some(reply) = &mut self.reply {
            reply.speak = false;
        }
        self.finish_if_complete();
    }

    // ------------------------------------------------------------ the sound after the reply

    /// What the client plays now, be its reply made to the end or not.
    pub(super) fn playing(&mut self) -> Option<&mut Playback> {
        match &mut self.reply {
            Some(reply) if reply.playback.has_begun() => Some(&mut reply.playback),
            _ => self.spoken.as_mut(),
        }
    }

    /// The same, while it can be heard.
    pub(super) fn sounding(&mut self) -> Option<&mut Playback> {
        self.playing().filter(|playback| !playback.is_over())
    }

    /// Looks again when everything that was sent should have been played.
    pub(super) fn await_end_of_play(&mut self) {
        let Some(left) = self.spoken.as_ref().and_then(|spoken| spoken.left(Instant::now())) else { return };
        let Some(turn) = self.spoken.as_ref().map(|spoken| spoken.turn) else { return };
        self.myself.send_after(left + SLACK, move || SessionMsg::PlayedOut(turn));
    }

    pub(super) fn played_out(&mut self, turn: TurnId) {
        let now = Instant::now();
        let left = self.spoken.as_ref().filter(|spoken| spoken.turn == turn).map(|spoken| spoken.left(now));
        match left {
            Some(Some(left)) if left.is_zero() => self.spoken_by_now(),
            Some(_) => self.await_end_of_play(),
            None => {}
        }
    }

    /// It is quiet at the person's ears; what was said last can still be truncated.
    pub(super) fn spoken_by_now(&mut self) {
        if let Some(spoken) = &mut self.spoken {
            spoken.end();
        }
        self.outbox.forget_sound();
        self.inaudible();
        self.to_ingest(IngestMsg::ReplyEnded);
    }

    /// The client's own play clock.
    pub(super) fn playout(&mut self, item: &str, played_ms: u64) {
        let now = Instant::now();
        let Some(playback) = self.playing().filter(|playback| *playback.item == *item) else { return };
        playback.report(played_ms.saturating_mul(u64::from(SPEECH_RATE)) / 1000, now);
        let (turn, finished) = (playback.turn, playback.left(now).is_some_and(|left| left.is_zero()));
        self.set_play_clock(now);
        if finished && self.reply.as_ref().is_none_or(|reply| reply.turn != turn) {
            self.spoken_by_now();
        }
    }
}
