//! The worker process and the three threads at its pipes. None of them decides anything.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command as Process, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use super::{keeper::Command, lock};
use crate::{
    cores::Cores,
    environment::SPINS,
    llm::wire::{Answer, Ask, MAX_LINE},
};

/// The worker's file name.
const BINARY: &str = if cfg!(windows) { "duologue-llm.exe" } else { "duologue-llm" };

/// Lines that wait for the pipe. The worker reads between its steps; when this is full it has not
/// read for a long time and further requests are refused.
const OUTBOX: usize = 64;

/// Where the worker is: next to this program, or one folder up (programs under test live in
/// `deps/`, examples in `examples/`). When it is in neither, the first place is answered, so that
/// an error can name it.
pub fn worker_binary() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let places: Vec<PathBuf> = program.ancestors().skip(1).take(2).map(|dir| dir.join(BINARY)).collect();
    let found = places.iter().find(|place| place.is_file()).or(places.first());
    found.cloned().unwrap_or_else(|| BINARY.into())
}

/// How to start it.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) cores: Arc<Cores>,
    pub(super) binary: PathBuf,
    pub(super) model: PathBuf,
    pub(super) threads: u16,
    pub(super) context: usize,
    pub(super) parallel: usize,
}

impl Launch {
    /// What is not there, and the remedy.
    pub(super) fn missing(&self) -> Option<String> {
        if !self.binary.is_file() {
            let at = self.binary.display();
            return Some(format!("no worker program at {at}; build it with `cargo build -p duologue-llm`"));
        }
        if !self.model.is_file() {
            let at = self.model.display();
            return Some(format!("no model at {at}; fetch it with `duologue models pull`, or set llm.model"));
        }
        None
    }

    /// Starts the process; what it says reaches `commands` marked with `life`.
    pub(super) fn start(&self, life: u64, commands: &SyncSender<Command>) -> io::Result<Worker> {
        let mut child = Process::new(&self.binary)
            .arg("--model")
            .arg(&self.model)
            .args(["--threads", &self.threads.to_string()])
            .args(["--context", &self.context.to_string()])
            .args(["--parallel", &self.parallel.to_string()])
            .envs([SPINS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let last_words = Arc::new(Mutex::new(String::new()));
        let (outbox, lines) = mpsc::sync_channel(OUTBOX);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let worker = Worker { child, outbox, last_words: Arc::clone(&last_words) };
        if let (Some(stdin), Some(stdout), Some(stderr)) = pipes {
            let commands = commands.clone();
            spawn("llama-in", move || write(stdin, &lines))?;
            spawn("llama-out", move || read(stdout, life, &commands))?;
            spawn("llama-err", move || listen(stderr, &last_words))?;
        }
        Ok(worker)
    }
}

/// A running worker; killed when dropped.
pub(super) struct Worker {
    child: Child,
    outbox: SyncSender<Vec<u8>>,
    last_words: Arc<Mutex<String>>,
}

/// What the threads of a process do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pose {
    /// A signal has stopped them all.
    Stopped,
    /// Each waits for something that only another of them, or another process, can do.
    Asleep,
    /// One could go on, or waits for a disk or a debugger.
    Able,
}

impl Worker {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Time of a processor that all its threads have taken, in ticks of the system's clock; `None` where the system
    /// does not tell. The format: proc_pid_stat(5), fields 14 and 15, behind a name that may hold anything.
    pub(super) fn computed(&self) -> Option<u64> {
        let line = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        let mut fields = line.rsplit(')').next()?.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some(ticks()? + ticks()?)
    }

    /// What its threads do, as far as the system tells. The format: as above, field 3.
    pub(super) fn pose(&self) -> Pose {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let state = |path: PathBuf| {
            let line = std::fs::read_to_string(path.join("stat")).ok()?;
            line.rsplit(')').next()?.trim_start().chars().next()
        };
        let states = threads.filter_map(|thread| state(thread.path())).collect::<Vec<_>>();
        match states.is_empty() {
            false if states.iter().all(|state| *state == 'T') => Pose::Stopped,
            false if states.iter().all(|state| *state == 'S') => Pose::Asleep,
            _ => Pose::Able,
        }
    }

    /// Queues a question. False when it is too long or the queue is full.
    pub(super) fn ask(&self, ask: &Ask) -> bool {
        let Ok(mut line) = serde_json::to_vec(ask) else { return false };
        line.push(b'\n');
        line.len() <= MAX_LINE && self.outbox.try_send(line).is_ok()
    }

    /// Ends it now; a stuck process does not hear anything softer.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Why it ended, for an operator. Its stdout is closed already; one that lives on without is
    /// killed after a moment.
    pub(super) fn epitaph(&mut self) -> String {
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        self.kill();
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let words = lock(&self.last_words).clone();
        if words.is_empty() { status } else { format!("{status}: {words}") }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(|_| ())
}

fn write(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read(stdout: ChildStdout, life: u64, commands: &SyncSender<Command>) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stdout.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        match serde_json::from_slice::<Answer>(&line) {
            Ok(answer) => {
                if commands.send(Command::Heard { life, answer }).is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(column = error.column(), "worker said something unknown"),
        }
    }
    let _ = commands.send(Command::Gone { life });
}

/// Keeps the last line of stderr, which is all that a crash in native code leaves behind.
fn listen(stderr: ChildStderr, last_words: &Mutex<String>) {
    const LONGEST: u64 = 400;
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if !text.is_empty() {
            tracing::debug!(line = text, "worker log");
            *lock(last_words) = text;
        }
    }
}
