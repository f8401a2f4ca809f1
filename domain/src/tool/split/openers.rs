//! How a call may begin.

/// Tags that begin a call, of several families of models and of their slips.
const TAGS: [&str; 8] = [
    "<tool_call>",
    "<tool_calls>",
    "<tools>",
    "<tool>",
    "<function_call>",
    "<|tool_call|>",
    "[TOOL_CALLS]",
    "<|python_tag|>",
];

/// What ends one, or stands about behind it.
pub(super) const CLOSERS: [&str; 8] = [
    "</tool_call>",
    "</tool_calls>",
    "</tools>",
    "</tool>",
    "</function_call>",
    "<|/tool_call|>",
    "[/TOOL_CALLS]",
    "```",
];

/// The result of a call, which is not for the model to say.
const RESULT: (&str, &str) = ("<tool_response>", "</tool_response>");

/// Keys with which the JSON of a call begins.
const KEYS: [&str; 8] =
    ["name", "function", "tool", "tool_call", "function_call", "function_name", "tool_name", "type"];

/// Longest run of white space within an opener, and longest name of a code block's language.
const LONGEST_GAP: usize = 16;

/// How a call begins, or what else is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    /// A tag; the JSON follows.
    Tag,
    /// The JSON itself, from byte `at` of what is held.
    Json {
        /// Where.
        at: usize,
    },
    /// A closing tag without a call before it.
    Noise,
    /// Something that ends with this tag.
    Skip(&'static str),
}

/// What the beginning of a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess<T> {
    /// Not an opener.
    Words,
    /// More of it is needed.
    Maybe,
    /// An opener.
    Opened(T),
}

impl<T> Guess<T> {
    fn map<U>(self, with: impl FnOnce(T) -> U) -> Guess<U> {
        match self {
            Self::Words => Guess::Words,
            Self::Maybe => Guess::Maybe,
            Self::Opened(opener) => Guess::Opened(with(opener)),
        }
    }
}

/// What `held` begins with.
pub(super) fn guess(held: &str) -> Guess<Opener> {
    let tag = among(held, &TAGS).map(|_| Opener::Tag);
    let closer = among(held, &CLOSERS[..CLOSERS.len() - 1]).map(|_| Opener::Noise);
    let result = among(held, &[RESULT.0]).map(|_| Opener::Skip(RESULT.1));
    let json = json(held, 0).map(|()| Opener::Json { at: 0 });
    let all = [tag, closer, result, json, fenced(held)];
    let opened = all.into_iter().find(|guess| matches!(guess, Guess::Opened(_)));
    let maybe = all.into_iter().find(|guess| matches!(guess, Guess::Maybe));
    opened.or(maybe).unwrap_or(Guess::Words)
}

/// Whether `held` begins with one of these, or may yet.
pub(super) fn among(held: &str, texts: &[&'static str]) -> Guess<&'static str> {
    if let Some(text) = texts.iter().find(|text| held.starts_with(**text)) {
        return Guess::Opened(text);
    }
    if texts.iter().any(|text| text.starts_with(held)) { Guess::Maybe } else { Guess::Words }
}

/// Whether a reply that ends with `held` ends in the middle of a tag or of a call.
pub(super) fn is_half_a_tag(held: &str) -> bool {
    let tag = held.len() > 2 && held.starts_with(['<', '[']);
    tag || held.contains(['{', '\'', '"'])
}

/// An object, or a list of objects, whose first key is one of a call's.
fn json(held: &str, from: usize) -> Guess<()> {
    let mut rest = &held[from..];
    for bracket in ['[', '{'] {
        match rest.strip_prefix(bracket) {
            Some(inner) => {
                let inside = inner.trim_start();
                if inner.len() - inside.len() > LONGEST_GAP {
                    return Guess::Words;
                }
                rest = inside;
            }
            None if bracket == '[' => {}
            None if rest.is_empty() => return Guess::Maybe,
            None => return Guess::Words,
        }
    }
    let Some(mark) = rest.chars().next() else { return Guess::Maybe };
    if mark != '"' && mark != '\'' {
        return Guess::Words;
    }
    let key = &rest[1..];
    match key.split_once(mark) {
        Some((key, _)) if KEYS.contains(&key) => Guess::Opened(()),
        Some(_) => Guess::Words,
        None if KEYS.iter().any(|known| known.starts_with(key)) => Guess::Maybe,
        None => Guess::Words,
    }
}

/// A code block that holds such JSON.
fn fenced(held: &str) -> Guess<Opener> {
    if "```".starts_with(held) {
        return Guess::Maybe;
    }
    let Some(rest) = held.strip_prefix("```") else { return Guess::Words };
    let inside =
        rest.trim_start_matches(|character: char| character.is_ascii_alphanumeric() || character == '_');
    let begun = inside.trim_start();
    if rest.len() - inside.len() > LONGEST_GAP || inside.len() - begun.len() > LONGEST_GAP {
        return Guess::Words;
    }
    match among(begun, &TAGS) {
        _ if begun.is_empty() => Guess::Maybe,
        Guess::Opened(_) => Guess::Opened(Opener::Tag),
        Guess::Maybe => Guess::Maybe,
        Guess::Words => {
            let at = held.len() - begun.len();
            json(held, at).map(|()| Opener::Json { at })
        }
    }
}
