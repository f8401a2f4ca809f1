//! Figures: error rates and percentiles.

/// Words in lower case without punctuation; Korean without spaces, one syllable a word, so that the same function
/// gives a character error rate.
pub(super) fn tokens(text: &str, by_character: bool) -> Vec<String> {
    let plain = text
        .to_lowercase()
        .chars()
        .map(|character| if character.is_alphanumeric() || character == '\'' { character } else { ' ' })
        .collect::<String>();
    if by_character {
        return plain.chars().filter(|character| !character.is_whitespace()).map(String::from).collect();
    }
    // The clips' transcription writes titles out.
    let written = |word: &str| match word {
        "mr" => "mister".to_owned(),
        "mrs" => "missus".to_owned(),
        other => other.to_owned(),
    };
    plain.split_whitespace().map(written).collect()
}

/// Edits (substitutions, deletions, insertions) that turn `heard` into `said`, by Levenshtein's recurrence.
pub(super) fn edits(said: &[String], heard: &[String]) -> usize {
    let mut row = (0..=heard.len()).collect::<Vec<_>>();
    for (line, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[heard.len()]
}

/// Pooled error rate in percent.
#[derive(Default)]
pub(super) struct ErrorRate {
    edits: usize,
    length: usize,
}

impl ErrorRate {
    pub(super) fn add(&mut self, said: &str, heard: &str, by_character: bool) {
        let said = tokens(said, by_character);
        self.edits += edits(&said, &tokens(heard, by_character));
        self.length += said.len();
    }

    pub(super) fn percent(&self) -> f64 {
        100.0 * self.edits as f64 / self.length.max(1) as f64
    }
}

/// The `share` quantile (nearest rank) of unsorted figures.
pub(super) fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

/// How many times longer the longest is than the shortest; 1 is fair.
pub(super) fn unfairness(medians: &[f64]) -> f64 {
    let longest = medians.iter().copied().fold(f64::NAN, f64::max);
    longest / medians.iter().copied().fold(f64::NAN, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_rates() {
        let mut rate = ErrorRate::default();
        rate.add("and mister john", "And Mr. John!", false);
        assert_eq!(rate.percent(), 0.0);
        rate.add("one two three", "one too", false);
        assert!((rate.percent() - 100.0 * 2.0 / 6.0).abs() < 1e-9);
        let mut rate = ErrorRate::default();
        rate.add("안녕 하세요", "안녕하세여.", true);
        assert!((rate.percent() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles() {
        let figures = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!((quantile(&figures, 0.5), quantile(&figures, 0.95)), (3.0, 5.0));
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(unfairness(&[1_000.0, 1_200.0, 1_100.0]), 1.2);
    }
}
