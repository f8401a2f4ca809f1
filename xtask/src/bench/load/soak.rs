//! Sessions that come and go for an hour, decently and not, and whether anything of them stays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use duologue_rtc::{
    client::{Call, Dial, Network},
    codec::SAMPLES,
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use tokio_tungstenite::connect_async;

use super::{
    LoadArgs,
    guest::Guest,
    house::{House, Stock},
    trend::Trend,
};
use crate::bench::{clip, voice::say};

/// Between two samples.
const EVERY: Duration = Duration::from_secs(10);
/// Samples of one printed row.
const ROW: usize = 6;
/// Guests at once; those that would be more are left out, and counted.
const MOST: usize = 400;
/// How long what is left may take to vanish in the end: scenes without clients, and sockets that say nothing.
const SETTLE: Duration = Duration::from_secs(60);
/// What a silent connection gets here, so that the soak sees the end of it.
const REQUEST_TIMEOUT_S: u64 = 5;

/// What is sampled: name, how much of it is no growth, and how it is read.
type Series = (&'static str, f64, fn(&Stock) -> f64);
const SERIES: [Series; 10] = [
    ("memory KB", 4096.0, |stock| stock.memory_kb),
    ("model KB", 4096.0, |stock| stock.children_kb),
    ("tasks", 20.0, |stock| stock.metrics.value("tasks_alive")),
    ("actors", 20.0, |stock| stock.metrics.value("actors_alive")),
    ("rings", 10.0, |stock| stock.metrics.value("rings_alive")),
    ("sessions", 5.0, |stock| stock.metrics.value("sessions_open")),
    ("calls", 5.0, |stock| stock.metrics.value("rtc_peers_open")),
    ("sockets", 5.0, |stock| stock.sockets),
    // The store's pool opens up to three further connections when it is busy, two files each, and keeps them.
    ("files", 8.0, |stock| stock.files),
    ("threads", 4.0, |stock| stock.threads),
];

/// Runs it; an error when something grows, or when something stays after all have gone.
pub(super) async fn run(args: &LoadArgs, seconds: u64) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("duologue-soak-{}", std::process::id()));
    let settings = settings(args, &folder.display().to_string());
    let house = House::start(&args.program, &settings).await?;
    let empty = house.stock().await?;
    print_head();
    print_row("empty", &empty);
    let mut samples = Vec::new();
    let guests = visit(&house, args, (Duration::from_secs(seconds), &mut samples)).await?;
    let left = settle(&house, &empty).await?;
    print_row("after", &left);
    say(&guests);
    drop(house);
    // What is left in the temporary folder is a database and a journal.
    let _ = std::fs::remove_dir_all(&folder);
    let warm = usize::try_from(args.warm_up.min(seconds / 3) / EVERY.as_secs())?;
    let mut wrong = judge(samples.get(warm..).unwrap_or_default());
    wrong.extend(left_over(&empty, &left));
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    say("nothing grows, nothing stays");
    Ok(())
}

fn settings(args: &LoadArgs, folder: &str) -> Vec<String> {
    let mut settings = vec![
        // A store on disk, as in earnest: one in memory grows with every session by design.
        format!("store.path={folder}/soak.db"),
        format!("store.journal_path={folder}/journal"),
        format!("llm.model={}", args.llm),
        "sessions.idle_timeout_s=5".to_owned(),
        "sessions.admission=fixed".to_owned(),
        format!("server.request_timeout_s={REQUEST_TIMEOUT_S}"),
    ];
    if args.bare {
        settings.extend(["llm.enabled=false", "tts.enabled=false", "stt.model=/none"].map(str::to_owned));
    }
    settings
}

/// Lets guests come until the time is over and waits for the last to go; answers what they were.
async fn visit(
    house: &House,
    args: &LoadArgs,
    (during, samples): (Duration, &mut Vec<Stock>),
) -> anyhow::Result<String> {
    let counts = Arc::new(Counts::default());
    let clips = clip::english()?;
    let wide = Arc::new(clips.iter().flat_map(clip::Clip::at_24k).collect::<Vec<_>>());
    let voice = Arc::new(clips.into_iter().flat_map(|clip| clip.samples).collect::<Vec<_>>());
    let mut arrivals = interval(Duration::from_secs_f64(1.0 / args.rate.max(0.01)));
    let mut looks = interval(EVERY);
    looks.tick().await;
    let (mut inside, begun, mut number) = (JoinSet::new(), Instant::now(), 0);
    while begun.elapsed() < during {
        tokio::select! {
            _ = arrivals.tick() => {
                number += 1;
                if inside.len() >= MOST {
                    counts.left_out.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let visit =
                    Visit { url: house.url(), port: house.port, voice: voice.clone(), wide: wide.clone(), number };
                let counts = counts.clone();
                inside.spawn(async move {
                    let failed = visit.pay().await.is_err();
                    counts.paid.fetch_add(1, Ordering::Relaxed);
                    counts.failed.fetch_add(usize::from(failed), Ordering::Relaxed);
                });
            }
            _ = looks.tick() => {
                let stock = house.stock().await?;
                if samples.len() % ROW == ROW - 1 {
                    print_row(&format!("{:.0} s", begun.elapsed().as_secs_f64()), &stock);
                }
                samples.push(stock);
            }
            Some(_) = inside.join_next() => {}
        }
    }
    while inside.join_next().await.is_some() {}
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    Ok(format!(
        "{} visits, {} failed, {} left out because {MOST} were inside",
        read(&counts.paid),
        read(&counts.failed),
        read(&counts.left_out)
    ))
}

#[derive(Default)]
struct Counts {
    paid: AtomicUsize,
    failed: AtomicUsize,
    left_out: AtomicUsize,
}

/// One guest's visit.
struct Visit {
    url: String,
    port: u16,
    /// At the rate of [`clip::RATE`], and as calls take it: 24 kHz.
    voice: Arc<Vec<i16>>,
    wide: Arc<Vec<i16>>,
    number: usize,
}

impl Visit {
    /// Of 24 visits, 14 are decent.
    async fn pay(&self) -> anyhow::Result<()> {
        match self.number % 24 {
            0..=5 => self.writes().await,
            6..=11 => self.streams().await,
            12..=14 => self.vanishes().await,
            15..=16 => self.never_reads().await,
            17 => self.comes_back().await,
            18 => self.stops_in_a_request().await,
            19..=20 => self.hangs_up().await,
            21..=22 => self.drops_the_call().await,
            _ => self.refuses_to_answer().await,
        }
    }

    /// Comes, writes, is answered, says goodbye.
    async fn writes(&self) -> anyhow::Result<()> {
        let mut guest = Guest::come(&self.url, "model=maya").await?;
        guest.write().await?;
        guest.until("response.done").await?;
        guest.leave().await;
        Ok(())
    }

    /// Streams a few seconds of speech and silence.
    async fn streams(&self) -> anyhow::Result<()> {
        let mut guest = Guest::come(&self.url, "model=maya&audio=binary").await?;
        let input = json!({
            "format": {"type": "audio/pcm", "rate": clip::RATE}, "transcription": null,
            "turn_detection": {"type": "semantic_vad", "create_response": false},
        });
        let session = json!({"type": "realtime", "audio": {"input": input}});
        guest.say(json!({"type": "session.update", "session": session})).await?;
        self.speak(&mut guest).await?;
        guest.leave().await;
        Ok(())
    }

    async fn speak(&self, guest: &mut Guest) -> anyhow::Result<()> {
        let packet = clip::RATE as usize / 50;
        let mut ticks = interval(Duration::from_millis(20));
        let voice = self.voice.chunks_exact(packet).cycle().skip(self.number * 7);
        let silence = vec![0; packet];
        let packets = voice.take(self.packets()).chain(std::iter::repeat_n(&silence[..], 50));
        for samples in packets {
            ticks.tick().await;
            guest.sound(samples).await?;
        }
        Ok(())
    }

    /// Asks for something and is gone without a word.
    async fn vanishes(&self) -> anyhow::Result<()> {
        let mut guest = Guest::come(&self.url, "model=maya").await?;
        guest.write().await?;
        sleep(Duration::from_millis(self.number as u64 * 37 % 900)).await;
        Ok(())
    }

    /// Asks and never reads the answer.
    async fn never_reads(&self) -> anyhow::Result<()> {
        let mut guest = Guest::come(&self.url, "model=maya").await?;
        guest.freeze();
        for _ in 0..3 {
            guest.write().await?;
        }
        sleep(Duration::from_secs(30)).await;
        Ok(())
    }

    /// Loses its connection and comes back for the rest.
    async fn comes_back(&self) -> anyhow::Result<()> {
        let mut guest = Guest::come(&self.url, "model=maya").await?;
        guest.write().await?;
        let (id, secret) = (guest.id.clone(), guest.secret.clone());
        drop(guest);
        sleep(Duration::from_millis(500)).await;
        let address = format!("{}/ws/voice/{id}?resume=1", self.url);
        let mut request =
            tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(address)?;
        let protocols = format!("realtime, duologue-secret.{secret}").parse()?;
        request.headers_mut().insert("sec-websocket-protocol", protocols);
        let (socket, _) = connect_async(request).await?;
        sleep(Duration::from_secs(1)).await;
        drop(socket);
        Ok(())
    }

    /// Calls over WebRTC, speaks and hangs up.
    async fn hangs_up(&self) -> anyhow::Result<()> {
        self.call(None).await?.close().await;
        Ok(())
    }

    /// Calls over WebRTC, and its network is gone in the middle of a word.
    async fn drops_the_call(&self) -> anyhow::Result<()> {
        let network = Network { loss: 0.0, delay: Duration::from_millis(1), jitter: Duration::ZERO, seed: 1 };
        self.call(Some(network)).await?.vanish().await;
        Ok(())
    }

    /// A call in which something was said.
    async fn call(&self, network: Option<Network>) -> anyhow::Result<Call> {
        let dial = Dial { network, ..Dial::default() };
        let url = format!("http://127.0.0.1:{}", self.port);
        let (mut call, _) = dial.call(&url, "/v1/realtime/calls?model=maya").await?;
        let mut ticks = interval(Duration::from_millis(20));
        for samples in self.wide.chunks_exact(SAMPLES).cycle().skip(self.number * 7).take(self.packets()) {
            ticks.tick().await;
            call.say(samples);
            call.tick().await?;
            while let Ok(Some(_)) = timeout(Duration::ZERO, call.event()).await {}
        }
        Ok(call)
    }

    /// A few seconds of sound, more or less.
    fn packets(&self) -> usize {
        (3 + self.number % 7) * 50
    }

    /// A connection that stays in the middle of its request.
    async fn stops_in_a_request(&self) -> anyhow::Result<()> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        socket.write_all(b"GET /health HTTP/1.1\r\nHost: 127.0").await?;
        // Longer than the server keeps it.
        sleep(Duration::from_secs(45)).await;
        Ok(())
    }

    /// Keeps the connection open, and does not even answer pings.
    async fn refuses_to_answer(&self) -> anyhow::Result<()> {
        let guest = Guest::come(&self.url, "model=maya").await?;
        guest.freeze();
        sleep(Duration::from_secs(60)).await;
        drop(guest);
        Ok(())
    }
}

/// Waits until what was there is gone, or long enough.
async fn settle(house: &House, empty: &Stock) -> anyhow::Result<Stock> {
    let begun = Instant::now();
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = house.stock().await?;
        if left_over(empty, &now).is_empty() || begun.elapsed() > SETTLE {
            return Ok(now);
        }
    }
}

/// What is there that was not there before anybody came. Memory is judged by its trend, since allocators keep some;
/// threads of the runtime come when they are needed and stay a while.
fn left_over(empty: &Stock, now: &Stock) -> Vec<String> {
    // What the programs take once they are used stays; whether it goes on growing is judged from the samples.
    let counted = SERIES.iter().filter(|(name, ..)| !["memory KB", "model KB", "threads"].contains(name));
    counted
        // The request that asks is a task and a socket; the store opens files when it is first used.
        .filter(|(_, slack, read)| read(now) > read(empty) + slack.min(12.0))
        .map(|(name, _, read)| format!("{name} left: {:.0} of {:.0} before", read(now), read(empty)))
        .collect()
}

fn judge(samples: &[Stock]) -> Vec<String> {
    say(&format!("\n{:<12}{:>12}{:>14}{:>12}   after the beginning", "", "median", "growth", "sureness"));
    let mut wrong = Vec::new();
    for (name, slack, read) in SERIES {
        let Some(trend) = Trend::of(&samples.iter().map(read).collect::<Vec<_>>()) else { continue };
        say(&format!("{name:<12}{:>12.0}{:>14.1}{:>12.1}", trend.median, trend.growth, trend.sureness));
        if trend.is_growth(slack) {
            wrong.push(format!("{name} grew by {:.0} from about {:.0}", trend.growth, trend.median));
        }
    }
    wrong
}

fn print_head() {
    let names = SERIES.iter().map(|(name, ..)| format!("{name:>12}")).collect::<String>();
    say(&format!("{:<10}{names}", ""));
}

fn print_row(when: &str, stock: &Stock) {
    let values = SERIES.iter().map(|(_, _, read)| format!("{:>12.0}", read(stock))).collect::<String>();
    say(&format!("{when:<10}{values}"));
}
