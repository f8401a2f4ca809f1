//! What happens where two syllables meet.

use super::{NO_CODA, Syllable};

/// Applies the rules between `left` and `right` of one word: afterwards `left` has one of the seven
/// codas that are pronounced (or none) and `right` begins with what is heard.
pub(super) fn join(left: &mut Syllable, right: &mut Syllable) {
    if left.coda == NO_CODA || left.coda == 'ㅇ' && right.onset == 'ㅇ' {
        return;
    }
    match right.onset {
        'ㅇ' => link(left, right),
        'ㅎ' => aspirate_next(left, right),
        _ if ends_in_h(left.coda) => drop_h(left, right),
        _ => meet(left, right),
    }
}

/// The last syllable of a word keeps only what can be heard there.
pub(super) fn at_end(syllable: &mut Syllable) {
    syllable.coda = neutral(syllable.coda);
}

/// A coda before a vowel moves over: 옷이 → 오시, 값이 → 갑씨, 같이 → 가치, 좋아 → 조아.
fn link(left: &mut Syllable, right: &mut Syllable) {
    let (stays, moves) = split(left.coda);
    let palatal = right.vowel == 'ㅣ' || right.vowel == 'ㅕ' && moves == 'ㅌ';
    (left.coda, right.onset) = match (stays, moves) {
        (NO_CODA, 'ㅎ') => (NO_CODA, 'ㅇ'),
        (stays, 'ㅎ') => (NO_CODA, stays),
        (NO_CODA, 'ㅇ') => ('ㅇ', 'ㅇ'),
        (stays, 'ㄷ') if palatal => (stays, 'ㅈ'),
        (stays, 'ㅌ') if palatal => (stays, 'ㅊ'),
        (stays, 'ㅅ') if stays != NO_CODA => (stays, 'ㅆ'),
        other => other,
    };
}

/// A stop and ㅎ become one aspirated sound: 입학 → 이팍, 못하다 → 모타다, 닫히다 → 다치다.
fn aspirate_next(left: &mut Syllable, right: &mut Syllable) {
    let (stays, last) = split(left.coda);
    // 닫히다, 닫혀, 닫혔다, but not the noun 맏형.
    let palatal = right.vowel == 'ㅣ' || right.vowel == 'ㅕ' && matches!(right.coda, NO_CODA | 'ㅆ');
    let aspirated = match last {
        'ㄱ' | 'ㄲ' | 'ㅋ' => 'ㅋ',
        'ㄷ' if palatal => 'ㅊ',
        'ㅈ' => 'ㅊ',
        'ㄷ' | 'ㅌ' | 'ㅅ' | 'ㅆ' | 'ㅊ' | 'ㅎ' => 'ㅌ',
        'ㅂ' | 'ㅍ' => 'ㅍ',
        _ => return,
    };
    // In ㄳ and ㅄ the ㅅ is silent and the stop meets the ㅎ: 값하다 → 가파다.
    let (stays, aspirated) = match (stays, last) {
        ('ㄱ', 'ㅅ') => (NO_CODA, 'ㅋ'),
        ('ㅂ', 'ㅅ') => (NO_CODA, 'ㅍ'),
        _ => (stays, aspirated),
    };
    (left.coda, right.onset) = (stays, aspirated);
}

/// A coda ㅎ merges with the next sound: 좋다 → 조타, 많소 → 만쏘, 놓는 → 논는, 뚫네 → 뚤레.
fn drop_h(left: &mut Syllable, right: &mut Syllable) {
    let (stays, _) = split(left.coda);
    let (coda, onset) = match right.onset {
        'ㄱ' => (stays, 'ㅋ'),
        'ㄷ' => (stays, 'ㅌ'),
        'ㅂ' => (stays, 'ㅍ'),
        'ㅈ' => (stays, 'ㅊ'),
        'ㅅ' => (stays, 'ㅆ'),
        'ㄴ' if stays == NO_CODA => ('ㄴ', 'ㄴ'),
        'ㅁ' if stays == NO_CODA => ('ㄴ', 'ㅁ'),
        onset => (stays, onset),
    };
    left.coda = coda;
    right.onset = onset;
    if left.coda == 'ㄹ' && right.onset == 'ㄴ' {
        right.onset = 'ㄹ';
    }
}

/// Two consonants: the coda is reduced, then they colour each other.
fn meet(left: &mut Syllable, right: &mut Syllable) {
    let written = left.coda;
    let coda = match (written, right.onset) {
        // 읽고 → 일꼬, 맑게 → 말께; the nouns 닭 and 흙 keep their ㄱ.
        ('ㄺ', 'ㄱ') if !is_noun(*left) => 'ㄹ',
        // 밟다 alone of its kind keeps the ㅂ: 밥따.
        ('ㄼ', _) if left.onset == 'ㅂ' && left.vowel == 'ㅏ' => 'ㅂ',
        _ => neutral(written),
    };
    let tensing = matches!(coda, 'ㄱ' | 'ㄷ' | 'ㅂ')
        || matches!(written, 'ㄵ' | 'ㄼ' | 'ㄾ')
        || written == 'ㄺ'
        || written == 'ㄻ' && !is_noun(*left);
    if tensing {
        right.onset = tense(right.onset);
    }
    (left.coda, right.onset) = match (coda, right.onset) {
        (stop @ ('ㄱ' | 'ㄷ' | 'ㅂ'), 'ㄴ' | 'ㅁ') => (nasal(stop), right.onset),
        (stop @ ('ㄱ' | 'ㄷ' | 'ㅂ'), 'ㄹ') => (nasal(stop), 'ㄴ'),
        (coda @ ('ㅁ' | 'ㅇ'), 'ㄹ') => (coda, 'ㄴ'),
        ('ㄴ', 'ㄹ') | ('ㄹ', 'ㄴ') => ('ㄹ', 'ㄹ'),
        other => other,
    };
}

/// 닭, 흙, 삶, 칡, 앎: nouns with a coda that otherwise belongs to verbs.
fn is_noun(syllable: Syllable) -> bool {
    matches!(syllable.block(), '닭' | '흙' | '칡' | '삶' | '앎')
}

fn ends_in_h(coda: char) -> bool {
    matches!(coda, 'ㅎ' | 'ㄶ' | 'ㅀ')
}

/// What of a coda stays before a vowel, and what moves.
fn split(coda: char) -> (char, char) {
    match coda {
        'ㄳ' => ('ㄱ', 'ㅅ'),
        'ㄵ' => ('ㄴ', 'ㅈ'),
        'ㄶ' => ('ㄴ', 'ㅎ'),
        'ㄺ' => ('ㄹ', 'ㄱ'),
        'ㄻ' => ('ㄹ', 'ㅁ'),
        'ㄼ' => ('ㄹ', 'ㅂ'),
        'ㄽ' => ('ㄹ', 'ㅅ'),
        'ㄾ' => ('ㄹ', 'ㅌ'),
        'ㄿ' => ('ㄹ', 'ㅍ'),
        'ㅀ' => ('ㄹ', 'ㅎ'),
        'ㅄ' => ('ㅂ', 'ㅅ'),
        single => (NO_CODA, single),
    }
}

/// The one of seven sounds that a coda has when nothing follows.
fn neutral(coda: char) -> char {
    match coda {
        'ㄱ' | 'ㄲ' | 'ㅋ' | 'ㄳ' | 'ㄺ' => 'ㄱ',
        'ㄴ' | 'ㄵ' | 'ㄶ' => 'ㄴ',
        'ㄷ' | 'ㅅ' | 'ㅆ' | 'ㅈ' | 'ㅊ' | 'ㅌ' | 'ㅎ' => 'ㄷ',
        'ㄹ' | 'ㄼ' | 'ㄽ' | 'ㄾ' | 'ㅀ' => 'ㄹ',
        'ㅁ' | 'ㄻ' => 'ㅁ',
        'ㅂ' | 'ㅍ' | 'ㅄ' | 'ㄿ' => 'ㅂ',
        other => other,
    }
}

pub(super) fn tense(onset: char) -> char {
    match onset {
        'ㄱ' => 'ㄲ',
        'ㄷ' => 'ㄸ',
        'ㅂ' => 'ㅃ',
        'ㅅ' => 'ㅆ',
        'ㅈ' => 'ㅉ',
        other => other,
    }
}

fn nasal(stop: char) -> char {
    match stop {
        'ㄱ' => 'ㅇ',
        'ㄷ' => 'ㄴ',
        'ㅂ' => 'ㅁ',
        other => other,
    }
}
