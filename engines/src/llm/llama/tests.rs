//! The keeper against workers that are shell scripts: what it does when a worker misbehaves.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::{
    cores::Model,
    fair::session_key,
    port::{LlmEvent, Role, Sampling},
};

const READY: &str = r#"echo '{"event":"ready","model":"fake","context":512,"template":"chatml"}'"#;

/// A folder with a worker that runs `script` and a model that is a file.
struct Scene {
    folder: PathBuf,
}

impl Scene {
    fn new(name: &str, script: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("duologue-llama-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.gguf"), b"GGUF").unwrap();
        let scene = Self { folder };
        let worker = scene.worker();
        fs::write(&worker, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
        scene
    }

    fn worker(&self) -> PathBuf {
        self.folder.join("worker.sh")
    }

    fn model(&self) -> PathBuf {
        self.folder.join("model.gguf")
    }

    fn engine(&self) -> LlamaLlm {
        self.patient(Duration::from_millis(400))
    }

    fn patient(&self, stuck_after: Duration) -> LlamaLlm {
        self.beside(stuck_after, Arc::default())
    }

    fn beside(&self, stuck_after: Duration, cores: Arc<Cores>) -> LlamaLlm {
        let patience = Patience { stuck_after, load_within: Duration::from_millis(800) };
        let launch = launch(self.worker(), self.model(), &LlmConfig::default(), cores);
        LlamaLlm::with_patience(launch, patience)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn request() -> LlmRequest {
    LlmRequest {
        session: 1,
        messages: vec![ChatMessage::new(Role::User, "안녕")],
        shared: 0,
        max_tokens: 8,
        sampling: Sampling::default(),
        stop: Vec::new(),
        first_token_deadline: Duration::from_secs(5),
        ..LlmRequest::default()
    }
}

async fn fate(engine: &LlamaLlm, request: LlmRequest) -> EngineError {
    let mut stream = engine.generate(request).unwrap();
    loop {
        match stream.next().await {
            Some(Err(error)) => return error,
            Some(Ok(_)) => {}
            None => panic!("the stream ended without a word"),
        }
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come true in 8 s");
}

#[tokio::test]
async fn what_is_missing_is_said_with_its_remedy() {
    let scene = Scene::new("missing", READY);
    let none = Path::new("/nowhere/at/all");
    let engine = LlamaLlm::new(none.into(), scene.model(), &LlmConfig::default());
    let error = engine.generate(request()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("cargo build -p duologue-llm"), "{error}");
    let engine = LlamaLlm::new(scene.worker(), none.into(), &LlmConfig::default());
    let Health::Unavailable(why) = engine.health() else { panic!("{:?}", engine.health()) };
    assert!(why.contains("/nowhere/at/all") && why.contains("models pull"), "{why}");
    assert_eq!(engine.generate(request()).unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_at_the_door() {
    let scene = Scene::new("senseless", READY);
    let engine = scene.engine();
    let empty = LlmRequest { messages: Vec::new(), ..request() };
    assert_eq!(engine.generate(empty).unwrap_err().kind, ErrorKind::BadInput);
    let nothing = LlmRequest { max_tokens: 0, ..request() };
    assert_eq!(engine.generate(nothing).unwrap_err().kind, ErrorKind::BadInput);
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why() {
    let refusal = r#"echo '{"event":"error","id":null,"kind":"unavailable","message":"no chat template"}'"#;
    let scene = Scene::new("refusal", &format!("{refusal}; exit 2"));
    let engine = scene.engine();
    let error = fate(&engine, request()).await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unavailable, "no chat template"));
    assert_eq!(engine.health(), Health::Unavailable("no chat template".into()));
    let error = fate(&engine, request()).await;
    assert_eq!(error.kind, ErrorKind::Unavailable, "at once, without another start");
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_and_those_who_wait_are_told() {
    let scene = Scene::new("stuck", &format!("{READY}; exec sleep 60"));
    let engine = scene.engine();
    let error = fate(&engine, request()).await;
    assert_eq!(error.kind, ErrorKind::Broken);
    assert!(error.message.contains("no progress"), "{error}");
    until("a fresh worker", || engine.health() == Health::Ready).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_that_does_not_even_compute_is_found_sooner_than_a_busy_one() {
    let stuck_after = Duration::from_secs(3);
    for (name, ends) in [("stopped", "kill -STOP $$"), ("asleep", "exec sleep 60")] {
        let scene = Scene::new(name, &format!("{READY}; {ends}"));
        let error = fate(&scene.patient(stuck_after), request()).await;
        let soon = ["no progress for 0.", "no progress for 1."];
        assert!(soon.iter().any(|time| error.message.contains(time)), "{name}: {error}");
    }
    let busy = Scene::new("busy", &format!("{READY}; while :; do :; done"));
    let error = fate(&busy.patient(stuck_after), request()).await;
    assert!(error.message.contains("no progress for 3."), "{error}");
}

/// Neither is it taken for one that hangs, though it rests for longer than such a one is given.
#[tokio::test]
async fn beside_a_voice_that_hangs_the_worker_rests_for_a_while_and_then_goes_on() {
    let done = r#"echo '{"event":"done","id":1,"finish":"stop","prompt_tokens":3,"cached_tokens":0,"completion_tokens":9,"queued_us":5,"first_token_us":7}'"#;
    let script = format!(
        r#"while read -r line; do case "$line" in *'"threads":0'*) rested=yes;; *'"threads":1'*) [ "$rested" ] && {done};; esac; done"#
    );
    let scene = Scene::new("rests", &format!("{READY}; {script}"));
    let cores = Cores::new(2, 2, 2);
    let _hangs = cores.enter(Model::Speaking);
    let engine = scene.beside(Duration::from_millis(400), cores);
    let mut stream = engine.generate(request()).unwrap();
    let end = stream.next().await.unwrap().unwrap();
    assert!(matches!(end, LlmEvent::Done { .. }), "{end:?}");
}

#[tokio::test]
async fn a_worker_whose_last_reply_was_cancelled_rests_no_longer() {
    let scene =
        Scene::new("wakes", &format!(r#"{READY}; while read -r line; do echo "$line" >> "$0.said"; done"#));
    let cores = Cores::new(2, 2, 2);
    let _speaks = cores.enter(Model::Speaking);
    let engine = scene.beside(Duration::from_secs(20), cores);
    let said = || fs::read_to_string(scene.folder.join("worker.sh.said")).unwrap_or_default();
    let reply = engine.generate(request()).unwrap();
    until("a rest", || said().contains(r#""threads":0"#)).await;
    drop(reply);
    until("work again", || said().lines().last().is_some_and(|line| line.contains(r#""threads":1"#))).await;
    assert!(said().contains("cancel"), "{}", said());
}

#[tokio::test]
async fn a_worker_that_never_loads_is_killed() {
    let scene = Scene::new("loading", "exec sleep 60");
    let engine = scene.engine();
    engine.warm_up();
    until("a first worker", || engine.worker_pid().is_some()).await;
    let first = engine.worker_pid();
    until("another worker", || engine.worker_pid().is_some_and(|pid| Some(pid) != first)).await;
    assert!(matches!(engine.health(), Health::Degraded(_)), "{:?}", engine.health());
}

#[tokio::test]
async fn a_worker_that_dies_breaks_its_replies_and_is_started_again() {
    let scene = Scene::new("crash", &format!("{READY}; read line; echo oops >&2; exit 3"));
    let engine = scene.engine();
    let error = fate(&engine, request()).await;
    assert_eq!(error.kind, ErrorKind::Broken);
    assert!(error.message.contains("oops") || error.message.contains('3'), "{error}");
    until("a fresh worker", || engine.health() == Health::Ready).await;
}

#[tokio::test]
async fn garbage_from_the_worker_is_survived() {
    let answer = r#"echo '{"event":"delta","id":1,"text":"네"}'; echo '{"event":"done","id":1,"finish":"stop","prompt_tokens":3,"cached_tokens":0,"completion_tokens":1,"queued_us":5,"first_token_us":7}'"#;
    let scene =
        Scene::new("garbage", &format!("echo what; {READY}; read line; {answer}; exec cat >/dev/null"));
    let engine = scene.engine();
    let mut stream = engine.generate(request()).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), crate::port::LlmEvent::Delta("네".into()));
    assert!(matches!(stream.next().await, Some(Ok(crate::port::LlmEvent::Done { .. }))));
    assert!(stream.next().await.is_none());
    assert_eq!(engine.context_tokens(), 512, "what the worker says, not what was asked for");
}

#[tokio::test]
async fn the_first_token_deadline_counts_while_the_model_loads() {
    let scene = Scene::new("late", "exec sleep 60");
    let engine = scene.engine();
    let hurried = LlmRequest { first_token_deadline: Duration::from_millis(100), ..request() };
    assert_eq!(fate(&engine, hurried).await.kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn too_many_requests_are_refused_and_places_come_back() {
    let scene = Scene::new("crowd", "exec sleep 60");
    let engine = scene.engine();
    let limit = LlmConfig::default().parallel + WAITING;
    let of =
        |client: &str, number: u32| LlmRequest { session: session_key(Some(client), number), ..request() };
    let ask = |client: &str, number: usize| engine.generate(of(client, number as u32));
    let greedy: Vec<_> = (0..limit).filter_map(|number| ask("greedy", number).ok()).collect();
    assert_eq!(greedy.len(), limit / 2, "whatever one client asks, half is for others");
    let others: Vec<_> = (0..limit / 2).map(|number| ask(&format!("client {number}"), 0).unwrap()).collect();
    assert_eq!(ask("one more", 0).unwrap_err().kind, ErrorKind::Overloaded);
    drop((greedy, others));
    until("a free place", || engine.generate(request()).is_ok()).await;
}

#[tokio::test]
async fn dropping_the_engine_ends_the_worker() {
    let scene = Scene::new("drop", &format!("{READY}; exec sleep 60"));
    let engine = scene.engine();
    engine.warm_up();
    until("a worker", || engine.health() == Health::Ready).await;
    let pid = engine.worker_pid().unwrap();
    drop(engine);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "worker {pid} still runs");
}

#[tokio::test]
async fn a_workers_calls_come_out_whole_and_its_question_holds_the_grammar() {
    let delta = |text: &str| {
        let event = serde_json::json!({"event": "delta", "id": 1, "text": text});
        format!("printf '%s\\n' '{event}'")
    };
    let done = r#"echo '{"event":"done","id":1,"finish":"stop","prompt_tokens":3,"cached_tokens":0,"completion_tokens":9,"queued_us":5,"first_token_us":7}'"#;
    let deltas = ["네. <tool", "_call>\n{\"name\": \"play\", ", "\"arguments\": {\"tempo\": 60}}"];
    let deltas = deltas.map(delta).join("; ");
    let script = r#"read -r line; case "$line" in *'"grammar":"root ::='*) ;; *) exit 4;; esac"#;
    let scene = Scene::new("calls", &format!("{READY}; {script}; {deltas}; {done}; exec cat >/dev/null"));
    let engine = scene.engine();
    assert!(engine.has_tools());
    let tool = Tool {
        name: "play".into(),
        description: String::new(),
        parameters: r#"{"type":"object","properties":{"tempo":{"type":"integer"}}}"#.into(),
    };
    let mut stream = engine.generate(LlmRequest { tools: Arc::new([tool]), ..request() }).unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    let [LlmEvent::Delta(words), LlmEvent::ToolCall(call), LlmEvent::Done { .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (words.as_str(), call.name.as_str(), call.arguments.as_str()),
        ("네.", "play", "{\"tempo\": 60}")
    );
    let must = LlmRequest { tool_choice: ToolChoice::Required, ..request() };
    assert_eq!(engine.generate(must).unwrap_err().kind, ErrorKind::BadInput, "nothing to call");
}
