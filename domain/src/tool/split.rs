//! Takes the calls of functions out of a streaming reply: words go on to be spoken, a call comes out whole, and
//! nothing of its tags or its JSON is ever among the words.
//!
//! Models are careless: they forget the tags, put the JSON into a code block, write `<tools>` for `<tool_call>`, leave
//! a bracket out, make up results. Each of these is read as what was meant. What is decided depends on the text
//! alone, never on how it was cut into deltas; what cannot be decided yet is held back, within bounds.

mod openers;
#[cfg(test)]
mod tests;

use super::{
    ToolCall,
    json::Json,
    read::{Refusal, calls},
};
use openers::{CLOSERS, Guess, Opener};

/// Longest text of one call, in bytes; what is longer is thrown away. A document would not be passed as an argument.
const LONGEST: usize = 16 * 1024;

/// Calls in one reply.
const MOST: usize = 8;

/// Whole calls, and words that may be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// A call; its arguments are a JSON object.
    Call(ToolCall),
    /// Something that was meant as a call and is none; it is not among the words.
    Refused(Refusal),
}

/// The splitter of one reply.
#[derive(Clone, Debug)]
pub struct CallSplitter {
    names: Vec<String>,
    id: String,
    state: State,
    /// Undecided: the beginning of what may become a tag, or all of a call so far.
    held: String,
    /// White space that is dropped when a call follows.
    space: String,
    out: Vec<Piece>,
    made: Vec<ToolCall>,
}

#[derive(Clone, Debug)]
enum State {
    /// Among words.
    Words,
    /// In a call.
    Call(Body),
    /// Behind a call: closing tags and brackets are dropped.
    Behind,
    /// In something that is thrown away until this closing tag.
    Skip(&'static str),
}

/// How far the JSON of a call is.
#[derive(Clone, Debug, Default)]
struct Body {
    /// It stands between tags: it can be nothing but a call.
    tagged: bool,
    depth: usize,
    /// In a string that ends with this mark.
    string: Option<char>,
    escaped: bool,
}

impl CallSplitter {
    /// For functions of these names; `id` begins the ids of the calls.
    pub fn new(names: impl IntoIterator<Item = String>, id: String) -> Self {
        Self {
            names: names.into_iter().collect(),
            id,
            state: State::Words,
            held: String::new(),
            space: String::new(),
            out: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Takes more of the reply.
    pub fn push(&mut self, delta: &str) -> Vec<Piece> {
        for character in delta.chars() {
            self.take(character);
        }
        std::mem::take(&mut self.out)
    }

    /// The reply is over.
    pub fn finish(&mut self) -> Vec<Piece> {
        match std::mem::replace(&mut self.state, State::Words) {
            State::Words => {
                let held = std::mem::take(&mut self.held);
                if openers::is_half_a_tag(&held) {
                    self.out.push(Piece::Refused(Refusal::Unfinished));
                } else {
                    let space = std::mem::take(&mut self.space);
                    if !held.is_empty() || !space.trim_matches('\n').is_empty() {
                        self.say(&(space + &held));
                    }
                }
            }
            State::Call(body) => self.end_call(&body, true),
            State::Behind | State::Skip(_) => {}
        }
        self.held.clear();
        self.space.clear();
        std::mem::take(&mut self.out)
    }

    fn take(&mut self, character: char) {
        match &mut self.state {
            State::Words => {
                self.held.push(character);
                self.settle_words();
            }
            State::Behind => {
                self.held.push(character);
                self.settle_behind();
            }
            State::Skip(closer) => {
                self.held.push(character);
                if self.held.ends_with(*closer) {
                    self.held.clear();
                    self.state = State::Behind;
                } else if self.held.len() > LONGEST {
                    // Only its end can still matter.
                    let keep = self.held.len() - closer.len();
                    let keep = (keep..).find(|at| self.held.is_char_boundary(*at)).unwrap_or(0);
                    self.held.drain(..keep);
                }
            }
            State::Call(_) => self.take_of_call(character),
        }
    }

    /// Says as much of what is held as is certainly words.
    fn settle_words(&mut self) {
        while let Some(first) = self.held.chars().next() {
            match openers::guess(&self.held) {
                Guess::Maybe => return,
                Guess::Opened(opener) => return self.open(opener),
                Guess::Words => {
                    self.held.drain(..first.len_utf8());
                    if first.is_whitespace() && self.space.len() < 64 {
                        self.space.push(first);
                    } else {
                        let mut words = std::mem::take(&mut self.space);
                        words.push(first);
                        self.say(&words);
                    }
                }
            }
        }
    }

    fn settle_behind(&mut self) {
        while let Some(first) = self.held.chars().next() {
            match openers::among(&self.held, &CLOSERS) {
                Guess::Opened(closer) => {
                    self.held.drain(..closer.len());
                }
                Guess::Maybe => return,
                Guess::Words if first == '{' || first == '[' => {
                    let begun = std::mem::take(&mut self.held);
                    self.state = State::Call(Body::default());
                    return begun.chars().for_each(|character| self.take(character));
                }
                Guess::Words if first.is_whitespace() || "]},;".contains(first) => {
                    self.held.drain(..first.len_utf8());
                }
                Guess::Words => {
                    self.state = State::Words;
                    return self.settle_words();
                }
            }
        }
    }

    fn open(&mut self, opener: Opener) {
        self.space.clear();
        match opener {
            Opener::Tag => {
                self.held.clear();
                self.state = State::Call(Body { tagged: true, ..Body::default() });
            }
            Opener::Json { at } => {
                let begun = self.held.split_off(at);
                self.held.clear();
                self.state = State::Call(Body::default());
                begun.chars().for_each(|character| self.take(character));
            }
            Opener::Noise => {
                self.held.clear();
                self.state = State::Behind;
            }
            Opener::Skip(closer) => {
                self.held.clear();
                self.state = State::Skip(closer);
            }
        }
    }

    fn take_of_call(&mut self, character: char) {
        let State::Call(body) = &mut self.state else { return };
        self.held.push(character);
        let complete = body.step(character);
        let body = body.clone();
        // A closing tag ends a call even where a bracket or a quote is missing.
        let closer = CLOSERS.iter().find(|closer| closer.starts_with('<') && self.held.ends_with(**closer));
        if let Some(closer) = closer {
            self.held.truncate(self.held.len() - closer.len());
            self.end_call(&body, true);
        } else if complete {
            self.end_call(&body, false);
        } else if self.held.len() > LONGEST {
            self.held.clear();
            self.out.push(Piece::Refused(Refusal::TooLong));
            self.state = State::Skip("</tool_call>");
        }
    }

    /// What is held is all of a call, or all that came of it.
    fn end_call(&mut self, body: &Body, cut: bool) {
        self.state = State::Behind;
        let text = std::mem::take(&mut self.held);
        let json = text.trim();
        let value = Json::parse(json).or_else(|_| Json::parse_forgiving(json));
        match value.ok().map(|value| calls(&value, &self.names)) {
            Some(Some(calls)) => {
                for call in calls {
                    match call {
                        Ok((name, arguments)) => self.call(name, arguments.write()),
                        Err(refusal) => self.out.push(Piece::Refused(refusal)),
                    }
                }
            }
            // Data that the model was asked to write out.
            Some(None) if !body.tagged && !cut => {
                self.state = State::Words;
                self.say(&text);
            }
            None if json.is_empty() => {}
            None if cut && body.depth > 0 => self.out.push(Piece::Refused(Refusal::Unfinished)),
            _ => self.out.push(Piece::Refused(Refusal::Broken)),
        }
    }

    fn call(&mut self, name: String, arguments: String) {
        // A model that runs in circles says the same again.
        if self.made.iter().any(|made| made.name == name && made.arguments == arguments) {
            return;
        }
        if self.made.len() == MOST {
            return self.out.push(Piece::Refused(Refusal::TooMany));
        }
        let call = ToolCall { id: format!("{}{}", self.id, self.made.len()), name, arguments };
        self.made.push(call.clone());
        self.out.push(Piece::Call(call));
    }

    fn say(&mut self, words: &str) {
        match self.out.last_mut() {
            Some(Piece::Text(text)) => text.push_str(words),
            _ => self.out.push(Piece::Text(words.to_owned())),
        }
    }
}

impl Body {
    /// Takes a character; true when it closes the outermost bracket.
    fn step(&mut self, character: char) -> bool {
        if let Some(mark) = self.string {
            match character {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                _ if character == mark => self.string = None,
                _ => {}
            }
            return false;
        }
        match character {
            '"' | '\'' if self.depth > 0 => self.string = Some(character),
            '{' | '[' => self.depth += 1,
            '}' | ']' if self.depth > 0 => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
