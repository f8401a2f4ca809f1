//! Phonemes: from espeak's IPA to the alphabet of the English voice, and from any of them to mouth shapes.

use crate::viseme::{Viseme, VisemeCue};

/// espeak's spellings of one sound and the voice's letter for it; longer ones first.
const SPELLINGS: [(&str, &str); 22] = [
    ("ɜːɹ", "ɜɹ"),
    ("n\u{329}", "ən"),
    ("l\u{329}", "əl"),
    ("m\u{329}", "əm"),
    ("eɪ", "A"),
    ("aɪ", "I"),
    ("oʊ", "O"),
    ("aʊ", "W"),
    ("ɔɪ", "Y"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("ɜː", "ɜɹ"),
    ("oː", "ɔ"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("ɾ", "T"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("ᵻ", "ɪ"),
    ("g", "ɡ"),
    ("ː", ""),
    ("\u{200d}", ""),
];

/// One line of `espeak-ng --ipa` in the alphabet of the English voice: one letter for a diphthong or an
/// affricate, no length marks, and each stress mark directly before the vowel that carries it.
pub fn from_espeak(line: &str) -> String {
    let mut letters = String::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        // espeak names a change of language in parentheses; it is not a sound.
        if first == '(' {
            rest = rest.split_once(')').map_or("", |(_, after)| after);
            continue;
        }
        match SPELLINGS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
            Some((spelling, letter)) => {
                rest = &rest[spelling.len()..];
                let doubled = *spelling == "ɚ" && rest.starts_with('ɹ');
                letters.push_str(if doubled { "ə" } else { letter });
            }
            None => {
                letters.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    stress_to_vowels(&letters)
}

fn stress_to_vowels(letters: &str) -> String {
    let mut moved = String::with_capacity(letters.len());
    let mut stress = None;
    for letter in letters.chars() {
        match letter {
            'ˈ' | 'ˌ' => stress = Some(letter),
            ' ' => {
                stress = None;
                moved.push(letter);
            }
            _ => {
                if is_vowel(letter) {
                    moved.extend(stress.take());
                }
                moved.push(letter);
            }
        }
    }
    moved
}

/// Whether a letter of any of the alphabets is a vowel.
pub fn is_vowel(letter: char) -> bool {
    "aɑʌæəɐɒeɛiɪɨɯoɔuʊɜɚᵻAIOWYQyøœɤ".contains(letter)
}

/// Mouth shapes over `total_ms` of speech that has these phonemes (espeak IPA, the English voice's
/// letters or Kokoro's). Neither voice tells how long each phoneme lasts, so durations are typical
/// weights scaled to the length of the sound. Rest at punctuation and at the end; times never
/// decrease and never pass `total_ms`.
pub fn visemes(phonemes: &[char], total_ms: u32) -> Vec<VisemeCue> {
    let parts = weighted(phonemes);
    let sum: f32 = parts.iter().map(|(_, weight)| weight).sum();
    let mut cues: Vec<VisemeCue> = Vec::new();
    let mut passed = 0.0;
    for (viseme, weight) in parts {
        let at_ms = (passed / sum * total_ms as f32) as u32;
        passed += weight;
        push(&mut cues, VisemeCue { at_ms: at_ms.min(total_ms), viseme });
    }
    push(&mut cues, VisemeCue { at_ms: total_ms, viseme: Viseme::Rest });
    cues
}

/// Equal neighbours are one cue, and of two at the same moment the later wins.
fn push(cues: &mut Vec<VisemeCue>, cue: VisemeCue) {
    match cues.last_mut() {
        Some(last) if last.viseme == cue.viseme => {}
        Some(last) if last.at_ms == cue.at_ms => last.viseme = cue.viseme,
        _ => cues.push(cue),
    }
}

/// Shapes and their relative lengths.
fn weighted(phonemes: &[char]) -> Vec<(Viseme, f32)> {
    let mut parts: Vec<(Viseme, f32)> = Vec::new();
    let mut stressed = false;
    for &letter in phonemes {
        let stress = if stressed { 1.3 } else { 1.0 };
        match letter {
            'ˈ' | 'ˌ' => {
                stressed = true;
                continue;
            }
            'ː' | 'ʰ' | '\u{303}' => {
                if let Some(last) = parts.last_mut() {
                    last.1 += 0.5;
                }
            }
            ',' | ';' | ':' | '—' | '-' => parts.push((Viseme::Rest, 1.6)),
            '.' | '!' | '?' | '…' => parts.push((Viseme::Rest, 2.4)),
            'A' => parts.extend([(Viseme::E, 1.2 * stress), (Viseme::I, 0.9)]),
            'I' => parts.extend([(Viseme::A, 1.3 * stress), (Viseme::I, 0.9)]),
            'O' | 'Q' => parts.extend([(Viseme::O, 1.3 * stress), (Viseme::U, 0.8)]),
            'W' => parts.extend([(Viseme::A, 1.2 * stress), (Viseme::U, 1.0)]),
            'Y' => parts.extend([(Viseme::O, 1.2 * stress), (Viseme::I, 1.0)]),
            _ => {
                parts.extend(shape(letter).map(|(viseme, weight)| {
                    (viseme, if is_vowel(letter) { weight * stress } else { weight })
                }))
            }
        }
        stressed = stressed && !is_vowel(letter);
    }
    parts
}

/// The shape of one simple sound and its weight; `None` for what has none, as a space.
fn shape(letter: char) -> Option<(Viseme, f32)> {
    let shape = match letter {
        'p' | 'b' | 'm' => (Viseme::Pbm, 1.0),
        'f' | 'v' | 'ɸ' | 'β' => (Viseme::Fv, 1.1),
        't' | 'd' | 'n' | 'l' | 'ɾ' | 'θ' | 'ð' | 'T' | 'ɫ' | 'ɲ' => (Viseme::Tdn, 0.8),
        's' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ' | 'ɕ' | 'ʨ' | 'ʥ' | 'c' | 'ʦ' => (Viseme::S, 1.1),
        'k' | 'g' | 'ɡ' | 'ŋ' | 'h' | 'x' | 'ʔ' | 'q' => (Viseme::Kg, 0.9),
        'w' | 'ɹ' | 'r' => (Viseme::W, 0.7),
        'j' | 'ɰ' => (Viseme::I, 0.6),
        'a' | 'ɑ' | 'ʌ' | 'æ' | 'ɒ' | 'ɜ' => (Viseme::A, 1.6),
        'ə' | 'ɐ' | 'ɚ' => (Viseme::A, 1.0),
        'e' | 'ɛ' => (Viseme::E, 1.5),
        'i' | 'ɪ' | 'ɨ' | 'ɯ' | 'ᵻ' | 'y' => (Viseme::I, 1.3),
        'o' | 'ɔ' | 'ø' | 'œ' => (Viseme::O, 1.6),
        'u' | 'ʊ' => (Viseme::U, 1.4),
        _ => return None,
    };
    Some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn espeak_becomes_the_voices_alphabet() {
        let cases = [
            ("həlˈoʊ wˈɜːld", "həlˈO wˈɜɹld"),
            ("dʒˈʌdʒ", "ʤˈʌʤ"),
            ("wˈɔːɾɚ", "wˈɔTəɹ"),
            ("bᵻlˈiːv", "bɪlˈiv"),
            ("hˌaʊ ɑːɹ juː tədˈeɪ", "hˌW ɑɹ ju tədˈA"),
            ("tʃˈɜːɹtʃ", "ʧˈɜɹʧ"),
            ("ˈstɹiːt", "stɹˈit"),
            ("bˈʌʔn\u{329}", "bˈʌʔən"),
            ("wˈʌn (ko)nˈe(en) tˈuː", "wˈʌn nˈe tˈu"),
            ("mˈɛʒɚɹɪŋ", "mˈɛʒəɹɪŋ"),
            ("ɐ bˈɔɪ", "ə bˈY"),
        ];
        for (espeak, expected) in cases {
            assert_eq!(from_espeak(espeak), expected, "{espeak}");
        }
    }

    #[test]
    fn a_mouth_opens_moves_and_closes_within_the_sound() {
        for text in ["həlˈO wˈɜɹld, hW ɑɹ ju?", "ˈannjʌŋhasejo. ˈpada!", "m", "ˈ"] {
            let phonemes: Vec<char> = text.chars().collect();
            let cues = visemes(&phonemes, 1_000);
            assert!(cues.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms), "{text}: {cues:?}");
            assert!(cues.windows(2).all(|pair| pair[0].viseme != pair[1].viseme), "{text}: {cues:?}");
            assert!(cues.iter().all(|cue| cue.at_ms <= 1_000), "{text}");
            assert_eq!(cues.last().map(|cue| cue.viseme), Some(Viseme::Rest), "{text}");
        }
    }

    #[test]
    fn lips_close_for_m_and_open_for_a() {
        let cues = visemes(&['m', 'ˈ', 'a', 'm', 'a'], 600);
        let shapes: Vec<_> = cues.iter().map(|cue| cue.viseme).collect();
        assert_eq!(shapes, [Viseme::Pbm, Viseme::A, Viseme::Pbm, Viseme::A, Viseme::Rest]);
        assert_eq!(cues[0].at_ms, 0);
        // The stressed vowel is held longer than the other.
        assert!(cues[2].at_ms - cues[1].at_ms > cues[4].at_ms - cues[3].at_ms);
    }

    #[test]
    fn a_pause_is_a_rest() {
        let cues = visemes(&['a', ',', 'o'], 500);
        assert_eq!(cues[1].viseme, Viseme::Rest);
        assert!(visemes(&[], 300).iter().all(|cue| cue.viseme == Viseme::Rest));
    }
}
