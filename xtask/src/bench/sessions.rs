//! What a session costs: memory of one that idles, what is left of those that were closed, many at once.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use futures_util::{SinkExt, StreamExt, future::join_all, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::voice::say;

/// Flags of `bench sessions`.
#[derive(Args)]
pub(crate) struct SessionsArgs {
    /// The server's program
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Sessions that idle together
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// Sessions that are opened and closed
    #[arg(long, default_value_t = 2_000)]
    cycles: usize,
    /// Connections at once
    #[arg(long, default_value_t = 200)]
    at_once: usize,
    /// Sessions that also exchange a message
    #[arg(long, default_value_t = 50)]
    exchanged: usize,
    /// Language model of the exchanged messages
    #[arg(long, default_value = "smollm2-135m")]
    llm: String,
    /// Most that an idle session may cost, in KB
    #[arg(long, default_value_t = 100.0)]
    bar_kb: f64,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Events that a client may have waiting; nobody looks at those of an idle one.
const UNSEEN: usize = 64;

/// A connection that is read all the time, as clients do: otherwise the server's pings go unanswered.
struct Client {
    sink: SplitSink<Socket, Message>,
    /// Types of events.
    seen: mpsc::Receiver<String>,
    reader: JoinHandle<()>,
}

impl Client {
    async fn connect(url: String) -> anyhow::Result<Self> {
        let (sink, mut stream) = connect_async(url).await?.0.split();
        let (see, seen) = mpsc::channel(UNSEEN);
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else { continue };
                let event = serde_json::from_str::<Value>(&text).unwrap_or_default();
                // A full queue is nobody's who waits for something.
                let _ = see.try_send(event["type"].as_str().unwrap_or_default().to_owned());
            }
        });
        Ok(Self { sink, seen, reader })
    }

    async fn until(&mut self, kind: &str) -> anyhow::Result<()> {
        let wait = async {
            while let Some(seen) = self.seen.recv().await {
                if seen == kind {
                    return Ok(());
                }
            }
            bail!("the server closed the connection before {kind}")
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.with_context(|| format!("no {kind}"))?
    }

    /// Writes something and waits for the end of the answer.
    async fn exchange(&mut self) -> anyhow::Result<()> {
        let content = json!([{"type": "input_text", "text": "Say one word."}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        let response = json!({"output_modalities": ["text"], "max_output_tokens": 8});
        for event in [
            json!({"type": "conversation.item.create", "item": item}),
            json!({"type": "response.create", "response": response}),
        ] {
            self.sink.send(Message::Text(event.to_string().into())).await?;
        }
        self.until("response.done").await
    }

    async fn close(mut self) {
        // Whatever has gone already needs no end.
        let _ = self.sink.close().await;
        if tokio::time::timeout(Duration::from_secs(5), &mut self.reader).await.is_err() {
            self.reader.abort();
        }
    }
}

/// How long sessions and their sockets may take to vanish after they were closed.
const SETTLE: Duration = Duration::from_secs(30);

/// Connections that are made at the same time while many are opened.
const BATCH: usize = 50;

/// A server of its own, so that nobody else's sessions count.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    async fn start(args: &SessionsArgs) -> anyhow::Result<Self> {
        // Free a moment ago, and nobody else is expected to want it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(&args.program);
        command.args(["serve", "--port", &port.to_string(), "--log-level", "warn"]);
        // Those that were closed a moment ago count until they have ended.
        let sessions = args.idle.max(args.at_once) + args.cycles;
        for set in [
            "store.kind=memory".to_owned(),
            format!("llm.model={}", args.llm),
            format!("sessions.max={sessions}"),
            format!("sessions.per_user={sessions}"),
            "sessions.created_per_minute=1000000".to_owned(),
            // A scene outlives its connection; here not for long.
            "sessions.idle_timeout_s=1".to_owned(),
        ] {
            command.args(["--set", &set]);
        }
        let process = command.stdout(Stdio::null()).spawn().with_context(|| {
            format!("{} cannot be run: build it with `cargo build --release`", args.program)
        })?;
        let mut server = Self { process, port };
        for _ in 0..600 {
            if server.get("/health").await.is_ok_and(|health| health.contains("\"status\":\"ok\"")) {
                return Ok(server);
            }
            ensure!(server.process.try_wait()?.is_none(), "the server ended at once");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("the server is not ready after two minutes: {}", server.get("/health").await?)
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port);
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn open(&self) -> anyhow::Result<Client> {
        let url = format!("ws://127.0.0.1:{}/v1/realtime?model=maya", self.port);
        let mut client = Client::connect(url).await?;
        client.until("session.created").await?;
        Ok(client)
    }

    /// So many sessions, opened some at a time.
    async fn open_many(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        let mut sockets = Vec::new();
        while sockets.len() < count {
            let batch = (0..BATCH.min(count - sockets.len())).map(|_| self.open());
            for socket in join_all(batch).await {
                sockets.push(socket?);
            }
        }
        Ok(sockets)
    }

    /// What is there now.
    async fn stock(&self) -> anyhow::Result<Stock> {
        let mut gauges = BTreeMap::<&'static str, f64>::new();
        for line in self.get("/metrics").await?.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let bare = name.split('{').next().unwrap_or(name);
            if let Some(gauge) = GAUGES.iter().find(|gauge| **gauge == bare) {
                *gauges.entry(gauge).or_default() += value.parse::<f64>().unwrap_or(f64::NAN);
            }
        }
        let folder = format!("/proc/{}", self.process.id());
        let files = fs::read_dir(format!("{folder}/fd"))?.flatten();
        let is_socket = |path: std::path::PathBuf| {
            fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
        };
        let sockets = files.filter(|entry| is_socket(entry.path())).count();
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(f64::NAN)
        };
        Ok(Stock { gauges, sockets, memory_kb: number("VmRSS:"), threads: number("Threads:") })
    }

    /// The stock once it has stopped to shrink to `before`, or after [`SETTLE`].
    async fn settled(&self, before: &Stock) -> anyhow::Result<Stock> {
        let began = Instant::now();
        loop {
            let now = self.stock().await?;
            if now.is_back(before) || began.elapsed() > SETTLE {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `/metrics` is asked for.
const GAUGES: [&str; 5] = ["sessions_open", "actors_alive", "rings_alive", "tasks_alive", "sockets_open"];

/// What is there at one moment.
struct Stock {
    gauges: BTreeMap<&'static str, f64>,
    sockets: usize,
    memory_kb: f64,
    threads: f64,
}

impl Stock {
    fn gauge(&self, name: &str) -> f64 {
        self.gauges.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Whether as much is there as before; the request that asks is a task and a socket more or less.
    fn is_back(&self, before: &Self) -> bool {
        let near = |name| self.gauge(name) <= before.gauge(name) + 2.0;
        self.gauge("sessions_open") <= before.gauge("sessions_open")
            && self.gauge("actors_alive") <= before.gauge("actors_alive")
            && self.gauge("rings_alive") <= before.gauge("rings_alive")
            && near("tasks_alive")
            && near("sockets_open")
            && self.sockets <= before.sockets + 2
    }

    fn print(&self, when: &str) {
        say(&format!(
            "{when:<34}{:>9.0}{:>8.0}{:>8.0}{:>8.0}{:>9}{:>9.0}{:>12.0}",
            self.gauge("sessions_open"),
            self.gauge("actors_alive"),
            self.gauge("rings_alive"),
            self.gauge("tasks_alive"),
            self.sockets,
            self.threads,
            self.memory_kb
        ));
    }
}

/// Measures and prints; an error when a bar is missed.
pub(crate) async fn run(args: &SessionsArgs) -> anyhow::Result<()> {
    let server = Server::start(args).await?;
    // The first sessions load what all later ones share.
    close(server.open_many(BATCH).await?).await;
    let first = server.stock().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let empty = server.settled(&first).await?;
    say(&format!(
        "{:<34}{:>9}{:>8}{:>8}{:>8}{:>9}{:>9}{:>12}",
        "", "sessions", "actors", "rings", "tasks", "sockets", "threads", "memory KB"
    ));
    empty.print("empty");
    let idle = idle(&server, args, &empty).await?;
    let left = churn(&server, args, &empty).await?;
    crowd(&server, args, &empty).await?;
    ensure!(idle <= args.bar_kb, "an idle session costs {idle:.1} KB, more than {} KB", args.bar_kb);
    ensure!(left, "something is left of closed sessions");
    Ok(())
}

/// KB that an idle session costs, by the growth of the process.
async fn idle(server: &Server, args: &SessionsArgs, empty: &Stock) -> anyhow::Result<f64> {
    let mut sockets = server.open_many(args.idle).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let open = server.stock().await?;
    open.print(&format!("{} idle", args.idle));
    let each = (open.memory_kb - empty.memory_kb) / args.idle as f64;
    let count = args.exchanged.min(sockets.len());
    for socket in sockets.iter_mut().take(count) {
        socket.exchange().await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let talked = server.stock().await?;
    talked.print(&format!("{count} of them exchanged a message"));
    let more = (talked.memory_kb - open.memory_kb) / count.max(1) as f64;
    close(sockets).await;
    server.settled(empty).await?.print("closed");
    say(&format!("an idle session costs {each:.1} KB, an exchanged message {more:.1} KB more\n"));
    Ok(each)
}

/// Whether nothing is left of sessions that were opened and closed. In two halves: an allocator keeps what the first
/// one needed at its peak, but what the second one adds would be a leak.
async fn churn(server: &Server, args: &SessionsArgs, empty: &Stock) -> anyhow::Result<bool> {
    let began = Instant::now();
    let half = args.cycles.div_ceil(2);
    let first = cycle(server, half, empty).await?;
    first.print(&format!("{half} opened and closed"));
    let second = cycle(server, half, empty).await?;
    second.print(&format!("{half} more"));
    let rate = 2.0 * half as f64 / began.elapsed().as_secs_f64();
    let grown = second.memory_kb - first.memory_kb;
    say(&format!("{rate:.0} sessions a second; the second half left {grown:.0} KB more than the first\n"));
    Ok(second.is_back(empty))
}

async fn cycle(server: &Server, count: usize, empty: &Stock) -> anyhow::Result<Stock> {
    let mut done = 0;
    while done < count {
        let batch = BATCH.min(count - done);
        close(server.open_many(batch).await?).await;
        done += batch;
    }
    server.settled(empty).await
}

/// Connections that all come at the same moment.
async fn crowd(server: &Server, args: &SessionsArgs, empty: &Stock) -> anyhow::Result<()> {
    let timed = (0..args.at_once).map(|_| async {
        let began = Instant::now();
        server.open().await.map(|socket| (socket, began.elapsed()))
    });
    let (mut sockets, mut times) = (Vec::new(), Vec::new());
    for result in join_all(timed).await {
        let (socket, time) = result?;
        sockets.push(socket);
        times.push(time.as_secs_f64() * 1_000.0);
    }
    server.stock().await?.print(&format!("{} connected at once", args.at_once));
    close(sockets).await;
    server.settled(empty).await?.print("closed");
    let at = |share| super::score::quantile(&times, share);
    say(&format!("ready after {:.0} ms p50, {:.0} ms p95, {:.0} ms at most", at(0.5), at(0.95), at(1.0)));
    Ok(())
}

async fn close(clients: Vec<Client>) {
    join_all(clients.into_iter().map(Client::close)).await;
}
