//! As much JSON as function calling needs: read with bounds, forgivingly where models are careless, and written
//! as models write it.
//!
//! Numbers stay text, so that nothing is lost between a model and a function; keys keep their order.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// Deeper values are refused: the reader calls itself, and no schema or call of ours needs more.
const DEEPEST: usize = 32;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; keys in their order, the first of equal ones counts.
    Object(Vec<(String, Json)>),
}

/// Not JSON, or deeper than 32 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl Json {
    /// Reads exactly one value; white space around it is allowed.
    pub fn parse(text: &str) -> Result<Self, NotJson> {
        Reader { text, at: 0, forgiving: false }.only_value()
    }

    /// Reads what a careless model wrote: single quotes, Python's constants, line ends in strings, commas before a
    /// closing bracket, brackets that are missing at the end, anything after the value.
    pub fn parse_forgiving(text: &str) -> Result<Self, NotJson> {
        Reader { text, at: 0, forgiving: true }.only_value()
    }

    /// A member of an object; `None` for other values.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// On one line with a space after each comma and colon, as models were taught to write it: a call that is put
    /// into the next prompt is then made of the tokens that are in the cache already.
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number),
            Self::Text(text) => quote(text, out),
            Self::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    value.write_to(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    quote(key, out);
                    out.push_str(": ");
                    value.write_to(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    forgiving: bool,
}

impl Reader<'_> {
    fn only_value(mut self) -> Result<Json, NotJson> {
        let value = self.value(0)?;
        self.skip_space();
        if self.forgiving || self.at == self.text.len() { Ok(value) } else { Err(NotJson) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, NotJson> {
        if depth > DEEPEST {
            return Err(NotJson);
        }
        self.skip_space();
        match self.peek().ok_or(NotJson)? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' => self.string('"').map(Json::Text),
            '\'' if self.forgiving => self.string('\'').map(Json::Text),
            '-' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.take('{');
        let mut members: Vec<(String, Json)> = Vec::new();
        // A look through all members for each would take seconds for a hostile schema of 256 KiB.
        let mut known = BTreeSet::new();
        loop {
            self.skip_space();
            if self.closes('}') {
                return Ok(Json::Object(members));
            }
            if !members.is_empty() {
                self.expect(',')?;
                self.skip_space();
                if self.forgiving && self.closes('}') {
                    return Ok(Json::Object(members));
                }
            }
            let key = match self.peek() {
                Some('"') => self.string('"')?,
                Some('\'') if self.forgiving => self.string('\'')?,
                _ => return Err(NotJson),
            };
            self.skip_space();
            self.expect(':')?;
            let value = self.value(depth + 1)?;
            if known.insert(key.clone()) {
                members.push((key, value));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.take('[');
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.closes(']') {
                return Ok(Json::List(values));
            }
            if !values.is_empty() {
                self.expect(',')?;
                self.skip_space();
                if self.forgiving && self.closes(']') {
                    return Ok(Json::List(values));
                }
            }
            values.push(self.value(depth + 1)?);
        }
    }

    fn string(&mut self, mark: char) -> Result<String, NotJson> {
        self.take(mark);
        let mut text = String::new();
        loop {
            match self.next().ok_or(NotJson)? {
                end if end == mark => return Ok(text),
                '\\' => self.escape(&mut text)?,
                control if control < ' ' && !self.forgiving => return Err(NotJson),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), NotJson> {
        let plain = match self.next().ok_or(NotJson)? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => self.unicode()?,
            same @ ('"' | '\\' | '/') => same,
            other if self.forgiving => other,
            _ => return Err(NotJson),
        };
        text.push(plain);
        Ok(())
    }

    /// After `\u`: one unit, or the two of a character outside the first plane.
    fn unicode(&mut self) -> Result<char, NotJson> {
        let first = self.unit()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Ok(char::REPLACEMENT_CHARACTER);
                }
                self.at += 2;
                match self.unit()? {
                    second @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return Ok(char::REPLACEMENT_CHARACTER),
                }
            }
            other => other,
        };
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotJson);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| NotJson)
    }

    fn number(&mut self) -> Result<Json, NotJson> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        if !is_number(number) {
            return Err(NotJson);
        }
        self.at += number.len();
        Ok(Json::Number(number.to_owned()))
    }

    fn word(&mut self) -> Result<Json, NotJson> {
        let words: [(&str, Json, bool); 6] = [
            ("null", Json::Null, false),
            ("true", Json::Bool(true), false),
            ("false", Json::Bool(false), false),
            ("None", Json::Null, true),
            ("True", Json::Bool(true), true),
            ("False", Json::Bool(false), true),
        ];
        for (word, value, careless) in words {
            if self.text[self.at..].starts_with(word) && (self.forgiving || !careless) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(NotJson)
    }

    /// Takes a closing bracket; at the end of the text a missing one may be forgiven.
    fn closes(&mut self, bracket: char) -> bool {
        if self.forgiving && self.at == self.text.len() {
            return true;
        }
        let closes = self.peek() == Some(bracket);
        if closes {
            self.at += 1;
        }
        closes
    }

    fn expect(&mut self, character: char) -> Result<(), NotJson> {
        if self.next() == Some(character) { Ok(()) } else { Err(NotJson) }
    }

    fn take(&mut self, character: char) {
        self.at += character.len_utf8();
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', '\r', '\t']).len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }
}

/// Whether this is a number as JSON writes them.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
