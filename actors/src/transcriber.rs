//! Transcriber: turns one session's speech into words.
//! Parent: Session. Children: none. On failure: restarts alone; the Session asks again for the utterance in flight.
//! In: TranscriberMsg with ranges of [`History`].  Out: TranscriberEvent -> Session.
//! Owns: at most one request at the engine; dropping it cancels.  Never: blocks, keeps audio, reads a clock, logs words.
//!
//! While somebody speaks, the words so far are asked for in steps ([`pace::Steps`]); what successive
//! answers agree on is stable. In each pause the whole is transcribed on the chance that the turn ends
//! there; a partial that runs then is given up at once. That is done on a chance, so it comes after what others wait
//! for ([`Haste`]), until it turns out that it was the end. If the turn does end there, the words are there
//! or on their way; if not, they were for nothing, which is counted and bounded ([`pace::Budget`]).

mod pace;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use duologue_domain::{agreement::Agreement, lang::Language, pcm::HEARING_RATE};
use duologue_engines::{
    fair::{Haste, Urgency},
    port::{EngineError, SessionKey, SttEngine, SttRequest, Transcript},
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use self::pace::{Budget, Steps};
use crate::{
    audio_in::History,
    pulse::Pulse,
    session::SessionMsg,
    task::{Alive, OwnedTask},
};

/// Silence after the last speech that the model sees too: words cut at their last sound are misheard.
const TAIL: u64 = HEARING_RATE as u64 * 2 / 10;

/// What is said over a reply may be no more than a word as long as it is shorter, the padding before it (300 ms)
/// included. The beginning of a sentence would be bent towards such words.
const INTERJECTION: u64 = HEARING_RATE as u64 * 13 / 10;

/// Longer than this in the queue and the person has given up on being understood.
const FINAL_DEADLINE: Duration = Duration::from_secs(20);

/// A partial older than this tells nothing new.
const PARTIAL_DEADLINE: Duration = Duration::from_secs(2);

/// The actor.
#[derive(Debug)]
pub struct Transcriber;

/// What it needs.
pub struct TranscriberArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Whose speech.
    pub session: SessionKey,
    /// Where the audio is.
    pub history: History,
    /// The model.
    pub stt: Arc<dyn SttEngine>,
    /// How to listen.
    pub hints: Hints,
}

impl std::fmt::Debug for TranscriberArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TranscriberArgs").field("session", &self.session).finish_non_exhaustive()
    }
}

/// How to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Fixed language, or detect.
    pub language: Option<Language>,
    /// Words likely to occur.
    pub prompt: Option<String>,
}

/// A range of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utterance {
    /// First sample.
    pub start: u64,
    /// Last speech; for a partial, the newest sample.
    pub end: u64,
}

/// What is likely to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// Anything: it is a turn of their own.
    Turn,
    /// No more than a word: it is over a reply, and may only say that somebody listens.
    Interjection,
}

/// What it understands.
#[derive(Debug)]
pub enum TranscriberMsg {
    /// New hints.
    Configure(Hints),
    /// The words so far; skipped while it is busy or when the steps are wider.
    Partial(Utterance, Likely),
    /// This may be the whole utterance: begin, and say what you guess.
    Speculate(Utterance, Likely),
    /// It was not the whole.
    Resumed,
    /// The words of this utterance, final.
    Final(Utterance),
    /// Show that it lives.
    Pulse(Pulse),
    /// The engine answered.
    Answered {
        /// To which request.
        sequence: u64,
        /// What.
        result: Result<Transcript, EngineError>,
    },
}

/// What it says.
#[derive(Debug)]
pub enum TranscriberEvent {
    /// Words so far.
    Partial {
        /// Of which utterance, as far as it had come.
        utterance: Utterance,
        /// All of them.
        transcript: Transcript,
        /// Their beginning, on which successive decodings agree; within an utterance it only grows.
        stable: String,
    },
    /// The words up to a pause, before it is known whether the turn ends there. If it does, the
    /// [`Final`](Self::Final) of the same utterance says the same words.
    Guess {
        /// Which.
        utterance: Utterance,
        /// The words.
        transcript: Transcript,
    },
    /// Final words of an utterance.
    Final {
        /// Which.
        utterance: Utterance,
        /// The words, or why not.
        result: Result<Transcript, EngineError>,
    },
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    myself: ActorRef<TranscriberMsg>,
    args: TranscriberArgs,
    sequence: u64,
    job: Option<Job>,
    /// Finals that came while another one runs; the Session ends turns one at a time, so these are few.
    waiting: VecDeque<Utterance>,
    /// Of the utterance that begins at the position beside it.
    agreement: (u64, Agreement),
    steps: Steps,
    budget: Budget,
}

#[derive(Debug)]
struct Job {
    sequence: u64,
    utterance: Utterance,
    kind: Kind,
    retried: bool,
    haste: Haste,
    /// A speculative answer that nobody has asked for yet.
    answer: Option<Result<Transcript, EngineError>>,
    _task: OwnedTask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Partial,
    Speculative,
    Final,
}

impl Actor for Transcriber {
    type Msg = TranscriberMsg;
    type State = State;
    type Arguments = TranscriberArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<TranscriberMsg>,
        args: TranscriberArgs,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            _alive: Alive::new("transcriber"),
            myself,
            args,
            sequence: 0,
            job: None,
            waiting: VecDeque::new(),
            agreement: Default::default(),
            steps: Steps::default(),
            budget: Budget::default(),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<TranscriberMsg>,
        message: TranscriberMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TranscriberMsg::Pulse(pulse) => pulse.beat().await,
            TranscriberMsg::Configure(hints) => state.args.hints = hints,
            TranscriberMsg::Partial(utterance, likely) => state.partial(utterance, likely),
            TranscriberMsg::Speculate(utterance, likely) => state.speculate(utterance, likely),
            TranscriberMsg::Resumed => {
                if state.kind() == Some(Kind::Speculative) {
                    state.give_up();
                }
            }
            TranscriberMsg::Final(utterance) => state.finish(utterance)?,
            TranscriberMsg::Answered { sequence, result } => state.answered(sequence, result)?,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<TranscriberMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn kind(&self) -> Option<Kind> {
        self.job.as_ref().map(|job| job.kind)
    }

    fn partial(&mut self, utterance: Utterance, likely: Likely) {
        // What runs for an utterance that was nobody's turn is in the way of this one.
        let stale = |job: &Job| job.kind != Kind::Final && job.utterance.start != utterance.start;
        if self.job.as_ref().is_some_and(stale) {
            self.give_up();
        }
        if self.job.is_some() || !self.steps.is_due(utterance) {
            metrics::counter!("transcriber_partials_skipped_total").increment(1);
            return;
        }
        self.steps.asked(utterance);
        self.begin(utterance, (Kind::Partial, likely), false);
    }

    fn speculate(&mut self, utterance: Utterance, likely: Likely) {
        let asked_before = self.job.as_ref().is_some_and(|job| job.utterance == utterance);
        match self.kind() {
            // Nobody is kept waiting for words that may not be wanted.
            Some(Kind::Final) => {}
            Some(Kind::Speculative) if asked_before => {}
            _ if self.budget.allows(utterance.end) => {
                metrics::counter!("transcriber_speculations_begun_total").increment(1);
                self.begin(utterance, (Kind::Speculative, likely), false);
            }
            _ => {}
        }
    }

    /// Cancels what runs; the engine stops at its next step.
    fn give_up(&mut self) {
        match self.job.take().map(|job| job.kind) {
            Some(Kind::Speculative) => {
                metrics::counter!("transcriber_speculations_wasted_total").increment(1)
            }
            Some(Kind::Partial) => metrics::counter!("transcriber_partials_aborted_total").increment(1),
            Some(Kind::Final) | None => {}
        }
    }

    /// Replaces whatever runs by a request for `utterance`.
    fn begin(&mut self, utterance: Utterance, (kind, likely): (Kind, Likely), retried: bool) {
        self.give_up();
        self.sequence += 1;
        let sequence = self.sequence;
        let partial = kind == Kind::Partial;
        let tail = if partial { 0 } else { TAIL };
        let haste = Haste::new(if kind == Kind::Final { Urgency::Now } else { Urgency::Ahead });
        let answer = self.args.stt.transcribe(SttRequest {
            session: self.args.session,
            audio: self.args.history.range(utterance.start, utterance.end + tail),
            language: self.args.hints.language,
            prompt: self.args.hints.prompt.clone(),
            interjection: likely == Likely::Interjection
                && utterance.end.saturating_sub(utterance.start) < INTERJECTION,
            partial,
            deadline: if partial { PARTIAL_DEADLINE } else { FINAL_DEADLINE },
            haste: haste.clone(),
            ..SttRequest::default()
        });
        let myself = self.myself.clone();
        let task = OwnedTask::spawn(self.myself.get_cell(), async move {
            let result = answer.await;
            let _ = myself.cast(TranscriberMsg::Answered { sequence, result });
        });
        self.job = Some(Job { sequence, utterance, kind, retried, haste, answer: None, _task: task });
    }

    fn finish(&mut self, utterance: Utterance) -> Result<(), ActorProcessingErr> {
        match &mut self.job {
            Some(job) if job.kind == Kind::Final => self.waiting.push_back(utterance),
            // Begun in the pause that turned out to be the end. If it failed, it is tried again.
            Some(Job { utterance: guessed, kind: Kind::Speculative, answer: None | Some(Ok(_)), .. })
                if *guessed == utterance =>
            {
                metrics::counter!("transcriber_speculations_used_total").increment(1);
                self.use_speculation()?;
            }
            _ => self.begin(utterance, (Kind::Final, Likely::Turn), false),
        }
        Ok(())
    }

    fn use_speculation(&mut self) -> Result<(), ActorProcessingErr> {
        let Some(job) = &mut self.job else { return Ok(()) };
        job.kind = Kind::Final;
        job.haste.raise();
        match job.answer.take() {
            Some(result) => self.deliver(result),
            None => Ok(()),
        }
    }

    fn answered(
        &mut self,
        sequence: u64,
        result: Result<Transcript, EngineError>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(job) = self.job.as_mut().filter(|job| job.sequence == sequence) else {
            metrics::counter!("transcriber_stale_answers_total").increment(1);
            return Ok(());
        };
        let utterance = job.utterance;
        match job.kind {
            Kind::Final => self.deliver(result),
            Kind::Speculative => {
                job.answer = Some(result.clone());
                // One that failed is not worth a word: the final will say.
                let Ok(transcript) = result else { return Ok(()) };
                self.agree(utterance, &transcript.text);
                self.tell(TranscriberEvent::Guess { utterance, transcript })
            }
            Kind::Partial => {
                self.job = None;
                let Ok(transcript) = result else {
                    self.steps.failed();
                    return Ok(());
                };
                self.steps.took(transcript.queued + transcript.compute);
                let stable = self.agree(utterance, &transcript.text);
                self.tell(TranscriberEvent::Partial { utterance, transcript, stable })
            }
        }
    }

    /// What is stable in `utterance`, now that it was decoded as `text`.
    fn agree(&mut self, utterance: Utterance, text: &str) -> String {
        let (start, agreement) = &mut self.agreement;
        if *start != utterance.start {
            *start = utterance.start;
            agreement.clear();
        }
        agreement.handle(text).to_owned()
    }

    fn tell(&self, event: TranscriberEvent) -> Result<(), ActorProcessingErr> {
        Ok(self.args.parent.cast(SessionMsg::Transcriber(event))?)
    }

    /// Reports a final answer; an error that a second try may cure is tried once more.
    fn deliver(&mut self, result: Result<Transcript, EngineError>) -> Result<(), ActorProcessingErr> {
        let Some(job) = self.job.take() else { return Ok(()) };
        match result {
            Err(error) if error.retryable() && !job.retried => {
                self.begin(job.utterance, (Kind::Final, Likely::Turn), true)
            }
            result => {
                self.tell(TranscriberEvent::Final { utterance: job.utterance, result })?;
                if let Some(utterance) = self.waiting.pop_front() {
                    self.begin(utterance, (Kind::Final, Likely::Turn), false);
                }
            }
        }
        Ok(())
    }
}
