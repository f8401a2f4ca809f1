//! A reply as server-sent events, in whichever words an endpoint has for its steps.

use std::convert::Infallible;

use axum::response::{
    IntoResponse, Response, Sse,
    sse::{Event, KeepAlive},
};
use futures_util::{Stream, StreamExt, stream};

use super::{Piece, Reply};
use crate::error::ApiError;

/// Turns the steps of a reply into events.
pub(in crate::http::openai) trait Tell: Send + 'static {
    /// Those before the first piece.
    fn begin(&mut self) -> Vec<Event>;
    /// Those of a piece. A failure is the last.
    fn tell(&mut self, piece: Result<Piece, ApiError>) -> Vec<Event>;
}

/// The answer to a request that asked for a stream.
///
/// # Errors
/// The reply failed before its first piece: that decides between an answer and an error.
pub(in crate::http::openai) async fn streamed(
    teller: impl Tell,
    mut reply: Reply,
) -> Result<Response, ApiError> {
    let first = reply.next().await.transpose()?;
    let events = events(teller, first, reply).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn events(mut teller: impl Tell, first: Option<Piece>, reply: Reply) -> impl Stream<Item = Event> {
    let begin = stream::once(std::future::ready(teller.begin()));
    let rest = stream::unfold((teller, first, reply), |(mut teller, first, mut reply)| async {
        let piece = match first {
            Some(piece) => Ok(piece),
            None => reply.next().await?,
        };
        if let Err(error) = &piece {
            tracing::warn!(code = error.code.name(), "reply ended early");
        }
        Some((teller.tell(piece), (teller, None, reply)))
    });
    begin.chain(rest).flat_map(stream::iter)
}
