//! Face: what the landmarks of one person's face amount to.
//! Parent: Session. Children: none. On failure: restarts alone, from the copy that the Session holds, which is a second
//! old at most. Given up, the scores of the face stay away and the scene goes on.
//! In: the ring of frames (two seconds, drops the oldest) + FaceMsg.  Out: FaceEvent -> Session, once a second.
//! Owns: the task that waits for frames.  Never: keeps a picture or a frame, reads a clock (frames have their time).

use std::sync::Arc;

use duologue_domain::{
    coach::FaceReading,
    face::{Calibration, Face as Core, FaceConfig},
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::{sync::Notify, time::Instant};

use crate::{
    landmarks_in::LandmarksIn,
    pulse::Pulse,
    session::SessionMsg,
    task::{Alive, OwnedTask},
};

/// Between two readings while frames come.
const READ_EVERY_MS: u64 = 1_000;

/// The actor.
#[derive(Debug)]
pub struct Face;

/// What it needs.
#[derive(Debug)]
pub struct FaceArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Where the frames come in.
    pub landmarks: LandmarksIn,
    /// When the session began.
    pub started: Instant,
    /// From where it goes on.
    pub core: Box<Core>,
    /// Whether faces may be looked at.
    pub enabled: bool,
}

/// What it understands.
#[derive(Debug)]
pub enum FaceMsg {
    /// Frames wait in the ring.
    FramesReady,
    /// Say what the face shows at this time of the session, although no frames have come.
    Look(u64),
    /// The person calibrates.
    Calibrate(Calibration),
    /// Faces may be looked at, or not any more; then what was known is forgotten.
    Enable(bool, Arc<FaceConfig>),
    /// Show that it lives.
    Pulse(Pulse),
}

/// What it says.
#[derive(Debug)]
pub enum FaceEvent {
    /// What the face shows.
    Reading {
        /// The scores.
        reading: Box<FaceReading>,
        /// A copy to go on from.
        core: Box<Core>,
    },
    /// A calibration ended or was forgotten; whether there is one now.
    Calibrated(bool),
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    _waiting: OwnedTask,
    args: FaceArgs,
    /// The ring was emptied: frames may be announced again.
    emptied: Arc<Notify>,
    read_ms: Option<u64>,
}

impl Actor for Face {
    type Msg = FaceMsg;
    type State = State;
    type Arguments = FaceArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<FaceMsg>,
        args: FaceArgs,
    ) -> Result<State, ActorProcessingErr> {
        let emptied = Arc::new(Notify::new());
        let (landmarks, again, announced_to) = (args.landmarks.clone(), emptied.clone(), myself.clone());
        // One announcement at a time, so that the mailbox holds one at most.
        let waiting = OwnedTask::spawn(myself.get_cell(), async move {
            loop {
                landmarks.arrived().await;
                if announced_to.cast(FaceMsg::FramesReady).is_err() {
                    return;
                }
                again.notified().await;
            }
        });
        // Whatever came while nobody read is announced by the first frame that follows.
        Ok(State { _alive: Alive::new("face"), _waiting: waiting, args, emptied, read_ms: None })
    }

    async fn handle(
        &self,
        _: ActorRef<FaceMsg>,
        message: FaceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FaceMsg::FramesReady => state.frames()?,
            FaceMsg::Look(now_ms) => state.read(now_ms)?,
            FaceMsg::Calibrate(command) => state.calibrate(command)?,
            FaceMsg::Enable(enabled, config) => {
                if state.args.enabled && !enabled {
                    *state.args.core = Core::new(FaceConfig::clone(&config));
                }
                state.args.enabled = enabled;
            }
            FaceMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<FaceMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn frames(&mut self) -> Result<(), ActorProcessingErr> {
        let frames = self.args.landmarks.drain();
        self.emptied.notify_one();
        if !self.args.enabled {
            return Ok(());
        }
        let mut newest_ms = None;
        for landmarks in frames {
            let at_ms = landmarks.at.saturating_duration_since(self.args.started).as_millis() as u64;
            self.args.core.handle_frame(at_ms, &landmarks.frame);
            newest_ms = newest_ms.max(Some(at_ms));
        }
        match newest_ms {
            Some(now_ms) if self.read_ms.is_none_or(|read| now_ms >= read + READ_EVERY_MS) => {
                self.read(now_ms)
            }
            _ => Ok(()),
        }
    }

    fn read(&mut self, now_ms: u64) -> Result<(), ActorProcessingErr> {
        if !self.args.enabled {
            return Ok(());
        }
        self.read_ms = Some(now_ms);
        let reading = Box::new(FaceReading::of(&self.args.core, now_ms));
        self.tell(FaceEvent::Reading { reading, core: self.args.core.clone() })
    }

    fn calibrate(&mut self, command: Calibration) -> Result<(), ActorProcessingErr> {
        self.args.core.calibrate(command);
        match command {
            Calibration::Begin => Ok(()),
            Calibration::End | Calibration::Clear => {
                self.tell(FaceEvent::Calibrated(self.args.core.is_calibrated()))
            }
        }
    }

    fn tell(&self, event: FaceEvent) -> Result<(), ActorProcessingErr> {
        Ok(self.args.parent.cast(SessionMsg::Face(event))?)
    }
}
