//! Hangul as it is pronounced, and as the phonemes of the Korean voice.
//!
//! Two steps, both pure: [`pronounce`] applies the rules of standard pronunciation between syllables
//! (liaison, aspiration, nasalisation, liquids, palatalisation, tensing, the silent ㅎ, double codas)
//! and writes the result in Hangul again; [`to_ipa`] turns that into IPA letters that Kokoro knows.
//! What no rule can know (ㄴ that appears in compounds, tensing in Sino-Korean words) is a word list.

mod boundary;
#[cfg(test)]
mod tests;
mod words;

use self::boundary::{at_end, join};

pub(crate) const ONSETS: [char; 19] = [
    'ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ',
    'ㅍ', 'ㅎ',
];
pub(crate) const VOWELS: [char; 21] = [
    'ㅏ', 'ㅐ', 'ㅑ', 'ㅒ', 'ㅓ', 'ㅔ', 'ㅕ', 'ㅖ', 'ㅗ', 'ㅘ', 'ㅙ', 'ㅚ', 'ㅛ', 'ㅜ', 'ㅝ', 'ㅞ', 'ㅟ',
    'ㅠ', 'ㅡ', 'ㅢ', 'ㅣ',
];
/// The codas; [`NO_CODA`] stands for none.
pub(crate) const CODAS: [char; 28] = [
    NO_CODA, 'ㄱ', 'ㄲ', 'ㄳ', 'ㄴ', 'ㄵ', 'ㄶ', 'ㄷ', 'ㄹ', 'ㄺ', 'ㄻ', 'ㄼ', 'ㄽ', 'ㄾ', 'ㄿ', 'ㅀ', 'ㅁ',
    'ㅂ', 'ㅄ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ',
];
/// No coda.
pub(crate) const NO_CODA: char = '-';

/// One syllable block, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syllable {
    pub(crate) onset: char,
    pub(crate) vowel: char,
    pub(crate) coda: char,
}

impl Syllable {
    pub(crate) fn of(character: char) -> Option<Self> {
        let index = u32::from(character).checked_sub(0xAC00).filter(|index| *index < 11_172)? as usize;
        Some(Self { onset: ONSETS[index / 588], vowel: VOWELS[index % 588 / 28], coda: CODAS[index % 28] })
    }

    pub(crate) fn block(self) -> char {
        let place = |set: &[char], jamo| set.iter().position(|known| *known == jamo).unwrap_or(0) as u32;
        let index =
            place(&ONSETS, self.onset) * 588 + place(&VOWELS, self.vowel) * 28 + place(&CODAS, self.coda);
        char::from_u32(0xAC00 + index).unwrap_or('?')
    }
}

/// The text as it is pronounced, in Hangul. Everything that is not a syllable block stays.
pub fn pronounce(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for raw in text.split(' ') {
        let mut word = words::respell(raw);
        let previous = words.last().map(String::as_str).unwrap_or_default();
        if let Some(tensed) = words::tensed_after(previous, &word) {
            word = tensed;
        }
        words.push(word);
    }
    let syllables: Vec<Unit> = units(&words);
    spell(resolve(syllables))
}

/// The text as IPA letters of Kokoro's alphabet. Digits and Latin letters are left out: give it the
/// output of [`crate::numbers::korean`]. The first vowel of each word carries a stress mark, which the voice
/// needs to tell where words begin. The mark stands right before the vowel, as in all that the voice has
/// learned; before the consonant it is read as a sound of its own ("아하고" for "하고").
pub fn to_ipa(text: &str) -> String {
    let mut ipa = String::new();
    // What precedes within the word: the coda of the last syllable, or `None` at the start of a word.
    let mut before: Option<char> = None;
    for character in pronounce(text).chars() {
        let Some(syllable) = Syllable::of(character) else {
            before = None;
            push_mark(&mut ipa, character);
            continue;
        };
        let (glide, vowel) = vowel_ipa(syllable.vowel);
        ipa.push_str(onset_ipa(syllable, before));
        ipa.push_str(glide);
        if before.is_none() {
            ipa.push('ˈ');
        }
        ipa.push_str(vowel);
        ipa.push_str(coda_ipa(syllable.coda));
        before = Some(syllable.coda);
    }
    ipa.trim().to_owned()
}

/// A syllable or anything else, with whether a rule may reach over the gap to the next.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Block(Syllable),
    Other(char),
    /// A space that the rules look through.
    Bridge,
}

fn units(words: &[String]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            // 못 is pronounced as one word with the verb behind it: 못 해 is 모태, 못 먹어 is 몬 머거.
            units.push(if words[index - 1] == "몯" { Unit::Bridge } else { Unit::Other(' ') });
        }
        units.extend(
            word.chars().map(|character| Syllable::of(character).map_or(Unit::Other(character), Unit::Block)),
        );
    }
    units
}

fn resolve(mut units: Vec<Unit>) -> Vec<Unit> {
    for index in 0..units.len() {
        let Unit::Block(mut left) = units[index] else { continue };
        let next = match units.get(index + 1) {
            Some(Unit::Bridge) => index + 2,
            _ => index + 1,
        };
        match units.get(next).copied() {
            Some(Unit::Block(mut right)) => {
                join(&mut left, &mut right);
                units[next] = Unit::Block(right);
            }
            _ => at_end(&mut left),
        }
        units[index] =
            Unit::Block(vowel_as_spoken(left, index == 0 || !matches!(units[index - 1], Unit::Block(_))));
    }
    units
}

/// The vowels that are not said as written: 희 is 히, 시계 is 시게, 가져 is 가저, and 의 inside a word is 이.
fn vowel_as_spoken(mut syllable: Syllable, starts_word: bool) -> Syllable {
    syllable.vowel = match (syllable.onset, syllable.vowel) {
        ('ㅇ', 'ㅢ') if starts_word => 'ㅢ',
        (_, 'ㅢ') => 'ㅣ',
        ('ㅈ' | 'ㅉ' | 'ㅊ', 'ㅕ') => 'ㅓ',
        (onset, 'ㅖ') if onset != 'ㅇ' && onset != 'ㄹ' => 'ㅔ',
        (_, vowel) => vowel,
    };
    syllable
}

fn spell(units: Vec<Unit>) -> String {
    let spelled = units.into_iter().map(|unit| match unit {
        Unit::Block(syllable) => syllable.block(),
        Unit::Other(character) => character,
        Unit::Bridge => ' ',
    });
    spelled.collect()
}

/// Keeps the marks that the voice reads as pauses and drops what it does not know.
fn push_mark(ipa: &mut String, character: char) {
    let mark = match character {
        ',' | '.' | '!' | '?' | ';' | ':' | '…' | '—' => character,
        '、' | '，' => ',',
        '。' => '.',
        '！' => '!',
        '？' => '?',
        ' ' | '\n' | '\t' | '-' | '·' | '/' | '–' => ' ',
        _ => return,
    };
    // One gap is enough: two would only make the voice stumble.
    let needless = mark == ' ' && (ipa.is_empty() || ipa.ends_with(' '));
    if !needless {
        ipa.push(mark);
    }
}

fn onset_ipa(syllable: Syllable, before: Option<char>) -> &'static str {
    let voiced = matches!(before, Some(NO_CODA | 'ㄴ' | 'ㄹ' | 'ㅁ' | 'ㅇ'));
    let front = matches!(syllable.vowel, 'ㅣ' | 'ㅑ' | 'ㅕ' | 'ㅛ' | 'ㅠ' | 'ㅟ' | 'ㅒ' | 'ㅖ');
    match syllable.onset {
        'ㄱ' if voiced => "ɡ",
        'ㄷ' if voiced => "d",
        'ㅂ' if voiced => "b",
        'ㅈ' if voiced => "ʥ",
        'ㄱ' | 'ㄲ' => "k",
        'ㄷ' | 'ㄸ' => "t",
        'ㅂ' | 'ㅃ' => "p",
        'ㅈ' | 'ㅉ' => "ʨ",
        'ㄴ' => "n",
        'ㄹ' if before == Some('ㄹ') => "l",
        'ㄹ' => "ɾ",
        'ㅁ' => "m",
        'ㅅ' if front => "ɕ",
        'ㅅ' => "s",
        // Held longer, it is heard as tense. The tense stops gain nothing by this.
        'ㅆ' if front => "ɕɕ",
        'ㅆ' => "ss",
        'ㅊ' => "ʨʰ",
        'ㅋ' => "kʰ",
        'ㅌ' => "tʰ",
        'ㅍ' => "pʰ",
        'ㅎ' => "h",
        _ => "",
    }
}

/// The glide before a vowel, and the vowel. ㅓ is [ʌ] in books, but the voice has that letter from English,
/// where it lies nearer to ㅏ; with its [ɔ] a listener hears ㅓ.
fn vowel_ipa(vowel: char) -> (&'static str, &'static str) {
    match vowel {
        'ㅏ' => ("", "a"),
        'ㅐ' | 'ㅔ' => ("", "e"),
        'ㅑ' => ("j", "a"),
        'ㅒ' | 'ㅖ' => ("j", "e"),
        'ㅓ' => ("", "ɔ"),
        'ㅕ' => ("j", "ɔ"),
        'ㅗ' => ("", "o"),
        'ㅘ' => ("w", "a"),
        'ㅙ' | 'ㅚ' | 'ㅞ' => ("w", "e"),
        'ㅛ' => ("j", "o"),
        'ㅜ' => ("", "u"),
        'ㅝ' => ("w", "ɔ"),
        'ㅟ' => ("w", "i"),
        'ㅠ' => ("j", "u"),
        'ㅡ' => ("", "ɯ"),
        'ㅢ' => ("ɰ", "i"),
        _ => ("", "i"),
    }
}

fn coda_ipa(coda: char) -> &'static str {
    match coda {
        'ㄱ' => "k",
        'ㄴ' => "n",
        'ㄷ' => "t",
        'ㄹ' => "l",
        'ㅁ' => "m",
        'ㅂ' => "p",
        'ㅇ' => "ŋ",
        _ => "",
    }
}
