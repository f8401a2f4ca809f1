//! One Transcriber with an engine that answers when the test says so.

use std::sync::Mutex;

use duologue_engines::port::{EngineInfo, ErrorKind, Health};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::*;

type Reply = oneshot::Sender<Result<Transcript, EngineError>>;

/// Takes note of every request and leaves the answer to the test.
#[derive(Default)]
struct ManualStt(Mutex<Vec<(SttRequest, Reply)>>);

impl ManualStt {
    /// How many were asked until now, and the newest.
    fn newest(&self) -> (usize, SttRequest) {
        let asked = self.0.lock().unwrap();
        (asked.len(), asked.last().unwrap().0.clone())
    }

    fn is_cancelled(&self, index: usize) -> bool {
        self.0.lock().unwrap()[index].1.is_closed()
    }

    fn answer(&self, index: usize, result: Result<&str, ErrorKind>) {
        let mut asked = self.0.lock().unwrap();
        let (gone, _) = oneshot::channel();
        let reply = std::mem::replace(&mut asked[index].1, gone);
        let result =
            result.map_err(|kind| EngineError::new(kind, "manual", "as the test says")).map(|text| {
                Transcript { text: text.into(), compute: Duration::from_millis(200), ..Transcript::default() }
            });
        reply.send(result).expect("somebody waits");
    }
}

impl SttEngine for ManualStt {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: "manual", model: String::new(), languages: Vec::new() }
    }
    fn health(&self) -> Health {
        Health::Ready
    }
    fn warm_up(&self) {}
    fn transcribe(&self, request: SttRequest) -> BoxFuture<'static, Result<Transcript, EngineError>> {
        let (reply, answer) = oneshot::channel();
        self.0.lock().unwrap().push((request, reply));
        Box::pin(async move { answer.await.expect("the test keeps its end") })
    }
}

struct Parent;

impl Actor for Parent {
    type Msg = SessionMsg;
    type State = mpsc::Sender<TranscriberEvent>;
    type Arguments = mpsc::Sender<TranscriberEvent>;
    async fn pre_start(
        &self,
        _: ActorRef<SessionMsg>,
        events: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(events)
    }
    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        events: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SessionMsg::Transcriber(event) = message {
            events.send(event).await?;
        }
        Ok(())
    }
}

struct Stage {
    stt: Arc<ManualStt>,
    transcriber: ActorRef<TranscriberMsg>,
    events: mpsc::Receiver<TranscriberEvent>,
}

impl Stage {
    async fn new() -> Self {
        let (sender, events) = mpsc::channel(64);
        let (parent, _) = Actor::spawn(None, Parent, sender).await.unwrap();
        let stt = Arc::new(ManualStt::default());
        let history = History::default();
        history.push(&vec![0.1; 16_000 * 20]);
        let hints = Hints { language: Some(Language::Korean), prompt: Some("이서아, 지우".into()) };
        let args = TranscriberArgs { parent, session: 7, history, stt: stt.clone(), hints };
        let (transcriber, _) = Actor::spawn(None, Transcriber, args).await.unwrap();
        Self { stt, transcriber, events }
    }

    async fn tell(&self, message: TranscriberMsg) {
        self.transcriber.cast(message).unwrap();
        settle().await;
    }

    async fn partial(&self, end_ms: u64) {
        self.tell(TranscriberMsg::Partial(until(end_ms), Likely::Turn)).await;
    }

    /// Answers request `index`, then says what the Session hears.
    async fn answer(&mut self, index: usize, result: Result<&str, ErrorKind>) -> Option<TranscriberEvent> {
        self.stt.answer(index, result);
        settle().await;
        self.events.try_recv().ok()
    }
}

/// Lets every actor handle what it has: in paused time a sleep ends when nothing else can be done.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn until(end_ms: u64) -> Utterance {
    Utterance { start: 1600, end: end_ms * 16 }
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_hot_words_language_and_the_silence_after_the_words() {
    let stage = Stage::new().await;
    stage.partial(1000).await;
    let (_, partial) = stage.stt.newest();
    assert!(partial.partial && partial.session == 7);
    assert_eq!(partial.audio.len(), 14_400);
    stage.tell(TranscriberMsg::Final(until(1000))).await;
    let (count, last) = stage.stt.newest();
    assert_eq!((count, last.partial, last.audio.len()), (2, false, 14_400 + 3200));
    for request in [partial, last] {
        assert_eq!(request.prompt.as_deref(), Some("이서아, 지우"));
        assert_eq!(request.language, Some(Language::Korean));
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_short_and_over_a_reply_is_taken_for_an_interjection() {
    use Likely::{Interjection, Turn};
    let stage = Stage::new().await;
    for (end_ms, likely, expected) in
        [(900, Interjection, true), (900, Turn, false), (1500, Interjection, false), (1500, Turn, false)]
    {
        stage.tell(TranscriberMsg::Speculate(until(end_ms), likely)).await;
        assert_eq!(stage.stt.newest().1.interjection, expected, "{end_ms} ms, {likely:?}");
        stage.tell(TranscriberMsg::Resumed).await;
        stage.tell(TranscriberMsg::Partial(until(end_ms + 1), likely)).await;
        assert_eq!(stage.stt.newest().1.interjection, expected, "{end_ms} ms, {likely:?}, a partial");
    }
    stage.tell(TranscriberMsg::Final(until(900))).await;
    assert!(!stage.stt.newest().1.interjection, "a turn");
}

#[tokio::test(start_paused = true)]
async fn a_running_partial_is_given_up_at_once() {
    for later in [TranscriberMsg::Speculate(until(1100), Likely::Turn), TranscriberMsg::Final(until(1100))] {
        let stage = Stage::new().await;
        stage.partial(1000).await;
        assert!(!stage.stt.is_cancelled(0));
        stage.tell(later).await;
        assert!(stage.stt.is_cancelled(0), "before anything else is asked of the engine");
        assert_eq!(stage.stt.newest().0, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_two_partials_agree_on_is_stable_until_the_next_utterance() {
    let mut stage = Stage::new().await;
    let mut stable = Vec::new();
    for (index, text) in ["저는 어제", "저는 어제 학교에 갔", "저는 어제 학교에 갔어요"].iter().enumerate()
    {
        stage.partial(700 * (index as u64 + 1)).await;
        let event = stage.answer(index, Ok(text)).await;
        let Some(TranscriberEvent::Partial { transcript, stable: now, .. }) = event else {
            panic!("{event:?}")
        };
        assert_eq!(transcript.text, *text);
        stable.push(now);
    }
    assert_eq!(stable, ["", "저는 어제", "저는 어제 학교에"]);
    stage.tell(TranscriberMsg::Partial(Utterance { start: 60_000, end: 80_000 }, Likely::Turn)).await;
    let event = stage.answer(3, Ok("저는 어제")).await;
    assert!(matches!(event, Some(TranscriberEvent::Partial { stable, .. }) if stable.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_guess_becomes_the_final() {
    let mut stage = Stage::new().await;
    stage.tell(TranscriberMsg::Speculate(until(1000), Likely::Turn)).await;
    stage.tell(TranscriberMsg::Speculate(until(1000), Likely::Turn)).await;
    assert_eq!(stage.stt.newest().0, 1, "the same pause is transcribed once");
    let guess = stage.answer(0, Ok("I went home.")).await;
    assert!(
        matches!(&guess, Some(TranscriberEvent::Guess { utterance, transcript })
            if *utterance == until(1000) && transcript.text == "I went home."),
        "{guess:?}"
    );
    stage.tell(TranscriberMsg::Final(until(1000))).await;
    let last = stage.events.try_recv();
    assert!(
        matches!(&last, Ok(TranscriberEvent::Final { utterance, result: Ok(transcript) })
            if *utterance == until(1000) && transcript.text == "I went home."),
        "{last:?}"
    );
    assert_eq!(stage.stt.newest().0, 1, "nothing is transcribed twice");
}

#[tokio::test(start_paused = true)]
async fn a_final_asked_for_while_its_speculation_runs_waits_for_it() {
    let mut stage = Stage::new().await;
    stage.tell(TranscriberMsg::Speculate(until(1000), Likely::Turn)).await;
    stage.tell(TranscriberMsg::Final(until(1000))).await;
    // What comes late about the same speech changes nothing any more.
    stage.tell(TranscriberMsg::Resumed).await;
    stage.tell(TranscriberMsg::Speculate(until(1500), Likely::Turn)).await;
    stage.partial(1600).await;
    assert_eq!(stage.stt.newest().0, 1);
    let last = stage.answer(0, Ok("네.")).await;
    assert!(
        matches!(last, Some(TranscriberEvent::Final { result: Ok(_), .. })),
        "no guess before it: {last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn speech_that_goes_on_makes_a_speculation_void() {
    let mut stage = Stage::new().await;
    stage.tell(TranscriberMsg::Speculate(until(1000), Likely::Turn)).await;
    stage.tell(TranscriberMsg::Resumed).await;
    assert!(stage.stt.is_cancelled(0));
    // Without the news that it went on, another end says the same.
    stage.tell(TranscriberMsg::Speculate(until(2000), Likely::Turn)).await;
    stage.tell(TranscriberMsg::Final(until(3000))).await;
    assert!(stage.stt.is_cancelled(1));
    let last = stage.answer(2, Ok("all of it")).await;
    assert!(matches!(last, Some(TranscriberEvent::Final { utterance, .. }) if utterance == until(3000)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_speculation_costs_nothing_but_time() {
    for kind in [ErrorKind::Overloaded, ErrorKind::Timeout, ErrorKind::Broken] {
        let mut stage = Stage::new().await;
        stage.tell(TranscriberMsg::Speculate(until(1000), Likely::Turn)).await;
        assert!(stage.answer(0, Err(kind)).await.is_none());
        stage.tell(TranscriberMsg::Final(until(1000))).await;
        let last = stage.answer(1, Ok("네.")).await;
        assert!(matches!(last, Some(TranscriberEvent::Final { result: Ok(_), .. })), "{last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_is_tried_twice_and_the_next_one_is_not_forgotten() {
    let mut stage = Stage::new().await;
    stage.tell(TranscriberMsg::Final(until(1000))).await;
    stage.tell(TranscriberMsg::Final(until(2000))).await;
    assert!(stage.answer(0, Err(ErrorKind::Broken)).await.is_none());
    let first = stage.answer(1, Err(ErrorKind::Broken)).await;
    assert!(
        matches!(first, Some(TranscriberEvent::Final { utterance, result: Err(_) }) if utterance == until(1000))
    );
    let second = stage.answer(2, Ok("네.")).await;
    assert!(
        matches!(second, Some(TranscriberEvent::Final { utterance, result: Ok(_) }) if utterance == until(2000))
    );
}

#[tokio::test(start_paused = true)]
async fn a_noise_at_the_threshold_does_not_keep_the_recogniser_busy() {
    let stage = Stage::new().await;
    // A pause every 160 ms for five seconds.
    for pause in 0..31 {
        stage.tell(TranscriberMsg::Speculate(until(1000 + 160 * pause), Likely::Turn)).await;
        stage.tell(TranscriberMsg::Resumed).await;
    }
    assert!(stage.stt.newest().0 <= 15 + 3, "three a second: {}", stage.stt.newest().0);
    // The turn's end is transcribed whatever was spent before it.
    stage.tell(TranscriberMsg::Final(until(5960))).await;
    assert!(!stage.stt.newest().1.partial);
}
