//! Against a server of a few lines, so that every way in which a real one misbehaves can be acted out.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::port::{Finish, Role, Sampling, Tool, ToolCall, ToolChoice};

/// One answer: what to write, piece by piece, and whether to fall silent instead of closing.
#[derive(Clone)]
struct Act {
    pieces: Vec<Vec<u8>>,
    stall: bool,
}

fn status(line: &str, headers: &str) -> Act {
    let text = format!("HTTP/1.1 {line}\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\n{{}}");
    Act { pieces: vec![text.into_bytes()], stall: false }
}

fn stream(body: &str, piece: usize) -> Act {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let mut pieces = vec![head.as_bytes().to_vec()];
    pieces.extend(body.as_bytes().chunks(piece).map(<[u8]>::to_vec));
    Act { pieces, stall: false }
}

fn delta(text: &str) -> String {
    let chunk = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n";

/// A server that plays its acts, one a connection; the last for ever.
struct Stage {
    port: u16,
    asked: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

async fn stage(acts: Vec<Act>) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (count, log) = (Arc::clone(&asked), Arc::clone(&requests));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let at = count.fetch_add(1, Ordering::SeqCst);
            let act = acts[at.min(acts.len() - 1)].clone();
            let log = Arc::clone(&log);
            tokio::spawn(async move { play(socket, act, &log).await });
        }
    });
    Stage { port, asked, requests }
}

async fn play(mut socket: TcpStream, act: Act, log: &Mutex<Vec<String>>) {
    let request = read_request(&mut socket).await;
    log.lock().unwrap().push(request);
    for piece in act.pieces {
        if socket.write_all(&piece).await.is_err() {
            return;
        }
        let _ = socket.flush().await;
        tokio::task::yield_now().await;
    }
    if act.stall {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if read == 0 {
            return text;
        }
    }
}

fn engine(stage: &Stage) -> OpenAiLlm {
    OpenAiLlm::new(&LlmConfig {
        base_url: format!("http://127.0.0.1:{}/v1/", stage.port),
        api_key: "sk-geheim".into(),
        model: "remote".into(),
        timeout_s: 1,
        ..LlmConfig::default()
    })
}

fn request() -> LlmRequest {
    LlmRequest {
        session: 1,
        messages: vec![ChatMessage::new(Role::System, "Be Seoa."), ChatMessage::new(Role::User, "안녕?")],
        shared: 1,
        max_tokens: 32,
        sampling: Sampling { seed: Some(5), ..Sampling::default() },
        stop: vec!["\nUser:".into()],
        first_token_deadline: Duration::from_secs(8),
        ..LlmRequest::default()
    }
}

async fn outcome(engine: &OpenAiLlm) -> (String, Result<(Finish, LlmUsage), EngineError>) {
    let mut stream = engine.generate(request()).unwrap();
    let mut text = String::new();
    loop {
        match stream.next().await.expect("an end") {
            Ok(LlmEvent::Delta(more)) => text.push_str(&more),
            Ok(LlmEvent::ToolCall(call)) => panic!("{call:?} without tools"),
            Ok(LlmEvent::Done { finish, usage }) => return (text, Ok((finish, usage))),
            Err(error) => return (text, Err(error)),
        }
    }
}

async fn error_of(acts: Vec<Act>) -> (EngineError, usize) {
    let stage = stage(acts).await;
    let (_, result) = outcome(&engine(&stage)).await;
    (result.unwrap_err(), stage.asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_reply_arrives_whole_however_the_network_cuts_it() {
    let body = [&delta("안녕하"), ": ping\n\n", &delta("세요 👋"), END, USAGE, "data: [DONE]\n\n"].concat();
    for piece in [1, 2, 7, 4096] {
        let stage = stage(vec![stream(&body, piece)]).await;
        let engine = engine(&stage);
        let (text, result) = outcome(&engine).await;
        assert_eq!(text, "안녕하세요 👋", "in pieces of {piece}");
        let (finish, usage) = result.unwrap();
        assert_eq!(finish, Finish::Stop);
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (9, 4, 3));
        assert!(usage.first_token > Duration::ZERO);
        assert_eq!(engine.health(), Health::Ready);
    }
}

#[tokio::test]
async fn the_request_says_what_was_asked() {
    let stage = stage(vec![stream(&[&delta("ok"), END].concat(), 4096)]).await;
    outcome(&engine(&stage)).await.1.unwrap();
    let request = stage.requests.lock().unwrap()[0].clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-geheim"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["messages"][1], serde_json::json!({"role": "user", "content": "안녕?"}));
    assert_eq!((body["stream"].as_bool(), body["max_tokens"].as_u64()), (Some(true), Some(32)));
    assert_eq!((body["model"].as_str(), body["stop"][0].as_str()), (Some("remote"), Some("\nUser:")));
}

#[tokio::test]
async fn a_missing_done_is_forgiven_when_the_reason_came_and_not_otherwise() {
    let whole = stage(vec![stream(&[&delta("hi"), END].concat(), 4096)]).await;
    assert_eq!(outcome(&engine(&whole)).await.1.unwrap().0, Finish::Stop);
    let torn = stage(vec![stream(&delta("hi"), 4096)]).await;
    let (text, result) = outcome(&engine(&torn)).await;
    assert_eq!((text.as_str(), result.unwrap_err().kind), ("hi", ErrorKind::Broken));
    assert_eq!(torn.asked.load(Ordering::SeqCst), 1, "what was said is not said again");
}

#[tokio::test]
async fn a_refused_key_is_final_and_never_shown() {
    let (error, asked) = error_of(vec![status("401 Unauthorized", "")]).await;
    assert_eq!((error.kind, asked), (ErrorKind::Unavailable, 1));
    assert!(error.message.contains("llm.api_key") && !error.to_string().contains("geheim"), "{error}");
    let stage = stage(vec![status("401 Unauthorized", "")]).await;
    let engine = engine(&stage);
    outcome(&engine).await.1.unwrap_err();
    assert!(matches!(engine.health(), Health::Unavailable(_)));
    assert!(!format!("{engine:?}").contains("geheim"));
}

#[tokio::test]
async fn too_many_requests_then_ok_is_ok() {
    let good = stream(&[&delta("네"), END].concat(), 4096);
    let stage = stage(vec![status("429 Too Many Requests", "retry-after: 1\r\n"), good]).await;
    let begun = Instant::now();
    let (text, result) = outcome(&engine(&stage)).await;
    assert_eq!((text.as_str(), result.is_ok()), ("네", true));
    assert!(begun.elapsed() >= Duration::from_secs(1), "the pause was kept");
}

#[tokio::test]
async fn a_pause_too_long_for_a_conversation_is_an_overload() {
    let (error, asked) = error_of(vec![status("429 Too Many Requests", "retry-after: 30\r\n")]).await;
    assert_eq!((error.kind, asked), (ErrorKind::Overloaded, 1));
}

#[tokio::test]
async fn a_failing_server_is_asked_twice_and_no_more() {
    let (error, asked) = error_of(vec![status("500 Oops", "")]).await;
    assert_eq!((error.kind, asked), (ErrorKind::Broken, 2));
}

#[tokio::test]
async fn other_statuses_mean_what_they_say() {
    assert_eq!(error_of(vec![status("404 Not Found", "")]).await.0.kind, ErrorKind::Unavailable);
    assert_eq!(error_of(vec![status("400 Bad Request", "")]).await.0.kind, ErrorKind::BadInput);
}

#[tokio::test]
async fn a_stalled_stream_times_out_before_and_within_the_reply() {
    let silent = Act { stall: true, ..stream("", 1) };
    let (error, asked) = error_of(vec![silent]).await;
    assert_eq!((error.kind, asked), (ErrorKind::Timeout, 2), "once more, as nothing was said");
    let halfway = Act { stall: true, ..stream(&delta("음"), 4096) };
    let (error, asked) = error_of(vec![halfway]).await;
    assert_eq!((error.kind, asked), (ErrorKind::Timeout, 1));
}

#[tokio::test]
async fn garbage_is_broken_and_not_a_panic() {
    let garbage = stream("data: {\"choices\": [tru\n\n", 4096);
    assert_eq!(error_of(vec![garbage]).await.0.kind, ErrorKind::Broken);
    let page = stream("<html>hello</html>", 4096);
    assert_eq!(error_of(vec![page]).await.0.kind, ErrorKind::Broken);
    let told = stream("data: {\"error\":{\"message\":\"안녕?\"}}\n\n", 4096);
    let (error, _) = error_of(vec![told]).await;
    assert!(error.kind == ErrorKind::Broken && !error.message.contains("안녕"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let stage = Stage { port, asked: Arc::default(), requests: Arc::default() };
    let engine = engine(&stage);
    let error = outcome(&engine).await.1.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("llm.base_url"), "{error}");
}

#[tokio::test]
async fn dropping_the_stream_hangs_up() {
    let act = Act { stall: true, ..stream(&delta("음"), 4096) };
    let stage = stage(vec![act]).await;
    let engine = engine(&stage);
    let mut stream = engine.generate(request()).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), LlmEvent::Delta("음".into()));
    assert_eq!(engine.places.available_permits(), AT_ONCE - 1);
    drop(stream);
    for _ in 0..100 {
        if engine.places.available_permits() == AT_ONCE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the request goes on although nobody listens");
}

/// One event of a stream.
fn chunk(delta: &serde_json::Value, reason: Option<&str>) -> String {
    let chunk = serde_json::json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    format!("data: {chunk}\n\n")
}

fn with_tools() -> LlmRequest {
    let tool = |name: &str| Tool {
        name: name.into(),
        description: "점수를 보여 준다".into(),
        parameters: r#"{"type":"object","properties":{}}"#.into(),
    };
    LlmRequest { tools: Arc::new([tool("show_score"), tool("play")]), ..request() }
}

async fn events(engine: &OpenAiLlm, request: LlmRequest) -> Vec<Result<LlmEvent, ErrorKind>> {
    let mut stream = engine.generate(request).unwrap();
    let mut all = Vec::new();
    while let Some(event) = stream.next().await {
        all.push(event.map_err(|error| error.kind));
    }
    all
}

#[tokio::test]
async fn calls_in_pieces_come_whole_and_before_the_end() {
    let call = |json: serde_json::Value| chunk(&serde_json::json!({"tool_calls": [json]}), None);
    let body = [
        delta("잠깐만요."),
        call(serde_json::json!({"index": 0, "id": "a", "type": "function", "function": {"name": "play", "arguments": ""}})),
        call(serde_json::json!({"index": 0, "function": {"arguments": "{\"style\":"}})),
        call(serde_json::json!({"index": 1, "id": "b", "function": {"name": "show_score", "arguments": "{}"}})),
        call(serde_json::json!({"index": 0, "function": {"arguments": "\"재즈\"}"}})),
        chunk(&serde_json::json!({}), Some("tool_calls")),
        "data: [DONE]\n\n".into(),
    ]
    .concat();
    for piece in [3, 4096] {
        let stage = stage(vec![stream(&body, piece)]).await;
        let events = events(&engine(&stage), with_tools()).await;
        let [
            Ok(LlmEvent::Delta(words)),
            Ok(LlmEvent::ToolCall(first)),
            Ok(LlmEvent::ToolCall(second)),
            Ok(LlmEvent::Done { finish, .. }),
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((words.as_str(), *finish), ("잠깐만요.", Finish::Stop));
        assert_eq!(
            (first.id.as_str(), first.name.as_str(), first.arguments.as_str()),
            ("a", "play", "{\"style\":\"재즈\"}")
        );
        assert_eq!((second.id.as_str(), second.name.as_str()), ("b", "show_score"));
    }
}

#[tokio::test]
async fn a_server_that_leaves_calls_in_the_words_is_read_all_the_same() {
    let words = "<tool_call>\n{\"name\": \"play\", \"arguments\": {}}\n</tool_call>";
    let body = [&delta("네. "), &delta(&words[..7]), &delta(&words[7..]), END].concat();
    let stage = stage(vec![stream(&body, 4096)]).await;
    let events = events(&engine(&stage), with_tools()).await;
    assert!(
        matches!(&events[..], [Ok(LlmEvent::Delta(text)), Ok(LlmEvent::ToolCall(call)), Ok(LlmEvent::Done { .. })]
            if text == "네." && call.name == "play"),
        "{events:?}"
    );
}

#[tokio::test]
async fn tools_choices_calls_and_results_are_sent_in_its_words() {
    let good = stream(&[&delta("ok"), END].concat(), 4096);
    let stage = stage(vec![good]).await;
    let engine = engine(&stage);
    let call = ToolCall { id: "a".into(), name: "play".into(), arguments: "{}".into() };
    let mut asked = with_tools();
    asked.messages.push(ChatMessage { calls: vec![call], ..ChatMessage::new(Role::Assistant, "") });
    asked.messages.push(ChatMessage { answers: Some("a".into()), ..ChatMessage::new(Role::Tool, "done") });
    for (choice, expected) in [
        (ToolChoice::Auto, serde_json::Value::Null),
        (ToolChoice::None, serde_json::json!("none")),
        (ToolChoice::Required, serde_json::json!("required")),
        (
            ToolChoice::Named("play".into()),
            serde_json::json!({"type": "function", "function": {"name": "play"}}),
        ),
    ] {
        events(&engine, LlmRequest { tool_choice: choice, ..asked.clone() }).await;
        let body = last_body(&stage);
        assert_eq!(body["tool_choice"], expected);
        assert_eq!(body["tools"][0]["function"]["parameters"]["type"], "object");
        assert_eq!(body["messages"][2]["content"], serde_json::Value::Null);
        assert_eq!(body["messages"][2]["tool_calls"][0]["function"]["arguments"], "{}");
        assert_eq!(
            body["messages"][3],
            serde_json::json!({"role": "tool", "content": "done", "tool_call_id": "a"})
        );
    }
    let schema = LlmRequest { response_schema: Some(r#"{"type":"integer"}"#.into()), ..request() };
    events(&engine, schema).await;
    let body = last_body(&stage);
    assert_eq!(body["response_format"]["json_schema"]["schema"]["type"], "integer");
    assert_eq!((&body["tools"], &body["tool_choice"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    let any = LlmRequest { response_schema: Some(r#"{"type":"object"}"#.into()), ..request() };
    events(&engine, any).await;
    assert_eq!(last_body(&stage)["response_format"], serde_json::json!({"type": "json_object"}));
    let wrong = LlmRequest { tool_choice: ToolChoice::Named("sing".into()), ..with_tools() };
    assert_eq!(engine.generate(wrong).unwrap_err().kind, ErrorKind::BadInput);
}

fn last_body(stage: &Stage) -> serde_json::Value {
    let requests = stage.requests.lock().unwrap();
    let (_, body) = requests.last().unwrap().split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_server_that_calls_without_end_is_cut_off() {
    let piece = chunk(
        &serde_json::json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "play", "arguments": "x".repeat(20_000)}}]}),
        None,
    );
    let stage = stage(vec![stream(&[piece.repeat(5).as_str(), END].concat(), 4096)]).await;
    assert_eq!(events(&engine(&stage), with_tools()).await, [Err(ErrorKind::Broken)]);
}
