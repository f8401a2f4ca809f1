//! A client that comes, does as it is told, and goes: decently or not.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::Instant};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Events that may wait for somebody to look at them; nobody looks at those of an idle guest.
const UNSEEN: usize = 64;

/// No answer takes longer on a machine under load.
const WITHIN: Duration = Duration::from_secs(60);

/// An event, and when it came.
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) event: Value,
}

/// A connection that is read all the time, as clients do: otherwise the server's pings go unanswered.
pub(super) struct Guest {
    sink: SplitSink<Socket, Message>,
    seen: mpsc::Receiver<Seen>,
    reader: JoinHandle<()>,
    /// The session's id and secret, and what the last event was numbered.
    pub(super) id: String,
    pub(super) secret: String,
}

impl Guest {
    /// Makes a session and waits until it is there.
    pub(super) async fn come(url: &str, query: &str) -> anyhow::Result<Self> {
        let (socket, _) = connect_async(format!("{url}/v1/realtime?{query}")).await?;
        let mut guest = Self::on(socket);
        let created = guest.until("session.created").await?.event;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        guest.id = text(&created["session"]["id"]);
        guest.secret = text(&created["session"]["duologue"]["secret"]);
        Ok(guest)
    }

    fn on(socket: Socket) -> Self {
        let (sink, mut stream) = socket.split();
        let (see, seen) = mpsc::channel(UNSEEN);
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else { continue };
                let event = serde_json::from_str::<Value>(&text).unwrap_or_default();
                // A full queue is nobody's who waits for something.
                let _ = see.try_send(Seen { at: Instant::now(), event });
            }
        });
        Self { sink, seen, reader, id: String::new(), secret: String::new() }
    }

    /// The next event of this type.
    pub(super) async fn until(&mut self, kind: &str) -> anyhow::Result<Seen> {
        let wait = async {
            while let Some(seen) = self.seen.recv().await {
                if seen.event["type"] == kind {
                    return Ok(seen);
                }
            }
            bail!("the server closed the connection before {kind}")
        };
        tokio::time::timeout(WITHIN, wait).await.with_context(|| format!("no {kind}"))?
    }

    /// What has come until now.
    pub(super) fn all_seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }

    pub(super) async fn say(&mut self, event: Value) -> anyhow::Result<()> {
        Ok(self.sink.send(Message::Text(event.to_string().into())).await?)
    }

    pub(super) async fn sound(&mut self, samples: &[i16]) -> anyhow::Result<()> {
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>();
        Ok(self.sink.send(Message::Binary(bytes.into())).await?)
    }

    /// Writes something.
    pub(super) async fn write(&mut self) -> anyhow::Result<()> {
        let content = json!([{"type": "input_text", "text": "Say one word."}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        let response = json!({"output_modalities": ["text"], "max_output_tokens": 8});
        self.say(json!({"type": "conversation.item.create", "item": item})).await?;
        self.say(json!({"type": "response.create", "response": response})).await
    }

    /// Says goodbye and waits for the other side to close.
    pub(super) async fn leave(mut self) {
        // Whatever has gone already needs no end.
        let _ = self.sink.close().await;
        if tokio::time::timeout(Duration::from_secs(5), &mut self.reader).await.is_err() {
            self.reader.abort();
        }
    }

    /// Stops to read and to answer, with the connection open.
    pub(super) fn freeze(&self) {
        self.reader.abort();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The socket goes without a word when both halves have.
        self.reader.abort();
    }
}
