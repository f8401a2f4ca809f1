//! From the person's speech to an item with words: what Ingest and Transcriber report.

use std::collections::VecDeque;
use std::time::Duration;

use duologue_domain::{
    conversation::{Content, Item, Speaker as From},
    interrupt::{Extent, despite_doubt},
    ladder::Step,
    pcm::{HEARING_RATE, ms},
};
use duologue_engines::port::{EngineError, Transcript};
use tokio::time::Instant;

use super::State;
use crate::{
    event::{ResponseRequest, SessionEvent, TurnDetection},
    ingest::{IngestEvent, IngestMsg},
    store::MessageRole,
    transcriber::{Hints, Likely, TranscriberEvent, TranscriberMsg, Utterance},
};

/// What the recogniser takes at once, less the silence that is added after the last word.
const LONGEST: u64 = HEARING_RATE as u64 * 297 / 10;

/// What is being heard.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The item of the speech that goes on now.
    current: Option<Current>,
    /// Turns that ended and whose words are not known yet, oldest first.
    pending: VecDeque<Pending>,
    /// The words so far, as the client knows them.
    partial: String,
    /// Told once per trouble.
    deaf: bool,
    /// Up to here all is said and done.
    committed: u64,
}

impl Hearing {
    /// Whether these are words of an earlier speech than the one that goes on.
    fn is_past(&self, utterance: Utterance) -> bool {
        self.current.as_ref().is_some_and(|current| utterance.start < current.start)
    }
}

#[derive(Debug)]
struct Current {
    item: String,
    start: u64,
    /// Whether the client knows of it.
    announced: bool,
}

#[derive(Debug)]
struct Pending {
    item: String,
    utterance: Utterance,
    timing: SpeechTiming,
}

/// When a turn ended, for its waterfall.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpeechTiming {
    /// The last speech arrived.
    pub(super) speech_end: Instant,
    /// The turn was decided.
    pub(super) decided: Instant,
    /// The words were known.
    pub(super) transcript: Instant,
    /// What smart-turn took.
    pub(super) judging: Duration,
    /// What whisper took.
    pub(super) hearing: Duration,
}

impl Hearing {
    /// Whether a speech goes on, or what becomes of it is not known yet.
    pub(super) fn is_somebody_speaking(&self) -> bool {
        self.current.is_some()
    }

    /// The speech that went on is no turn. Answers what was understood of it.
    pub(super) fn forget_speech(&mut self) -> String {
        self.current = None;
        std::mem::take(&mut self.partial)
    }
}

impl State {
    pub(super) fn audio_arrived(&mut self) {
        if let Some(ingest) = &self.children.ingest {
            // A dead child's mailbox refuses; its successor is told when it comes.
            let _ = ingest.cast(IngestMsg::FramesReady);
        }
    }

    pub(super) fn repeat_to_ingest(&mut self) {
        self.audible();
        self.audio_arrived();
    }

    pub(super) fn repeat_to_transcriber(&mut self) {
        for pending in &self.hearing.pending {
            self.to_transcriber(TranscriberMsg::Final(pending.utterance));
        }
    }

    pub(super) fn hints(&self) -> Hints {
        let mut words = self.persona.hot_words.clone();
        if !self.config.transcription_prompt.is_empty() {
            words.push(self.config.transcription_prompt.clone());
        }
        Hints { language: self.config.language, prompt: (!words.is_empty()).then(|| words.join(", ")) }
    }

    pub(super) fn to_transcriber(&self, message: TranscriberMsg) {
        if let Some(transcriber) = &self.children.transcriber {
            let _ = transcriber.cast(message);
        }
    }

    pub(super) fn to_ingest(&self, message: IngestMsg) {
        if let Some(ingest) = &self.children.ingest {
            let _ = ingest.cast(message);
        }
    }

    pub(super) fn ingest_said(&mut self, event: IngestEvent) {
        match event {
            IngestEvent::SpeechStarted { start, over_reply } => self.speech_started(start, over_reply),
            IngestEvent::Duck => self.duck(),
            IngestEvent::Hold => self.hold(),
            IngestEvent::Restore => self.restore(),
            IngestEvent::Interrupted { .. } => self.interrupted(),
            IngestEvent::Backchannel { .. } => self.backchannel(),
            IngestEvent::Pause { start, end } => {
                self.to_transcriber(TranscriberMsg::Speculate(Utterance { start, end }, self.likely()));
            }
            IngestEvent::Resumed => {
                self.drop_draft();
                self.to_transcriber(TranscriberMsg::Resumed);
            }
            IngestEvent::PartialDue { start, end } if self.wants_partials() => {
                self.to_transcriber(TranscriberMsg::Partial(Utterance { start, end }, self.likely()));
            }
            IngestEvent::PartialDue { .. } => {}
            IngestEvent::TurnEnded { start, end, speech_end, judging, detected } => {
                let now = Instant::now();
                let timing = SpeechTiming {
                    speech_end,
                    decided: now,
                    transcript: now,
                    judging,
                    hearing: Duration::ZERO,
                };
                self.turn_ended(Utterance { start, end }, timing, detected);
            }
            IngestEvent::NothingToCommit => self.say(SessionEvent::Error {
                code: "input_audio_buffer_commit_empty",
                message: "There is no audio to commit. Append some first.".into(),
                param: None,
                client_event: None,
            }),
            IngestEvent::IdleTimeout { start, end } => self.nobody_spoke(start, end),
            IngestEvent::Lost { ms } => self.warn(
                "ingest",
                "audio_dropped",
                format!("{ms} ms of audio arrived faster than it could be heard and were dropped."),
            ),
            IngestEvent::Failed(error) => {
                self.alarm("vad", error.kind.code(), error.message);
            }
        }
    }

    fn speech_started(&mut self, start: u64, over_reply: bool) {
        if self.is_announced() {
            // A new Ingest has heard again what the old one had told.
            return;
        }
        self.drop_draft();
        self.place.speech();
        let item = self.new_item_id();
        self.hearing.partial.clear();
        self.ahead.read.clear();
        self.hearing.current = Some(Current { item, start, announced: false });
        if over_reply {
            self.floor.handle_speech_over_reply();
        } else {
            self.announce_speech();
            let effects = self.floor.handle_speech_started();
            self.apply(effects);
            // All that comes before their words is known; nothing had to read it as long as nobody spoke.
            self.read_ahead(None);
        }
    }

    /// The client learns that somebody speaks: at once, or when it has turned out to be an interruption.
    pub(super) fn announce_speech(&mut self) {
        let Some(current) = self.hearing.current.as_mut().filter(|current| !current.announced) else {
            return;
        };
        current.announced = true;
        let (item, at_ms) = (current.item.clone(), ms(current.start, HEARING_RATE));
        self.say(SessionEvent::SpeechStarted { item, at_ms });
    }

    fn turn_ended(&mut self, utterance: Utterance, timing: SpeechTiming, detected: bool) {
        let current = self.hearing.current.take();
        self.floor.handle_speech_ended();
        let item = match current {
            Some(current) => current.item,
            None => self.new_item_id(),
        };
        if detected {
            self.say(SessionEvent::SpeechStopped {
                item: item.clone(),
                at_ms: ms(utterance.end, HEARING_RATE),
            });
        }
        self.commit_sound(item.clone());
        self.hearing.committed = utterance.end;
        let utterance = self.within_hearing(utterance);
        self.hearing.pending.push_back(Pending { item, utterance, timing });
        self.keep_unheard();
        if self.children.given_up().iter().any(|(role, _)| *role == "transcriber") {
            self.fail_pending_utterances("Speech recognition is not available. You can write instead.");
        } else {
            self.to_transcriber(TranscriberMsg::Final(utterance));
        }
    }

    /// The sound of turns whose words are not known yet stays, however many and for however long.
    fn keep_unheard(&self) {
        self.history.need_from(self.hearing.pending.iter().map(|pending| pending.utterance.start).min());
    }

    /// What was heard becomes an item, whose words may follow.
    fn commit_sound(&mut self, id: String) {
        let content = Content::InputAudio { transcript: None };
        let item = Item { id: id.clone(), speaker: From::User, content, complete: true };
        // The id is fresh, so this cannot be refused.
        let _ = self.conversation.insert(item.clone(), None);
        let previous = self.conversation.previous(&id).map(str::to_owned);
        self.say(SessionEvent::Committed { item: id, previous: previous.clone() });
        self.say(SessionEvent::ItemAdded { item: item.clone(), previous: previous.clone() });
        self.say(SessionEvent::ItemDone { item, previous });
    }

    /// It has been quiet for the configured time. While the persona thinks or speaks that says nothing; else it speaks.
    fn nobody_spoke(&mut self, start: u64, end: u64) {
        if self.is_busy() {
            return self.to_ingest(IngestMsg::ReplyEnded);
        }
        let item = self.new_item_id();
        let (from_ms, to_ms) = (ms(start, HEARING_RATE), ms(end, HEARING_RATE));
        self.say(SessionEvent::IdleTimeout { item: item.clone(), from_ms, to_ms });
        self.commit_sound(item);
        self.hearing.committed = end;
        if self.config.create_response {
            self.create_response(ResponseRequest { after_silence: true, ..ResponseRequest::default() });
        }
    }

    /// Whether a turn is being answered, or its answer played.
    fn is_busy(&mut self) -> bool {
        let now = Instant::now();
        // What was stopped is held for ever, and what is held waits for somebody who speaks: neither is heard.
        let left = self.playing().and_then(|playback| playback.left(now));
        let plays = left.is_some_and(|left| !left.is_zero());
        plays || self.reply.is_some() || self.is_in_line() || !self.hearing.pending.is_empty()
    }

    /// Captions while somebody speaks are the first thing that is given up for the budget. What is said over a reply
    /// has to be read all the same: its words decide whether it stops.
    fn wants_partials(&self) -> bool {
        self.config.transcribe && !(self.is_announced() && self.gives_up(Step::NarrowHearing))
    }

    /// The recogniser hears 30 s at a time; voice activity cuts turns before that, a held button does not.
    fn within_hearing(&self, utterance: Utterance) -> Utterance {
        let start = utterance.start.max(utterance.end.saturating_sub(LONGEST));
        if start > utterance.start {
            self.warn(
                "stt",
                "utterance_too_long",
                "Only the last 30 s of this turn could be heard. Speak in shorter turns.",
            );
        }
        Utterance { start, ..utterance }
    }

    /// Ingest died during speech over a reply: whether it would have been an interruption, its successor decides about
    /// what is still to come.
    pub(super) fn forget_undecided_speech(&mut self) {
        if self.hearing.current.as_ref().is_some_and(|current| !current.announced) {
            self.restore();
            self.backchannel();
        }
    }

    /// Where the speech began that the client knows of and that has not ended; with a button, what it has not
    /// committed yet.
    pub(super) fn speech_that_goes_on(&self) -> Option<u64> {
        if matches!(self.config.turn_detection, TurnDetection::Manual) {
            return Some(self.hearing.committed.max(self.history.end().saturating_sub(LONGEST)));
        }
        self.hearing.current.as_ref().filter(|current| current.announced).map(|current| current.start)
    }

    /// No Ingest will come while the person speaks: what was said so far becomes their turn.
    pub(super) fn end_interrupted_speech(&mut self) {
        self.forget_undecided_speech();
        if let Some(start) = self.hearing.current.as_ref().map(|current| current.start) {
            let now = Instant::now();
            let end = self.history.end();
            let timing = SpeechTiming {
                speech_end: now,
                decided: now,
                transcript: now,
                judging: Duration::ZERO,
                hearing: Duration::ZERO,
            };
            self.turn_ended(Utterance { start, end }, timing, true);
        }
    }

    pub(super) fn transcriber_said(&mut self, event: TranscriberEvent) {
        match event {
            // Late words of a speech that has passed would decide about the one that goes on.
            TranscriberEvent::Partial { utterance, .. } | TranscriberEvent::Guess { utterance, .. }
                if self.hearing.is_past(utterance) =>
            {
                metrics::counter!("session_stale_transcripts_total").increment(1);
            }
            TranscriberEvent::Partial { transcript, stable, .. } => {
                self.partial(transcript, Extent::SoFar);
                if self.is_announced() && !stable.is_empty() {
                    self.read_ahead(Some(&stable));
                }
            }
            TranscriberEvent::Guess { transcript, .. } => {
                self.partial(transcript.clone(), Extent::Whole);
                self.guessed(&transcript);
            }
            TranscriberEvent::Final { utterance, result } => {
                let position = self.hearing.pending.iter().position(|pending| pending.utterance == utterance);
                match position.and_then(|position| self.hearing.pending.remove(position)) {
                    Some(pending) => {
                        self.keep_unheard();
                        self.heard(pending, result);
                    }
                    None => metrics::counter!("session_stale_transcripts_total").increment(1),
                }
            }
        }
    }

    fn partial(&mut self, transcript: Transcript, extent: Extent) {
        let Some(current) = &self.hearing.current else { return };
        let doubted = despite_doubt(&transcript.doubted);
        if !current.announced && !doubted.is_empty() {
            self.to_ingest(IngestMsg::Words(doubted.to_owned(), extent));
            return;
        }
        if transcript.text.is_empty() || transcript.text == self.hearing.partial {
            // No words, or no further ones, say something too: about speech over a reply and about the end of a turn.
            self.to_ingest(IngestMsg::Words(transcript.text, extent));
            return;
        }
        let delta = transcript.text.strip_prefix(&self.hearing.partial).unwrap_or_default().to_owned();
        // Over a reply these words may be nobody's turn.
        if current.announced {
            self.say(SessionEvent::HeardPartial {
                item: current.item.clone(),
                delta,
                text: transcript.text.clone(),
            });
        }
        self.to_ingest(IngestMsg::Words(transcript.text.clone(), extent));
        self.hearing.partial = transcript.text;
    }

    fn heard(&mut self, mut pending: Pending, result: Result<Transcript, EngineError>) {
        pending.timing.transcript = Instant::now();
        let seconds = (pending.utterance.end - pending.utterance.start) as f32 / HEARING_RATE as f32;
        match result {
            Ok(transcript) => {
                self.hearing.deaf = false;
                pending.timing.hearing = transcript.compute;
                self.words_known(pending, transcript.text, seconds);
            }
            Err(error) => {
                self.utterance_failed(pending.item, error.kind.code(), error.message);
                let effects = self.floor.handle_heard(false);
                self.apply(effects);
            }
        }
    }

    fn words_known(&mut self, pending: Pending, text: String, seconds: f32) {
        let item = pending.item;
        if self.config.transcribe {
            self.say(SessionEvent::Heard { item: item.clone(), text: text.clone(), seconds });
        }
        let heard_words = !text.is_empty();
        if heard_words {
            if let Some(held) = self.conversation.get_mut(&item) {
                held.content = Content::InputAudio { transcript: Some(text.clone()) };
            }
            self.write_message(&item, MessageRole::User, &text);
            self.person_spoke(&item, &text, (pending.utterance, pending.timing));
        } else if self.conversation.delete(&item).is_ok() {
            // Noise is not part of what was said.
            self.say(SessionEvent::ItemDeleted(item));
        }
        if heard_words {
            self.next_timing(pending.timing);
        }
        self.check_draft(&text);
        let effects = self.floor.handle_heard(heard_words);
        self.apply(effects);
    }

    fn utterance_failed(&mut self, item: String, code: &'static str, message: String) {
        let _ = self.conversation.delete(&item);
        if !std::mem::replace(&mut self.hearing.deaf, true) {
            self.alarm("stt", code, message.clone());
        }
        self.say(SessionEvent::HeardFailed { item: item.clone(), code, message });
        self.say(SessionEvent::ItemDeleted(item));
    }

    /// When the turn ended whose words are due next.
    pub(super) fn unheard_since(&self) -> Option<Instant> {
        self.hearing.pending.front().map(|pending| pending.timing.decided)
    }

    fn likely(&self) -> Likely {
        if self.is_announced() { Likely::Turn } else { Likely::Interjection }
    }

    /// Whether the person speaks now, and not perhaps only over a reply.
    pub(super) fn is_announced(&self) -> bool {
        self.hearing.current.as_ref().is_some_and(|current| current.announced)
    }

    /// Whether the person speaks now.
    pub(super) fn is_listening(&self) -> bool {
        self.hearing.current.is_some()
    }

    /// No Transcriber will come for these.
    pub(super) fn fail_pending_utterances(&mut self, why: &str) {
        let pending = std::mem::take(&mut self.hearing.pending);
        self.keep_unheard();
        for pending in pending {
            self.utterance_failed(pending.item, "part_failed", why.to_owned());
        }
        let effects = self.floor.handle_heard(false);
        self.apply(effects);
    }

    pub(super) fn forget_current_speech(&mut self) {
        self.hearing.committed = self.history.end();
        self.drop_draft();
        if self.hearing.current.take().is_some() {
            self.floor.handle_speech_ended();
        }
    }
}
