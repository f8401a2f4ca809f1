//! A data channel: messages in their order or not, as the one who opened it chose.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    error::Error,
};

/// A message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text; what was no UTF-8 has its characters replaced.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Its bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// Why a message did not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The far end takes no message that large.
    TooLarge,
    /// The channel is closed.
    Closed,
}

/// A data channel. Cloning shares it; only one clone may read.
#[derive(Clone)]
pub struct Channel {
    inner: Arc<dyn DataChannel>,
    label: Arc<str>,
    sent: Arc<AtomicU64>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Channel {
    pub(crate) fn new(inner: Arc<dyn DataChannel>, label: &str) -> Self {
        Self { inner, label: label.into(), sent: Arc::default() }
    }

    /// What its opener called it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The next message; `None` once it is closed. Nothing is lost while nobody reads: the far end has to wait.
    pub async fn next(&self) -> Option<Message> {
        loop {
            match self.inner.poll().await? {
                DataChannelEvent::OnMessage(message) if message.is_string => {
                    return Some(Message::Text(String::from_utf8_lossy(&message.data).into_owned()));
                }
                DataChannelEvent::OnMessage(message) => {
                    return Some(Message::Binary(message.data.freeze()));
                }
                DataChannelEvent::OnClose => return None,
                _ => {}
            }
        }
    }

    /// Queues text. Nobody waits here; see [`Self::outstanding`].
    ///
    /// # Errors
    /// It is too large, or the channel is closed.
    pub async fn send_text(&self, text: &str) -> Result<(), Unsent> {
        let bytes = text.len();
        self.sent(self.inner.send_text(text).await, bytes)
    }

    /// Queues bytes.
    ///
    /// # Errors
    /// As for text.
    pub async fn send_binary(&self, bytes: &[u8]) -> Result<(), Unsent> {
        self.sent(self.inner.send(BytesMut::from(bytes)).await, bytes.len())
    }

    fn sent(&self, sent: Result<(), Error>, bytes: usize) -> Result<(), Unsent> {
        match sent {
            Ok(()) => {
                self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(Error::ErrOutboundPacketTooLarge) => Err(Unsent::TooLarge),
            Err(_) => Err(Unsent::Closed),
        }
    }

    /// Bytes queued so far.
    pub fn queued(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes that the far end has not acknowledged; on a reliable channel all others have arrived.
    pub async fn outstanding(&self) -> u64 {
        self.inner.outstanding_bytes().await.unwrap_or_default() as u64
    }

    /// Closes it.
    pub async fn close(&self) {
        let _ = self.inner.close().await;
    }
}
