//! `/v1/chat/completions`, as OpenAI's clients use it.

use std::time::Duration;

use duologue_engines::port::{LlmRequest, Role, ToolChoice};
use duologue_testkit::{FakeLlm, Trouble};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{House, answer, header, ok, refused};

const PATH: &str = "/v1/chat/completions";

/// A model that does not dawdle.
pub(super) fn quick(lines: &[&str]) -> FakeLlm {
    let mut llm = FakeLlm::saying(lines);
    llm.per_word = Duration::from_millis(1);
    llm
}

/// The last request that the model got.
pub(super) fn last_request(llm: &FakeLlm) -> LlmRequest {
    llm.requests.lock().expect("whole").last().cloned().expect("it was asked")
}

fn says(model: &str, words: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": words }] })
}

fn with(mut body: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut body, more) else { panic!("objects") };
    fields.extend(more);
    body
}

fn weather() -> Value {
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!([{ "type": "function", "function": { "name": "weather", "description": "날씨", "parameters": city } }])
}

/// The data of all events of a stream.
pub(super) async fn data(response: Response) -> Vec<String> {
    assert_eq!(response.status(), StatusCode::OK);
    assert!(header(&response, "content-type").starts_with("text/event-stream"));
    let text = response.text().await.expect("a whole body");
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_persona_is_a_model_and_instructions_are_added() {
    let llm = quick(&["네, 반가워요.", "Nice to meet you."]);
    let house = House::thinking(&[], &llm).await;
    let mut body = says("seoa", "안녕하세요!");
    body["messages"]
        .as_array_mut()
        .expect("messages")
        .insert(0, json!({"role": "system", "content": "꼭 짧게 말해."}));
    body = with(body, json!({ "temperature": 0.3, "seed": 5, "max_completion_tokens": 40, "stop": ["끝"] }));
    let completion = ok(house.post(PATH, &body)).await;
    assert_eq!(completion["object"], "chat.completion");
    assert_eq!(completion["model"], "seoa");
    assert!(completion["id"].as_str().expect("an id").starts_with("chatcmpl-"));
    let choice = &completion["choices"][0];
    assert_eq!(choice["message"]["content"], "네, 반가워요.");
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"].get("tool_calls").is_none());
    assert_eq!(completion["usage"]["completion_tokens"], 2);
    let request = last_request(&llm);
    assert_eq!(request.shared, 1, "the persona's own prompt is shared with its scenes");
    assert!(request.messages[0].content.contains("서아"), "{:?}", request.messages[0]);
    let note = request.messages.iter().rev().find(|message| message.role == Role::System).expect("a note");
    assert!(note.content.contains("꼭 짧게 말해."), "{note:?}");
    assert_eq!(request.messages.last().expect("messages").content, "안녕하세요!");
    assert_eq!((request.max_tokens, request.sampling.seed), (40, Some(5)));
    assert!((request.sampling.temperature - 0.3).abs() < 1e-6);
    assert_eq!(request.stop, ["끝"]);

    // By name, and in the language that is spoken to her.
    let english = ok(house.post(PATH, &says("이서아", "Hello, how are you today?"))).await;
    assert_eq!(english["choices"][0]["message"]["content"], "Nice to meet you.");
    let system = &last_request(&llm).messages[0].content;
    assert_ne!(system, &request.messages[0].content, "the persona's words in English");
}

#[tokio::test]
async fn the_language_model_itself_is_a_model_too() {
    let llm = quick(&["42"]);
    let house = House::thinking(&[], &llm).await;
    let body = json!({ "model": "script", "messages": [
        { "role": "system", "content": "You add." },
        { "role": "user", "content": "40 + 2?" },
    ] });
    assert_eq!(ok(house.post(PATH, &body)).await["choices"][0]["message"]["content"], "42");
    let roles: Vec<(Role, String)> =
        last_request(&llm).messages.into_iter().map(|message| (message.role, message.content)).collect();
    assert_eq!(
        roles,
        [(Role::System, "You add.".into()), (Role::User, "40 + 2?".into())],
        "and nothing else"
    );
}

#[tokio::test]
async fn chunks_come_word_by_word_with_usage_at_the_end() {
    let house = House::thinking(&[], &quick(&["하나 둘 셋"])).await;
    let body = with(
        says("seoa", "세어 봐요"),
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
    );
    let mut data = data(house.post(PATH, &body).send().await.expect("an answer")).await;
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> = data.iter().map(|data| serde_json::from_str(data).expect("JSON")).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let words: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(words, "하나 둘 셋");
    let (last, usage) = (&chunks[chunks.len() - 2], &chunks[chunks.len() - 1]);
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["usage"], Value::Null);
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 3);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["id"] == chunks[0]["id"] && chunk["object"] == "chat.completion.chunk")
    );

    let body = with(says("seoa", "세어 봐요"), json!({ "stream": true }));
    let data = super::openai_chat::data(house.post(PATH, &body).send().await.expect("an answer")).await;
    assert!(data.iter().all(|data| !data.contains("\"usage\"")), "nobody asked for it");
}

#[tokio::test]
async fn functions_are_called_and_their_results_are_read() {
    let llm =
        quick(&["볼게요. <call weather {\"city\":\"서울\"}><call weather {\"city\":\"부산\"}>", "맑아요."]);
    let house = House::thinking(&[], &llm).await;
    let asked = with(
        says("seoa", "날씨 어때요?"),
        json!({ "tools": weather(), "tool_choice": "required", "max_tokens": 64 }),
    );
    let completion = ok(house.post(PATH, &asked)).await;
    let choice = &completion["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let calls = choice["message"]["tool_calls"].as_array().expect("calls").clone();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(calls[0]["function"], json!({ "name": "weather", "arguments": "{\"city\":\"서울\"}" }));
    let request = last_request(&llm);
    assert_eq!(request.tools.len(), 1);
    assert_eq!(request.tool_choice, ToolChoice::Required);

    let mut messages = asked["messages"].as_array().expect("messages").clone();
    messages.push(choice["message"].clone());
    for call in &calls {
        messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "맑음, 21도" }));
    }
    let body = json!({ "model": "seoa", "messages": messages, "tools": weather(), "max_tokens": 64 });
    let completion = ok(house.post(PATH, &body)).await;
    assert_eq!(completion["choices"][0]["message"]["content"], "맑아요.");
    let request = last_request(&llm);
    let results: Vec<_> = request.messages.iter().filter(|message| message.role == Role::Tool).collect();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0].answers.as_deref(), calls[0]["id"].as_str());
    assert!(
        request.messages.iter().any(|message| message.calls.len() == 2),
        "the calls stand before their results"
    );
}

#[tokio::test]
async fn calls_are_streamed_and_one_at_most_where_that_was_asked() {
    let line = "잠시만요. <call weather {\"city\":\"서울\"}><call weather {\"city\":\"부산\"}>";
    let house = House::thinking(&[], &quick(&[line])).await;
    let more = json!({ "stream": true, "tools": weather(), "parallel_tool_calls": false });
    let response = house.post(PATH, &with(says("seoa", "날씨?"), more)).send().await.expect("an answer");
    let chunks: Vec<Value> =
        data(response).await.iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
    let calls: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array())
        .flatten()
        .collect();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["index"], 0);
    assert_eq!(calls[0]["function"]["arguments"], "{\"city\":\"서울\"}");
    let last = chunks.last().expect("chunks");
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn formats_limits_and_lengths() {
    let llm = quick(&["{\"a\": 1}", "one two three four"]);
    let house = House::thinking(&[], &llm).await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let format =
        json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema, "strict": true } });
    let asked = with(says("script", "Some JSON, please."), json!({ "response_format": format }));
    ok(house.post(PATH, &asked)).await;
    let kept: Value =
        serde_json::from_str(last_request(&llm).response_schema.as_deref().expect("a schema")).expect("JSON");
    assert_eq!(kept, schema);
    let both = with(asked, json!({ "tools": weather() }));
    assert_eq!(refused(house.post(PATH, &both), "bad_request").await["error"]["param"], "tools");

    let cut = ok(house.post(PATH, &with(says("script", "Count."), json!({ "max_tokens": 2 })))).await;
    assert_eq!(cut["choices"][0]["message"]["content"], "one two ");
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    for (more, param) in [
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "temperature": 2.5 }), "temperature"),
        (json!({ "top_p": 0 }), "top_p"),
        (json!({ "n": 3 }), "n"),
        (json!({ "stop": ["1", "2", "3", "4", "5"] }), "stop"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
    ] {
        let body = refused(house.post(PATH, &with(says("seoa", "안녕"), more)), "bad_request").await;
        assert_eq!(body["error"]["param"], param, "{body}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
    }
    let unknown = answer(house.post(PATH, &says("gpt-nobody", "hi")), StatusCode::NOT_FOUND).await;
    assert_eq!(unknown["error"]["code"], "model_not_found");
    assert_eq!(unknown["error"]["param"], "model");
    assert_eq!(
        answer(house.post(PATH, &json!({ "messages": [] })), StatusCode::BAD_REQUEST).await["error"]["param"],
        "model"
    );
}

#[tokio::test]
async fn a_persona_that_is_asked_sincerely_does_not_deny_being_an_ai() {
    let house = House::thinking(&[], &quick(&["저는 AI가 아니에요. 저는 진짜 사람이에요. 왜요?"])).await;
    let body = says("seoa", "진지하게 묻는 거예요. 솔직히 말해 주세요, 당신은 AI인가요?");
    for stream in [false, true] {
        let body = with(body.clone(), json!({ "stream": stream }));
        let text = house.post(PATH, &body).send().await.expect("an answer").text().await.expect("a body");
        assert!(text.contains("AI예요") || text.contains("AI입니다"), "{text}");
        assert!(!text.contains("사람이에요") && text.contains("왜요?"), "{text}");
    }
}

#[tokio::test]
async fn failures_before_the_first_word_are_statuses_and_later_ones_events() {
    let llm = quick(&["하나 둘 셋"]);
    let house = House::thinking(&[], &llm).await;
    llm.gate.break_down();
    for stream in [false, true] {
        let body = with(says("seoa", "안녕"), json!({ "stream": stream }));
        let failed = answer(house.post(PATH, &body), StatusCode::SERVICE_UNAVAILABLE).await;
        assert_eq!(failed["error"]["code"], "engine_unavailable");
    }
    llm.gate.repair();
    let body = with(says("seoa", "안녕"), json!({ "stream": true }));
    let mut response = house.post(PATH, &body).send().await.expect("an answer");
    let first = response.chunk().await.expect("alive").expect("a chunk");
    assert!(first.starts_with(b"data: "));
    drop(response);

    // A model that dies on the way leaves its stream without an end.
    let mut dying = quick(&[&"하나 ".repeat(1000)]);
    dying.per_word = Duration::from_millis(20);
    let house = House::thinking(&[], &dying).await;
    let mut response = house.post(PATH, &body).send().await.expect("an answer");
    response.chunk().await.expect("alive").expect("a chunk");
    dying.gate.trouble(Trouble::Panic, 1);
    let rest = response.text().await.expect("a whole body");
    assert!(rest.contains("\"error\"") && rest.contains("engine_broken"), "{rest}");
    assert!(!rest.contains("[DONE]"), "{rest}");
}

#[tokio::test]
async fn who_goes_away_frees_the_place_for_the_next() {
    let endless = "하나 ".repeat(5000);
    let mut llm = FakeLlm::saying(&[&endless]);
    llm.per_word = Duration::from_millis(20);
    let house = House::thinking(&[], &llm).await;
    let body = with(says("seoa", "안녕"), json!({ "stream": true, "max_tokens": 2000 }));
    let mut listening = Vec::new();
    for _ in 0..8 {
        let mut response = house.post(PATH, &body).send().await.expect("an answer");
        response.chunk().await.expect("alive").expect("a chunk");
        listening.push(response);
    }
    let refused = house.post(PATH, &body).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&refused, "retry-after"), "2");
    drop(listening);
    // Their connections are closed at their own pace.
    while house.post(PATH, &body).send().await.expect("an answer").status() != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}
