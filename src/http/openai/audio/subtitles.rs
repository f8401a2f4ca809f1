//! Words with times in lines that can be read, and the two formats of subtitles.

use std::fmt::Write as _;

use duologue_engines::port::SpokenWord;

/// A line ends at a pause of so many milliseconds.
const PAUSE_MS: u64 = 800;

/// What a reader can take in at once: two rows of subtitles, by width, where a syllable of Hangul is twice as wide.
const MOST_WIDTH: usize = 84;

/// Longest time of a line, in milliseconds.
const MOST_MS: u64 = 7_000;

/// What is said in one breath.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// Milliseconds from the beginning of the recording.
    pub(super) from_ms: u64,
    /// Milliseconds.
    pub(super) to_ms: u64,
    /// The words.
    pub(super) text: String,
}

/// Lines end with a sentence, at a pause, or when they would be too long.
pub(super) fn lines(words: &[SpokenWord]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open = false;
    for word in words {
        match lines.last_mut() {
            Some(line) if open && fits(line, word) => {
                line.text.push(' ');
                line.text.push_str(&word.text);
                line.to_ms = word.to_ms;
            }
            _ => lines.push(Line { from_ms: word.from_ms, to_ms: word.to_ms, text: word.text.clone() }),
        }
        open = !ends_sentence(&word.text);
    }
    lines
}

fn fits(line: &Line, word: &SpokenWord) -> bool {
    word.from_ms.saturating_sub(line.to_ms) < PAUSE_MS
        && word.to_ms.saturating_sub(line.from_ms) <= MOST_MS
        && width(&line.text) + 1 + width(&word.text) <= MOST_WIDTH
}

fn width(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// `Mr.` and `3.` end nothing.
fn ends_sentence(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', '”', '’', ')', '»']);
    match bare.chars().next_back() {
        Some('?' | '!' | '。' | '？' | '！' | '…') => true,
        Some('.') => {
            let stem = bare.trim_end_matches('.');
            let is_short = stem.chars().count() <= 3 && stem.chars().next().is_some_and(char::is_uppercase);
            !is_short && !stem.chars().all(|character| character.is_ascii_digit())
        }
        _ => false,
    }
}

/// Words without times in equal steps over the time in which they were said.
pub(super) fn spread(text: &str, (from_ms, to_ms): (u64, u64)) -> Vec<SpokenWord> {
    let all = text.split_whitespace().map(|word| width(word) as u64).sum::<u64>().max(1);
    let at = |done: u64| from_ms + (to_ms.saturating_sub(from_ms)) * done / all;
    let mut done = 0;
    let word = |text: &str| {
        let from = at(done);
        done += width(text) as u64;
        SpokenWord { text: text.to_owned(), from_ms: from, to_ms: at(done), probability: 0.0 }
    };
    text.split_whitespace().map(word).collect()
}

/// SubRip.
pub(super) fn srt(lines: &[Line]) -> String {
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let (from, to) = (clock(line.from_ms, ','), clock(line.to_ms, ','));
        // Writing into a string cannot fail.
        let _ = write!(out, "{}\n{from} --> {to}\n{}\n\n", number + 1, line.text);
    }
    out
}

/// WebVTT.
pub(super) fn vtt(lines: &[Line]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for line in lines {
        let (from, to) = (clock(line.from_ms, '.'), clock(line.to_ms, '.'));
        // What looks like a mark of the format is a word that somebody said.
        let text = line.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{from} --> {to}\n{text}\n\n");
    }
    out
}

fn clock(ms: u64, point: char) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, from_ms: u64, to_ms: u64) -> SpokenWord {
        SpokenWord { text: text.into(), from_ms, to_ms, probability: 1.0 }
    }

    fn texts(words: &[SpokenWord]) -> Vec<String> {
        lines(words).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_with_sentences_and_at_pauses() {
        let words = [
            word("Mr.", 0, 300),
            word("Kim", 300, 600),
            word("came.", 600, 900),
            word("And", 950, 1_000),
            word("then", 1_000, 1_200),
            word("he", 2_000, 2_100),
            word("left.", 2_100, 2_500),
        ];
        assert_eq!(texts(&words), ["Mr. Kim came.", "And then", "he left."]);
        let words = [word("안녕하세요.", 0, 900), word("오늘은", 1_000, 1_400), word("비가", 1_400, 1_700)];
        assert_eq!(texts(&words), ["안녕하세요.", "오늘은 비가"]);
        assert_eq!(texts(&[word("1.", 0, 100), word("one", 100, 200)]), ["1. one"]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn lines_can_be_read() {
        let words: Vec<_> = (0..200).map(|index| word("미나리", index * 300, index * 300 + 290)).collect();
        let lines = lines(&words);
        assert!(lines.len() > 10);
        for line in &lines {
            assert!(width(&line.text) <= MOST_WIDTH && line.to_ms - line.from_ms <= MOST_MS, "{line:?}");
        }
        assert!(lines.windows(2).all(|pair| pair[0].to_ms <= pair[1].from_ms));
    }

    #[test]
    fn subtitles_are_written() {
        let lines = [
            Line { from_ms: 0, to_ms: 1_500, text: "a < b".into() },
            Line { from_ms: 3_723_004, to_ms: 3_724_000, text: "안녕".into() },
        ];
        let expected =
            "1\n00:00:00,000 --> 00:00:01,500\na < b\n\n2\n01:02:03,004 --> 01:02:04,000\n안녕\n\n";
        assert_eq!(srt(&lines), expected);
        let expected =
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt; b\n\n01:02:03.004 --> 01:02:04.000\n안녕\n\n";
        assert_eq!(vtt(&lines), expected);
    }

    #[test]
    fn words_without_times_are_spread() {
        let words = spread(" one  two 셋 ", (1_000, 2_000));
        let times: Vec<_> = words.iter().map(|word| (word.text.as_str(), word.from_ms, word.to_ms)).collect();
        assert_eq!(times, [("one", 1_000, 1_375), ("two", 1_375, 1_750), ("셋", 1_750, 2_000)]);
        assert!(spread("  ", (0, 10)).is_empty());
    }
}
