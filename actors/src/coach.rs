//! Coach: counts what was said, listens to how it sounded, and says the scores and a tip now and then.
//! Parent: Session. Children: none. On failure: restarts alone, from the copy that the Session holds; the Session
//! repeats the facts that were not counted. Given up, the scores stay away and the scene goes on.
//! In: CoachMsg (facts, a handful a turn; a look at most once a second).  Out: CoachEvent -> Session.
//! Owns: one measurement of a voice at a time, on a thread that may block.  Never: reads a clock, logs words.

use std::{collections::VecDeque, sync::Arc};

use duologue_domain::{
    coach::{Card, Coach as Core, FaceReading, PersonTurn, PersonaTurn, Said, Tip},
    voice::{self, Prosody, VoiceConfig, VoiceTurn},
    words,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    audio_in::History,
    pulse::Pulse,
    session::SessionMsg,
    task::{Alive, OwnedTask},
    transcriber::Utterance,
};

/// The actor.
#[derive(Debug)]
pub struct Coach;

/// What it needs.
#[derive(Debug)]
pub struct CoachArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Where the person's voice is.
    pub history: History,
    /// From where it goes on.
    pub core: Box<Core>,
}

/// Something that happened and counts.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The person said something.
    Person {
        /// What; its words are counted here.
        turn: Box<PersonTurn>,
        /// Where its sound is; `None` for what was written.
        sound: Option<Utterance>,
    },
    /// The persona said something.
    Persona(Box<PersonaTurn>),
}

/// What it understands.
#[derive(Debug)]
pub enum CoachMsg {
    /// Count this, under the Session's number.
    Count(u64, Fact),
    /// What the face shows now.
    Face(Box<FaceReading>),
    /// The voice of the fact that is being counted was measured.
    Measured(Option<Box<VoiceTurn>>),
    /// Say the scores.
    Look {
        /// Milliseconds since the session began.
        now_ms: u64,
        /// Whether the person speaks, so that no tip falls into their words.
        speaking: bool,
    },
    /// Show that it lives.
    Pulse(Pulse),
}

/// What it says.
#[derive(Debug)]
pub enum CoachEvent {
    /// Everything up to this number has been counted.
    Counted(u64, Box<Core>),
    /// The scores.
    Scores {
        /// As they are now.
        card: Arc<Card>,
        /// One short line, when it is time for one.
        tip: Option<Tip>,
        /// A copy to go on from.
        core: Box<Core>,
    },
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    args: CoachArgs,
    myself: ActorRef<CoachMsg>,
    /// Facts in their order; the first one may be waiting for its voice.
    queue: VecDeque<(u64, Fact)>,
    measuring: Option<OwnedTask>,
}

impl Actor for Coach {
    type Msg = CoachMsg;
    type State = State;
    type Arguments = CoachArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<CoachMsg>,
        args: CoachArgs,
    ) -> Result<State, ActorProcessingErr> {
        let _alive = Alive::new("coach");
        Ok(State { _alive, args, myself, queue: VecDeque::new(), measuring: None })
    }

    async fn handle(
        &self,
        _: ActorRef<CoachMsg>,
        message: CoachMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CoachMsg::Count(number, fact) => {
                state.queue.push_back((number, fact));
                state.count()?;
            }
            CoachMsg::Measured(voice) => {
                state.measuring = None;
                state.counted(voice)?;
                state.count()?;
            }
            CoachMsg::Face(reading) => state.args.core.handle_face(*reading),
            CoachMsg::Look { now_ms, speaking } => state.look(now_ms, speaking)?,
            CoachMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<CoachMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    /// Counts what waits, in its order, until a voice has to be measured first.
    fn count(&mut self) -> Result<(), ActorProcessingErr> {
        while self.measuring.is_none() {
            let Some((_, fact)) = self.queue.front() else { return Ok(()) };
            if let Fact::Person { turn, sound: Some(sound) } = fact {
                self.measuring = Some(self.measure(turn, *sound));
            } else {
                self.counted(None)?;
            }
        }
        Ok(())
    }

    /// Half a minute of voice takes some hundredths of a second: too long for a thread that others wait for.
    fn measure(&self, turn: &PersonTurn, sound: Utterance) -> OwnedTask {
        let (history, myself) = (self.args.history.clone(), self.myself.clone());
        let (id, span, language, text) = (turn.turn, turn.span, turn.language, turn.text.clone());
        OwnedTask::spawn(self.myself.get_cell(), async move {
            let measured = tokio::task::spawn_blocking(move || {
                let samples = history.range(sound.start, sound.end);
                if samples.is_empty() {
                    return None;
                }
                let mut prosody = Prosody::new(VoiceConfig::default());
                prosody.handle(&samples);
                let said = voice::Said { turn: id, span, words: &text, lang: language };
                Some(Box::new(voice::measure(&prosody.finish(), &said)))
            });
            // A panic in there is one here: the Session repeats the fact, in the end without its sound.
            let measured = measured.await.expect("the measurement of a voice ends");
            let _ = myself.cast(CoachMsg::Measured(measured));
        })
    }

    /// The first fact in the queue is complete.
    fn counted(&mut self, voice: Option<Box<VoiceTurn>>) -> Result<(), ActorProcessingErr> {
        let Some((number, fact)) = self.queue.pop_front() else { return Ok(()) };
        match fact {
            Fact::Person { mut turn, .. } => {
                turn.said = Said::of(&words::read(&turn.text, turn.language));
                self.args.core.handle_person(&turn);
            }
            Fact::Persona(turn) => self.args.core.handle_persona(&turn),
        }
        if let Some(voice) = voice {
            self.args.core.handle_voice(*voice);
        }
        let counted = CoachEvent::Counted(number, self.args.core.clone());
        Ok(self.args.parent.cast(SessionMsg::Coach(counted))?)
    }

    fn look(&mut self, now_ms: u64, speaking: bool) -> Result<(), ActorProcessingErr> {
        let card = Arc::new(self.args.core.look(now_ms));
        let tip = self.args.core.tip(speaking);
        let scores = CoachEvent::Scores { card, tip, core: self.args.core.clone() };
        Ok(self.args.parent.cast(SessionMsg::Coach(scores))?)
    }
}
