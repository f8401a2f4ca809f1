//! The page's files, the documentation, and addresses where there is nothing.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{House, header, ok, refused};

#[tokio::test]
async fn files_have_their_types_and_are_guarded() {
    let house = House::plain().await;
    let cases = [
        ("/", "text/html", "no-cache"),
        ("/js/app.js", "text/javascript", "no-cache"),
        ("/m.wasm", "application/wasm", "no-cache"),
        ("/vendor/lib.js", "text/javascript", "public, max-age=86400"),
    ];
    for (path, kind, cache) in cases {
        let response = house.get(path).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(
            header(&response, "content-type").starts_with(kind),
            "{path}: {}",
            header(&response, "content-type")
        );
        assert_eq!(header(&response, "cache-control"), cache, "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval';")
                && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    let page = house.get("/").send().await.expect("an answer").text().await.expect("text");
    assert_eq!(page, "<!doctype html>안녕");
}

#[tokio::test]
async fn the_face_model_is_served_once_it_is_there() {
    let house = House::plain().await;
    let path = "/vendor/face_landmarker.task";
    let missing = house.get(path).send().await.expect("an answer");
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&missing, "cache-control"), "no-cache", "it may be there tomorrow");
    refused(house.get(path), "not_found").await;
    let models = house.folder.0.join(".local/share/duologue/models");
    std::fs::create_dir_all(&models).expect("a folder");
    std::fs::write(models.join("face_landmarker.task"), "points").expect("a file");
    let found = house.get(path).send().await.expect("an answer");
    assert_eq!(header(&found, "cache-control"), "public, max-age=86400");
    assert_eq!(found.text().await.expect("text"), "points");
}

#[tokio::test]
async fn what_lies_there_compressed_is_sent_so() {
    let house = House::plain().await;
    // Not what the file itself says, so that it shows which of the two was sent.
    std::fs::write(house.folder.0.join("m.wasm.gz"), "twin").expect("a file");
    let asked = house.get("/m.wasm").header("accept-encoding", "gzip").send().await.expect("an answer");
    assert_eq!(header(&asked, "content-encoding"), "gzip");
    assert_eq!(header(&asked, "content-type"), "application/wasm");
    assert_eq!(asked.content_length(), Some(4));
    let plain = house.get("/m.wasm").send().await.expect("an answer");
    assert_eq!(plain.bytes().await.expect("bytes").as_ref(), b"\0asm");
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() {
    let house = House::plain().await;
    std::fs::write(house.folder.0.with_extension("secret"), "secret").expect("written");
    let name = house.folder.0.with_extension("secret");
    let name = name.file_name().and_then(|name| name.to_str()).expect("a name");
    for path in [
        format!("/../{name}"),
        format!("/%2e%2e/{name}"),
        format!("/js/..%2f..%2f{name}"),
        "/%2fetc%2fpasswd".into(),
    ] {
        // The client would tidy the dots away, so they go over a bare socket.
        let address = house.url.trim_start_matches("http://").to_owned();
        let answer = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut socket = std::net::TcpStream::connect(address).expect("connects");
            socket
                .write_all(
                    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
                )
                .expect("sent");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let answer = answer.await.expect("no panic");
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(!answer.contains("\r\n\r\nsecret"), "{answer}");
    }
    let _ = std::fs::remove_file(house.folder.0.with_extension("secret"));
}

#[tokio::test]
async fn programs_are_told_in_json_people_in_words() {
    let house = House::plain().await;
    for path in ["/chat/nothing", "/v1/nothing", "/api", "/nothing"] {
        refused(house.get(path), "not_found").await;
    }
    let person = house.get("/nothing").header("accept", "text/html,*/*").send().await.expect("an answer");
    assert_eq!(person.status(), StatusCode::NOT_FOUND);
    assert!(person.text().await.expect("text").contains("첫 화면"));
    refused(house.request(Method::PUT, "/personas"), "method_not_allowed").await;
    refused(house.request(Method::DELETE, "/chat"), "method_not_allowed").await;
    refused(house.request(Method::POST, "/nothing"), "not_found").await;
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let house = House::plain().await;
    let document = ok(house.get("/openapi.json")).await;
    assert_eq!(document["openapi"], "3.1.0");
    let expected = [
        ("/health", "get"),
        ("/api/health/", "get"),
        ("/metrics", "get"),
        ("/personas", "get"),
        ("/personas/{persona_id}", "get"),
        ("/personas/{persona_id}/activate", "post"),
        ("/chat", "post"),
        ("/chat/sessions", "get"),
        ("/chat/sessions", "post"),
        ("/chat/sessions/{session_id}", "get"),
        ("/chat/sessions/{session_id}", "delete"),
        ("/chat/sessions/{session_id}/messages", "get"),
        ("/voice/voices", "get"),
        ("/voice/tts", "post"),
    ];
    for (path, method) in expected {
        let operation = &document["paths"][path][method];
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {path}: {operation}"
        );
    }
    let text = document.to_string();
    let references = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in references {
        assert_ne!(document["components"]["schemas"][name], Value::Null, "{name} is described");
    }
    let redirect = house.get("/docs").send().await.expect("an answer");
    assert_eq!((redirect.status(), header(&redirect, "location")), (StatusCode::SEE_OTHER, "/docs/"));
    let page = house.get("/docs/").send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.expect("text");
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "everything comes from here: {page}");
    assert!(!page.contains("<script>"), "the policy forbids inline scripts: {page}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert_eq!(
            house.get(&format!("/docs/{file}")).send().await.expect("an answer").status(),
            StatusCode::OK,
            "{file}"
        );
    }
}
