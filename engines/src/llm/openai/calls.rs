//! Calls that a server sends in pieces, put together.

use serde::Deserialize;

use crate::port::ToolCall;

/// Calls in one reply; a server that sends more has gone mad.
const MOST: usize = 16;

/// Longest arguments of one call, in bytes.
const LONGEST: usize = 64 * 1024;

/// A piece of a call.
#[derive(Deserialize)]
pub(super) struct CallPiece {
    /// Which call; servers that send each call whole may leave it out.
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<String>,
}

/// More calls, or longer ones, than anybody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// The calls of one reply so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<(usize, ToolCall)>,
}

impl Calls {
    /// Takes a piece.
    pub(super) fn push(&mut self, piece: CallPiece) -> Result<(), TooMuch> {
        let at = self.place(&piece)?;
        let call = &mut self.calls[at].1;
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        let Some(function) = piece.function else { return Ok(()) };
        // A name comes whole, and from some servers again with every piece.
        if let Some(name) = function.name.filter(|name| !name.is_empty()) {
            call.name = name;
        }
        call.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
        if call.arguments.len() + call.name.len() + call.id.len() > LONGEST { Err(TooMuch) } else { Ok(()) }
    }

    /// The calls in the order in which they were begun; those without a name were none. Broken arguments are handed on
    /// as they are: the session tells the model.
    pub(super) fn finish(&mut self) -> Vec<ToolCall> {
        let mut calls: Vec<ToolCall> = self.calls.drain(..).map(|(_, call)| call).collect();
        calls.retain(|call| !call.name.is_empty());
        for call in &mut calls {
            if call.id.is_empty() {
                call.id = format!("call_{:016x}", rand::random::<u64>());
            }
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
        }
        calls
    }

    fn place(&mut self, piece: &CallPiece) -> Result<usize, TooMuch> {
        let id = piece.id.as_deref().unwrap_or_default();
        let known = match piece.index {
            Some(index) => self.calls.iter().position(|(known, _)| *known == index),
            // Without an index, a new id begins a new call.
            None => self.calls.iter().rposition(|(_, call)| id.is_empty() || call.id == id),
        };
        if let Some(at) = known {
            return Ok(at);
        }
        if self.calls.len() == MOST {
            return Err(TooMuch);
        }
        let empty = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        let index = piece.index.unwrap_or(usize::MAX - self.calls.len());
        self.calls.push((index, empty));
        Ok(self.calls.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(calls: &mut Calls, json: &str) -> Result<(), TooMuch> {
        calls.push(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn pieces_are_put_together_by_index() {
        let mut calls = Calls::default();
        for piece in [
            r#"{"index":0,"id":"a","type":"function","function":{"name":"play","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"style\":"}}"#,
            r#"{"index":1,"id":"b","function":{"name":"stop","arguments":null}}"#,
            r#"{"index":0,"function":{"arguments":" \"재즈\"}"}}"#,
            r#"{"index":2}"#,
        ] {
            push(&mut calls, piece).unwrap();
        }
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        assert_eq!(calls.finish(), [call("a", "play", "{\"style\": \"재즈\"}"), call("b", "stop", "{}")]);
        assert!(calls.finish().is_empty());
    }

    #[test]
    fn servers_without_index_or_id_are_understood() {
        let mut calls = Calls::default();
        push(&mut calls, r#"{"id":"a","function":{"name":"play","arguments":"{"}}"#).unwrap();
        push(&mut calls, r#"{"function":{"arguments":"}"}}"#).unwrap();
        push(&mut calls, r#"{"id":"b","function":{"name":"stop"}}"#).unwrap();
        let calls = calls.finish();
        let names: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
        assert_eq!(names, [("play", "{}"), ("stop", "{}")]);
        let mut nameless = Calls::default();
        push(&mut nameless, r#"{"function":{"name":"play","arguments":"{}"}}"#).unwrap();
        assert!(nameless.finish()[0].id.starts_with("call_"));
    }

    #[test]
    fn a_server_gone_mad_is_cut_off() {
        let mut calls = Calls::default();
        for index in 0..MOST {
            push(&mut calls, &format!(r#"{{"index":{index},"id":"x{index}"}}"#)).unwrap();
        }
        assert_eq!(push(&mut calls, r#"{"index":99}"#), Err(TooMuch));
        let long = format!(r#"{{"index":0,"function":{{"arguments":"{}"}}}}"#, "x".repeat(LONGEST + 1));
        assert_eq!(push(&mut calls, &long), Err(TooMuch));
    }
}
