//! Server-sent events, as far as chat completions need them: bytes in, `data` out, bounded.

/// Longest line and longest event that is kept. A token with its envelope takes a few hundred bytes;
/// a server that sends more than this does not speak our protocol.
const LONGEST: usize = 256 * 1024;

/// The stream is not one of events.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts a stream of bytes, however it was split on the way, into the data of its events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    after_return: bool,
}

impl Events {
    /// Takes the next bytes; answers the data of the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(&mut events)?,
                _ if self.line.len() >= LONGEST => return Err(TooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(events)
    }

    /// The end of the stream completes what is left: some servers forget the last empty line.
    pub(super) fn finish(&mut self) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        self.end_line(&mut events)?;
        events.extend(self.data.take());
        Ok(events)
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), TooLong> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            events.extend(self.data.take());
            return Ok(());
        }
        // Other fields and comments (lines that begin with a colon keep a connection alive) mean
        // nothing here.
        let Some(value) = line.strip_prefix(b"data:") else { return Ok(()) };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match &mut self.data {
            None => self.data = Some(value.into_owned()),
            Some(data) if data.len() + value.len() >= LONGEST => return Err(TooLong),
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<String> {
        let mut events = Events::default();
        let mut all = events.push(text.as_bytes()).unwrap();
        all.extend(events.finish().unwrap());
        all
    }

    #[test]
    fn events_are_cut_wherever_the_network_cut_them() {
        let text = "data: 안녕\n\ndata: {\"a\":1}\r\n\r\n: ping\n\nevent: x\ndata:b\ndata: c\n\n";
        let expected = ["안녕", "{\"a\":1}", "b\nc"];
        assert_eq!(whole(text), expected);
        for size in 1..7 {
            let mut events = Events::default();
            let mut all = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                all.extend(events.push(piece).unwrap());
            }
            assert_eq!(all, expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn the_end_completes_the_last_event() {
        assert_eq!(whole("data: a\n\ndata: b"), ["a", "b"]);
        assert_eq!(whole(""), Vec::<String>::new());
    }

    #[test]
    fn an_endless_line_and_an_endless_event_are_refused() {
        let mut events = Events::default();
        assert_eq!(events.push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
        let mut events = Events::default();
        let line = format!("data: {}\n", "y".repeat(LONGEST / 2));
        assert!(events.push(line.as_bytes()).is_ok());
        assert!(events.push(line.as_bytes()).is_err());
    }
}
