//! The policy table against everything that can happen to a child, at every stage of a turn: the scene goes on, the
//! utterance in flight is heard again, the reply is said to its end, and the person is told only of what takes long.

use std::{sync::Arc, time::Duration};

use duologue_actors::{
    duet::Seat,
    event::{
        ClientCommand, NoticeLevel, ResponseRequest, ResponseStatus, SessionConfig, SessionEvent,
        TurnDetection,
    },
    outbox::Outgoing,
    policy::{CHILDREN, Role},
    pulse::Fault,
    session::{SessionMsg, SessionSpec},
    sessions::{Attachment, SessionHandle, SessionLimits, SessionsArgs, SessionsHandle},
    store::MessageRole,
};
use duologue_domain::{
    conversation::{Content, Item, Speaker},
    face::Frame,
};
use duologue_testkit::{
    FakeLlm, FakeStt, FakeTts, FakeVad, Gate, MemoryStore, Trouble, engines, persona, record, silence, spoken,
};
use ractor::{ActorCell, rpc::CallResult};
use tokio::{task::JoinHandle, time::Instant};

const RATE: u32 = 24_000;

/// What the person says and what the persona answers, in both languages.
const TALK: [(&str, &str); 2] = [
    (
        "오늘 하루는 어땠어요",
        "오늘은 아침부터 회의를 했어요. 점심에는 친구를 만나서 같이 밥을 먹었고요. 저녁에는 강가를 걸었어요.",
    ),
    (
        "what will you do tomorrow",
        "First I will sleep for a long time. Then I will call my sister. After that we will see a film.",
    ),
];

/// Whatever happens, the scene answers within this: longer than the time after which a child counts as hanging,
/// shorter than the time after which a whole reply is given up.
const NEVER_FROZEN: Duration = Duration::from_secs(44);

/// What happens to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Killed,
    Panicked,
    Hung,
    Starved,
}

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Listening,
    PersonSpeaks,
    Transcribing,
    Thinking,
    PersonaSpeaks,
    Storing,
}

const WAYS: [Way; 4] = [Way::Killed, Way::Panicked, Way::Hung, Way::Starved];

const MOMENTS: [Moment; 6] = [
    Moment::Listening,
    Moment::PersonSpeaks,
    Moment::Transcribing,
    Moment::Thinking,
    Moment::PersonaSpeaks,
    Moment::Storing,
];

/// One scene with its fakes.
struct Stage {
    stt: FakeStt,
    llm: FakeLlm,
    tts: FakeTts,
    vad: FakeVad,
    store: MemoryStore,
    scene: SessionHandle,
    attachment: Attachment,
    _sessions: SessionsHandle,
}

impl Stage {
    async fn new() -> Self {
        Self::with(SessionConfig::default()).await
    }

    async fn with(config: SessionConfig) -> Self {
        let stt = FakeStt::understanding(&TALK.map(|(question, _)| question));
        let (llm, tts, vad) = (FakeLlm::answering(&TALK), FakeTts::default(), FakeVad::default());
        let store = MemoryStore::default();
        let args = SessionsArgs {
            engines: engines(&stt, &llm, &tts, &vad),
            store: Arc::new(store.clone()),
            limits: SessionLimits::default(),
        };
        let sessions = SessionsHandle::start(args).await.expect("the census starts");
        let spec = SessionSpec {
            record: record("s1"),
            persona: persona(),
            config,
            history: Vec::new(),
            facts: Vec::new(),
            likability: None,
        };
        let scene = sessions.open(spec).await.expect("there is room");
        let attachment = scene.attach();
        Self { stt, llm, tts, vad, store, scene, attachment, _sessions: sessions }
    }

    /// Gives work to a child that is not there from the beginning.
    async fn begin(&self, role: Role) {
        if role == Role::Face {
            self.scene.landmarks().push(0, Frame::empty(640, 360));
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        if role == Role::Improviser {
            self.scene.open_duet().await.expect("the scene is alive");
        }
        assert!(self.child(role).await.is_some(), "{role:?} is alive");
    }

    /// Keeps a child at work that has none of its own in a talk, for as long as what comes back lives.
    async fn occupy(&self, role: Role) -> Occupation {
        match role {
            Role::Face => {
                let landmarks = self.scene.landmarks();
                Occupation::Camera(tokio::spawn(async move {
                    for frame in 0.. {
                        landmarks.push(frame * 100_000, Frame::empty(640, 360));
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }))
            }
            Role::Improviser => {
                let duet = self.scene.open_duet().await.expect("the scene is alive");
                let seat = duet.join("Mina").expect("room");
                assert!(seat.start());
                Occupation::Music(seat)
            }
            _ => Occupation::Talk,
        }
    }

    /// The switch of what a child works with; these have nothing that others make.
    fn gate(&self, role: Role) -> Option<&Gate> {
        match role {
            Role::Ingest => Some(&self.vad.gate),
            Role::Transcriber => Some(&self.stt.gate),
            Role::Persona => Some(&self.llm.gate),
            Role::Speaker => Some(&self.tts.gate),
            Role::Scribe => Some(&self.store.gate),
            Role::Face | Role::Coach | Role::Improviser => None,
        }
    }

    async fn child(&self, role: Role) -> Option<ActorCell> {
        let children = self.scene.actor().call(SessionMsg::GetChildren, None).await.expect("it lives");
        let CallResult::Success(children) = children else { panic!("the session did not answer") };
        children.into_iter().find(|(other, _)| *other == role).map(|(_, cell)| cell)
    }

    async fn strike(&self, role: Role, way: Way) {
        const LATE: Duration = Duration::from_millis(700);
        match (way, self.gate(role)) {
            (Way::Killed, _) => {
                if let Some(child) = self.child(role).await {
                    child.kill();
                }
            }
            (Way::Panicked, Some(gate)) => gate.trouble(Trouble::Panic, 1),
            (Way::Hung, Some(gate)) => gate.trouble(Trouble::Hang, 1),
            (Way::Starved, Some(gate)) => gate.trouble(Trouble::Starve(LATE), 5),
            (Way::Panicked, None) => self.inject(role, Fault::Panic),
            (Way::Hung, None) => self.inject(role, Fault::Hang),
            (Way::Starved, None) => {
                // All at once, they are late together: less than the two seconds of the Improviser.
                for _ in 0..2 {
                    self.inject(role, Fault::Starve(LATE));
                }
            }
        }
    }

    /// Lets this befall a child in its mailbox.
    fn inject(&self, role: Role, fault: Fault) {
        self.scene.actor().cast(SessionMsg::Inject(role, fault)).expect("it lives");
    }

    async fn feed(&self, samples: &[i16]) {
        for packet in samples.chunks(RATE as usize / 50) {
            self.scene.push_audio(packet).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Says a line of [`TALK`] and keeps the microphone open until the reply is over. Strikes on the way.
    async fn turn(&self, line: usize, blow: Option<(Role, Way, Moment)>) -> Heard {
        let blow = |moment| blow.filter(|(_, _, when)| *when == moment);
        let mut heard = Heard::default();
        let person = async {
            self.feed(&silence(300, RATE)).await;
            if let Some((role, way, _)) = blow(Moment::Listening) {
                self.strike(role, way).await;
            }
            self.feed(&silence(300, RATE)).await;
            self.feed(&spoken(line, 700, RATE)).await;
            if let Some((role, way, _)) = blow(Moment::PersonSpeaks) {
                self.strike(role, way).await;
            }
            self.feed(&spoken(line, 700, RATE)).await;
            loop {
                self.feed(&silence(100, RATE)).await;
            }
        };
        let listening = async {
            let mut frames = 0;
            loop {
                let moment = match self.attachment.next().await.expect("the scene is alive") {
                    Outgoing::Audio(frame) => {
                        frames += 1;
                        heard.samples += frame.samples.len();
                        (frames == 10).then_some(Moment::PersonaSpeaks)
                    }
                    Outgoing::Event(event) => {
                        let moment = match &*event {
                            SessionEvent::Committed { .. } => Some(Moment::Transcribing),
                            SessionEvent::Heard { .. } => Some(Moment::Storing),
                            SessionEvent::ResponseCreated { .. } => Some(Moment::Thinking),
                            _ => None,
                        };
                        heard.events.push((Instant::now(), *event));
                        moment
                    }
                };
                if let Some((role, way, _)) = moment.and_then(&blow)
                    && !std::mem::replace(&mut heard.struck, true)
                {
                    self.strike(role, way).await;
                }
                if heard.answered() {
                    return;
                }
            }
        };
        let both = async {
            tokio::select! {
                () = listening => {}
                () = person => {}
            }
        };
        let in_time = tokio::time::timeout(NEVER_FROZEN + Duration::from_secs(10), both).await;
        assert!(in_time.is_ok(), "frozen; until then: {:#?}", heard.events);
        heard
    }

    /// Reads whatever comes within this time.
    async fn read_for(&self, time: Duration) {
        let reading = async {
            loop {
                self.attachment.next().await.expect("the scene is alive");
            }
        };
        let ended: Result<(), _> = tokio::time::timeout(time, reading).await;
        assert!(ended.is_err());
    }

    /// Reads on until nothing has come for longer than any part of a turn takes: a turn that was cut in two by the
    /// blow may be answered twice.
    async fn settle(&self) {
        let quiet = Duration::from_secs(20);
        while let Ok(next) = tokio::time::timeout(quiet, self.attachment.next()).await {
            next.expect("the scene is alive");
        }
    }

    fn contents(&self) -> Vec<String> {
        self.store.all_messages().into_iter().map(|message| message.content).collect()
    }
}

/// What a child is kept at work with.
enum Occupation {
    /// The turns themselves.
    Talk,
    Camera(JoinHandle<()>),
    #[expect(dead_code, reason = "held: who leaves has no partner")]
    Music(Seat),
}

impl Drop for Occupation {
    fn drop(&mut self) {
        if let Self::Camera(camera) = self {
            camera.abort();
        }
    }
}

#[derive(Default)]
struct Heard {
    events: Vec<(Instant, SessionEvent)>,
    samples: usize,
    struck: bool,
}

impl Heard {
    fn answered(&self) -> bool {
        self.status().is_some_and(|(status, _)| !matches!(status, ResponseStatus::Cancelled(_)))
    }

    /// The newest end of a reply.
    fn status(&self) -> Option<(&ResponseStatus, &str)> {
        self.events.iter().rev().find_map(|(_, event)| match event {
            SessionEvent::ResponseDone { item, status, .. } => {
                Some((status, item.as_ref().map_or("", |item| item.content.text())))
            }
            _ => None,
        })
    }

    /// Codes of what the person was told.
    fn notices(&self) -> Vec<&'static str> {
        let code = |(_, event): &(Instant, SessionEvent)| match event {
            SessionEvent::Notice { code, .. } => Some(*code),
            _ => None,
        };
        self.events.iter().filter_map(code).collect()
    }

    /// Time between two events, the longest.
    fn longest_silence(&self) -> Duration {
        let waits = self.events.windows(2).map(|pair| pair[1].0 - pair[0].0);
        waits.max().unwrap_or_default()
    }
}

async fn survives(role: Role, way: Way, moment: Moment) {
    let case = format!("{role:?} {way:?} while {moment:?}");
    let stage = Stage::new().await;
    let occupation = stage.occupy(role).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = stage.child(role).await.expect("alive").get_id();
    let first = stage.turn(0, Some((role, way, moment))).await;
    let (status, text) = first.status().expect("answered");
    assert_eq!(*status, ResponseStatus::Completed, "{case}: {:#?}", first.events);
    assert_eq!(text, TALK[0].1, "{case}: the reply is said to its end, once");
    assert!(first.samples > RATE as usize * 2, "{case}: spoken, {} samples", first.samples);
    assert!(first.longest_silence() < NEVER_FROZEN, "{case}: {:?}", first.longest_silence());
    let said = stage.tts.said.lock().expect("not poisoned").join(" ");
    for word in TALK[0].1.split(' ') {
        assert!(said.contains(word), "{case}: {word:?} was not spoken in {said:?}");
    }
    if matches!(way, Way::Killed | Way::Panicked) {
        assert_eq!(first.notices(), [""; 0], "{case}: nobody has to know");
    }
    let told = first.notices().iter().filter(|code| **code == "recovering").count();
    let ended = first.notices().iter().filter(|code| **code == "recovered").count();
    assert_eq!(told, ended, "{case}: what was told has an end: {:?}", first.notices());
    // A hang that began at the end of the turn is found while there is still work.
    stage.read_for(Duration::from_secs(6)).await;
    drop(occupation);
    stage.settle().await;
    if let Some(gate) = stage.gate(role) {
        gate.repair();
    } else {
        let after = stage.child(role).await.expect("alive").get_id();
        assert_eq!(after != before, way != Way::Starved, "{case}: replaced, unless it was merely late");
    }
    let second = stage.turn(1, None).await;
    let (status, text) = second.status().expect("answered");
    assert_eq!((status, text), (&ResponseStatus::Completed, TALK[1].1), "{case}: the scene goes on");
    assert!(second.longest_silence() < Duration::from_secs(3), "{case}: as fast as before");
    tokio::time::sleep(Duration::from_secs(15)).await;
    let wanted = [TALK[0].0, TALK[0].1, TALK[1].0, TALK[1].1];
    assert_eq!(stage.contents(), wanted, "{case}: all is kept, once");
}

async fn survives_all(role: Role) {
    for way in WAYS {
        for moment in MOMENTS {
            survives(role, way, moment).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_ingest() {
    survives_all(Role::Ingest).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_transcriber() {
    survives_all(Role::Transcriber).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_persona() {
    survives_all(Role::Persona).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_speaker() {
    survives_all(Role::Speaker).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_scribe() {
    survives_all(Role::Scribe).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_face() {
    survives_all(Role::Face).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_coach() {
    survives_all(Role::Coach).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_improviser() {
    survives_all(Role::Improviser).await;
}

/// Apart from what it works with: the mailbox of any child can stand still, and all of them are replaced then.
#[tokio::test(start_paused = true)]
async fn whose_mailbox_panics_or_stands_still_is_replaced_and_who_is_late_is_not() {
    for role in CHILDREN.map(|row| row.role) {
        for fault in [Fault::Panic, Fault::Hang, Fault::Starve(Duration::from_millis(1_500))] {
            let stage = Stage::new().await;
            let occupation = stage.occupy(role).await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let before = stage.child(role).await.expect("alive").get_id();
            stage.inject(role, fault);
            let heard = stage.turn(0, None).await;
            assert_eq!(heard.status().map(|(_, text)| text), Some(TALK[0].1), "{role:?} {fault:?}");
            drop(occupation);
            stage.settle().await;
            let after = stage.child(role).await.expect("alive").get_id();
            let was_replaced = after != before;
            assert_eq!(was_replaced, !matches!(fault, Fault::Starve(_)), "{role:?} {fault:?}");
            assert_eq!(stage.contents(), [TALK[0].0, TALK[0].1], "{role:?} {fault:?}: all is kept, once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_repair_is_told_and_so_is_its_end() {
    let cases = [
        (Role::Transcriber, Moment::Transcribing),
        (Role::Persona, Moment::PersonaSpeaks),
        (Role::Speaker, Moment::PersonaSpeaks),
    ];
    for (role, moment) in cases {
        let stage = Stage::new().await;
        let blow = async {
            if role == Role::Transcriber {
                // The captions hang, too, and what is begun in the pause is what hangs for the person.
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                stage.gate(role).expect("it has one").trouble(Trouble::Hang, 2);
            }
        };
        let struck = (role != Role::Transcriber).then_some((role, Way::Hung, moment));
        let (heard, ()) = tokio::join!(stage.turn(0, struck), blow);
        let told = heard.events.iter().filter_map(|(_, event)| match event {
            SessionEvent::Notice { level, code, part: Some(part), .. } => Some((*part, *level, *code)),
            _ => None,
        });
        let part = role.name();
        let mut expected =
            vec![(part, NoticeLevel::Warning, "recovering"), (part, NoticeLevel::Info, "recovered")];
        if role == Role::Transcriber {
            // Until it is found, the person waits for the first word; a reply that breaks off midway was heard.
            expected.insert(0, ("server", NoticeLevel::Info, "slow"));
        }
        assert_eq!(told.collect::<Vec<_>>(), expected, "{role:?}: {:#?}", heard.events);
        assert_eq!(heard.status().map(|(_, text)| text), Some(TALK[0].1), "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_starves_is_told_after_two_seconds() {
    let stage = Stage::new().await;
    let blow = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        stage.stt.gate.trouble(Trouble::Starve(Duration::from_secs(4)), usize::MAX);
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        stage.strike(Role::Transcriber, Way::Killed).await;
        Instant::now()
    };
    let (heard, killed) = tokio::join!(stage.turn(0, None), blow);
    let told = heard.events.iter().find(|(_, event)| {
        matches!(event, SessionEvent::Notice { code: "recovering", part: Some("transcriber"), .. })
    });
    let waited = told.expect("told").0 - killed;
    assert!((1_900..2_300).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(heard.status().map(|(_, text)| text), Some(TALK[0].1));
}

#[tokio::test(start_paused = true)]
async fn what_the_button_held_is_not_lost_with_ingest() {
    let config = SessionConfig { turn_detection: TurnDetection::Manual, ..SessionConfig::default() };
    let stage = Stage::with(config).await;
    for line in [0, 1] {
        stage.feed(&spoken(line, 900, RATE)).await;
        stage.strike(Role::Ingest, Way::Killed).await;
        stage.feed(&spoken(line, 900, RATE)).await;
        stage.scene.command(ClientCommand::CommitAudio);
        let seconds = loop {
            let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive") else {
                continue;
            };
            if let SessionEvent::Heard { text, seconds, .. } = *event {
                assert_eq!(text, TALK[line].0);
                break seconds;
            }
        };
        assert!((1.5..2.5).contains(&seconds), "both halves of line {line} and nothing else: {seconds} s");
        stage.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_dies_more_often_than_allowed_is_done_without_and_tried_again() {
    for policy in &CHILDREN {
        let stage = Stage::new().await;
        stage.begin(policy.role).await;
        for _ in 0..=policy.max {
            stage.strike(policy.role, Way::Killed).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(stage.child(policy.role).await.is_none(), "{:?} is given up", policy.role);
        let content = Content::InputText(TALK[1].0.into());
        let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
        stage.scene.command(ClientCommand::CreateItem { item, previous: None });
        stage.scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
        let mut told = Vec::new();
        let status = loop {
            let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive") else {
                continue;
            };
            match *event {
                SessionEvent::Notice { code: "part_failed", part, .. } => told.extend(part),
                SessionEvent::ResponseDone { status, .. } => break status,
                _ => {}
            }
        };
        assert_eq!(told, [policy.role.name()], "the page says why");
        let answered = status == ResponseStatus::Completed;
        assert_eq!(answered, policy.role != Role::Persona, "{:?}: {status:?}", policy.role);
        if policy.role == Role::Persona {
            // Who speaks learns it as soon, although a reply is begun ahead while others are there to make it.
            let heard = stage.turn(0, None).await;
            assert!(
                matches!(heard.status(), Some((ResponseStatus::Failed { .. }, ""))),
                "{:#?}",
                heard.events
            );
            assert!(heard.longest_silence() < Duration::from_secs(3), "{:#?}", heard.events);
        }
        tokio::time::sleep(Duration::from_secs(62)).await;
        assert!(stage.child(policy.role).await.is_some(), "{:?} is tried again", policy.role);
        let heard = stage.turn(0, None).await;
        assert_eq!(heard.status().map(|(_, text)| text), Some(TALK[0].1), "{:?}", policy.role);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let roles = stage.store.all_messages().into_iter().map(|message| message.role).collect::<Vec<_>>();
        assert_eq!(roles.first(), Some(&MessageRole::User), "{:?}: what was written is kept", policy.role);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_again_and_again_ends_the_turn_and_not_the_scene() {
    for role in [Role::Transcriber, Role::Persona, Role::Speaker] {
        let stage = Stage::new().await;
        stage.gate(role).expect("it has one").trouble(Trouble::Hang, usize::MAX);
        let person = async {
            stage.feed(&spoken(0, 1_200, RATE)).await;
            loop {
                stage.feed(&silence(100, RATE)).await;
            }
        };
        let end = async {
            loop {
                let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive")
                else {
                    continue;
                };
                match *event {
                    SessionEvent::ResponseDone { .. } | SessionEvent::HeardFailed { .. } => return,
                    _ => {}
                }
            }
        };
        let began = Instant::now();
        tokio::select! {
            () = person => {}
            () = end => {}
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{role:?}: {:?}", began.elapsed());
        stage.gate(role).expect("it has one").repair();
        let heard = stage.turn(1, None).await;
        assert_eq!(heard.status().map(|(_, text)| text), Some(TALK[1].1), "{role:?}: it works again");
    }
}

/// Two turns wait for a recogniser that hangs for longer than a turn is looked back at, and both are heard.
#[tokio::test(start_paused = true)]
async fn all_that_was_said_to_a_recogniser_that_hung_is_heard_when_it_works() {
    let stage = Stage::new().await;
    let gate = stage.gate(Role::Transcriber).expect("it has one");
    let person = async {
        stage.feed(&silence(300, RATE)).await;
        for line in 0..TALK.len() {
            stage.feed(&spoken(line, 1_200, RATE)).await;
            gate.trouble(Trouble::Hang, usize::MAX);
            stage.feed(&silence(2_500, RATE)).await;
        }
        stage.feed(&silence(16_000, RATE)).await;
        gate.repair();
        loop {
            stage.feed(&silence(100, RATE)).await;
        }
    };
    let mut heard = Vec::new();
    let listening = async {
        while heard.len() < TALK.len() {
            let Outgoing::Event(event) = stage.attachment.next().await.expect("the scene is alive") else {
                continue;
            };
            match *event {
                SessionEvent::Heard { text, .. } => heard.push(text),
                SessionEvent::HeardFailed { .. } => panic!("not heard: {event:?}"),
                _ => {}
            }
        }
    };
    let both = async {
        tokio::select! {
            () = listening => {}
            () = person => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(120), both).await.expect("both are heard");
    assert_eq!(heard, TALK.map(|(question, _)| question));
}
