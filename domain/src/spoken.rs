//! Takes out of a streaming reply what nobody would say aloud: markdown, stage directions, emoji, the
//! speaker's own name before a colon, a reasoning model's thoughts.
//!
//! Each construct is decided by what stands in the text, within a bounded look-ahead, never by how the
//! text was cut into deltas; what cannot be decided yet is held back.

mod actions;
mod constructs;
mod names;
#[cfg(test)]
mod tests;

use constructs::{Context, Step};

/// The streaming filter for one reply.
#[derive(Clone, Debug, Default)]
pub struct SpokenFilter {
    names: Vec<String>,
    pending: String,
    context: Context,
    out: Out,
}

/// Output with its white space brought in order.
#[derive(Clone, Debug, Default)]
struct Out {
    text: String,
    last: Option<char>,
    space: Option<char>,
    /// Something was taken out since the last character that stayed.
    dropped: bool,
}

impl SpokenFilter {
    /// A filter that knows by which names the speaker might introduce each line ("서아: …").
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let names = names
            .into_iter()
            .map(|name| name.as_ref().trim().to_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        Self { names, ..Self::default() }
    }

    /// Takes more of the reply; gives what is now certain to be spoken.
    pub fn push(&mut self, delta: &str) -> String {
        self.pending.push_str(delta);
        self.run(false)
    }

    /// The reply is over: gives the rest, and begins anew.
    pub fn finish(&mut self) -> String {
        let rest = self.run(true);
        *self = Self { names: std::mem::take(&mut self.names), ..Self::default() };
        rest
    }

    fn run(&mut self, is_end: bool) -> String {
        let mut from = 0;
        while from < self.pending.len() {
            let rest = &self.pending[from..];
            match constructs::step(rest, &mut self.context, &self.names, is_end) {
                Step::Wait => break,
                Step::Drop(bytes) => {
                    from += bytes;
                    self.out.dropped = true;
                }
                Step::Say(bytes) => {
                    for character in rest[..bytes].chars() {
                        self.out.push(character);
                        self.context.said(character);
                    }
                    from += bytes;
                }
                Step::Link { text, bytes } => {
                    for character in rest[text].chars() {
                        self.out.push(character);
                        self.context.said(character);
                    }
                    from += bytes;
                }
            }
        }
        self.pending.drain(..from);
        std::mem::take(&mut self.out.text)
    }
}

impl Out {
    fn push(&mut self, character: char) {
        if character.is_whitespace() {
            // A line break outweighs spaces; several of either are one.
            let space = if character == '\n' || self.space == Some('\n') { '\n' } else { ' ' };
            self.space = self.last.is_some().then_some(space);
            return;
        }
        let closes = self.dropped && matches!(character, '.' | ',' | '!' | '?' | '…' | '。');
        match self.space.take() {
            // "네 (웃으며)." leaves no space before its full stop.
            Some(' ') if closes => {}
            Some(space) => self.text.push(space),
            None => {}
        }
        self.text.push(character);
        self.last = Some(character);
        self.dropped = false;
    }
}
