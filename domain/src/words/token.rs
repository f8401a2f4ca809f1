//! Words with their places and the marks behind them, and sentences of them.

/// What stands behind a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// A comma, a dash, a colon.
    Comma,
    /// Dots or a tilde: a voice that trails off.
    Trail,
    /// The end of a sentence.
    Stop,
    /// The end of a question.
    Question,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// In lower case, with straight apostrophes, without marks.
    pub(super) text: String,
    /// Its first character in the text, and the one after its last.
    pub(super) range: (usize, usize),
    /// What stands behind it.
    pub(super) mark: Mark,
}

/// Words whose point ends no sentence.
const SHORTENED: &str = "mr mrs ms dr prof st vs";

/// Words of one sentence. Never empty.
pub(super) type Sentence<'t> = &'t [Token];

/// The words of a text. What recognisers put in brackets, such as `[BLANK_AUDIO]`, is left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let characters = text.chars().collect::<Vec<_>>();
    let mut tokens = Vec::<Token>::new();
    let mut at = 0;
    while let Some(character) = characters.get(at).copied() {
        if character == '[' || character == '*' {
            let closing = if character == '[' { ']' } else { '*' };
            let rest = characters[at + 1..].iter().take(80).position(|other| *other == closing);
            at += rest.map_or(1, |length| length + 2);
        } else if in_word(&characters, at) {
            let from = at;
            while in_word(&characters, at) {
                at += 1;
            }
            let lower = characters[from..at].iter().flat_map(|character| character.to_lowercase());
            let text = lower.map(|character| if matches!(character, '’' | 'ʼ') { '\'' } else { character });
            tokens.push(Token { text: text.collect(), range: (from, at), mark: Mark::None });
        } else {
            let (mark, length) = mark(&characters[at..]);
            if let Some(last) = tokens.last_mut()
                && !(mark == Mark::Stop && character == '.' && within(SHORTENED, &last.text))
            {
                last.mark = stronger(last.mark, mark);
            }
            at += length;
        }
    }
    tokens
}

/// The sentences: words up to a mark that ends one.
pub(super) fn sentences(tokens: &[Token]) -> Vec<Sentence<'_>> {
    tokens
        .split_inclusive(|token| matches!(token.mark, Mark::Stop | Mark::Question))
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// Letters and digits; an apostrophe between letters, a point or comma between digits.
fn in_word(characters: &[char], at: usize) -> bool {
    let Some(character) = characters.get(at).copied() else { return false };
    let before = at.checked_sub(1).map(|before| characters[before]);
    let between = |kind: fn(char) -> bool| {
        before.is_some_and(kind) && characters.get(at + 1).copied().is_some_and(kind)
    };
    match character {
        '\'' | '’' | 'ʼ' => between(char::is_alphanumeric),
        '.' | ',' | ':' => between(|character| character.is_ascii_digit()),
        other => other.is_alphanumeric() || matches!(other, '\u{0300}'..='\u{036F}'),
    }
}

/// The mark at the beginning of `rest`, and how many characters it has.
fn mark(rest: &[char]) -> (Mark, usize) {
    let dots = rest.iter().take_while(|character| matches!(character, '.' | '。')).count();
    match rest[0] {
        _ if dots >= 2 => (Mark::Trail, dots),
        '…' | '~' | '～' => (Mark::Trail, 1),
        '.' | '。' | '!' | '！' | '\n' => (Mark::Stop, 1),
        '?' | '？' => (Mark::Question, 1),
        ',' | '，' | '、' | ';' | ':' | '—' | '–' => (Mark::Comma, 1),
        _ => (Mark::None, 1),
    }
}

/// "?!" asks, "!…" ends.
fn stronger(one: Mark, other: Mark) -> Mark {
    let rank = |mark| match mark {
        Mark::None => 0,
        Mark::Comma => 1,
        Mark::Trail => 2,
        Mark::Stop => 3,
        Mark::Question => 4,
    };
    if rank(one) >= rank(other) { one } else { other }
}

/// Whether the words of `phrase` stand at `at`. A word that ends with `*` is a beginning.
pub(super) fn stands_at(sentence: Sentence<'_>, at: usize, phrase: &str) -> Option<usize> {
    let mut length = 0;
    for word in phrase.split_whitespace() {
        let token = sentence.get(at + length)?;
        let fits = match word.strip_suffix('*') {
            Some(beginning) => token.text.starts_with(beginning),
            None => token.text == word,
        };
        if !fits {
            return None;
        }
        length += 1;
    }
    (length > 0).then_some(length)
}

/// The longest phrase of the list that stands at `at`, in words. Phrases are parted by `|`.
pub(super) fn longest(list: &str, sentence: Sentence<'_>, at: usize) -> Option<usize> {
    list.split('|').filter_map(|phrase| stands_at(sentence, at, phrase.trim())).max()
}

/// How often phrases of the list occur; what one takes, no other takes again.
pub(super) fn occurrences(list: &str, sentences: &[Sentence<'_>]) -> u32 {
    let mut count = 0;
    for sentence in sentences {
        let mut at = 0;
        while at < sentence.len() {
            match longest(list, sentence, at) {
                Some(length) => {
                    count += 1;
                    at += length;
                }
                None => at += 1,
            }
        }
    }
    count
}

/// Whether `word` is in a list parted by spaces.
pub(super) fn within(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word)
}
