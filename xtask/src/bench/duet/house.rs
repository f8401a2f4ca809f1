//! A server without models, its sessions, and what its metrics say.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// One player's connection.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The server.
pub(super) struct House {
    process: Child,
    port: u16,
}

impl House {
    pub(super) async fn start(program: &str, sessions: usize) -> anyhow::Result<Self> {
        // Free a moment ago, and nobody else is expected to want it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["serve", "--port", &port.to_string(), "--log-level", "warn"]);
        for set in [
            "store.kind=memory".to_owned(),
            "llm.enabled=false".to_owned(),
            "stt.enabled=false".to_owned(),
            "tts.enabled=false".to_owned(),
            format!("sessions.max={}", 2 * sessions + 10),
            format!("sessions.per_user={}", 2 * sessions + 10),
            "sessions.created_per_minute=1000000".to_owned(),
        ] {
            command.args(["--set", &set]);
        }
        let process = command.stdout(Stdio::null()).spawn();
        let process = process.with_context(|| format!("{program} cannot be run: build it first"))?;
        let mut house = Self { process, port };
        for _ in 0..150 {
            if house.http("GET", "/health", "").await.is_ok() {
                return Ok(house);
            }
            ensure!(house.process.try_wait()?.is_none(), "the server ended at once");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("the server is not ready after 30 s")
    }

    async fn http(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// A player alone in a session of their own, who was welcomed.
    pub(super) async fn player(&self) -> anyhow::Result<Socket> {
        let answer = self.http("POST", "/chat/sessions", "{\"persona_id\":\"maya\"}").await?;
        let json = answer.find('{').and_then(|at| serde_json::from_str::<Value>(&answer[at..]).ok());
        let made = json.with_context(|| format!("no session: {answer}"))?;
        let text =
            |key: &str| made[key].as_str().map(str::to_owned).context("a session has an id and a secret");
        let url = format!("ws://127.0.0.1:{}/ws/duet/{}", self.port, text("id")?);
        let mut request = url.into_client_request()?;
        let protocols = format!("realtime, duologue-secret.{}", text("secret")?);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
        let mut socket = connect_async(request).await?.0;
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.contains("duet.welcome") => Ok(socket),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// A histogram so far.
    pub(super) async fn histogram(&self, name: &str) -> anyhow::Result<Histogram> {
        let text = self.http("GET", "/metrics", "").await?;
        let start = format!("{name}_bucket{{le=\"");
        let bucket = |line: &str| {
            let (le, count) = line.strip_prefix(&start)?.split_once("\"} ")?;
            Some((le.parse::<f64>().ok()?, count.trim().parse::<f64>().ok()?))
        };
        Ok(Histogram(text.lines().filter_map(bucket).collect()))
    }

    /// Seconds of CPU so far.
    pub(super) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // After the name in brackets; user and system time are the 14th and 15th of all fields, in hundredths.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let used = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / 100.0);
        used.context("the system does not tell the CPU time")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Upper borders and how many were not above each, cumulative.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// What came since an earlier look.
    pub(super) fn since(&self, before: &Self) -> Self {
        let old = |le: f64| before.0.iter().find(|(other, _)| *other == le).map_or(0.0, |(_, count)| *count);
        Self(self.0.iter().map(|(le, count)| (*le, count - old(*le))).collect())
    }

    pub(super) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// In milliseconds, between the borders by proportion; infinite above the last.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = share * self.count();
        let mut below = (0.0, 0.0);
        for (le, count) in &self.0 {
            if *count >= wanted && *count > below.1 {
                let part = (wanted - below.1) / (count - below.1);
                return (below.0 + (le - below.0) * part) * 1_000.0;
            }
            below = (*le, *count);
        }
        f64::NAN
    }
}
