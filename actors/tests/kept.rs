//! What is kept of a scene: never written over, and never more than was heard.

mod common;

use std::time::Duration;

use duologue_actors::event::{ClientCommand, ResponseStatus, SessionEvent};
use duologue_domain::turn::CancelReason;

use self::common::Stage;

const TALK: [[&str; 4]; 2] = [
    ["오늘 뭐 했어요?", "회의를 했어요.", "누구랑 했어요?", "동료랑 했어요."],
    ["What did you do today?", "I met a client.", "Who was it?", "A man from Busan."],
];

fn contents(stage: &Stage) -> Vec<String> {
    stage.store.all_messages().into_iter().map(|message| message.content).collect()
}

/// Noise takes an id as speech does, but no place in the store: the ids of an opening run ahead of what is kept.
#[tokio::test(start_paused = true)]
async fn a_scene_that_is_opened_again_writes_over_nothing() {
    for [first, one, second, two] in TALK {
        let mut stage = Stage::new(&["", first, second], &[one, two]).await;
        let deleted = |event: &SessionEvent| matches!(event, SessionEvent::ItemDeleted(_));
        tokio::join!(stage.speak(600), stage.until(deleted));
        tokio::join!(stage.speak(1_500), stage.reply());
        tokio::time::sleep(Duration::from_secs(5)).await;
        stage.open_again().await;
        let (_, heard) = tokio::join!(stage.speak(1_500), stage.reply());
        assert_eq!(heard.text(), two);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(contents(&stage), [first, one, second, two]);
    }
}

/// Of the reply that the stage is saying.
fn item_of(event: &SessionEvent) -> Option<String> {
    match event {
        SessionEvent::OutputStarted { item, .. } => Some(item.id.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_takes_back_before_its_first_word_is_not_kept() {
    for [said, answer, ..] in TALK {
        let stage = Stage::new(&[said], &[answer]).await;
        let (_, heard) = tokio::join!(stage.speak(1_200), stage.reply());
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(contents(&stage), [said, answer]);
        let id = heard.done().0.as_ref().expect("said").id.clone();
        stage.scene.command(ClientCommand::TruncateItem { id, audio_end_ms: 0 });
        stage.until(|event| matches!(event, SessionEvent::ItemTruncated { .. })).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(contents(&stage), [said, ""]);
    }
}

/// Whether the client stops the reply then, or lets it end.
#[tokio::test(start_paused = true)]
async fn what_a_client_has_taken_back_does_not_return_when_the_reply_ends() {
    let long = "One two three four five six seven eight. And then a second sentence of it. And a third.";
    for cancels in [true, false] {
        let stage = Stage::new(&["hello"], &[long]).await;
        let scene = async {
            let begun = stage.until(|event| item_of(event).is_some()).await;
            let id = begun.events.iter().find_map(item_of).expect("begun");
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            stage.scene.command(ClientCommand::TruncateItem { id, audio_end_ms: 1_000 });
            if cancels {
                stage.scene.command(ClientCommand::CancelResponse { response: None });
            }
            stage.reply().await
        };
        let (_, heard) = tokio::join!(stage.speak(1_200), scene);
        let expected = match cancels {
            true => ResponseStatus::Cancelled(CancelReason::ClientCancelled),
            false => ResponseStatus::Completed,
        };
        assert_eq!(*heard.done().1, expected);
        assert!(heard.text().starts_with("One") && heard.text().len() < 40, "{:?}", heard.text());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(contents(&stage), ["hello", heard.text()]);
    }
}
