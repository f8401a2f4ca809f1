//! Functions over the wire: as a stock client sees them, and an MCP server's from the configuration to the reply.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use duologue::{config::McpConfig, store::MemoryStore};
use duologue_testkit::FakeLlm;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    http::{House, answer},
    store::Folder,
    ws::connect,
};

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

#[tokio::test]
async fn a_client_offers_a_function_runs_it_and_hears_the_answer() {
    for (before, after) in [("잠깐만요. ", "전주는 맑아요."), ("One moment. ", "It is sunny in Jeonju.")]
    {
        let call = format!(r#"{before}<call get_weather {{"city":"전주"}}>"#);
        let house = House::saying(&[], Arc::new(MemoryStore::default()), &[&call, after]).await;
        let mut socket = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
        socket.until("conversation.created").await;
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let tool = json!({
            "type": "function", "name": "get_weather", "description": "날씨", "parameters": parameters,
        });
        let session = json!({"type": "realtime", "tools": [tool], "tool_choice": "auto"});
        socket.say(json!({"type": "session.update", "session": session})).await;
        let (events, _) = socket.until("session.updated").await;
        assert_eq!(
            events.last().expect("the echo")["session"]["tools"],
            json!([tool]),
            "as it came, and ours not"
        );
        socket.write("날씨 어때요?").await;
        let (events, _) = socket.until("response.done").await;
        let done = &events.last().expect("done")["response"];
        assert_eq!((&done["status"], &done["output"][0]["type"]), (&json!("completed"), &json!("message")));
        let call = &done["output"][1];
        assert_eq!(
            (&call["name"], &call["arguments"]),
            (&json!("get_weather"), &json!(r#"{"city":"전주"}"#))
        );
        let run_at = events.iter().filter(|event| event["item"]["status"] == "completed").filter(|event| {
            event["type"] == "response.output_item.done" && event["item"]["type"] == "function_call"
        });
        assert_eq!(run_at.count(), 1, "it is run once: {:?}", kinds(&events));
        let output = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "{\"sky\":\"clear\"}"});
        socket.say(json!({"type": "conversation.item.create", "item": output})).await;
        let (events, _) = socket.until("conversation.item.done").await;
        assert_eq!(events.last().expect("the item")["item"]["type"], "function_call_output");
        socket.say(json!({"type": "response.create", "response": {"metadata": {"why": "tool"}}})).await;
        let (events, _) = socket.until("response.done").await;
        let done = &events.last().expect("done")["response"];
        assert_eq!(done["output"][0]["content"][0]["transcript"], after);
        assert_eq!(done["metadata"], json!({"why": "tool"}));
    }
}

#[tokio::test]
async fn a_persona_remembers_and_nobody_is_asked_to_run_that() {
    let lines = [r#"<call remember {"fact":"금요일에 면접이 있다"}>"#, "기억할게요."];
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &lines).await;
    let mut socket = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
    let (events, _) = socket.until("conversation.created").await;
    assert_eq!(events[0]["session"]["tools"], json!([]));
    socket.write("금요일에 면접이 있는 거 기억해 줘").await;
    let (events, _) = socket.until("response.done").await;
    let kinds = kinds(&events);
    assert!(kinds.contains(&"duologue.tool.started") && kinds.contains(&"duologue.tool.done"), "{kinds:?}");
    assert!(!events.iter().any(|event| event["item"]["type"] == "function_call"), "{kinds:?}");
    let done = &events.last().expect("done")["response"];
    assert_eq!(done["output"].as_array().map(Vec::len), Some(1));
    assert_eq!(done["output"][0]["content"][0]["transcript"], "기억할게요.");
}

/// The smallest program that speaks the protocol.
const PROGRAM: &str = r#"
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    results = {
        "initialize": lambda: {"protocolVersion": asked["params"]["protocolVersion"],
                               "capabilities": {"tools": {}}, "serverInfo": {"name": "clock", "version": "1"}},
        "tools/list": lambda: {"tools": [{"name": "now", "description": "the time",
                                          "inputSchema": {"type": "object", "properties": {}}}]},
        "tools/call": lambda: {"content": [{"type": "text", "text": "it is noon"}], "isError": False},
    }
    if "id" in asked:
        result = results.get(asked["method"], dict)()
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"#;

#[tokio::test]
async fn an_mcp_server_is_a_source_of_functions_by_configuration() {
    let server = McpConfig {
        name: "clock".into(),
        command: "python3".into(),
        args: ["-u", "-c", PROGRAM].map(str::to_owned).to_vec(),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
        url: String::new(),
        bearer: String::new(),
        tools: vec!["now".into()],
        timeout_s: 10,
    };
    let house = House::calling(server, &["<call clock_now {}>", "정오예요."]).await;
    let mut state = Value::Null;
    for _ in 0..300 {
        let health = answer(house.get("/health"), StatusCode::OK).await;
        let parts = health["parts"].as_array().expect("parts").clone();
        state = parts.into_iter().find(|part| part["part"] == "mcp").expect("a line for it");
        if state["state"] == "ready" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((&state["state"], &state["model"]), (&json!("ready"), &json!("clock")), "{state}");
    let mut socket = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
    socket.until("conversation.created").await;
    socket.write("몇 시예요?").await;
    let (events, _) = socket.until("response.done").await;
    let ran = events.iter().find(|event| event["type"] == "duologue.tool.done").expect("it was called");
    assert_eq!((&ran["name"], &ran["error"]), (&json!("clock_now"), &Value::Null));
    let done = &events.last().expect("done")["response"];
    assert_eq!(done["output"][0]["content"][0]["transcript"], "정오예요.");
}

#[tokio::test]
async fn a_persona_looks_something_up_in_the_documents() {
    let folder = Folder::new("documents");
    let path = |name: &str| folder.0.join(name);
    std::fs::write(path("handbook.md"), "# Holidays\nEverybody has 25 days of holiday a year.\n")
        .expect("written");
    std::fs::write(path("안내.txt"), "# 연차\n연차는 일 년에 15일입니다.\n").expect("written");
    std::fs::write(path("plan.pdf"), "%PDF").expect("written");
    let documents = folder.0.display().to_string();
    for (question, query, words, answer) in [
        ("문서에서 연차 좀 찾아 주세요.", "연차", "15일", "연차는 15일이에요."),
        ("Can you look up the holidays in the handbook?", "holidays", "25 days", "You have 25 days."),
    ] {
        let llm = FakeLlm::saying(&[&format!(r#"<call look_up {{"query":"{query}"}}>"#), answer]);
        let house = House::thinking(&[("server.documents_dir", &documents)], &llm).await;
        let health = crate::http::ok(house.get("/health")).await;
        let part = health["parts"]
            .as_array()
            .and_then(|parts| parts.iter().find(|part| part["part"] == "documents").cloned());
        let part = part.expect("a line for them");
        assert_eq!((&part["model"], &part["state"]), (&json!("2 files"), &json!("degraded")), "{part}");
        assert!(part["reason"].as_str().is_some_and(|why| why.contains("plan.pdf")), "{part}");
        let mut socket = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("connected");
        socket.until("conversation.created").await;
        socket.write(question).await;
        let (events, _) = socket.until("response.done").await;
        let ran = events.iter().find(|event| event["type"] == "duologue.tool.done").expect("it was called");
        assert_eq!((&ran["name"], &ran["error"]), (&json!("look_up"), &Value::Null));
        assert_eq!(events.last().expect("done")["response"]["output"][0]["content"][0]["transcript"], answer);
        let prompts = llm.prompts.lock().expect("not poisoned").clone();
        let told = prompts.last().expect("asked").last().expect("the result").content.clone();
        assert!(told.contains(words), "what stands there is told: {told}");
    }
}
