//! The children of a session: how each is spawned, and what its death means.

use std::collections::HashMap;

use ractor::{Actor, ActorCell, ActorRef, Message};
use tokio::time::Instant;
use tracing::{error, warn};

use super::{SessionMsg, State};
use crate::{
    coach::{Coach, CoachArgs, CoachMsg},
    face::{Face, FaceMsg},
    improviser::{Improviser, ImproviserArgs, ImproviserMsg},
    ingest::{Ingest, IngestArgs, IngestMsg},
    persona::{Persona, PersonaArgs, PersonaMsg},
    policy::{GIVEN_UP_FOR, RestartBudget, Role, Verdict, policy},
    pulse::Pulse,
    scribe::{Scribe, ScribeArgs, ScribeMsg},
    speaker::{Speaker, SpeakerArgs, SpeakerMsg},
    transcriber::{Transcriber, TranscriberArgs, TranscriberMsg},
};

/// Who is alive. An absent child is being restarted or was given up.
#[derive(Default)]
pub(super) struct Children {
    pub(super) ingest: Option<ActorRef<IngestMsg>>,
    pub(super) transcriber: Option<ActorRef<TranscriberMsg>>,
    pub(super) persona: Option<ActorRef<PersonaMsg>>,
    pub(super) speaker: Option<ActorRef<SpeakerMsg>>,
    pub(super) scribe: Option<ActorRef<ScribeMsg>>,
    pub(super) face: Option<ActorRef<FaceMsg>>,
    pub(super) coach: Option<ActorRef<CoachMsg>>,
    pub(super) improviser: Option<ActorRef<ImproviserMsg>>,
    budgets: HashMap<Role, RestartBudget>,
    given_up: HashMap<Role, String>,
    /// Those that were not there from the beginning and have been needed since.
    begun: Vec<Role>,
}

impl Children {
    pub(super) fn cells(&self) -> Vec<(Role, ActorCell)> {
        let cells = [
            (Role::Ingest, self.ingest.as_ref().map(ActorRef::get_cell)),
            (Role::Transcriber, self.transcriber.as_ref().map(ActorRef::get_cell)),
            (Role::Persona, self.persona.as_ref().map(ActorRef::get_cell)),
            (Role::Speaker, self.speaker.as_ref().map(ActorRef::get_cell)),
            (Role::Scribe, self.scribe.as_ref().map(ActorRef::get_cell)),
            (Role::Face, self.face.as_ref().map(ActorRef::get_cell)),
            (Role::Coach, self.coach.as_ref().map(ActorRef::get_cell)),
            (Role::Improviser, self.improviser.as_ref().map(ActorRef::get_cell)),
        ];
        cells.into_iter().filter_map(|(role, cell)| Some((role, cell?))).collect()
    }

    fn forget(&mut self, role: Role) {
        match role {
            Role::Ingest => self.ingest = None,
            Role::Transcriber => self.transcriber = None,
            Role::Persona => self.persona = None,
            Role::Speaker => self.speaker = None,
            Role::Scribe => self.scribe = None,
            Role::Face => self.face = None,
            Role::Coach => self.coach = None,
            Role::Improviser => self.improviser = None,
        }
    }

    /// Asks a child for a sign of life. A dead one refuses it; its successor is asked again.
    pub(super) fn feel(&self, role: Role, pulse: Pulse) {
        match role {
            Role::Ingest => feel(self.ingest.as_ref(), IngestMsg::Pulse(pulse)),
            Role::Transcriber => feel(self.transcriber.as_ref(), TranscriberMsg::Pulse(pulse)),
            Role::Persona => feel(self.persona.as_ref(), PersonaMsg::Pulse(pulse)),
            Role::Speaker => feel(self.speaker.as_ref(), SpeakerMsg::Pulse(pulse)),
            Role::Scribe => feel(self.scribe.as_ref(), ScribeMsg::Pulse(pulse)),
            Role::Face => feel(self.face.as_ref(), FaceMsg::Pulse(pulse)),
            Role::Coach => feel(self.coach.as_ref(), CoachMsg::Pulse(pulse)),
            Role::Improviser => feel(self.improviser.as_ref(), ImproviserMsg::Pulse(pulse)),
        }
    }

    pub(super) fn given_up(&self) -> Vec<(&'static str, String)> {
        self.given_up.iter().map(|(role, reason)| (role.name(), reason.clone())).collect()
    }
}

impl State {
    /// Spawns a child that is not there from the beginning, the first time that it is needed; true then. The order of the
    /// mailbox makes it alive before what is sent after this.
    pub(super) fn begin(&mut self, role: Role) -> bool {
        let is_first = !self.children.begun.contains(&role);
        if is_first {
            self.children.begun.push(role);
            self.myself.send_message(SessionMsg::Respawn(role)).is_ok()
        } else {
            false
        }
    }

    /// Spawns a child and repeats to it what its predecessor had not finished.
    pub(super) async fn spawn(&mut self, role: Role) {
        let recovered = self.children.given_up.remove(&role).is_some();
        if let Err(error) = self.try_spawn(role).await {
            error!(session = self.key, role = role.name(), error, "child did not start");
            self.bury(role, error);
            return;
        }
        if recovered {
            self.inform(role.name(), "part_recovered", "It works again.");
        }
        match role {
            Role::Ingest => self.repeat_to_ingest(),
            Role::Transcriber => self.repeat_to_transcriber(),
            Role::Persona => self.repeat_to_persona(),
            Role::Speaker => self.repeat_to_speaker(),
            Role::Scribe => self.repeat_to_scribe(),
            Role::Face => self.repeat_to_face(),
            Role::Coach => self.repeat_to_coach(),
            // It has everything from the duet.
            Role::Improviser => {}
        }
        self.begun_anew(role);
    }

    async fn try_spawn(&mut self, role: Role) -> Result<(), String> {
        let parent = self.myself.clone();
        let cell = parent.get_cell();
        let session = self.key;
        match role {
            Role::Ingest => {
                let args = IngestArgs {
                    parent,
                    session,
                    audio: self.audio.clone(),
                    history: self.history.clone(),
                    vad: self.engines.vad.clone(),
                    turn: self.engines.turn.clone(),
                    played: self.played.clone(),
                    goes_on: self.speech_that_goes_on(),
                    config: self.config.clone(),
                };
                self.children.ingest = Some(spawn_linked(Ingest, args, cell).await?);
            }
            Role::Transcriber => {
                let args = TranscriberArgs {
                    parent,
                    session,
                    history: self.history.clone(),
                    stt: self.engines.stt.clone(),
                    hints: self.hints(),
                };
                self.children.transcriber = Some(spawn_linked(Transcriber, args, cell).await?);
            }
            Role::Persona => {
                let args = PersonaArgs {
                    parent,
                    session,
                    persona: self.persona.clone(),
                    llm: self.engines.llm.clone(),
                    small_llm: self.engines.small_llm.clone(),
                };
                self.children.persona = Some(spawn_linked(Persona, args, cell).await?);
            }
            Role::Speaker => {
                let args = SpeakerArgs {
                    parent,
                    session,
                    outbox: self.outbox.clone(),
                    played: self.played.clone(),
                    tts: self.engines.tts.clone(),
                };
                self.children.speaker = Some(spawn_linked(Speaker, args, cell).await?);
            }
            Role::Scribe => {
                let args = ScribeArgs { parent, store: self.store.clone() };
                self.children.scribe = Some(spawn_linked(Scribe, args, cell).await?);
            }
            Role::Face => {
                let args = self.face_args(parent);
                self.children.face = Some(spawn_linked(Face, args, cell).await?);
            }
            Role::Coach => {
                let args = CoachArgs { parent, history: self.history.clone(), core: self.scores.core() };
                self.children.coach = Some(spawn_linked(Coach, args, cell).await?);
            }
            Role::Improviser => {
                let Some(duet) = self.duet.clone() else { return Ok(()) };
                let args = ImproviserArgs { duet };
                self.children.improviser = Some(spawn_linked(Improviser, args, cell).await?);
            }
        }
        Ok(())
    }

    /// A child has died, by whatever way.
    pub(super) fn child_died(&mut self, cell: &ActorCell, reason: String) {
        let role = self.children.cells().into_iter().find(|(_, child)| child.get_id() == cell.get_id());
        if let Some((role, _)) = role {
            self.bury(role, reason);
        }
    }

    pub(super) fn bury(&mut self, role: Role, reason: String) {
        self.children.forget(role);
        metrics::counter!("actor_deaths_total", "role" => role.name()).increment(1);
        if role == Role::Coach {
            self.scores.coach_died();
        }
        let row = policy(role);
        match self.children.budgets.entry(role).or_default().handle_death(Instant::now(), row) {
            Verdict::Restart(delay) => {
                warn!(session = self.key, role = role.name(), reason, "child died, restarting");
                self.failing(role);
                if role == Role::Ingest {
                    self.forget_undecided_speech();
                }
                self.myself.send_after(delay, move || SessionMsg::Respawn(role));
            }
            Verdict::GiveUp => {
                error!(session = self.key, role = role.name(), reason, "child given up for now");
                self.children.given_up.insert(role, row.words.to_owned());
                self.not_repaired(role);
                self.alarm(role.name(), "part_failed", row.words);
                self.without(role);
                self.myself.send_after(GIVEN_UP_FOR, move || SessionMsg::Respawn(role));
            }
        }
    }

    /// What is in flight must end even without the child that would have ended it.
    pub(super) fn without(&mut self, role: Role) {
        if matches!(role, Role::Persona | Role::Speaker) {
            // It would become a reply that nobody goes on with.
            self.drop_draft();
        }
        match role {
            Role::Ingest => self.end_interrupted_speech(),
            Role::Transcriber => self.fail_pending_utterances(policy(role).words),
            Role::Persona => self.fail_reply("persona_failed", policy(role).words),
            Role::Speaker => self.finish_in_writing(),
            Role::Scribe => {}
            Role::Face | Role::Coach => self.without_scores(role),
            Role::Improviser => self.without_partner(policy(role).words),
        }
    }
}

fn feel<M: Message>(child: Option<&ActorRef<M>>, pulse: M) {
    if let Some(child) = child {
        let _refused = child.cast(pulse);
    }
}

async fn spawn_linked<A: Actor>(
    actor: A,
    args: A::Arguments,
    parent: ActorCell,
) -> Result<ActorRef<A::Msg>, String> {
    match A::spawn_linked(None, actor, args, parent).await {
        Ok((child, _)) => Ok(child),
        Err(error) => Err(error.to_string()),
    }
}
