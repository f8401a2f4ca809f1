//! Speaker: says the persona's clauses.
//! Parent: Session. Children: none. On failure: restarts alone; the Session repeats the clauses not yet spoken.
//! In: SpeakerMsg.  Out: frames -> Outbox (with their turn), SpeakerEvent -> Session.
//! Owns: one task per reply, aborted by Drop.  Never: speaks for a superseded turn, runs further ahead than [`AHEAD`].

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    lang::Language,
    pcm::from_float,
    turn::TurnId,
    viseme::{Viseme, VisemeCue},
};
use duologue_engines::port::{EngineError, SPEECH_RATE, SessionKey, SpeechChunk, TtsEngine, TtsRequest};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    event::SessionEvent,
    outbox::{OutFrame, Outbox, Stale},
    played::PlayedAudio,
    pulse::Pulse,
    session::SessionMsg,
    task::{Alive, OwnedTask},
};

/// How far ahead of real time audio is sent: enough for a rough network, little enough that the server knows
/// what was heard to within this.
pub const AHEAD: Duration = Duration::from_millis(1_500);

/// Samples of one outgoing frame: 40 ms.
const FRAME: usize = SPEECH_RATE as usize / 25;

/// Clauses of one reply that may wait. The longest reply allowed (4096 tokens) has fewer.
const MAX_CLAUSES: usize = 512;

/// Chunks that may be synthesised before they are played: about two seconds, the next clause's beginning.
const CHUNKS_AHEAD: usize = 10;

/// No sound within this and the clause stays text.
const FIRST_AUDIO_DEADLINE: Duration = Duration::from_secs(15);

/// The actor.
#[derive(Debug)]
pub struct Speaker;

/// What it needs.
pub struct SpeakerArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Whose voice.
    pub session: SessionKey,
    /// Where the sound goes.
    pub outbox: Outbox,
    /// What the person hears, for the gate against the persona's own voice.
    pub played: PlayedAudio,
    /// The model.
    pub tts: Arc<dyn TtsEngine>,
}

impl std::fmt::Debug for SpeakerArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpeakerArgs").field("session", &self.session).finish_non_exhaustive()
    }
}

/// The reply that is to be spoken.
#[derive(Clone, Debug)]
pub struct Speech {
    /// Its turn.
    pub turn: TurnId,
    /// Its reply.
    pub response: Arc<str>,
    /// Its item.
    pub item: Arc<str>,
    /// Voice id.
    pub voice: String,
    /// 0.25 to 1.5.
    pub speed: f32,
    /// Samples already sent for this item by an earlier Speaker.
    pub offset: u64,
    /// Synthesise, but send nothing before [`SpeakerMsg::Release`]: the reply may yet be thrown away.
    pub held: bool,
}

/// One clause.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Position in the reply.
    pub index: usize,
    /// The words.
    pub text: String,
    /// What language they are in.
    pub language: Language,
}

/// What it understands.
#[derive(Debug)]
pub enum SpeakerMsg {
    /// A reply begins; whatever was being said stops.
    Begin(Speech),
    /// One more clause of it.
    Say(TurnId, Clause),
    /// That was all.
    Finish(TurnId),
    /// What was held may be heard.
    Release(TurnId),
    /// The client has paused the play and goes on, from this sample of the item at this time.
    Place(TurnId, u64, Instant),
    /// Stop at once.
    Cancel,
    /// Show that it lives.
    Pulse(Pulse),
}

/// What it says.
#[derive(Debug)]
pub enum SpeakerEvent {
    /// The first sound is on its way.
    FirstAudio {
        /// Turn.
        turn: TurnId,
        /// When.
        at: Instant,
        /// What the model took for it.
        compute: Duration,
    },
    /// More of a clause is on its way.
    ClauseSound {
        /// Turn.
        turn: TurnId,
        /// Which.
        index: usize,
        /// How much more.
        samples: u64,
    },
    /// A clause is wholly on its way.
    ClauseSpoken {
        /// Turn.
        turn: TurnId,
        /// Which.
        index: usize,
    },
    /// A clause could not be spoken; it stays text.
    ClauseFailed {
        /// Turn.
        turn: TurnId,
        /// Which.
        index: usize,
        /// Why.
        error: EngineError,
    },
    /// Everything is on its way.
    Ended {
        /// Turn.
        turn: TurnId,
    },
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    myself: ActorCell,
    args: SpeakerArgs,
    job: Option<Job>,
}

#[derive(Debug)]
struct Job {
    turn: TurnId,
    /// `None` once the last clause is in: the task ends when the channel does.
    clauses: Option<mpsc::Sender<Clause>>,
    /// Turns true when the sound may leave.
    released: watch::Sender<bool>,
    /// Where the play was, and when.
    place: watch::Sender<Option<(u64, Instant)>>,
    _tasks: [OwnedTask; 2],
}

impl Actor for Speaker {
    type Msg = SpeakerMsg;
    type State = State;
    type Arguments = SpeakerArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SpeakerMsg>,
        args: SpeakerArgs,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { _alive: Alive::new("speaker"), myself: myself.get_cell(), args, job: None })
    }

    async fn handle(
        &self,
        _: ActorRef<SpeakerMsg>,
        message: SpeakerMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SpeakerMsg::Begin(speech) => state.begin(speech),
            SpeakerMsg::Say(turn, clause) => state.say(turn, clause),
            SpeakerMsg::Finish(turn) => {
                if let Some(job) = state.job.as_mut().filter(|job| job.turn == turn) {
                    job.clauses = None;
                }
            }
            SpeakerMsg::Release(turn) => {
                if let Some(job) = state.job.as_ref().filter(|job| job.turn == turn) {
                    job.released.send_replace(true);
                }
            }
            SpeakerMsg::Place(turn, samples, at) => {
                if let Some(job) = state.job.as_ref().filter(|job| job.turn == turn) {
                    job.place.send_replace(Some((samples, at)));
                }
            }
            SpeakerMsg::Cancel => state.job = None,
            SpeakerMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SpeakerMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn begin(&mut self, speech: Speech) {
        let (clauses, waiting) = mpsc::channel(MAX_CLAUSES);
        let (pieces, ready) = mpsc::channel(CHUNKS_AHEAD);
        let (released, release) = watch::channel(!speech.held);
        let (place, places) = watch::channel(None);
        let turn = speech.turn;
        let synthesis = Synthesis {
            tts: self.args.tts.clone(),
            session: self.args.session,
            voice: speech.voice.clone(),
            speed: speech.speed,
        };
        let player = Player {
            parent: self.args.parent.clone(),
            outbox: self.args.outbox.clone(),
            played: self.args.played.clone(),
            release,
            places,
            clause_samples: 0,
            sent: 0,
            started: None,
            compute: None,
            speech,
        };
        let tasks = [
            OwnedTask::spawn(self.myself.clone(), synthesis.run(waiting, pieces)),
            OwnedTask::spawn(self.myself.clone(), player.run(ready)),
        ];
        self.job = Some(Job { turn, clauses: Some(clauses), released, place, _tasks: tasks });
    }

    fn say(&mut self, turn: TurnId, clause: Clause) {
        let Some(job) = self.job.as_mut().filter(|job| job.turn == turn) else { return };
        if let Some(clauses) = &job.clauses
            && clauses.try_send(clause).is_err()
        {
            metrics::counter!("speaker_clauses_dropped_total").increment(1);
        }
    }
}

/// What the synthesis hands to the player.
enum Piece {
    Sound {
        index: usize,
        chunk: SpeechChunk,
    },
    ClauseEnd {
        index: usize,
        pause: Duration,
    },
    Failed {
        index: usize,
        error: EngineError,
    },
    /// Nothing more comes. Said by a synthesis that came to its end, unlike one that broke.
    End,
}

/// Clauses in, sound out, as fast as the model and the player allow.
struct Synthesis {
    tts: Arc<dyn TtsEngine>,
    session: SessionKey,
    voice: String,
    speed: f32,
}

impl Synthesis {
    async fn run(self, mut clauses: mpsc::Receiver<Clause>, pieces: mpsc::Sender<Piece>) {
        while let Some(clause) = clauses.recv().await {
            let pause = pause_after(&clause.text);
            let index = clause.index;
            let piece = match self.clause(clause, &pieces).await {
                Ok(()) => Piece::ClauseEnd { index, pause },
                Err(error) => Piece::Failed { index, error },
            };
            if pieces.send(piece).await.is_err() {
                return;
            }
        }
        // A player that has gone needs no end.
        let _ = pieces.send(Piece::End).await;
    }

    async fn clause(&self, clause: Clause, pieces: &mpsc::Sender<Piece>) -> Result<(), EngineError> {
        let index = clause.index;
        let mut stream = self.tts.synthesize(TtsRequest {
            session: self.session,
            text: clause.text,
            language: clause.language,
            voice: self.voice.clone(),
            speed: self.speed,
            first_audio_deadline: FIRST_AUDIO_DEADLINE,
        })?;
        while let Some(chunk) = stream.next().await {
            if pieces.send(Piece::Sound { index, chunk: chunk? }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Voices trim their silence, so the breath between clauses is ours: longer after a sentence.
fn pause_after(text: &str) -> Duration {
    match text.trim_end().chars().last() {
        Some('.' | '!' | '?' | '…' | '。' | '！' | '？' | '\n') => Duration::from_millis(180),
        Some(',' | ';' | ':' | '，' | '、') => Duration::from_millis(80),
        _ => Duration::from_millis(40),
    }
}

/// Sound in, frames out, not further ahead of real time than [`AHEAD`].
struct Player {
    parent: ActorRef<SessionMsg>,
    outbox: Outbox,
    played: PlayedAudio,
    release: watch::Receiver<bool>,
    places: watch::Receiver<Option<(u64, Instant)>>,
    speech: Speech,
    clause_samples: u64,
    sent: u64,
    started: Option<Instant>,
    /// What the model took for the first chunk.
    compute: Option<Duration>,
}

impl Player {
    async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) {
        // Meanwhile the synthesis fills the channel, and waits when it is full.
        if self.release.wait_for(|released| *released).await.is_err() {
            return;
        }
        while let Some(piece) = pieces.recv().await {
            let turn = self.speech.turn;
            let outcome = match piece {
                Piece::Sound { index, chunk } => self.sound(index, chunk).await,
                Piece::ClauseEnd { index, pause } => self.clause_end(index, pause).await,
                Piece::Failed { index, error } => {
                    self.tell(SpeakerEvent::ClauseFailed { turn, index, error });
                    Ok(())
                }
                Piece::End => return self.tell(SpeakerEvent::Ended { turn }),
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    fn tell(&self, event: SpeakerEvent) {
        // Without a parent there is nobody to speak for, and this task is about to be aborted.
        let _ = self.parent.cast(SessionMsg::Speaker(event));
    }

    async fn sound(&mut self, index: usize, chunk: SpeechChunk) -> Result<(), Stale> {
        self.visemes(&chunk.visemes);
        self.compute.get_or_insert(chunk.compute);
        self.frames(index, chunk.audio.into_iter().map(from_float).collect()).await
    }

    /// Cues come on the clause's clock and leave on the item's.
    fn visemes(&self, cues: &[VisemeCue]) {
        if cues.is_empty() {
            return;
        }
        let position = self.speech.offset + self.sent - self.clause_samples;
        let start_ms = (position * 1000 / u64::from(SPEECH_RATE)) as u32;
        self.outbox.event(SessionEvent::Visemes {
            response: self.speech.response.to_string(),
            item: self.speech.item.to_string(),
            turn: self.speech.turn,
            cues: cues
                .iter()
                .map(|cue| VisemeCue { at_ms: start_ms + cue.at_ms, viseme: cue.viseme })
                .collect(),
        });
    }

    async fn clause_end(&mut self, index: usize, pause: Duration) -> Result<(), Stale> {
        if self.clause_samples > 0 {
            self.visemes(&[VisemeCue {
                at_ms: (self.clause_samples * 1000 / u64::from(SPEECH_RATE)) as u32,
                viseme: Viseme::Rest,
            }]);
            let silence = pause.as_millis() as usize * SPEECH_RATE as usize / 1000;
            self.frames(index, vec![0; silence]).await?;
        }
        self.clause_samples = 0;
        self.tell(SpeakerEvent::ClauseSpoken { turn: self.speech.turn, index });
        Ok(())
    }

    async fn frames(&mut self, index: usize, samples: Vec<i16>) -> Result<(), Stale> {
        for frame in samples.chunks(FRAME) {
            self.pace().await;
            self.played.push(self.speech.turn, self.speech.offset + self.sent, frame);
            let asked = Instant::now();
            self.outbox
                .audio(OutFrame {
                    turn: self.speech.turn,
                    response: self.speech.response.clone(),
                    item: self.speech.item.clone(),
                    offset: self.speech.offset + self.sent,
                    samples: frame.to_vec(),
                })
                .await?;
            // While nobody takes the sound nothing is played: the rest comes at its pace, not at once.
            self.started = self.started.map(|started| started + asked.elapsed());
            if self.started.is_none() {
                let at = *self.started.insert(Instant::now());
                let compute = self.compute.unwrap_or_default();
                self.tell(SpeakerEvent::FirstAudio { turn: self.speech.turn, at, compute });
            }
            self.sent += frame.len() as u64;
            self.clause_samples += frame.len() as u64;
            self.tell(SpeakerEvent::ClauseSound {
                turn: self.speech.turn,
                index,
                samples: frame.len() as u64,
            });
        }
        Ok(())
    }

    async fn pace(&mut self) {
        let sound = |samples| Duration::from_millis(samples * 1000 / u64::from(SPEECH_RATE));
        if let Some(started) = &mut self.started {
            if self.places.has_changed().unwrap_or_default()
                && let Some((samples, at)) = *self.places.borrow_and_update()
            {
                // Whatever was thought of the pause until now.
                *started = at.checked_sub(sound(samples.saturating_sub(self.speech.offset))).unwrap_or(at);
            }
            let sounds = sound(self.sent);
            // All of it was played, and then there was silence: what comes now is not late.
            let silent = Instant::now().saturating_duration_since(*started + sounds);
            *started += silent;
            let played_at = *started + sounds;
            if let Some(due) = played_at.checked_sub(AHEAD) {
                tokio::time::sleep_until(due).await;
            }
        }
    }
}
