//! The command line. The server writes it, so it is small and strict.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

/// `--model PATH --threads N --context N --parallel N [--verbose]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The GGUF file.
    pub(crate) model: PathBuf,
    /// CPU threads.
    pub(crate) threads: u16,
    /// Tokens of one session.
    pub(crate) context: usize,
    /// Replies decoded together.
    pub(crate) parallel: usize,
    /// llama.cpp's own log on stderr.
    pub(crate) verbose: bool,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let mut words = words.into_iter();
        let mut model = None;
        let mut parsed =
            Self { model: PathBuf::new(), threads: 2, context: 4096, parallel: 4, verbose: false };
        while let Some(word) = words.next() {
            if word == "--verbose" {
                parsed.verbose = true;
                continue;
            }
            let value = words.next().with_context(|| format!("{word} needs a value"))?;
            let number = || value.parse().with_context(|| format!("{word} needs a number"));
            match word.as_str() {
                "--model" => model = Some(PathBuf::from(&value)),
                "--threads" => parsed.threads = u16::try_from(number()?)?,
                "--context" => parsed.context = number()?,
                "--parallel" => parsed.parallel = number()?,
                _ => bail!("{word} is not known"),
            }
        }
        parsed.model = model.context("--model is missing")?;
        ensure!((1..=512).contains(&parsed.threads), "--threads must be 1 to 512");
        ensure!((256..=1 << 20).contains(&parsed.context), "--context must be 256 to 1048576");
        ensure!((1..=32).contains(&parsed.parallel), "--parallel must be 1 to 32");
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> anyhow::Result<Arguments> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_is_read() {
        let parsed = parse("--model a.gguf --threads 3 --context 512 --parallel 2 --verbose").unwrap();
        let expected =
            Arguments { model: "a.gguf".into(), threads: 3, context: 512, parallel: 2, verbose: true };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "--model",
            "--model a --threads x",
            "--model a --threads 0",
            "--model a --threads 70000",
            "--model a --context 12",
            "--model a --parallel 99",
            "--model a --what 1",
        ] {
            assert!(parse(line).is_err(), "{line:?} must be refused");
        }
    }
}
