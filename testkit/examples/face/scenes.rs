//! Whole scenes at once: how long it takes from a frame that makes Face read to the scores in the session's outbox, and
//! what Face, Coach and Session cost together. Only the models are fakes, and they are asked once, before the clock runs.
//!
//! Which frame makes Face read has to be known from outside. Frames come every [`FRAME`], 31 of them in a little over a
//! second and 30 in a little less, so that it is every 31st. What comes half a second and more after one is no answer
//! to it but a second's tick of the Session, while smoothed scores still move; those are counted and said.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duologue_actors::{
    event::{ClientCommand, ResponseRequest, SessionConfig, SessionEvent},
    landmarks_in::LandmarksIn,
    outbox::Outgoing,
    session::SessionSpec,
    sessions::{Attachment, SessionHandle, SessionLimits, SessionsArgs, SessionsHandle},
};
use duologue_domain::conversation::{Content, Item, Speaker};
use duologue_testkit::{
    FakeLlm, FakeStt, FakeTts, FakeVad, MemoryStore, engines,
    face::{Frame, track::Script},
    persona, record,
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{figure, load::cpu, say};

/// Between two frames: 30.5 a second.
const FRAME: Duration = Duration::from_micros(32_787);
/// Frames from one reading to the next.
const READ_EVERY: usize = 31;
/// Longer after a frame than this, scores are no answer to it.
const ANSWER: Duration = Duration::from_millis(500);
/// Every scene has one turn behind it, so that the Coach has words to weigh; it takes so long.
const TALK: Duration = Duration::from_secs(6);
/// How long the senders are measured alone.
const ALONE: Duration = Duration::from_secs(8);

/// What is noted of one scene.
#[derive(Default)]
struct Notes {
    /// The frame that makes Face read next, or made it last; until the scores have come.
    asked: Option<Instant>,
    frames: usize,
    /// Milliseconds from a frame to its scores.
    late: Vec<f32>,
    ticks: usize,
    unchanged: usize,
}

type Shared = Arc<Mutex<Notes>>;

fn lock(notes: &Shared) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends from `from` to `until` as a camera does: what was held up is sent at once, with the time at which it was due.
async fn send(ring: LandmarksIn, frames: Arc<Vec<Frame>>, notes: Shared, (from, until): (Instant, Instant)) {
    for (index, frame) in frames.iter().cycle().enumerate() {
        let due = FRAME * index as u32;
        sleep_until(from + due).await;
        if Instant::now() >= until {
            return;
        }
        let frame = frame.clone();
        {
            let mut notes = lock(&notes);
            notes.frames += 1;
            if index % READ_EVERY == 0 {
                notes.unchanged += usize::from(notes.asked.is_some());
                notes.asked = Some(Instant::now());
            }
        }
        ring.push(due.as_micros() as u64, frame);
    }
}

/// Reads everything that a scene says.
async fn listen(attachment: Attachment, notes: Shared) {
    while let Ok(outgoing) = attachment.next().await {
        let Outgoing::Event(event) = outgoing else { continue };
        if !matches!(*event, SessionEvent::Scores(_)) {
            continue;
        }
        let mut notes = lock(&notes);
        match notes.asked.map(|asked| asked.elapsed()) {
            Some(late) if late < ANSWER => {
                notes.asked = None;
                notes.late.push(late.as_secs_f32() * 1_000.0);
            }
            _ => notes.ticks += 1,
        }
    }
}

fn talk(scene: &SessionHandle) {
    let content = Content::InputText("How was your day? I had a wonderful walk by the river.".into());
    let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
    scene.command(ClientCommand::CreateItem { item, previous: None });
    scene.command(ClientCommand::CreateResponse(ResponseRequest::default()));
}

async fn open(sessions: usize) -> Option<(SessionsHandle, Vec<SessionHandle>)> {
    let (stt, llm) = (FakeStt::hearing(&[]), FakeLlm::saying(&["It was good. Where did you walk?"]));
    let engines = engines(&stt, &llm, &FakeTts::default(), &FakeVad::default());
    let store = Arc::new(MemoryStore::default());
    let args = SessionsArgs { engines, store, limits: SessionLimits::default() };
    let house = SessionsHandle::start(args).await.ok()?;
    let mut scenes = Vec::new();
    for session in 0..sessions {
        let spec = SessionSpec {
            record: record(&format!("s{session}")),
            persona: persona(),
            config: SessionConfig::default(),
            history: Vec::new(),
            facts: Vec::new(),
            likability: None,
        };
        scenes.push(house.open(spec).await.ok()?);
    }
    Some((house, scenes))
}

/// Sends into these rings for so long; seconds of CPU that the process used meanwhile.
async fn film(rings: Vec<LandmarksIn>, frames: &Arc<Vec<Frame>>, notes: &[Shared], length: Duration) -> f32 {
    let (from, before, count) = (Instant::now(), cpu(), rings.len());
    let senders = rings.into_iter().zip(notes).enumerate().map(|(index, (ring, notes))| {
        let offset = FRAME * index as u32 / count as u32;
        tokio::spawn(send(ring, frames.clone(), notes.clone(), (from + offset, from + length)))
    });
    for sender in senders.collect::<Vec<_>>() {
        let _ = sender.await;
    }
    cpu() - before
}

/// Sends into so many scenes for so long; true when both bars are kept.
pub(crate) async fn run(sessions: usize, seconds: u64) -> bool {
    let length = Duration::from_secs(seconds);
    let track = Script { seconds: 20.0, fps: 30.5, blinks_per_minute: 20.0, ..Script::default() }.play();
    let frames: Arc<Vec<Frame>> = Arc::new(track.frames.into_iter().map(|(_, frame)| frame).collect());
    let notes: Vec<Shared> = (0..sessions).map(|_| Shared::default()).collect();
    // Into rings that nobody reads, and notes that nobody looks at.
    let rings = (0..sessions).map(|_| LandmarksIn::default()).collect();
    let nothing: Vec<Shared> = (0..sessions).map(|_| Shared::default()).collect();
    let percent = |used: f32, length: Duration| used / length.as_secs_f32() / sessions as f32 * 100.0;
    let sender = percent(film(rings, &frames, &nothing, ALONE).await, ALONE);
    let Some((house, scenes)) = open(sessions).await else {
        return figure("whole scenes", "they could not be opened", false);
    };
    for (scene, notes) in scenes.iter().zip(&notes) {
        tokio::spawn(listen(scene.attach(), notes.clone()));
        talk(scene);
    }
    sleep(TALK).await;
    for notes in &notes {
        *lock(notes) = Notes::default();
    }
    let before = cpu();
    sleep(TALK).await;
    let idle = percent(cpu() - before, TALK);
    let rings = scenes.iter().map(SessionHandle::landmarks).collect();
    let used = percent(film(rings, &frames, &notes, length).await, length);
    sleep(ANSWER).await;
    let kept = report(&notes, (sessions, length), (used, sender, idle));
    house.drain(Duration::from_secs(5)).await;
    kept
}

fn report(notes: &[Shared], (sessions, length): (usize, Duration), cpu: (f32, f32, f32)) -> bool {
    let (used, sender, idle) = cpu;
    let (mut late, mut frames, mut ticks, mut unchanged) = (Vec::new(), 0, 0, 0);
    for notes in notes {
        let notes = lock(notes);
        late.extend(&notes.late);
        frames += notes.frames;
        ticks += notes.ticks;
        unchanged += notes.unchanged;
    }
    late.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| late.get((late.len() as f32 * share) as usize).copied().unwrap_or(f32::NAN);
    let value = format!(
        "p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms, of {} scores (p99 ≤ 20 ms)",
        at(0.5),
        at(0.99),
        late.last().copied().unwrap_or(f32::NAN),
        late.len()
    );
    let rate = frames as f32 / sessions as f32 / length.as_secs_f32();
    let quick = figure(
        &format!("frame to the scores' event, {sessions} whole scenes × {rate:.1} fps"),
        &value,
        at(0.99) <= 20.0 && rate >= 30.0,
    );
    say(&format!("     {ticks} more scores on the second's tick, {unchanged} readings that changed nothing"));
    let net = used - sender;
    let value = format!(
        "{net:.3} % of a core for one (≤ 0.5 %), without its sender's {sender:.3} %; {idle:.3} % while no frames come"
    );
    figure("CPU of Face, Coach and Session", &value, net <= 0.5) && quick
}
