//! What one client that sends landmarks costs a server that does nothing else.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::super::voice::say;

/// Thirty pictures a second.
const FRAME: Duration = Duration::from_nanos(33_333_333);

/// Share of a core in percent that one client may cost.
const BAR: f64 = 1.0;

/// A server without models, on a port of its own.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(program: &str) -> anyhow::Result<Self> {
        // Free a moment ago, and nobody else is expected to want it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["serve", "--port", &port.to_string(), "--log-level", "warn"]);
        for set in ["store.kind=memory", "llm.enabled=false", "stt.enabled=false", "tts.enabled=false"] {
            command.args(["--set", set]);
        }
        let process = command.stdout(Stdio::null()).spawn();
        let process = process.with_context(|| format!("{program} cannot be run: build it first"))?;
        Ok(Self { process, port })
    }

    /// Seconds of CPU so far.
    fn cpu(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // After the name in brackets; user and system time are the 14th and 15th of all fields, in hundredths.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let used = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / 100.0);
        used.context("the system does not tell the CPU time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One frame with everything in it: blendshapes, the matrix of a head half a metre away, 36 points that hardly move.
fn frame(sequence: u32, sent_us: u64) -> Vec<u8> {
    let mut bytes = vec![0x44, 1, 2, 1];
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(sent_us.to_le_bytes());
    bytes.extend([640_u16, 360].iter().flat_map(|side| side.to_le_bytes()));
    bytes.extend([6, 0]);
    bytes.extend(36_u16.to_le_bytes());
    bytes.extend((0..52).map(|index| ((index * 5 + sequence / 7) % 90) as u8));
    let mut matrix = [0.0_f32; 16];
    (matrix[0], matrix[5], matrix[10], matrix[14], matrix[15]) = (1.0, 1.0, 1.0, -50.0, 1.0);
    bytes.extend(matrix.iter().flat_map(|value| value.to_le_bytes()));
    for point in 0..36_i16 {
        let moved = (sequence % 16) as i16;
        bytes.extend(
            [5_000 + 150 * point + moved, 6_000 + 90 * (point % 7), -40 * (point % 9)]
                .iter()
                .flat_map(|value| value.to_le_bytes()),
        );
    }
    bytes
}

/// Sends for so long, and says what it cost.
pub(super) async fn run(program: &str, seconds: u64) -> anyhow::Result<()> {
    let server = Server::start(program)?;
    let url = format!("ws://127.0.0.1:{}/ws/landmarks", server.port);
    let mut tries = 0;
    let (socket, _) = loop {
        match connect_async(&url).await {
            Ok(connected) => break connected,
            Err(error) if tries == 150 => bail!("the server is not ready after 30 s: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        tries += 1;
    };
    let (mut sink, mut stream) = socket.split();
    let scores = tokio::spawn(async move {
        let mut scores = 0;
        while let Some(Ok(message)) = stream.next().await {
            scores += u64::from(message.to_text().is_ok_and(|text| text.contains("duologue.scores")));
        }
        scores
    });
    // What it takes to start is not counted.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, began) = (server.cpu()?, Instant::now());
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for sequence in 0..seconds as u32 * 30 {
        ticks.tick().await;
        let bytes = frame(sequence, began.elapsed().as_micros() as u64);
        sink.send(Message::Binary(bytes.into())).await?;
    }
    let used = (server.cpu()? - before) / began.elapsed().as_secs_f64() * 100.0;
    sink.close().await?;
    let scores = tokio::time::timeout(Duration::from_secs(10), scores).await??;
    let kept = used <= BAR && scores + 2 >= seconds;
    let mark = if kept { "ok  " } else { "MISS" };
    say(&format!(
        "{mark} CPU of the server, one client × 30 fps: {used:.2} % of a core (≤ {BAR} %), {scores} scores"
    ));
    ensure!(kept, "a bar was not kept");
    Ok(())
}
