//! The wire: both ends say all clips at once, over a good network and a bad one, and the recogniser reads what each heard.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, ensure};
use duologue_rtc::client::Network;
use serde_json::Value;

use super::{
    super::{
        clip::{self, Clip},
        score::ErrorRate,
        voice::say,
    },
    RtcArgs,
    namespaces::Namespaces,
};

/// Samples of a second of the wire.
const RATE: usize = 24_000;

/// Between clips: enough for a recording to be cut in it whatever the delay was.
const PAUSE: usize = 6 * RATE / 5;

/// The good network and the bad one, side by side.
pub(super) fn compare(args: &RtcArgs, clips: &[Clip]) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("duologue-bench-rtc-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let wire = Wire { args, clips, folder: &folder };
    let compared = wire.compare();
    // What is left in the temporary folder is a few recordings.
    let _ = std::fs::remove_dir_all(&folder);
    compared
}

struct Wire<'a> {
    args: &'a RtcArgs,
    clips: &'a [Clip],
    folder: &'a Path,
}

/// What one end heard: its figures, and the error rate of the clips in it.
struct Heard {
    figures: Value,
    rate: f64,
}

impl Wire<'_> {
    fn compare(&self) -> anyhow::Result<()> {
        let unit = self.args.language.unit();
        say(&format!(
            "\nthe wire, {} clips each way{:>22}{:>12}{:>10}{:>10}{:>11}{:>8}",
            self.clips.len(),
            unit,
            "longest gap",
            "delay",
            "lost",
            "recovered",
            "late"
        ));
        let good = self.run(None, "good")?;
        let Some(network) = self.args.network() else { return Ok(()) };
        let mut worst = f64::MIN;
        let mut gap = 0;
        for round in 0..self.args.rounds {
            let network = Network { seed: network.seed + 10 * round as u64, ..network };
            let bad = self.run(Some(network), "bad")?;
            for (good, bad) in good.iter().zip(&bad) {
                worst = worst.max(bad.rate - good.rate);
                gap = gap.max(bad.figures["longest_gap_ms"].as_i64().unwrap_or(i64::MAX));
            }
        }
        say(&format!("{unit} at worst {worst:+.1} points (bar: 3), longest gap {gap} ms (bar: 200)"));
        Ok(())
    }

    /// Both ends over one network; the offering end first.
    fn run(&self, network: Option<Network>, name: &str) -> anyhow::Result<Vec<Heard>> {
        let namespaces = self.namespaces(network);
        let mut ends = Vec::new();
        for end in 0..2 {
            ends.push(End::start(self.command(end, network, namespaces.as_ref())?)?);
        }
        let [caller, called] = ends.as_mut_slice() else { anyhow::bail!("two ends") };
        let offer = caller.line()?;
        called.tell(&offer)?;
        let answer = called.line()?;
        caller.tell(&answer)?;
        let mut heard = Vec::new();
        for (idx, mut end) in ends.into_iter().enumerate() {
            let figures = serde_json::from_str::<Value>(&end.line()?)?;
            ensure!(end.child.wait()?.success(), "an end failed");
            let rate = self.rate(idx)?;
            let figure = |name: &str| figures[name].as_i64().unwrap_or(-1);
            say(&format!(
                "{name:<6}heard by the {:<24}{rate:>10.1} %{:>9} ms{:>7} ms{:>10}{:>11}{:>8}",
                ["calling end", "called end"][idx],
                figure("longest_gap_ms"),
                figure("delay_ms"),
                figure("concealed"),
                figure("recovered"),
                figure("late"),
            ));
            heard.push(Heard { figures, rate });
        }
        Ok(heard)
    }

    /// The kernel's bad network, or none where it cannot be had.
    fn namespaces(&self, network: Option<Network>) -> Option<Namespaces> {
        let network = network?;
        match Namespaces::new(Some(network)) {
            Ok(namespaces) => {
                say("between two network namespaces, with netem");
                Some(namespaces)
            }
            Err(error) => {
                say(&format!("no netem here ({error:#}): a relay in the calling program does the same"));
                None
            }
        }
    }

    fn command(
        &self,
        end: usize,
        network: Option<Network>,
        spaces: Option<&Namespaces>,
    ) -> anyhow::Result<Command> {
        let myself = std::env::current_exe()?;
        let mut command = match spaces {
            Some(spaces) => {
                let [program, rest @ ..] = spaces.prefix(end);
                let mut command = Command::new(program);
                command.args(rest).arg(myself);
                command
            }
            None => Command::new(myself),
        };
        let bind = if spaces.is_some() { Namespaces::address(end) } else { "127.0.0.1" };
        let said = self.folder.join(format!("said-{end}.wav"));
        clip::write(&said, &self.said(end))?;
        command.args(["bench", "rtc", "end", "--bind", bind, "--say"]).arg(said);
        command.arg("--hear").arg(self.recording(end));
        if end == 0 {
            command.arg("--offers");
            if let (Some(network), None) = (network, spaces) {
                let (delay, jitter) = (network.delay.as_millis(), network.jitter.as_millis());
                command.args(["--loss", &network.loss.to_string(), "--seed", &network.seed.to_string()]);
                command.args(["--delay", &delay.to_string(), "--jitter", &jitter.to_string()]);
            }
        }
        Ok(command)
    }

    fn recording(&self, end: usize) -> PathBuf {
        self.folder.join(format!("heard-{end}.wav"))
    }

    /// Clips in the order in which an end says them.
    fn order(&self, end: usize) -> Vec<&Clip> {
        let mut clips = self.clips.iter().collect::<Vec<_>>();
        let half = clips.len() / 2;
        clips.rotate_left(end * half);
        clips
    }

    fn said(&self, end: usize) -> Vec<i16> {
        let mut said = vec![0; PAUSE];
        for clip in self.order(end) {
            said.extend(clip.at_24k());
            said.extend(vec![0; PAUSE]);
        }
        said
    }

    /// The error rate of what an end heard: its recording is cut in the pauses of what the other one said.
    fn rate(&self, end: usize) -> anyhow::Result<f64> {
        let heard = clip::read_24k(&self.recording(end))?;
        let mut rate = ErrorRate::default();
        let mut from = PAUSE / 2;
        for (idx, clip) in self.order(1 - end).into_iter().enumerate() {
            let to = from + clip.at_24k().len() + PAUSE;
            let piece = heard.get(from.min(heard.len())..to.min(heard.len())).unwrap_or_default();
            let path = self.folder.join(format!("piece-{end}-{idx}.wav"));
            clip::write(&path, piece)?;
            rate.add(&clip.words, &self.transcribe(&path)?, self.args.is_korean());
            from = to;
        }
        Ok(rate.percent())
    }

    fn transcribe(&self, path: &Path) -> anyhow::Result<String> {
        let program = &self.args.program;
        let mut command = Command::new(program);
        let output = command.args(["transcribe", "--language", self.args.language.code()]).arg(path).output();
        let output =
            output.with_context(|| format!("{program} cannot be run: build it with `make setup`"))?;
        let heard: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("`{program} transcribe` gave no JSON: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok(heard["text"].as_str().unwrap_or_default().to_owned())
    }
}

/// A program at one end; it is ended with this.
struct End {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl End {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Self { child, stdin, stdout })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(!line.is_empty(), "an end of the wire failed; it says why above");
        Ok(line)
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.stdin.write_all(line.as_bytes())?)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // It has ended by itself, or is of no more use.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
