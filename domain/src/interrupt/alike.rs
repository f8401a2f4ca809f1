//! Korean words that a recogniser confuses: half a second of speech gives it little to go by, and what it writes
//! sounds like what was said more often than it is spelt so ("마자" for "맞아", "금암" for "그만").

use crate::hangul::{NO_CODA, Syllable};

/// Sounds from which on one of them may differ, and from which on two may.
const LONG_ENOUGH: [usize; 2] = [5, 8];

/// How far `word` is from the nearest word of `list` by ear; `None` when it is another word.
pub(super) fn distance(list: &str, word: &str) -> Option<usize> {
    let heard = sounds(word);
    if heard.is_empty() {
        return None;
    }
    let nearest = list.split_whitespace().map(|entry| edits(&sounds(entry), &heard)).min()?;
    let allowed = LONG_ENOUGH.iter().filter(|length| heard.len() >= **length).count();
    (nearest <= allowed).then_some(nearest)
}

/// The sounds of a word written in Hangul: silent onsets left out, so that a coda moves on to the next syllable, and
/// what recognisers mix up written alike (lax, tense and aspirated consonants, ㅐ and ㅔ, ㅜ and ㅡ). Empty for anything else.
fn sounds(word: &str) -> Vec<char> {
    let mut sounds = Vec::new();
    for character in word.chars() {
        let Some(syllable) = Syllable::of(character) else { return Vec::new() };
        if syllable.onset != 'ㅇ' {
            sounds.push(lax(syllable.onset));
        }
        sounds.push(match syllable.vowel {
            'ㅐ' | 'ㅖ' | 'ㅒ' => 'ㅔ',
            'ㅙ' | 'ㅞ' => 'ㅚ',
            'ㅜ' => 'ㅡ',
            vowel => vowel,
        });
        if syllable.coda != NO_CODA {
            sounds.push(lax(syllable.coda));
        }
    }
    sounds
}

fn lax(consonant: char) -> char {
    match consonant {
        'ㄲ' | 'ㅋ' => 'ㄱ',
        'ㄸ' | 'ㅌ' => 'ㄷ',
        'ㅃ' | 'ㅍ' => 'ㅂ',
        'ㅉ' | 'ㅊ' => 'ㅈ',
        'ㅆ' => 'ㅅ',
        other => other,
    }
}

/// Levenshtein's distance.
fn edits(one: &[char], other: &[char]) -> usize {
    let mut row = (0..=other.len()).collect::<Vec<_>>();
    for (line, sound) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, against) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(sound != against);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_alike() {
        for (list, word, expected) in [
            ("맞아 그래", "마자", Some(0)),
            ("그만 아니", "금암", Some(1)),
            ("그만 아니", "구맨", Some(1)),
            ("잠깐만", "잠칸만", Some(0)),
            ("그래", "글에", Some(0)),
            ("아니", "아빠", None),
            ("네", "내", Some(0)),
            ("그만", "그램", None),
            ("그만", "stop", None),
            ("응", "음", None),
            ("그렇군요", "그라군요", Some(2)),
            ("그랬구나", "크렷코나", Some(2)),
            ("그런데요", "그네타요", None),
        ] {
            assert_eq!(distance(list, word), expected, "{word}");
        }
    }
}
