//! The languages that Duologue treats as equals.

use std::{fmt, str::FromStr};

/// A language of speech, text and the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Korean.
    Korean,
    /// English.
    English,
}

impl Language {
    /// Every language, in the order in which the page lists them.
    pub const ALL: [Self; 2] = [Self::Korean, Self::English];

    /// ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::English => "en",
        }
    }

    /// Guesses by script: Korean as soon as a fifth of the letters are Hangul, so that a Korean sentence
    /// with English names in it stays Korean. `None` without letters.
    pub fn of_text(text: &str) -> Option<Self> {
        let (mut hangul, mut letters) = (0usize, 0usize);
        for character in text.chars() {
            if is_hangul(character) {
                hangul += 1;
                letters += 1;
            } else if character.is_alphabetic() {
                letters += 1;
            }
        }
        match letters {
            0 => None,
            _ if hangul * 5 >= letters => Some(Self::Korean),
            _ => Some(Self::English),
        }
    }
}

/// Whether `character` is a Hangul syllable or jamo.
pub fn is_hangul(character: char) -> bool {
    matches!(character, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}')
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A language code that is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLanguage(pub String);

impl fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown language {:?}: use ko or en", self.0)
    }
}

impl std::error::Error for UnknownLanguage {}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Accepts the code with or without a region: `ko`, `ko-KR`, `en_US`.
    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        match code.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "ko" => Ok(Self::Korean),
            "en" => Ok(Self::English),
            _ => Err(UnknownLanguage(code.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_by_script() {
        let cases = [
            ("안녕하세요", Some(Language::Korean)),
            ("Hello there", Some(Language::English)),
            ("OpenAI가 뭐예요?", Some(Language::Korean)),
            ("Kim said 네", Some(Language::English)),
            ("123 !?", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Language::of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_codes_with_regions() {
        assert_eq!("ko-KR".parse(), Ok(Language::Korean));
        assert_eq!("EN_us".parse(), Ok(Language::English));
        assert!("fr".parse::<Language>().is_err());
    }
}
