//! The process is killed in the middle of a turn, with each store: whatever was acknowledged is there afterwards,
//! once and in its order. And the signals that let it end well.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    admission::close_of,
    process::{Model, Program},
    store::{Folder, mongodb::Server},
    ws::{Socket, dial},
};

/// What was said in one scene, and what of it was acknowledged.
struct Talk {
    socket: Socket,
    id: String,
    /// Item id and words, in order.
    said: Vec<(String, String)>,
    acknowledged: Vec<(String, String)>,
}

impl Talk {
    async fn begin(program: &Program) -> Self {
        let mut socket = dial(&program.url, "/v1/realtime?model=seoa", &[]).await.expect("connected");
        let (events, _) = socket.until("session.created").await;
        let id = events[0]["session"]["id"].as_str().expect("an id").to_owned();
        Self { socket, id, said: Vec::new(), acknowledged: Vec::new() }
    }

    fn note(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("conversation.item.done") => {
                let item = &event["item"];
                let content = &item["content"][0];
                let words = content["text"].as_str().or(content["transcript"].as_str()).unwrap_or_default();
                self.said.push((item["id"].as_str().expect("id").to_owned(), words.to_owned()));
            }
            Some("duologue.durable" | "duologue.kept") => {
                let id = event["item_id"].as_str().expect("id").to_owned();
                self.acknowledged.push((id, event["kept"].as_str().expect("where").to_owned()));
            }
            _ => {}
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Self, &Value) -> bool) {
        loop {
            let message = self.socket.next().await.expect("the scene is alive");
            let Message::Text(text) = message else { continue };
            let event: Value = serde_json::from_str(&text).expect("JSON");
            self.note(&event);
            if wanted(self, &event) {
                return;
            }
        }
    }

    /// Says it, and waits until it and its answer are acknowledged.
    async fn exchange(&mut self, text: &str) {
        let before = self.acknowledged.len();
        self.socket.write(text).await;
        self.until(|talk, _| talk.acknowledged.len() == before + 2).await;
    }

    /// Says it, waits until it is acknowledged and the answer has begun.
    async fn stop_halfway(&mut self, text: &str) {
        let before = self.acknowledged.len();
        self.socket.write(text).await;
        self.until(|talk, _| talk.acknowledged.len() == before + 1).await;
        self.until(|_, event| event["type"] == "response.output_text.delta").await;
    }
}

async fn get(program: &Program, path: &str, status: StatusCode) -> Value {
    let client = Client::builder().no_proxy().build().expect("a client");
    let response = client.get(format!("{}{path}", program.url)).send().await.expect("answers");
    assert_eq!(response.status(), status);
    response.json().await.expect("JSON")
}

/// Every acknowledged message is in the store, once, in the order in which it was said, with its words.
async fn check_history(program: &Program, talk: &Talk) {
    let path = format!("/chat/sessions/{}/messages?limit=200", talk.id);
    let listed = get(program, &path, StatusCode::OK).await;
    let stored = listed["messages"].as_array().expect("messages");
    let stored = stored
        .iter()
        .map(|message| {
            let id = message["id"].as_str().expect("id").rsplit('/').next().unwrap_or_default().to_owned();
            (id, message["content"].as_str().expect("words").to_owned())
        })
        .collect::<Vec<_>>();
    let is_acknowledged = |id: &str| talk.acknowledged.iter().any(|(other, _)| other == id);
    let expected = talk.said.iter().filter(|(id, _)| is_acknowledged(id)).cloned().collect::<Vec<_>>();
    assert!(expected.len() >= 5, "there is something to check: {expected:?}");
    let found = stored.iter().filter(|(id, _)| is_acknowledged(id)).cloned().collect::<Vec<_>>();
    assert_eq!(found, expected, "complete, in order, once");
    let mut ids = stored.iter().map(|(id, _)| id).collect::<Vec<_>>();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), stored.len(), "nothing twice");
}

async fn killed_in_the_middle(store: &[(&str, &str)]) {
    let (folder, model) = (Folder::new("killed"), Model::start().await);
    let program = Program::start(&folder.0, &model, store).await;
    let mut talk = Talk::begin(&program).await;
    talk.exchange("안녕하세요, 저는 민수예요.").await;
    talk.exchange("I live in Seoul.").await;
    talk.stop_halfway("천천히 말해 줘요, slowly please").await;
    assert!(talk.acknowledged.iter().all(|(_, kept)| kept == "store"), "{:?}", talk.acknowledged);
    program.kill();
    let again = Program::start(&folder.0, &model, store).await;
    check_history(&again, &talk).await;
    // And it goes on where it was: the numbers of the messages go on too.
    let mut socket = dial(&again.url, &format!("/ws/voice/{}?resume=7", talk.id), &[]).await.expect("back");
    let (events, _) = socket.until("error").await;
    assert_eq!(events.last().expect("told")["error"]["code"], "resume_gap", "a new process knows no numbers");
    talk.socket = socket;
    // The items are told again; they are not said again.
    let said = talk.said.clone();
    talk.until(|talk, _| talk.said.len() >= said.len() + 5).await;
    talk.said = said;
    talk.exchange("다시 왔어요").await;
    check_history(&again, &talk).await;
    again.kill();
}

#[tokio::test]
async fn killed_with_sqlite() {
    killed_in_the_middle(&[("store.kind", "sqlite")]).await;
}

#[tokio::test]
async fn killed_with_mongodb() {
    let folder = Folder::new("killed-mongo");
    let server = Server::start(&folder.0).await;
    killed_in_the_middle(&[("store.mongodb_uri", &server.uri())]).await;
}

#[tokio::test]
async fn killed_while_the_store_is_away() {
    let (folder, model) = (Folder::new("killed-away"), Model::start().await);
    let database = folder.0.join("database");
    std::fs::create_dir_all(&database).expect("a folder");
    let server = Server::start(&database).await;
    let uri = server.uri();
    let store = [("store.mongodb_uri", uri.as_str())];
    let program = Program::start(&folder.0, &model, &store).await;
    let mut talk = Talk::begin(&program).await;
    talk.exchange("저장소가 있을 때").await;
    let port = server.stop();
    talk.exchange("저장소가 없을 때").await;
    talk.exchange("still without it").await;
    let places = talk.acknowledged.iter().map(|(_, kept)| kept.as_str()).collect::<Vec<_>>();
    assert_eq!(places, ["store", "store", "journal", "journal", "journal", "journal"]);
    let health = get(&program, "/health", StatusCode::OK).await;
    let shown = health["parts"].as_array().expect("parts").iter().find(|part| part["part"] == "store");
    assert_eq!(shown.expect("the store")["state"], "unavailable");
    talk.stop_halfway("and now slowly").await;
    program.kill();
    let _server = Server::start_on(port, &database).await;
    let again = Program::start(&folder.0, &model, &store).await;
    check_history(&again, &talk).await;
    let health = get(&again, "/health", StatusCode::OK).await;
    let shown = health["parts"].as_array().expect("parts").iter().find(|part| part["part"] == "store");
    assert_eq!(shown.expect("the store")["state"], "ready", "the journal is empty again");
    again.kill();
}

#[tokio::test]
async fn a_store_that_forgets_says_so() {
    let (folder, model) = (Folder::new("killed-memory"), Model::start().await);
    let program = Program::start(&folder.0, &model, &[("store.kind", "memory")]).await;
    let mut socket = dial(&program.url, "/v1/realtime?model=seoa", &[]).await.expect("connected");
    let (events, _) = socket.until("session.created").await;
    assert_eq!(events[0]["session"]["duologue"]["durable"], false);
    socket.write("기억해 줘").await;
    let (events, _) = socket.until("duologue.kept").await;
    assert_eq!(events.last().expect("kept")["kept"], "memory");
    assert!(
        !events.iter().any(|event| event["type"] == "duologue.durable"),
        "nothing is acknowledged as durable"
    );
    let client = Client::builder().no_proxy().build().expect("a client");
    let said = json!({"content": "안녕", "persona_id": "seoa"});
    let reply = client.post(format!("{}/chat", program.url)).json(&said).send().await.expect("answers");
    let reply: Value = reply.json().await.expect("JSON");
    assert_eq!(reply["durable"], false, "{reply}");
    program.kill();
}

#[tokio::test]
async fn the_signals_of_service_managers_end_it_well() {
    let (folder, model) = (Folder::new("signals"), Model::start().await);
    for signal in ["TERM", "INT"] {
        let program = Program::start(&folder.0, &model, &[("server.drain_s", "4")]).await;
        let mut talk = Talk::begin(&program).await;
        talk.exchange("안녕하세요").await;
        talk.exchange("How are you?").await;
        talk.stop_halfway("slowly, please").await;
        program.signal(signal);
        talk.until(|_, event| event["type"] == "duologue.ended" && event["code"] == "server_stopping").await;
        assert_eq!(close_of(&mut talk.socket).await, (1012, "server_stopping".to_owned()));
        let status = tokio::time::timeout(Duration::from_secs(15), program.ended()).await.expect("in time");
        assert_eq!(status.code(), Some(0), "after SIG{signal}");
        let again = Program::start(&folder.0, &model, &[]).await;
        check_history(&again, &talk).await;
        let shown = get(&again, &format!("/chat/sessions/{}", talk.id), StatusCode::OK).await;
        assert_eq!((shown["status"].as_str(), shown["is_active"].as_bool()), (Some("ended"), Some(false)));
        again.kill();
    }
}
