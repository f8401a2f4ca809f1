//! Where a value stands in a persona file, and the checks that say so when it is wrong.

use duologue_domain::lang::Language;

use super::PersonaFileError;

/// Longest text in characters.
const MAX_TEXT: usize = 1000;
/// Longest list.
pub(super) const MAX_LIST: usize = 32;

/// Where a value stands, for errors.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) field: String,
}

impl Place<'_> {
    pub(super) fn field(&self, name: &str) -> Self {
        let field = if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) };
        Self { field, ..self.clone() }
    }

    pub(super) fn error(&self, problem: impl Into<String>, remedy: impl Into<String>) -> PersonaFileError {
        PersonaFileError {
            file: self.file.to_owned(),
            field: self.field.clone(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn check(
        &self,
        holds: bool,
        problem: impl FnOnce() -> String,
        remedy: &str,
    ) -> Result<(), PersonaFileError> {
        if holds { Ok(()) } else { Err(self.error(problem(), remedy)) }
    }

    /// A text that has to be there and may go into a prompt.
    pub(super) fn text(&self, text: String) -> Result<String, PersonaFileError> {
        let text = text.trim().to_owned();
        self.check(!text.is_empty(), || "it is empty".into(), "write at least a word")?;
        self.check(
            text.chars().count() <= MAX_TEXT,
            || format!("it is longer than {MAX_TEXT} characters"),
            "shorten it",
        )?;
        self.check(
            !text.contains(char::is_control),
            || "it contains a control character".into(),
            "write one line of plain text",
        )?;
        self.check(
            !text.contains("<|"),
            || "it contains \"<|\", which chat templates use".into(),
            "remove it",
        )?;
        Ok(text)
    }

    pub(super) fn texts(&self, texts: Vec<String>) -> Result<Vec<String>, PersonaFileError> {
        self.check(
            texts.len() <= MAX_LIST,
            || format!("it has more than {MAX_LIST} entries"),
            "keep those that matter",
        )?;
        texts.into_iter().enumerate().map(|(at, text)| self.field(&at.to_string()).text(text)).collect()
    }

    pub(super) fn language(&self, code: &str) -> Result<Language, PersonaFileError> {
        let known = Language::ALL.into_iter().find(|language| language.code() == code);
        known.ok_or_else(|| self.error(format!("unknown language {code:?}"), "write \"ko\" or \"en\""))
    }

    pub(super) fn one_of(&self, value: String, known: &[&str]) -> Result<String, PersonaFileError> {
        self.check(
            known.contains(&value.as_str()),
            || format!("unknown value {value:?}"),
            &format!("write one of {}", known.join(", ")),
        )?;
        Ok(value)
    }

    pub(super) fn color(&self, value: String) -> Result<String, PersonaFileError> {
        let digits = value.strip_prefix('#').unwrap_or_default();
        let valid = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        self.check(valid, || format!("{value:?} is no colour"), "write it like \"#e8795a\"")?;
        Ok(value)
    }

    pub(super) fn number(&self, value: f32, low: f32, high: f32) -> Result<f32, PersonaFileError> {
        self.check(
            (low..=high).contains(&value),
            || format!("{value} is out of range"),
            &format!("choose {low} to {high}"),
        )?;
        Ok(value)
    }
}
