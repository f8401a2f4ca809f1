//! What an event takes: numbers on the wire, and memory in the log.

use duologue_domain::{
    coach::Card,
    conversation::{Content, Item},
};

use super::Outgoing;
use crate::event::{Metadata, SessionEvent};

/// How many events of the wire it becomes, each of which has its own number. The server's encoder is held to this
/// by a test.
pub fn numbers(outgoing: &Outgoing) -> u64 {
    let Outgoing::Event(event) = outgoing else { return 1 };
    match &**event {
        // The session and its conversation.
        SessionEvent::Created => 2,
        // Nothing of what is apart is an item of the conversation.
        SessionEvent::OutputStarted { apart: true, .. } => 2,
        // The output item, the conversation's item, the content part.
        SessionEvent::OutputStarted { .. } => 3,
        // The output item twice, its arguments twice, and as often the conversation's item.
        SessionEvent::FunctionCalled { apart: true, .. } => 4,
        SessionEvent::FunctionCalled { .. } => 6,
        // Of the audio and its transcript (or of the text), the part, the item twice, and the response.
        SessionEvent::ResponseDone { item: Some(_), spoken, apart, .. } => {
            5 + u64::from(*spoken) - u64::from(*apart)
        }
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
        | SessionEvent::FunctionCalled { item, .. }
        | SessionEvent::OutputStarted { item, .. } => of_item(item),
        SessionEvent::ResponseDone { item, calls, metadata, .. } => {
            item.iter().chain(calls).map(of_item).sum::<usize>() + of_metadata(metadata)
        }
        SessionEvent::ResponseCreated { metadata, .. } => of_metadata(metadata),
        SessionEvent::HeardPartial { text, delta, .. } => text.len() + delta.len(),
        SessionEvent::Heard { text, .. } => text.len(),
        SessionEvent::OutputText { delta, .. } => delta.len(),
        SessionEvent::Visemes { cues, .. } => size_of_val(cues.as_slice()),
        SessionEvent::HeardFailed { message, .. }
        | SessionEvent::Notice { message, .. }
        | SessionEvent::Error { message, .. }
        | SessionEvent::Ended { message, .. } => message.len(),
        SessionEvent::Updated(config) => {
            let tools = config.tools.iter().map(|tool| tool.description.len() + tool.parameters.len());
            let texts = config.instructions.len() + config.transcription_prompt.len();
            size_of_val(&**config) + texts + tools.sum::<usize>()
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
    let call = match &item.content {
        Content::FunctionCall { arguments, .. } => arguments.len(),
        Content::FunctionOutput { output, .. } => output.len(),
        _ => 0,
    };
    item.id.len() + item.content.text().len() + call
}

fn of_metadata(metadata: &Metadata) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}
