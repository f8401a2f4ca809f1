//! Many sessions that all play: a melody in eighths each, with a partner who accompanies it.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;

use super::{
    super::voice::say,
    house::{Histogram, House, Socket},
};

/// Connections that are made at the same time.
const BATCH: usize = 25;

/// An eighth at 120 quarters a minute.
const EIGHTH: Duration = Duration::from_millis(250);

/// A bar of it.
const BAR: Duration = Duration::from_secs(2);

/// Styles and modes in turn, so that no kind of plan is left out.
const STYLES: [&str; 7] =
    ["jazz_swing", "bossa", "blues", "pop_ballad", "classical", "ragtime", "korean_ballad"];
const MODES: [&str; 4] = ["trade", "accompany", "counter", "lead"];

/// How long it took from a note to the plan that was sent, while so many played for so long.
pub(super) async fn play(house: &House, sessions: usize, seconds: u64) -> anyhow::Result<Histogram> {
    let mut sockets = Vec::new();
    while sockets.len() < sessions {
        let batch = (0..BATCH.min(sessions - sockets.len())).map(|_| house.player());
        for socket in join_all(batch).await {
            sockets.push(socket?);
        }
    }
    let begun = Instant::now() + Duration::from_millis(100);
    let players = sockets.into_iter().enumerate().map(|(number, socket)| {
        // Nobody begins at the same moment as somebody else, as nobody does: within one bar, evenly.
        let offset = BAR.mul_f64(number as f64 / sessions as f64);
        tokio::spawn(melody(number, socket, begun + offset, seconds))
    });
    let players = players.collect::<Vec<_>>();
    // Until everybody has started.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (before, steps) =
        (house.histogram("duet_plan_seconds").await?, house.histogram("duet_step_seconds").await?);
    let (cpu, at) = (house.cpu()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds.saturating_sub(4).max(1))).await;
    let after = house.histogram("duet_plan_seconds").await?.since(&before);
    let steps = house.histogram("duet_step_seconds").await?.since(&steps);
    let used = (house.cpu()? - cpu) / at.elapsed().as_secs_f64() * 100.0;
    say(&format!(
        "     {sessions} sessions: {used:.0} % of a core; note to engine's answer {:.2} ms p50, {:.2} ms p99 of {}",
        steps.quantile_ms(0.5),
        steps.quantile_ms(0.99),
        steps.count()
    ));
    for player in players {
        player.await??;
    }
    Ok(after)
}

async fn melody(number: usize, socket: Socket, begun: Instant, seconds: u64) -> anyhow::Result<()> {
    let (mut sink, mut stream) = socket.split();
    // Read like a client that has nothing else to do; what is in it is not looked at.
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
    let start = json!({
        "type": "duet.start", "style": STYLES[number % 7], "mode": MODES[number / 7 % 4], "bpm": 120,
        "follow": number.is_multiple_of(2), "seed": number,
    });
    tokio::time::sleep_until(begun.into()).await;
    sink.send(Message::Text(start.to_string().into())).await?;
    let mut eighths = interval_at(begun.into(), EIGHTH);
    eighths.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    for index in 0..seconds * 4 {
        eighths.tick().await;
        let key = 60 + [0, 2, 4, 7, 9, 7, 4, 2][(index as usize + number) % 8];
        // The server takes its own time for notes that say none that can be.
        let mut events = vec![json!([0, 0x90, key, 80])];
        events.extend(before.map(|before: u32| json!([0, 0x80, before, 0])));
        before = Some(key);
        let midi = json!({"type": "duet.midi", "events": events});
        sink.send(Message::Text(midi.to_string().into())).await?;
    }
    sink.send(Message::Close(None)).await?;
    // Whether the server answers the end does not matter any more.
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
    Ok(())
}
