//! What makes a place in a text the end of a clause.

use crate::{
    endpoint::{Hint, korean_ending, listed},
    lang::is_hangul,
};

/// How natural a cut is; later is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// The text must go on before this can be said.
    Undecided,
    /// Before "and", after 는데.
    Lexical,
    /// A comma, or a Korean sentence ending that nobody punctuated.
    Comma,
    /// The end of a sentence.
    Sentence,
}

/// A boundary: a clause may end before byte `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) end: usize,
    pub(super) strength: Strength,
}

/// The boundary that begins with `character` at byte `at` of `text`, if any.
pub(super) fn at(text: &str, at: usize, character: char) -> Option<Found> {
    let end = at + character.len_utf8();
    let rest = &text[end..];
    let found = |strength| Some(Found { end, strength });
    match character {
        '\n' => found(Strength::Sentence),
        '。' | '！' | '？' | '.' | '!' | '?' | '…' | '~' => marks(text, at),
        '、' | '，' => found(Strength::Comma),
        ',' | ';' | ':' => comma(&text[..at], rest).and_then(found),
        '—' | '–' if !rest.is_empty() && text[..at].ends_with(char::is_whitespace) => {
            found(Strength::Comma)
        }
        _ if character.is_whitespace() => {
            space(&text[..at], rest).map(|strength| Found { end: at, strength })
        }
        _ => None,
    }
}

fn is_terminator(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '~' | '。' | '！' | '？')
}

fn is_closer(character: char) -> bool {
    matches!(character, '"' | '\'' | '”' | '’' | ')' | ']' | '」' | '』' | '》' | '〉' | '）')
}

/// A run of `.!?…~` and the quotes that close after it.
fn marks(text: &str, at: usize) -> Option<Found> {
    let tail = &text[at..];
    let run = tail.find(|c| !is_terminator(c)).unwrap_or(tail.len());
    let closed = tail[run..].find(|c| !is_closer(c)).map_or(tail.len(), |length| run + length);
    let (marks, end) = (&tail[..run], at + closed);
    let rest = &text[end..];
    let found = |strength| Some(Found { end, strength });
    let Some(next) = rest.chars().next() else { return found(Strength::Undecided) };
    let before = &text[..at];
    if !next.is_whitespace() {
        // Without a space only unmistakable ends count: "좋아요!그럼", "네。", not "3.5" or "a.com/?q".
        let is_full_width = marks.ends_with(['。', '！', '？']);
        let is_korean = before.ends_with(is_hangul) && is_hangul(next) && marks.contains(['.', '!', '?']);
        return (is_full_width || is_korean).then_some(Found { end, strength: Strength::Sentence });
    }
    let following = rest.trim_start().chars().next();
    if marks == "~" {
        return found(Strength::Comma);
    }
    if marks.contains('…') || marks.ends_with("..") {
        return found(match following {
            None => Strength::Undecided,
            Some(character) if character.is_uppercase() => Strength::Sentence,
            _ => Strength::Comma,
        });
    }
    match marks {
        "." => full_stop(before, following).and_then(found),
        _ => found(Strength::Sentence),
    }
}

const TITLES: &str = "mr mrs ms dr prof st vs e.g i.e approx fig vol mt gen col sgt capt rev hon lt gov sen rep messrs mme \
    cf";

/// Abbreviations that end a sentence as often as not; the next letter tells.
const EITHER: &str = "etc a.m p.m jr sr inc ltd co corp u.s u.k u.s.a ph.d m.d b.a dept est";

/// What a single full stop before white space is. `None`: part of a word or a number.
fn full_stop(before: &str, following: Option<char>) -> Option<Strength> {
    let token = before
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default()
        .trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = token.to_ascii_lowercase();
    let decide = |is_end: fn(char) -> bool| match following {
        None => Some(Strength::Undecided),
        Some(next) if is_end(next) => Some(Strength::Sentence),
        Some(_) => None,
    };
    let is_number = !token.is_empty() && token.chars().all(|c| c.is_ascii_digit() || c == '.');
    // "1. Boil water": the number of a list item belongs to what follows.
    let is_item = is_number && before.trim_start().len() == token.len();
    let mut letters = token.chars();
    let is_initial = letters.next().is_some_and(|c| c.is_uppercase() && c != 'I') && letters.next().is_none();
    match lower.as_str() {
        _ if is_item || is_initial || listed(TITLES, &lower) => None,
        "no" => decide(|next| !next.is_ascii_digit()),
        // "2026. 11. 21. 토요일" is one date.
        _ if is_number && follows_number(before) => None,
        _ if is_number => decide(|next| !next.is_ascii_digit()),
        _ if listed(EITHER, &lower) => decide(|next| !next.is_lowercase() && !next.is_ascii_digit()),
        _ => Some(Strength::Sentence),
    }
}

/// Whether the word before the last one is a number with a full stop.
fn follows_number(before: &str) -> bool {
    let word = before.split_whitespace().rev().nth(1).unwrap_or_default();
    word.strip_suffix('.')
        .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// A comma, semicolon or colon: cuts before white space, but not inside parentheses or a date.
fn comma(before: &str, rest: &str) -> Option<Strength> {
    let next = match rest.chars().next() {
        None => return Some(Strength::Undecided),
        Some(next) if !next.is_whitespace() => return None,
        Some(_) => rest.trim_start().chars().next(),
    };
    let is_open = before.matches(['(', '（']).count() > before.matches([')', '）']).count();
    match next {
        _ if is_open => None,
        None => Some(Strength::Undecided),
        Some(next) if next.is_ascii_digit() && before.ends_with(|c: char| c.is_ascii_digit()) => None,
        Some(_) => Some(Strength::Comma),
    }
}

const CONJUNCTIONS: &str = "and but because so which who when while if then or though although since until";

/// Words that lean on the next one: nobody breathes after them.
const LEANING: &str = "a an the of to in on at for with by from as into about and or but my your his her its our their \
    this that these those is are was were be been am i'm you're it's we're they're very so not no";

/// Whether a clause that has become too long may end behind this word, where nothing better was found. A full stop here
/// is that of a title.
pub(super) fn may_part(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    !word.ends_with('.') && !listed(LEANING, &word.to_ascii_lowercase().replace('’', "'"))
}

/// White space between words: a cut after a Korean ending or before an English conjunction.
fn space(before: &str, rest: &str) -> Option<Strength> {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    if word.ends_with(is_hangul) {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        return match korean_ending(word) {
            Hint::SureFinal => Some(Strength::Comma),
            Hint::Final => Some(Strength::Lexical),
            _ if is_connective(word) => Some(Strength::Lexical),
            _ => None,
        };
    }
    let next = rest.trim_start();
    // Whether "and" is a word or the start of "android" shows one character later; until then nothing
    // is cut here, and the chance passes only if no longer clause is found.
    let length = next.find(|c: char| !c.is_ascii_alphabetic())?;
    let is_before_conjunction =
        CONJUNCTIONS.split_whitespace().any(|word| next[..length].eq_ignore_ascii_case(word));
    (is_before_conjunction && next[length..].starts_with(char::is_whitespace)).then_some(Strength::Lexical)
}

/// Verb endings that join sentences; particles (`은`, `를`) dangle too but do not end a clause.
fn is_connective(word: &str) -> bool {
    const ENDINGS: &str = "지만 면서 다가 거나 든지 더니 때문에 려고 해서 아서 어서 여서 라서 는데 은데 인데 으면 하면 다면 라면 니까 하고 있고 없고 \
    좋고 었고 았고 했고 이고 되고";
    word.chars().count() > 2 && ENDINGS.split_whitespace().any(|ending| word.ends_with(ending))
}
