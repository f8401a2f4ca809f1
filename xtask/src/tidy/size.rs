//! Files and functions that can be held in mind.

use super::{Findings, Source, mask};

/// Code lines above which a file is told to think about splitting.
const FILE_WISH: usize = 350;
/// Code lines above which it must.
const FILE_LIMIT: usize = 500;
/// Test files are lists of cases: they may be longer.
const TEST_LIMIT: usize = 800;
/// Lines of a function's body that are still one thought.
const FUNCTION_WISH: usize = 60;

/// Files that are better whole, each with its reason.
const EXCEPTIONS: [(&str, usize, &str); 0] = [];

pub(super) fn check(sources: &[Source], findings: &mut Findings) {
    let ends = [".rs", ".js", ".mjs", ".css"];
    for source in sources.iter().filter(|source| ends.iter().any(|end| source.path.ends_with(end))) {
        check_file(source, findings);
        if source.is_rust() && !source.is_test() {
            check_functions(source, findings);
        }
    }
}

fn check_file(source: &Source, findings: &mut Findings) {
    let lines = code_lines(source);
    let exception = EXCEPTIONS.iter().find(|(path, ..)| *path == source.path);
    let limit =
        exception.map_or(if source.is_test() { TEST_LIMIT } else { FILE_LIMIT }, |(_, limit, _)| *limit);
    if lines > limit {
        findings
            .errors
            .push(format!("{}: {lines} lines of code, the limit is {limit}: split it", source.path));
    } else if lines > FILE_WISH && !source.is_test() && exception.is_none() {
        findings.warnings.push(format!("{}: {lines} lines of code, aim below {FILE_WISH}", source.path));
    }
}

/// Lines that hold code; the tests at the end of a file do not count.
fn code_lines(source: &Source) -> usize {
    if !source.is_rust() {
        return source.text.lines().filter(|line| !line.trim().is_empty()).count();
    }
    let code = mask::code(&source.text);
    let tests = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..tests].lines().filter(|line| !line.trim().is_empty()).count()
}

fn check_functions(source: &Source, findings: &mut Findings) {
    let code = mask::code(&source.text);
    let tests = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    for (name, line, length) in functions(&code[..tests]) {
        if length > FUNCTION_WISH {
            findings
                .warnings
                .push(format!("{}:{line}: `{name}` is {length} lines long, aim below 50", source.path));
        }
    }
}

/// Name, line and length of the body of every function.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String =
            rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        // A declaration without a body, or a type such as `fn (u8)`.
        let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{')) else {
            continue;
        };
        if name.is_empty() {
            continue;
        }
        let body = &rest[open..body_end(rest, open)];
        let line = code[..at].matches('\n').count() + 1;
        found.push((name, line, body.lines().count().saturating_sub(2)));
    }
    found
}

fn body_end(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, letter) in text[open..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{check, code_lines, functions};
    use crate::tidy::{Findings, Source};

    fn source(path: &str, text: String) -> Source {
        Source { path: path.into(), text }
    }

    #[test]
    fn comments_blanks_and_tests_do_not_count() {
        let text = "//! a\n\nfn f() {}\n/* b\n c */\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        assert_eq!(code_lines(&source("a.rs", text.into())), 1);
    }

    #[test]
    fn limits_bite() {
        let lines = |count| "let a = 1;\n".repeat(count);
        let mut findings = Findings::default();
        let files = [
            source("a.rs", lines(501)),
            source("b.rs", lines(400)),
            source("c.rs", lines(350)),
            source("d/tests.rs", lines(700)),
            source("e.md", lines(900)),
        ];
        check(&files, &mut findings);
        assert_eq!(findings.errors.len(), 1, "{findings:?}");
        assert!(findings.errors[0].starts_with("a.rs: 501"));
        assert_eq!(findings.warnings.len(), 1);
    }

    #[test]
    fn functions_are_measured() {
        let text = "fn short() { 1 }\ntrait T {\n    fn declared(&self) -> u8;\n    fn long(&self) {\n        if a {\n            b\n        }\n    }\n}\nlet often = 1;\n";
        let found = functions(text);
        let names: Vec<_> = found.iter().map(|(name, _, length)| (name.as_str(), *length)).collect();
        assert_eq!(names, [("short", 0), ("long", 3)]);
    }
}
