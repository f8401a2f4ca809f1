//! One reply in the making, and the last one that was spoken.

use std::sync::Arc;

use duologue_domain::{
    heard::Playout,
    lang::Language,
    turn::TurnId,
    waterfall::{ModelPart, Stage, Waterfall},
};
use duologue_engines::port::{Finish, LlmUsage, SPEECH_RATE};
use tokio::time::Instant;

use super::hearing::SpeechTiming;
use crate::{event::Usage, persona::ReplyJob};

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
    pub(super) playout: Playout,
    pub(super) playing_since: Option<Instant>,
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

    /// All its words.
    pub(super) fn text(&self) -> String {
        self.clauses.iter().map(|(clause, _)| clause.as_str()).collect::<String>().trim().to_owned()
    }

    /// Samples that a client which plays without a break has played by `now`.
    pub(super) fn played(&self, now: Instant) -> u64 {
        let Some(since) = self.playing_since else { return 0 };
        let elapsed = now.saturating_duration_since(since).as_millis() as u64;
        (elapsed * u64::from(SPEECH_RATE) / 1000).min(self.playout.samples())
    }

    pub(super) fn usage(&self) -> Usage {
        let usage = self.persona_done.map(|(_, usage)| usage).unwrap_or_default();
        Usage {
            input_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            output_tokens: usage.completion_tokens,
        }
    }
}

/// A reply whose sound was sent and may still be playing at the client.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) item: Arc<str>,
    pub(super) playout: Playout,
}

/// The waterfall of a reply, on the session's clock.
#[derive(Debug)]
pub(super) struct ReplyClock {
    waterfall: Waterfall,
    session_start: Instant,
    begun: Instant,
    first_token: Option<Instant>,
    first_clause: Option<Instant>,
}

impl ReplyClock {
    /// Starts at the end of the person's speech, or now for what was written.
    pub(super) fn new(session_start: Instant, speech: Option<SpeechTiming>) -> Self {
        let now = Instant::now();
        let ms = |instant: Instant| instant.saturating_duration_since(session_start).as_millis() as u64;
        let waterfall = match speech {
            None => {
                let mut waterfall = Waterfall::for_text(ms(now));
                waterfall.mark(Stage::Transcript, ms(now));
                waterfall
            }
            Some(timing) => {
                let mut waterfall = Waterfall::new(ms(timing.speech_end));
                waterfall.mark(Stage::TurnDecided, ms(timing.decided));
                waterfall.mark(Stage::Transcript, ms(timing.transcript));
                waterfall.model(ModelPart::TurnDetector, timing.judging.as_millis() as u32);
                waterfall.model(ModelPart::Stt, timing.hearing.as_millis() as u32);
                waterfall
            }
        };
        Self { waterfall, session_start, begun: now, first_token: None, first_clause: None }
    }

    fn mark(&mut self, stage: Stage, at: Instant) {
        self.waterfall.mark(stage, at.saturating_duration_since(self.session_start).as_millis() as u64);
    }

    pub(super) fn first_token(&mut self, at: Instant) {
        self.first_token.get_or_insert(at);
        self.mark(Stage::FirstToken, at);
    }

    pub(super) fn first_clause(&mut self, at: Instant) {
        self.first_clause.get_or_insert(at);
        self.mark(Stage::FirstClause, at);
    }

    pub(super) fn first_audio(&mut self, at: Instant, compute: std::time::Duration) {
        self.mark(Stage::FirstAudio, at);
        self.waterfall.model(ModelPart::Tts, compute.as_millis() as u32);
    }

    /// The report; the model's own first-token time is known only at the end of the reply.
    pub(super) fn report(&mut self, usage: Option<LlmUsage>) -> duologue_domain::waterfall::Report {
        if let (Some(first_token), Some(first_clause)) = (self.first_token, self.first_clause) {
            let waited = first_token.saturating_duration_since(self.begun);
            let prefill = usage.map_or(waited, |usage| usage.first_token.min(waited));
            let decode = first_clause.saturating_duration_since(first_token);
            self.waterfall.model(ModelPart::Llm, (prefill + decode).as_millis() as u32);
        }
        self.waterfall.report()
    }
}
