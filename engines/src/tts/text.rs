//! A clause cut into pieces that a voice can take.

use duologue_domain::ipa;

/// A stretch of phonemes that is synthesised at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Phonemes in the voice's own alphabet; for espeak the text itself is in `text`.
    pub(crate) phonemes: String,
    /// The words, for voices that take words.
    pub(crate) text: String,
    /// Silence behind it when another piece follows.
    pub(crate) pause_ms: u32,
}

/// Whether there is nothing to speak in `text`.
pub(crate) fn is_silent(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

/// Words up to a pause, and the mark that makes the pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) words: String,
    pub(crate) mark: char,
}

/// Abbreviations whose full stop ends nothing, and what is read for them.
const ABBREVIATIONS: [(&str, &str); 16] = [
    ("mr", "Mister"),
    ("mrs", "Missus"),
    ("ms", "Miz"),
    ("dr", "Doctor"),
    ("prof", "Professor"),
    ("st", "Saint"),
    ("jr", "Junior"),
    ("sr", "Senior"),
    ("vs", "versus"),
    ("etc", "et cetera"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("a.m", "a m"),
    ("p.m", "p m"),
    ("approx", "approximately"),
    ("no", "No"),
];

/// Cuts English text at its pauses. Only what espeak reads as one clause stays together, so that its
/// answer has one line a segment.
pub(crate) fn segments(text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut words = String::new();
    for token in text.split_whitespace() {
        let (token, mark) = bare_token(token);
        if !words.is_empty() {
            words.push(' ');
        }
        push_token(&mut words, &token, &mut segments);
        if let Some(mark) = mark {
            close(&mut words, mark, &mut segments);
        }
    }
    close(&mut words, '.', &mut segments);
    segments
}

fn close(words: &mut String, mark: char, segments: &mut Vec<Segment>) {
    let taken = std::mem::take(words).trim().to_owned();
    if !is_silent(&taken) {
        segments.push(Segment { words: taken, mark });
    } else if let Some(last) = segments.last_mut()
        && matches!(mark, '?' | '!')
    {
        // "Really ?": the mark belongs to what stands before the space.
        last.mark = mark;
    }
}

/// A token without the marks around it, and the pause behind it.
fn bare_token(token: &str) -> (String, Option<char>) {
    let core = token
        .trim_end_matches(|mark: char| !mark.is_alphanumeric() && !matches!(mark, '%' | '$' | '+' | '#'));
    let tail = &token[core.len()..];
    let core = core.trim_start_matches(|mark: char| {
        !mark.is_alphanumeric() && !matches!(mark, '$' | '£' | '€' | '-' | '#' | '@')
    });
    let lower = core.to_lowercase();
    if tail.starts_with('.')
        && let Some((_, reading)) = ABBREVIATIONS.iter().find(|(short, _)| *short == lower)
        && lower != "no"
    {
        let mark = tail[1..].chars().find_map(pause);
        return ((*reading).to_owned(), mark);
    }
    // "U.S." in the middle of a sentence is an abbreviation, too.
    if core.len() > 1 && core.split('.').all(|letter| letter.chars().count() == 1) && core.contains('.') {
        return (core.replace('.', " "), tail.chars().skip(1).find_map(pause));
    }
    (core.to_owned(), strongest(tail))
}

/// "?!" asks, "..." trails off.
fn strongest(tail: &str) -> Option<char> {
    let marks: Vec<char> = tail.chars().filter_map(pause).collect();
    ['?', '!', '.', ','].into_iter().find(|mark| marks.contains(mark))
}

fn pause(mark: char) -> Option<char> {
    match mark {
        ',' | ';' | ':' | '—' | '–' | ')' | '、' | '，' => Some(','),
        '.' | '…' | '。' => Some('.'),
        '!' | '！' => Some('!'),
        '?' | '？' => Some('?'),
        _ => None,
    }
}

/// Adds a token, cut where a mark inside it would make espeak pause ("well—no").
fn push_token(words: &mut String, token: &str, segments: &mut Vec<Segment>) {
    let characters: Vec<char> = token.chars().collect();
    for (index, &character) in characters.iter().enumerate() {
        let digit =
            |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
        let in_number = digit(index.checked_sub(1)) && digit(Some(index + 1));
        match character {
            '—' | '–' | '…' | ';' | '(' | ')' | '?' | '!' => close(words, ',', segments),
            ',' | ':' if !in_number => close(words, ',', segments),
            '.' if !in_number => words.push_str(" dot "),
            '’' => words.push('\''),
            '"' | '“' | '”' | '*' | '_' | '<' | '>' | '[' | ']' | '{' | '}' | '|' | '\\' => {
                words.push(' ')
            }
            control if control.is_control() => {}
            other => words.push(other),
        }
    }
}

/// How long a voice breathes at a mark.
pub(crate) fn pause_ms(mark: Option<char>) -> u32 {
    match mark {
        Some('.' | '!' | '?' | '…') => 220,
        Some(',' | ';' | ':' | '—') => 110,
        // Cut in the middle of a phrase: just enough that the fades do not touch.
        _ => 10,
    }
}

/// Phrases, each with a mark or a space at its end, joined into pieces of at most `limit` characters; a
/// single phrase that is longer is cut at its spaces.
pub(crate) fn join(phrases: &[String], limit: usize) -> Vec<Piece> {
    let mut pieces: Vec<String> = Vec::new();
    for phrase in phrases.iter().flat_map(|phrase| cut(phrase, limit)) {
        match pieces.last_mut() {
            Some(last) if last.chars().count() + phrase.chars().count() < limit => {
                last.push(' ');
                last.push_str(&phrase);
            }
            _ => pieces.push(phrase),
        }
    }
    let piece = |phonemes: String| Piece {
        pause_ms: pause_ms(phonemes.chars().last()),
        phonemes,
        text: String::new(),
    };
    pieces.into_iter().map(piece).collect()
}

/// How long the first piece is for somebody who waits, in syllables: long enough to be a few words that
/// belong together, and to cover the work on what follows.
const OPENING: std::ops::RangeInclusive<usize> = 5..=9;
/// Up to here a phrase without a pause stays whole. Cut between words it is less well understood (whisper
/// reads 12 to 16 % of the characters wrong in place of 8 to 9 %), which only a long wait is worth: on an
/// idle machine a Korean phrase of this length is heard after 0.7 s, the longest piece after 1 s.
const WHOLE: usize = 18;
/// What is cut off has at least this many syllables; a shorter rest is not worth a piece of its own.
const REST: usize = 4;

/// The pieces with the first one cut in two: at an early pause or, where it is long, between two words.
pub(crate) fn open_early(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let Some(first) = pieces.first_mut() else { return pieces };
    let Some(at) = opening(&first.phonemes) else { return pieces };
    let rest = first.phonemes.split_off(at);
    let rest = Piece { phonemes: rest.trim_start().to_owned(), ..first.clone() };
    first.pause_ms = pause_ms(first.phonemes.chars().last());
    pieces.insert(1, rest);
    pieces
}

/// Where the opening of `phonemes` ends, if it can be cut.
fn opening(phonemes: &str) -> Option<usize> {
    let syllables = |part: &str| part.chars().filter(|letter| ipa::is_vowel(*letter)).count();
    let total = syllables(phonemes);
    let mut between_words = None;
    for (at, _) in phonemes.match_indices(' ') {
        let before = syllables(&phonemes[..at]);
        if before > *OPENING.end() || total < before + REST {
            break;
        }
        let pauses = phonemes[..at].chars().next_back().and_then(pause).is_some();
        if pauses && before > 1 {
            return Some(at);
        }
        if total > WHOLE && OPENING.contains(&before) {
            between_words = Some(at);
        }
    }
    between_words
}

fn cut(phrase: &str, limit: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in phrase.split_whitespace() {
        // A word without a space that is longer than a piece can only be cut anywhere.
        let letters: Vec<char> = word.chars().collect();
        for slice in letters.chunks(limit.max(1)) {
            let slice: String = slice.iter().collect();
            match parts.last_mut() {
                Some(last) if last.is_empty() => *last = slice,
                Some(last) if last.chars().count() + slice.chars().count() < limit => {
                    last.push(' ');
                    last.push_str(&slice);
                }
                _ => parts.push(slice),
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, char)]) {
        let found: Vec<_> = segments(text).into_iter().map(|segment| (segment.words, segment.mark)).collect();
        let expected: Vec<_> = expected.iter().map(|(words, mark)| ((*words).to_owned(), *mark)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn english_is_cut_at_its_pauses() {
        check("Hello, world!", &[("Hello", ','), ("world", '!')]);
        check(
            "Dr. Smith pays $3.50 at 5:30 p.m. today",
            &[("Doctor Smith pays $3.50 at 5:30 p m today", '.')],
        );
        check("1,000 people", &[("1,000 people", '.')]);
        check(
            "Well—no… “Really ?!” he said.",
            &[("Well", ','), ("no", '.'), ("Really", '?'), ("he said", '.')],
        );
        check(
            "Don’t you (not me) know?",
            &[("Don't you", '.'), ("not me", ','), ("know", '?')].map(|part| match part {
                ("Don't you", _) => ("Don't you not me", ','),
                other => other,
            })[..1]
                .iter()
                .copied()
                .chain([("know", '?')])
                .collect::<Vec<_>>(),
        );
        check("It costs 5.", &[("It costs 5", '.')]);
        check("See rust-lang.org now", &[("See rust-lang dot org now", '.')]);
        check("?! ...", &[]);
    }

    #[test]
    fn long_phrases_are_cut_and_short_ones_joined() {
        let phrases = ["one two,".to_owned(), "three four five six seven eight.".to_owned(), "x".repeat(50)];
        let pieces = join(&phrases, 20);
        assert!(pieces.iter().all(|piece| piece.phonemes.chars().count() <= 20), "{pieces:?}");
        let all: String = pieces.iter().map(|piece| piece.phonemes.clone() + " ").collect();
        assert!(all.starts_with("one two, three four five six seven eight. xxx"), "{all}");
        assert_eq!(join(&["a,".to_owned()], 10)[0].pause_ms, 110);
    }

    #[test]
    fn a_long_first_piece_is_opened_early() {
        let check = |phonemes: &str, expected: &[&str]| {
            let piece = Piece { phonemes: phonemes.to_owned(), text: String::new(), pause_ms: 220 };
            let after = Piece { phonemes: "mˈa.".to_owned(), ..piece.clone() };
            let pieces = open_early(vec![piece, after]);
            let found: Vec<&str> = pieces.iter().map(|piece| piece.phonemes.as_str()).collect();
            assert_eq!(found[..found.len() - 1], *expected, "{phonemes}");
            assert_eq!(found.last(), Some(&"mˈa."));
            assert_eq!(pieces[found.len() - 2].pause_ms, 220, "the pause stays behind the whole");
        };
        // 저는 요즘 아침마다 | 강아지하고 공원에서 산책을 해요.
        check(
            "ʨˈɔnɯn jˈoʥɯm ˈaʨʰimmada kˈaŋaʥihaɡo kˈoŋwɔnesɔ sˈanʨʰeɡɯl hˈejo.",
            &["ʨˈɔnɯn jˈoʥɯm ˈaʨʰimmada", "kˈaŋaʥihaɡo kˈoŋwɔnesɔ sˈanʨʰeɡɯl hˈejo."],
        );
        // A pause is the better place, even early: 네, | 저도 그 노래 정말 좋아해요.
        check("ɡɯlˈe, ʨˈɔdo kˈɯ noɾˈe ʨˈɔŋmal", &["ɡɯlˈe,", "ʨˈɔdo kˈɯ noɾˈe ʨˈɔŋmal"]);
        // Short enough, or nowhere to cut it.
        for whole in [
            "ʨˈɔnɯn jˈoʥɯm ˈaʨʰimmada kˈoŋwɔnesɔ sˈanʨʰeɡɯl hˈejo.",
            "ˈannjɔŋhasejo.",
            "ˈonɯl kˈibuni ˈɔtejo?",
            "papapapapapapapapapapa papa",
            "",
            "…",
        ] {
            check(whole, &[whole]);
        }
        assert_eq!(open_early(Vec::new()), Vec::new());
    }
}
