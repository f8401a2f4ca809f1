//! Who is killed, how, and how soon somebody stands in their place.

use std::{
    collections::VecDeque,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use duologue_actors::{
    policy::{CHILDREN, Role},
    pulse::Fault,
    session::SessionMsg,
    sessions::SessionsHandle,
};
use ractor::{ActorCell, rpc::CallResult};

use crate::report::say;

/// One of so many kills is the worker's: it serves all scenes and takes a while to load.
const WORKER_EVERY: usize = 20;

/// One of so many of the worker's is a stop instead: it hangs, which takes the longest to be noticed.
const STOP_EVERY: usize = 6;

/// Who was not replaced by then has not been replaced.
const REPLACED_WITHIN: Duration = Duration::from_secs(10);

/// A worker that hangs is noticed and loads anew within this.
const WORKER_WITHIN: Duration = Duration::from_secs(90);

/// Kills between two words of how far it is.
const PROGRESS_EVERY: usize = 50;

/// One kill.
pub(crate) struct Kill {
    /// Of whom.
    pub(crate) victim: &'static str,
    /// Until there was another one; `None` when none came.
    pub(crate) replaced: Option<Duration>,
}

pub(crate) struct Killer {
    sessions: SessionsHandle,
    ids: Vec<String>,
    every: Duration,
    /// Recent deaths, to stay within the policy.
    deaths: VecDeque<(Instant, usize, Role)>,
}

impl Killer {
    pub(crate) fn new(sessions: SessionsHandle, ids: Vec<String>, every: Duration) -> Self {
        Self { sessions, ids, every, deaths: VecDeque::new() }
    }

    pub(crate) async fn run(mut self, kills: usize) -> Vec<Kill> {
        let mut waiting = Vec::new();
        let mut workers = 0;
        let (began, mut told) = (Instant::now(), 0);
        while waiting.len() < kills {
            if waiting.len() >= told + PROGRESS_EVERY {
                told = waiting.len();
                say(&format!("{told} of {kills} kills in {} s", began.elapsed().as_secs()));
            }
            tokio::time::sleep(self.every.mul_f64(rand::random_range(0.2..1.8))).await;
            if rand::random_ratio(1, WORKER_EVERY as u32) {
                if let Some(pid) = worker() {
                    workers += 1;
                    let signal = if workers % STOP_EVERY == 0 { "-STOP" } else { "-KILL" };
                    waiting.push(tokio::spawn(kill_worker(pid, signal)));
                }
                continue;
            }
            let scene = rand::random_range(0..self.ids.len());
            let role = CHILDREN[rand::random_range(0..CHILDREN.len())].role;
            if !self.may_kill(scene, role) {
                continue;
            }
            let (sessions, id) = (self.sessions.clone(), self.ids[scene].clone());
            if let Some(child) = child(&sessions, &id, role).await {
                self.deaths.push_back((Instant::now(), scene, role));
                waiting.push(tokio::spawn(kill_child(sessions, id, role, child)));
            }
        }
        let mut done = Vec::new();
        for kill in waiting {
            done.extend(kill.await);
        }
        done
    }

    /// Whether one more death is within what the policy allows, and one besides: the session counts those children,
    /// too, that it ends itself because they wait in vain for a worker that was stopped.
    fn may_kill(&mut self, scene: usize, role: Role) -> bool {
        let row = CHILDREN.iter().find(|row| row.role == role);
        let Some(row) = row else { return false };
        // A little longer, since the session judges a little later.
        let within = row.within + Duration::from_secs(1);
        self.deaths.retain(|(at, ..)| at.elapsed() <= within);
        let recent = self.deaths.iter().filter(|(_, other, dead)| *other == scene && *dead == role).count();
        recent + 1 < row.max
    }
}

async fn child(sessions: &SessionsHandle, id: &str, role: Role) -> Option<ActorCell> {
    let session = sessions.find(id).await?;
    let within = Some(Duration::from_secs(5));
    match session.actor().call(SessionMsg::GetChildren, within).await {
        Ok(CallResult::Success(children)) => {
            children.into_iter().find(|(other, _)| *other == role).map(|(_, cell)| cell)
        }
        _ => None,
    }
}

async fn kill_child(sessions: SessionsHandle, id: String, role: Role, victim: ActorCell) -> Kill {
    let began = Instant::now();
    match rand::random_range(0..3) {
        0 => victim.kill(),
        1 => victim.stop(Some("chaos".into())),
        _ => {
            // One that has gone meanwhile has been replaced, too.
            if let Some(session) = sessions.find(&id).await {
                let _ = session.actor().cast(SessionMsg::Inject(role, Fault::Panic));
            }
        }
    }
    while began.elapsed() < REPLACED_WITHIN {
        if child(&sessions, &id, role).await.is_some_and(|cell| cell.get_id() != victim.get_id()) {
            return Kill { victim: role.name(), replaced: Some(began.elapsed()) };
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Kill { victim: role.name(), replaced: None }
}

async fn kill_worker(pid: u32, signal: &str) -> Kill {
    let victim = if signal == "-STOP" { "worker (hung)" } else { "worker" };
    let began = Instant::now();
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status();
    if sent.is_ok_and(|status| status.success()) {
        while began.elapsed() < WORKER_WITHIN {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if worker().is_some_and(|other| other != pid) {
                return Kill { victim, replaced: Some(began.elapsed()) };
            }
        }
    }
    Kill { victim, replaced: None }
}

/// The language model's process among the children of this one.
fn worker() -> Option<u32> {
    let me = std::process::id();
    let tasks = std::fs::read_dir(format!("/proc/{me}/task")).ok()?;
    let children = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .collect::<String>();
    let is_worker = |pid: &u32| {
        let name = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm"));
        name.is_ok_and(|name| name.trim() == "duologue-llm")
    };
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_worker)
}
