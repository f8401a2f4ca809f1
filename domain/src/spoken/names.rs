//! The speaker's own name before a colon, at the start of a reply or a line.

use super::constructs::Step;
use crate::endpoint::listed;

/// Longest name before a colon, in characters.
const LONGEST_NAME: usize = 32;

/// `Say(0)` when there is no name.
pub(super) fn name(text: &str, names: &[String], is_first: bool, is_end: bool) -> Step {
    let mut bytes = text.len();
    let mut has_colon = false;
    for (count, (at, character)) in text.char_indices().enumerate() {
        let belongs = character.is_alphanumeric()
            || matches!(character, ' ' | '*' | '[' | ']' | '-' | '\'' | '’' | '_');
        if matches!(character, ':' | '：') {
            (bytes, has_colon) = (at, true);
            break;
        }
        if !belongs || count >= LONGEST_NAME {
            return Step::Say(0);
        }
    }
    let label = text[..bytes].trim_matches(|c: char| !c.is_alphanumeric());
    if !has_colon {
        let could_become = could_be_name(label, names, is_first);
        return if is_end || !could_become { Step::Say(0) } else { Step::Wait };
    }
    let after = &text[bytes + text[bytes..].chars().next().map_or(0, char::len_utf8)..];
    let lower = label.to_lowercase();
    let is_known = names.contains(&lower) || GENERIC.contains(&lower.as_str());
    match after.chars().next() {
        None if !is_end => return Step::Wait,
        // "10:30", "http://".
        Some(next) if !next.is_whitespace() && !is_known && next != '*' => return Step::Say(0),
        _ => {}
    }
    if is_known || (is_first && looks_like_name(label)) {
        let closing = after.len() - after.trim_start_matches(['*', ']']).len();
        return Step::Drop(text.len() - after.len() + closing);
    }
    Step::Say(0)
}

const GENERIC: &[&str] =
    &["assistant", "ai", "bot", "persona", "character", "답변", "대답", "응답", "상대", "상대방", "나"];

/// Labels before a colon that are content.
const CONTENT: &str = "note listen look remember first second third question answer tip warning example here yes no \
    well step hint fun fact ps update today tomorrow monday promise deal rule result summary idea \
    option plan warm song chorus verse okay ok";

/// Whether what stands there may still grow into a name, so that it is worth holding back.
fn could_be_name(label: &str, names: &[String], is_first: bool) -> bool {
    let lower = label.to_lowercase();
    let known =
        names.iter().map(String::as_str).chain(GENERIC.iter().copied()).any(|name| name.starts_with(&lower));
    known || (is_first && (looks_like_name(label) || could_grow(label)))
}

fn could_grow(label: &str) -> bool {
    match label.chars().next() {
        None => true,
        Some(first) if crate::lang::is_hangul(first) => label.chars().count() < 3 && !label.contains(' '),
        Some(first) => {
            first.is_uppercase()
                && label.split(' ').count() <= 2
                && label.split(' ').all(|word| word.is_empty() || word.starts_with(char::is_uppercase))
        }
    }
}

/// A Korean full name of three syllables, or one or two capitalised words.
fn looks_like_name(label: &str) -> bool {
    const SURNAMES: &str =
        "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구나민진지엄채원천방공";
    let mut letters = label.chars();
    let Some(first) = letters.next() else { return false };
    if crate::lang::is_hangul(first) {
        let is_particle =
            label.ends_with(['은', '는', '이', '가', '을', '를', '도', '점', '론', '면', '로', '고', '의']);
        return letters.count() == 2
            && label.chars().all(crate::lang::is_hangul)
            && SURNAMES.contains(first)
            && !is_particle;
    }
    let is_capitalised = |word: &str| {
        word.starts_with(char::is_uppercase)
            && word.chars().all(|c| c.is_alphabetic() || c == '-' || c == '\'')
    };
    let words: Vec<&str> = label.split_whitespace().collect();
    words.len() <= 2
        && words.iter().all(|word| is_capitalised(word))
        && !words.iter().any(|word| listed(CONTENT, &word.to_lowercase()))
}
