//! What somebody's choice of words shows: fillers, politeness, empathy, questions, kind and unkind words, hedges.
//!
//! Everything is read from lists and rules of our own, Korean and English, so that each count can be pointed at. The
//! lists know everyday talk between two people; they are no dictionary. A count is what was said, not what was meant.

mod empathy;
mod endings;
mod fillers;
mod phrases;
mod questions;
mod sentiment;
#[cfg(test)]
mod tests;
mod token;

pub use self::{
    empathy::Empathy,
    fillers::Filler,
    sentiment::{FEELINGS, Feelings},
};
use self::{
    phrases::{hedges, new_topics, polite_forms},
    token::{Sentence, sentences, tokens},
};
use crate::{lang::Language, numbers};

/// What was found in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordCounts {
    /// Words between spaces; a number is one.
    pub words: u32,
    /// Syllables as they are spoken, fillers too.
    pub syllables: u32,
    /// Sentences.
    pub sentences: u32,
    /// Fillers, in the order of the text.
    pub fillers: Vec<Filler>,
    /// Korean sentence endings that are polite or formal (존댓말).
    pub polite_endings: u32,
    /// Korean sentence endings whose level can be told, polite or not.
    pub endings: u32,
    /// Polite forms: please, would you, 감사합니다, 부탁드려요.
    pub polite_forms: u32,
    /// Kind words.
    pub positive: u32,
    /// Unkind words.
    pub negative: u32,
    /// Words for each of the eight feelings.
    pub feelings: Feelings,
    /// How the words answer to what somebody else feels.
    pub empathy: Empathy,
    /// Questions, with or without a question mark.
    pub questions: u32,
    /// Words that take something back: maybe, I guess, 아마, 것 같아요.
    pub hedges: u32,
    /// Phrases that begin a new topic: by the way, 그나저나.
    pub new_topics: u32,
}

/// Most characters that are read: a turn of half an hour.
const LONGEST: usize = 20_000;

/// Reads a text in `lang`. A Korean text may hold English words and the other way round.
pub fn read(text: &str, lang: Language) -> WordCounts {
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    let tokens = tokens(text);
    let sentences = sentences(&tokens);
    let levels = sentences.iter().map(|sentence| endings::read(sentence, lang));
    let (polite_endings, endings) = levels.fold((0, 0), |(polite, all), (p, a)| (polite + p, all + a));
    let sentiment = sentiment::read(&sentences);
    WordCounts {
        words: tokens.len() as u32,
        syllables: syllables(text),
        sentences: sentences.len() as u32,
        fillers: fillers::read(&sentences),
        polite_endings,
        endings,
        polite_forms: polite_forms(&sentences),
        positive: sentiment.positive,
        negative: sentiment.negative,
        feelings: sentiment.feelings,
        empathy: empathy::read(&sentences, lang),
        questions: count(&sentences, |sentence| questions::is_question(sentence)),
        hedges: hedges(&sentences),
        new_topics: new_topics(&sentences),
    }
}

impl WordCounts {
    /// Fillers per hundred words; none without words.
    pub fn fillers_per_100(&self) -> Option<f32> {
        (self.words > 0).then(|| self.fillers.len() as f32 * 100.0 / self.words as f32)
    }

    /// Hedges per hundred words; none without words.
    pub fn hedges_per_100(&self) -> Option<f32> {
        (self.words > 0).then(|| self.hedges as f32 * 100.0 / self.words as f32)
    }

    /// (pos − neg)/(pos + neg), −1 to 1; none without either.
    pub fn valence(&self) -> Option<f32> {
        let (positive, negative) = (self.positive as f32, self.negative as f32);
        (positive + negative > 0.0).then(|| (positive - negative) / (positive + negative))
    }

    /// The share of polite sentence endings, 0 to 1; none when no level could be told.
    pub fn polite_share(&self) -> Option<f32> {
        (self.endings > 0).then(|| self.polite_endings as f32 / self.endings as f32)
    }

    /// Adds what was found in another text, whose characters follow `offset` characters of this one.
    pub fn add(&mut self, other: &Self, offset: usize) {
        self.words += other.words;
        self.syllables += other.syllables;
        self.sentences += other.sentences;
        self.fillers.extend(other.fillers.iter().map(|filler| filler.moved(offset)));
        self.polite_endings += other.polite_endings;
        self.endings += other.endings;
        self.polite_forms += other.polite_forms;
        self.positive += other.positive;
        self.negative += other.negative;
        self.feelings.add(&other.feelings);
        self.empathy = self.empathy.max(other.empathy);
        self.questions += other.questions;
        self.hedges += other.hedges;
        self.new_topics += other.new_topics;
    }
}

/// Syllables of a text as it is spoken: Hangul blocks, groups of vowels in Latin words, numbers read out in Korean.
pub fn syllables(text: &str) -> u32 {
    let korean = Language::of_text(text) != Some(Language::English);
    let spoken = if korean { numbers::korean(text) } else { text.to_owned() };
    tokens(&spoken).iter().map(|token| syllables_of(&token.text)).sum()
}

/// Words of an English text as it is spoken: "1854" is read as two or three words, "3.5" as three.
pub fn spoken_words(text: &str) -> u32 {
    let read_out = |token: &token::Token| {
        let digits = token.text.chars().filter(char::is_ascii_digit).count() as u32;
        let point = token.text.contains('.');
        match digits {
            0 => 1,
            // 7 · 42 · 150 ("a hundred fifty") · 1854 ("eighteen fifty-four") · longer ones about a word a digit.
            1 if !point => 1,
            2 if !point => 1 + u32::from(two_words(&token.text)),
            3 if !point => 3,
            4 if !point => 3,
            _ => digits + u32::from(point),
        }
    };
    tokens(text).iter().map(read_out).sum()
}

/// 21 to 99 without the tens are two words.
fn two_words(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits.parse::<u8>().is_ok_and(|number| number > 20 && !number.is_multiple_of(10))
}

/// Syllables of one word: its Hangul blocks, and one for each group of vowels in Latin letters, less a final silent e.
fn syllables_of(word: &str) -> u32 {
    let blocks = word.chars().filter(|character| ('가'..='힣').contains(character)).count() as u32;
    let latin = word.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    if latin.is_empty() {
        return blocks;
    }
    let digits = latin.chars().filter(char::is_ascii_digit).count() as u32;
    let vowel = |character: char| matches!(character, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let flags = latin.chars().map(vowel).collect::<Vec<_>>();
    let mut groups = flags.chunk_by(|one, other| one == other).filter(|group| group[0]).count() as u32;
    let silent = latin.ends_with('e') && !latin.ends_with("le") && !latin.ends_with("ee");
    let past = latin.ends_with("ed") && !latin.ends_with("ted") && !latin.ends_with("ded");
    if groups > 1 && (silent || past) && !latin.ends_with("eed") {
        groups -= 1;
    }
    blocks + digits + if digits as usize == latin.len() { 0 } else { groups.max(1) }
}

fn count(sentences: &[Sentence<'_>], holds: impl Fn(&Sentence<'_>) -> bool) -> u32 {
    sentences.iter().filter(|sentence| holds(sentence)).count() as u32
}
