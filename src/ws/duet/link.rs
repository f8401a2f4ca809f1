//! The duet of a session for its own realtime socket: joined with the first event of a duet that the client sends.
//!
//! Events of a duet are no events of the conversation: they have no `event_id`, take no number, and are not sent again
//! after a lost connection, since late notes are worth nothing.

use std::sync::{Arc, OnceLock};

use axum::extract::ws::Message;
use duologue_actors::{duet::Seat, event::SessionEvent, sessions::SessionHandle};
use tokio::{sync::Notify, time::Instant};

use super::{
    decode::{Refused, Said},
    player::{Hands, messages, was_sent},
};

/// What the two halves of a socket share.
#[derive(Debug, Default)]
pub(crate) struct Link {
    seat: OnceLock<Arc<Seat>>,
    joined: Notify,
}

impl Link {
    /// Does what was said, which arrived just now; comes in first where that has not happened. `hands` are the reading
    /// half's own.
    pub(in crate::ws) async fn take(
        &self,
        session: &SessionHandle,
        hands: &mut Option<Hands>,
        said: Result<Said, Refused>,
    ) {
        let at = Instant::now();
        if hands.is_none() {
            *hands = self.join(session).await;
        }
        if let Some(hands) = hands {
            hands.take(said, at);
        }
    }

    async fn join(&self, session: &SessionHandle) -> Option<Hands> {
        let seat = session.open_duet().await.and_then(|duet| duet.join(""));
        let Some(seat) = seat.map(Arc::new) else {
            session.report(SessionEvent::Error {
                code: "duet_full",
                message: "All places of this duet are taken.".into(),
                param: None,
                client_event: None,
            });
            return None;
        };
        // One reader joins, once.
        let _ = self.seat.set(seat.clone());
        self.joined.notify_one();
        Some(Hands::new(seat))
    }

    /// The next thing to send, promises in binary form if they may be; waits for one, for ever when nobody plays.
    pub(crate) async fn next(&self, binary: bool) -> Vec<Message> {
        let seat = loop {
            match self.seat.get() {
                Some(seat) => break seat,
                None => self.joined.notified().await,
            }
        };
        match seat.next().await {
            Ok(event) => {
                let messages = messages(seat, &event, binary);
                was_sent(&event);
                messages
            }
            // The scene tells its end itself; who is too slow for the notes may still talk.
            Err(_) => std::future::pending().await,
        }
    }
}
