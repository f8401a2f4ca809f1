//! Rust source with its comments and the insides of its strings blanked: what is left is code.

/// Blanks comments and the contents of strings and characters; every line and every column stays where it was.
pub(crate) fn code(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut idx = 0;
    while idx < letters.len() {
        let end = match letters[idx] {
            '/' if letters.get(idx + 1) == Some(&'/') => line_end(&letters, idx),
            '/' if letters.get(idx + 1) == Some(&'*') => comment_end(&letters, idx),
            '"' => string_end(&letters, idx),
            'r' | 'b' if !idx.checked_sub(1).is_some_and(|before| is_word(letters[before])) => {
                raw_end(&letters, idx)
            }
            '\'' => character_end(&letters, idx),
            _ => idx,
        };
        if end == idx {
            out.push(letters[idx]);
            idx += 1;
            continue;
        }
        let is_string = letters[idx] != '/';
        for (at, letter) in letters.iter().enumerate().take(end).skip(idx) {
            let quote = is_string && (at == idx || at + 1 == end);
            out.push(if *letter == '\n' || quote { *letter } else { ' ' });
        }
        idx = end;
    }
    out
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn line_end(letters: &[char], from: usize) -> usize {
    letters[from..].iter().position(|letter| *letter == '\n').map_or(letters.len(), |length| from + length)
}

/// Rust's block comments nest.
fn comment_end(letters: &[char], from: usize) -> usize {
    let (mut depth, mut idx) = (0, from);
    while idx < letters.len() {
        match (letters[idx], letters.get(idx + 1)) {
            ('/', Some('*')) => (depth, idx) = (depth + 1, idx + 2),
            ('*', Some('/')) => (depth, idx) = (depth - 1, idx + 2),
            _ => idx += 1,
        }
        if depth == 0 {
            return idx;
        }
    }
    letters.len()
}

fn string_end(letters: &[char], from: usize) -> usize {
    let mut idx = from + 1;
    while idx < letters.len() {
        match letters[idx] {
            '\\' => idx += 2,
            '"' => return idx + 1,
            _ => idx += 1,
        }
    }
    letters.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`; the start itself when it is only a word.
fn raw_end(letters: &[char], from: usize) -> usize {
    let mut idx = from;
    while idx < letters.len() && matches!(letters[idx], 'r' | 'b') {
        idx += 1;
    }
    let hashes = letters[idx..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(idx + hashes) != Some(&'"') {
        return from;
    }
    if letters[idx - 1] == 'b' {
        return string_end(letters, idx + hashes);
    }
    let mut at = idx + hashes + 1;
    while at < letters.len() {
        let closes = letters[at] == '"'
            && letters[at + 1..].iter().take(hashes).filter(|one| **one == '#').count() == hashes;
        if closes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    letters.len()
}

/// A character in quotes; a lifetime is left alone.
fn character_end(letters: &[char], from: usize) -> usize {
    match (letters.get(from + 1), letters.get(from + 2)) {
        (Some('\\'), _) => {
            let close = letters[(from + 3).min(letters.len())..].iter().position(|letter| *letter == '\'');
            close.map_or(from, |length| from + 3 + length + 1)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from,
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn only_code_is_left() {
        let cases = [
            ("let a = 1; // env::var", "let a = 1;            "),
            ("f(\"a{b\\\"c\"); g", "f(\"      \"); g"),
            ("r#\"x\"y\"# + b", "r      # + b"),
            ("'{' && 'a", "' ' && 'a"),
            ("'\\'' x", "'  ' x"),
            ("/* a /* b */ c */ d", "                  d"),
            ("fn borrow<'a>(x: &'a str) {}", "fn borrow<'a>(x: &'a str) {}"),
            ("number_r\"x\"", "number_r\" \""),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code("a // b\nc"), "a     \nc");
    }
}
