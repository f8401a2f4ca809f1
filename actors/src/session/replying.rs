//! From the floor's decision to a reply that was said: what Persona and Speaker report.

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    conversation::{Content, Item, Speaker as From},
    heard::Playout,
    lang::Language,
    prompt::{Role as PromptRole, Turn as PromptTurn},
    turn::{CancelReason, FloorEffect, TurnId},
};
use duologue_engines::port::{Finish, Health};
use tokio::time::Instant;

use super::{
    State,
    hearing::SpeechTiming,
    reply::{Reply, ReplyClock, Spoken},
};
use crate::{
    event::{ResponseRequest, ResponseStatus, SessionEvent, empty_output},
    ingest::IngestMsg,
    persona::{PersonaEvent, PersonaMsg, ReplyJob},
    speaker::{Clause, SpeakerEvent, SpeakerMsg, Speech},
    store::MessageRole,
};

/// A reply of which nothing moved for this long has failed, whatever the reason: longer than every engine's own
/// deadline, shorter than a person's patience.
const REPLY_STALLED: Duration = Duration::from_secs(45);

impl State {
    /// Does what the floor decided.
    pub(super) fn apply(&mut self, effects: Vec<FloorEffect>) {
        for effect in effects {
            match effect {
                FloorEffect::CancelReply { turn, reason } => self.cancel_reply(turn, reason),
                FloorEffect::BeginReply { turn } => self.begin_reply(turn, ResponseRequest::default()),
            }
        }
    }

    /// Timing of the turn that the next reply answers.
    pub(super) fn next_timing(&mut self, timing: SpeechTiming) {
        self.pending_timing = Some(timing);
    }

    pub(super) fn begin_reply(&mut self, turn: TurnId, request: ResponseRequest) {
        let clock = ReplyClock::new(self.started, self.pending_timing.take());
        let response: Arc<str> = format!("resp_{}_{}", &self.record.id.get(..8).unwrap_or(""), turn).into();
        let item: Arc<str> = self.new_item_id().into();
        let wanted = request.speak.unwrap_or(self.config.speak);
        let speak = wanted && self.can_speak();
        self.outbox.supersede(turn);
        self.say(SessionEvent::ResponseCreated { response: response.to_string(), turn });
        let job = self.reply_job(turn, &request);
        let voice = self.voice(job.language);
        let reply = Reply {
            turn,
            response,
            item,
            speak,
            audio_item: wanted && speak,
            voice,
            job,
            clauses: Vec::new(),
            spoken: 0,
            sounding: None,
            playout: Playout::default(),
            playing_since: None,
            persona_done: None,
            speaker_done: false,
            item_started: false,
            clock,
            progress_at: Instant::now(),
        };
        self.reply = Some(reply);
        self.repeat_to_speaker();
        self.repeat_to_persona();
        if self.children.persona.is_none() {
            let why = self.children.given_up().into_iter().find(|(role, _)| *role == "persona");
            if let Some((_, why)) = why {
                self.fail_reply("persona_failed", &why);
            }
        }
    }

    fn can_speak(&self) -> bool {
        !matches!(self.engines.tts.health(), Health::Unavailable(_))
            && !self.children.given_up().iter().any(|(role, _)| *role == "speaker")
    }

    /// The voice for a language: the session's choice, or the persona's, or the first that the engines have.
    fn voice(&self, language: Language) -> String {
        if !self.config.voice.is_empty() {
            return self.config.voice.clone();
        }
        self.persona.voice(language).map(|choice| choice.voice.clone()).unwrap_or_default()
    }

    fn speed(&self, language: Language) -> f32 {
        self.config.speed * self.persona.voice(language).map_or(1.0, |choice| choice.speed)
    }

    /// What the Persona needs to know for this reply.
    fn reply_job(&self, turn: TurnId, request: &ResponseRequest) -> ReplyJob {
        let turns = self
            .conversation
            .items()
            .iter()
            .filter(|item| !item.content.text().is_empty())
            .map(|item| PromptTurn {
                role: match item.speaker {
                    From::System => PromptRole::System,
                    From::User => PromptRole::User,
                    From::Assistant => PromptRole::Assistant,
                },
                text: item.content.text().to_owned(),
            })
            .collect::<Vec<_>>();
        let last =
            turns.iter().rev().find(|turn| turn.role == PromptRole::User).map(|turn| turn.text.as_str());
        let language = last
            .and_then(Language::of_text)
            .or(self.config.language)
            .or_else(|| self.record.language.as_deref().and_then(|code| code.parse().ok()))
            .unwrap_or(self.persona.language);
        ReplyJob {
            turn,
            language,
            intimacy: self.intimacy.value(),
            facts: self.memory.facts().to_vec(),
            instructions: request.instructions.clone().unwrap_or_else(|| self.config.instructions.clone()),
            max_tokens: request.max_output_tokens.unwrap_or(self.config.max_output_tokens),
            turns,
        }
    }

    pub(super) fn repeat_to_persona(&mut self) {
        let (Some(persona), Some(reply)) = (&self.children.persona, &self.reply) else { return };
        if reply.persona_done.is_some() {
            return;
        }
        if reply.clauses.is_empty() {
            let _ = persona.cast(PersonaMsg::Reply(Box::new(reply.job.clone())));
        } else {
            // Half a reply was said; a second Persona would begin another one. What was said stands.
            let turn = reply.turn;
            self.persona_ended(turn, Finish::Stop, Default::default());
        }
    }

    pub(super) fn repeat_to_speaker(&mut self) {
        let (Some(speaker), Some(reply)) = (&self.children.speaker, &self.reply) else { return };
        if !reply.speak || reply.speaker_done {
            return;
        }
        let speech = Speech {
            turn: reply.turn,
            response: reply.response.clone(),
            item: reply.item.clone(),
            voice: reply.voice.clone(),
            speed: self.speed(reply.job.language),
            offset: reply.playout.samples(),
        };
        let _ = speaker.cast(SpeakerMsg::Begin(speech));
        for (index, (text, language)) in reply.clauses.iter().enumerate().skip(reply.spoken) {
            let clause = Clause { index, text: text.clone(), language: *language };
            let _ = speaker.cast(SpeakerMsg::Say(reply.turn, clause));
        }
        if reply.persona_done.is_some() {
            let _ = speaker.cast(SpeakerMsg::Finish(reply.turn));
        }
    }

    pub(super) fn persona_said(&mut self, event: PersonaEvent) {
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == event.turn()) else {
            metrics::counter!("session_stale_events_total", "role" => "persona").increment(1);
            return;
        };
        reply.progress_at = Instant::now();
        match event {
            PersonaEvent::FirstToken { at, .. } => reply.clock.first_token(at),
            PersonaEvent::Clause { text, language, at, .. } => self.clause(text, language, at),
            PersonaEvent::Ended { turn, finish, usage } => self.persona_ended(turn, finish, usage),
            PersonaEvent::Failed { error, .. } => {
                self.alarm("llm", error.kind.code(), error.message.clone());
                self.fail_reply(error.kind.code(), &error.message);
            }
        }
    }

    fn clause(&mut self, text: String, language: Language, at: Instant) {
        self.start_item();
        let Some(reply) = &mut self.reply else { return };
        if reply.clauses.is_empty() {
            reply.clock.first_clause(at);
        }
        let index = reply.clauses.len();
        reply.clauses.push((text.clone(), language));
        if reply.speak
            && let Some(speaker) = &self.children.speaker
        {
            let clause = Clause { index, text: text.trim().to_owned(), language };
            let _ = speaker.cast(SpeakerMsg::Say(reply.turn, clause));
        }
        let event = SessionEvent::OutputText {
            response: reply.response.to_string(),
            item: reply.item.to_string(),
            delta: text,
            spoken: reply.audio_item,
        };
        self.say(event);
    }

    /// The item appears with its first word.
    fn start_item(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        if std::mem::replace(&mut reply.item_started, true) {
            return;
        }
        let item = Item {
            id: reply.item.to_string(),
            speaker: From::Assistant,
            content: empty_output(reply.audio_item),
            complete: false,
        };
        let (response, turn) = (reply.response.to_string(), reply.turn);
        // The id is fresh, so this cannot be refused.
        let _ = self.conversation.insert(item.clone(), None);
        let previous = self.conversation.previous(&item.id).map(str::to_owned);
        self.say(SessionEvent::OutputStarted { response, item, previous, turn });
    }

    fn persona_ended(&mut self, turn: TurnId, finish: Finish, usage: duologue_engines::port::LlmUsage) {
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn) else { return };
        reply.persona_done = Some((finish, usage));
        if reply.clauses.is_empty() {
            reply.speaker_done = true;
        } else if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Finish(turn));
        }
        self.finish_if_complete();
    }

    pub(super) fn speaker_said(&mut self, event: SpeakerEvent) {
        let turn = match &event {
            SpeakerEvent::FirstAudio { turn, .. }
            | SpeakerEvent::ClauseSound { turn, .. }
            | SpeakerEvent::ClauseSpoken { turn, .. }
            | SpeakerEvent::ClauseFailed { turn, .. }
            | SpeakerEvent::Ended { turn } => *turn,
        };
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn) else {
            metrics::counter!("session_stale_events_total", "role" => "speaker").increment(1);
            return;
        };
        reply.progress_at = Instant::now();
        match event {
            SpeakerEvent::FirstAudio { at, compute, .. } => {
                reply.playing_since.get_or_insert(at);
                reply.clock.first_audio(at, compute);
                self.has_spoken = true;
            }
            SpeakerEvent::ClauseSound { index, samples, .. } if reply.sounding == Some(index) => {
                reply.playout.extend(samples);
            }
            SpeakerEvent::ClauseSound { index, samples, .. } => {
                reply.sounding = Some(index);
                if let Some((text, _)) = reply.clauses.get(index) {
                    reply.playout.push_clause(text.as_str(), samples);
                }
            }
            SpeakerEvent::ClauseSpoken { index, .. } => reply.spoken = reply.spoken.max(index + 1),
            SpeakerEvent::ClauseFailed { index, error, .. } => {
                reply.spoken = reply.spoken.max(index + 1);
                self.warn("tts", error.kind.code(), error.message);
            }
            SpeakerEvent::Ended { .. } => {
                reply.speaker_done = true;
                self.finish_if_complete();
            }
        }
    }

    fn finish_if_complete(&mut self) {
        if !self.reply.as_ref().is_some_and(Reply::is_complete) {
            return;
        }
        let Some(mut reply) = self.reply.take() else { return };
        let usage = reply.persona_done.map(|(_, usage)| usage);
        let report = reply.clock.report(usage);
        super::state::record_latency(&report);
        self.say(SessionEvent::Latency { turn: reply.turn, response: reply.response.to_string(), report });
        let status = match reply.persona_done {
            Some((Finish::Length, _)) => ResponseStatus::Incomplete,
            _ => ResponseStatus::Completed,
        };
        let turn = reply.turn;
        let text = reply.text();
        self.close_reply(reply, status, text);
        self.grow_closer(turn);
        let effects = self.floor.handle_reply_ended(turn);
        self.apply(effects);
    }

    /// Stops a reply everywhere. What was not heard leaves the conversation.
    fn cancel_reply(&mut self, turn: TurnId, reason: CancelReason) {
        self.outbox.supersede(self.turn());
        if let Some(persona) = &self.children.persona {
            let _ = persona.cast(PersonaMsg::Cancel);
        }
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Cancel);
        }
        if let Some(reply) = self.reply.take_if(|reply| reply.turn == turn) {
            let heard = if reply.audio_item {
                reply.playout.heard_text(reply.played(Instant::now()))
            } else {
                reply.text()
            };
            self.close_reply(reply, ResponseStatus::Cancelled(reason), heard);
        }
    }

    /// A reply that cannot go on.
    pub(super) fn fail_reply(&mut self, code: &'static str, message: &str) {
        let Some(reply) = self.reply.take() else { return };
        let turn = reply.turn;
        if let Some(speaker) = &self.children.speaker {
            let _ = speaker.cast(SpeakerMsg::Cancel);
        }
        let text = reply.text();
        self.close_reply(reply, ResponseStatus::Failed { code, message: message.to_owned() }, text);
        let effects = self.floor.handle_reply_ended(turn);
        self.apply(effects);
    }

    /// Says that a reply is over and keeps `text` of it.
    fn close_reply(&mut self, reply: Reply, status: ResponseStatus, text: String) {
        self.to_ingest(IngestMsg::ReplyEnded);
        let mut item = None;
        if reply.item_started {
            if let Some(held) = self.conversation.get_mut(&reply.item) {
                held.complete = status == ResponseStatus::Completed;
                held.content = match reply.audio_item {
                    true => Content::OutputAudio { transcript: text.clone() },
                    false => Content::OutputText(text.clone()),
                };
                item = Some(held.clone());
            }
            if !text.is_empty() {
                self.write_message(&reply.item, MessageRole::Assistant, &text);
            }
        }
        self.say(SessionEvent::ResponseDone {
            response: reply.response.to_string(),
            item,
            spoken: reply.audio_item,
            status,
            usage: reply.usage(),
        });
        if reply.playing_since.is_some() {
            self.spoken = Some(Spoken { item: reply.item, playout: reply.playout });
        }
    }

    /// The voice was given up midway: the rest is written.
    pub(super) fn finish_in_writing(&mut self) {
        if let Some(reply) = &mut self.reply {
            reply.speak = false;
        }
        self.finish_if_complete();
    }

    pub(super) fn reply_watchdog(&mut self) {
        if self.reply.as_ref().is_some_and(|reply| reply.progress_at.elapsed() > REPLY_STALLED) {
            metrics::counter!("session_replies_stalled_total").increment(1);
            self.fail_reply("reply_stalled", "Nothing moved for too long. Say it again.");
        }
    }
}
