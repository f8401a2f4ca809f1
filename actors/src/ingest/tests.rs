//! What Ingest says about speech over a reply; the voice is a tone, words come from the test.

use std::sync::Mutex;

use duologue_domain::{interrupt::Extent, turn::TurnId};
use duologue_engines::port::VAD_FRAME;
use duologue_testkit::{FakeTurn, FakeVad};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::*;

type Log = Arc<Mutex<Vec<IngestEvent>>>;

/// Stands where the Session stands.
struct Probe;

impl Actor for Probe {
    type Msg = SessionMsg;
    type State = Log;
    type Arguments = Log;

    async fn pre_start(&self, _: ActorRef<SessionMsg>, log: Log) -> Result<Log, ActorProcessingErr> {
        Ok(log)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        log: &mut Log,
    ) -> Result<(), ActorProcessingErr> {
        if let SessionMsg::Ingest(event) = message {
            log.lock().unwrap().push(event);
        }
        Ok(())
    }
}

struct Scene {
    audio: AudioIn,
    ingest: ActorRef<IngestMsg>,
    log: Log,
    turn: u64,
}

impl Scene {
    async fn with(config: SessionConfig) -> Self {
        let log = Log::default();
        let (parent, _) = Actor::spawn(None, Probe, log.clone()).await.unwrap();
        let audio = AudioIn::new(HEARING_RATE);
        let args = IngestArgs {
            goes_on: None,
            parent,
            session: 1,
            audio: audio.clone(),
            history: History::default(),
            vad: Arc::new(FakeVad::default()),
            turn: Arc::new(FakeTurn { complete: 0.9 }),
            played: PlayedAudio::default(),
            config: SessionConfig { input_rate: HEARING_RATE, ..config },
        };
        let (ingest, _) = Actor::spawn(None, Ingest, args).await.unwrap();
        let mut scene = Self { audio, ingest, log, turn: 0 };
        scene.quiet(1_000).await;
        scene
    }

    async fn new() -> Self {
        Self::with(SessionConfig::default()).await
    }

    async fn sound(&mut self, ms: u64, loud: f32) {
        for frame in 0..ms / 32 {
            let samples = (0..VAD_FRAME)
                .map(|index| {
                    let phase = 0.2 * (frame as usize * VAD_FRAME + index) as f32;
                    (phase.sin() * loud * 32_000.0) as i16
                })
                .collect::<Vec<_>>();
            tokio::time::sleep(Duration::from_millis(32)).await;
            if self.audio.push(&samples) {
                self.ingest.cast(IngestMsg::FramesReady).unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Less than a frame.
    async fn part(&mut self, count: usize, loud: f32) {
        let samples = (0..count).map(|index| ((0.2 * index as f32).sin() * loud * 32_000.0) as i16);
        tokio::time::sleep(Duration::from_millis(count as u64 / 16)).await;
        if self.audio.push(&samples.collect::<Vec<_>>()) {
            self.ingest.cast(IngestMsg::FramesReady).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn voice(&mut self, ms: u64) {
        self.sound(ms, 0.3).await;
    }

    async fn quiet(&mut self, ms: u64) {
        self.sound(ms, 0.0).await;
    }

    async fn audible(&mut self, asking: bool) {
        self.turn += 2;
        let audible = Audible { turn: TurnId(self.turn), since: Instant::now(), asking };
        self.say(IngestMsg::Audible(Some(audible))).await;
    }

    async fn words(&mut self, words: &str) {
        self.say(IngestMsg::Words(words.into(), Extent::Whole)).await;
    }

    async fn say(&mut self, message: IngestMsg) {
        self.ingest.cast(message).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// The names of what was said since the last look, requests for partials left out.
    fn told(&self) -> Vec<&'static str> {
        let mut events = self.log.lock().unwrap();
        let name = |event| match event {
            IngestEvent::SpeechStarted { over_reply: true, .. } => Some("started over reply"),
            IngestEvent::SpeechStarted { .. } => Some("started"),
            IngestEvent::Duck => Some("duck"),
            IngestEvent::Hold => Some("hold"),
            IngestEvent::Restore => Some("restore"),
            IngestEvent::Interrupted { .. } => Some("interrupted"),
            IngestEvent::Backchannel { start, end } => {
                assert!(start < end);
                Some("backchannel")
            }
            IngestEvent::TurnEnded { start, end, .. } => {
                assert!(start < end);
                Some("ended")
            }
            IngestEvent::PartialDue { .. } | IngestEvent::Pause { .. } | IngestEvent::Resumed => None,
            other => panic!("{other:?}"),
        };
        events.drain(..).filter_map(name).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn agreement_over_a_reply_is_a_backchannel() {
    for words in ["네.", "Mhm."] {
        let mut scene = Scene::new().await;
        scene.audible(false).await;
        scene.voice(384).await;
        scene.quiet(352).await;
        assert_eq!(scene.told(), ["duck", "started over reply", "hold"]);
        scene.words(words).await;
        scene.quiet(640).await;
        assert_eq!(scene.told(), ["restore", "backchannel"], "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_begins_within_a_frame_ducks_before_the_frame_ends() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.quiet(320).await;
    scene.part(VAD_FRAME / 4, 0.3).await;
    assert_eq!(scene.told(), ["duck"], "a quarter of a frame");
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.quiet(320).await;
    scene.part(VAD_FRAME / 2, 0.0).await;
    scene.part(VAD_FRAME / 4, 0.3).await;
    assert_eq!(scene.told(), ["duck"], "in the middle of one");
    // Without a reply nobody looks.
    let mut scene = Scene::new().await;
    scene.part(VAD_FRAME / 2, 0.3).await;
    assert_eq!(scene.told(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn words_stop_the_reply_and_their_turn_goes_on() {
    for words in ["잠깐만", "Wait a moment"] {
        let mut scene = Scene::new().await;
        scene.audible(false).await;
        scene.voice(512).await;
        scene.words(words).await;
        assert_eq!(scene.told(), ["duck", "started over reply", "hold", "interrupted"], "{words}");
        scene.say(IngestMsg::Audible(None)).await;
        scene.voice(900).await;
        assert_eq!(scene.told(), [""; 0]);
        scene.quiet(1_000).await;
        assert_eq!(scene.told(), ["ended"], "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn words_that_come_after_the_end_still_decide() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    // The turn has long ended for the endpointer, and the reply has gone on, when the recogniser answers.
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "restore"]);
    scene.words("그만").await;
    assert_eq!(scene.told(), ["duck", "interrupted", "ended"]);
    // And without an answer it was nothing.
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    scene.quiet(6_000).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "restore", "backchannel"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_words_are_asked_for_soon() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.log.lock().unwrap().clear();
    scene.voice(320).await;
    let asked = scene
        .log
        .lock()
        .unwrap()
        .iter()
        .filter(|event| matches!(event, IngestEvent::PartialDue { .. }))
        .count();
    assert_eq!(asked, 1, "within 320 ms");
}

#[tokio::test(start_paused = true)]
async fn without_a_reply_everything_is_as_ever() {
    let mut scene = Scene::new().await;
    scene.voice(512).await;
    scene.words("잠깐만").await;
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["started", "ended"]);
    let mut scene =
        Scene::with(SessionConfig { interrupt_response: false, ..SessionConfig::default() }).await;
    scene.audible(false).await;
    scene.voice(512).await;
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["started", "ended"], "it is answered after the reply");
}

#[tokio::test(start_paused = true)]
async fn speech_that_outlasts_the_reply_is_a_turn() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    scene.words("음").await;
    scene.quiet(192).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "restore"]);
    scene.say(IngestMsg::Audible(None)).await;
    scene.voice(960).await;
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["interrupted", "ended"]);
    // The same while it was still undecided.
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    scene.say(IngestMsg::Audible(None)).await;
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "interrupted", "ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_microphone_that_falls_silent_does_not_hold_the_reply() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.told(), ["restore"]);
}

#[tokio::test(start_paused = true)]
async fn a_cleared_buffer_lets_the_reply_go_on_and_a_commit_takes_the_floor() {
    let mut scene = Scene::new().await;
    scene.audible(false).await;
    scene.voice(352).await;
    scene.say(IngestMsg::Clear).await;
    scene.quiet(1_000).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "restore"]);
    scene.voice(352).await;
    scene.say(IngestMsg::Commit).await;
    assert_eq!(scene.told(), ["duck", "started over reply", "hold", "interrupted", "ended"]);
}

#[test]
fn the_more_eager_the_sooner() {
    let config = |eagerness| {
        let turn_detection = TurnDetection::SemanticVad { eagerness };
        endpoint_config(&SessionConfig { turn_detection, ..SessionConfig::default() })
    };
    let longest = |eagerness| match config(eagerness).mode {
        EndpointMode::Semantic { max_wait_ms } => max_wait_ms,
        mode => panic!("{mode:?}"),
    };
    let order = [Eagerness::Low, Eagerness::Medium, Eagerness::High];
    assert!(order.map(longest).windows(2).all(|pair| pair[0] > pair[1]));
    let least = order.map(|eagerness| config(eagerness).least_wait_ms);
    assert!(least.windows(2).all(|pair| pair[0] > pair[1]), "{least:?}");
    assert_eq!(config(Eagerness::Auto), config(Eagerness::Medium));
    let (high, auto) = (config(Eagerness::High), config(Eagerness::Auto));
    assert!(high.words_within_ms < auto.words_within_ms);
}
