//! `/v1/embeddings`, with an engine that knows words and nothing of what they mean.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use duologue_testkit::FakeEmbed;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{House, answer, ok, refused};

const PATH: &str = "/v1/embeddings";

fn numbers(embedding: &Value) -> Vec<f32> {
    embedding
        .as_array()
        .expect("numbers")
        .iter()
        .map(|number| number.as_f64().expect("a number") as f32)
        .collect()
}

#[tokio::test]
async fn texts_are_placed_as_numbers_and_in_base64() {
    let house = House::plain().await;
    let body = json!({ "model": "script", "input": ["안녕 하세요", "Hello there", "안녕 하세요"] });
    let list = ok(house.post(PATH, &body)).await;
    assert_eq!((&list["object"], &list["model"]), (&json!("list"), &json!("script")));
    assert_eq!(list["usage"], json!({ "prompt_tokens": 6, "total_tokens": 6 }));
    let data = list["data"].as_array().expect("data");
    let vectors: Vec<Vec<f32>> = data.iter().map(|one| numbers(&one["embedding"])).collect();
    assert_eq!(vectors[0].len(), FakeEmbed::DIMENSIONS);
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    assert_eq!(data[2]["index"], 2);

    let body =
        json!({ "model": "text-embedding-3-small", "input": "안녕 하세요", "encoding_format": "base64" });
    let encoded = ok(house.post(PATH, &body)).await;
    assert_eq!(encoded["model"], "script", "it says whose numbers they are");
    let bytes =
        BASE64_STANDARD.decode(encoded["data"][0]["embedding"].as_str().expect("text")).expect("base64");
    let decoded: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
    assert_eq!(decoded, vectors[0]);

    let short =
        ok(house.post(PATH, &json!({ "model": "script", "input": "안녕 하세요 여러분", "dimensions": 20 })))
            .await;
    let short = numbers(&short["data"][0]["embedding"]);
    assert_eq!(short.len(), 20);
    let length: f32 = short.iter().map(|number| number * number).sum();
    assert!(length == 0.0 || (length - 1.0).abs() < 1e-4, "{length}");
}

#[tokio::test]
async fn what_are_no_texts_is_refused() {
    let house = House::plain().await;
    for (more, param) in [
        (json!({ "input": "" }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": [[1, 2], [3]] }), "input"),
        (json!({ "input": vec!["x"; 2049] }), "input"),
        (json!({ "input": "x", "dimensions": 0 }), "dimensions"),
        (json!({ "input": "x", "dimensions": 65 }), "dimensions"),
        (json!({ "input": "x", "encoding_format": "hex" }), "encoding_format"),
    ] {
        let mut body = more;
        body["model"] = "script".into();
        assert_eq!(refused(house.post(PATH, &body), "bad_request").await["error"]["param"], param);
    }
    let unknown =
        answer(house.post(PATH, &json!({ "model": "seoa", "input": "x" })), StatusCode::NOT_FOUND).await;
    assert_eq!(unknown["error"]["code"], "model_not_found");
    let large = json!({ "model": "script", "input": "긴 글 ".repeat(400_000) });
    assert_eq!(answer(house.post(PATH, &large), StatusCode::BAD_REQUEST).await["error"]["param"], "input");
}
