//! The HTTP interface of a whole server in this process, with fake engines and a store in memory.

mod access;
mod feedback;
mod midi;
mod openai_audio;
mod openai_chat;
mod openai_embeddings;
mod openai_responses;
mod openai_secrets;
mod pages;
mod recordings;
mod resources;

use std::sync::Arc;

use duologue::{
    config::{Config, McpConfig, Sources},
    server::Server,
    store::MemoryStore,
};
use duologue_actors::store::Store;
use duologue_engines::registry::Engines;
use duologue_testkit::{FakeFace, FakeLlm, FakeStt, FakeTts, FakeVad, engines};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::store::Folder;

/// A running server; it stops when this is dropped.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) folder: Folder,
    pub(crate) tts: FakeTts,
    stop: Option<oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

impl House {
    /// One as it comes.
    pub(crate) async fn plain() -> Self {
        Self::with(&[], Arc::new(MemoryStore::default())).await
    }

    /// One with changed configuration and a given store.
    pub(crate) async fn with(flags: &[(&str, &str)], store: Arc<dyn Store>) -> Self {
        Self::saying(flags, store, &["반가워요, 저는 서아예요."]).await
    }

    /// The same, with what the persona says.
    pub(crate) async fn saying(flags: &[(&str, &str)], store: Arc<dyn Store>, lines: &[&str]) -> Self {
        let (folder, config) = prepare(flags);
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::default(), &FakeLlm::saying(lines), &tts, &FakeVad::default());
        Self::on(folder, config, (engines, tts), store).await
    }

    /// One that hears these, one after the other.
    pub(crate) async fn hearing(lines: &[&str]) -> Self {
        let (folder, config) = prepare(&[]);
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::hearing(lines), &FakeLlm::saying(&[]), &tts, &FakeVad::default());
        Self::on(folder, config, (engines, tts), Arc::new(MemoryStore::default())).await
    }

    /// One that hears these one after the other and says those.
    pub(crate) async fn scripted(flags: &[(&str, &str)], heard: &[&str], said: &[&str]) -> Self {
        let (folder, config) = prepare(flags);
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::hearing(heard), &FakeLlm::saying(said), &tts, &FakeVad::default());
        Self::on(folder, config, (engines, tts), Arc::new(MemoryStore::default())).await
    }

    /// One whose language model is this one.
    pub(crate) async fn thinking(flags: &[(&str, &str)], llm: &FakeLlm) -> Self {
        let (folder, config) = prepare(flags);
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::default(), llm, &tts, &FakeVad::default());
        Self::on(folder, config, (engines, tts), Arc::new(MemoryStore::default())).await
    }

    /// One whose personas may call functions of this MCP server.
    pub(crate) async fn calling(server: McpConfig, lines: &[&str]) -> Self {
        let (folder, mut config) = prepare(&[]);
        config.mcp = vec![server];
        let tts = FakeTts::default();
        let engines = engines(&FakeStt::default(), &FakeLlm::saying(lines), &tts, &FakeVad::default());
        Self::on(folder, config, (engines, tts), Arc::new(MemoryStore::default())).await
    }

    /// One whose landmarker is on and is this one.
    pub(crate) async fn looking(face: FakeFace) -> Self {
        let flags = [("landmarker.enabled", "true")];
        let (folder, config) = prepare(&flags);
        let tts = FakeTts::default();
        let others = engines(&FakeStt::default(), &FakeLlm::saying(&[]), &tts, &FakeVad::default());
        let engines = Arc::new(Engines { face: Arc::new(face), ..Engines::clone(&others) });
        Self::on(folder, config, (engines, tts), Arc::new(MemoryStore::default())).await
    }

    async fn on(
        folder: Folder,
        config: Config,
        (engines, tts): (Arc<Engines>, FakeTts),
        store: Arc<dyn Store>,
    ) -> Self {
        let server = Server::bind_with(config, engines, store).await.expect("binds");
        let url = format!("http://127.0.0.1:{}", server.address().expect("bound").port());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = Some(tokio::spawn(server.run(async move {
            let _ = stopped.await;
        })));
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Self { url, client, folder, tts, stop: Some(stop), running }
    }

    /// Tells the server to stop; the task that ends with it.
    pub(crate) fn stop(&mut self) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        drop(self.stop.take());
        self.running.take().expect("not stopped before")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }
}

/// The folder of a house, and its configuration.
fn prepare(flags: &[(&str, &str)]) -> (Folder, Config) {
    // The process's TLS provider, which the program's main installs.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Folder::new("http");
    for (path, text) in [
        ("index.html", "<!doctype html>안녕"),
        ("js/app.js", "export {};"),
        ("vendor/lib.js", "1"),
        ("m.wasm", "\0asm"),
    ] {
        let path = folder.0.join(path);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let sounds = folder.0.join(".local/share/duologue/soundfonts");
    std::fs::create_dir_all(&sounds).expect("a folder");
    std::fs::write(sounds.join("sf_GMbank.sf2"), duologue_testkit::soundfont()).expect("a file");
    let mut sources =
        Sources { env: vec![("HOME".into(), folder.0.display().to_string())], ..Sources::default() };
    let static_dir = folder.0.display().to_string();
    // Whoever tests something else must not wait because this machine is slow today.
    let own =
        [("server.port", "0"), ("server.static_dir", static_dir.as_str()), ("sessions.admission", "fixed")];
    sources.flags =
        own.iter().chain(flags).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let config = Config::load(sources).expect("a valid configuration");
    (folder, config)
}

/// The answer, with its status checked.
pub(crate) async fn answer(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.expect("an answer");
    let got = response.status();
    let text = response.text().await.expect("a body");
    assert_eq!(got, status, "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
}

pub(crate) async fn ok(request: RequestBuilder) -> Value {
    answer(request, StatusCode::OK).await
}

/// A refusal in the one shape of all refusals.
pub(crate) async fn refused(request: RequestBuilder, code: &str) -> Value {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    assert!(status.is_client_error() || status.is_server_error(), "{status}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], code, "{body}");
    assert_eq!(body["detail"], body["error"]["message"], "clients of the earlier systems read `detail`");
    assert!(body["error"]["type"].is_string(), "{body}");
    body
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}
