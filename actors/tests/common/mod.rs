//! A scene with fake engines, and what is heard of it.

#![expect(dead_code, reason = "each test binary uses its own part")]

use std::{sync::Arc, time::Duration};

use duologue_actors::{
    event::{ClientCommand, ResponseRequest, ResponseStatus, SessionConfig, SessionEvent},
    outbox::{OutFrame, Outgoing},
    policy::Role,
    session::{SessionMsg, SessionSpec},
    sessions::{Attachment, SessionHandle, SessionLimits, SessionsArgs, SessionsHandle},
    store::MessageRecord,
};
use duologue_domain::{
    conversation::{Content, Item, Speaker},
    face::Frame,
};
use duologue_engines::{port::LlmEngine, registry::Engines};
use duologue_testkit::{
    FakeLlm, FakeStt, FakeTts, FakeTurn, FakeVad, MemoryStore, engines, persona, record, silence, speech,
};
use ractor::{ActorCell, rpc::CallResult};

pub(crate) const RATE: u32 = 24_000;

/// One scene with its fakes.
pub(crate) struct Stage {
    pub(crate) stt: FakeStt,
    pub(crate) llm: FakeLlm,
    pub(crate) tts: FakeTts,
    pub(crate) vad: FakeVad,
    pub(crate) store: MemoryStore,
    pub(crate) sessions: SessionsHandle,
    pub(crate) scene: SessionHandle,
    pub(crate) attachment: Attachment,
}

impl Stage {
    pub(crate) async fn new(hears: &[&str], says: &[&str]) -> Self {
        Self::with(hears, says, SessionConfig::default(), SessionLimits::default()).await
    }

    pub(crate) async fn with(
        hears: &[&str],
        says: &[&str],
        config: SessionConfig,
        limits: SessionLimits,
    ) -> Self {
        let (stt, llm, tts, vad) =
            (FakeStt::hearing(hears), FakeLlm::saying(says), FakeTts::default(), FakeVad::default());
        let engines = engines(&stt, &llm, &tts, &vad);
        Self::on(engines, (stt, llm, tts, vad), config, limits).await
    }

    /// A stage whose pauses sound as `complete` as that.
    pub(crate) async fn pausing(complete: f32, stt: FakeStt, llm: FakeLlm) -> Self {
        let (tts, vad) = (FakeTts::default(), FakeVad::default());
        let turn = Arc::new(FakeTurn { complete });
        let engines = Arc::new(Engines { turn, ..Engines::clone(&engines(&stt, &llm, &tts, &vad)) });
        Self::on(engines, (stt, llm, tts, vad), SessionConfig::default(), SessionLimits::default()).await
    }

    /// A stage whose language model has a smaller one beside it.
    pub(crate) async fn thinking(llm: FakeLlm, small: FakeLlm) -> Self {
        let (stt, tts, vad) = (FakeStt::hearing(&[]), FakeTts::default(), FakeVad::default());
        let small_llm: Option<Arc<dyn LlmEngine>> = Some(Arc::new(small));
        let engines = Arc::new(Engines { small_llm, ..Engines::clone(&engines(&stt, &llm, &tts, &vad)) });
        Self::on(engines, (stt, llm, tts, vad), SessionConfig::default(), SessionLimits::default()).await
    }

    async fn on(
        engines: Arc<Engines>,
        (stt, llm, tts, vad): (FakeStt, FakeLlm, FakeTts, FakeVad),
        config: SessionConfig,
        limits: SessionLimits,
    ) -> Self {
        let store = MemoryStore::default();
        let args = SessionsArgs { engines, store: Arc::new(store.clone()), limits };
        let sessions = SessionsHandle::start(args).await.unwrap();
        let scene = sessions.open(SessionSpec { config, ..spec(Vec::new()) }).await.unwrap();
        let attachment = scene.attach();
        Self { stt, llm, tts, vad, store, sessions, scene, attachment }
    }

    /// Ends the scene and opens it again, with what was stored of it.
    pub(crate) async fn open_again(&mut self) {
        self.sessions.close("s1");
        for _ in 0..500 {
            if self.sessions.census().await.open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let history = self.store.all_messages();
        self.scene = self.sessions.open(spec(history)).await.unwrap();
        self.attachment = self.scene.attach();
    }

    /// Speaks for `ms` milliseconds and is then silent for long enough to have finished, in real (paused) time.
    pub(crate) async fn speak(&self, ms: u64) {
        self.feed(&speech(ms, RATE)).await;
        self.feed(&silence(900, RATE)).await;
    }

    pub(crate) async fn feed(&self, samples: &[i16]) {
        for packet in samples.chunks(RATE as usize / 50) {
            self.scene.push_audio(packet).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn write(&self, text: &str) {
        let content = Content::InputText(text.into());
        let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
        self.scene.command(ClientCommand::CreateItem { item, previous: None });
        self.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
    }

    /// Everything up to the first event that `last` accepts.
    pub(crate) async fn until(&self, last: impl Fn(&SessionEvent) -> bool) -> Heard {
        let mut heard = Heard::default();
        let listening = async {
            loop {
                match self.attachment.next().await.expect("the scene is alive") {
                    Outgoing::Audio(frame) => heard.audio.push(frame),
                    Outgoing::Event(event) => {
                        let is_last = last(&event);
                        heard.events.push(*event);
                        if is_last {
                            return;
                        }
                    }
                }
            }
        };
        let result = tokio::time::timeout(Duration::from_secs(300), listening).await;
        assert!(result.is_ok(), "it never came; until then: {:#?}", heard.events);
        heard
    }

    pub(crate) async fn reply(&self) -> Heard {
        self.until(|event| matches!(event, SessionEvent::ResponseDone { .. })).await
    }

    /// Gives work to a child that is not there from the beginning.
    pub(crate) async fn begin(&self, role: Role) {
        if role == Role::Face {
            self.scene.landmarks().push(0, Frame::empty(640, 360));
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        if role == Role::Improviser {
            self.scene.open_duet().await.expect("the scene is alive");
        }
    }

    pub(crate) async fn child(&self, role: Role) -> Option<ActorCell> {
        let CallResult::Success(children) =
            self.scene.actor().call(SessionMsg::GetChildren, None).await.unwrap()
        else {
            panic!("the session did not answer");
        };
        children.into_iter().find(|(other, _)| *other == role).map(|(_, cell)| cell)
    }

    /// Waits until `role` is alive under another id than `old`.
    pub(crate) async fn replaced(&self, role: Role, old: &ActorCell) {
        for _ in 0..500 {
            if self.child(role).await.is_some_and(|cell| cell.get_id() != old.get_id()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{role:?} was not replaced");
    }
}

fn spec(history: Vec<MessageRecord>) -> SessionSpec {
    SessionSpec {
        record: record("s1"),
        persona: persona(),
        config: SessionConfig::default(),
        history,
        facts: Vec::new(),
        likability: None,
    }
}

#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) events: Vec<SessionEvent>,
    pub(crate) audio: Vec<OutFrame>,
}

impl Heard {
    pub(crate) fn done(&self) -> (&Option<Item>, &ResponseStatus) {
        let done = self.events.iter().find_map(|event| match event {
            SessionEvent::ResponseDone { item, status, .. } => Some((item, status)),
            _ => None,
        });
        done.expect("a reply ended")
    }

    pub(crate) fn text(&self) -> &str {
        self.done().0.as_ref().map_or("", |item| item.content.text())
    }

    /// What happened, without the scores, which come in their own time.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let is_score =
            |event: &&SessionEvent| matches!(event, SessionEvent::Scores(_) | SessionEvent::Tip(_));
        self.events.iter().filter(|event| !is_score(event)).map(name).collect()
    }
}

pub(crate) fn name(event: &SessionEvent) -> &'static str {
    match event {
        SessionEvent::SpeechStarted { .. } => "speech_started",
        SessionEvent::SpeechStopped { .. } => "speech_stopped",
        SessionEvent::Committed { .. } => "committed",
        SessionEvent::ItemAdded { .. } => "item_added",
        SessionEvent::ItemDone { .. } => "item_done",
        SessionEvent::Heard { .. } => "heard",
        SessionEvent::ResponseCreated { .. } => "response_created",
        SessionEvent::OutputStarted { .. } => "output_started",
        SessionEvent::OutputText { .. } => "text",
        SessionEvent::Visemes { .. } => "visemes",
        SessionEvent::Latency { .. } => "latency",
        SessionEvent::ResponseDone { .. } => "response_done",
        SessionEvent::HeardPartial { .. } => "partial",
        SessionEvent::Kept { .. } => "kept",
        SessionEvent::Duck { .. } => "duck",
        SessionEvent::Hold { .. } => "hold",
        SessionEvent::Restore { .. } => "restore",
        SessionEvent::Backchannel { .. } => "backchannel",
        SessionEvent::ItemTruncated { .. } => "truncated",
        _ => "other",
    }
}
