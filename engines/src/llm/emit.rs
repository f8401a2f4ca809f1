//! From the bytes of tokens to text that may be shown: whole characters only, and nothing that could
//! still turn out to be the beginning of a stop text.

/// Holds back what is not yet sure.
#[derive(Debug)]
pub(crate) struct Emitter {
    bytes: Vec<u8>,
    held: String,
    stop: Vec<String>,
}

/// What one token brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Emitted {
    /// Text to show now; may be empty.
    pub(crate) text: String,
    /// A stop text was met: the reply is over.
    pub(crate) stopped: bool,
}

impl Emitter {
    /// Ends at any of `stop`; empty ones are ignored.
    pub(crate) fn new(stop: Vec<String>) -> Self {
        let stop = stop.into_iter().filter(|text| !text.is_empty()).collect();
        Self { bytes: Vec::new(), held: String::new(), stop }
    }

    /// Takes the bytes of the next token.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Emitted {
        self.bytes.extend_from_slice(bytes);
        self.decode();
        let first = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            let text = self.held[..at].to_owned();
            self.held.clear();
            self.bytes.clear();
            return Emitted { text, stopped: true };
        }
        let sure = self.held.len() - self.doubtful();
        let text = self.held.drain(..sure).collect();
        Emitted { text, stopped: false }
    }

    /// What was held back, when no more tokens come. A torn character at the very end is dropped.
    pub(crate) fn finish(&mut self) -> String {
        self.bytes.clear();
        std::mem::take(&mut self.held)
    }

    /// Moves whole characters from `bytes` to `held`; bytes that can never become a character are
    /// replaced, a torn character at the end waits.
    fn decode(&mut self) {
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.bytes.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.held.push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.bytes.drain(..valid);
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..valid + bad);
                }
            }
        }
    }

    /// How many bytes at the end of `held` could begin a stop text.
    fn doubtful(&self) -> usize {
        let mut longest = 0;
        for stop in &self.stop {
            for (len, _) in stop.char_indices().skip(1) {
                if len > longest && self.held.ends_with(&stop[..len]) {
                    longest = len;
                }
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stop: &[&str], pieces: &[&[u8]]) -> (String, bool) {
        let mut emitter = Emitter::new(stop.iter().map(ToString::to_string).collect());
        let mut text = String::new();
        for piece in pieces {
            let emitted = emitter.push(piece);
            text.push_str(&emitted.text);
            if emitted.stopped {
                return (text, true);
            }
        }
        text.push_str(&emitter.finish());
        (text, false)
    }

    #[test]
    fn a_torn_hangul_syllable_waits_for_its_last_byte() {
        let bytes = "안녕".as_bytes();
        let mut emitter = Emitter::new(Vec::new());
        assert_eq!(emitter.push(&bytes[..2]).text, "");
        assert_eq!(emitter.push(&bytes[2..4]).text, "안");
        assert_eq!(emitter.push(&bytes[4..]).text, "녕");
        assert_eq!(emitter.finish(), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_do_not_block() {
        assert_eq!(run(&[], &[b"a\xff", b"b"]), ("a\u{fffd}b".into(), false));
        assert_eq!(run(&[], &[b"ok\xea\xb0"]), ("ok".into(), false), "torn at the end: dropped");
    }

    #[test]
    fn a_stop_text_over_several_tokens_is_never_shown() {
        assert_eq!(run(&["\nUser:"], &[b"Hi\n", b"Us", b"er", b": more"]), ("Hi".into(), true));
        assert_eq!(run(&["\nUser:"], &[b"Hi\n", b"Us", b" all"]), ("Hi\nUs all".into(), false));
        assert_eq!(run(&["그만"], &["네 그".as_bytes(), "만 하".as_bytes()]), ("네 ".into(), true));
    }

    #[test]
    fn the_earliest_of_several_stop_texts_wins() {
        assert_eq!(run(&["zz", "b"], &[b"abzz"]), ("a".into(), true));
        assert_eq!(run(&["", "c"], &[b"ab"]), ("ab".into(), false), "an empty stop text is none");
    }
}
