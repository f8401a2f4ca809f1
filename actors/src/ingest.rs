//! Ingest: turns the client's audio into speech with a beginning and an end.
//! Parent: Session. Children: none. On failure: restarts alone; the history of what was said is the Session's, and
//! a speech that goes on is heard again from there.
//! In: [`AudioIn`] (30 s, drops oldest) + IngestMsg.  Out: IngestEvent -> Session, over a reply too (`deciding`).
//! Owns: one voice-activity stream, released by Drop.  Never: transcribes, keeps audio, logs words.

mod again;
mod deciding;
mod glance;
mod message;
mod over_reply;

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    endpoint::{EndpointConfig, EndpointEvent, EndpointMode, Endpointer},
    pcm::{self, HEARING_RATE},
};
use duologue_engines::port::{EngineError, SessionKey, TurnEngine, VAD_FRAME, VadEngine, VadStream};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    audio_in::{AudioIn, History},
    event::{Eagerness, SessionConfig, TurnDetection},
    front_end::FrontEnd,
    played::PlayedAudio,
    session::SessionMsg,
    task::Alive,
    transcriber::Utterance,
};
use glance::Glance;
pub use message::{IngestEvent, IngestMsg};
use over_reply::OverReply;
pub use over_reply::{Audible, DUCK_GAIN};

/// New speech after which another partial transcript is worth its cost.
const PARTIAL_EVERY: u64 = HEARING_RATE as u64 * 6 / 10;

/// The same while a reply waits for words to decide. The first is due this long after speech is certain: a quarter of
/// a second after its onset.
const PARTIAL_OVER_REPLY: u64 = HEARING_RATE as u64 * 35 / 100;
const FIRST_OVER_REPLY: u64 = HEARING_RATE as u64 * 16 / 100;

/// History kept while nobody speaks: the prefix padding and some reserve.
const IDLE_HISTORY: u64 = HEARING_RATE as u64 * 2;

/// How long after its end a turn can still be asked for: the transcriber's own patience.
const RECALL: u64 = HEARING_RATE as u64 * 20;

/// The longest look back that smart-turn uses.
const JUDGE_WINDOW: u64 = HEARING_RATE as u64 * 8;

/// The actor.
#[derive(Debug)]
pub struct Ingest;

/// What it needs.
pub struct IngestArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Whose audio.
    pub session: SessionKey,
    /// Where the socket puts it.
    pub audio: AudioIn,
    /// Where the models read it.
    pub history: History,
    /// Voice activity.
    pub vad: Arc<dyn VadEngine>,
    /// Whether it sounds complete.
    pub turn: Arc<dyn TurnEngine>,
    /// What the person hears of the persona.
    pub played: PlayedAudio,
    /// Where the speech that goes on began, when a predecessor has told of one.
    pub goes_on: Option<u64>,
    /// The configuration in force.
    pub config: SessionConfig,
}

impl std::fmt::Debug for IngestArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestArgs").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Its memory.
pub struct State {
    _alive: Alive,
    myself: ActorRef<IngestMsg>,
    args: IngestArgs,
    front_end: FrontEnd,
    vad: Option<Box<dyn VadStream>>,
    glances: Vec<Glance>,
    endpointer: Endpointer,
    /// Position of the endpointer's zero in the history: a restarted Ingest goes on where the old one stopped.
    base: u64,
    /// What lies between `base` and the end of the history is still to be heard.
    to_hear_again: bool,
    waiting: Vec<f32>,
    speech: Option<Speech>,
    judging: Duration,
    vad_failed: bool,
    over: OverReply,
    /// Speech over a reply that has ended before it was known what it does to the reply.
    undecided: Option<Ended>,
    /// A look at a starving microphone is on its way.
    watching: bool,
    /// The turn that may still be being transcribed.
    last_turn: Option<Utterance>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestState").field("base", &self.base).finish_non_exhaustive()
    }
}

struct Speech {
    start: u64,
    partial_at: u64,
    paused: bool,
    over_reply: bool,
}

/// What the end of a turn is told with.
struct Ended {
    start: u64,
    end: u64,
    speech_end: Instant,
    judging: Duration,
    detected: bool,
}

/// The endpointer's settings: what the client chose over what the operator tuned.
fn endpoint_config(config: &SessionConfig) -> EndpointConfig {
    let tuned = config.tuning;
    match config.turn_detection {
        TurnDetection::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
            let mode = EndpointMode::Server { silence_ms: silence_duration_ms };
            EndpointConfig { mode, threshold, prefix_padding_ms, idle_timeout_ms, ..tuned }
        }
        TurnDetection::SemanticVad { eagerness } => {
            let max_wait_ms = match (eagerness, tuned.mode) {
                (Eagerness::Low, _) => 8_000,
                (Eagerness::High, _) => 2_000,
                (Eagerness::Auto, EndpointMode::Semantic { max_wait_ms }) => max_wait_ms,
                (Eagerness::Medium | Eagerness::Auto, _) => 4_000,
            };
            let tuned = EndpointConfig { mode: EndpointMode::Semantic { max_wait_ms }, ..tuned };
            match eagerness {
                // Does not wait for the words where the sound is sure.
                Eagerness::High => {
                    let complete_at = tuned.complete_at.max(0.6);
                    EndpointConfig { words_within_ms: 0, least_wait_ms: 0, complete_at, ..tuned }
                }
                // Lets people think.
                Eagerness::Low => EndpointConfig { least_wait_ms: 700, ..tuned },
                Eagerness::Medium | Eagerness::Auto => tuned,
            }
        }
        TurnDetection::Manual => EndpointConfig { mode: EndpointMode::Manual, ..tuned },
    }
}

fn front_end(config: &SessionConfig) -> Result<FrontEnd, ActorProcessingErr> {
    FrontEnd::new(config.input_rate, config.noise_reduction)
        .map_err(|rate| format!("input rate {} was let through", rate.0).into())
}

impl Actor for Ingest {
    type Msg = IngestMsg;
    type State = State;
    type Arguments = IngestArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<IngestMsg>,
        args: IngestArgs,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            _alive: Alive::new("ingest"),
            myself,
            front_end: front_end(&args.config)?,
            endpointer: Endpointer::new(endpoint_config(&args.config)),
            base: State::beginning(args.goes_on, args.history.end()),
            to_hear_again: args.goes_on.is_some(),
            waiting: Vec::new(),
            vad: None,
            glances: Vec::new(),
            speech: None,
            judging: Duration::ZERO,
            vad_failed: false,
            over: OverReply::new(&args.config, args.played.clone()),
            undecided: None,
            watching: false,
            last_turn: None,
            args,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<IngestMsg>,
        message: IngestMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IngestMsg::FramesReady => state.listen().await?,
            IngestMsg::Configure(config) => state.configure(*config)?,
            IngestMsg::Commit => {
                // What arrived before the commit belongs to it.
                state.listen().await?;
                state.take_floor()?;
                let events = state.endpointer.commit();
                if events.is_empty() {
                    state.tell(IngestEvent::NothingToCommit)?;
                }
                state.follow(events, Instant::now(), false)?;
            }
            IngestMsg::Clear => {
                state.args.audio.drain();
                state.waiting.clear();
                state.glances.clear();
                state.endpointer.clear();
                state.speech = None;
                state.undecided = None;
                let events = state.over.forget();
                state.decided(events)?;
            }
            IngestMsg::Words(text, extent) => state.words(&text, extent)?,
            IngestMsg::Audible(audible) => {
                let events = state.over.audible(audible);
                state.decided(events)?;
            }
            IngestMsg::Starving => state.starving()?,
            IngestMsg::ReplyEnded => state.endpointer.restart_idle(),
            IngestMsg::Pulse(pulse) => pulse.beat().await,
            IngestMsg::Judged { ask, verdict } => state.judged(ask, verdict)?,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<IngestMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn tell(&self, event: IngestEvent) -> Result<(), ActorProcessingErr> {
        Ok(self.args.parent.cast(SessionMsg::Ingest(event))?)
    }

    fn configure(&mut self, config: SessionConfig) -> Result<(), ActorProcessingErr> {
        let old = &self.args.config;
        if (old.input_rate, old.noise_reduction) != (config.input_rate, config.noise_reduction) {
            self.front_end = front_end(&config)?;
            self.args.audio.set_rate(config.input_rate);
        }
        if old.turn_detection != config.turn_detection {
            self.endpointer.reconfigure(endpoint_config(&config));
            self.speech = None;
            self.undecided = None;
        }
        let events = self.over.configure(&config);
        self.decided(events)?;
        self.args.config = config;
        // Whoever was poked while the rate changed must not be forgotten.
        Ok(self.myself.cast(IngestMsg::FramesReady)?)
    }

    /// Takes what arrived through the front end, the voice activity and the endpointer.
    async fn listen(&mut self) -> Result<(), ActorProcessingErr> {
        if std::mem::take(&mut self.to_hear_again) {
            self.hear_again().await?;
        }
        let arrived = self.args.audio.drain();
        if arrived.dropped > 0 {
            metrics::counter!("ingest_dropped_samples_total").increment(arrived.dropped);
            self.tell(IngestEvent::Lost { ms: arrived.dropped * 1000 / u64::from(arrived.rate) })?;
        }
        let samples = self.front_end.process(&arrived.samples);
        self.waiting.extend_from_slice(&samples);
        let whole = self.waiting.len() / VAD_FRAME * VAD_FRAME;
        let frames = self.waiting.drain(..whole).collect::<Vec<_>>();
        // Samples after the frame at hand, newest of all being those that wait for a whole frame.
        let mut after = frames.len() + self.waiting.len();
        // A second at a time, so that a recording that was sent at once does not hold the voice activity of others.
        for batch in frames.chunks(VAD_FRAME * 31) {
            let probabilities = self.probabilities(batch.to_vec()).await;
            for (frame, probability) in batch.chunks_exact(VAD_FRAME).zip(probabilities) {
                after -= frame.len();
                let ago = pcm::ms(after as u64, HEARING_RATE);
                let at = arrived.at.checked_sub(Duration::from_millis(ago)).unwrap_or(arrived.at);
                self.args.history.push(frame);
                let heard = self.over.frame(frame, probability, at);
                self.decided(heard.events)?;
                let events = self.endpointer.handle_frame(heard.probability);
                if heard.own_voice {
                    self.endpointer.handle_own_voice();
                }
                self.follow(events, arrived.at, true)?;
                self.outlasted()?;
                self.partial_due()?;
            }
        }
        self.glance(samples).await?;
        if !frames.is_empty() {
            metrics::histogram!("ingest_lag_seconds").record(arrived.at.elapsed());
        }
        self.forget();
        Ok(())
    }

    /// A session in which nobody speaks holds two seconds of audio, not half a minute.
    fn forget(&self) {
        if self.speech.is_some() || matches!(self.args.config.turn_detection, TurnDetection::Manual) {
            return;
        }
        let now = self.args.history.end();
        let idle = now.saturating_sub(IDLE_HISTORY);
        let keep = match self.last_turn {
            Some(Utterance { start, end }) if now < end + RECALL => idle.min(start),
            _ => idle,
        };
        self.args.history.forget_before(keep);
    }

    /// Probabilities of speech; without voice activity every frame counts as silence and the person is told once.
    async fn probabilities(&mut self, frames: Vec<f32>) -> Vec<f32> {
        let count = frames.len() / VAD_FRAME;
        match self.try_probabilities(frames).await {
            Ok(probabilities) => {
                self.vad_failed = false;
                probabilities
            }
            Err(error) => {
                self.vad = None;
                if !std::mem::replace(&mut self.vad_failed, true) {
                    warn!(session = self.args.session, %error, "voice activity failed");
                    let _ = self.tell(IngestEvent::Failed(error));
                }
                vec![0.0; count]
            }
        }
    }

    async fn try_probabilities(&mut self, frames: Vec<f32>) -> Result<Vec<f32>, EngineError> {
        let vad = match &mut self.vad {
            Some(vad) => vad,
            None => self.vad.insert(self.args.vad.open(self.args.session)?),
        };
        vad.probabilities(frames).await
    }

    fn follow(
        &mut self,
        events: Vec<EndpointEvent>,
        arrived: Instant,
        detected: bool,
    ) -> Result<(), ActorProcessingErr> {
        for event in events {
            match event {
                EndpointEvent::SpeechStarted { start } => self.speech_started(self.base + start)?,
                EndpointEvent::Pause { start, end } => {
                    if let Some(speech) = &mut self.speech {
                        speech.paused = true;
                    }
                    self.tell(IngestEvent::Pause { start: self.base + start, end: self.base + end })?;
                }
                EndpointEvent::JudgeTurn { ask, start, end } => {
                    self.judge(ask, self.base + start, self.base + end)?;
                }
                EndpointEvent::SpeechStopped { .. } => {}
                EndpointEvent::TurnEnded { start, end, .. } => {
                    let (start, end) = (self.base + start, self.base + end);
                    self.last_turn = Some(Utterance { start, end });
                    let ago = pcm::ms(self.args.history.end().saturating_sub(end), HEARING_RATE);
                    let speech_end = arrived.checked_sub(Duration::from_millis(ago)).unwrap_or(arrived);
                    let judging = std::mem::take(&mut self.judging);
                    self.ended(Ended { start, end, speech_end, judging, detected })?;
                }
                EndpointEvent::IdleTimeout { since } => {
                    let (start, end) = (self.base + since, self.args.history.end());
                    self.tell(IngestEvent::IdleTimeout { start, end })?;
                }
            }
        }
        self.resumed()
    }

    /// Asks smart-turn about a pause, outside the mailbox.
    fn judge(&mut self, ask: u64, start: u64, end: u64) -> Result<(), ActorProcessingErr> {
        let audio = self.args.history.range(start.max(end.saturating_sub(JUDGE_WINDOW)), end);
        let verdict = self.args.turn.completeness(self.args.session, audio);
        let myself = self.myself.clone();
        tokio::spawn(async move {
            let verdict = verdict.await;
            // The actor may be gone by now; then nobody needs the answer.
            let _ = myself.cast(IngestMsg::Judged { ask, verdict });
        });
        Ok(())
    }

    fn judged(
        &mut self,
        ask: u64,
        verdict: Result<(f32, Duration), EngineError>,
    ) -> Result<(), ActorProcessingErr> {
        // Without an answer the endpointer falls back to silence alone.
        let Ok((probability, took)) = verdict else { return Ok(()) };
        self.judging = took;
        let events = self.endpointer.handle_completeness(ask, probability);
        self.follow(events, Instant::now(), true)
    }

    fn resumed(&mut self) -> Result<(), ActorProcessingErr> {
        let speaking = self.endpointer.in_speech() && !self.endpointer.in_pause();
        if let Some(speech) = &mut self.speech
            && speech.paused
            && speaking
        {
            speech.paused = false;
            self.tell(IngestEvent::Resumed)?;
        }
        Ok(())
    }

    fn partial_due(&mut self) -> Result<(), ActorProcessingErr> {
        let end = self.args.history.end();
        if let Some(speech) = &mut self.speech
            && !speech.paused
            // In a dip that may become a pause, a partial would be in the way of what is asked there.
            && self.endpointer.is_voiced()
            && end >= speech.partial_at
        {
            speech.partial_at = end + if speech.over_reply { PARTIAL_OVER_REPLY } else { PARTIAL_EVERY };
            let start = speech.start;
            self.tell(IngestEvent::PartialDue { start, end })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
