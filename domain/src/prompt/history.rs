//! From the items of a conversation to the turns of a prompt: function calls stand with their results, and results
//! stay within their share.

use super::{Role, Turn, cost};
use crate::{
    conversation::{Content, Item, Speaker, output_of},
    tool::ToolCall,
};

/// What stands for a result that has not come: every model's format wants one for each call.
const PENDING: &str = r#"{"status":"no result yet"}"#;

/// Of the room for a prompt's turns, the part that one result may take.
const SHARE: usize = 4;

/// The turns of a conversation, oldest first. Items without words are left out; calls that were made together are one
/// turn of the persona, followed by the result of each, wherever that stands among the items.
pub fn turns(items: &[Item]) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut rest = items;
    while let [item, after @ ..] = rest {
        let calls = rest.iter().map_while(call_of).collect::<Vec<_>>();
        if calls.is_empty() {
            turns.extend(words_of(item));
            rest = after;
            continue;
        }
        rest = &rest[calls.len()..];
        let results = calls.iter().map(|call| {
            let output = output_of(items, &call.id).unwrap_or(PENDING);
            Turn::result(&call.id, if output.is_empty() { "{}" } else { output })
        });
        let results = results.collect::<Vec<_>>();
        turns.push(Turn { calls, ..Turn::new(Role::Assistant, "") });
        turns.extend(results);
    }
    turns
}

fn call_of(item: &Item) -> Option<ToolCall> {
    match &item.content {
        Content::FunctionCall { call_id, name, arguments } => {
            Some(ToolCall { id: call_id.clone(), name: name.clone(), arguments: arguments.clone() })
        }
        _ => None,
    }
}

fn words_of(item: &Item) -> Option<Turn> {
    let text = item.content.text();
    let role = match item.speaker {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant | Speaker::Server => Role::Assistant,
    };
    (!text.is_empty()).then(|| Turn::new(role, text))
}

/// Where the person's last words begin, when nothing but calls for their answer comes after them; else the end.
pub(super) fn last_words(history: &[Turn]) -> usize {
    let is_called = |turn: &&Turn| turn.role == Role::Tool || !turn.calls.is_empty();
    let called = history.iter().rev().take_while(is_called).count();
    let before = &history[..history.len() - called];
    // What was said before a call belongs to the same answer.
    let said = match called {
        0 => 0,
        _ => before.iter().rev().take_while(|turn| turn.role == Role::Assistant).count(),
    };
    let answer = history.len() - called - said;
    match history[..answer].last() {
        Some(turn) if turn.role == Role::User => answer - 1,
        _ => history.len() - called,
    }
}

/// The same turns, with results that take no more than their share of `room` tokens.
pub(super) fn within(turns: &[Turn], room: usize) -> Vec<Turn> {
    let results = turns.iter().filter(|turn| turn.role == Role::Tool).count();
    let most = (room / SHARE).min(room / results.max(1));
    let shortened = |turn: &Turn| match turn.role {
        Role::Tool => Turn { text: cut(&turn.text, most), ..turn.clone() },
        _ => turn.clone(),
    };
    turns.iter().map(shortened).collect()
}

/// An upper estimate of what a turn takes, calls and frame included.
pub(super) fn cost_of(turn: &Turn) -> usize {
    let calls = turn.calls.iter().map(|call| cost(&call.name) + cost(&call.arguments));
    cost(&turn.text) + calls.sum::<usize>()
}

/// The beginning of a text that takes at most `tokens`, by the same estimate.
fn cut(text: &str, tokens: usize) -> String {
    if cost(text) <= tokens {
        return text.to_owned();
    }
    let mut kept = text;
    while !kept.is_empty() && cost(kept) > tokens {
        // In quarters: some ten steps for the longest result.
        kept = &kept[..kept.floor_char_boundary(kept.len() * 3 / 4)];
    }
    format!("{kept} …")
}
