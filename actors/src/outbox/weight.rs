//! What an event takes: numbers on the wire, and memory in the log.

use duologue_domain::{coach::Card, conversation::Item};

use super::Outgoing;
use crate::event::SessionEvent;

/// How many events of the wire it becomes, each of which has its own number. The server's encoder is held to this
/// by a test.
pub fn numbers(outgoing: &Outgoing) -> u64 {
    let Outgoing::Event(event) = outgoing else { return 1 };
    match &**event {
        // The session and its conversation.
        SessionEvent::Created => 2,
        // The output item, the conversation's item, the content part.
        SessionEvent::OutputStarted { .. } => 3,
        // Of the audio and its transcript (or of the text), the part, the item twice, and the response.
        SessionEvent::ResponseDone { item: Some(_), spoken: true, .. } => 6,
        SessionEvent::ResponseDone { item: Some(_), spoken: false, .. } => 5,
        _ => 1,
    }
}

/// Roughly how many bytes it holds, without the samples of speech, which are bounded by time.
pub(super) fn weight(outgoing: &Outgoing) -> usize {
    let Outgoing::Event(event) = outgoing else { return size_of::<Outgoing>() };
    let words = match &**event {
        SessionEvent::ItemAdded { item, .. }
        | SessionEvent::ItemDone { item, .. }
        | SessionEvent::ItemRetrieved(item)
        | SessionEvent::OutputStarted { item, .. }
        | SessionEvent::ResponseDone { item: Some(item), .. } => of_item(item),
        SessionEvent::HeardPartial { text, delta, .. } => text.len() + delta.len(),
        SessionEvent::Heard { text, .. } => text.len(),
        SessionEvent::OutputText { delta, .. } => delta.len(),
        SessionEvent::Visemes { cues, .. } => size_of_val(cues.as_slice()),
        SessionEvent::HeardFailed { message, .. }
        | SessionEvent::Notice { message, .. }
        | SessionEvent::Error { message, .. }
        | SessionEvent::Ended { message, .. } => message.len(),
        SessionEvent::Updated(config) => {
            size_of_val(&**config) + config.instructions.len() + config.transcription_prompt.len()
        }
        SessionEvent::Scores(card) => size_of_val(&**card) + of_card(card),
        SessionEvent::Latency { report, .. } => size_of_val(report.stages.as_slice()),
        _ => 0,
    };
    // Ids and the like are short; the rest is the event itself and its place in the queue.
    size_of::<Outgoing>() + size_of::<SessionEvent>() + words
}

fn of_card(card: &Card) -> usize {
    let evidence = card.scores.iter().map(|score| size_of_val(score.evidence.as_slice()));
    card.summary.len() + evidence.sum::<usize>()
}

fn of_item(item: &Item) -> usize {
    item.id.len() + item.content.text().len()
}
