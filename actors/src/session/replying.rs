//! From the floor's decision to a reply that was said: what Persona and Speaker report.

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    clause::ClauseConfig,
    conversation::{Item, Speaker as From},
    ladder::Step,
    lang::Language,
    prompt::{self, Role as PromptRole},
    turn::{FloorEffect, TurnId},
};
use duologue_engines::port::{Finish, Health};
use tokio::time::Instant;

use super::{
    State,
    draft::as_turn,
    hearing::SpeechTiming,
    playback::Playback,
    reply::{Reply, ReplyClock},
};
use crate::{
    event::{ResponseRequest, SessionEvent, empty_output},
    persona::{PersonaEvent, PersonaMsg, ReplyJob},
    speaker::{Clause, SpeakerEvent, SpeakerMsg, Speech},
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
        if self.adopt(turn) {
            return;
        }
        self.drop_draft();
        let reply = self.make_reply(turn, &request, None);
        self.outbox.supersede(turn);
        self.say(SessionEvent::ResponseCreated { response: reply.response.to_string(), turn });
        self.ask_speaker(&reply);
        self.ask_persona(&reply);
        self.reply = Some(reply);
        if self.children.persona.is_none() {
            let why = self.children.given_up().into_iter().find(|(role, _)| *role == "persona");
            if let Some((_, why)) = why {
                self.fail_reply("persona_failed", &why);
            }
        }
    }

    /// A reply with nothing in it, to the conversation as it stands or to what is `said` besides.
    pub(super) fn make_reply(
        &mut self,
        turn: TurnId,
        request: &ResponseRequest,
        said: Option<&str>,
    ) -> Reply {
        let clock = ReplyClock::new(self.started, said.map_or_else(|| self.pending_timing.take(), |_| None));
        let response: Arc<str> = format!("resp_{}_{}", &self.record.id.get(..8).unwrap_or(""), turn).into();
        let item: Arc<str> = self.new_item_id().into();
        let speak = request.speak.unwrap_or(self.config.speak) && self.can_speak();
        let job = self.reply_job(turn, request, said);
        Reply {
            turn,
            playback: Playback::new(turn, item.clone(), response.clone()),
            response,
            item,
            speak,
            audio_item: speak,
            voice: self.voice(job.language),
            job,
            held: false,
            clauses: Vec::new(),
            spoken: 0,
            sounding: None,
            persona_done: None,
            speaker_done: false,
            item_started: false,
            clock,
            progress_at: Instant::now(),
        }
    }

    fn can_speak(&self) -> bool {
        !matches!(self.engines.tts.health(), Health::Unavailable(_))
            && !self.children.given_up().iter().any(|(role, _)| *role == "speaker")
    }

    /// The voice for a language: the session's choice, or the persona's, or the first that the engines have.
    fn voice(&self, language: Language) -> String {
        if self.gives_up(Step::FastVoice)
            && let Some(voice) = self.config.fast_voice(language)
        {
            return voice.to_owned();
        }
        if !self.config.voice.is_empty() {
            return self.config.voice.clone();
        }
        self.persona.voice(language).map(|choice| choice.voice.clone()).unwrap_or_default()
    }

    fn speed(&self, language: Language) -> f32 {
        self.config.speed * self.persona.voice(language).map_or(1.0, |choice| choice.speed)
    }

    /// What the Persona needs to know for this reply.
    pub(super) fn reply_job(&self, turn: TurnId, request: &ResponseRequest, said: Option<&str>) -> ReplyJob {
        let mut turns = prompt::turns(self.conversation.items());
        turns.extend(said.map(as_turn));
        let last =
            turns.iter().rev().find(|turn| turn.role == PromptRole::User).map(|turn| turn.text.as_str());
        let language = last
            .and_then(Language::of_text)
            .or(self.config.language)
            .or_else(|| self.record.language.as_deref().and_then(|code| code.parse().ok()))
            .unwrap_or(self.persona.language);
        let music = self.musical_situation(last, language);
        let asked = request.instructions.as_ref().unwrap_or(&self.config.instructions);
        ReplyJob {
            turn,
            language,
            intimacy: self.intimacy.value(),
            facts: self.memory.facts().to_vec(),
            instructions: format!("{asked} {music}").trim().to_owned(),
            max_tokens: request.max_output_tokens.unwrap_or(self.config.max_output_tokens),
            turns,
            begun: String::new(),
            clauses: match self.gives_up(Step::ShortFirstClause) {
                true => ClauseConfig::hurried(),
                false => ClauseConfig::default(),
            },
            small: self.gives_up(Step::SmallModel),
        }
    }

    fn gives_up(&self, step: Step) -> bool {
        self.ladder.as_ref().is_some_and(|ladder| ladder.gives_up(step))
    }

    pub(super) fn repeat_to_persona(&mut self) {
        self.drop_draft();
        if let Some(reply) = &self.reply {
            self.ask_persona(reply);
        }
    }

    pub(super) fn ask_persona(&self, reply: &Reply) {
        let Some(persona) = &self.children.persona else { return };
        if reply.persona_done.is_some() {
            return;
        }
        // Half a reply may have been said already: then the rest of it is asked for.
        let job = ReplyJob { begun: reply.text(), ..reply.job.clone() };
        let _ = persona.cast(PersonaMsg::Reply(Box::new(job)));
    }

    pub(super) fn repeat_to_speaker(&mut self) {
        self.drop_draft();
        if let Some(reply) = &self.reply {
            self.ask_speaker(reply);
        }
    }

    pub(super) fn ask_speaker(&self, reply: &Reply) {
        let Some(speaker) = &self.children.speaker else { return };
        if !reply.speak || reply.speaker_done {
            return;
        }
        let speech = Speech {
            turn: reply.turn,
            response: reply.response.clone(),
            item: reply.item.clone(),
            voice: reply.voice.clone(),
            speed: self.speed(reply.job.language),
            offset: reply.playback.sound.samples(),
            held: reply.held,
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
        let turn = event.turn();
        let Some(reply) = self.reply_of(turn) else {
            metrics::counter!("session_stale_events_total", "role" => "persona").increment(1);
            return;
        };
        reply.progress_at = Instant::now();
        match event {
            PersonaEvent::FirstToken { at, .. } => reply.clock.first_token(at),
            PersonaEvent::Clause { text, language, at, .. } => {
                reply.clock.first_clause(at);
                self.clause(turn, text, language);
            }
            PersonaEvent::Ended { turn, finish, usage } => self.persona_ended(turn, finish, usage),
            // Not worth a word: the same is asked again when the turn has ended.
            PersonaEvent::Failed { .. } if reply.held => self.drop_draft(),
            PersonaEvent::Failed { error, .. } => self.persona_failed(error),
        }
    }

    fn clause(&mut self, turn: TurnId, text: String, language: Language) {
        let Some(reply) = self.reply_of(turn) else { return };
        let index = reply.clauses.len();
        reply.clauses.push((text.clone(), language));
        let (speak, held) = (reply.speak, reply.held);
        if speak && let Some(speaker) = &self.children.speaker {
            let clause = Clause { index, text: text.trim().to_owned(), language };
            let _ = speaker.cast(SpeakerMsg::Say(turn, clause));
        }
        if !held {
            self.say_clause(text);
            self.audible();
        }
    }

    /// Shows a clause of the reply.
    pub(super) fn say_clause(&mut self, delta: String) {
        self.start_item();
        let Some(reply) = &self.reply else { return };
        let (response, item) = (reply.response.to_string(), reply.item.to_string());
        self.say(SessionEvent::OutputText { response, item, delta, spoken: reply.audio_item });
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

    pub(super) fn persona_ended(
        &mut self,
        turn: TurnId,
        finish: Finish,
        usage: duologue_engines::port::LlmUsage,
    ) {
        let Some(reply) = self.reply_of(turn) else { return };
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
        let Some(reply) = self.reply_of(turn) else {
            metrics::counter!("session_stale_events_total", "role" => "speaker").increment(1);
            return;
        };
        reply.progress_at = Instant::now();
        match event {
            SpeakerEvent::FirstAudio { at, compute, .. } => {
                reply.playback.start(at);
                reply.clock.first_audio(at, compute);
                self.has_spoken = true;
                self.spoken = None;
                self.audible();
            }
            SpeakerEvent::ClauseSound { index, samples, .. } if reply.sounding == Some(index) => {
                reply.playback.sound.extend(samples);
            }
            SpeakerEvent::ClauseSound { index, samples, .. } => {
                reply.sounding = Some(index);
                if let Some((text, _)) = reply.clauses.get(index) {
                    reply.playback.sound.push_clause(text.as_str(), samples);
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

    pub(super) fn reply_watchdog(&mut self) {
        if self.reply.as_ref().is_some_and(|reply| reply.progress_at.elapsed() > REPLY_STALLED) {
            metrics::counter!("session_replies_stalled_total").increment(1);
            self.fail_reply("reply_stalled", "Nothing moved for too long. Say it again.");
        }
    }
}
