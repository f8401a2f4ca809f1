//! Against real servers: a program over its standard streams and one over HTTP, both as small as the protocol allows.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use duologue_actors::tools::ToolFailure;
use duologue_domain::tool::ToolCall;
use duologue_engines::port::Health;
use serde_json::{Value, json};

use super::{McpServers, Server};
use crate::config::McpConfig;

/// What both servers answer; none to what wants no answer.
fn answer(request: &Value) -> Option<Value> {
    let result = match request["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": request["params"]["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "tiny", "version": "1"},
        }),
        "tools/list" => json!({"tools": [
            {"name": "echo", "description": "says it again", "inputSchema": {"type": "object"}},
            {"name": "fail", "description": "fails", "inputSchema": {"type": "object"}},
            {"name": "no good name", "description": "", "inputSchema": {"type": "object"}},
        ]}),
        "tools/call" if request["params"]["name"] == "fail" => {
            json!({"content": [{"type": "text", "text": "no luck"}], "isError": true})
        }
        "tools/call" => {
            let text = request["params"]["arguments"].to_string();
            json!({"content": [{"type": "text", "text": text}], "isError": false})
        }
        _ => json!({}),
    };
    let id = request.get("id")?;
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// The same over standard streams, in a language that needs nothing; `die` ends it.
const PROGRAM: &str = r#"
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    method = asked.get("method", "")
    if "id" not in asked:
        continue
    result = {}
    if method == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "tiny", "version": "1"}}
    if method == "tools/list":
        result = {"tools": [{"name": name, "description": "", "inputSchema": {"type": "object"}}
                            for name in ("echo", "secrets", "die", "hang")]}
    if method == "tools/call":
        name = asked["params"]["name"]
        if name == "die":
            os._exit(1)
        if name == "hang":
            continue
        text = json.dumps(asked["params"].get("arguments", {}), ensure_ascii=False)
        if name == "secrets":
            text = ",".join(sorted(os.environ))
        result = {"content": [{"type": "text", "text": text}], "isError": False}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"#;

fn config(name: &str) -> McpConfig {
    McpConfig {
        name: name.into(),
        command: String::new(),
        args: Vec::new(),
        env: BTreeMap::new(),
        url: String::new(),
        bearer: String::new(),
        tools: Vec::new(),
        timeout_s: 5,
    }
}

fn program(name: &str) -> McpConfig {
    let env = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("TOKEN".to_owned(), "x".to_owned()),
    ]);
    let args = ["-u", "-c", PROGRAM].map(str::to_owned).to_vec();
    McpConfig { command: "python3".into(), args, env, ..config(name) }
}

/// Waits for what the keepers do; a minute is long on any machine.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn call(servers: &McpServers, name: &str, arguments: &str) -> Result<String, ToolFailure> {
    let tools = servers.tools();
    let offers = |source: &&Arc<dyn super::ToolSource>| source.tools().iter().any(|tool| tool.name == name);
    let source = tools.sources.iter().find(offers).cloned().expect("the function is offered");
    let call = ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into() };
    let called = source.call(call);
    tokio::time::timeout(source.within(), called).await.unwrap_or(Err(ToolFailure::new("timeout", "")))
}

fn names(servers: &McpServers) -> Vec<String> {
    let lists = servers.tools().sources.iter().map(|source| source.tools()).collect::<Vec<_>>();
    lists.iter().flat_map(|list| list.iter().map(|tool| tool.name.clone())).collect()
}

#[tokio::test]
async fn a_program_is_called_dies_and_comes_back() {
    let servers = McpServers::start(&[program("tiny")]);
    assert!(matches!(servers.health(), Health::Degraded(_)), "not yet");
    until("the connection", || servers.health() == Health::Ready).await;
    assert_eq!(names(&servers), ["tiny_echo", "tiny_secrets", "tiny_die", "tiny_hang"]);
    assert_eq!(call(&servers, "tiny_echo", r#"{"a":"안녕"}"#).await.as_deref(), Ok(r#"{"a": "안녕"}"#));
    assert_eq!(call(&servers, "tiny_echo", "").await.as_deref(), Ok("{}"));
    assert_eq!(call(&servers, "tiny_echo", "[1]").await.unwrap_err().code, "tool_bad_arguments");
    let seen = call(&servers, "tiny_secrets", "{}").await.expect("names of variables");
    let ours = seen.split(',').filter(|name| !["PATH", "TOKEN", "LC_CTYPE"].contains(name));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new(), "nothing of our environment");
    assert_eq!(call(&servers, "tiny_hang", "{}").await.unwrap_err().code, "timeout");
    assert_eq!(call(&servers, "tiny_die", "{}").await.unwrap_err().code, "tool_failed");
    until("the end is noticed", || matches!(servers.health(), Health::Degraded(_))).await;
    assert!(names(&servers).is_empty(), "what is away is not offered");
    until("it is started again", || servers.health() == Health::Ready).await;
    assert_eq!(call(&servers, "tiny_echo", "{}").await.as_deref(), Ok("{}"));
}

#[tokio::test]
async fn a_server_over_http_is_called_within_what_is_allowed() {
    let away = Arc::new(AtomicBool::new(false));
    let is_away = away.clone();
    let handle = move |headers: axum::http::HeaderMap, Json(request): Json<Value>| {
        let knows = headers.get("authorization").is_some_and(|given| given == "Bearer secret");
        let answered = match answer(&request) {
            _ if is_away.load(Ordering::SeqCst) || !knows => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Some(answer) => Json(answer).into_response(),
            None => StatusCode::ACCEPTED.into_response(),
        };
        std::future::ready(answered)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let serving =
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/mcp", post(handle))).await });
    let web = McpConfig { url, bearer: "secret".into(), ..config("web") };
    let some = McpConfig { tools: vec!["fail".into()], name: "some".into(), ..web.clone() };
    let refused = McpConfig { bearer: "wrong".into(), name: "no".into(), ..web.clone() };
    let servers = McpServers::start(&[web, some, refused]);
    until("two are connected", || names(&servers).len() == 3).await;
    assert_eq!(
        names(&servers),
        ["web_echo", "web_fail", "some_fail"],
        "a name that no model takes is left out"
    );
    assert_eq!(call(&servers, "web_echo", r#"{"n":1}"#).await.as_deref(), Ok(r#"{"n":1}"#));
    let failed = call(&servers, "some_fail", "{}").await.unwrap_err();
    assert_eq!((failed.code, failed.message.as_str()), ("tool_failed", "no luck"));
    let Health::Degraded(why) = servers.health() else { panic!("one is refused") };
    assert!(why.starts_with("no: ") && !why.contains("wrong") && !why.contains("web"), "{why}");
    away.store(true, Ordering::SeqCst);
    assert_eq!(call(&servers, "web_echo", "{}").await.unwrap_err().code, "tool_failed");
    serving.abort();
}

#[tokio::test]
async fn what_does_not_start_says_so_and_stops_nothing() {
    let missing = McpConfig { command: "/nonexistent/program".into(), ..config("gone") };
    let deaf = McpConfig { command: "/bin/cat".into(), ..config("deaf") };
    let servers = McpServers::start(&[missing, deaf]);
    let said = |what: &str| matches!(servers.health(), Health::Degraded(why) if why.contains(what));
    until("the reason", || said("gone: /nonexistent/program did not start")).await;
    assert_eq!(servers.names(), "gone, deaf");
    assert!(names(&servers).is_empty());
}

#[test]
fn secrets_are_not_printed() {
    let shown = format!("{:?} {:?}", program("tiny"), McpConfig { bearer: "secret".into(), ..config("web") });
    assert!(!shown.contains("secret") && !shown.contains("TOKEN") && shown.contains("tiny"), "{shown}");
}

#[test]
fn long_texts_are_left_out() {
    let schema = Arc::new(serde_json::Map::from_iter([("description".to_owned(), json!("x".repeat(9_000)))]));
    let listed =
        vec![rmcp::model::Tool::new("long", "d", schema), rmcp::model::Tool::new("ok", "d", Arc::default())];
    let twice = listed.iter().cloned().chain(listed.clone()).collect();
    let offered = Server::new(config("s")).offered(twice, true);
    assert_eq!(
        offered.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["s_ok"],
        "and each name once"
    );
}

#[tokio::test]
async fn what_fails_on_the_way_does_not_tell_the_address() {
    let away = Arc::new(AtomicBool::new(false));
    let is_away = away.clone();
    let handle = move |Json(request): Json<Value>| {
        std::future::ready(match answer(&request) {
            _ if is_away.load(Ordering::SeqCst) => StatusCode::BAD_GATEWAY.into_response(),
            Some(answer) => Json(answer).into_response(),
            None => StatusCode::ACCEPTED.into_response(),
        })
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp?key=hidden", listener.local_addr().expect("an address"));
    let serving =
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/mcp", post(handle))).await });
    let servers = McpServers::start(&[McpConfig { url, ..config("web") }]);
    until("the connection", || servers.health() == Health::Ready).await;
    away.store(true, Ordering::SeqCst);
    let failed = call(&servers, "web_echo", "{}").await.unwrap_err();
    assert_eq!(
        (failed.code, failed.message.as_str()),
        ("tool_failed", "the connection to the server failed")
    );
    serving.abort();
}
