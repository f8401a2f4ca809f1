//! One player behind a network of 40 ms with 20 ms of jitter each way, in real time: whatever is sent waits for as
//! long, in its order. The player's clock is another one, and is fitted as pages do it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::house::House;

/// Questions about the time that are kept.
const SAMPLES: usize = 16;

/// What came of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) notes: u32,
    pub(super) late: u32,
    /// The least time between the arrival of a note and its moment.
    pub(super) spare_ms: f64,
}

/// Delays, each the same in every run.
struct Delays {
    state: u32,
    last: Instant,
}

impl Delays {
    fn new(state: u32) -> Self {
        Self { state, last: Instant::now() }
    }

    /// When what is sent now arrives.
    fn next(&mut self) -> Instant {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let jitter = f64::from(self.state >> 8) / f64::from(1_u32 << 24) * 40.0 - 20.0;
        self.last = self.last.max(Instant::now() + Duration::from_secs_f64((40.0 + jitter) / 1_000.0));
        self.last
    }
}

/// Microseconds of the player's clock: another beginning, and 50 ppm too fast.
fn clock(began: Instant) -> f64 {
    3e9 + began.elapsed().as_secs_f64() * 1e6 * 1.000_05
}

/// The player's estimate of the duet's clock minus their own.
#[derive(Default)]
struct Fit(VecDeque<(f64, f64)>);

impl Fit {
    fn add(&mut self, synced: &Value, t3: f64) {
        let time = |key: &str| synced[key].as_f64().unwrap_or(f64::NAN);
        let (t0, t1, t2) = (time("t0"), time("t1"), time("t2"));
        if self.0.len() == SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back((((t1 - t0) + (t2 - t3)) / 2.0, (t3 - t0) - (t2 - t1)));
    }

    fn theta(&self) -> Option<f64> {
        self.0.iter().min_by(|one, other| one.1.total_cmp(&other.1)).map(|(theta, _)| *theta)
    }
}

/// Plays for so long and counts.
pub(super) async fn play(house: &House, seconds: u64) -> anyhow::Result<Heard> {
    let (mut sink, mut stream) = house.player().await?.split();
    let (up, mut going) = mpsc::channel::<(Instant, Value)>(1_024);
    let (down, mut coming) = mpsc::channel::<(Instant, String)>(4_096);
    let sending = tokio::spawn(async move {
        while let Some((at, value)) = going.recv().await {
            tokio::time::sleep_until(at.into()).await;
            if sink.send(Message::Text(value.to_string().into())).await.is_err() {
                return;
            }
        }
    });
    let receiving = tokio::spawn(async move {
        let mut delays = Delays::new(5);
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else { continue };
            if down.send((delays.next(), text.to_string())).await.is_err() {
                return;
            }
        }
    });
    let began = Instant::now();
    let player = tokio::spawn(perform(up, began, seconds));
    let mut heard = Heard { notes: 0, late: 0, spare_ms: f64::INFINITY };
    let mut fit = Fit::default();
    while began.elapsed() < Duration::from_secs(seconds) {
        let next = tokio::time::timeout(Duration::from_secs(1), coming.recv()).await;
        let Ok(Some((at, text))) = next else { continue };
        tokio::time::sleep_until(at.into()).await;
        let event = serde_json::from_str::<Value>(&text)?;
        match event["type"].as_str() {
            Some("duet.synced") => fit.add(&event, clock(began)),
            Some("duet.notes") => {
                let Some(theta) = fit.theta() else { continue };
                for note in event["notes"].as_array().into_iter().flatten() {
                    let spare = note[1].as_f64().unwrap_or(0.0) - theta - clock(began);
                    heard.notes += 1;
                    heard.late += u32::from(spare < 0.0);
                    heard.spare_ms = heard.spare_ms.min(spare / 1_000.0);
                }
            }
            _ => {}
        }
    }
    player.abort();
    sending.abort();
    receiving.abort();
    Ok(heard)
}

/// Asks for the time, starts, plays quarters.
async fn perform(up: mpsc::Sender<(Instant, Value)>, began: Instant, seconds: u64) -> anyhow::Result<()> {
    let mut delays = Delays::new(9);
    for index in 0..seconds * 10 {
        if index < SAMPLES as u64 || index % 20 == 0 {
            up.send((delays.next(), json!({"type": "duet.sync", "t0": clock(began)}))).await?;
        }
        if index == SAMPLES as u64 {
            let start = json!({"type": "duet.start", "mode": "accompany", "style": "bossa", "bpm": 120});
            up.send((delays.next(), start)).await?;
        }
        if index % 5 == 0 {
            let key = 60 + [0, 4, 7, 9][index as usize / 5 % 4];
            let events = json!([[0, 0x90, key, 80], [0, 0x80, key, 0]]);
            up.send((delays.next(), json!({"type": "duet.midi", "events": events}))).await?;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
