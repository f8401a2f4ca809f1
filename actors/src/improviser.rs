//! Improviser: plays with the players of a duet.
//! Parent: Session, which spawns it when a duet is opened. Children: none. On failure: restarts alone, from the journal
//! of the [`Duet`], with its plan, its beats and its promises as they were.
//! In: the ring of the duet + ImproviserMsg.  Out: the players' queues, through the duet.
//! Owns: its engine, and the task that waits for notes and ticks while it plays.  Never: plays a promise twice.

use std::{sync::Arc, time::Duration};

use duologue_music::improv::Improviser as Engine;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Notify;

use crate::{
    duet::Duet,
    pulse::Pulse,
    task::{Alive, OwnedTask},
};

/// Between two looks while it plays: the engine wants one at least every 50 ms.
const TICK: Duration = Duration::from_millis(20);

/// The actor.
#[derive(Debug)]
pub struct Improviser;

/// What it needs.
#[derive(Debug)]
pub struct ImproviserArgs {
    /// With whom it plays.
    pub duet: Duet,
}

/// What it understands.
#[derive(Debug)]
pub enum ImproviserMsg {
    /// Notes have come, or it is time for another look.
    Look,
    /// Show that it lives.
    Pulse(Pulse),
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    _waiting: OwnedTask,
    duet: Duet,
    engine: Engine,
    /// It has looked: it may be asked again.
    looked: Arc<Notify>,
}

impl Actor for Improviser {
    type Msg = ImproviserMsg;
    type State = State;
    type Arguments = ImproviserArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ImproviserMsg>,
        args: ImproviserArgs,
    ) -> Result<State, ActorProcessingErr> {
        let duet = args.duet;
        let engine = duet.restore();
        let looked = Arc::new(Notify::new());
        let (awaited, again, asked) = (duet.clone(), looked.clone(), myself.clone());
        // One message at a time, so that the mailbox holds one at most. The first comes at once: something may have
        // happened while nobody was there.
        let waiting = OwnedTask::spawn(myself.get_cell(), async move {
            while asked.cast(ImproviserMsg::Look).is_ok() {
                again.notified().await;
                if awaited.is_playing() {
                    // An early end of the wait is as good as a late one.
                    let _ = tokio::time::timeout(TICK, awaited.arrived()).await;
                } else {
                    awaited.arrived().await;
                }
            }
        });
        Ok(State { _alive: Alive::new("improviser"), _waiting: waiting, duet, engine, looked })
    }

    async fn handle(
        &self,
        _: ActorRef<ImproviserMsg>,
        message: ImproviserMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ImproviserMsg::Look => {
                state.duet.step(&mut state.engine);
                state.looked.notify_one();
            }
            ImproviserMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<ImproviserMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}
