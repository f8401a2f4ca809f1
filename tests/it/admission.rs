//! No room: said honestly, with a time; and the door when the server stops.

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    http::{House, answer},
    ws::{connect, dial},
};

const MANY: &str = "100000";

#[tokio::test]
async fn of_two_hundred_at_once_as_many_come_in_as_there_is_room_for() {
    let flags = [("sessions.max", "50"), ("sessions.created_per_minute", MANY)];
    let house = House::with(&flags, Arc::new(MemoryStore::default())).await;
    let knocks = (0..200).map(|_| dial(&house.url, "/v1/realtime?model=seoa", &[]));
    let (mut inside, mut refused) = (Vec::new(), 0);
    for knock in join_all(knocks).await {
        match knock {
            Ok(socket) => inside.push(socket),
            Err(tungstenite::Error::Http(response)) => {
                assert_eq!(response.status(), 503);
                let seconds = response.headers().get("retry-after").expect("a time");
                assert!(seconds.to_str().expect("text").parse::<u64>().expect("seconds") > 0);
                let body = response.body().as_deref().expect("words");
                let body: Value = serde_json::from_slice(body).expect("JSON");
                assert_eq!(body["error"]["code"], "session_limit");
                refused += 1;
            }
            Err(error) => panic!("neither in nor refused: {error}"),
        }
    }
    assert_eq!((inside.len(), refused), (50, 150));
    let health = answer(house.get("/health"), StatusCode::OK).await;
    assert_eq!(
        (health["sessions"]["open"].as_u64(), health["sessions"]["limit"].as_u64()),
        (Some(50), Some(50))
    );
    let stored = answer(house.get("/chat/sessions?limit=200"), StatusCode::OK).await;
    assert_eq!(stored["sessions"].as_array().map(Vec::len), Some(50), "nothing stays of who was refused");
    for socket in &mut inside {
        socket.until("conversation.created").await;
    }
    // A page cannot read a refused handshake: it is told in the close frame.
    let mut page = dial(&house.url, "/v1/realtime?model=seoa", &[("origin", "http://localhost:8000")])
        .await
        .expect("in");
    let Some(Message::Close(Some(frame))) = page.next().await else { panic!("closed with a reason") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1013, "session_limit retry_after=30"));
    let said = json!({"content": "자리 있어요?", "persona_id": "seoa"});
    answer(house.post("/chat", &said), StatusCode::SERVICE_UNAVAILABLE).await;
    // Those who are inside are not disturbed.
    for socket in &mut inside {
        socket.write("안녕").await;
    }
    for socket in &mut inside {
        socket.until("response.done").await;
    }
}

#[tokio::test]
async fn too_many_new_scenes_of_one_address_get_a_time_too() {
    let house = House::with(&[("sessions.created_per_minute", "1")], Arc::new(MemoryStore::default())).await;
    let _first = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("in");
    let second = dial(&house.url, "/v1/realtime?model=seoa", &[]).await;
    let Err(tungstenite::Error::Http(response)) = second.map(|_| ()) else { panic!("refused") };
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_stopping_server_lets_the_sentence_end_tells_everybody_and_goes() {
    let words = "This sentence is being said while the server is told to stop, and it is not cut.";
    let mut house =
        House::saying(&[("server.drain_s", "20")], Arc::new(MemoryStore::default()), &[words]).await;
    let mut idle = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("in");
    idle.until("conversation.created").await;
    let mut talking = connect(&house, "/v1/realtime?model=seoa", &[]).await.expect("in");
    talking.write("Say it").await;
    talking.until("response.output_audio.delta").await;
    let running = house.stop();
    let (events, _) = idle.until("duologue.ended").await;
    assert_eq!(events.last().expect("told")["code"], "server_stopping");
    assert_eq!(close_of(&mut idle).await, (1012, "server_stopping".to_owned()));
    let (events, _) = talking.until("duologue.ended").await;
    let done =
        events.iter().find(|event| event["type"] == "response.done").expect("the reply ended by itself");
    assert_eq!(done["response"]["status"], "completed");
    assert_eq!(close_of(&mut talking).await, (1012, "server_stopping".to_owned()));
    let ended = tokio::time::timeout(Duration::from_secs(20), running).await.expect("within the deadline");
    ended.expect("no panic").expect("well");
}

pub(crate) async fn close_of(socket: &mut crate::ws::Socket) -> (u16, String) {
    loop {
        match socket.next().await {
            Some(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
            Some(_) => {}
            None => panic!("closed without a word"),
        }
    }
}
