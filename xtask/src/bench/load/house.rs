//! A server of its own under load, and what it holds: memory, tasks, actors, sockets, files, threads, time of the CPU.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long a server may take to load its models and listen.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// The clock of `/proc/*/stat`, the same on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// The server. It ends with this.
pub(super) struct House {
    process: Child,
    pub(super) port: u16,
}

impl House {
    /// Starts `program` with these settings beside those that let everybody in.
    pub(super) async fn start(program: &str, settings: &[String]) -> anyhow::Result<Self> {
        // Free a moment ago, and nobody else is expected to want it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["serve", "--port", &port.to_string(), "--log-level", "warn"]);
        let open = ["sessions.max=100000", "sessions.per_user=100000", "sessions.created_per_minute=1000000"];
        for set in open.into_iter().chain(settings.iter().map(String::as_str)) {
            command.args(["--set", set]);
        }
        let process = command.stdout(Stdio::null()).spawn();
        let process = process
            .with_context(|| format!("{program} cannot be run: build it with `cargo build --release`"))?;
        let mut house = Self { process, port };
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if house.get("/health").await.is_ok_and(|health| !health.contains("\"status\":\"starting\"")) {
                return Ok(house);
            }
            ensure!(house.process.try_wait()?.is_none(), "the server ended at once");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("the server is not ready after {} s", READY_WITHIN.as_secs())
    }

    /// Its address for WebSockets.
    pub(super) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<String> {
        get(self.port, path).await
    }

    /// What is there now.
    pub(super) async fn stock(&self) -> anyhow::Result<Stock> {
        let metrics = Metrics::parse(&self.get("/metrics").await?);
        let children_kb =
            children(self.process.id()).filter_map(|id| Some(process(id).ok()?.memory_kb)).sum();
        Ok(Stock { metrics, children_kb, ..process(self.process.id())? })
    }
}

/// The answer of a server on this machine, headers and all.
async fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

impl Drop for House {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is there at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    pub(super) metrics: Metrics,
    pub(super) memory_kb: f64,
    /// Of the processes that it has started: the language model's worker.
    pub(super) children_kb: f64,
    pub(super) threads: f64,
    pub(super) files: f64,
    pub(super) sockets: f64,
    /// Time of all cores since the start, in seconds.
    pub(super) cpu_s: f64,
}

/// The processes that a process has started, whichever of its threads did.
fn children(id: u32) -> impl Iterator<Item = u32> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let started = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let ids = started.flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    ids.filter_map(|id| id.parse().ok())
}

/// What the system knows of a process.
fn process(id: u32) -> anyhow::Result<Stock> {
    let folder = format!("/proc/{id}");
    let (mut files, mut sockets) = (0, 0);
    for entry in fs::read_dir(format!("{folder}/fd"))?.flatten() {
        files += 1;
        let target = fs::read_link(entry.path());
        sockets += usize::from(target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:")));
    }
    let status = fs::read_to_string(format!("{folder}/status"))?;
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    let stat = fs::read_to_string(format!("{folder}/stat"))?;
    // Behind the name in brackets, which may hold anything: user and system time are the 12th and 13th.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(Stock {
        metrics: Metrics::default(),
        memory_kb: number("VmRSS:"),
        children_kb: 0.0,
        threads: number("Threads:"),
        files: f64::from(files),
        sockets: sockets as f64,
        cpu_s: ticks.sum::<f64>() / TICKS,
    })
}

/// What `/metrics` says, labels summed.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    values: BTreeMap<String, f64>,
    /// Upper bounds and counts of histograms, by name.
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (bare, labels) = name.split_once('{').unwrap_or((name, ""));
            match bare.strip_suffix("_bucket") {
                Some(histogram) => {
                    let Some((_, bound)) = labels.split_once("le=\"") else { continue };
                    let bound = bound.split('"').next().unwrap_or_default();
                    let bound =
                        if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap_or(f64::NAN) };
                    metrics.buckets.entry(histogram.to_owned()).or_default().push((bound, value));
                }
                None => *metrics.values.entry(bare.to_owned()).or_default() += value,
            }
        }
        metrics
    }

    /// Zero for what was never recorded.
    pub(super) fn value(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(0.0)
    }

    /// Milliseconds below which `share` of what was recorded since `before` lies: the upper bound of its bucket.
    pub(super) fn quantile_ms(&self, before: &Self, name: &str, share: f64) -> f64 {
        let none = Vec::new();
        let (now, then) =
            (self.buckets.get(name).unwrap_or(&none), before.buckets.get(name).unwrap_or(&none));
        let since = |at: usize| now[at].1 - then.get(at).map_or(0.0, |(_, count)| *count);
        let all = (0..now.len()).map(since).fold(0.0, f64::max);
        let found = (0..now.len()).find(|at| all > 0.0 && since(*at) >= share * all);
        found.map_or(f64::NAN, |at| now[at].0 * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_labels_and_read_as_quantiles() {
        let text = "# HELP x\nactors_alive{role=\"a\"} 2\nactors_alive{role=\"b\"} 3\ntasks_alive 7\n\
                    lag_seconds_bucket{le=\"0.001\"} 90\nlag_seconds_bucket{le=\"0.01\"} 99\nlag_seconds_bucket{le=\"+Inf\"} 100\n";
        let now = Metrics::parse(text);
        assert_eq!((now.value("actors_alive"), now.value("tasks_alive"), now.value("no")), (5.0, 7.0, 0.0));
        let before = Metrics::default();
        assert_eq!(now.quantile_ms(&before, "lag_seconds", 0.5), 1.0);
        assert_eq!(now.quantile_ms(&before, "lag_seconds", 0.95), 10.0);
        assert_eq!(now.quantile_ms(&before, "lag_seconds", 1.0), f64::INFINITY);
        assert!(now.quantile_ms(&now, "lag_seconds", 0.5).is_nan(), "nothing since");
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let own = process(std::process::id()).expect("it runs");
        assert!(own.memory_kb > 100.0 && own.threads >= 1.0 && own.files >= 3.0, "{own:?}");
    }
    #[test]
    fn what_a_process_has_started_is_known() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it starts");
        let known = children(std::process::id()).any(|id| id == child.id());
        child.kill().and_then(|()| child.wait()).expect("it ends");
        assert!(known);
        assert!(!children(std::process::id()).any(|id| id == child.id()));
    }
}
