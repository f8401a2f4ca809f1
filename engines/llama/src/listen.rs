//! Reads stdin on a thread of its own, so that a long step never hides a question or the end.

use std::{
    io::{self, BufRead, Read},
    sync::mpsc::SyncSender,
    thread,
    time::{Duration, Instant},
};

use crate::wire::{Ask, MAX_LINE};

/// How long the loop may take to notice that stdin has ended. A step takes well under a second; a
/// loop that is stuck in native code can only be left by ending the process.
const LAST_STEP: Duration = Duration::from_secs(5);

/// What a line was.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A question.
    Ask(Ask),
    /// Not one; why.
    Garbage(&'static str),
}

/// Starts the thread; it drops the sender when stdin ends.
pub(crate) fn start(asks: SyncSender<Heard>) -> io::Result<()> {
    thread::Builder::new().name("stdin".into()).spawn(move || {
        read(&mut io::stdin().lock(), &asks);
        drop(asks);
        let end = Instant::now() + LAST_STEP;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            thread::park_timeout(left);
        }
        std::process::abort();
    })?;
    Ok(())
}

/// Reads lines until the end, a broken pipe, or nobody listens.
fn read(input: &mut impl BufRead, asks: &SyncSender<Heard>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let heard = if line.len() > MAX_LINE {
            if !line.ends_with(b"\n") && skip_line(input).is_err() {
                return;
            }
            Heard::Garbage("the line is too long")
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            serde_json::from_slice(&line).map_or(Heard::Garbage("the line is not a question"), Heard::Ask)
        };
        if asks.send(heard).is_err() {
            return;
        }
    }
}

/// Throws the rest of a line away without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, sync::mpsc};

    use super::*;

    fn heard(input: &[u8]) -> Vec<Heard> {
        let (asks, inbox) = mpsc::sync_channel(16);
        read(&mut Cursor::new(input), &asks);
        drop(asks);
        inbox.iter().collect()
    }

    #[test]
    fn questions_are_read_line_by_line() {
        let lines = heard(b"{\"op\":\"ping\"}\n\n{\"op\":\"cancel\",\"id\":3}\n");
        assert!(matches!(lines[..], [Heard::Ask(Ask::Ping), Heard::Ask(Ask::Cancel { id: 3 })]));
    }

    #[test]
    fn garbage_is_named_and_survived() {
        let lines = heard(b"hello\n{\"op\":\"fly\"}\n\xff\xfe\n{\"op\":\"ping\"}\n");
        assert!(matches!(
            lines[..],
            [Heard::Garbage(_), Heard::Garbage(_), Heard::Garbage(_), Heard::Ask(Ask::Ping)]
        ));
    }

    #[test]
    fn an_endless_line_is_not_kept_in_memory() {
        let mut input = vec![b'x'; MAX_LINE * 3];
        input.extend_from_slice(b"\n{\"op\":\"ping\"}\n");
        assert!(matches!(heard(&input)[..], [Heard::Garbage(_), Heard::Ask(Ask::Ping)]));
    }
}
