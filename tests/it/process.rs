//! The program as its own process, with a language model that the test plays, so that it can be killed.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    response::{Sse, sse::Event},
    routing::post,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};

/// How long the program may take to start or to end, on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// A language model behind OpenAI's interface: it repeats what was said last, word by word, slowly when asked to.
pub(crate) struct Model {
    pub(crate) url: String,
}

impl Model {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let app = Router::new().route("/v1/chat/completions", post(complete));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url }
    }
}

/// "slowly" in the question makes the answer last for some ten seconds.
async fn complete(Json(request): Json<Value>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let said = request["messages"].as_array().and_then(|messages| messages.last()?["content"].as_str());
    let said = said.unwrap_or_default().to_owned();
    let (words, pause) = match said.contains("slowly") {
        true => (50, Duration::from_millis(200)),
        false => (2, Duration::from_millis(5)),
    };
    let chunk = |delta: Value, finish: Value| {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).to_string()
    };
    let text = |index: usize| if index == 0 { "Yes, ".to_owned() } else { format!("of course {index}. ") };
    let mut chunks =
        (0..words).map(|index| chunk(json!({"content": text(index)}), Value::Null)).collect::<Vec<_>>();
    chunks.push(chunk(json!({}), json!("stop")));
    chunks.push("[DONE]".into());
    Sse::new(stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        Ok(Event::default().data(chunk))
    }))
}

/// The program, killed in the end.
pub(crate) struct Program {
    process: Child,
    pub(crate) url: String,
}

impl Program {
    /// Starts it with its home in `home`, and waits until it listens.
    pub(crate) async fn start(home: &Path, model: &Model, settings: &[(&str, &str)]) -> Self {
        Self::start_with(home, model, settings, Stdio::inherit()).await
    }

    /// The same, with a place for its log.
    pub(crate) async fn start_with(
        home: &Path,
        model: &Model,
        settings: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        // The test's own client needs it, as the program does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_duologue"));
        command.env_clear().env("HOME", home).env("DUOLOGUE_HOME", home);
        let own = [
            ("server.port", "0"),
            ("llm.engine", "openai"),
            ("llm.base_url", model.url.as_str()),
            ("llm.model", "test"),
            ("stt.enabled", "false"),
            ("tts.enabled", "false"),
            ("log.level", "warn"),
        ];
        command.arg("serve");
        for (key, value) in own.iter().chain(settings) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().expect("it starts");
        let stdout = process.stdout.take().expect("piped");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(WITHIN, line).await.expect("in time").expect("read").expect("a line");
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(url.starts_with("http://"), "it did not start: {line:?}");
        Self { process, url }
    }

    /// As the system does it to a process that uses too much memory: without a warning.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("gone");
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("its state") {
                return status;
            }
            assert!(begun.elapsed() < WITHIN, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
