//! How a log line reads: lower case, no full stop, values as fields.

use super::{Findings, Source, mask};

const MACROS: [&str; 5] = ["trace!", "debug!", "info!", "warn!", "error!"];

pub(super) fn check(sources: &[Source], findings: &mut Findings) {
    for source in sources.iter().filter(|source| source.is_rust() && !source.path.starts_with("xtask/")) {
        check_file(source, findings);
    }
}

fn check_file(source: &Source, findings: &mut Findings) {
    let code = mask::code(&source.text);
    for name in MACROS {
        for (at, _) in code.match_indices(name) {
            let is_part_of_word =
                code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            let arguments = code[at + name.len()..].strip_prefix('(');
            let (false, Some(arguments)) = (is_part_of_word, arguments) else { continue };
            let Some(message) = message(source, &code, arguments) else { continue };
            let line = code[..at].matches('\n').count() + 1;
            for complaint in complaints(&message) {
                findings.errors.push(format!("{}:{line}: log {message:?} {complaint}", source.path));
            }
        }
    }
}

/// The first string among the arguments that is not the value of a field.
fn message(source: &Source, code: &str, arguments: &str) -> Option<String> {
    let start = code.len() - arguments.len();
    let mut depth = 1;
    let mut previous = '(';
    // Masking keeps the count of letters, not of bytes: positions are counted in letters.
    let letters: Vec<char> = arguments.chars().collect();
    let skipped = code[..start].chars().count();
    let original: Vec<char> = source.text.chars().skip(skipped).take(letters.len()).collect();
    let mut idx = 0;
    while idx < letters.len() && depth > 0 {
        match letters[idx] {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '"' => {
                let length = letters[idx + 1..].iter().position(|letter| *letter == '"')?;
                if depth == 1 && matches!(previous, '(' | ',') {
                    return Some(original[idx + 1..=idx + length].iter().collect());
                }
                idx += length + 1;
            }
            _ => {}
        }
        if !letters[idx].is_whitespace() {
            previous = letters[idx];
        }
        idx += 1;
    }
    None
}

fn complaints(message: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut letters = message.chars();
    let (first, second) = (letters.next(), letters.next());
    // Names that are written in capitals (ONNX, VAD) may begin a message.
    let capital = first.is_some_and(char::is_uppercase) && !second.is_some_and(char::is_uppercase);
    if capital {
        found.push("begins with a capital");
    }
    if message.ends_with('.') && !message.ends_with("...") {
        found.push("ends with a full stop");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::{Findings, Source};

    fn complaints(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&[Source { path: "a.rs".into(), text: text.into() }], &mut findings);
        findings.errors
    }

    #[test]
    fn good_lines_pass() {
        for text in [
            r#"tracing::info!(turn = %turn, "late audio dropped");"#,
            r#"warn!("ONNX runtime is missing");"#,
            r#"info!(name = "A name.", "began")"#,
            r#"debug!("옮겼다");"#,
            r#"my_info!("Not a log.")"#,
            r#"// info!("Not code.")"#,
            r#"error!(%error)"#,
        ] {
            assert!(complaints(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn bad_lines_do_not() {
        assert!(complaints(r#"info!("Started");"#)[0].contains("capital"));
        assert!(complaints("a;\nwarn!(%turn, \"too late.\")")[0].starts_with("a.rs:2"));
        assert_eq!(complaints(r#"error!(target: "x", count = f("B."), "Both.")"#).len(), 2);
        assert!(complaints("let 이름 = 1; info!(\"Ünder way\")")[0].contains("Ünder way"));
    }
}
