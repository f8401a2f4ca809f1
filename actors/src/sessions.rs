//! Sessions: the census of all scenes. Admits, finds, drains.
//! Parent: the server. Children: one Session each; a dead one is not restarted, its client is told and may open
//! the scene again from the store.
//! In: SessionsMsg.  Out: answers.  Owns: the numbers of sessions, the places in conversation.  Never: looks into a
//! scene, ends one to make room for another.

mod handle;

use std::{collections::HashMap, sync::Arc, time::Duration};

use duologue_domain::capacity::{Bounds, Drain};
use duologue_engines::{fair::session_key, registry::Engines};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, rpc::CallResult};
use tokio::time::Instant;
use tracing::warn;

pub use self::handle::{Attachment, SessionHandle};
use crate::{
    audio_in::AudioIn,
    event::SessionEvent,
    landmarks_in::LandmarksIn,
    outbox::Outbox,
    places::{Crowd, Places},
    session::{Session, SessionArgs, SessionMsg, SessionSpec},
    store::Store,
    task::OwnedTask,
};

/// How many scenes, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// More are refused.
    pub max: usize,
    /// More of one user are refused.
    pub per_user: usize,
    /// More of one client are refused; of who has none, none are.
    pub per_client: usize,
    /// How many may be in conversation is measured within these bounds; `None` is as many as may be.
    pub admission: Option<Bounds>,
    /// A scene that nobody is attached to ends after this long.
    pub idle_timeout: Duration,
    /// Any scene ends after this long.
    pub max_duration: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            max: 2_000,
            per_user: 20,
            per_client: 2_000,
            admission: None,
            idle_timeout: Duration::from_secs(60),
            max_duration: Duration::from_secs(4 * 3600),
        }
    }
}

/// No room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// When to try again.
    pub retry_after: Duration,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Open scenes.
    pub open: usize,
    /// How many may be.
    pub limit: usize,
    /// Whether no more are admitted because the server is stopping.
    pub draining: bool,
}

/// The actor.
#[derive(Debug)]
pub struct Sessions;

/// What it needs.
pub struct SessionsArgs {
    /// The models.
    pub engines: Arc<Engines>,
    /// Where messages are kept.
    pub store: Arc<dyn Store>,
    /// How many.
    pub limits: SessionLimits,
}

impl std::fmt::Debug for SessionsArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionsArgs").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What it understands.
#[derive(Debug)]
pub enum SessionsMsg {
    /// Begin a scene of a client, or go on with one that is in the store.
    Open(Box<SessionSpec>, Option<Arc<str>>, RpcReplyPort<Result<SessionHandle, Refusal>>),
    /// Whether a scene of this client would be let in.
    Admit(Option<Arc<str>>, RpcReplyPort<Result<(), Refusal>>),
    /// One that is open.
    Find(String, RpcReplyPort<Option<SessionHandle>>),
    /// End one.
    Close(String),
    /// How many.
    GetCensus(RpcReplyPort<Census>),
    /// Admit no more and end all: what is being said may be finished within this long.
    Drain(Duration, RpcReplyPort<()>),
}

/// Its memory.
#[derive(Debug)]
pub struct State {
    args: SessionsArgs,
    places: Places,
    open: HashMap<String, Open>,
    next_key: u32,
    /// How quickly scenes end.
    ends: Drain,
    begun: Instant,
    draining: Option<RpcReplyPort<()>>,
    /// Looks at the event loop; nobody needs it where nothing is measured.
    _watch: Option<OwnedTask>,
}

#[derive(Debug)]
struct Open {
    handle: SessionHandle,
    user: Option<String>,
    client: Option<Arc<str>>,
}

impl Actor for Sessions {
    type Msg = SessionsMsg;
    type State = State;
    type Arguments = (SessionsArgs, Places);

    async fn pre_start(
        &self,
        myself: ActorRef<SessionsMsg>,
        (args, places): (SessionsArgs, Places),
    ) -> Result<State, ActorProcessingErr> {
        let watch =
            args.limits.admission.map(|_| OwnedTask::spawn(myself.get_cell(), places.clone().watch()));
        Ok(State {
            args,
            places,
            open: HashMap::new(),
            next_key: 1,
            ends: Drain::default(),
            begun: Instant::now(),
            draining: None,
            _watch: watch,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionsMsg>,
        message: SessionsMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionsMsg::Open(spec, client, port) => {
                let result = state.open(&myself, *spec, client).await;
                let _ = port.send(result);
            }
            SessionsMsg::Admit(client, port) => {
                let _ = port.send(state.admit(None, client.as_deref()));
            }
            SessionsMsg::Find(id, port) => {
                let _ = port.send(state.open.get(&id).map(|open| open.handle.clone()));
            }
            SessionsMsg::Close(id) => {
                if let Some(open) = state.open.get(&id) {
                    open.handle.end("session_closed", "The scene was ended.");
                }
            }
            SessionsMsg::GetCensus(port) => {
                let census = Census {
                    open: state.open.len(),
                    limit: state.args.limits.max,
                    draining: state.draining.is_some(),
                };
                let _ = port.send(census);
            }
            SessionsMsg::Drain(within, port) => state.drain(within, port),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SessionsMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => state.forget(&cell, None),
            SupervisionEvent::ActorFailed(cell, error) => state.forget(&cell, Some(error.to_string())),
            _ => {}
        }
        Ok(())
    }
}

impl State {
    async fn open(
        &mut self,
        myself: &ActorRef<SessionsMsg>,
        spec: SessionSpec,
        client: Option<Arc<str>>,
    ) -> Result<SessionHandle, Refusal> {
        if let Some(open) = self.open.get(&spec.record.id) {
            return Ok(open.handle.clone());
        }
        self.admit(spec.record.user_id.as_deref(), client.as_deref())?;
        let (id, user) = (spec.record.id.clone(), spec.record.user_id.clone());
        let key = session_key(client.as_deref(), self.next_key);
        self.next_key = self.next_key.wrapping_add(1);
        let audio = AudioIn::new(spec.config.input_rate);
        let landmarks = LandmarksIn::default();
        let outbox = Outbox::default();
        let args = SessionArgs {
            spec,
            key,
            engines: self.args.engines.clone(),
            store: self.args.store.clone(),
            audio: audio.clone(),
            landmarks: landmarks.clone(),
            outbox: outbox.clone(),
            places: self.places.clone(),
            idle_timeout: self.args.limits.idle_timeout,
            max_duration: self.args.limits.max_duration,
        };
        let (session, _) =
            Session::spawn_linked(None, Session, args, myself.get_cell()).await.map_err(|error| {
                warn!(session = key, %error, "session did not start");
                Refusal { code: "session_failed", retry_after: Duration::from_secs(5) }
            })?;
        let handle = SessionHandle { id: id.clone(), session, audio, landmarks, outbox };
        self.open.insert(id, Open { handle: handle.clone(), user, client });
        Ok(handle)
    }

    fn admit(&self, user: Option<&str>, client: Option<&str>) -> Result<(), Refusal> {
        if self.draining.is_some() {
            return Err(STOPPING);
        }
        if self.open.len() >= self.args.limits.max {
            metrics::counter!("sessions_refused_total").increment(1);
            return Err(Refusal { code: "sessions_full", retry_after: self.next_end() });
        }
        let of_client =
            self.open.values().filter(|open| client.is_some() && open.client.as_deref() == client).count();
        if of_client >= self.args.limits.per_client {
            metrics::counter!("sessions_refused_total").increment(1);
            return Err(Refusal { code: "sessions_full_for_client", retry_after: UNKNOWN });
        }
        let of_user =
            self.open.values().filter(|open| user.is_some() && open.user.as_deref() == user).count();
        if of_user >= self.args.limits.per_user {
            return Err(Refusal { code: "sessions_full_for_user", retry_after: UNKNOWN });
        }
        Ok(())
    }

    /// When the next scene ends, at the pace of those before.
    fn next_end(&self) -> Duration {
        let pace = self.ends.wait_ms(self.now_ms(), 1);
        pace.map_or(UNKNOWN, |ms| Duration::from_millis(ms).max(Duration::from_secs(1)))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn forget(&mut self, cell: &ractor::ActorCell, failure: Option<String>) {
        let id = self.open.iter().find(|(_, open)| open.handle.session.get_id() == cell.get_id());
        let Some(id) = id.map(|(id, _)| id.clone()) else { return };
        let Some(open) = self.open.remove(&id) else { return };
        self.ends.handle_departure(self.now_ms());
        if let Some(error) = failure {
            metrics::counter!("actor_deaths_total", "role" => "session").increment(1);
            warn!(error, "session failed");
            open.handle.outbox.event(SessionEvent::Ended {
                code: "session_failed",
                message: "Something broke in this scene. Open it again: what was said is kept.".into(),
            });
        }
        open.handle.outbox.close();
        if self.open.is_empty()
            && let Some(port) = self.draining.take()
        {
            let _ = port.send(());
        }
    }

    fn drain(&mut self, within: Duration, port: RpcReplyPort<()>) {
        if self.open.is_empty() {
            let _ = port.send(());
            return;
        }
        self.draining = Some(port);
        for open in self.open.values() {
            let _ = open.handle.session.cast(SessionMsg::Drain(within));
        }
    }
}

/// The server's hold on all scenes.
#[derive(Clone, Debug)]
pub struct SessionsHandle {
    actor: ActorRef<SessionsMsg>,
    places: Places,
}

/// Told where nothing says when there will be room: half a minute, in which a short talk ends.
const UNKNOWN: Duration = Duration::from_secs(30);

/// A server that stops is back soon, or another one is there.
const STOPPING: Refusal = Refusal { code: "server_stopping", retry_after: Duration::from_secs(10) };

/// Nothing in the census waits for a model; this only guards against a dead actor.
const ANSWER_WITHIN: Option<Duration> = Some(Duration::from_secs(10));

impl SessionsHandle {
    /// Starts the census.
    pub async fn start(args: SessionsArgs) -> Result<Self, ractor::SpawnErr> {
        let places = match args.limits.admission {
            Some(bounds) => Places::measured(bounds),
            None => Places::fixed(args.limits.max),
        };
        let (actor, _) = Sessions::spawn(None, Sessions, (args, places.clone())).await?;
        Ok(Self { actor, places })
    }

    /// How many are in conversation, and how many may be.
    pub fn crowd(&self) -> Crowd {
        self.places.look()
    }

    /// Whether a scene of this client would be let in.
    ///
    /// # Errors
    /// There is no room, or none for this client, or the server stops.
    pub async fn admit(&self, client: Option<Arc<str>>) -> Result<(), Refusal> {
        match self.actor.call(|port| SessionsMsg::Admit(client, port), ANSWER_WITHIN).await {
            Ok(CallResult::Success(answer)) => answer,
            _ => Err(STOPPING),
        }
    }

    /// Begins a scene of nobody in particular, or finds the one with the same id.
    pub async fn open(&self, spec: SessionSpec) -> Result<SessionHandle, Refusal> {
        self.open_for(spec, None).await
    }

    /// The same for a client, among whose scenes its share is divided.
    pub async fn open_for(
        &self,
        spec: SessionSpec,
        client: Option<Arc<str>>,
    ) -> Result<SessionHandle, Refusal> {
        match self.actor.call(|port| SessionsMsg::Open(Box::new(spec), client, port), ANSWER_WITHIN).await {
            Ok(CallResult::Success(result)) => result,
            _ => Err(STOPPING),
        }
    }

    /// A scene that is open.
    pub async fn find(&self, id: &str) -> Option<SessionHandle> {
        match self.actor.call(|port| SessionsMsg::Find(id.to_owned(), port), ANSWER_WITHIN).await {
            Ok(CallResult::Success(found)) => found,
            _ => None,
        }
    }

    /// Ends a scene.
    pub fn close(&self, id: &str) {
        let _ = self.actor.cast(SessionsMsg::Close(id.to_owned()));
    }

    /// How many there are.
    pub async fn census(&self) -> Census {
        match self.actor.call(SessionsMsg::GetCensus, ANSWER_WITHIN).await {
            Ok(CallResult::Success(census)) => census,
            _ => Census::default(),
        }
    }

    /// Tells every scene that the server stops, and waits for them, at most until the deadline.
    pub async fn drain(&self, within: Duration) {
        let started = Instant::now();
        // Half of it for what is being said, the rest for what has to be written.
        let drained = self.actor.call(|port| SessionsMsg::Drain(within / 2, port), Some(within)).await;
        if !matches!(drained, Ok(CallResult::Success(()))) {
            warn!(waited_ms = started.elapsed().as_millis() as u64, "sessions cut off at the deadline");
        }
        self.actor.stop(None);
    }
}
