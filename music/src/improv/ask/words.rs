//! Words of music in English and Korean.

use super::{
    super::types::Style,
    pitch_class,
    tables::{FILLERS, KOREAN_NOTES, MUSIC, NUMBERS, REFUSALS, STYLES, TALK, VERBS},
};
use crate::key::{Key, Mode};

/// Words without their punctuation; every dash is the same, and a bar line is a word.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let even: String = text
        .chars()
        .map(|c| match c {
            '–' | '—' | '−' | '‑' | '→' => '-',
            ',' | ';' | '!' | '?' | '"' | '“' | '”' | '(' | ')' | '~' => ' ',
            c => c,
        })
        .collect();
    let words = even.split_whitespace().map(|word| word.trim_end_matches(['.', ':', '\'']).to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// Whether it is a wish.
pub(super) fn has_verb(lower: &str) -> bool {
    let is_word = |word: &str| {
        lower.match_indices(word).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + word.len()..].chars().next();
            let is_hangul = !word.is_ascii();
            is_hangul
                || (before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !c.is_alphanumeric()))
        })
    };
    VERBS.iter().any(|verb| is_word(verb.trim()))
}

/// Whether it names something that is played, however vaguely.
pub(super) fn has_music(lower: &str) -> bool {
    MUSIC.iter().any(|word| lower.contains(word))
}

pub(super) fn is_refusal(lower: &str) -> bool {
    REFUSALS.iter().any(|word| lower.contains(word))
}

/// Whether it talks about playing instead of asking for it.
pub(super) fn is_talk(lower: &str) -> bool {
    let padded = format!(" {lower} ");
    let is_said = |word: &str| padded.contains(&format!(" {word} "));
    TALK.iter().any(|word| if word.is_ascii() { is_said(word) } else { lower.contains(word) })
}

/// Whether a minor key is wished, whichever.
pub(super) fn has_minor(lower: &str) -> bool {
    ["minor", "단조", "마이너"].iter().any(|word| lower.contains(word))
}

/// Whether a word is of music, or says nothing.
pub(super) fn is_music(token: &str) -> bool {
    let lower = token.to_lowercase();
    FILLERS.contains(&lower.as_str())
        || style(&format!("{lower} ")).is_some()
        || pace(&lower).is_some()
        || lower == "|"
}

/// The style that is named.
pub(super) fn style(lower: &str) -> Option<Style> {
    let padded = format!("{lower} ");
    STYLES.iter().find(|(word, _)| padded.contains(word)).map(|(_, style)| *style)
}

/// A share of a style's usual tempo.
pub(super) fn pace(lower: &str) -> Option<f64> {
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["very slow", "아주 느린", "아주 느리게", "아주 천천히"]) {
        Some(0.5)
    } else if has(&["slow", "느린", "느리게", "천천히", "느릿", "느긋"]) {
        Some(0.66)
    } else if has(&["very fast", "아주 빠르게", "아주 빠른"]) {
        Some(1.8)
    } else if has(&["fast", "quick", "up-tempo", "uptempo", "up tempo", "빠른", "빠르게", "빨리", "신나"])
    {
        Some(1.5)
    } else if has(&["medium", "moderate", "보통 빠르기", "적당한"]) {
        Some(1.0)
    } else {
        None
    }
}

/// Bars: `12-bar`, `8 bars`, `twelve-bar`, `8마디`, `여덟 마디`.
pub(super) fn bars_at(tokens: &[String], idx: usize) -> Option<(u16, usize)> {
    let token = tokens.get(idx)?.to_lowercase();
    let number = |text: &str| {
        let named = NUMBERS.iter().find(|(word, _)| *word == text).map(|(_, number)| *number);
        text.parse::<u16>().ok().or(named)
    };
    for unit in ["-bars", "-bar", "bars", "bar", "마디"] {
        if let Some(at) = token.find(unit) {
            let tail = &token[at + unit.len()..];
            let is_end = tail.is_empty() || !tail.is_ascii();
            if let Some(bars) = number(token[..at].trim_end_matches('-')).filter(|_| is_end) {
                return Some((bars, 1));
            }
        }
    }
    let next = tokens.get(idx + 1)?.to_lowercase();
    let is_bars = next == "bar" || next == "bars" || next.starts_with("마디");
    number(&token).filter(|_| is_bars).map(|bars| (bars, 2))
}

/// A tempo: `120 bpm`, `at 120`, `tempo 90`, `템포 90`, `120bpm`.
pub(super) fn bpm_at(tokens: &[String], idx: usize) -> Option<(f64, usize)> {
    let token = tokens.get(idx)?.to_lowercase();
    let number = |text: &str| {
        let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let tail = &text[digits.len()..];
        // Korean particles follow the number: 120으로.
        let is_number = tail.is_empty() || !tail.is_ascii() || tail == "bpm";
        digits.parse::<f64>().ok().filter(|_| is_number)
    };
    if let Some(text) = token.strip_suffix("bpm").filter(|text| !text.is_empty()) {
        return number(text).map(|bpm| (bpm, 1));
    }
    let next = tokens.get(idx + 1).map(|next| next.to_lowercase())?;
    if next.starts_with("bpm") || next.starts_with("비피엠") {
        return number(&token).map(|bpm| (bpm, 2));
    }
    let announces = matches!(token.as_str(), "at" | "tempo" | "bpm" | "템포" | "bpm=" | "=");
    number(&next).filter(|bpm| announces && *bpm >= 30.0).map(|bpm| (bpm, 2))
}

/// How many words before a key announce it, and whether any does: `in`, `key of`, `in the key of`.
pub(super) fn announces_key(tokens: &[String], idx: usize) -> (usize, bool) {
    let is =
        |at: usize, word: &str| tokens.get(idx + at).is_some_and(|token| token.eq_ignore_ascii_case(word));
    if is(0, "in") && is(1, "the") && is(2, "key") && is(3, "of") {
        (4, true)
    } else if is(0, "key") && is(1, "of") {
        (2, true)
    } else if is(0, "in") {
        (1, true)
    } else {
        (0, false)
    }
}

/// A key at a token, and how many tokens it is. Announced, a letter is enough; otherwise it has to say major or minor.
pub(super) fn key_at(tokens: &[String], idx: usize, announced: bool) -> Option<(Key, usize)> {
    let token = tokens.get(idx)?;
    if let Some(found) = korean_key(token, tokens.get(idx + 1).map(String::as_str)) {
        return Some(found);
    }
    let (letters, mut mode) = match token.strip_suffix('m') {
        Some(letters) if !letters.is_empty() && announced => (letters, Some(Mode::Minor)),
        _ => (token.as_str(), None),
    };
    let mut root = pitch_class(letters).filter(|_| letters.chars().count() <= 3)?;
    let mut count = 1;
    match tokens.get(idx + 1).map(|next| next.to_lowercase()).as_deref() {
        Some("sharp" | "샵") => (root, count) = ((root + 1) % 12, 2),
        Some("flat" | "플랫") => (root, count) = ((root + 11) % 12, 2),
        _ => {}
    }
    match tokens.get(idx + count).map(|next| next.to_lowercase()).as_deref() {
        Some("major" | "maj") => (mode, count) = (Some(Mode::Major), count + 1),
        Some("minor" | "min") => (mode, count) = (Some(Mode::Minor), count + 1),
        _ => {}
    }
    // The small letter "a" is an article more often than a key.
    let is_article =
        token == "a" && (mode.is_none() || !announced) && (idx + count < tokens.len() || !announced);
    let is_told = mode.is_some() || announced;
    (is_told && !is_article).then(|| (Key::new(root, mode.unwrap_or(Mode::Major)), count))
}

/// `사장조`, `내림마장조`, `G장조로`, `E플랫 장조`, `에프 마이너`, `G 키로`.
fn korean_key(token: &str, next: Option<&str>) -> Option<(Key, usize)> {
    const MAJOR: [&str; 3] = ["장조", "메이저", "키"];
    const MINOR: [&str; 2] = ["단조", "마이너"];
    let mode = |text: &str| {
        let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
        if starts(&MAJOR) {
            Some(Mode::Major)
        } else if starts(&MINOR) {
            Some(Mode::Minor)
        } else {
            None
        }
    };
    let (mut rest, mut raised) = (token, 0_u8);
    for (word, by) in [("올림", 1), ("내림", 11)] {
        if let Some(after) = rest.strip_prefix(word) {
            (rest, raised) = (after, by);
        }
    }
    let first = rest.chars().next()?;
    let natural = if first.is_ascii_alphabetic() {
        rest = &rest[1..];
        pitch_class(&first.to_string())?
    } else {
        let (word, pitch_class) = KOREAN_NOTES.iter().find(|(word, _)| rest.starts_with(word))?;
        rest = &rest[word.len()..];
        *pitch_class
    };
    for (word, by) in [("#", 1), ("♯", 1), ("샵", 1), ("샤프", 1), ("b", 11), ("♭", 11), ("플랫", 11)]
    {
        if let Some(after) = rest.strip_prefix(word) {
            (rest, raised) = (after, by);
        }
    }
    let root = (natural + raised) % 12;
    if let Some(mode) = mode(rest) {
        return Some((Key::new(root, mode), 1));
    }
    let mode = mode(next?).filter(|_| rest.is_empty())?;
    Some((Key::new(root, mode), 2))
}
