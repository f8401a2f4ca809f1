//! One reply in the making, and its clock.

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    conversation::Item,
    lang::Language,
    tool::ToolCall,
    turn::TurnId,
    waterfall::{ModelPart, Report, Stage, Waterfall},
};
use duologue_engines::port::{Finish, LlmUsage};
use tokio::time::Instant;

use super::{hearing::SpeechTiming, offer::Offer, playback::Playback, tools::Round};
use crate::{
    event::{Metadata, Usage},
    persona::ReplyJob,
};

/// A reply that is being made.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) turn: TurnId,
    pub(super) response: Arc<str>,
    pub(super) item: Arc<str>,
    /// Whether it is spoken; turns false when the voice is given up.
    pub(super) speak: bool,
    /// Whether it began as a spoken one: the type of its item does not change midway.
    pub(super) audio_item: bool,
    pub(super) voice: String,
    /// What the Persona was asked, to ask a new one the same.
    pub(super) job: ReplyJob,
    pub(super) clauses: Vec<(String, Language)>,
    /// Clauses that are wholly on their way, or that stay text.
    pub(super) spoken: usize,
    /// The clause whose sound is on its way.
    pub(super) sounding: Option<usize>,
    pub(super) playback: Playback,
    /// A draft: nobody hears of it yet.
    pub(super) held: bool,
    /// How a draft that wishes to call functions has ended: nothing is called before it is the reply.
    pub(super) ended: Option<(Finish, LlmUsage)>,
    /// Whether it stays out of the conversation.
    pub(super) apart: bool,
    pub(super) metadata: Metadata,
    /// What the model may call.
    pub(super) offer: Offer,
    /// What it has called in the generation that goes on.
    pub(super) called: Vec<ToolCall>,
    /// Functions of the client's that it called.
    pub(super) outside: Vec<Item>,
    /// Functions of the server's that run now.
    pub(super) round: Option<Round>,
    /// How often functions of the server's were called.
    pub(super) rounds: usize,
    /// The first clause of the generation that goes on.
    pub(super) round_from: usize,
    /// What earlier generations cost.
    pub(super) spent: LlmUsage,
    pub(super) persona_done: Option<(Finish, LlmUsage)>,
    pub(super) speaker_done: bool,
    pub(super) item_started: bool,
    pub(super) clock: ReplyClock,
    pub(super) progress_at: Instant,
}

impl Reply {
    /// Everything said and, if it is spoken, on its way.
    pub(super) fn is_complete(&self) -> bool {
        self.persona_done.is_some() && (self.speaker_done || !self.speak)
    }

    /// Whether words of it wait for a voice.
    pub(super) fn wants_voice(&self) -> bool {
        let has_words = self.spoken < self.clauses.len() || self.persona_done.is_some();
        self.speak && !self.speaker_done && has_words
    }

    /// All its words.
    pub(super) fn text(&self) -> String {
        self.clauses.iter().map(|(clause, _)| clause.as_str()).collect::<String>().trim().to_owned()
    }

    /// All its words, or those that are left of them where the client has taken some back.
    pub(super) fn text_left(&self) -> String {
        self.playback.left_of_cut().unwrap_or_else(|| self.text())
    }

    /// Its words since functions were called last.
    pub(super) fn text_of_round(&self) -> String {
        let clauses = self.clauses.iter().skip(self.round_from).map(|(clause, _)| clause.as_str());
        clauses.collect::<String>().trim().to_owned()
    }

    /// Whether the model has said nothing since it was asked last.
    pub(super) fn is_silent_so_far(&self) -> bool {
        self.clauses.len() <= self.round_from
    }

    /// Whether the person has something of it: sound, or words where nothing is spoken.
    pub(super) fn has_begun(&self) -> bool {
        if self.speak { self.clock.first_audio.is_some() } else { !self.clauses.is_empty() }
    }

    /// Whether it waits for functions of the server's, and not for the model.
    pub(super) fn waits_for_tools(&self) -> bool {
        self.round.is_some()
    }

    /// A generation of it has ended.
    pub(super) fn spend(&mut self, usage: LlmUsage) {
        self.spent.prompt_tokens += usage.prompt_tokens;
        self.spent.cached_tokens += usage.cached_tokens;
        self.spent.completion_tokens += usage.completion_tokens;
    }

    pub(super) fn usage(&self) -> Usage {
        let usage = self.persona_done.map(|(_, usage)| usage).unwrap_or_default();
        Usage {
            input_tokens: self.spent.prompt_tokens + usage.prompt_tokens,
            cached_tokens: self.spent.cached_tokens + usage.cached_tokens,
            output_tokens: self.spent.completion_tokens + usage.completion_tokens,
        }
    }
}

/// The waterfall of a reply, on the session's clock.
#[derive(Debug)]
pub(super) struct ReplyClock {
    session_start: Instant,
    speech: Option<SpeechTiming>,
    begun: Instant,
    first_token: Option<Instant>,
    first_clause: Option<Instant>,
    first_audio: Option<(Instant, Duration)>,
    speculative: bool,
}

impl ReplyClock {
    /// Starts at the end of the person's speech, or now for what was written.
    pub(super) fn new(session_start: Instant, speech: Option<SpeechTiming>) -> Self {
        Self {
            session_start,
            speech,
            begun: Instant::now(),
            first_token: None,
            first_clause: None,
            first_audio: None,
            speculative: false,
        }
    }

    /// A draft learns which turn it answers.
    pub(super) fn adopt(&mut self, speech: Option<SpeechTiming>) {
        self.speech = speech;
        self.speculative = true;
    }

    /// Whether the reply was begun before the turn had ended.
    pub(super) fn is_speculative(&self) -> bool {
        self.speculative
    }

    pub(super) fn first_token(&mut self, at: Instant) {
        self.first_token.get_or_insert(at);
    }

    pub(super) fn first_clause(&mut self, at: Instant) {
        self.first_clause.get_or_insert(at);
    }

    pub(super) fn first_audio(&mut self, at: Instant, compute: Duration) {
        self.first_audio.get_or_insert((at, compute));
    }

    /// The report; the model's own first-token time is known only at the end of the reply. What a draft had reached
    /// before its words were certain counts as reached then: nobody waited for it.
    pub(super) fn report(&self, usage: Option<LlmUsage>) -> Report {
        let ms = |at: Instant| at.saturating_duration_since(self.session_start).as_millis() as u64;
        let ready = self.speech.map_or(self.begun, |speech| speech.transcript);
        let mut waterfall = match &self.speech {
            None => Waterfall::for_text(ms(self.begun)),
            Some(speech) => {
                let mut waterfall = Waterfall::new(ms(speech.speech_end));
                waterfall.mark(Stage::TurnDecided, ms(speech.decided));
                waterfall.model(ModelPart::TurnDetector, speech.judging.as_millis() as u32);
                waterfall.model(ModelPart::Stt, speech.hearing.as_millis() as u32);
                waterfall
            }
        };
        waterfall.mark(Stage::Transcript, ms(ready));
        if let Some(at) = self.first_token {
            waterfall.mark(Stage::FirstToken, ms(at.max(ready)));
        }
        if let Some(at) = self.first_clause {
            waterfall.mark(Stage::FirstClause, ms(at.max(ready)));
        }
        if let (Some(first_token), Some(first_clause)) = (self.first_token, self.first_clause) {
            let waited = first_token.saturating_duration_since(self.begun);
            let prefill = usage.map_or(waited, |usage| usage.first_token.min(waited));
            let decode = first_clause.saturating_duration_since(first_token);
            waterfall.model(ModelPart::Llm, (prefill + decode).as_millis() as u32);
        }
        if let Some((at, compute)) = self.first_audio {
            waterfall.mark(Stage::FirstAudio, ms(at.max(ready)));
            waterfall.model(ModelPart::Tts, compute.as_millis() as u32);
        }
        waterfall.report()
    }
}
