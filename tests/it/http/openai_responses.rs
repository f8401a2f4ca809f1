//! `/v1/responses`, as OpenAI's clients use it.

use duologue_engines::port::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    House, answer, ok,
    openai_chat::{data, last_request, quick},
    refused,
};

const PATH: &str = "/v1/responses";

fn weather() -> Value {
    json!([{ "type": "function", "name": "weather", "parameters": { "type": "object" } }])
}

#[tokio::test]
async fn a_response_goes_on_from_the_one_before() {
    let llm = quick(&["안녕하세요, 서아예요.", "서울이요.", "nobody asks"]);
    let house = House::thinking(&[], &llm).await;
    let first = ok(house.post(
        PATH,
        &json!({ "model": "seoa", "max_output_tokens": 64, "instructions": "짧게.", "input": [
            { "role": "developer", "content": "반말로." }, { "role": "user", "content": "누구세요?" },
        ] }),
    ))
    .await;
    assert_eq!(first["object"], "response");
    assert_eq!(first["status"], "completed");
    assert_eq!(first["output"][0]["type"], "message");
    assert_eq!(first["output"][0]["content"][0]["text"], "안녕하세요, 서아예요.");
    assert_eq!(first["instructions"], "짧게.");
    assert_eq!(first["usage"]["output_tokens"], 2);
    let id = first["id"].as_str().expect("an id");
    let more = json!({ "model": "seoa", "max_output_tokens": 64, "previous_response_id": id, "input": "어디 살아요?", "store": false });
    let second = ok(house.post(PATH, &more)).await;
    assert_eq!(second["previous_response_id"], id);
    let said: Vec<String> = last_request(&llm)
        .messages
        .into_iter()
        .filter(|message| message.role != Role::System)
        .map(|message| message.content)
        .collect();
    assert_eq!(said, ["누구세요?", "안녕하세요, 서아예요.", "어디 살아요?"]);
    let notes: String = last_request(&llm).messages.into_iter().map(|message| message.content).collect();
    assert!(!notes.contains("짧게."), "instructions hold for one response");
    assert!(notes.contains("반말로."), "what a developer said is part of the conversation");
    let stray = json!([{ "type": "function_call_output", "call_id": "call_9", "output": "x" }]);
    let stray = json!({ "model": "seoa", "previous_response_id": id, "input": stray });
    assert_eq!(refused(house.post(PATH, &stray), "bad_request").await["error"]["param"], "input[0].call_id");
    // The second was not to be kept.
    let lost = json!({ "model": "seoa", "max_output_tokens": 64, "previous_response_id": second["id"], "input": "네?" });
    let lost = answer(house.post(PATH, &lost), StatusCode::NOT_FOUND).await;
    assert_eq!(lost["error"]["code"], "previous_response_not_found");
    assert_eq!(lost["error"]["param"], "previous_response_id");
}

#[tokio::test]
async fn calls_are_items_and_so_are_their_results() {
    let llm = quick(&["볼게요. <call weather {}>", "맑아요."]);
    let house = House::thinking(&[], &llm).await;
    let asked =
        json!({ "model": "seoa", "max_output_tokens": 64, "input": "날씨 어때요?", "tools": weather() });
    let first = ok(house.post(PATH, &asked)).await;
    let output = first["output"].as_array().expect("items");
    assert_eq!(output[0]["content"][0]["text"], "볼게요. ");
    assert_eq!(output[1]["type"], "function_call");
    assert_eq!((&output[1]["name"], &output[1]["arguments"]), (&json!("weather"), &json!("{}")));
    let result = json!({ "type": "function_call_output", "call_id": output[1]["call_id"], "output": "맑음" });
    // Once by the server's memory, once by the client's.
    let by_id = json!({ "model": "seoa", "max_output_tokens": 64, "previous_response_id": first["id"], "input": [result], "tools": weather() });
    let items: Vec<Value> = [json!({ "role": "user", "content": "날씨 어때요?" })]
        .into_iter()
        .chain(output.iter().cloned())
        .chain([result.clone()])
        .collect();
    let by_items = json!({ "model": "seoa", "max_output_tokens": 64, "input": items, "tools": weather() });
    let mut prompts = Vec::new();
    for body in [by_id, by_items] {
        let second = ok(house.post(PATH, &body)).await;
        assert_eq!(second["output"][0]["content"][0]["text"], "맑아요.");
        prompts.push(last_request(&llm).messages);
    }
    assert_eq!(prompts[0], prompts[1], "the same conversation");
    assert!(prompts[0].iter().any(|message| message.role == Role::Tool && message.content == "맑음"));
}

#[tokio::test]
async fn events_tell_of_every_step_and_the_response_is_kept() {
    let llm = quick(&["하나 둘", "셋"]);
    let house = House::thinking(&[], &llm).await;
    let body = json!({ "model": "seoa", "max_output_tokens": 64, "input": "세어요", "stream": true });
    let response = house.post(PATH, &body).send().await.expect("an answer");
    let events: Vec<Value> =
        data(response).await.iter().map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    let id = &events[9]["response"]["id"];
    let more =
        json!({ "model": "seoa", "max_output_tokens": 64, "previous_response_id": id, "input": "그다음?" });
    ok(house.post(PATH, &more)).await;
    assert!(last_request(&llm).messages.iter().any(|message| message.content == "하나 둘"));
}

#[tokio::test]
async fn cut_responses_are_incomplete_and_nonsense_is_refused() {
    let house = House::thinking(&[], &quick(&["one two three"])).await;
    let cut =
        ok(house.post(PATH, &json!({ "model": "script", "input": "Count.", "max_output_tokens": 1 }))).await;
    assert_eq!(cut["status"], "incomplete");
    assert_eq!(cut["incomplete_details"]["reason"], "max_output_tokens");
    for (body, param) in [
        (json!({ "model": "seoa" }), "input"),
        (json!({ "model": "seoa", "max_output_tokens": 64, "input": "x", "background": true }), "background"),
        (
            json!({ "model": "seoa", "max_output_tokens": 64, "input": "x", "tools": [{ "type": "web_search" }] }),
            "tools[0].type",
        ),
        (json!({ "model": "seoa", "input": "x", "max_output_tokens": 0 }), "max_output_tokens"),
    ] {
        assert_eq!(refused(house.post(PATH, &body), "bad_request").await["error"]["param"], param);
    }
    let unknown = json!({ "model": "nobody", "input": "x" });
    assert_eq!(
        answer(house.post(PATH, &unknown), StatusCode::NOT_FOUND).await["error"]["code"],
        "model_not_found"
    );
}
