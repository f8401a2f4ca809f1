//! What a text is found by: its words, and of Korean its pairs of syllables.

use bm25::Tokenizer;
use duologue_domain::lang::is_hangul;

/// English words in lower case without a plural's end; Korean by pairs of neighbouring syllables, since particles and
/// endings grow onto the words and one dictionary more would be needed to take them off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words;

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
        {
            let mut rest = word;
            while let Some(first) = rest.chars().next() {
                let same = |character: char| is_hangul(character) == is_hangul(first);
                let end = rest.find(|character| !same(character)).unwrap_or(rest.len());
                let (run, after) = rest.split_at(end);
                match is_hangul(first) {
                    true => pairs(run, &mut tokens),
                    false => tokens.push(singular(&run.to_lowercase())),
                }
                rest = after;
            }
        }
        tokens
    }
}

fn pairs(run: &str, tokens: &mut Vec<String>) {
    let syllables = run.chars().collect::<Vec<_>>();
    match syllables.len() {
        1 => tokens.push(run.to_owned()),
        _ => tokens.extend(syllables.windows(2).map(String::from_iter)),
    }
}

/// "Holidays" finds "holiday"; what is cut too short is so on both sides.
fn singular(word: &str) -> String {
    let stem = word.strip_suffix('s').filter(|stem| stem.len() > 2 && !stem.ends_with('s'));
    stem.unwrap_or(word).to_owned()
}
