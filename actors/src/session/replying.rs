//! From the floor's decision to a reply that was said: what Persona and Speaker report.

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    clause::ClauseConfig,
    conversation::{Item, Speaker as From},
    ladder::Step,
    lang::Language,
    prompt::{self, Role as PromptRole},
    text::as_read,
    tool::{ToolCall, ToolChoice},
    turn::{FloorEffect, TurnId},
};
use duologue_engines::port::{Finish, Health, LlmUsage};
use tokio::time::Instant;

use super::{
    State,
    draft::as_turn,
    hearing::SpeechTiming,
    playback::Playback,
    reply::{Reply, ReplyClock},
    tools,
};
use crate::{
    event::{ResponseRequest, SessionEvent, empty_output},
    persona::{PersonaEvent, PersonaMsg, ReplyJob},
    speaker::{Clause, SpeakerEvent, SpeakerMsg, Speech},
};

/// A reply of which nothing moved for this long has failed, whatever the reason: longer than every engine's own
/// deadline, shorter than a person's patience.
const REPLY_STALLED: Duration = Duration::from_secs(45);

/// What a person says who says nothing.
const SILENCE: &str = "…";

impl State {
    /// Does what the floor decided.
    pub(super) fn apply(&mut self, effects: Vec<FloorEffect>) {
        for effect in effects {
            match effect {
                FloorEffect::CancelReply { turn, reason } => self.cancel_reply(turn, reason),
                FloorEffect::BeginReply { turn } => {
                    let request = self.owed.take().unwrap_or_default();
                    self.begin_reply(turn, request);
                }
            }
        }
    }

    /// Timing of the turn that the next reply answers.
    pub(super) fn next_timing(&mut self, timing: SpeechTiming) {
        self.pending_timing = Some(timing);
    }

    pub(super) fn begin_reply(&mut self, turn: TurnId, request: ResponseRequest) {
        let Some(request) = self.with_place(turn, request) else { return };
        if self.adopt(turn) {
            return;
        }
        self.drop_draft();
        let reply = self.make_reply(turn, &request, None);
        self.outbox.supersede(turn);
        self.say_created(&reply);
        self.ask_speaker(&reply);
        self.reply = Some(reply);
        self.ask_persona_or_fail();
    }

    /// A reply is told of.
    pub(super) fn say_created(&self, reply: &Reply) {
        self.say(SessionEvent::ResponseCreated {
            response: reply.response.to_string(),
            turn: reply.turn,
            metadata: reply.metadata.clone(),
        });
    }

    /// Asks for the reply, or for the rest of it; it fails where nobody will come to make it.
    pub(super) fn ask_persona_or_fail(&mut self) {
        if let Some(reply) = &self.reply {
            self.ask_persona(reply);
        }
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
        let response: Arc<str> = self.response_id(turn).into();
        let item: Arc<str> = self.new_item_id().into();
        let speak = request.speak.unwrap_or(self.config.speak) && self.can_speak();
        let offer = self.offer(request);
        let job = self.offering(&offer, self.reply_job(turn, request, said));
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
            ended: None,
            apart: request.apart,
            metadata: request.metadata.clone(),
            offer,
            called: Vec::new(),
            outside: Vec::new(),
            round: None,
            rounds: 0,
            round_from: 0,
            spent: Default::default(),
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
        let mut turns = match &request.input {
            Some(input) => prompt::turns(&self.chosen_items(input)),
            None => prompt::turns(self.conversation.items()),
        };
        turns.extend(said.map(as_turn));
        let last = turns.iter_mut().rev().find(|turn| turn.role == PromptRole::User).map(|turn| {
            turn.text = as_read(&self.ahead.read, &turn.text);
            turn.text.as_str()
        });
        let language = last
            .and_then(Language::of_text)
            .or(self.config.language)
            .or_else(|| self.record.language.as_deref().and_then(|code| code.parse().ok()))
            .unwrap_or(self.persona.language);
        let music = self.musical_situation(last, language);
        let asked = request.instructions.as_ref().unwrap_or(&self.config.instructions);
        let silence = match request.after_silence {
            true => prompt::carry_on(language),
            false => "",
        };
        if request.after_silence {
            // Models answer somebody: after their own words alone, small ones say them again.
            turns.push(as_turn(SILENCE));
        }
        ReplyJob {
            turn,
            language,
            intimacy: self.intimacy.value(),
            facts: self.memory.facts().to_vec(),
            instructions: [asked.as_str(), &music, silence].join(" ").trim().to_owned(),
            max_tokens: request.max_output_tokens.unwrap_or(self.config.max_output_tokens),
            turns,
            begun: String::new(),
            said: false,
            tools: Arc::default(),
            tool_choice: ToolChoice::default(),
            clauses: match self.gives_up(Step::ShortFirstClause) {
                true => ClauseConfig::hurried(),
                false => ClauseConfig::default(),
            },
            small: self.gives_up(Step::SmallModel),
        }
    }

    pub(super) fn gives_up(&self, step: Step) -> bool {
        self.ladder.as_ref().is_some_and(|ladder| ladder.gives_up(step))
    }

    pub(super) fn repeat_to_persona(&mut self) {
        self.drop_draft();
        if let Some(reply) = &mut self.reply {
            // What it wished to call before it ended, it will wish again.
            reply.called.clear();
        }
        if let Some(reply) = &self.reply {
            self.ask_persona(reply);
        }
    }

    pub(super) fn ask_persona(&self, reply: &Reply) {
        let Some(persona) = &self.children.persona else { return };
        if reply.persona_done.is_some() || reply.waits_for_tools() {
            return;
        }
        // Half a reply may have been said already: then the rest of it is asked for.
        let (begun, said) = (reply.text_of_round(), !reply.clauses.is_empty());
        let job = ReplyJob { begun, said, ..reply.job.clone() };
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
            PersonaEvent::Called { call, .. } => self.called(turn, call),
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
        let (response, turn, apart) = (reply.response.to_string(), reply.turn, reply.apart);
        if !apart {
            // The id is fresh, so this cannot be refused.
            let _ = self.conversation.insert(item.clone(), None);
        }
        let previous = self.conversation.previous(&item.id).map(str::to_owned);
        self.say(SessionEvent::OutputStarted { response, item, previous, turn, apart });
    }

    /// A function is wished for. Names of calls are unique in the conversation, whatever a model makes of them.
    fn called(&mut self, turn: TurnId, mut call: ToolCall) {
        let is_known =
            |state: &Self, id: &str| id.is_empty() || id.len() > 64 || state.conversation.has_call(id);
        if is_known(self, &call.id) {
            call.id = format!("call_{}", self.new_item_id());
        }
        let Some(reply) = self.reply_of(turn) else { return };
        if reply.called.iter().any(|other| other.id == call.id) {
            call.id = format!("{}_{}", call.id, reply.called.len());
        }
        if tools::has_room(&reply.called) {
            reply.called.push(call);
        }
    }

    pub(super) fn persona_ended(&mut self, turn: TurnId, finish: Finish, usage: LlmUsage) {
        let Some(reply) = self.reply_of(turn) else { return };
        let (held, calls) = (reply.held, !reply.called.is_empty());
        if held && calls {
            reply.ended = Some((finish, usage));
        } else if !calls || !self.run_calls(finish, usage) {
            self.words_ended(turn, finish, usage);
        }
    }

    /// Nothing more will be said.
    pub(super) fn words_ended(&mut self, turn: TurnId, finish: Finish, usage: LlmUsage) {
        let Some(reply) = self.reply_of(turn) else { return };
        if reply.rounds > 0 && reply.clauses.is_empty() && reply.outside.is_empty() {
            let why = "The persona called functions and said nothing. Ask again.";
            return self.fail_reply("tools_without_words", why);
        }
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
                reply.playback.goes_on(Instant::now());
                reply.playback.sound.extend(samples);
            }
            SpeakerEvent::ClauseSound { index, samples, .. } => {
                reply.sounding = Some(index);
                reply.playback.goes_on(Instant::now());
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
        let stalls = |reply: &Reply| !reply.waits_for_tools() && reply.progress_at.elapsed() > REPLY_STALLED;
        if self.reply.as_ref().is_some_and(stalls) {
            metrics::counter!("session_replies_stalled_total").increment(1);
            self.fail_reply("reply_stalled", "Nothing moved for too long. Say it again.");
        }
    }
}
