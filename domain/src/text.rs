//! Comparing what was said with what was heard.
//!
//! Word error rate is the Levenshtein distance between the two sequences of words (substitutions +
//! deletions + insertions) over the number of words in the reference; character error rate is the
//! same over characters. Both can exceed 1. For Korean the character rate is the usual one, taken
//! without spaces and punctuation, because where words are spaced is a matter of taste.

/// Brings spellings of the same speech together: lower case, no punctuation, single spaces. Apostrophes
/// and separators of thousands vanish ("don't" = "dont", "1,000" = "1000"), other punctuation parts words,
/// common written short forms become what is said ("Mr." = "mister").
pub fn normalize(text: &str) -> String {
    let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut plain = String::with_capacity(text.len());
    for (at, &character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(at + 1).copied();
        let between_digits = [before, after].iter().all(|side| side.is_some_and(|c| c.is_ascii_digit()));
        match character {
            '\'' | '’' | '‘' | 'ʼ' => {}
            ',' if between_digits => {}
            '.' if between_digits => plain.push('.'),
            _ if character.is_alphanumeric() || is_combining(character) => plain.push(character),
            _ => plain.push(' '),
        }
    }
    plain.split_whitespace().map(spoken_form).collect::<Vec<_>>().join(" ")
}

/// `said` as it was `read` before, as far as both have the same words: what a model has read ahead is of use only if it
/// stands in the prompt to the letter, and a recogniser changes its mind about capitals and commas. Question marks are
/// kept, and so is the last word.
pub fn as_read(read: &str, said: &str) -> String {
    let (mut kept, mut rest) = (0, 0);
    let mut before = words(read);
    let mut now = words(said).peekable();
    while let (Some((earlier, end)), Some((word, after))) = (before.next(), now.next()) {
        let same = normalize(earlier) == normalize(word) && earlier.ends_with('?') == word.ends_with('?');
        if !same || now.peek().is_none() {
            break;
        }
        (kept, rest) = (end, after);
    }
    format!("{}{}", &read[..kept], &said[rest..])
}

/// How many words of what was `read` do not begin what was `said` in the end.
pub fn words_in_vain(read: &str, said: &str) -> usize {
    let same = |pair: &(&str, &str)| normalize(pair.0) == normalize(pair.1);
    let kept = read.split_whitespace().zip(said.split_whitespace()).take_while(same).count();
    read.split_whitespace().count() - kept
}

/// The words between spaces, each with the place in bytes where it ends.
fn words(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.split_whitespace().map(|word| (word, word.as_ptr() as usize - text.as_ptr() as usize + word.len()))
}

/// Word error rate of `hypothesis`, after [`normalize`].
pub fn wer(reference: &str, hypothesis: &str) -> f32 {
    let (reference, hypothesis) = (normalize(reference), normalize(hypothesis));
    let reference: Vec<&str> = reference.split_whitespace().collect();
    let hypothesis: Vec<&str> = hypothesis.split_whitespace().collect();
    rate(&reference, &hypothesis)
}

/// Character error rate of `hypothesis`, after [`normalize`] and without spaces.
pub fn cer(reference: &str, hypothesis: &str) -> f32 {
    let characters =
        |text: &str| normalize(text).chars().filter(|c| c.is_alphanumeric()).collect::<Vec<char>>();
    rate(&characters(reference), &characters(hypothesis))
}

fn rate<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> f32 {
    if reference.is_empty() {
        // Nothing was said: hearing nothing is right, hearing anything is invention.
        return if hypothesis.is_empty() { 0.0 } else { 1.0 };
    }
    distance(reference, hypothesis) as f32 / reference.len() as f32
}

/// Levenshtein's distance, by Wagner and Fischer's table, one row at a time.
fn distance<T: PartialEq>(left: &[T], right: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, item) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(item != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

fn spoken_form(word: &str) -> &str {
    match word {
        "mr" => "mister",
        "mrs" => "missus",
        "dr" => "doctor",
        "ok" => "okay",
        _ => word,
    }
}

/// Combining marks stay with their letter, or decomposed text would fall apart.
fn is_combining(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes() {
        let cases = [
            ("Hello,  World!", "hello world"),
            ("Don’t stop—it's 1,000.5 km.", "dont stop its 1000.5 km"),
            ("Mr. Kim, OK?", "mister kim okay"),
            ("안녕하세요, 서아예요!", "안녕하세요 서아예요"),
            ("“네…” 그래요。", "네 그래요"),
            ("well-known", "well known"),
            ("", ""),
            (" ?! ", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize(text), expected, "{text}");
            assert_eq!(normalize(expected), expected, "normalising twice changes nothing: {text}");
        }
    }

    #[test]
    fn words_that_were_not_said_were_read_in_vain() {
        assert_eq!(words_in_vain("And, Mr John", "and Mr. John Dashwood had"), 0);
        assert_eq!(words_in_vain("오늘은 날씨가 좋네요", "오늘은 날씨가 춥네요."), 1);
        assert_eq!(words_in_vain("one two three", "two three"), 3);
        assert_eq!((words_in_vain("one two", ""), words_in_vain("", "one")), (2, 0));
    }

    #[test]
    fn what_was_read_stays_as_far_as_the_words_are_the_same() {
        let cases = [
            (
                "And, Mr John Dashwood had",
                "and Mr. John Dashwood had then.",
                "And, Mr John Dashwood had then.",
            ),
            ("And Mr. John", "And Mr. Johnson went", "And Mr. Johnson went"),
            ("so do you", "So do you?", "so do you?"),
            ("Really come", "Really? Come in.", "Really? Come in."),
            ("오늘은, 날씨가", "오늘은 날씨가 좋네요.", "오늘은, 날씨가 좋네요."),
            ("오늘은 날씨", "오늘은 날씨가 좋네요", "오늘은 날씨가 좋네요"),
            ("그래요 정말", "그래요? 정말 좋아요.", "그래요? 정말 좋아요."),
            ("", " 안녕 하세요", " 안녕 하세요"),
            ("hello there", "", ""),
            ("hello there", "Hello", "Hello"),
        ];
        for (read, said, expected) in cases {
            assert_eq!(as_read(read, said), expected, "{read:?} {said:?}");
            assert_eq!(normalize(&as_read(read, said)), normalize(said), "{said:?}");
        }
    }

    #[test]
    fn counts_word_errors() {
        let cases = [
            ("the cat sat", "the cat sat", 0.0),
            ("THE CAT SAT", "The cat, sat.", 0.0),
            ("the cat sat", "the bat sat", 1.0 / 3.0),
            ("the cat sat", "the sat", 1.0 / 3.0),
            ("the cat sat", "the big cat sat", 1.0 / 3.0),
            ("the cat sat", "", 1.0),
            ("hi", "oh hi there you", 3.0),
            ("", "", 0.0),
            ("", "thank you", 1.0),
            ("나는 학교에 갔다", "나는 학교에 갔다.", 0.0),
            ("나는 학교에 갔다", "나는 학교 갔다", 1.0 / 3.0),
        ];
        for (reference, hypothesis, expected) in cases {
            assert!((wer(reference, hypothesis) - expected).abs() < 1e-6, "{reference} / {hypothesis}");
        }
    }

    #[test]
    fn counts_character_errors_without_spaces() {
        let cases = [
            ("나는 학교에 갔다", "나는학교에갔다.", 0.0),
            ("안녕하세요", "안녕하셔요", 0.2),
            ("안녕", "", 1.0),
            ("abcd", "abed", 0.25),
            ("", "", 0.0),
        ];
        for (reference, hypothesis, expected) in cases {
            assert!((cer(reference, hypothesis) - expected).abs() < 1e-6, "{reference} / {hypothesis}");
        }
    }

    #[test]
    fn distance_is_a_metric() {
        let words = ["", "a", "ab", "ba", "abc", "kitten", "sitting", "안녕", "안경"];
        let of = |left: &str, right: &str| {
            distance(&left.chars().collect::<Vec<_>>(), &right.chars().collect::<Vec<_>>())
        };
        assert_eq!(of("kitten", "sitting"), 3);
        for left in words {
            assert_eq!(of(left, left), 0);
            for right in words {
                assert_eq!(of(left, right), of(right, left));
                for via in words {
                    assert!(of(left, right) <= of(left, via) + of(via, right));
                }
            }
        }
    }
}
