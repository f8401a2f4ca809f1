//! Answers go to stdout, one line each, at once.

use std::io::Write;

use crate::wire::Answer;

/// Writes one answer. When nobody reads any more there is nothing to be done: the end of stdin, which
/// comes with it, stops the process.
pub(crate) fn say(answer: &Answer) {
    let Ok(mut line) = serde_json::to_vec(answer) else { return };
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}
