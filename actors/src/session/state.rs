//! What a session knows, and its life from start to end.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use duologue_domain::{
    conversation::{Content, Conversation, Item, Speaker as From},
    intimacy::Intimacy,
    ladder::{Ladder, Step},
    memory::Memory,
    persona::Persona as PersonaFile,
    prompt::Prompt,
    turn::{Floor, FloorPolicy, TurnId},
    waterfall::{Report, Stage},
};
use duologue_engines::{
    port::{Health, SessionKey},
    registry::Engines,
};
use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::Instant;
use tracing::info;

use super::{
    SessionArgs, SessionMsg, SessionView,
    children::Children,
    draft::Ahead,
    hearing::{Hearing, SpeechTiming},
    place::Waiting,
    playback::Playback,
    presence::Presence,
    recovery::Recovery,
    reply::Reply,
    scores::Scores,
};
use crate::{
    audio_in::{AudioIn, History},
    duet::Duet,
    event::{ResponseRequest, SessionConfig, SessionEvent},
    landmarks_in::LandmarksIn,
    outbox::Outbox,
    places::Place,
    played::PlayedAudio,
    policy::{CHILDREN, Role},
    scribe::Entry,
    store::{MessageRole, SessionRecord, SessionStatus, Store},
    task::Alive,
};

/// A session's memory.
pub struct State {
    _alive: Alive,
    pub(super) myself: ActorRef<SessionMsg>,
    pub(super) key: SessionKey,
    pub(super) record: SessionRecord,
    pub(super) persona: Arc<PersonaFile>,
    pub(super) engines: Arc<Engines>,
    pub(super) store: Arc<dyn Store>,
    pub(super) audio: AudioIn,
    pub(super) history: History,
    pub(super) outbox: Outbox,
    pub(super) config: SessionConfig,
    pub(super) children: Children,
    pub(super) recovery: Recovery,
    pub(super) conversation: Conversation,
    pub(super) floor: Floor,
    pub(super) hearing: Hearing,
    pub(super) reply: Option<Reply>,
    /// What the client asked of a reply that begins when the floor is free.
    pub(super) owed: Option<ResponseRequest>,
    /// The last spoken reply, while the client may still be playing it.
    pub(super) spoken: Option<Playback>,
    /// What is done before it is certain that it is wanted.
    pub(super) ahead: Ahead,
    /// What is given up to answer in time; `None` when nothing is.
    pub(super) ladder: Option<Ladder>,
    /// What the person hears, for the gate against the persona's own voice.
    pub(super) played: PlayedAudio,
    pub(super) has_spoken: bool,
    /// When the turn that the next reply answers ended.
    pub(super) pending_timing: Option<SpeechTiming>,
    /// Places of the newest messages, so that a truncation replaces instead of appends.
    pub(super) written_seq: VecDeque<(String, u64)>,
    pub(super) intimacy: Intimacy,
    pub(super) scores: Scores,
    pub(super) landmarks: LandmarksIn,
    /// Once somebody has come to play.
    pub(super) duet: Option<Duet>,
    pub(super) memory: Memory,
    /// Writes that the Scribe has not acknowledged, by number.
    pub(super) unwritten: BTreeMap<u64, Entry>,
    pub(super) next_write: u64,
    pub(super) next_seq: u64,
    /// When it was opened: ids of items and replies are of this opening, since earlier ones have given ids as well, to more
    /// than they have stored.
    opening: String,
    next_item: u64,
    pub(super) started: Instant,
    pub(super) presence: Presence,
    /// Its place in conversation.
    pub(super) place: Place,
    pub(super) waiting: Waiting,
    idle_timeout: Duration,
    max_duration: Duration,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionState").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Now, in milliseconds since the Unix epoch, for records only.
pub(super) fn epoch_ms() -> u64 {
    since_epoch().as_millis() as u64
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl State {
    pub(super) async fn start(
        myself: ActorRef<SessionMsg>,
        args: SessionArgs,
    ) -> Result<Self, ActorProcessingErr> {
        let SessionArgs {
            spec,
            key,
            engines,
            store,
            audio,
            landmarks,
            outbox,
            places,
            idle_timeout,
            max_duration,
        } = args;
        let language = spec.record.language.as_deref().and_then(|code| code.parse().ok());
        let language = language.unwrap_or(spec.persona.language);
        let scores = Scores::new(&spec, language);
        let mut state = Self {
            _alive: Alive::new("session"),
            myself,
            key,
            intimacy: Intimacy::new(spec.record.intimacy),
            memory: Memory::default(),
            scores,
            landmarks,
            duet: None,
            record: spec.record,
            persona: spec.persona,
            engines,
            store,
            audio,
            history: History::default(),
            outbox,
            config: spec.config,
            children: Children::default(),
            recovery: Recovery::default(),
            conversation: Conversation::default(),
            floor: Floor::default(),
            hearing: Hearing::default(),
            reply: None,
            owed: None,
            spoken: None,
            ahead: Ahead::default(),
            ladder: None,
            played: PlayedAudio::default(),
            has_spoken: false,
            pending_timing: None,
            written_seq: VecDeque::new(),
            unwritten: BTreeMap::new(),
            next_write: 0,
            next_seq: spec.history.last().map_or(0, |message| message.seq + 1),
            opening: format!("{:x}", since_epoch().as_micros()),
            next_item: 0,
            started: Instant::now(),
            presence: Presence::new(),
            place: places.of(key),
            waiting: Waiting::default(),
            idle_timeout,
            max_duration,
        };
        for message in spec.history {
            state.written_seq.push_back((message.id.clone(), message.seq));
            let (speaker, content) = match message.role {
                MessageRole::User => (From::User, Content::InputText(message.content)),
                MessageRole::Assistant => (From::Assistant, Content::OutputText(message.content)),
            };
            let id = message.id.rsplit('/').next().unwrap_or_default().to_owned();
            // A duplicate id in the store would be its defect; the scene goes on without that line.
            let _ = state.conversation.insert(Item { id, speaker, content, complete: true }, None);
        }
        state.memory.restore(spec.facts.into_iter().map(|fact| (fact.id, fact.kind, fact.text, fact.turn)));
        state.apply_policy();
        state.face_may_be_seen();
        let fast_voice = state.config.fast_voices.iter().any(Option::is_some).then_some(Step::FastVoice);
        let small_model = state.engines.small_llm.as_ref().map(|_| Step::SmallModel);
        let optional = fast_voice.into_iter().chain(small_model).collect::<Vec<_>>();
        state.ladder = state.config.budget_ms.map(|ms| Ladder::new(ms, &optional));
        for policy in CHILDREN.iter().filter(|policy| policy.from_start) {
            state.spawn(policy.role).await;
        }
        // The language that is likely to be spoken; another one is read when it is.
        let shared = Prompt::shared_messages(&state.persona, language);
        state.engines.llm.prefill_tools(shared, state.inside_tools().into());
        metrics::gauge!("sessions_open").increment(1.0);
        info!(session = key, persona = state.persona.id, "session started");
        Ok(state)
    }

    pub(super) fn say(&self, event: SessionEvent) {
        self.outbox.event(event);
    }

    pub(super) fn apply_policy(&mut self) {
        self.floor.set_policy(FloorPolicy {
            create_response: self.config.create_response,
            interrupt_response: self.config.interrupt_response,
        });
    }

    pub(super) fn turn(&self) -> TurnId {
        self.floor.turn()
    }

    /// A fresh id, unique within the store as `<session>/<item>`.
    pub(super) fn new_item_id(&mut self) -> String {
        self.next_item += 1;
        format!("item_{}_{}", self.opening, self.next_item)
    }

    /// The id of the reply to a turn.
    pub(super) fn response_id(&self, turn: TurnId) -> String {
        format!("resp_{}_{turn}", self.opening)
    }

    pub(super) fn view(&self) -> SessionView {
        let mut degraded = self.children.given_up();
        let engines = [
            ("stt", self.engines.stt.health()),
            ("vad", self.engines.vad.health()),
            ("llm", self.engines.llm.health()),
            ("tts", self.engines.tts.health()),
        ];
        for (part, health) in engines {
            if let Health::Unavailable(reason) | Health::Degraded(reason) = health {
                degraded.push((part, reason));
            }
        }
        SessionView {
            record: self.record.clone(),
            persona: self.persona.clone(),
            config: self.config.clone(),
            degraded,
        }
    }

    pub(super) fn tick(&mut self) {
        if self.is_left() {
            return;
        }
        if self.landmarks.has_begun() {
            self.begin(Role::Face);
        }
        if self.waits_for_client() {
            self.excuse_children();
            self.excuse_reply();
            self.watch_partner();
        } else {
            self.watch_calls();
            self.watch_children();
            self.reply_watchdog();
            self.tick_scores();
        }
        if self.started.elapsed() > self.max_duration {
            self.end(
                "session_expired",
                "The scene has reached its longest duration. Start a new one.".into(),
            );
        } else if self.has_duet_players() {
            self.presence.is_needed();
        } else if self.presence.absent_for() > self.idle_timeout {
            self.end("session_idle", "Nobody was connected for a while.".into());
        }
    }

    pub(super) fn end(&mut self, code: &'static str, message: String) {
        if let Some(duet) = &self.duet {
            duet.close(code);
        }
        self.say(SessionEvent::Ended { code, message });
        self.myself.stop(Some(code.into()));
    }

    /// The last act: what was not written yet gets one more chance, and the session is marked as over.
    pub(super) async fn close(&mut self) {
        self.outbox.close();
        let unwritten = std::mem::take(&mut self.unwritten);
        let feedback = self.last_feedback().map(Entry::Feedback);
        self.record.is_active = false;
        self.record.status = SessionStatus::Ended;
        self.record.updated_at = epoch_ms();
        let last_writes = async {
            let last = feedback.into_iter().chain([Entry::Session(self.record.clone())]);
            for entry in unwritten.into_values().chain(last) {
                let _ = self.store.write(entry).await;
            }
        };
        // The Scribe had its time; at the end a dead store must not hold up the shutdown. It takes a few seconds
        // until a store counts as away and its journal is written instead.
        let _ = tokio::time::timeout(Duration::from_secs(6), last_writes).await;
        info!(session = self.key, "session ended");
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(duet) = &self.duet {
            // Whatever way the scene ended, nobody is to wait for it.
            duet.close("session_failed");
        }
        metrics::gauge!("sessions_open").decrement(1.0);
    }
}

/// Where the time went, for the metrics of the process.
pub(super) fn record_latency(report: &Report) {
    for (stage, at_ms) in &report.stages {
        if *stage != Stage::SpeechEnd {
            let seconds = *at_ms as f64 / 1000.0;
            metrics::histogram!("turn_stage_seconds", "stage" => stage.name()).record(seconds);
        }
    }
    metrics::histogram!("turn_outside_models_seconds").record(f64::from(report.outside_ms as u32) / 1000.0);
}
