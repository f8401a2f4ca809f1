//! Transcriber: turns one session's speech into words.
//! Parent: Session. Children: none. On failure: restarts alone; the Session asks again for the utterance in flight.
//! In: TranscriberMsg with ranges of [`History`].  Out: TranscriberEvent -> Session.
//! Owns: at most one request at the engine; dropping it cancels.  Never: blocks, keeps words, logs words.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use duologue_domain::{lang::Language, pcm::HEARING_RATE};
use duologue_engines::port::{EngineError, SessionKey, SttEngine, SttRequest, Transcript};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{audio_in::History, session::SessionMsg, task::OwnedTask};

/// Silence after the last speech that the model sees too: words cut at their last sound are misheard.
const TAIL: u64 = HEARING_RATE as u64 * 2 / 10;

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
    /// Last speech; for a speculation, the silence after it included.
    pub end: u64,
}

/// What it understands.
#[derive(Debug)]
pub enum TranscriberMsg {
    /// New hints.
    Configure(Hints),
    /// The words so far; skipped while it is busy.
    Partial(Utterance),
    /// This may be the whole utterance: begin, but say nothing until asked.
    Speculate(Utterance),
    /// It was not the whole.
    Resumed,
    /// The words of this utterance, final.
    Final(Utterance),
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
    Partial(Transcript),
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
    myself: ActorRef<TranscriberMsg>,
    args: TranscriberArgs,
    sequence: u64,
    job: Option<Job>,
    /// Finals that came while another one runs; the Session ends turns one at a time, so these are few.
    waiting: VecDeque<Utterance>,
}

#[derive(Debug)]
struct Job {
    sequence: u64,
    utterance: Utterance,
    kind: Kind,
    retried: bool,
    /// A speculative answer that nobody has asked for yet.
    answer: Option<Result<Transcript, EngineError>>,
    _task: OwnedTask,
}

impl Job {
    /// Whether its audio holds all of `utterance`: it was begun in the pause that turned out to be the end.
    fn covers(&self, utterance: Utterance) -> bool {
        self.utterance.start == utterance.start && utterance.end <= self.utterance.end
    }
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
        Ok(State { myself, args, sequence: 0, job: None, waiting: VecDeque::new() })
    }

    async fn handle(
        &self,
        _: ActorRef<TranscriberMsg>,
        message: TranscriberMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TranscriberMsg::Configure(hints) => state.args.hints = hints,
            TranscriberMsg::Partial(utterance) if state.job.is_none() => {
                state.begin(utterance, Kind::Partial, false);
            }
            TranscriberMsg::Partial(_) => {
                metrics::counter!("transcriber_partials_skipped_total").increment(1)
            }
            TranscriberMsg::Speculate(utterance) if !state.is_final() && !state.speculates_on(utterance) => {
                state.begin(utterance, Kind::Speculative, false);
            }
            TranscriberMsg::Speculate(_) => {}
            TranscriberMsg::Resumed => {
                if !state.is_final() {
                    state.job = None;
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
    /// Replaces whatever runs by a request for `utterance`.
    fn begin(&mut self, utterance: Utterance, kind: Kind, retried: bool) {
        self.sequence += 1;
        let sequence = self.sequence;
        let partial = kind == Kind::Partial;
        let tail = if kind == Kind::Final { TAIL } else { 0 };
        let answer = self.args.stt.transcribe(SttRequest {
            session: self.args.session,
            audio: self.args.history.range(utterance.start, utterance.end + tail),
            language: self.args.hints.language,
            prompt: self.args.hints.prompt.clone(),
            partial,
            deadline: if partial { PARTIAL_DEADLINE } else { FINAL_DEADLINE },
        });
        let myself = self.myself.clone();
        let task = OwnedTask::spawn(async move {
            let result = answer.await;
            let _ = myself.cast(TranscriberMsg::Answered { sequence, result });
        });
        self.job = Some(Job { sequence, utterance, kind, retried, answer: None, _task: task });
    }

    /// The same pause, asked about again: what runs already covers it.
    fn speculates_on(&self, utterance: Utterance) -> bool {
        self.job
            .as_ref()
            .is_some_and(|job| job.kind == Kind::Speculative && job.utterance.start == utterance.start)
    }

    fn is_final(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.kind == Kind::Final)
    }

    fn finish(&mut self, utterance: Utterance) -> Result<(), ActorProcessingErr> {
        match &mut self.job {
            Some(job) if job.kind == Kind::Speculative && job.covers(utterance) => {
                job.kind = Kind::Final;
                job.utterance = utterance;
                metrics::counter!("transcriber_speculations_used_total").increment(1);
                if let Some(result) = job.answer.take() {
                    self.deliver(result)?;
                }
            }
            Some(job) if job.kind == Kind::Final => self.waiting.push_back(utterance),
            _ => self.begin(utterance, Kind::Final, false),
        }
        Ok(())
    }

    fn answered(
        &mut self,
        sequence: u64,
        result: Result<Transcript, EngineError>,
    ) -> Result<(), ActorProcessingErr> {
        match &mut self.job {
            Some(job) if job.sequence == sequence => match job.kind {
                Kind::Speculative => job.answer = Some(result),
                Kind::Final => self.deliver(result)?,
                Kind::Partial => {
                    self.job = None;
                    // A partial that failed is not worth a word: the final will say.
                    if let Ok(transcript) = result {
                        self.args
                            .parent
                            .cast(SessionMsg::Transcriber(TranscriberEvent::Partial(transcript)))?;
                    }
                }
            },
            _ => metrics::counter!("transcriber_stale_answers_total").increment(1),
        }
        Ok(())
    }

    /// Reports a final answer; an error that a second try may cure is tried once more.
    fn deliver(&mut self, result: Result<Transcript, EngineError>) -> Result<(), ActorProcessingErr> {
        let Some(job) = self.job.take() else { return Ok(()) };
        match result {
            Err(error) if error.retryable() && !job.retried => self.begin(job.utterance, Kind::Final, true),
            result => {
                let event = TranscriberEvent::Final { utterance: job.utterance, result };
                self.args.parent.cast(SessionMsg::Transcriber(event))?;
                if let Some(utterance) = self.waiting.pop_front() {
                    self.begin(utterance, Kind::Final, false);
                }
            }
        }
        Ok(())
    }
}
