//! Many faces at once, through their rings and actors: how late a frame is in the scores, and what it costs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use duologue_actors::{
    face::{Face, FaceArgs, FaceEvent},
    landmarks_in::LandmarksIn,
    session::SessionMsg,
};
use duologue_testkit::face::{Face as Core, FaceConfig, Frame, track::Script};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::figure;

/// Latencies in milliseconds.
type Latencies = Arc<Mutex<Vec<f32>>>;

/// Stands where a Session would: takes the readings.
struct Probe;

impl Actor for Probe {
    type Msg = SessionMsg;
    type State = (Instant, Latencies);
    type Arguments = (Instant, Latencies);

    async fn pre_start(
        &self,
        _: ActorRef<SessionMsg>,
        state: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        (started, latencies): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SessionMsg::Face(FaceEvent::Reading { reading, .. }) = message {
            let late = started.elapsed().as_secs_f32() * 1_000.0 - reading.at_ms as f32;
            latencies.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        Ok(())
    }
}

/// Thirty pictures a second, as cameras give them.
const FRAME: Duration = Duration::from_nanos(33_333_333);

async fn send(ring: LandmarksIn, frames: Arc<Vec<Frame>>, offset: Duration, until: Instant) {
    tokio::time::sleep(offset).await;
    let began = Instant::now();
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for frame in frames.iter().cycle() {
        ticks.tick().await;
        if Instant::now() >= until {
            return;
        }
        ring.push(began.elapsed().as_micros() as u64, frame.clone());
    }
}

/// Sends from so many sessions for so long; true when both bars are kept.
pub(crate) async fn run(sessions: usize, seconds: u64) -> bool {
    let track = Script { seconds: 20.0, ..Script::default() }.play();
    let frames: Arc<Vec<Frame>> = Arc::new(track.frames.into_iter().map(|(_, frame)| frame).collect());
    let latencies = Latencies::default();
    let until = Instant::now() + Duration::from_secs(seconds);
    let cpu_before = cpu();
    let mut senders = Vec::new();
    for session in 0..sessions {
        let started = Instant::now();
        let Ok((parent, _)) = Actor::spawn(None, Probe, (started, latencies.clone())).await else {
            return false;
        };
        let landmarks = LandmarksIn::default();
        let core = Box::new(Core::new(FaceConfig::default()));
        let args = FaceArgs { parent, landmarks: landmarks.clone(), started, core, enabled: true };
        if Actor::spawn(None, Face, args).await.is_err() {
            return false;
        }
        let offset = FRAME.mul_f32(session as f32 / sessions as f32);
        senders.push(tokio::spawn(send(landmarks, frames.clone(), offset, until)));
    }
    for sender in senders {
        let _ = sender.await;
    }
    let used = (cpu() - cpu_before) / seconds as f32 / sessions as f32 * 100.0;
    let mut late = latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    late.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| late.get((late.len() as f32 * share) as usize).copied().unwrap_or(f32::NAN);
    let value =
        format!("p50 {:.1} ms, p99 {:.1} ms of {} scores (p99 ≤ 20 ms)", at(0.5), at(0.99), late.len());
    let quick = figure(&format!("frame to score, {sessions} sessions × 30 fps"), &value, at(0.99) <= 20.0);
    let value = format!("{used:.3} % of a core for one session, its sender included (≤ 0.5 %)");
    figure("CPU of Face", &value, used <= 0.5) && quick
}

/// Seconds of CPU that this process has used.
pub(crate) fn cpu() -> f32 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets; user and system time are the 14th and 15th of all fields, in hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f32>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
