//! Session: one scene. Supervises its children, owns the conversation, the floor and the clock.
//! Parent: Sessions. Children: Ingest, Transcriber, Persona, Speaker, Scribe, Face, Coach, and with a duet the
//! Improviser (see `policy::CHILDREN`).
//! In: SessionMsg (commands of the client, events of the children); audio goes past it through [`AudioIn`].
//! Out: the [`Outbox`].  On its own failure: Sessions closes the outbox, the store keeps what was written.
//! Never: waits for a model, lets two replies run, keeps a secret.
//!
//! Children know only the Session. So one mailbox owns the turn, a child can be replaced without its siblings
//! noticing, and whatever must outlive a crash is here: the utterance in flight, the clauses not yet spoken, the
//! writes not yet acknowledged.

mod abilities;
mod children;
mod commands;
mod draft;
mod duet;
mod ending;
mod hearing;
mod offer;
mod over;
mod place;
mod playback;
mod presence;
mod recovery;
mod reply;
mod replying;
mod scores;
mod state;
mod tools;
mod writing;

use std::sync::Arc;

use duologue_domain::{persona::Persona as PersonaFile, turn::TurnId};
use duologue_engines::{port::SessionKey, registry::Engines};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

pub(crate) use self::state::State;
pub use self::tools::ToolSaid;
use crate::{
    audio_in::AudioIn,
    coach::CoachEvent,
    duet::Duet,
    event::{ClientCommand, NoticeLevel, SessionConfig, SessionEvent},
    face::FaceEvent,
    ingest::IngestEvent,
    landmarks_in::LandmarksIn,
    outbox::{Joined, Outbox},
    persona::PersonaEvent,
    places::Places,
    policy::Role,
    pulse::{Fault, Pulse},
    scribe::ScribeEvent,
    speaker::SpeakerEvent,
    store::{FactRecord, FeedbackRecord, MessageRecord, SessionRecord, Store},
    transcriber::TranscriberEvent,
};

/// The actor.
#[derive(Debug)]
pub struct Session;

/// What the server says of a scene when it begins or goes on.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// As stored.
    pub record: SessionRecord,
    /// Who answers.
    pub persona: Arc<PersonaFile>,
    /// The first configuration.
    pub config: SessionConfig,
    /// What was said before, oldest first.
    pub history: Vec<MessageRecord>,
    /// What is remembered.
    pub facts: Vec<FactRecord>,
    /// How much the persona liked the person when they last met; `None` for a first time.
    pub likability: Option<u8>,
}

/// What it needs.
pub struct SessionArgs {
    /// The scene.
    pub spec: SessionSpec,
    /// Its number in this process, for the fairness of engines.
    pub key: SessionKey,
    /// The models.
    pub engines: Arc<Engines>,
    /// Where messages are kept.
    pub store: Arc<dyn Store>,
    /// The way in for audio.
    pub audio: AudioIn,
    /// The way in for landmarks of a face.
    pub landmarks: LandmarksIn,
    /// The way out.
    pub outbox: Outbox,
    /// Who may be in conversation.
    pub places: Places,
    /// Ends a scene that nobody is attached to after this long.
    pub idle_timeout: std::time::Duration,
    /// Ends any scene after this long.
    pub max_duration: std::time::Duration,
}

impl std::fmt::Debug for SessionArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionArgs").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What it understands.
#[derive(Debug)]
pub enum SessionMsg {
    /// The client said something.
    Command(ClientCommand),
    /// The client sent audio.
    AudioArrived,
    /// A client is attached, or the last one has gone.
    Attached(bool),
    /// A client comes over a network: anew, or with the last number that it knows.
    Connect(Option<u64>, RpcReplyPort<(u64, Joined)>),
    /// The server stops: end, at the latest after this long.
    Drain(std::time::Duration),
    /// From a child.
    Ingest(IngestEvent),
    /// From a child.
    Transcriber(TranscriberEvent),
    /// From a child.
    Persona(PersonaEvent),
    /// From a child.
    Speaker(SpeakerEvent),
    /// From a child.
    Scribe(ScribeEvent),
    /// From a child.
    Face(FaceEvent),
    /// From a child.
    Coach(CoachEvent),
    /// From a function that the server runs.
    Tool(ToolSaid),
    /// A child's backoff is over.
    Respawn(Role),
    /// A child died a while ago: has what it was doing come back?
    StillRecovering(Role),
    /// What was sent of this turn should have been played by now.
    PlayedOut(TurnId),
    /// A turn that waited may be answered, or no place came in time.
    Place {
        /// Which.
        turn: TurnId,
        /// Whether it may.
        came: bool,
    },
    /// Once a second.
    Tick,
    /// The scene is over.
    End {
        /// Stable code.
        code: &'static str,
        /// Why.
        message: String,
    },
    /// What a client that attaches must know.
    GetView(RpcReplyPort<SessionView>),
    /// The duet, opened if it was not.
    OpenDuet(RpcReplyPort<Duet>),
    /// The duet, if it was opened.
    GetDuet(RpcReplyPort<Option<Duet>>),
    /// How the person comes across so far, if anything is known of that.
    GetFeedback(RpcReplyPort<Option<FeedbackRecord>>),
    /// For tests of supervision and the census.
    GetChildren(RpcReplyPort<Vec<(Role, ActorCell)>>),
    /// Likewise: lets this befall a child.
    Inject(Role, Fault),
}

/// What a client that attaches must know.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// As stored.
    pub record: SessionRecord,
    /// Who answers.
    pub persona: Arc<PersonaFile>,
    /// In force.
    pub config: SessionConfig,
    /// Parts that do not work as they should, and why.
    pub degraded: Vec<(&'static str, String)>,
}

impl Actor for Session {
    type Msg = SessionMsg;
    type State = State;
    type Arguments = SessionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMsg>,
        args: SessionArgs,
    ) -> Result<State, ActorProcessingErr> {
        State::start(myself, args).await
    }

    async fn post_start(
        &self,
        myself: ActorRef<SessionMsg>,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        myself.send_interval(std::time::Duration::from_secs(1), || SessionMsg::Tick);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMsg::Command(command) => state.command(command),
            SessionMsg::AudioArrived => state.audio_arrived(),
            SessionMsg::Attached(_) => state.presence_changed(),
            SessionMsg::Connect(resume, port) => {
                let (reader, joined) = state.connect(resume);
                if port.send((reader, joined)).is_err() {
                    state.outbox.detach(reader);
                    state.presence_changed();
                }
            }
            SessionMsg::Drain(within) => state.drain(within),
            SessionMsg::Ingest(event) => state.ingest_said(event),
            SessionMsg::Transcriber(event) => {
                state.heard_from(Role::Transcriber);
                state.transcriber_said(event);
            }
            SessionMsg::Persona(event) => {
                if !matches!(event, PersonaEvent::Failed { .. }) {
                    state.heard_from(Role::Persona);
                }
                state.persona_said(event);
            }
            SessionMsg::Speaker(event) => {
                state.heard_from(Role::Speaker);
                state.speaker_said(event);
            }
            SessionMsg::Scribe(event) => {
                state.heard_from(Role::Scribe);
                state.scribe_said(event);
            }
            SessionMsg::Face(event) => {
                state.heard_from(Role::Face);
                state.face_said(event);
            }
            SessionMsg::Coach(event) => {
                state.heard_from(Role::Coach);
                state.coach_said(event);
            }
            SessionMsg::Tool(said) => state.tool_said(said),
            SessionMsg::Respawn(role) => state.spawn(role).await,
            SessionMsg::StillRecovering(role) => state.still_recovering(role),
            SessionMsg::PlayedOut(turn) => state.played_out(turn),
            SessionMsg::Place { turn, came } => state.place_came(turn, came),
            SessionMsg::Tick => state.tick(),
            SessionMsg::End { code, message } => state.end(code, message),
            SessionMsg::GetView(port) => {
                let _ = port.send(state.view());
            }
            SessionMsg::OpenDuet(port) => {
                let _ = port.send(state.open_duet());
            }
            SessionMsg::GetDuet(port) => {
                let _ = port.send(state.duet.clone());
            }
            SessionMsg::GetFeedback(port) => {
                let _ = port.send(state.feedback_record());
            }
            SessionMsg::GetChildren(port) => {
                let _ = port.send(state.children.cells());
            }
            SessionMsg::Inject(role, fault) => state.children.feel(role, Pulse::harmful(fault)),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SessionMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, _, reason) => {
                state.child_died(&child, reason.unwrap_or_else(|| "stopped".into()));
            }
            SupervisionEvent::ActorFailed(child, error) => state.child_died(&child, error.to_string()),
            _ => {}
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<SessionMsg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.close().await;
        Ok(())
    }
}

impl State {
    /// Something for the curious.
    fn inform(&self, part: &'static str, code: &'static str, message: impl Into<String>) {
        self.say(SessionEvent::Notice {
            level: NoticeLevel::Info,
            code,
            message: message.into(),
            part: Some(part),
        });
    }

    /// Something works less well.
    fn warn(&self, part: &'static str, code: &'static str, message: impl Into<String>) {
        self.say(SessionEvent::Notice {
            level: NoticeLevel::Warning,
            code,
            message: message.into(),
            part: Some(part),
        });
    }

    /// Something does not work.
    fn alarm(&self, part: &'static str, code: &'static str, message: impl Into<String>) {
        self.say(SessionEvent::Notice {
            level: NoticeLevel::Error,
            code,
            message: message.into(),
            part: Some(part),
        });
    }
}
